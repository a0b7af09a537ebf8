// The threads that help a caller, and how they and the caller share a job.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/parallel.hpp"

namespace minigrad {

// A caller cuts its job into ranges, one slot each, opens the slots and takes ranges itself; threads of the team take
// others. What nobody has taken by the time the caller gets there, it takes. So the caller waits for those only that
// are amid a range: a thread that sleeps, or that a busy machine keeps from its core, costs next to nothing.
//
// The threads are started when a job first asks for them, and end with the process. One without work watches for some
// before it sleeps: jobs of a training step follow each other within microseconds, waking a thread takes up to fifty.
class Team {
 public:
  static constexpr int kMaxThreads = 512;

  // Runs the `workers` ranges of [0, count); false, and nothing done, while the team has another caller's job.
  bool run(int64_t count, int workers, ParallelBody body, void* context);

  // Whether the calling thread is amid a job: it cannot have one of its own.
  static bool is_inside();

 private:
  // The job's number and, in the lowest bits, its workers; never 0.
  using Ticket = uint64_t;

  // Open for the job whose ticket it holds; 0 once its range was taken. Each in a cache line of its own.
  struct alignas(64) Slot {
    std::atomic<Ticket> open{0};
  };

  void start_threads(int threads);
  void work(int self);
  void sleep_until_after(Ticket seen);
  void wake_two();
  void take_ranges(Ticket ticket, int first);
  void await_others();

  std::atomic<bool> busy_{false};
  int started_ = 0;
  ParallelBody body_ = nullptr;
  void* context_ = nullptr;
  int64_t count_ = 0;
  Slot slots_[kMaxThreads];
  alignas(64) std::atomic<Ticket> ticket_{0};
  std::atomic<int> sleeping_{0};
  std::atomic<int> to_wake_{0};
  std::atomic<uint32_t> alarm_{0};
  alignas(64) std::atomic<int> unfinished_{0};
};

}  // namespace minigrad
