// Sums, products and extrema over many elements, in one fixed order. What reduce, softmax and loss are built from.
//
// The order. A sequence of n vectors v0, v1, ... is combined
//   - in groups of four: g = (v0 v1)(v2 v3), where missing vectors are left out;
//   - in blocks of 64 vectors: ((identity g0) g1) ... g15;
//   - the blocks b0, b1, ... in a binary tree: neighbours in pairs, pairs in pairs, and at the end what is left over
//     from right to left. A run of 2^k blocks that starts at a multiple of 2^k is a subtree: any thread may compute it.
// Where a dimension behind the reduced one is kept, vector i is the i-th row, and each of its columns is a result
// (columns). Where the last dimension is reduced, element i of a row belongs to lane i mod 16 (8 in double) of vector
// i div 16, and the 16 lanes that remain are folded (rows). In both cases a result's bits depend on the elements that
// it is made of and on nothing else: width of registers, strides, threads and neighbouring results are free choices.
//
// The first group is combined with the identity, so a sum is never -0, and padding with the identity changes nothing.
#pragma once

#include "isa/isa.hpp"
#include "isa/lanes.hpp"
#include "kernels/bytes.hpp"
#include "kernels/reduce_ops.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

constexpr int kBlockVectors = 64;

// Elements of a row in one block.
template <class T>
constexpr int kRowBlock = kBlockVectors * kVirtualLanes<T>;

[[gnu::always_inline]] inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
[[gnu::always_inline]] inline int64_t divide_up(int64_t n, int64_t by) { return (n + by - 1) / by; }

// ---------------------------------------------------------------------------------------------------------------------
// What is combined: rows of elements in memory, or of products of two. at(j) is the register from element j on,
// first(j, count, fill) its first `count` lanes.

template <class T, class Op = AsItIs>
struct PlainRow {
  const T* x;

  [[gnu::always_inline]] Vec<T> at(int64_t j) const { return Op::read(load(x + j)); }
  [[gnu::always_inline]] Vec<T> first(int64_t j, int64_t count, Vec<T> fill) const {
    return Op::read(load_first(x + j, count, fill));
  }
};

// Whether no cache holds so many elements.
template <class T>
constexpr bool beyond_caches(int64_t elements) {
  return elements >= kStreamed / static_cast<int64_t>(sizeof(T));
}

// Asks for as much as a group, what comes soon after the one at x. Measured on Zen 4: into the nearest cache, or twice
// as far ahead, sums or extrema come up to a third slower.
template <class T>
[[gnu::always_inline]] inline void fetch_soon(const T* x) {
  constexpr int kSoon = 2048, kGroup = 256;  // bytes
  const char* const from = reinterpret_cast<const char*>(x) + kSoon;
#pragma GCC unroll 4
  for (int line = 0; line < kGroup; line += 64) __builtin_prefetch(from + line, 0, 2);
}

// Asks for one line of a group that comes much later: the processor sees to the lines beside it. Measured on Zen 4:
// sums of what half fills the last cache take a seventh less time, but of what only memory holds up to a fifth more.
template <class T>
[[gnu::always_inline]] inline void fetch_later(const T* x) {
  constexpr int kLater = 16384;  // bytes
  __builtin_prefetch(reinterpret_cast<const char*>(x) + kLater, 0, 2);
}

// Asks for a group of four vectors: for the nearest cache, or, from memory, which takes longer, for the one after that.
template <class T>
[[gnu::always_inline]] inline void fetch_group(const T* x, bool far) {
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const T* const vector = x + i * kVirtualLanes<T>;
    far ? __builtin_prefetch(vector, 0, 2) : __builtin_prefetch(vector);
  }
}

// The line that is asked for while one stands in the nearest cache: so many elements farther, 0 for none. Memory would
// be idle meanwhile, and no processor foresees the next line beyond a page.
struct NextLine {
  int64_t ahead;
  bool far;  // in memory
};

// A row of an array of `whole` elements. Group by group, what comes is asked for: soon where no cache holds the array,
// later where it half fills the last one. Smaller ones come faster without.
template <class T, class Op>
struct LongRow : PlainRow<T, Op> {
  int64_t whole;

  [[gnu::always_inline]] void fetch(int64_t j) const {
    if (beyond_caches<T>(whole)) return fetch_soon(this->x + j);
    if (beyond_caches<T>(2 * whole)) fetch_later(this->x + j);
  }
};

