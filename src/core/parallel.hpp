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

// Calls body(context, begin, end, worker) for `workers` disjoint ranges that cover [0, count), worker = 0 ... workers -
// 1, each on a thread of its own. Where the ranges are cut depends on the number of threads, so no result may depend on
// it.
void run_parallel(int64_t count, int workers, ParallelBody body, void* context);

// body(begin, end, worker) over [0, count), by `workers` > 0 workers.
template <class Body>
static inline void parallel_by(int workers, int64_t count, Body&& body) {
  if (workers == 1) {
    body(int64_t{0}, count, 0);
    return;
  }
  run_parallel(
      count, workers,
      [](void* context, int64_t begin, int64_t end, int worker) {
        (*static_cast<__typeof__(&body)>(context))(begin, end, worker);
      },
      &body);
}

// The same for items that cost `nanoseconds` each. Small work stays on the calling thread.
template <class Body>
static inline void parallel_for(int64_t count, double nanoseconds, Body&& body) {
  if (count > 0) parallel_by(worker_count(count, nanoseconds), count, body);
}

}  // namespace minigrad
