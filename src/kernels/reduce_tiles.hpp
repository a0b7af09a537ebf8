// Tiles: kTileRows rows of at most a group of four vectors, transposed, so that a vector holds one element of each.
// Element k of row r stands at k * kTileRows + r. Rows that are not there are zeros; what becomes of them nobody reads.
#pragma once

#include "kernels/reduce_blocks.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

constexpr int kTileRows = 16;

template <class T>
constexpr int kTileColumns = 4 * kVirtualLanes<T>;

template <class T>
struct Tile {
  alignas(64) T element[kTileColumns<T> * kTileRows];
};

template <class T>
[[gnu::noinline]] inline void load_tile(Tile<T>& tile, const T* x, int64_t row_step, int64_t col_step, int64_t rows,
                                        int64_t n) {
  if (rows < kTileRows) {
    for (int64_t i = 0; i < n * kTileRows; ++i) tile.element[i] = 0;
  }
  pack(tile.element, kTileRows, x, col_step, row_step, n, rows);
}

template <class T>
[[gnu::noinline]] inline void store_tile(T* out, int64_t row_step, int64_t col_step, const Tile<T>& tile, int64_t rows,
                                         int64_t n) {
  if (col_step == 1) return transpose_matrix(out, row_step, tile.element, kTileRows, n, rows);
  for (int64_t k = 0; k < n; ++k) scatter(out + k * col_step, row_step, tile.element + k * kTileRows, rows);
}

// ---------------------------------------------------------------------------------------------------------------------
// Rows of n <= kVirtualLanes elements that lie beside each other, whole vectors of them: each has one element in each
// of n lanes. Lanes that are not there hold the identity, and leaving that out changes nothing.

// The fold of n > 0 lanes; at(k) is lane k of a register full of rows.
template <class Op, class T, class At>
[[gnu::always_inline]] inline Vec<T> fold_short(int64_t n, At&& at) {
  constexpr int kWidth = kLanes<T>;
  alignas(64) T lane[kVirtualLanes<T> * kWidth];
  const Vec<T> identity = splat(Op::template kIdentity<T>);
#pragma GCC unroll 1
  for (int64_t k = 0; k < n; ++k) store(lane + k * kWidth, Op::combine(identity, at(k)));
  for (int64_t half = kVirtualLanes<T> / 2; half > 0; half /= 2) {
#pragma GCC unroll 1
    for (int64_t k = 0; k < n - half; ++k) {
      T* const x = lane + k * kWidth;
      store(x, Op::combine(load(x), load(x + half * kWidth)));
    }
    n = smaller(n, half);
  }
  return load(lane);
}

// Element k of row j at x + k * step + j; `rows` rows to out.
template <class Op, class T>
[[gnu::noinline]] inline void combine_short_rows(T* out, int64_t rows, const T* x, int64_t step, int64_t n) {
  if (n == 0) {
    for (int64_t j = 0; j < rows; ++j) out[j] = Op::template kIdentity<T>;
    return;
  }
  int64_t j = 0;
  for (; j + kLanes<T> <= rows; j += kLanes<T>) {
    const auto at = [=](int64_t k) __attribute__((always_inline)) { return Op::read(load(x + k * step + j)); };
    store(out + j, fold_short<Op, T>(n, at));
  }
  if (j == rows) return;
  const auto part = [=](int64_t k) __attribute__((always_inline)) {
    return Op::read(load_first(x + k * step + j, rows - j, Vec<T>{}));
  };
  store_first(out + j, fold_short<Op, T>(n, part), rows - j);
}

// out[r] = row r of a tile, in the order of a row.
template <class Op, class T>
[[gnu::always_inline]] inline void combine_tile(const Tile<T>& tile, int64_t n, T* out) {
  constexpr int64_t kWidth = kVirtualLanes<T>, kVector = kWidth * kTileRows;
  for (int c = 0; c < kTileRows; c += kLanes<T>) {
    const auto lane = [&tile, n, c](int64_t k) __attribute__((always_inline)) {
      const T* const x = tile.element + k * kTileRows + c;
      const int64_t left = n - k;
      if (left <= kWidth) return load(x);
      const Vec<T> front = Op::combine(load(x), load(x + kVector));
      if (left <= 2 * kWidth) return front;
      const Vec<T> third = load(x + 2 * kVector);
      return Op::combine(front, left <= 3 * kWidth ? third : Op::combine(third, load(x + 3 * kVector)));
    };
    store(out + c, fold_short<Op, T>(smaller(n, kWidth), lane));
  }
}

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
