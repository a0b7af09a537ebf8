// Matrix products. The walk, from the outside in:
//
//   blocks of k        kBlockK of it; between them c holds the sums so far
//   panels of columns  panel_columns; b is packed here, where it is packed, for all rows
//   blocks of rows     some tiles; a is copied here, where it does not lie well
//   strips of columns  one to eight vectors
//   tiles of rows      one to fourteen rows, in registers
//
// Small products come down to the last two. Where b's rows are contiguous and few tiles read them, nothing is packed,
// and all rows are one block. A single row reads b by rows, see run_row.
//
// Numerics. An element of a b is a sum over k, cut into blocks of kBlockK. Each block is one chain of fused
// multiply-adds that starts from +0 and runs in increasing k; the sums of the blocks are added in increasing order, the
// first one being taken as it is. So the bits of an element depend on its row of a and its column of b and on nothing
// else: tiles, packing, strides, threads and vector width are free choices. A bias is added once to the finished sum.
//
// An output of a single column is the exception: see gemm_dot.hpp.
#pragma once

#include "isa/gemm_pack.hpp"
#include "isa/gemm_product.hpp"
#include "isa/gemm_tile.hpp"
#include "isa/isa.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// log2 of the vectors in the next strip where `columns` columns are left, at most `log2`. Only the last vector of a
// strip may be cut; without masked loads, such a vector goes alone.
template <class T>
[[gnu::always_inline]] inline int next_strip(int log2, int64_t columns) {
  while (columns <= kLanes<T> * ((1 << log2) - 1)) --log2;
  if (!kMaskedLoads && log2 > 0 && columns < (kLanes<T> << log2)) --log2;
  return log2;
}

// Rows cut into tiles of about equal height, `most` at the most: the first `higher` of them have a row more.
struct RowCut {
  int64_t tiles, height, higher;

  RowCut(int64_t rows, int64_t most)
      : tiles(rows <= most ? 1 : (rows + most - 1) / most),
        height(tiles == 1 ? rows : rows / tiles),
        higher(rows - tiles * height) {}
  int64_t operator[](int64_t tile) const { return height + (tile < higher); }
  int64_t first_row(int64_t tile) const { return smaller(tile, tiles) * height + smaller(tile, higher); }
  Range rows(int64_t tile, int64_t end) const { return {first_row(tile), first_row(end)}; }
};

// What will be read soon, `runs` runs of `bytes` bytes, `step` elements apart: asked for little by little while other
// things are computed.
template <class T>
struct Ahead {
  const T* next;
  int64_t step, bytes, runs;
  int64_t at_once;

  void advance() {
    for (int64_t count = at_once; count > 0 && runs > 0; --count, --runs, next += step) {
      const char* const run = reinterpret_cast<const char*>(next);
      for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(run + i, 0, 2);
      __builtin_prefetch(run + bytes - 1, 0, 2);
    }
  }
};

// A block of k for some rows: what all its tiles share stands in `tile`, which the functions below fill in further.
template <class T>
struct Block {
  Tile<T> tile;
  Range rows;
  const T* a;      // of the first row
  T* c;            // of the first row and column 0
  const T* bias;   // of column 0
  Ahead<T> ahead;  // what the next block of rows will read
};

// Lets the tile write to a strip of `count` columns from column j on. Returns its functions: [rows - 1].
template <class T>
[[gnu::always_inline]] inline const TileFunction<T>* take_strip(Block<T>& block, int64_t j, int64_t count, int log2) {
  Tile<T>& t = block.tile;
  t.c = block.c + j;
  t.bias = block.bias != nullptr ? block.bias + j : nullptr;
  t.last = static_cast<int>((count - 1) % kLanes<T> + 1);
  return kTiles<T>[t.last < kLanes<T>][log2].of;
}

