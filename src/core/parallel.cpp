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

// Measured on arrays of 2 to 64 MB, four threads: more and smaller pieces win nothing.
int piece_count(int64_t count, double nanoseconds, int workers) {
  constexpr int kPieces = 8;
  static_assert(kPieces <= Team::kMaxPieces);
  int64_t pieces = std::min<int64_t>(kPieces, count / workers);
  const double work = static_cast<double>(count) * nanoseconds / workers, least = g_threshold / 2;
  if (least > 0) pieces = std::min(pieces, static_cast<int64_t>(work / least));
  return static_cast<int>(std::max<int64_t>(1, pieces));
}

// A caller that finds the team at work for another one does all ranges itself: both have a core then.
void run_parallel(int64_t count, int workers, int pieces, ParallelBody body, void* context) {
  if (g_team.run(count, workers, pieces, body, context)) return;
  for (int i = 0; i < workers; ++i) body(context, count * i / workers, count * (i + 1) / workers, i);
}

}  // namespace minigrad
