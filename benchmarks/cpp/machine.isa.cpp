// The fused multiply-adds behind the peak and the streams behind memory's rates, compiled once per instruction set.
#include "isa/isa.hpp"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

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

constexpr int64_t kLine = 16;           // numbers
constexpr int64_t kAhead = 32 * kLine;  // as far as a processor's own guesses do not reach

// Writes past the caches: the line is not read before.
void write_past(float* to, Vec<float> x) {
#if defined(__AVX512F__)
  _mm512_stream_ps(to, x);
#elif defined(__AVX2__)
  _mm256_stream_ps(to, x);
#elif defined(__x86_64__)
  _mm_stream_ps(to, x);
#else
  store(to, x);
#endif
}

// Other threads see what was written.
void end_writing() {
#if defined(__x86_64__)
  _mm_sfence();
#endif
}

}  // namespace

// The sum of `count` numbers, a multiple of a line's.
float read_stream(const float* from, int64_t count);
float read_stream(const float* from, int64_t count) {
  constexpr int64_t kL = kLanes<float>;
  Vec<float> sums[kLine / kL] = {};
  for (int64_t i = 0; i < count; i += kLine) {
    __builtin_prefetch(from + i + kAhead, 0, 2);
    for (int64_t k = 0; k < kLine / kL; ++k) sums[k] += load(from + i + k * kL);
  }
  float sum = 0;
  for (const Vec<float>& part : sums) sum += part[0];
  return sum;
}

void write_stream(float* to, int64_t count);
void write_stream(float* to, int64_t count) {
  for (int64_t i = 0; i < count; i += kLanes<float>) write_past(to + i, splat(1.0f));
  end_writing();
}

void copy_stream(float* to, const float* from, int64_t count);
void copy_stream(float* to, const float* from, int64_t count) {
  for (int64_t i = 0; i < count; i += kLanes<float>) {
    if (i % kLine == 0) __builtin_prefetch(from + i + kAhead);
    write_past(to + i, load(from + i));
  }
  end_writing();
}

double run_fma_float32(int64_t rounds, float* sink);
double run_fma_float32(int64_t rounds, float* sink) { return run_chains(rounds, sink); }

double run_fma_float64(int64_t rounds, double* sink);
double run_fma_float64(int64_t rounds, double* sink) { return run_chains(rounds, sink); }

}  // namespace minigrad::MINIGRAD_ISA
