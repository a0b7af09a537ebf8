// An operation: functions on blocks of contiguous elements. What walks over an array (reduce_walks.hpp) is compiled
// once for all operations.
#pragma once

#include <type_traits>

#include "isa/isa.hpp"
#include "kernels/reduce_along.hpp"
#include "kernels/reduce_blocks.hpp"
#include "kernels/reduce_tiles.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

template <class T>
struct Operation {
  T identity;
  // Whole rows of n > 0 elements, the first at x, to out, out + out_step, .... They are of an array of `whole`
  // elements, which tells whence they come.
  void (*rows)(T* out, int64_t out_step, const T* x, int64_t x_step, int64_t rows, int64_t n, int64_t whole);
  // The tree over n > 0 elements of a row from `begin` on, the start of a block, to its lanes. The row lies in pieces
  // of whole blocks or in one piece, `step` apart, and is of an array of `whole` elements.
  void (*row_lanes)(T* lanes, const T* x, int64_t begin, int64_t n, int64_t piece, int64_t step, int64_t whole);
  // Part of a block of a row, combined into its lanes: pieces of whole groups, or its end.
  void (*row_groups)(T* lanes, const T* x, int64_t step, int64_t pieces, int64_t count);
  // Part of a block of columns, its beginning or combined into out: whole groups or its end, row i at x + i * step.
  void (*column_groups)(T* out, int64_t cols, const T* x, int64_t step, int64_t count, bool far, bool begins);
  // The tree over n > 0 rows of at most a register of columns: row i at x + i * step.
  void (*narrow)(T* out, int64_t cols, const T* x, int64_t step, int64_t n);
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

// The tree over the blocks of a row whose first element is the one `done` elements behind the beginning of a piece.
template <class Op, class T>
[[gnu::noinline]] Lanes<T> long_row_lanes(const T* x, int64_t done, int64_t n, int64_t piece, int64_t step,
                                          int64_t whole) {
  const auto block = [&](int64_t b) __attribute__((always_inline)) {
    const T* const here = x;
    x += kRowBlock<T>;
    done += kRowBlock<T>;
    if (done == piece) x += step - piece, done = 0;
    return block_lanes<Op, T>(LongRow<T, Op>{{here}, whole}, smaller(kRowBlock<T>, n - b * kRowBlock<T>));
  };
  return combine_in_registers<Lanes<T>>(divide_up(n, kRowBlock<T>), combine<Op, T>, block);
}

template <class Op, class T>
void row_lanes_of(T* lanes, const T* x, int64_t begin, int64_t n, int64_t piece, int64_t step, int64_t whole) {
  const int64_t done = begin % piece;
  const T* const first = x + begin / piece * step + done;
  store_lanes(lanes, long_row_lanes<Op>(first, done, n, piece, step, whole));
}

template <class Op, class T>
void narrow_of(T* out, int64_t cols, const T* x, int64_t step, int64_t n) {
  const auto block = [=](int64_t b) {
    const int64_t begin = b * kBlockVectors;
    const PlainRows<T, Op> rows = {x + begin * step, step};
    return partial_block<Op, T>(rows, 0, cols, smaller(kBlockVectors, n - begin), splat(Op::template kIdentity<T>));
  };
  const auto merge = [](Vec<T> a, Vec<T> b) { return Op::combine(a, b); };
  const Vec<T> total = combine_in_registers<Vec<T>>(divide_up(n, kBlockVectors), merge, block);
  store_first(out, total, cols);
}

template <class Op, class T>
void row_groups_of(T* lanes, const T* x, int64_t step, int64_t pieces, int64_t count) {
  Lanes<T> total = load_lanes(lanes);
  for (int64_t i = 0; i < pieces; ++i) total = add_groups<Op>(total, PlainRow<T, Op>{x + i * step}, count);
  store_lanes(lanes, total);
}

// Rows of many blocks, of one block, and, where the order does not matter, of half a vector: these transposed, many at
// a time.
template <class Op, class T>
void rows_of(T* out, int64_t out_step, const T* x, int64_t x_step, int64_t rows, int64_t n, int64_t whole) {
  if (n > kRowBlock<T>) {
    for (int64_t i = 0; i < rows; ++i) {
      out[i * out_step] = fold<Op>(long_row_lanes<Op>(x + i * x_step, 0, n, n, 0, whole));
    }
  } else if (!Op::kInAnyOrder || n > kVirtualLanes<T> / 2 || rows < kTileRows / 2) {
    for (int64_t i = 0; i < rows; ++i) {
      out[i * out_step] = fold<Op>(block_lanes<Op, T>(LongRow<T, Op>{{x + i * x_step}, whole}, n));
    }
  } else if constexpr (Op::kInAnyOrder) {
    Tile<T> tile;
    alignas(64) T result[kTileRows];
    for (int64_t i = 0; i < rows; i += kTileRows) {
      const int64_t count = smaller(kTileRows, rows - i);
      load_tile(tile, x + i * x_step, x_step, 1, count, n);
      column_block<Op>(result, kTileRows, PlainRows<T, Op>{tile.element, kTileRows}, n);
      scatter(out + i * out_step, out_step, result, count);
    }
  }
}

template <class Op, class T>
void column_groups_of(T* out, int64_t cols, const T* x, int64_t step, int64_t count, bool far, bool begins) {
  column_block<Op>(out, cols, PlainRows<T, Op>{x, step, far}, count, begins);
}

// What goes lane by lane, or over several columns at once, goes column by column or row by row where the order does not
// matter.
template <class Op, class T>
void lane_group_of(T* lanes, int64_t cols, const T* x, int64_t step, int64_t count) {
  if constexpr (Op::kInAnyOrder) {
    column_groups_of<Op>(lanes, cols, x, step, count, false, false);
  } else {
    lane_group<Op>(lanes, cols, PlainRows<T, Op>{x, step}, count);
  }
}

template <class Op, class T>
void short_rows_of(T* out, int64_t rows, const T* x, int64_t step, int64_t n) {
  if constexpr (Op::kInAnyOrder) {
    column_groups_of<Op>(out, rows, x, step, n, false, true);
  } else {
    combine_short_rows<Op>(out, rows, x, step, n);
  }
}

template <class Op, class T>
void along_of(T* out, int64_t cols, const T* x, int64_t step, int64_t n) {
  if constexpr (Op::kInAnyOrder) {
    rows_of<Op>(out, 1, x, step, cols, n, cols * n);
  } else {
    combine_along<Op>(out, cols, x, step, n);
  }
}

template <class Op, class T>
constexpr Operation<T> kOperation = {
    Op::template kIdentity<T>, rows_of<Op, T>,  row_lanes_of<Op, T>,  row_groups_of<Op, T>, column_groups_of<Op, T>,
    narrow_of<Op, T>,          along_of<Op, T>, lane_group_of<Op, T>, short_rows_of<Op, T>, combine_chain<Op, T>};

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
