#include "core/team.hpp"

#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <system_error>
#include <thread>

namespace minigrad {
namespace {

using Clock = std::chrono::steady_clock;

// How long a thread watches before it sleeps. Measured on steps of a 784-256-128-10 network: 10 µs are too short for
// the gaps between kernels, more than 50 win nothing.
constexpr auto kPatience = std::chrono::microseconds(50);
// Sixteen turns of watching take less than a microsecond. If they took this long, somebody else has been given the
// core, and watching on would only take it from them.
constexpr auto kInterrupted = std::chrono::microseconds(20);

thread_local bool t_inside = false;

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Whether holds() came true while it was worth watching for.
template <class Condition>
bool watch(Condition&& holds) {
  const auto start = Clock::now();
  for (auto last = start;;) {
    for (int turn = 0; turn < 16; ++turn) {
      if (holds()) return true;
      relax();
    }
    const auto now = Clock::now();
    if (now - start > kPatience || now - last > kInterrupted) return false;
    last = now;
  }
}

// What Team::Share holds.
constexpr uint64_t pieces_left(uint64_t number, int begin, int end) {
  return number << 16 | static_cast<uint64_t>(begin) << 8 | static_cast<uint64_t>(end);
}

}  // namespace

bool Team::is_inside() { return t_inside; }

bool Team::run(int64_t count, int workers, int pieces, ParallelBody body, void* context) {
  if (busy_.exchange(true, std::memory_order_acquire)) return false;
  t_inside = true;
  start_threads(workers - 1);
  body_ = body, context_ = context, count_ = count, pieces_ = pieces;
  unfinished_.store(workers * pieces, std::memory_order_relaxed);
  const uint64_t number = ticket_.load(std::memory_order_relaxed) / kMaxThreads + 1;
  for (int i = 0; i < workers; ++i) shares_[i].left.store(pieces_left(number, 0, pieces), std::memory_order_release);
  const Ticket ticket = number * kMaxThreads + static_cast<Ticket>(workers - 1);
  // In one order with what a thread does before it sleeps: it sees the ticket, or is seen to sleep.
  ticket_.store(ticket, std::memory_order_seq_cst);
  const int awake = started_ - sleeping_.load(std::memory_order_seq_cst);
  if (awake < workers - 1) {
    to_wake_.store(workers - 1 - awake, std::memory_order_relaxed);
    alarm_.fetch_add(1, std::memory_order_seq_cst);
    wake_two();
  }
  work_on(ticket, 0);
  await_others();
  t_inside = false;
  busy_.store(false, std::memory_order_release);
  return true;
}

// Begins with its own share: each thread has the same part of equal jobs if it can, and finds it in its cache.
void Team::work_on(Ticket ticket, int self) {
  const int workers = static_cast<int>(ticket % kMaxThreads) + 1;
  int done = 0;
  for (int i = 0; i < workers; ++i) done += run_pieces(ticket / kMaxThreads, workers, (self + i) % workers, i == 0);
  if (done > 0 && unfinished_.fetch_sub(done, std::memory_order_acq_rel) == done) unfinished_.notify_one();
}

// Runs pieces of a share as long as there are any: its owner from the first one on, others from the last, so that they
// do not meet. Whoever has taken one may read the job, which cannot end before.
int Team::run_pieces(uint64_t number, int64_t workers, int share, bool own) {
  std::atomic<uint64_t>& left = shares_[share].left;
  int done = 0;
  for (uint64_t seen = left.load(std::memory_order_acquire);;) {
    const auto begin = static_cast<int>(seen >> 8 & 0xff), end = static_cast<int>(seen & 0xff);
    if (seen >> 16 != number || begin == end) return done;
    const uint64_t rest = own ? pieces_left(number, begin + 1, end) : pieces_left(number, begin, end - 1);
    if (!left.compare_exchange_weak(seen, rest, std::memory_order_acq_rel)) continue;
    const int64_t piece = int64_t{share} * pieces_ + (own ? begin : end - 1), all = workers * pieces_;
    body_(context_, count_ * piece / all, count_ * (piece + 1) / all, share);
    ++done;
    seen = rest;
  }
}

void Team::await_others() {
  if (watch([this] { return unfinished_.load(std::memory_order_acquire) == 0; })) return;
  for (int left; (left = unfinished_.load(std::memory_order_acquire)) != 0;) unfinished_.wait(left);
}

// Threads leave signals to those of the program, which wait for them. Where the system gives no more threads, the
// ranges that they would take are taken by others.
void Team::start_threads(int threads) {
  if (started_ >= threads) return;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    for (; started_ < threads; ++started_) std::thread(&Team::work, this, started_ + 1).detach();
  } catch (const std::system_error&) {
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Team::work(int self) {
  t_inside = true;
  for (Ticket seen = 0;;) {
    Ticket ticket = 0;
    while (!watch([&] { return (ticket = ticket_.load(std::memory_order_acquire)) != seen; })) sleep_until_after(seen);
    seen = ticket;
    work_on(ticket, self);
  }
}

void Team::sleep_until_after(Ticket seen) {
  const uint32_t alarm = alarm_.load(std::memory_order_seq_cst);
  sleeping_.fetch_add(1, std::memory_order_seq_cst);
  if (ticket_.load(std::memory_order_seq_cst) == seen) {
    alarm_.wait(alarm);
    wake_two();
  }
  sleeping_.fetch_sub(1, std::memory_order_seq_cst);
}

// Whoever wakes, wakes two more: the caller of many threads does not do it all alone.
void Team::wake_two() {
  for (int i = 0; i < 2; ++i) {
    if (to_wake_.load(std::memory_order_relaxed) <= 0) return;
    if (to_wake_.fetch_sub(1, std::memory_order_relaxed) > 0) alarm_.notify_one();
  }
}

}  // namespace minigrad
