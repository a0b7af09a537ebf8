// Virtual lanes: 64 bytes of elements, 16 floats or 8 doubles, held in as many registers as the instruction set needs.
// What is computed lane by lane in this width has the same bits on every instruction set.
//
// No function here needs aligned pointers. Steps count elements and may be zero or negative.
#pragma once

#include <utility>

#include "isa/isa.hpp"

namespace minigrad::MINIGRAD_ISA {

// out[j * out_step + i] = x[i * x_step + j] for 0 <= i < rows, 0 <= j < cols. x and out do not overlap.
void transpose_matrix(float* out, int64_t out_step, const float* x, int64_t x_step, int64_t rows, int64_t cols);
void transpose_matrix(double* out, int64_t out_step, const double* x, int64_t x_step, int64_t rows, int64_t cols);

namespace {

template <class T>
constexpr int kVirtualLanes = 64 / static_cast<int>(sizeof(T));

template <class T>
constexpr int kParts = kVirtualLanes<T> / kLanes<T>;

// Lane i is element i % kLanes of part i / kLanes.
template <class T>
struct Lanes {
  Vec<T> part[kParts<T>];
};

// ---------------------------------------------------------------------------------------------------------------------
// The first `count` lanes of a register, 0 <= count <= kLanes. No memory behind them is touched.

#if defined(__AVX512F__)

[[gnu::always_inline]] inline Vec<float> load_first(const float* p, int64_t count, Vec<float> fill) {
  return _mm512_mask_loadu_ps(fill, static_cast<__mmask16>((1u << count) - 1), p);
}

[[gnu::always_inline]] inline Vec<double> load_first(const double* p, int64_t count, Vec<double> fill) {
  return _mm512_mask_loadu_pd(fill, static_cast<__mmask8>((1u << count) - 1), p);
}

[[gnu::always_inline]] inline void store_first(float* p, Vec<float> v, int64_t count) {
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1), v);
}

[[gnu::always_inline]] inline void store_first(double* p, Vec<double> v, int64_t count) {
  _mm512_mask_storeu_pd(p, static_cast<__mmask8>((1u << count) - 1), v);
}

#else

// Without masked stores (AVX2 has one, but it is microcode on some processors): element by element.
template <class T>
inline void store_first(T* p, Vec<T> v, int64_t count) {
  alignas(kVectorBytes) T lanes[kLanes<T>];
  store(lanes, v);
  for (int64_t i = 0; i < count; ++i) p[i] = lanes[i];
}

#if defined(__AVX2__)

[[gnu::always_inline]] inline Vec<float> load_first(const float* p, int64_t count, Vec<float> fill) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), lane);
  return _mm256_blendv_ps(fill, _mm256_maskload_ps(p, mask), _mm256_castsi256_ps(mask));
}

[[gnu::always_inline]] inline Vec<double> load_first(const double* p, int64_t count, Vec<double> fill) {
  const __m256i lane = _mm256_setr_epi64x(0, 1, 2, 3);
  const __m256i mask = _mm256_cmpgt_epi64(_mm256_set1_epi64x(count), lane);
  return _mm256_blendv_pd(fill, _mm256_maskload_pd(p, mask), _mm256_castsi256_pd(mask));
}

#else

template <class T>
inline Vec<T> load_first(const T* p, int64_t count, Vec<T> fill) {
  alignas(kVectorBytes) T lanes[kLanes<T>];
  store(lanes, fill);
  for (int64_t i = 0; i < count; ++i) lanes[i] = p[i];
  return load(lanes);
}

#endif
#endif

// ---------------------------------------------------------------------------------------------------------------------
// Lane by lane: y where y > x (y < x), else x. These are the instructions of x86; aarch64's treat NaN and -0 otherwise.