// All rows of a strip of `count` columns from column j on; its b stands in the tile.
template <class T>
void run_strip(Block<T>& block, int64_t j, int64_t count, int log2) {
  Tile<T>& t = block.tile;
  const RowCut cut(block.rows.size(), max_rows(1 << log2));
  const TileFunction<T>* run = take_strip(block, j, count, log2);
  t.a = block.a;
  for (int64_t i = 0; i < cut.tiles; ++i) {
    block.ahead.advance();
    run[cut[i] - 1](t);
    t.a += cut[i] * t.a_row;
    t.c += cut[i] * t.c_row;
  }
}

// Adds G rows of b, `count` columns of each, to the sums of a single row.
template <class T, int G>
[[gnu::always_inline]] inline void add_rows(const T* a, int64_t a_k, const T* b, int64_t b_k, int64_t count, T* sums) {
  constexpr int L = kLanes<T>;
  Vec<T> x[G];
  each<G, 1>([&](int g, int) { x[g] = splat(a[g * a_k]); });
  int64_t j = 0;
  for (; j + L <= count; j += L) {
    Vec<T> sum = load(sums + j);
    each<G, 1>([&](int g, int) { sum = fma(x[g], load(b + g * b_k + j), sum); });
    store(sums + j, sum);
  }
  if (j == count) return;
  const int last = static_cast<int>(count - j);
  Vec<T> sum = load(sums + j);
  each<G, 1>([&](int g, int) { sum = fma(x[g], load_part(b + g * b_k + j, last), sum); });
  store(sums + j, sum);
}

// A single row. Its sums stand in memory, so that rows of b are read at full length, a few side by side, which the
// machine foresees: strips of b would be short pieces at long distances.

template <class T>
void run_row(Block<T>& block, const T* b, int64_t b_k, const Range& columns) {
  constexpr int L = kLanes<T>, kAtOnce = 4;
  constexpr int64_t kMost = 16384 / sizeof(T);
  alignas(64) T sums[kMost];
  Tile<T>& t = block.tile;
  for (int64_t j = columns.begin; j < columns.end; j += kMost, b += kMost) {
    const int64_t count = smaller(columns.end - j, kMost);
    for (int64_t l = 0; l < count; l += L) store(sums + l, Vec<T>{});
    int64_t k = 0;
    for (; k + kAtOnce <= t.k; k += kAtOnce) {
      add_rows<T, kAtOnce>(block.a + k * t.a_k, t.a_k, b + k * b_k, b_k, count, sums);
    }
    for (; k < t.k; ++k) add_rows<T, 1>(block.a + k * t.a_k, t.a_k, b + k * b_k, b_k, count, sums);
    for (int64_t l = 0; l < count; l += L) {
      const int64_t width = smaller(count - l, L);
      take_strip(block, j + l, width, 0);
      Vec<T> sum[1][1] = {{load(sums + l)}};
      width == L ? finish_tile<T, 1, 1, false>(t, sum) : finish_tile<T, 1, 1, true>(t, sum);
    }
  }
}

// Whether that is quicker: from so many columns and rows of b on, up to a b that comes from caches.
template <class T>
bool reads_rows(const ProductShape& shape, const Block<T>& block, const Range& columns) {
  constexpr int64_t S = sizeof(T), kLeastBytes = 1024, kLeastRows = 32, kMostBytes = int64_t{8} << 20;
  return block.rows.size() == 1 && block.tile.k >= kLeastRows && columns.size() * S >= kLeastBytes &&
         shape.k * shape.n * S <= kMostBytes;
}

// Strips whose b is read where it stands, at `b`: its rows are contiguous.
template <class T>
void run_strips_in_place(Block<T>& block, const T* b, int64_t b_k, const Range& columns) {
  alignas(64) T panel[kMaskedLoads ? 1 : kBlockK * kLanes<T>];
  const int64_t rows = block.rows.size();
  const int widest = rows == 1 ? 3 : rows <= max_rows(4) ? 2 : 1;
  Tile<T>& t = block.tile;
  for (int64_t j = columns.begin; j < columns.end;) {
    const int log2 = next_strip<T>(widest, columns.end - j);
    const int64_t width = int64_t{kLanes<T>} << log2;
    const int64_t count = smaller(columns.end - j, width);
    t.b = b + (j - columns.begin);
    t.b_k = b_k;
    if (!kMaskedLoads && count < width) {
      pack_rows(t.b, b_k, t.k, count, panel, width);
      t.b = panel;
      t.b_k = width;
    }
    run_strip(block, j, count, log2);
    j += count;
  }
}

