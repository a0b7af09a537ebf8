#include "machine.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <mutex>
#include <new>

#include "core/parallel.hpp"
#include "core/pool.hpp"

namespace minigrad {

#define DECLARE_LOOPS(isa)                                       \
  namespace isa {                                                \
  double run_fma_float32(int64_t rounds, float* sink);           \
  double run_fma_float64(int64_t rounds, double* sink);          \
  float read_stream(const float* from, int64_t count);           \
  void write_stream(float* to, int64_t count);                   \
  void copy_stream(float* to, const float* from, int64_t count); \
  }
#if defined(__x86_64__)
DECLARE_LOOPS(v2)
DECLARE_LOOPS(v3)
DECLARE_LOOPS(v4)
#else
DECLARE_LOOPS(neon)
#endif
#undef DECLARE_LOOPS

namespace bench {
namespace {

struct Loops {
  double (*fma_float32)(int64_t rounds, float* sink);
  double (*fma_float64)(int64_t rounds, double* sink);
  float (*read)(const float* from, int64_t count);
  void (*write)(float* to, int64_t count);
  void (*copy)(float* to, const float* from, int64_t count);
};

#define LOOPS(isa) \
  Loops { isa::run_fma_float32, isa::run_fma_float64, isa::read_stream, isa::write_stream, isa::copy_stream }
Loops loops_of(Isa isa) {
#if defined(__x86_64__)
  return isa == Isa::v4 ? LOOPS(v4) : isa == Isa::v3 ? LOOPS(v3) : LOOPS(v2);
#else
  static_cast<void>(isa);
  return LOOPS(neon);
#endif
}
#undef LOOPS

double seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

constexpr int kRepeats = 12;  // the best one counts: other processes only take away
constexpr int64_t kRounds = 400'000;
constexpr int64_t kStream = int64_t{24} << 20;  // numbers, 96 MB: more than most last-level caches keep for one core

// Calls work(worker) on `threads` threads at once.
template <class Work>
void on_threads(int threads, Work work) {
  run_parallel(
      threads, threads,
      [](void* context, int64_t begin, int64_t end, int) {
        for (int64_t worker = begin; worker < end; ++worker) (*static_cast<Work*>(context))(worker);
      },
      &work);
}

template <class T>
double peak_gflops(double (*run)(int64_t, T*), int threads) {
  double best = 0;
  std::mutex mutex;
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    double operations = 0;
    const double time = seconds([&] {
      on_threads(threads, [&](int64_t) {
        T sink[64 / sizeof(T)];
        const double done = run(kRounds, sink);
        const std::lock_guard lock(mutex);
        operations += done;
      });
    });
    best = std::max(best, operations / time * 1e-9);
  }
  return best;
}

// Memory from where arrays get theirs: large pages, where the system has them.
class Stream {
 public:
  Stream() : data_(static_cast<float*>(pool_allocate(kBytes))) {
    if (data_ == nullptr) throw std::bad_alloc();
    std::memset(data_, 0, kBytes);
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { pool_free(data_, kBytes); }

  float* at(int64_t place) const { return data_ + place; }

  static constexpr size_t kBytes = kStream * sizeof(float);

 private:
  float* data_;
};

// The best rate at which several threads go over all of a stream, each by work(begin, count).
template <class Work>
double stream_gbs(int threads, Work work) {
  constexpr int64_t kPage = 1024;
  const int64_t part = kStream / threads / kPage * kPage;
  double best = 0;
  for (int repeat = 0; repeat < kRepeats / 2; ++repeat) {
    const double time = seconds([&] { on_threads(threads, [&](int64_t worker) { work(worker * part, part); }); });
    best = std::max(best, static_cast<double>(part * threads) * sizeof(float) / time * 1e-9);
  }
  return best;
}

void measure_memory(const Loops& loops, int threads, Machine& machine) {
  const Stream from, to;
  const auto bytes = [](int64_t count) { return static_cast<size_t>(count) * sizeof(float); };
  std::atomic<float> sink = 0;
  machine.read_gbs = stream_gbs(threads, [&](int64_t i, int64_t n) { sink = loops.read(from.at(i), n); });
  machine.write_gbs = std::max(stream_gbs(threads, [&](int64_t i, int64_t n) { loops.write(to.at(i), n); }),
                               stream_gbs(threads, [&](int64_t i, int64_t n) { std::memset(to.at(i), 1, bytes(n)); }));
  const double copied =
      std::max(stream_gbs(threads, [&](int64_t i, int64_t n) { loops.copy(to.at(i), from.at(i), n); }),
               stream_gbs(threads, [&](int64_t i, int64_t n) { std::memcpy(to.at(i), from.at(i), bytes(n)); }));
  machine.copy_gbs = 2 * copied;
}

}  // namespace

Machine measure_machine(Isa isa, int threads) {
  const Loops loops = loops_of(isa);
  Machine machine = {};
  machine.float32_gflops = peak_gflops(loops.fma_float32, threads);
  machine.float64_gflops = peak_gflops(loops.fma_float64, threads);
  measure_memory(loops, threads, machine);
  return machine;
}

double Machine::memory_time(double read, double written) const {
  const double both = std::min(read, written);
  return 2 * both / copy_gbs + (read - both) / read_gbs + (written - both) / write_gbs;
}

}  // namespace bench
}  // namespace minigrad
