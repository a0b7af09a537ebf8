#include "core/parallel.hpp"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <thread>

#include "core/quota.hpp"
#include "core/team.hpp"

namespace minigrad {
namespace {

constexpr double kThreshold = 10e3;  // measured: with less, waiting for the last one costs more than sharing saves
constexpr double kCached = 200e3;    // measured: what takes longer leaves nothing in the cache that the next call finds

Team g_team;
int g_threads = 0;
double g_threshold = kThreshold;

// A forked child has the forking thread only: its team begins anew, whatever the parent's had under way.
[[maybe_unused]] const int g_fork_handler = pthread_atfork(nullptr, nullptr, [] { new (&g_team) Team; });

// The cores that the process may run on.
int core_count() {
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof cores, &cores) == 0) return CPU_COUNT(&cores);
  return static_cast<int>(std::thread::hardware_concurrency());
}

// What OMP_NUM_THREADS, which everyone knows, begins with; otherwise as many as the process may keep running.
int default_threads() {
  const char* text = std::getenv("OMP_NUM_THREADS");
  if (const int threads = text ? std::atoi(text) : 0; threads > 0) return threads;
  const int quota = cores_of_quota("");
  return quota > 0 ? std::min(quota, core_count()) : core_count();
}

// In how many pieces each of the workers' shares of these items is worth being cut. Measured on arrays of 2 to 64 MB,
// four threads: more and smaller pieces win nothing.
int piece_count(int64_t count, double nanoseconds, int workers) {
  constexpr int kPieces = 8;
  static_assert(kPieces <= Team::kMaxPieces);
  const double work = static_cast<double>(count) * nanoseconds / workers, least = g_threshold / 2;
  int64_t pieces = std::min<int64_t>(kPieces, count / workers);
  if (least > 0) pieces = std::min(pieces, static_cast<int64_t>(work / least));
  return static_cast<int>(std::max<int64_t>(1, pieces));
}

// From the first piece to the last one and back by turns: what a call touched last is still in its core's cache when
// the next one begins.
void run_in_turns(int64_t count, int pieces, ParallelBody body, void* context) {
  thread_local bool back = false;
  for (int i = 0; i < pieces; ++i) {
    const int piece = back ? pieces - 1 - i : i;
    body(context, count * piece / pieces, count * (piece + 1) / pieces, 0);
  }
  back = !back;
}

}  // namespace

int get_num_threads() {
  if (g_threads == 0) set_num_threads(default_threads());
  return g_threads;
}

void set_num_threads(int threads) { g_threads = std::clamp(threads, 1, Team::kMaxThreads); }

double get_parallel_threshold() { return g_threshold; }
void set_parallel_threshold(double nanoseconds) { g_threshold = nanoseconds; }

int worker_count(int64_t count, double nanoseconds) {
  const double work = static_cast<double>(count) * nanoseconds;
  if (work < 2 * g_threshold || Team::is_inside()) return 1;
  int64_t workers = std::min<int64_t>(count, get_num_threads());
  if (g_threshold > 0) workers = std::min(workers, static_cast<int64_t>(work / g_threshold));
  return static_cast<int>(std::max<int64_t>(1, workers));
}

// A caller that finds the team at work for another one does all ranges itself: both have a core then.
void run_shares(int64_t count, int workers, ParallelBody body, void* context) {
  if (workers > 1 && g_team.run(count, workers, 1, body, context)) return;
  for (int i = 0; i < workers; ++i) body(context, count * i / workers, count * (i + 1) / workers, i);
}

void run_pieces(int64_t count, double nanoseconds, ParallelBody body, void* context) {
  const double work = static_cast<double>(count) * nanoseconds;
  if (work < g_threshold) return body(context, 0, count, 0);
  const int workers = worker_count(count, nanoseconds), pieces = piece_count(count, nanoseconds, workers);
  if (workers > 1 && g_team.run(count, workers, pieces, body, context)) return;
  run_in_turns(count, work < kCached ? pieces : 1, body, context);
}

}  // namespace minigrad
