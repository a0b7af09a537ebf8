// Transposition in registers: kLanes columns of a matrix that lie contiguously become rows of kLanes elements.
//
// The columns are read in chunks of 16 bytes. Chunks of several columns are put side by side while they are loaded,
// which needs no shuffle, so that what is left to do happens within 16 bytes, where shuffles are cheapest.
#pragma once

#include <utility>

#include "isa/isa.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

template <class T>
struct ChunkOf {
  typedef T type __attribute__((vector_size(16)));
  typedef T unaligned __attribute__((vector_size(16), aligned(sizeof(T)), may_alias));
};

template <class T>
constexpr int kChunk = 16 / static_cast<int>(sizeof(T));

// Rows of a matrix in the place of columns.
template <class T>
struct RowsOf {
  const T* x;
  int64_t step;
  [[gnu::always_inline]] const T* operator[](int i) const { return x + i * step; }
};

// kLanes contiguous columns of b. Few pointers stand for all of them, so that they stay in registers.
template <class T>
struct Columns {
  static constexpr int kGroup = 3;
  const T* group[(kLanes<T> + kGroup - 1) / kGroup];
  int64_t step;

  [[gnu::always_inline]] Columns(const T* b, int64_t b_col) : step(b_col) {
    for (int g = 0; g < (kLanes<T> + kGroup - 1) / kGroup; ++g) group[g] = b + g * kGroup * b_col;
  }
  [[gnu::always_inline]] const T* operator[](int l) const { return group[l / kGroup] + l % kGroup * step; }
};

// The same where there are only `count` columns: the last one takes the place of those behind it.
template <class T>
struct CutColumns {
  const T* column[kLanes<T>];

  [[gnu::always_inline]] CutColumns(const T* b, int64_t b_col, int64_t count) {
    for (int l = 0; l < kLanes<T>; ++l) column[l] = b + (l < count ? l : count - 1) * b_col;
  }
  [[gnu::always_inline]] const T* operator[](int l) const { return column[l]; }
};

// 16 bytes from each of columns l, l + kChunk, l + 2 kChunk, ... from `offset` on, side by side in one register.
template <class T, class From>
[[gnu::always_inline]] inline Vec<T> load_chunks(const From& column, int l, int64_t offset) {
#if defined(__AVX2__)
  constexpr int S = kChunk<T>;
  const auto at = [&](int i) { return _mm_loadu_ps(reinterpret_cast<const float*>(column[l + i * S] + offset)); };
#endif
#if defined(__AVX512F__)
  __m512 x = _mm512_castps128_ps512(at(0));
  x = _mm512_mask_broadcast_f32x4(x, 0x00f0, at(1));
  x = _mm512_mask_broadcast_f32x4(x, 0x0f00, at(2));
  x = _mm512_mask_broadcast_f32x4(x, 0xf000, at(3));
  return reinterpret_cast<Vec<T>>(x);
#elif defined(__AVX2__)
  return reinterpret_cast<Vec<T>>(_mm256_insertf128_ps(_mm256_castps128_ps256(at(0)), at(1), 1));
#else
  return *reinterpret_cast<const typename ChunkOf<T>::unaligned*>(column[l] + offset);
#endif
}

// From every 16 bytes, groups of W elements of x and y in turn: those of the lower halves, or of the higher ones.
template <class T, int W, bool High, int... I>
[[gnu::always_inline]] inline Vec<T> interleave_lanes(Vec<T> x, Vec<T> y, std::integer_sequence<int, I...>) {
  constexpr int C = kChunk<T>;
  return __builtin_shufflevector(
      x, y, (I / C * C + (High ? C / 2 : 0) + I % C / (2 * W) * W + I % W + I / W % 2 * kLanes<T>)...);
}
template <class T, int W, bool High>
[[gnu::always_inline]] inline Vec<T> interleave(Vec<T> x, Vec<T> y) {
  return interleave_lanes<T, W, High>(x, y, std::make_integer_sequence<int, kLanes<T>>());
}

