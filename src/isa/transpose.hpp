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

// Registers of any width V. From every 16 bytes, groups of W elements of x and y in turn: those of the lower halves, or
// of the higher ones.
template <class V>
constexpr int kElements = sizeof(V) / sizeof(V{}[0]);

template <int W, bool High, class V, int... I>
[[gnu::always_inline]] inline V interleave_lanes(V x, V y, std::integer_sequence<int, I...>) {
  constexpr int N = sizeof...(I), C = 16 / static_cast<int>(sizeof(V{}[0]));
  return __builtin_shufflevector(x, y,
                                 (I / C * C + (High ? C / 2 : 0) + I % C / (2 * W) * W + I % W + I / W % 2 * N)...);
}
template <int W, bool High, class V>
[[gnu::always_inline]] inline V interleave(V x, V y) {
  return interleave_lanes<W, High>(x, y, std::make_integer_sequence<int, kElements<V>>());
}

// As many vectors as 16 bytes have elements: 16 bytes from each become as many rows, in place.
template <class V>
[[gnu::always_inline]] inline void transpose_chunk(V* x) {
  if constexpr (sizeof(V{}[0]) == sizeof(double)) {
    const V low = interleave<1, false>(x[0], x[1]);
    x[1] = interleave<1, true>(x[0], x[1]);
    x[0] = low;
  } else {
    const V low01 = interleave<1, false>(x[0], x[1]), high01 = interleave<1, true>(x[0], x[1]);
    const V low23 = interleave<1, false>(x[2], x[3]), high23 = interleave<1, true>(x[2], x[3]);
    x[0] = interleave<2, false>(low01, low23);
    x[1] = interleave<2, true>(low01, low23);
    x[2] = interleave<2, false>(high01, high23);
    x[3] = interleave<2, true>(high01, high23);
  }
}

// W elements of x and W of y in turn: the first, third, ... of both, or the others.
template <int W, bool Odd, class V, int... I>
[[gnu::always_inline]] inline V every_other_block(V x, V y, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(x, y, (I / W % 2 == 0 ? I + Odd * W : I - !Odd * W + kElements<V>)...);
}

// A square in registers, in place: element i of register j becomes element j of register i.
template <class V, int W = 16 / static_cast<int>(sizeof(V{}[0]))>
[[gnu::always_inline]] inline void turn_square(V* x) {
  constexpr int N = kElements<V>, C = 16 / static_cast<int>(sizeof(V{}[0]));
  if constexpr (W == C) {
#pragma GCC unroll 8
    for (int i = 0; i < N; i += C) transpose_chunk(x + i);
  }
  if constexpr (W < N) {
    constexpr auto kAll = std::make_integer_sequence<int, N>();
#pragma GCC unroll 16
    for (int i = 0; i < N; ++i) {
      if (i / W % 2 != 0) continue;
      const V even = every_other_block<W, false>(x[i], x[i + W], kAll);
      x[i + W] = every_other_block<W, true>(x[i], x[i + W], kAll);
      x[i] = even;
    }
    turn_square<V, 2 * W>(x);
  }
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