template <class T>
struct ProductRow {
  const T* x;
  const T* y;

  [[gnu::always_inline]] Vec<T> at(int64_t j) const { return load(x + j) * load(y + j); }
  // Only for sums: the lanes behind the first ones are 0, whatever `fill` is.
  [[gnu::always_inline]] Vec<T> first(int64_t j, int64_t count, Vec<T>) const {
    return load_first(x + j, count, Vec<T>{}) * load_first(y + j, count, Vec<T>{});
  }
};

// The rows of a matrix: row(i) is its i-th. Where they are `far`, those that come next are fetched ahead.
template <class T, class Op = AsItIs>
struct PlainRows {
  const T* x;
  int64_t step;
  bool far = false;

  [[gnu::always_inline]] const T* ahead(int64_t i) const { return far ? x + i * step : nullptr; }
  [[gnu::always_inline]] PlainRow<T, Op> row(int64_t i) const { return {x + i * step}; }
};

// ---------------------------------------------------------------------------------------------------------------------
// The tree over blocks.

template <class T>
[[gnu::always_inline]] inline void copy(T* out, const T* x, int64_t count) {
  for (int64_t i = 0; i < count; ++i) out[i] = x[i];
}

// How many partial results the tree over `blocks` blocks keeps at once, at the most.
[[gnu::always_inline]] inline int tree_levels(int64_t blocks) {
  return blocks <= 1 ? 1 : 64 - __builtin_clzll(static_cast<uint64_t>(blocks));
}

template <class Op, class T>
[[gnu::noinline]] inline void combine_into(T* x, const T* y, int64_t count) {
  int64_t j = 0;
  for (; j + kLanes<T> <= count; j += kLanes<T>) store(x + j, Op::combine(load(x + j), load(y + j)));
  if (j >= count) return;
  const Vec<T> fill = splat(Op::template kIdentity<T>);
  const Vec<T> tail = Op::combine(load_first(x + j, count - j, fill), load_first(y + j, count - j, fill));
  store_first(x + j, tail, count - j);
}

// x[j] combined with y[j], y[j + count], ..., `times` of them, one after the other.
template <class Op, class T>
void combine_chain(T* x, const T* y, int64_t count, int64_t times) {
  if (times == 1) return combine_into<Op>(x, y, count);
  if (count == kVirtualLanes<T>) {
    Lanes<T> total = load_lanes(x);
    for (int64_t k = 0; k < times; ++k) total = combine<Op>(total, load_lanes(y + k * count));
    return store_lanes(x, total);
  }
  for (int64_t k = 0; k < times; ++k) combine_into<Op>(x, y + k * count, count);
}

// block(b, out) writes the `width` values of block b; merge(x, y, width) combines y into x. Afterwards
// levels[0 ... width) holds the tree over all of them; `levels` has room for tree_levels(blocks) times `width` values.
template <class T, class Merge, class Block>
[[gnu::always_inline]] inline void combine_blocks(T* levels, int64_t width, int64_t blocks, Merge&& merge,
                                                  Block&& block) {
  T* top = levels;
  for (int64_t b = 0; b < blocks; ++b) {
    block(b, top);
    top += width;
    for (int64_t pairs = b; pairs & 1; pairs >>= 1) {
      top -= width;
      merge(top - width, static_cast<const T*>(top), width);
    }
  }
  while (top > levels + width) {
    top -= width;
    merge(top - width, static_cast<const T*>(top), width);
  }
}

// The same of few values, which stay in registers: block(b) gives those of block b.
template <class V, class Merge, class Block>
[[gnu::always_inline]] inline V combine_in_registers(int64_t blocks, Merge&& merge, Block&& block) {
  V levels[58];
  int depth = 0;
  for (int64_t b = 0; b < blocks; ++b) {
    levels[depth++] = block(b);
    for (int64_t pairs = b; pairs & 1; pairs >>= 1) {
      --depth;
      levels[depth - 1] = merge(levels[depth - 1], levels[depth]);
    }
  }
  for (; depth > 1; --depth) levels[depth - 2] = merge(levels[depth - 2], levels[depth - 1]);
  return levels[0];
}

// ---------------------------------------------------------------------------------------------------------------------
// Rows: contiguous elements, all of them for one result.

