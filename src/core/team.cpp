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

}  // namespace

bool Team::is_inside() { return t_inside; }

bool Team::run(int64_t count, int workers, ParallelBody body, void* context) {
  if (busy_.exchange(true, std::memory_order_acquire)) return false;
  t_inside = true;
  start_threads(workers - 1);
  body_ = body, context_ = context, count_ = count;
  unfinished_.store(workers, std::memory_order_relaxed);
  const Ticket number = ticket_.load(std::memory_order_relaxed) / kMaxThreads + 1;
  const Ticket ticket = number * kMaxThreads + (workers - 1);
  for (int i = 0; i < workers; ++i) slots_[i].open.store(ticket, std::memory_order_release);
  // In one order with what a thread does before it sleeps: it sees the ticket, or is seen to sleep.
  ticket_.store(ticket, std::memory_order_seq_cst);
  const int awake = started_ - sleeping_.load(std::memory_order_seq_cst);
  if (awake < workers - 1) {
    to_wake_.store(workers - 1 - awake, std::memory_order_relaxed);
    alarm_.fetch_add(1, std::memory_order_seq_cst);
    wake_two();
  }
  take_ranges(ticket, 0);
  await_others();
  t_inside = false;
  busy_.store(false, std::memory_order_release);
  return true;
}

// Takes every range that is still open, from `first` on: each thread has the same part of equal jobs if it can, and
// finds it in its cache. Whoever takes one may read the job, which cannot end before the range has.
void Team::take_ranges(Ticket ticket, int first) {
  const int workers = static_cast<int>(ticket % kMaxThreads) + 1;
  for (int i = 0; i < workers; ++i) {
    const int slot = (first + i) % workers;
    Ticket expected = ticket;
    if (!slots_[slot].open.compare_exchange_strong(expected, 0, std::memory_order_acq_rel)) continue;
    body_(context_, count_ * slot / workers, count_ * (slot + 1) / workers, slot);
    if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1) unfinished_.notify_one();
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
    take_ranges(ticket, self);
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
