// The one file that knows of OpenMP.
#include "core/parallel.hpp"

#include <omp.h>
#include <pthread.h>

#include <algorithm>

namespace minigrad {
namespace {

constexpr double kThreshold = 50e3;  // waking a sleeping thread costs 5-10 µs on an idle machine, more on a busy one

int g_threads = 0;
double g_threshold = kThreshold;

// A child process has the forking thread only, while the OpenMP runtime in it believes in a whole team and would wait
// for it forever. Dissolving the team before the fork lets both processes build a new one.
void dissolve_team() { omp_pause_resource_all(omp_pause_hard); }

[[maybe_unused]] const int g_fork_handler = pthread_atfork(dissolve_team, nullptr, nullptr);

}  // namespace

int get_num_threads() {
  if (g_threads == 0) g_threads = std::max(1, omp_get_max_threads());
  return g_threads;
}

void set_num_threads(int threads) { g_threads = std::max(1, threads); }

double get_parallel_threshold() { return g_threshold; }
void set_parallel_threshold(double nanoseconds) { g_threshold = nanoseconds; }

int worker_count(int64_t count, double nanoseconds) {
  const double work = static_cast<double>(count) * nanoseconds;
  if (work < 2 * g_threshold) return 1;
  if (omp_in_parallel()) return 1;
  int64_t workers = std::min<int64_t>(count, get_num_threads());
  if (g_threshold > 0) workers = std::min(workers, static_cast<int64_t>(work / g_threshold));
  return static_cast<int>(std::max<int64_t>(1, workers));
}

// A calling thread's team grows and does not shrink: the runtime would end the threads that are too many and start
// others for the next larger team, which costs more than to wake some in vain, and on a busy machine milliseconds.
void run_parallel(int64_t count, int workers, ParallelBody body, void* context) {
  thread_local int t_team = 0;
  t_team = std::min(std::max(t_team, workers), get_num_threads());
#pragma omp parallel num_threads(t_team)
  {
    // The runtime may give fewer threads than it was asked for: each then takes several of the ranges.
    for (int worker = omp_get_thread_num(); worker < workers; worker += omp_get_num_threads()) {
      body(context, count * worker / workers, count * (worker + 1) / workers, worker);
    }
  }
}

}  // namespace minigrad