#if defined(__AVX512F__)
[[gnu::always_inline]] inline Vec<float> max_of(Vec<float> x, Vec<float> y) {
  return _mm512_maskz_max_ps(0xffff, y, x);
}
[[gnu::always_inline]] inline Vec<double> max_of(Vec<double> x, Vec<double> y) {
  return _mm512_maskz_max_pd(0xff, y, x);
}
[[gnu::always_inline]] inline Vec<float> min_of(Vec<float> x, Vec<float> y) {
  return _mm512_maskz_min_ps(0xffff, y, x);
}
[[gnu::always_inline]] inline Vec<double> min_of(Vec<double> x, Vec<double> y) {
  return _mm512_maskz_min_pd(0xff, y, x);
}
#elif defined(__AVX2__)
[[gnu::always_inline]] inline Vec<float> max_of(Vec<float> x, Vec<float> y) { return _mm256_max_ps(y, x); }
[[gnu::always_inline]] inline Vec<double> max_of(Vec<double> x, Vec<double> y) { return _mm256_max_pd(y, x); }
[[gnu::always_inline]] inline Vec<float> min_of(Vec<float> x, Vec<float> y) { return _mm256_min_ps(y, x); }
[[gnu::always_inline]] inline Vec<double> min_of(Vec<double> x, Vec<double> y) { return _mm256_min_pd(y, x); }
#else
[[gnu::always_inline]] inline Vec<float> max_of(Vec<float> x, Vec<float> y) { return y > x ? y : x; }
[[gnu::always_inline]] inline Vec<double> max_of(Vec<double> x, Vec<double> y) { return y > x ? y : x; }
[[gnu::always_inline]] inline Vec<float> min_of(Vec<float> x, Vec<float> y) { return y < x ? y : x; }
[[gnu::always_inline]] inline Vec<double> min_of(Vec<double> x, Vec<double> y) { return y < x ? y : x; }
#endif

template <class T>
[[gnu::always_inline]] inline T max_of(T x, T y) {
  return y > x ? y : x;
}

template <class T>
[[gnu::always_inline]] inline T min_of(T x, T y) {
  return y < x ? y : x;
}

// x, or NaN where one of a, b, c, d is NaN. Two registers are looked at together.
#if defined(__AVX512F__)
[[gnu::always_inline]] inline Vec<float> unless_nan(Vec<float> x, Vec<float> a, Vec<float> b, Vec<float> c,
                                                    Vec<float> d) {
  const __mmask16 front = _mm512_cmp_ps_mask(a, b, _CMP_ORD_Q);
  return _mm512_mask_mov_ps(splat(__builtin_nanf("")), _mm512_mask_cmp_ps_mask(front, c, d, _CMP_ORD_Q), x);
}
[[gnu::always_inline]] inline Vec<double> unless_nan(Vec<double> x, Vec<double> a, Vec<double> b, Vec<double> c,
                                                     Vec<double> d) {
  const __mmask8 front = _mm512_cmp_pd_mask(a, b, _CMP_ORD_Q);
  return _mm512_mask_mov_pd(splat(__builtin_nan("")), _mm512_mask_cmp_pd_mask(front, c, d, _CMP_ORD_Q), x);
}
#elif defined(__AVX2__)
[[gnu::always_inline]] inline Vec<float> unless_nan(Vec<float> x, Vec<float> a, Vec<float> b, Vec<float> c,
                                                    Vec<float> d) {
  return _mm256_or_ps(x, _mm256_or_ps(_mm256_cmp_ps(a, b, _CMP_UNORD_Q), _mm256_cmp_ps(c, d, _CMP_UNORD_Q)));
}
[[gnu::always_inline]] inline Vec<double> unless_nan(Vec<double> x, Vec<double> a, Vec<double> b, Vec<double> c,
                                                     Vec<double> d) {
  return _mm256_or_pd(x, _mm256_or_pd(_mm256_cmp_pd(a, b, _CMP_UNORD_Q), _mm256_cmp_pd(c, d, _CMP_UNORD_Q)));
}
#else
template <class V>
[[gnu::always_inline]] inline V unless_nan(V x, V a, V b, V c, V d) {
  const auto ordered = (a == a) & (b == b) & (c == c) & (d == d);
  return ordered ? x : splat(static_cast<__typeof__(+x[0])>(__builtin_nan("")));
}
#endif

// Keeps in registers, in the order in which they were read, values that are used more than once. A compiler may read
// them again for each use, here and there, and the processor then foresees less of what comes next.
template <class... V>
[[gnu::always_inline]] inline void in_registers([[maybe_unused]] V&... values) {
#if defined(__x86_64__)
  const auto keep = [](auto& value) __attribute__((always_inline)) { asm("" : "+v"(value)); };
  (keep(values), ...);
#endif
}

// As many elements of another type. The compiler itself takes narrower registers than these instructions do.
template <class To, class From>
[[gnu::always_inline]] inline To convert(From x) {
#if defined(__AVX512F__)
  if constexpr (sizeof(To) == 64 && sizeof(From) == 32) return _mm512_maskz_cvtps_pd(0xff, x);
  if constexpr (sizeof(To) == 32 && sizeof(From) == 64) return _mm512_maskz_cvtpd_ps(0xff, x);
#endif
#if defined(__AVX2__)
  if constexpr (sizeof(To) == 32 && sizeof(From) == 16) return _mm256_cvtps_pd(x);
  if constexpr (sizeof(To) == 16 && sizeof(From) == 32) return _mm256_cvtpd_ps(x);
#elif defined(__SSE2__)
  if constexpr (sizeof(To) == 16 && sizeof(From) == 8) return _mm_cvtps_pd(__builtin_shufflevector(x, x, 0, 1, 0, 1));
  if constexpr (sizeof(To) == 8 && sizeof(From) == 16) {
    const __m128 y = _mm_cvtpd_ps(x);
    return __builtin_shufflevector(y, y, 0, 1);
  }
#endif
  return __builtin_convertvector(x, To);
}

