// What a file compiled once per instruction set may use: its namespace, the vector type and the fused multiply-add.
//
// CMake compiles every `*.isa.cpp` several times, each time with MINIGRAD_ISA naming the namespace (`v2`, `v3`, `v4`
// or `neon`) and with that set's compiler flags. Whatever such a file defines stands in that namespace and, but for its
// one table of kernels, in an unnamed namespace inside it. No weak symbol may remain in the object: the linker would
// keep a single copy of it for all instruction sets, and a machine without AVX-512 could end up running AVX-512 code.
// So these files use no part of the standard library that is not sure to be inlined; the `nm` check holds them to it.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#ifndef MINIGRAD_ISA
#error "compile this file through CMake, which names the instruction set"
#endif

namespace minigrad::MINIGRAD_ISA {
namespace {

// The width of a vector register. Results never depend on it: see docs/architecture.md, "One bit pattern".
#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

// A register full of T: arithmetic operators work lane by lane (a compiler extension of GCC and Clang).
template <class T>
struct VectorOf {
  typedef T type __attribute__((vector_size(kVectorBytes)));
  // The same without an alignment of its own: what a load or store through a pointer to elements may use.
  typedef T unaligned __attribute__((vector_size(kVectorBytes), aligned(sizeof(T)), may_alias));
};

template <class T>
using Vec = typename VectorOf<T>::type;

template <class T>
constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));

template <class T>
[[gnu::always_inline]] inline Vec<T> load(const T* p) {
  return *reinterpret_cast<const typename VectorOf<T>::unaligned*>(p);
}

template <class T>
[[gnu::always_inline]] inline void store(T* p, Vec<T> v) {
  *reinterpret_cast<typename VectorOf<T>::unaligned*>(p) = v;
}

// The same past the caches, to a place aligned as v is: a register, or half of one.
template <class T, class V>
[[gnu::always_inline]] inline void stream(T* p, V v) {
#if defined(__AVX512F__)
  if constexpr (sizeof(V) == 64)
    return _mm512_stream_si512(reinterpret_cast<__m512i*>(p), reinterpret_cast<__m512i>(v));
#endif
#if defined(__AVX2__)
  if constexpr (sizeof(V) == 32)
    return _mm256_stream_si256(reinterpret_cast<__m256i*>(p), reinterpret_cast<__m256i>(v));
#elif defined(__SSE2__)
  return _mm_stream_si128(reinterpret_cast<__m128i*>(p), reinterpret_cast<__m128i>(v));
#else
  store(p, v);
#endif
}

// x in every lane.
template <class T>
[[gnu::always_inline]] inline Vec<T> splat(T x) {
  return x - Vec<T>{};
}

// a * b + c, rounded once where the hardware has it. The baseline build rounds twice, because a fused multiply-add in
// software costs forty times as much: its bits differ, and show_config() says so.
#if defined(__FMA__) || defined(__aarch64__)
constexpr bool kHasFma = true;
[[gnu::always_inline]] inline float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
[[gnu::always_inline]] inline double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
#else  // no fused multiply-add
constexpr bool kHasFma = false;
[[gnu::always_inline]] inline float fma(float a, float b, float c) { return a * b + c; }
[[gnu::always_inline]] inline double fma(double a, double b, double c) { return a * b + c; }
#endif

// The same for whole registers.
[[gnu::always_inline]] inline Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_ps(a, b, c);
#elif defined(__FMA__)
  return _mm256_fmadd_ps(a, b, c);
#elif defined(__aarch64__)
  return vfmaq_f32(c, a, b);
#else
  return a * b + c;
#endif
}

#if defined(__AVX512F__)
typedef float HalfRegister __attribute__((vector_size(32)));
[[gnu::always_inline]] inline HalfRegister fma(HalfRegister a, HalfRegister b, HalfRegister c) {
  return _mm256_fmadd_ps(a, b, c);
}
#endif

[[gnu::always_inline]] inline Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_pd(a, b, c);
#elif defined(__FMA__)
  return _mm256_fmadd_pd(a, b, c);
#elif defined(__aarch64__)
  return vfmaq_f64(c, a, b);
#else
  return a * b + c;
#endif
}

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
