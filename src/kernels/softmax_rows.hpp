// Softmax of rows, as softmax and loss need it. For x0 ... x(n-1) with maximum m: ek = exp(xk - m), s = e0 + e1 + ...
//
// s is summed in the order of a row (reduce_blocks.hpp), whichever of the three ways below a row takes:
//   rows     one row at a time, in blocks that stay in the first-level cache;
//   tiles    kTileRows rows of less than a group of vectors, transposed, so that a vector holds one element of each;
//   columns  the softmax dimension is not the last one, and whole vectors of neighbouring results go along it.
// So a row's bits depend on the row alone. A row of -inf only gives NaN, as does one with +inf or NaN.
#pragma once

#include "isa/isa.hpp"
#include "isa/lanes.hpp"
#include "isa/math.hpp"
#include "kernels/bytes.hpp"
#include "kernels/reduce_tiles.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// Tiles.

// out[r] = the largest element of row r; NaN where there is one.
template <class T>
[[gnu::noinline]] inline void tile_max(const Tile<T>& tile, int64_t n, T* out) {
  for (int r = 0; r < kTileRows; ++r) out[r] = Largest::kIdentity<T>;
  for (int64_t k = 0; k < n; ++k) {
    const T* const x = tile.element + k * kTileRows;
#pragma omp simd
    for (int r = 0; r < kTileRows; ++r) out[r] = Largest::combine(out[r], x[r]);
  }
}

// out = f(x, y, the row's element of z), element by element; out may be x or y.
template <class T, class F>
[[gnu::always_inline]] inline void map_tile(Tile<T>& out, const Tile<T>& x, const Tile<T>& y, const T* z, int64_t n,
                                            F&& f) {
  for (int64_t i = 0; i < n * kTileRows; i += kTileRows) {
#pragma omp simd
    for (int r = 0; r < kTileRows; ++r) out.element[i + r] = f(x.element[i + r], y.element[i + r], z[r]);
  }
}

// Whether so many rows of n elements are made as a tile: all that are short, but for a few of more than a vector.
template <class T>
[[gnu::always_inline]] inline bool are_tile(int64_t n, int64_t rows) {
  constexpr int64_t kFew = 10;
  return n <= kVirtualLanes<T> || (n < kTileColumns<T> && rows >= kFew);
}

// ---------------------------------------------------------------------------------------------------------------------
// Rows, a block at a time.

// Rows whose steps are interleaved: as many as stay in the first-level cache, at most kTileRows.
[[gnu::always_inline]] inline int64_t rows_at_once(int64_t n) {
  constexpr int64_t kElements = 2048;
  return n * kTileRows <= kElements ? kTileRows : (n >= kElements ? 1 : kElements / n);
}

// A row that may be strided: `at` gives a block of it as contiguous elements, in memory or copied to `buffer`.
template <class T>
struct StridedRow {
  const T* x;
  int64_t step;

  [[gnu::always_inline]] const T* at(int64_t begin, int64_t count, T* buffer) const {
    if (step == 1) return x + begin;
    gather(buffer, x + begin * step, step, count);
    return buffer;
  }
};

template <class T>
[[gnu::noinline]] inline T row_max(const StridedRow<T>& row, int64_t n) {
  alignas(64) T buffer[kRowBlock<T>];
  return fold<Largest>(combine_row_blocks<Largest, T>(n, [&](int64_t begin, int64_t count) {
    return block_lanes<Largest, T>(PlainRow<T>{row.at(begin, count, buffer)}, count);
  }));
}

// out[i] = f(x[i], y[i]) for 0 <= i < n; out may be x or y. The last elements are computed in whole vectors too: a
// scalar exponential costs as much as sixteen in a vector.
template <class T, class F>
[[gnu::always_inline]] inline void map_row(T* out, const T* x, const T* y, int64_t n, F&& f) {
  constexpr int kWidth = kVirtualLanes<T>;
  const int64_t whole = n / kWidth * kWidth;
#pragma omp simd
  for (int64_t i = 0; i < whole; ++i) out[i] = f(x[i], y[i]);
  if (whole == n) return;
  alignas(64) T a[kWidth], b[kWidth];
  store_lanes(a, load_first_lanes(x + whole, n - whole, T{0}));
  store_lanes(b, load_first_lanes(y + whole, n - whole, T{0}));
#pragma omp simd
  for (int i = 0; i < kWidth; ++i) a[i] = f(a[i], b[i]);
  store_first_lanes(out + whole, load_lanes(a), n - whole);
}

