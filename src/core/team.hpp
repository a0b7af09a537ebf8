// The threads that help a caller, and how they and the caller share a job.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "core/parallel.hpp"

namespace minigrad {

// A caller cuts its job into a share for each worker and each share into pieces. It opens the shares and takes pieces
// of the first one; threads of the team take those of others. Who finds its share empty goes on with the others' last
// pieces. So a core that is slower leaves more to the others, and the caller waits in the end for those only that are
// amid a piece: a thread that sleeps, or that a busy machine keeps from its core, costs next to nothing.
//
// The threads are started when a job first asks for them, and end with the process. One without work watches for some
// before it sleeps: jobs of a training step follow each other within microseconds, waking a thread takes up to fifty.
// Where a thread finds that it had to wait for its core, others need it, and it watches only briefly.
class Team {
 public:
  static constexpr int kMaxThreads = 512;
  static constexpr int kMaxPieces = 255;

  // Runs the shares of `workers` in [0, count), each in so many pieces; false, and nothing done, while the team has
  // another caller's job.
  bool run(int64_t count, int workers, int pieces, ParallelBody body, void* context);

  // Whether the calling thread is amid a job: it cannot have one of its own.
  static bool is_inside();

 private:
  // The job's number and, in the lowest bits, its workers; never 0.
  using Ticket = uint64_t;

  // The pieces [begin, end) of a share that nobody has taken, and the job's number; and what others need to know of the
  // thread that it is for. Each in a cache line of its own.
  struct alignas(64) Share {
    std::atomic<uint64_t> left{0};
    int thread = 0;                   // the system's number of it
    std::atomic<int> core{-1};        // where it began its last job
    std::atomic<int> asleep{0};       // 1: until it is woken
    std::atomic<bool> waking{false};  // somebody is about to wake it
    std::atomic<std::chrono::steady_clock::time_point> woken{};
  };

  void start_threads(int threads);
  void work(int self);
  void sleep_until_after(Ticket seen, int self);
  void wake_two(int workers);
  void wake(int thread, int workers);
  void work_on(Ticket ticket, int self);
  int run_pieces(uint64_t number, int64_t workers, int share, bool own);
  void await_others();

  std::atomic<bool> busy_{false};
  int started_ = 0;
  ParallelBody body_ = nullptr;
  void* context_ = nullptr;
  int64_t count_ = 0;
  int pieces_ = 1;
  Share shares_[kMaxThreads];
  alignas(64) std::atomic<Ticket> ticket_{0};
  std::atomic<int> sleeping_{0};
  std::atomic<int> next_to_wake_{0};
  alignas(64) std::atomic<int> unfinished_{0};
};

}  // namespace minigrad
