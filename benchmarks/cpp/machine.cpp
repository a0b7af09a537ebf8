#include "machine.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <new>

#include "core/parallel.hpp"
#include "core/pool.hpp"
#include "numbers.hpp"

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

constexpr int kRepeats = 12;                    // the best one counts: other processes only take away
constexpr double kOperations = 1e8;             // of each thread: a millisecond and less
constexpr int64_t kStream = int64_t{24} << 20;  // numbers, 96 MB: more than most last-level caches keep for one core

// Calls work(worker) on `threads` threads at once.
template <class Work>
void on_threads(int threads, Work work) {
  run_shares(
      threads, threads,
      [](void* context, int64_t begin, int64_t end, int) {
        for (int64_t worker = begin; worker < end; ++worker) (*static_cast<Work*>(context))(worker);
      },
      &work);
}

// The rate at which several threads do so many operations.
template <class T>
double fma_gflops(double (*run)(int64_t, T*), double operations, int threads) {
  T sink[64 / sizeof(T)];
  const double in_a_round = run(1, sink);
  const int64_t rounds = static_cast<int64_t>(operations / in_a_round / threads) + 1;
  const double time = seconds([&] {
    on_threads(threads, [&](int64_t) {
      T own_sink[64 / sizeof(T)];
      run(rounds, own_sink);
    });
  });
  return in_a_round * static_cast<double>(rounds * threads) / time * 1e-9;
}

template <class Rate>
double best_of(int repeats, Rate rate) {
  double best = 0;
  for (int repeat = 0; repeat < repeats; ++repeat) best = std::max(best, rate());
  return best;
}

// Memory from where arrays get theirs: large pages, where the system has them. It holds numbers as arrays do: there are
// machines that copy zeros quicker by a sixth.
class Stream {
 public:
  Stream() : data_(static_cast<float*>(pool_allocate(kBytes))) {
    if (data_ == nullptr) throw std::bad_alloc();
    Numbers numbers;
    for (int64_t i = 0; i < kStream; ++i) data_[i] = static_cast<float>(numbers.uniform());
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { pool_free(data_, kBytes); }

  float* at(int64_t place) const { return data_ + place; }

  static constexpr size_t kBytes = kStream * sizeof(float);

 private:
  float* data_;
};

// The rate at which several threads go over all of a stream, each by work(begin, count).
template <class Work>
double stream_gbs(int threads, Work work) {
  constexpr int64_t kPage = 1024;
  const int64_t part = kStream / threads / kPage * kPage;
  const double time = seconds([&] { on_threads(threads, [&](int64_t worker) { work(worker * part, part); }); });
  return static_cast<double>(part * threads) * sizeof(float) / time * 1e-9;
}

size_t bytes_of(int64_t count) { return static_cast<size_t>(count) * sizeof(float); }

}  // namespace

struct Machine::Probes {
  Loops loops;
  int threads;
  double float32_gflops = 0, float64_gflops = 0, copy_best = 0, read_best = 0, write_best = 0;
  bool writes_past = false, copies_past = false;  // whether loops.write and loops.copy beat the library's
  Stream from, to;
  std::atomic<float> sink = 0;

  double gflops(DType dtype, double operations) const {
    return dtype == DType::float32 ? fma_gflops(loops.fma_float32, operations, threads)
                                   : fma_gflops(loops.fma_float64, operations, threads);
  }
  double read() {
    return stream_gbs(threads, [&](int64_t i, int64_t n) { sink = loops.read(from.at(i), n); });
  }
  double write(bool past) {
    if (past) return stream_gbs(threads, [&](int64_t i, int64_t n) { loops.write(to.at(i), n); });
    return stream_gbs(threads, [&](int64_t i, int64_t n) { std::memset(to.at(i), 1, bytes_of(n)); });
  }
  double copy(bool past) {
    if (past) return 2 * stream_gbs(threads, [&](int64_t i, int64_t n) { loops.copy(to.at(i), from.at(i), n); });
    return 2 * stream_gbs(threads, [&](int64_t i, int64_t n) { std::memcpy(to.at(i), from.at(i), bytes_of(n)); });
  }

  void measure() {
    float32_gflops = best_of(kRepeats, [&] { return gflops(DType::float32, kOperations * threads); });
    float64_gflops = best_of(kRepeats, [&] { return gflops(DType::float64, kOperations * threads); });
    read_best = best_of(kRepeats / 2, [&] { return read(); });
    const double written[] = {best_of(kRepeats / 2, [&] { return write(false); }),
                              best_of(kRepeats / 2, [&] { return write(true); })};
    const double copied[] = {best_of(kRepeats / 2, [&] { return copy(false); }),
                             best_of(kRepeats / 2, [&] { return copy(true); })};
    writes_past = written[1] > written[0];
    copies_past = copied[1] > copied[0];
    write_best = written[writes_past];
    copy_best = copied[copies_past];
  }
};

Machine::Machine(Isa isa, int threads) : probes_(new Probes{.loops = loops_of(isa), .threads = threads}) {
  probes_->measure();
}
Machine::~Machine() = default;

double Machine::gflops(DType dtype) const {
  return dtype == DType::float32 ? probes_->float32_gflops : probes_->float64_gflops;
}
double Machine::copy_gbs() const { return probes_->copy_best; }
double Machine::read_gbs() const { return probes_->read_best; }
double Machine::write_gbs() const { return probes_->write_best; }

double Machine::time_of_operations(double operations, DType dtype) const {
  return operations / probes_->gflops(dtype, operations) * 1e-9;
}

double Machine::time_of_bytes(double read, double written) {
  const double both = std::min(read, written);
  double time = 0;
  if (both > 0) time += 2 * both / probes_->copy(probes_->copies_past);
  if (read > both) time += (read - both) / probes_->read();
  if (written > both) time += (written - both) / probes_->write(probes_->writes_past);
  return time * 1e-9;
}

}  // namespace bench
}  // namespace minigrad