// The same for one operand.
template <class T, class F>
[[gnu::always_inline]] inline void map_row(T* out, const T* x, int64_t n, F&& f) {
  constexpr int kWidth = kVirtualLanes<T>;
  const int64_t whole = n / kWidth * kWidth;
#pragma omp simd
  for (int64_t i = 0; i < whole; ++i) out[i] = f(x[i]);
  if (whole == n) return;
  alignas(64) T a[kWidth];
  store_lanes(a, load_first_lanes(x + whole, n - whole, T{0}));
#pragma omp simd
  for (int i = 0; i < kWidth; ++i) a[i] = f(a[i]);
  store_first_lanes(out + whole, load_lanes(a), n - whole);
}

// A row of out: contiguous blocks of it, in memory or in `buffer`, from where flush() takes them.
template <class T>
struct StridedOut {
  T* out;
  int64_t step;

  [[gnu::always_inline]] T* at(int64_t begin, T* buffer) const { return step == 1 ? out + begin : buffer; }
  [[gnu::always_inline]] void flush(int64_t begin, int64_t count, const T* block) const {
    if (step != 1) scatter(out + begin * step, step, block, count);
  }
};

// exp(x - m), which is kept at e where kKept. Lanes that are not there count as x = -inf.
template <class T, bool kKept>
struct ExpRow {
  const T* x;
  T m;
  T* e;
  NextLine next;

  [[gnu::always_inline]] void fetch(int64_t j) const {
    if (next.ahead != 0) fetch_group(x + next.ahead + j, next.far);
  }
  [[gnu::always_inline]] Vec<T> at(int64_t j) const {
    const Vec<T> value = math::exp_below_0(load(x + j) - m);
    if constexpr (kKept) store(e + j, value);
    return value;
  }
  [[gnu::always_inline]] Vec<T> first(int64_t j, int64_t count, Vec<T>) const {
    const Vec<T> value = math::exp_below_0(load_first(x + j, count, splat(Largest::kIdentity<T>)) - m);
    if constexpr (kKept) store_first(e + j, value, count);
    return value;
  }
};

// out = exp(x - m); gives the sum. The row that comes `next`, of one without gaps, is asked for meanwhile.
template <class T>
[[gnu::noinline]] inline T exp_row(const StridedRow<T>& x, T m, int64_t n, const StridedOut<T>& out,
                                   NextLine next = {}) {
  alignas(64) T x_copy[kRowBlock<T>], out_copy[kRowBlock<T>];
  return fold<Sum>(combine_row_blocks<Sum, T>(n, [&](int64_t begin, int64_t count) {
    T* const e = out.at(begin, out_copy);
    const Lanes<T> sum = block_lanes<Sum, T>(ExpRow<T, true>{x.at(begin, count, x_copy), m, e, next}, count);
    out.flush(begin, count, e);
    return sum;
  }));
}

// The same sum of what is not kept.
template <class T>
[[gnu::noinline]] inline T sum_of_exp(const StridedRow<T>& x, T m, int64_t n, NextLine next) {
  alignas(64) T x_copy[kRowBlock<T>];
  return fold<Sum>(combine_row_blocks<Sum, T>(n, [&](int64_t begin, int64_t count) {
    return block_lanes<Sum, T>(ExpRow<T, false>{x.at(begin, count, x_copy), m, nullptr, next}, count);
  }));
}

// out = out * scale, for any step of out.
template <class T>
[[gnu::noinline]] inline void scale_row(const StridedOut<T>& out, T scale, int64_t n) {
  if (out.step == 1) {
    map_row(out.out, out.out, n, [scale](T value) __attribute__((always_inline)) { return value * scale; });
  } else {
    for (int64_t i = 0; i < n; ++i) out.out[i * out.step] *= scale;
  }
}

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
