// Work shared among threads, where it pays.
#pragma once

#include <cstdint>

namespace minigrad {

int get_num_threads();
void set_num_threads(int threads);

// Below this much work for each thread, in nanoseconds, another thread does not pay. Tests set it to 0 to see threads
// on small arrays.
double get_parallel_threshold();
void set_parallel_threshold(double nanoseconds);

// How many workers share `count` items that cost `nanoseconds` each: between 1 and get_num_threads().
int worker_count(int64_t count, double nanoseconds);

using ParallelBody = void (*)(void* context, int64_t begin, int64_t end, int worker);

// Calls body(context, begin, end, worker) for disjoint ranges that cover [0, count), one for each worker = 0 ...
// workers - 1. Where the ranges are cut depends on the number of threads, so no result may depend on it. One thread
// may run several workers' ranges.
void run_shares(int64_t count, int workers, ParallelBody body, void* context);

// The same for items that cost `nanoseconds` each, on as many threads as pay, in as many ranges as are worth cutting:
// several threads may run ranges of one worker. Ranges are taken in either order, call by call.
void run_pieces(int64_t count, double nanoseconds, ParallelBody body, void* context);

// body(begin, end, worker) over [0, count), once for each of `workers` > 0 workers.
template <class Body>
static inline void parallel_by(int workers, int64_t count, Body&& body) {
  run_shares(
      count, workers,
      [](void* context, int64_t begin, int64_t end, int worker) {
        (*static_cast<__typeof__(&body)>(context))(begin, end, worker);
      },
      &body);
}

// body(begin, end) over [0, count), items that cost `nanoseconds` each. Small work stays on the calling thread; of
// large work, threads that are quicker do more. A body with room for something of its own takes a third argument, the
// worker.
template <class Body>
static inline void parallel_for(int64_t count, double nanoseconds, Body&& body) {
  if (count <= 0) return;
  if constexpr (requires { body(count, count, 0); }) {
    parallel_by(worker_count(count, nanoseconds), count, body);
  } else {
    run_pieces(
        count, nanoseconds,
        [](void* context, int64_t begin, int64_t end, int) { (*static_cast<__typeof__(&body)>(context))(begin, end); },
        &body);
  }
}

}  // namespace minigrad