// Strips whose b was packed, 2^widest vectors wide. The last one may be computed in pieces.
template <class T>
void run_strips_packed(Block<T>& block, const T* panel, const Range& columns, int widest) {
  Tile<T>& t = block.tile;
  t.b_k = int64_t{kLanes<T>} << widest;
  const int64_t step = strip_size(t.k, t.b_k);
  for (int64_t strip = columns.begin; strip < columns.end; strip += t.b_k, panel += step) {
    const int64_t end = smaller(columns.end, strip + t.b_k);
    for (int64_t j = strip; j < end;) {
      const int log2 = next_strip<T>(widest, end - j);
      const int64_t count = smaller(end - j, kLanes<T> << log2);
      t.b = panel + (j - strip);
      run_strip(block, j, count, log2);
      j += count;
    }
  }
}

// Columns [j, j + V vectors) of at most kThinRows rows.
template <class T, int V>
void run_thin_strip(const Product<T>& p, const Range& rows, int64_t j, Tile<T>& t) {
  const int64_t b_col = p.shape->b_col;
  t.b = p.b + j * b_col;
  t.c = p.c + rows.begin * p.shape->n + j;
  t.bias = p.bias != nullptr ? p.bias + j : nullptr;
  rows.size() == 1 ? run_thin_tile<T, 1, V>(t, b_col) : run_thin_tile<T, 2, V>(t, b_col);
}

// All whole vectors of columns of at most kThinRows rows. Returns the column behind them.
template <class T>
int64_t run_thin(const Product<T>& p, const Range& rows, const Range& columns, T* copy) {
  constexpr int64_t L = kLanes<T>, W = kThinVectors<T> * L;
  const ProductShape& shape = *p.shape;
  Tile<T> t;
  t.a = p.a + rows.begin * shape.a_row;
  t.a_row = shape.a_row;
  if (shape.a_k != 1) {
    for (int64_t r = 0; r < rows.size(); ++r) contiguous(t.a + r * shape.a_row, shape.a_k, shape.k, copy + r * shape.k);
    t.a = copy;
    t.a_row = shape.k;
  }
  t.c_row = shape.n;
  t.k = shape.k;
  t.accumulate = false;
  t.relu = p.relu;
  int64_t j = columns.begin;
  for (; j + W <= columns.end; j += W) run_thin_strip<T, kThinVectors<T>>(p, rows, j, t);
  for (; j + L <= columns.end; j += L) run_thin_strip<T, 1>(p, rows, j, t);
  return j;
}

// Lets the tiles read the block's rows of a, from `a` on: where they stand, or else in a copy.
template <class T>
void take_rows(const ProductShape& shape, Block<T>& block, const T* a, T* copy) {
  Tile<T>& t = block.tile;
  block.a = a;
  t.a_row = shape.a_row;
  t.a_k = shape.a_k;
  if (!shape.pack_a) return;
  pack(a, t.a_row, t.a_k, block.rows.size(), t.k, copy, kPackedRow);
  block.a = copy;
  t.a_row = kPackedRow;
  t.a_k = 1;
}

// What copying `rows` rows of a will read, in runs of what is contiguous.
template <class T>
Ahead<T> rows_ahead(const ProductShape& shape, const T* a, int64_t rows, int64_t k) {
  constexpr int64_t S = sizeof(T);
  if (!shape.pack_a || rows == 0) return {};
  return shape.a_row == 1 ? Ahead<T>{a, shape.a_k, rows * S, k, 0} : Ahead<T>{a, shape.a_row, k * S, rows, 0};
}

