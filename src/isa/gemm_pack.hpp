// Packing: copies of a matrix in the order in which tiles read it.
//
// A block of b, k rows and `columns` columns, becomes strips of `width` columns, one after the other: b[i][j] stands at
// panel[j / width * strip_size(k, width) + i * width + j % width]. The width is a multiple of kLanes. The last strip is
// written up to a whole number of vectors; behind its last column stands some number that no result depends on.
#pragma once

#include "isa/isa.hpp"
#include "isa/part.hpp"
#include "isa/transpose.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// From one strip to the next: a row more than needed, so that the places where a row of b goes, one in each strip, do
// not fall into the same sets of the cache.
static inline int64_t strip_size(int64_t k, int64_t width) { return (k + 1) * width; }

// Rows [offset, offset + Rows) of the panel, from contiguous columns.
template <int Rows, class T, class From>
[[gnu::always_inline]] inline void pack_transposed(const From& column, int64_t offset, T* panel, int64_t step) {
  Vec<T> row[Rows];
  transpose<T>(column, offset, row);
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) store(panel + (offset + r) * step, row[r]);
}

// Columns are contiguous (b_k = 1): kLanes of them, `step` being the width.
template <class T, class From>
void pack_columns(const From& column, int64_t k, T* panel, int64_t step) {
  constexpr int L = kLanes<T>, C = kChunk<T>;
  if (k < C) {
    for (int64_t i = 0; i < k; ++i) {
      for (int l = 0; l < L; ++l) panel[i * step + l] = column[l][i];
    }
    return;
  }
  int64_t i = 0;
  for (; i + L <= k; i += L) pack_transposed<L>(column, i, panel, step);
  for (; i + C <= k; i += C) pack_transposed<C>(column, i, panel, step);
  if (i < k) pack_transposed<C>(column, k - C, panel, step);  // repeats a part of what was before
}

// Rows are contiguous (b_col = 1). A row is read at full length before the next one: short pieces at long distances
// would be slow to fetch. A row further on is asked for meanwhile: what the machine does by itself ends with the page.
template <class T>
void pack_rows(const T* b, int64_t b_k, int64_t k, int64_t columns, T* panel, int64_t width) {
  constexpr int L = kLanes<T>, kRowsAhead = 4;
  for (int64_t i = 0; i < k; ++i, b += b_k, panel += width) {
    T* out = panel;
    for (int64_t j = 0; j < columns; j += width, out += strip_size(k, width)) {
      const int64_t end = columns - j < width ? columns - j : width;
      int64_t l = 0;
      for (; l + L <= end; l += L) {
        __builtin_prefetch(b + j + l + kRowsAhead * b_k);
        store(out + l, load(b + j + l));
      }
      if (l < end) store(out + l, load_part(b + j + l, static_cast<int>(end - l)));
    }
  }
}

// Neither rows nor columns are contiguous: one strip, at most `width` columns.
template <class T>
void pack_strided(const T* b, int64_t b_k, int64_t b_col, int64_t k, int64_t columns, T* panel, int64_t width) {
  const int64_t padded = (columns + kLanes<T> - 1) / kLanes<T> * kLanes<T>;
  for (int64_t i = 0; i < k; ++i, b += b_k, panel += width) {
    for (int64_t j = 0; j < columns; ++j) panel[j] = b[j * b_col];
    for (int64_t j = columns; j < padded; ++j) panel[j] = 0;
  }
}

// Any strides.
template <class T>
void pack(const T* b, int64_t b_k, int64_t b_col, int64_t k, int64_t columns, T* panel, int64_t width) {
  if (b_col == 1) return pack_rows(b, b_k, k, columns, panel, width);
  for (int64_t j = 0; j < columns; j += width, panel += strip_size(k, width)) {
    const int64_t end = columns - j < width ? columns - j : width;
    const T* strip = b + j * b_col;
    if (b_k != 1) {
      pack_strided(strip, b_k, b_col, k, end, panel, width);
      continue;
    }
    for (int64_t l = 0; l < end; l += kLanes<T>) {
      if (end - l < kLanes<T>) {
        pack_columns(CutColumns<T>(strip + l * b_col, b_col, end - l), k, panel + l, width);
      } else {
        pack_columns(Columns<T>(strip + l * b_col, b_col), k, panel + l, width);
      }
    }
  }
}

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