// The vector from element j on, of which `left` > 0 elements are there.
template <class Op, class T, class Row>
[[gnu::always_inline]] inline Lanes<T> first_lanes(const Row& row, int64_t j, int64_t left) {
  const Vec<T> fill = splat(Op::template kIdentity<T>);
  Lanes<T> lanes;
  for (int i = 0; i < kParts<T>; ++i) {
    const int64_t here = left - i * kLanes<T>;
    lanes.part[i] = here <= 0 ? fill : row.first(j + i * kLanes<T>, smaller(here, kLanes<T>), fill);
  }
  return lanes;
}

template <class T, class Row>
[[gnu::always_inline]] inline Lanes<T> all_lanes(const Row& row, int64_t j) {
  Lanes<T> lanes;
  for (int i = 0; i < kParts<T>; ++i) lanes.part[i] = row.at(j + i * kLanes<T>);
  return lanes;
}

// The last group of a row: 0 < left < 4 vectors' elements from j on.
template <class Op, class T, class Row>
[[gnu::always_inline]] inline Lanes<T> last_group(const Row& row, int64_t j, int64_t left) {
  constexpr int kWidth = kVirtualLanes<T>;
  const auto part = [&](int i) __attribute__((always_inline)) {
    return first_lanes<Op, T>(row, j + i * kWidth, left - i * kWidth);
  };
  if (left <= kWidth) return part(0);
  const Lanes<T> front = combine<Op>(all_lanes<T>(row, j), part(1));
  if (left <= 2 * kWidth) return front;
  if (left <= 3 * kWidth) return combine<Op>(front, part(2));
  return combine<Op>(front, combine<Op>(all_lanes<T>(row, j + 2 * kWidth), part(3)));
}

// `total` with `count` elements more: whole groups, or the end of a row.
template <class Op, class T, class Row>
[[gnu::always_inline]] inline Lanes<T> add_groups(Lanes<T> total, const Row& row, int64_t count) {
  constexpr int kWidth = kVirtualLanes<T>;
  int64_t j = 0;
  // Unrolled, the loads of a block would be reordered, and what is read in order comes faster from the cache.
#pragma GCC unroll 1
  for (; j + 4 * kWidth <= count; j += 4 * kWidth) {
    if constexpr (requires { row.fetch(j); }) row.fetch(j);
    for (int i = 0; i < kParts<T>; ++i) {
      const auto at = [&](int k) __attribute__((always_inline)) { return row.at(j + k * kWidth + i * kLanes<T>); };
      total.part[i] = add_four<Op>(total.part[i], at(0), at(1), at(2), at(3));
    }
  }
  return j < count ? combine<Op>(total, last_group<Op, T>(row, j, count - j)) : total;
}

// One block of a row: `count` <= kRowBlock elements.
template <class Op, class T, class Row>
[[gnu::always_inline]] inline Lanes<T> block_lanes(const Row& row, int64_t count) {
  return add_groups<Op>(splat_lanes(Op::template kIdentity<T>), row, count);
}

// A group of four vectors of a row.
template <class T, class Row>
[[gnu::always_inline]] inline Lanes<T> whole_group(const Row& row, int64_t j) {
  constexpr int kWidth = kVirtualLanes<T>;
  const Lanes<T> front = combine<Sum>(all_lanes<T>(row, j), all_lanes<T>(row, j + kWidth));
  const Lanes<T> back = combine<Sum>(all_lanes<T>(row, j + 2 * kWidth), all_lanes<T>(row, j + 3 * kWidth));
  return combine<Sum>(front, back);
}

// The lanes of several sums over one block, `apart` from each other, of what is read once for all.
template <class T, class... Rows>
[[gnu::always_inline]] inline void sum_blocks(T* out, int64_t apart, int64_t count, const Rows&... rows) {
  constexpr int kGroup = 4 * kVirtualLanes<T>;
  const int64_t whole = count / kGroup * kGroup;
  Lanes<T> total[sizeof...(Rows)];
  for (auto& lanes : total) lanes = splat_lanes(T{0});
  const auto add = [&](auto&& part) __attribute__((always_inline)) {
    int i = 0;
    ((total[i] = combine<Sum>(total[i], part(rows)), ++i), ...);
  };
  for (int64_t j = 0; j < whole; j += kGroup) {
    add([j](const auto& row) __attribute__((always_inline)) {
      if constexpr (requires { row.fetch(j); }) row.fetch(j);
      return whole_group<T>(row, j);
    });
  }
  if (whole < count) {
    add([=](const auto& row) __attribute__((always_inline)) { return last_group<Sum, T>(row, whole, count - whole); });
  }
  for (size_t i = 0; i < sizeof...(Rows); ++i) store_lanes(out + static_cast<int64_t>(i) * apart, total[i]);
}