// The lanes in which x and y are equal, lane i as bit i.
#if defined(__AVX512F__)
[[gnu::always_inline]] inline unsigned equal_lanes(Vec<float> x, Vec<float> y) {
  return _mm512_cmp_ps_mask(x, y, _CMP_EQ_OQ);
}
[[gnu::always_inline]] inline unsigned equal_lanes(Vec<double> x, Vec<double> y) {
  return _mm512_cmp_pd_mask(x, y, _CMP_EQ_OQ);
}
#elif defined(__AVX2__)
[[gnu::always_inline]] inline unsigned equal_lanes(Vec<float> x, Vec<float> y) {
  return static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(x, y, _CMP_EQ_OQ)));
}
[[gnu::always_inline]] inline unsigned equal_lanes(Vec<double> x, Vec<double> y) {
  return static_cast<unsigned>(_mm256_movemask_pd(_mm256_cmp_pd(x, y, _CMP_EQ_OQ)));
}
#else
template <class V>
[[gnu::always_inline]] inline unsigned equal_lanes(V x, V y) {
  const auto equal = x == y;
  unsigned bits = 0;
  for (unsigned i = 0; i < sizeof(V) / sizeof(x[0]); ++i) bits |= static_cast<unsigned>(equal[i] != 0) << i;
  return bits;
}
#endif

// ---------------------------------------------------------------------------------------------------------------------
// Lanes as a whole.

template <class T>
[[gnu::always_inline]] inline Lanes<T> load_lanes(const T* p) {
  Lanes<T> lanes;
  for (int i = 0; i < kParts<T>; ++i) lanes.part[i] = load(p + i * kLanes<T>);
  return lanes;
}

template <class T>
[[gnu::always_inline]] inline void store_lanes(T* p, const Lanes<T>& lanes) {
  for (int i = 0; i < kParts<T>; ++i) store(p + i * kLanes<T>, lanes.part[i]);
}

// The first `count` > 0 lanes; the others are `fill`, or are not stored.
template <class T>
[[gnu::always_inline]] inline Lanes<T> load_first_lanes(const T* p, int64_t count, T fill) {
  Lanes<T> lanes;
  for (int i = 0; i < kParts<T>; ++i) {
    const int64_t here = count - i * kLanes<T>;
    lanes.part[i] = splat(fill);
    if (here > 0) lanes.part[i] = load_first(p + i * kLanes<T>, here < kLanes<T> ? here : kLanes<T>, lanes.part[i]);
  }
  return lanes;
}

template <class T>
[[gnu::always_inline]] inline void store_first_lanes(T* p, const Lanes<T>& lanes, int64_t count) {
  for (int i = 0; i < kParts<T>; ++i) {
    const int64_t here = count - i * kLanes<T>;
    if (here > 0) store_first(p + i * kLanes<T>, lanes.part[i], here < kLanes<T> ? here : kLanes<T>);
  }
}

template <class T>
[[gnu::always_inline]] inline Lanes<T> splat_lanes(T x) {
  Lanes<T> lanes;
  for (int i = 0; i < kParts<T>; ++i) lanes.part[i] = splat(x);
  return lanes;
}

// Op::combine(x, y) on registers, lane by lane.
template <class Op, class T>
[[gnu::always_inline]] inline Lanes<T> combine(const Lanes<T>& x, const Lanes<T>& y) {
  Lanes<T> lanes;
  for (int i = 0; i < kParts<T>; ++i) lanes.part[i] = Op::combine(x.part[i], y.part[i]);
  return lanes;
}

// The vector whose lane i is lane i xor kDistance of v.
template <int kDistance, class V, int... kLane>
[[gnu::always_inline]] inline V exchange_lanes(V v, std::integer_sequence<int, kLane...>) {
  return __builtin_shufflevector(v, v, (kLane ^ kDistance)...);
}

// Both halves are combined, so the lower one holds Op::combine(lower, upper); what the upper one holds nobody reads.
template <class Op, class T, int kDistance>
[[gnu::always_inline]] inline T fold_register(Vec<T> v) {
  if constexpr (kDistance == 0) {
    return v[0];
  } else {
    const Vec<T> other = exchange_lanes<kDistance>(v, std::make_integer_sequence<int, kLanes<T>>());
    return fold_register<Op, T, kDistance / 2>(Op::combine(v, other));
  }
}

