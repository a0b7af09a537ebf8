// The fused multiply-adds behind the peak, compiled once per instruction set.
#include "isa/isa.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// Enough chains to hide the latency of four or five cycles on two ports, few enough for sixteen registers.
constexpr int kChains = 12;

// `rounds` steps of kChains independent chains x <- a x + b, which stay near b / (1 - a). Returns the operations done.
template <class T>
double run_chains(int64_t rounds, T* sink) {
  const Vec<T> a = splat(static_cast<T>(0.75)), b = splat(static_cast<T>(0.25));
  Vec<T> x[kChains];
#pragma GCC unroll 12
  for (int i = 0; i < kChains; ++i) x[i] = splat(static_cast<T>(i));
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) x[i] = fma(x[i], a, b);
  }
#pragma GCC unroll 12
  for (int i = 1; i < kChains; ++i) x[0] = x[0] + x[i];
  store(sink, x[0]);
  return 2.0 * kChains * kLanes<T> * static_cast<double>(rounds);
}

}  // namespace

double run_fma_float32(int64_t rounds, float* sink);
double run_fma_float32(int64_t rounds, float* sink) { return run_chains(rounds, sink); }

double run_fma_float64(int64_t rounds, double* sink);
double run_fma_float64(int64_t rounds, double* sink) { return run_chains(rounds, sink); }

}  // namespace minigrad::MINIGRAD_ISA
