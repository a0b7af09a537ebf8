#include "machine.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <mutex>
#include <vector>

#include "core/parallel.hpp"

namespace minigrad {

#define DECLARE_FMA(isa)                                \
  namespace isa {                                       \
  double run_fma_float32(int64_t rounds, float* sink);  \
  double run_fma_float64(int64_t rounds, double* sink); \
  }
#if defined(__x86_64__)
DECLARE_FMA(v2)
DECLARE_FMA(v3)
DECLARE_FMA(v4)
#else
DECLARE_FMA(neon)
#endif
#undef DECLARE_FMA

namespace bench {
namespace {

struct Chains {
  double (*float32)(int64_t rounds, float* sink);
  double (*float64)(int64_t rounds, double* sink);
};

Chains chains_of(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::v4) return {v4::run_fma_float32, v4::run_fma_float64};
  if (isa == Isa::v3) return {v3::run_fma_float32, v3::run_fma_float64};
  return {v2::run_fma_float32, v2::run_fma_float64};
#else
  static_cast<void>(isa);
  return {neon::run_fma_float32, neon::run_fma_float64};
#endif
}

double seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

constexpr int kRepeats = 12;  // the best one counts: other processes only take away
constexpr int64_t kRounds = 400'000;
constexpr size_t kCopyBytes = size_t{96} << 20;  // more than most last-level caches keep for one core

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

double copy_gbs(int threads) {
  std::vector<char> from(kCopyBytes, 1), to(kCopyBytes, 0);
  double best = 0;
  for (int repeat = 0; repeat < kRepeats / 2; ++repeat) {
    const double time = seconds([&] {
      on_threads(threads, [&](int64_t worker) {
        const size_t begin = kCopyBytes * static_cast<size_t>(worker) / static_cast<size_t>(threads);
        const size_t end = kCopyBytes * static_cast<size_t>(worker + 1) / static_cast<size_t>(threads);
        std::memcpy(to.data() + begin, from.data() + begin, end - begin);
      });
    });
    best = std::max(best, 2.0 * kCopyBytes / time * 1e-9);
  }
  return best;
}

}  // namespace

Machine measure_machine(Isa isa, int threads) {
  const Chains chains = chains_of(isa);
  return {peak_gflops(chains.float32, threads), peak_gflops(chains.float64, threads), copy_gbs(threads)};
}

}  // namespace bench
}  // namespace minigrad
