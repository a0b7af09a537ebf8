// An operation: functions on blocks of contiguous elements. What walks over an array (reduce_walks.hpp) is compiled
// once for all operations.
#pragma once

#include <type_traits>

#include "isa/isa.hpp"
#include "kernels/bytes.hpp"
#include "kernels/reduce_along.hpp"
#include "kernels/reduce_blocks.hpp"
#include "kernels/reduce_tiles.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

template <class T>
struct Operation {
  T identity;
  // Whole rows of n > 0 elements, the first at x, to out, out + out_step, ....
  void (*rows)(T* out, int64_t out_step, const T* x, int64_t x_step, int64_t rows, int64_t n);
  // The tree over a contiguous row of n > 0 elements, to its lanes.
  void (*row_lanes)(T* lanes, const T* x, int64_t n);
  // Part of a block of a row, combined into its lanes: pieces of whole groups, or its end.
  void (*row_groups)(T* lanes, const T* x, int64_t step, int64_t pieces, int64_t count);
  // Part of a block of columns, its beginning or combined into out: whole groups or its end, row i at x + i * step.
  void (*column_groups)(T* out, int64_t cols, const T* x, int64_t step, int64_t count, bool far, bool begins);
  // The tree over columns of n > 0 contiguous elements: column j at x + j * step.
  void (*along)(T* out, int64_t cols, const T* x, int64_t step, int64_t n);
  // A group of four vectors of `cols` rows that lie beside each other, combined into their lanes.
  void (*lane_group)(T* lanes, int64_t cols, const T* x, int64_t step, int64_t count);
  // Whole rows of n <= kVirtualLanes elements that lie beside each other.
  void (*short_rows)(T* out, int64_t rows, const T* x, int64_t step, int64_t n);
  // `count` values combined with `times` others each, in turn, that follow one another.
  void (*chain)(T* x, const T* y, int64_t count, int64_t times);
};

// What is combined in place of the elements: out[i][j] = f(x[i][j], centre[j * centre_step], parameter), contiguous
// rows of `cols` elements; row i of x starts at x + i * x_step, and out may be x.
template <class T>
using Map = void (*)(T* out, const T* x, int64_t x_step, int64_t rows, int64_t cols, const T* centre,
                     int64_t centre_step, T parameter);

// How mapped elements are summed: by a map; or, where several sums are made of each element, by the other two.
template <class T>
struct Mapping {
  Map<T> map;
  // The lanes of the sums of at most a block of contiguous elements of one row, `apart` from each other.
  void (*block)(T* lanes, int64_t apart, const T* x, int64_t count, T centre);
  // A block of columns, row i at x + i * step: one row of sums after the other.
  void (*columns)(T* out, int64_t cols, const T* x, int64_t step, int64_t count, const T* centre, bool far);
};

// Whether no cache holds so many elements. What the last one does hold comes faster without being asked for.
template <class T>
constexpr bool beyond_caches(int64_t elements) {
  return elements >= kStreamed / static_cast<int64_t>(sizeof(T));
}

// The tree over the blocks of a row, as combine_blocks builds it, but kept in registers.
template <class Op, class T>
[[gnu::noinline]] Lanes<T> long_row_lanes(const T* x, int64_t n, bool far) {
  Lanes<T> levels[48];
  int depth = 0;
  for (int64_t b = 0; b * kRowBlock<T> < n; ++b) {
    const int64_t done = b * kRowBlock<T>;
    levels[depth++] = block_lanes<Op, T>(LongRow<T, Op>{{x + done}, far}, smaller(kRowBlock<T>, n - done));
    for (int64_t pairs = b; pairs & 1; pairs >>= 1) {
      --depth;
      levels[depth - 1] = combine<Op>(levels[depth - 1], levels[depth]);
    }
  }
  for (; depth > 1; --depth) levels[depth - 2] = combine<Op>(levels[depth - 2], levels[depth - 1]);
  return levels[0];
}

template <class Op, class T>
void row_lanes_of(T* lanes, const T* x, int64_t n) {
  store_lanes(lanes, long_row_lanes<Op>(x, n, beyond_caches<T>(n)));
}

template <class Op, class T>
void row_groups_of(T* lanes, const T* x, int64_t step, int64_t pieces, int64_t count) {
  Lanes<T> total = load_lanes(lanes);
  for (int64_t i = 0; i < pieces; ++i) total = add_groups<Op>(total, PlainRow<T, Op>{x + i * step}, count);
  store_lanes(lanes, total);
}

// Whether folding the lanes of a short row takes longer than transposing it: where a step compares as well.
template <class Op>
constexpr bool kFoldsSlowly = std::is_same_v<Op, Largest> || std::is_same_v<Op, Smallest>;

// Rows of many blocks, of one block, and, of some operations, of half a vector: these transposed, many at a time. The
// bits are the same in all three.
template <class Op, class T>
void rows_of(T* out, int64_t out_step, const T* x, int64_t x_step, int64_t rows, int64_t n) {
  if (n > kRowBlock<T>) {
    const bool far = beyond_caches<T>(rows * n);
    for (int64_t i = 0; i < rows; ++i) out[i * out_step] = fold<Op>(long_row_lanes<Op>(x + i * x_step, n, far));
  } else if (!kFoldsSlowly<Op> || n > kVirtualLanes<T> / 2 || rows < kTileRows / 2) {
    for (int64_t i = 0; i < rows; ++i) {
      out[i * out_step] = fold<Op>(block_lanes<Op, T>(PlainRow<T, Op>{x + i * x_step}, n));
    }
  } else if constexpr (kFoldsSlowly<Op>) {
    Tile<T> tile;
    alignas(64) T result[kTileRows];
    for (int64_t i = 0; i < rows; i += kTileRows) {
      const int64_t count = smaller(kTileRows, rows - i);
      load_tile(tile, x + i * x_step, x_step, 1, count, n);
      combine_tile<Op>(tile, n, result);
      scatter(out + i * out_step, out_step, result, count);
    }
  }
}

template <class Op, class T>
void column_groups_of(T* out, int64_t cols, const T* x, int64_t step, int64_t count, bool far, bool begins) {
  column_block<Op>(out, cols, PlainRows<T, Op>{x, step, far}, count, begins);
}

template <class Op, class T>
void lane_group_of(T* lanes, int64_t cols, const T* x, int64_t step, int64_t count) {
  lane_group<Op>(lanes, cols, PlainRows<T, Op>{x, step}, count);
}

template <class Op, class T>
constexpr Operation<T> kOperation = {
    Op::template kIdentity<T>, rows_of<Op, T>,       row_lanes_of<Op, T>,  row_groups_of<Op, T>,
    column_groups_of<Op, T>,   combine_along<Op, T>, lane_group_of<Op, T>, combine_short_rows<Op, T>,
    combine_chain<Op, T>};

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