// Tiles whose rows of a are copied together. A strip of b that fills the nearest cache streams past the rows of two;
// one that leaves room there stays for many, whose rows come from the next cache.
int64_t tiles_at_once() { return nearest_cache_bytes() > kBlockK * 2 * kVectorBytes ? 72 / max_rows(2) : 2; }

// A panel whose b was packed, in blocks of rows; a stands for the first row.
template <class T>
void run_row_blocks(const ProductShape& shape, Block<T>& block, const T* a, const T* panel, const Range& columns,
                    int widest, T* copy) {
  const RowCut cut(block.rows.size(), max_rows(1 << widest));
  T* const c = block.c;
  const int64_t width = int64_t{kLanes<T>} << widest;
  const int64_t at_once = tiles_at_once() * (shape.pack_a || shape.k == 0 ? 1 : kBlockK / block.tile.k);
  for (int64_t i = 0; i < cut.tiles; i += at_once) {
    const int64_t next = i + at_once;
    const Range rows = cut.rows(i, next), later = cut.rows(next, next + at_once);
    block.rows = rows;
    block.c = c + rows.begin * shape.n;
    take_rows(shape, block, a + rows.begin * shape.a_row, copy);
    block.ahead = rows_ahead(shape, a + later.begin * shape.a_row, later.size(), block.tile.k);
    block.ahead.at_once = block.ahead.runs * width / (columns.size() * at_once) + 1;
    run_strips_packed(block, panel, columns, widest);
  }
}

// c[rows][columns] for the block of k that begins at k, at most a panel of columns.
template <class T>
void run_panel(const Product<T>& p, Block<T>& block, int64_t k, const Range& rows, const Range& columns,
               char* scratch) {
  const ProductShape& shape = *p.shape;
  T* panel = reinterpret_cast<T*>(scratch);
  T* copy = reinterpret_cast<T*>(scratch + shape.panel_bytes);
  const T* b = p.b + k * shape.b_k + columns.begin * shape.b_col;
  const T* a = p.a + rows.begin * shape.a_row + k * shape.a_k;
  block.rows = rows;
  block.c = p.c + rows.begin * shape.n;
  if (!shape.pack_b) {
    take_rows(shape, block, a, copy);
    if (reads_rows(shape, block, columns)) return run_row(block, b, shape.b_k, columns);
    return run_strips_in_place(block, b, shape.b_k, columns);
  }
  const int widest = rows.size() <= max_rows(4) ? 2 : 1;
  pack(b, shape.b_k, shape.b_col, block.tile.k, columns.size(), panel, int64_t{kLanes<T>} << widest);
  run_row_blocks(shape, block, a, panel, columns, widest, copy);
}

// c[rows][columns].
template <class T>
void run_block(const Product<T>& p, const Range& rows, Range columns, char* scratch) {
  const ProductShape& shape = *p.shape;
  if (shape.thin && rows.size() <= kThinRows) {
    columns.begin = run_thin(p, rows, columns, reinterpret_cast<T*>(scratch + shape.panel_bytes));
    if (columns.size() == 0) return;
  }
  const int64_t most = shape.pack_b ? shape.panel_columns : columns.size();
  Block<T> block;
  block.ahead = {};
  Tile<T>& t = block.tile;
  t.c_row = shape.n;
  int64_t k = 0;
  do {  // once also for k = 0: the sum of nothing is 0, and the bias is still to be added
    const bool last = k + kBlockK >= shape.k;
    t.k = last ? shape.k - k : kBlockK;
    t.accumulate = k > 0;
    t.relu = last && p.relu;
    block.bias = last ? p.bias : nullptr;
    for (int64_t j = columns.begin; j < columns.end; j += most) {
      run_panel(p, block, k, rows, Range{j, smaller(columns.end, j + most)}, scratch);
    }
    k += kBlockK;
  } while (k < shape.k);
}

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