// All lanes in one by halving: lane i takes lane i + 8 in, then i + 4, i + 2, i + 1 (from 4 on in double).
template <class Op, class T>
[[gnu::always_inline]] inline T fold(Lanes<T> lanes) {
  for (int half = kParts<T> / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) lanes.part[i] = Op::combine(lanes.part[i], lanes.part[i + half]);
  }
  return fold_register<Op, T, kLanes<T> / 2>(lanes.part[0]);
}

// ---------------------------------------------------------------------------------------------------------------------
// Copies that change the layout.

// out[i] = x[2 * i] for 0 <= i < count, and out[i] = x[-i]: the usual ones among the strides, in whole registers.
template <class T, int... kLane>
inline int64_t gather_every_other(T* out, const T* x, int64_t count, std::integer_sequence<int, kLane...>) {
  constexpr int kWidth = sizeof...(kLane);
  int64_t i = 0;
  for (; i + kWidth < count; i += kWidth) {
    store(out + i, __builtin_shufflevector(load(x + 2 * i), load(x + 2 * i + kWidth), (2 * kLane)...));
  }
  return i;
}

template <class T, int... kLane>
inline int64_t gather_backwards(T* out, const T* x, int64_t count, std::integer_sequence<int, kLane...>) {
  constexpr int kWidth = sizeof...(kLane);
  int64_t i = 0;
  for (; i + kWidth <= count; i += kWidth) {
    const Vec<T> v = load(x - i - (kWidth - 1));
    store(out + i, __builtin_shufflevector(v, v, (kWidth - 1 - kLane)...));
  }
  return i;
}

// out[i] = x[i * step] for 0 <= i < count. x and out do not overlap; nothing between or behind the elements is read but
// for step 2, where whole registers are, up to the last element.
template <class T>
[[gnu::noinline]] inline void gather(T* out, const T* x, int64_t step, int64_t count) {
  constexpr auto kAll = std::make_integer_sequence<int, kLanes<T>>();
  int64_t i = 0;
  if (step == 1) {
    for (; i + kLanes<T> <= count; i += kLanes<T>) store(out + i, load(x + i));
  }
  if (step == 0) {
    for (; i + kLanes<T> <= count; i += kLanes<T>) store(out + i, splat(*x));
  }
  if (step == 2) i = gather_every_other(out, x, count, kAll);
  if (step == -1) i = gather_backwards(out, x, count, kAll);
#pragma GCC unroll 4
  for (; i < count; ++i) out[i] = x[i * step];
}

// out[i * step] = x[i] for 0 <= i < count.
template <class T>
inline void scatter(T* out, int64_t step, const T* x, int64_t count) {
  for (int64_t i = 0; i < count; ++i) out[i * step] = x[i];
}

// transpose_matrix() for rows of x whose elements lie x_col apart: by way of a copy, a few rows at a time.
template <class T>
[[gnu::noinline]] inline void transpose_apart(T* out, int64_t out_step, const T* x, int64_t x_step, int64_t x_col,
                                              int64_t rows, int64_t cols) {
  constexpr int64_t kRows = 16, kCols = 64;
  alignas(64) T copy[kRows * kCols];
  for (int64_t i = 0; i < rows; i += kRows) {
    const int64_t high = kRows < rows - i ? kRows : rows - i;
    for (int64_t j = 0; j < cols; j += kCols) {
      const int64_t wide = kCols < cols - j ? kCols : cols - j;
      for (int64_t k = 0; k < high; ++k) gather(copy + k * kCols, x + (i + k) * x_step + j * x_col, x_col, wide);
      transpose_matrix(out + j * out_step + i, out_step, copy, kCols, high, wide);
    }
  }
}

// out[i * out_step + j] = x[i * row_step + j * col_step] for 0 <= i < rows, 0 <= j < cols: any layout made contiguous
// along j. x and out do not overlap.
template <class T>
[[gnu::noinline]] inline void pack(T* out, int64_t out_step, const T* x, int64_t row_step, int64_t col_step,
                                   int64_t rows, int64_t cols) {
  if (row_step == 1 && col_step != 1) return transpose_matrix(out, out_step, x, col_step, cols, rows);
  if ((row_step == 2 || row_step == -1) && rows >= kLanes<T> && (col_step > 2 || col_step < -2)) {
    return transpose_apart(out, out_step, x, col_step, row_step, cols, rows);
  }
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < cols; ++j) out[i * out_step + j] = x[i * row_step + j * col_step];
  }
}

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
