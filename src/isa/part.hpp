// Loads and stores of the first lanes of a register, 0 < count <= kLanes. They touch no memory behind the last one.
#pragma once

#include "isa/isa.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

#if defined(__AVX512F__)
constexpr bool kMaskedLoads = true;  // as fast as others

[[gnu::always_inline]] inline Vec<float> load_part(const float* p, int count) {
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), p);
}
[[gnu::always_inline]] inline Vec<double> load_part(const double* p, int count) {
  return _mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << count) - 1), p);
}
[[gnu::always_inline]] inline void store_part(float* p, Vec<float> x, int count) {
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1), x);
}
[[gnu::always_inline]] inline void store_part(double* p, Vec<double> x, int count) {
  _mm512_mask_storeu_pd(p, static_cast<__mmask8>((1u << count) - 1), x);
}

#elif defined(__AVX2__)
constexpr bool kMaskedLoads = true;

// A lane is loaded where the sign bit of its mask is set.
alignas(64) constexpr int32_t kMasks[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};

[[gnu::always_inline]] inline __m256i mask_of(int words) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kMasks + 8 - words));
}
[[gnu::always_inline]] inline Vec<float> load_part(const float* p, int count) {
  return _mm256_maskload_ps(p, mask_of(count));
}
[[gnu::always_inline]] inline Vec<double> load_part(const double* p, int count) {
  return _mm256_maskload_pd(p, mask_of(2 * count));
}
// In pieces: the masked store is microcode on some processors.
[[gnu::always_inline]] inline void store_part(float* p, Vec<float> x, int count) {
  if (count == 8) return store(p, x);
  __m128 low = _mm256_castps256_ps128(x);
  if (count & 4) {
    _mm_storeu_ps(p, low);
    low = _mm256_extractf128_ps(x, 1);
    p += 4;
  }
  if (count & 2) {
    _mm_storel_pi(reinterpret_cast<__m64*>(p), low);
    low = _mm_movehl_ps(low, low);
    p += 2;
  }
  if (count & 1) _mm_store_ss(p, low);
}
[[gnu::always_inline]] inline void store_part(double* p, Vec<double> x, int count) {
  if (count == 4) return store(p, x);
  __m128d low = _mm256_castpd256_pd128(x);
  if (count & 2) {
    _mm_storeu_pd(p, low);
    low = _mm256_extractf128_pd(x, 1);
    p += 2;
  }
  if (count & 1) _mm_store_sd(p, low);
}

#else
// Lane by lane, which is slow: the kernels read such vectors from packed panels, which are padded, and only store them
// so.
constexpr bool kMaskedLoads = false;

template <class T>
[[gnu::always_inline]] inline Vec<T> load_part(const T* p, int count) {
  Vec<T> x = {};
  for (int i = 0; i < kLanes<T>; ++i) {
    if (i < count) x[i] = p[i];
  }
  return x;
}
template <class T>
[[gnu::always_inline]] inline void store_part(T* p, Vec<T> x, int count) {
  for (int i = 0; i < kLanes<T>; ++i) {
    if (i < count) p[i] = x[i];
  }
}
#endif

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