// A row of n elements that is had block by block: block(begin, count) gives the lanes of elements begin ... .
template <class Op, class T, class Block>
[[gnu::always_inline]] inline Lanes<T> combine_row_blocks(int64_t n, Block&& block) {
  if (n <= kRowBlock<T>) return block(int64_t{0}, n);
  alignas(64) T levels[48 * kVirtualLanes<T>];
  combine_blocks(levels, kVirtualLanes<T>, divide_up(n, kRowBlock<T>), combine_into<Op, T>, [&](int64_t b, T* out) {
    const int64_t begin = b * kRowBlock<T>;
    store_lanes(out, block(begin, smaller(kRowBlock<T>, n - begin)));
  });
  return load_lanes(levels);
}

// The lanes of n contiguous elements.
template <class Op, class T>
[[gnu::always_inline]] inline Lanes<T> row_lanes(const T* x, int64_t n) {
  return combine_row_blocks<Op, T>(n, [=](int64_t begin, int64_t count) __attribute__((always_inline)) {
    return block_lanes<Op, T>(PlainRow<T>{x + begin}, count);
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// Columns: rows of `cols` elements, each column to a result.

constexpr int kPage = 4096;  // bytes, of memory

// Room for results that are read and written again while rows are read at x. A read waits behind a write whose place in
// another page is its own or little farther; so results lie `bytes` farther, which is more. Measured on Zen 4: sums of
// columns take up to 1.5, places of extrema 2 times as long where chance has them lie badly.
template <class T, int64_t count>
struct RoomBeside {
  alignas(64) T room[count + kPage / static_cast<int>(sizeof(T))];

  T* behind(const void* x, int bytes = kPage / 2) {
    const uintptr_t gap =
        reinterpret_cast<uintptr_t>(x) + static_cast<uintptr_t>(bytes) - reinterpret_cast<uintptr_t>(room);
    return room + gap % kPage / 64 * 64 / sizeof(T);
  }
};

// `total` with a group of kRows rows at one place; `at` reads it from a row.
template <class Op, int kRows, class V, class Row, class At>
[[gnu::always_inline]] inline V add_column_group(V total, const Row (&r)[4], At&& at) {
  if constexpr (kRows == 1) return Op::combine(total, at(r[0]));
  if constexpr (kRows == 2) return Op::combine(total, Op::combine(at(r[0]), at(r[1])));
  if constexpr (kRows == 3) return Op::combine(total, Op::combine(Op::combine(at(r[0]), at(r[1])), at(r[2])));
  if constexpr (kRows == 4) return add_four<Op>(total, at(r[0]), at(r[1]), at(r[2]), at(r[3]));
}

// `count` rows, at most a block, in one register of columns.
template <class Op, class Rows, class At, class V>
[[gnu::always_inline]] inline V narrow_block(const Rows& rows, int64_t count, V total, At&& at) {
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const decltype(rows.row(0)) r[4] = {rows.row(i), rows.row(i + 1), rows.row(i + 2), rows.row(i + 3)};
    total = add_column_group<Op, 4>(total, r, at);
  }
  if (i == count) return total;
  const V none = Op::template kIdentity<std::remove_reference_t<decltype(total[0])>> - V{};
  const V second = i + 1 < count ? at(rows.row(i + 1)) : none, third = i + 2 < count ? at(rows.row(i + 2)) : none;
  return add_four<Op>(total, at(rows.row(i)), second, third, none);
}

// Asks for the part of the next rows, as many as these, that comes after `done` elements of each of these, all in the
// order of memory: of several streams, each of which begins anew with every row, the processor foresees little. So many
// rows would fill the nearest cache, so they go to the next one.
template <int kRows, class T>
[[gnu::always_inline]] inline void fetch(const T* next, int64_t done) {
  if (next == nullptr) return;
  const char* const from = reinterpret_cast<const char*>(next + kRows * done);
#pragma GCC unroll 8
  for (int line = 0; line < kRows * kVectorBytes; line += 64) __builtin_prefetch(from + line, 0, 2);
}

// out = out combined with kRows rows from `first` on, `step` apart, for all columns: a group of at most four, or two
// whole ones, which halves the way through `out`. The rows behind them begin at `next`, if they are to be fetched.
template <class Op, int kRows, class T, class Rows>
[[gnu::always_inline]] inline void add_rows(T* out, int64_t cols, const Rows& rows, int64_t first, int64_t step,
                                            const T* next = nullptr) {
  using Row = decltype(rows.row(0));
  constexpr int kGroup = kRows < 4 ? kRows : 4;
  const auto row = [&](int i) __attribute__((always_inline)) { return rows.row(first + (i < kRows ? i : 0) * step); };
  const Row groups[2][4] = {{row(0), row(1), row(2), row(3)}, {row(4), row(5), row(6), row(7)}};
  const auto add = [&](Vec<T> total, auto&& at) __attribute__((always_inline)) {
    for (int g = 0; g < kRows; g += 4) total = add_column_group<Op, kGroup>(total, groups[g / 4], at);
    return total;
  };
  int64_t j = 0;
  for (; j + kLanes<T> <= cols; j += kLanes<T>) {
    fetch<kRows>(next, j);
    store(out + j, add(load(out + j), [j](const Row& r) __attribute__((always_inline)) { return r.at(j); }));
  }
  if (j == cols) return;
  const Vec<T> fill = splat(Op::template kIdentity<T>);
  const auto at = [=](const Row& r) __attribute__((always_inline)) { return r.first(j, cols - j, fill); };
  store_first(out + j, add(load_first(out + j, cols - j, fill), at), cols - j);
}

// The same for a group of which `count` rows are there.
template <class Op, class T, class Rows>
[[gnu::always_inline]] inline void add_group(T* out, int64_t cols, const Rows& rows, int64_t first, int64_t step,
                                             int64_t count) {
  if (count <= 0) return;
  if (count == 1) return add_rows<Op, 1>(out, cols, rows, first, step);
  if (count == 2) return add_rows<Op, 2>(out, cols, rows, first, step);
  count == 3 ? add_rows<Op, 3>(out, cols, rows, first, step) : add_rows<Op, 4>(out, cols, rows, first, step);
}

// The same of `cols` columns from column j on, fewer than a register has room for. What is in the other lanes nobody
// reads.
template <class Op, class T, class Rows>
[[gnu::noinline]] inline Vec<T> partial_block(const Rows& rows, int64_t j, int64_t cols, int64_t count, Vec<T> total) {
  using Row = decltype(rows.row(0));
  const auto at = [=](const Row& row) __attribute__((always_inline)) { return row.first(j, cols, Vec<T>{}); };
  return narrow_block<Op>(rows, count, total, at);
}

// Part of a block of columns, its beginning or combined into out, a register of columns after the other: whole groups
// or the block's end.
template <class Op, class T, class Rows>
[[gnu::noinline]] inline void narrow_columns(T* out, int64_t cols, const Rows& rows, int64_t count,
                                             bool begins = true) {
  using Row = decltype(rows.row(0));
  const Vec<T> identity = splat(Op::template kIdentity<T>);
  int64_t j = 0;
  for (; j + kLanes<T> <= cols; j += kLanes<T>) {
    const auto at = [j](const Row& row) __attribute__((always_inline)) { return row.at(j); };
    store(out + j, narrow_block<Op>(rows, count, begins ? identity : load(out + j), at));
  }
  if (j == cols) return;
  const Vec<T> total = begins ? identity : load_first(out + j, cols - j, identity);
  store_first(out + j, partial_block<Op, T>(rows, j, cols - j, count, total), cols - j);
}

// The same for any number of columns. Few stay in registers; of many the rows are read from left to right, eight
// at a time, while out stays in the first-level cache.
template <class Op, class T, class Rows>
[[gnu::noinline]] inline void column_block(T* out, int64_t cols, const Rows& rows, int64_t count, bool begins = true) {
  if (cols > 2 * kLanes<T>) {
    for (int64_t j = 0; begins && j < cols; ++j) out[j] = Op::template kIdentity<T>;
    int64_t i = 0;
    for (; i + 8 <= count; i += 8) {
      const T* next = nullptr;
      if constexpr (requires { rows.far; }) next = rows.ahead(i + 8);
      add_rows<Op, 8>(out, cols, rows, i, 1, next);
    }
    for (; i < count; i += 4) add_group<Op>(out, cols, rows, i, 1, count - i);
    return;
  }
  narrow_columns<Op>(out, cols, rows, count, begins);
}

// The same for rows that are together in `rows`.
template <class Op, class T, class Rows>
[[gnu::noinline]] inline void add_group_of(T* out, int64_t cols, const Rows& rows, int64_t count) {
  add_group<Op>(out, cols, rows, 0, 1, count);
}

// Four vectors' rows, or fewer at the end, of `cols` results that are summed in the order of a row: out[lane][col].
template <class Op, class T, class Rows>
[[gnu::noinline]] inline void lane_group(T* out, int64_t cols, const Rows& rows, int64_t count) {
  constexpr int kWidth = kVirtualLanes<T>;
  for (int64_t lane = 0; lane < kWidth; ++lane) {
    add_group<Op>(out + lane * cols, cols, rows, lane, kWidth, divide_up(count - lane, kWidth));
  }
}

// n rows of `cols` columns, each column in the order of columns, into levels[0 ... cols), which has room for
// tree_levels(blocks) times `cols` values. rows_of(begin, count) gives the rows from `begin` on, which is called once
// for each block, in order.
template <class Op, class T, class RowsOf>
[[gnu::always_inline]] inline void combine_columns(T* levels, int64_t cols, int64_t n, RowsOf&& rows_of) {
  combine_blocks(levels, cols, n > 0 ? divide_up(n, kBlockVectors) : 1, combine_into<Op, T>, [&](int64_t b, T* out) {
    const int64_t begin = b * kBlockVectors, count = smaller(kBlockVectors, n - begin);
    column_block<Op>(out, cols, rows_of(begin, count), count);
  });
}

// Where n rows of columns are summed in the order of rows, lane l of block b is unit b * kVirtualLanes + l, which any
// thread may compute. visit(unit, units, row, end) is called for the units of each block among begin ... end, the first
// of which begins with `row`; the block's rows end at `end`.
template <class T, class Visit>
[[gnu::always_inline]] inline void for_units(int64_t n, int64_t begin, int64_t end, Visit&& visit) {
  while (begin < end) {
    const int64_t block = begin / kVirtualLanes<T>, lane = begin % kVirtualLanes<T>;
    const int64_t units = smaller(kVirtualLanes<T> - lane, end - begin);
    visit(begin, units, block * kRowBlock<T> + lane, smaller(n, (block + 1) * kRowBlock<T>));
    begin += units;
  }
}

// The same for each group of four vectors, visit(unit, units, row, count): the first unit has rows row, row +
// kVirtualLanes, ... below row + count, the next one those that come after them, ....
template <class T, class Visit>
[[gnu::always_inline]] inline void for_groups(int64_t n, int64_t begin, int64_t end, Visit&& visit) {
  constexpr int64_t kGroup = 4 * kVirtualLanes<T>;
  for_units<T>(n, begin, end, [&](int64_t unit, int64_t units, int64_t row, int64_t block_end) {
    const int64_t lane = row % kVirtualLanes<T>;
    for (; row < block_end; row += kGroup) visit(unit, units, row, smaller(kGroup - lane, block_end - row));
  });
}

// visit(row, count) for `count` rows from `row` on, as many as lie together: all rows of the units, in order.
template <class T, class Visit>
[[gnu::always_inline]] inline void for_runs(int64_t n, int64_t begin, int64_t end, Visit&& visit) {
  for_units<T>(n, begin, end, [&](int64_t, int64_t units, int64_t row, int64_t block_end) {
    for (; row < block_end; row += kVirtualLanes<T>) visit(row, smaller(units, block_end - row));
  });
}

// Folds kVirtualLanes rows of `cols` lanes, as fold() does, into the first one.
template <class T, class Merge>
[[gnu::always_inline]] inline void fold_columns(T* lanes, int64_t cols, Merge&& merge) {
  for (int64_t half = kVirtualLanes<T> / 2; half > 0; half /= 2) {
    merge(lanes, static_cast<const T*>(lanes + half * cols), half * cols);
  }
}

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
