#include "core/team.hpp"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <system_error>
#include <thread>

namespace minigrad {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// How long a thread watches before it sleeps. Measured on bursts of 20 ms, four threads: with 0.1 ms, products of large
// matrices and steps of a 784-1024-1024-10 network take a tenth longer; 2 ms win nothing.
constexpr Clock::duration kPatience = 1ms;
// On a machine that has more to do than cores, watching takes them from others.
constexpr Clock::duration kCrowdedPatience = 50us;
// A thread that gets its core so late has had to wait for somebody else; what the machine itself takes is shorter.
constexpr Clock::duration kLate = 400us;
// For so long after that, the machine counts as crowded.
constexpr Clock::duration kCrowded = 100ms;

thread_local bool t_inside = false;
thread_local Clock::time_point t_was_late;

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Whether holds() came true while it was worth watching for. Sixteen turns take less than a microsecond, if nobody else
// is given the core.
template <class Condition>
bool watch(Condition&& holds) {
  const auto start = Clock::now();
  const auto patience = start - t_was_late < kCrowded ? kCrowdedPatience : kPatience;
  for (auto last = start;;) {
    for (int turn = 0; turn < 16; ++turn) {
      if (holds()) return true;
      relax();
    }
    const auto now = Clock::now();
    if (now - last > kLate) t_was_late = now;
    if (now - start > patience || now - last > kLate) return false;
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
  next_to_wake_.store(1, std::memory_order_relaxed);
  // In one order with what a thread does before it sleeps: it sees the ticket, or is seen to sleep.
  ticket_.store(ticket, std::memory_order_seq_cst);
  work_on(ticket, 0);
  await_others();
  t_inside = false;
  busy_.store(false, std::memory_order_release);
  return true;
}

// Begins with its own share: each thread has the same part of equal jobs if it can, and finds it in its cache.
void Team::work_on(Ticket ticket, int self) {
  const int workers = static_cast<int>(ticket % kMaxThreads) + 1;
  shares_[self].core.store(sched_getcpu(), std::memory_order_relaxed);
  if (sleeping_.load(std::memory_order_seq_cst) > 0) wake_two(workers);
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
  shares_[self].thread = gettid();
  for (Ticket seen = 0;;) {
    Ticket ticket = 0;
    const auto is_new = [&] { return (ticket = ticket_.load(std::memory_order_acquire)) != seen; };
    while (!watch(is_new)) sleep_until_after(seen, self);
    seen = ticket;
    work_on(ticket, self);
  }
}

void Team::sleep_until_after(Ticket seen, int self) {
  Share& share = shares_[self];
  share.asleep.store(1, std::memory_order_seq_cst);
  sleeping_.fetch_add(1, std::memory_order_seq_cst);
  if (ticket_.load(std::memory_order_seq_cst) == seen) {
    share.asleep.wait(1);
    const auto now = Clock::now();
    if (now - share.woken.load(std::memory_order_relaxed) > kLate) t_was_late = now;
  }
  share.asleep.store(0, std::memory_order_relaxed);
  sleeping_.fetch_sub(1, std::memory_order_seq_cst);
}

// Whoever begins a job wakes two: the caller of many threads does not do it all alone.
void Team::wake_two(int workers) {
  for (int woken = 0; woken < 2;) {
    const int thread = next_to_wake_.fetch_add(1, std::memory_order_relaxed);
    if (thread >= workers) return;
    if (shares_[thread].asleep.load(std::memory_order_seq_cst) == 0) continue;
    wake(thread, workers);
    ++woken;
  }
}

// Left to itself, the system of a virtual machine may wake a thread on the core of whoever wakes it, and leave both
// there for some ten milliseconds while other cores are idle. So for the moment of waking it may choose only cores
// where none of the team is. One waker at a time: a second one would take that choice for what it may always have.
void Team::wake(int thread, int workers) {
  Share& share = shares_[thread];
  if (share.waking.exchange(true, std::memory_order_acquire)) return;
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(share.thread, sizeof allowed, &allowed);
  cpu_set_t free = allowed;
  for (int i = 0; i < workers; ++i) {
    if (i != thread) CPU_CLR(shares_[i].core.load(std::memory_order_relaxed), &free);
  }
  const bool moves = CPU_COUNT(&free) > 0;
  if (moves) sched_setaffinity(share.thread, sizeof free, &free);
  if (moves && !CPU_ISSET(share.core.load(std::memory_order_relaxed), &free)) {
    int core = 0;
    while (!CPU_ISSET(core, &free)) ++core;
    share.core.store(core, std::memory_order_relaxed);  // where it then wakes, as a rule
  }
  share.woken.store(Clock::now(), std::memory_order_relaxed);
  share.asleep.store(0, std::memory_order_seq_cst);
  share.asleep.notify_one();
  if (moves) sched_setaffinity(share.thread, sizeof allowed, &allowed);
  share.waking.store(false, std::memory_order_release);
}

}  // namespace minigrad