// kChunk vectors of 16 bytes from each column become as many rows, in place.
[[gnu::always_inline]] inline void transpose_chunk(Vec<float>* x) {
  const Vec<float> low01 = interleave<float, 1, false>(x[0], x[1]), high01 = interleave<float, 1, true>(x[0], x[1]);
  const Vec<float> low23 = interleave<float, 1, false>(x[2], x[3]), high23 = interleave<float, 1, true>(x[2], x[3]);
  x[0] = interleave<float, 2, false>(low01, low23);
  x[1] = interleave<float, 2, true>(low01, low23);
  x[2] = interleave<float, 2, false>(high01, high23);
  x[3] = interleave<float, 2, true>(high01, high23);
}
[[gnu::always_inline]] inline void transpose_chunk(Vec<double>* x) {
  const Vec<double> low = interleave<double, 1, false>(x[0], x[1]);
  x[1] = interleave<double, 1, true>(x[0], x[1]);
  x[0] = low;
}

#if defined(__AVX512F__)
// 32 bytes of each of two columns.
template <class T>
[[gnu::always_inline]] inline Vec<T> load_halves(const T* low, const T* high) {
  const __m512d x = _mm512_castpd256_pd512(_mm256_loadu_pd(reinterpret_cast<const double*>(low)));
  return reinterpret_cast<Vec<T>>(_mm512_insertf64x4(x, _mm256_loadu_pd(reinterpret_cast<const double*>(high)), 1));
}

// From x and then from y, the even 16 bytes, or the odd ones.
template <class T, bool Odd>
[[gnu::always_inline]] inline Vec<T> every_other_chunk(Vec<T> x, Vec<T> y) {
  constexpr int kChunks = Odd ? 0xdd : 0x88;
  return reinterpret_cast<Vec<T>>(
      _mm512_shuffle_f32x4(reinterpret_cast<__m512>(x), reinterpret_cast<__m512>(y), kChunks));
}

// As many rows as there are lanes, with half as many loads.
template <class T, class From>
[[gnu::always_inline]] inline void transpose_square(const From& column, int64_t offset, Vec<T> (&row)[kLanes<T>]) {
  constexpr int C = kChunk<T>;
  Vec<T> x[2][C], y[2][C];
#pragma GCC unroll 4
  for (int i = 0; i < C; ++i) {
#pragma GCC unroll 2
    for (int h = 0; h < 2; ++h) {
      const int64_t at = offset + 2 * C * h;
      x[h][i] = load_halves(column[i] + at, column[i + C] + at);
      y[h][i] = load_halves(column[i + 2 * C] + at, column[i + 3 * C] + at);
    }
  }
#pragma GCC unroll 2
  for (int h = 0; h < 2; ++h) {
    transpose_chunk(x[h]);
    transpose_chunk(y[h]);
#pragma GCC unroll 4
    for (int i = 0; i < C; ++i) {
      row[2 * C * h + i] = every_other_chunk<T, false>(x[h][i], y[h][i]);
      row[2 * C * h + C + i] = every_other_chunk<T, true>(x[h][i], y[h][i]);
    }
  }
}
#endif

// row[i][l] = column[l][offset + i] for i in [0, Rows), l in [0, kLanes). With a full cache line of each column the
// lines are used up one after the other: columns that are a power of two apart displace each other from the cache.
template <class T, int Rows, class From>
[[gnu::always_inline]] inline void transpose(const From& column, int64_t offset, Vec<T> (&row)[Rows]) {
  constexpr int C = kChunk<T>;
#if defined(__AVX512F__)
  if constexpr (Rows == kLanes<T>) return transpose_square<T>(column, offset, row);
#endif
#pragma GCC unroll 4
  for (int i = 0; i < C; ++i) {
#pragma GCC unroll 4
    for (int r = 0; r < Rows; r += C) row[r + i] = load_chunks<T>(column, i, offset + r);
  }
#pragma GCC unroll 4
  for (int r = 0; r < Rows; r += C) transpose_chunk(row + r);
}

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
