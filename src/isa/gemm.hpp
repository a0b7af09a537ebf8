// Matrix products. The walk, from the outside in:
//
//   blocks of k        kBlockK of it; between them c holds the sums so far
//   panels of columns  panel_columns; b is packed here, where it is packed, for all rows
//   blocks of rows     block_rows; a is packed here; where it is not, all rows are one block
//   strips of columns  one to eight vectors
//   tiles of rows      one to fourteen rows, in registers
//
// Small products come down to the last two. Where b's rows are contiguous and few tiles read them, nothing is packed.
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

// A block of k for some rows: what all its tiles share stands in `tile`, which the functions below fill in further.
template <class T>
struct Block {
  Tile<T> tile;
  Range rows;
  const T* a;     // of the first row
  T* c;           // of the first row and column 0
  const T* bias;  // of column 0
};

// All rows of a strip of `count` columns from column j on; its b stands in the tile. The rows are cut into tiles of
// about equal height.
template <class T>
void run_strip(Block<T>& block, int64_t j, int64_t count, int log2) {
  Tile<T>& t = block.tile;
  const int64_t rows = block.rows.size();
  const int64_t most = max_rows(1 << log2);
  const int64_t tiles = rows <= most ? 1 : (rows + most - 1) / most;
  const int64_t height = tiles == 1 ? rows : rows / tiles;
  const int64_t higher = rows - tiles * height;  // the first tiles have a row more
  t.a = block.a;
  t.c = block.c + j;
  t.bias = block.bias != nullptr ? block.bias + j : nullptr;
  t.last = static_cast<int>((count - 1) % kLanes<T> + 1);
  const TileFunction<T>* run = kTiles<T>[t.last < kLanes<T>][log2].of + height - 1;
  for (int64_t i = 0; i < tiles; ++i) {
    const int64_t one = i < higher;
    run[one](t);
    t.a += (height + one) * t.a_row;
    t.c += (height + one) * t.c_row;
  }
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
  for (int64_t strip = columns.begin; strip < columns.end; strip += t.b_k, panel += t.b_k * t.k) {
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

// All rows, at most kThinRows, with thin tiles. Returns the column behind the last whole vector, up to which it went.
template <class T>
int64_t run_strips_thin(Block<T>& block, const T* b, int64_t b_col, const Range& columns) {
  constexpr int L = kLanes<T>;
  Tile<T>& t = block.tile;
  int64_t j = columns.begin;
  for (int64_t count; j + L <= columns.end; j += count) {
    const bool whole = j + kThinVectors * L <= columns.end;
    count = whole ? kThinVectors * L : L;
    t.a = block.a;
    t.b = b + (j - columns.begin) * b_col;
    t.c = block.c + j;
    t.bias = block.bias != nullptr ? block.bias + j : nullptr;
    if (block.rows.size() == 1) {
      whole ? run_thin_tile<T, 1, kThinVectors>(t, b_col) : run_thin_tile<T, 1, 1>(t, b_col);
    } else {
      whole ? run_thin_tile<T, 2, kThinVectors>(t, b_col) : run_thin_tile<T, 2, 1>(t, b_col);
    }
  }
  return j;
}

// Few rows times a b whose columns are contiguous.
template <class T>
void run_thin_block(const Product<T>& p, Block<T>& block, const T* b, const Range& columns, T* panel) {
  T copy[kThinRows * kBlockK];
  Tile<T>& t = block.tile;
  if (t.a_k != 1) {
    for (int64_t r = 0; r < block.rows.size(); ++r) {
      contiguous(block.a + r * t.a_row, t.a_k, t.k, copy + r * kBlockK);
    }
    block.a = copy;
    t.a_row = kBlockK;
    t.a_k = 1;
  }
  const int64_t b_col = p.shape->b_col;
  const int64_t rest = run_strips_thin(block, b, b_col, columns);
  if (rest == columns.end) return;
  pack(b + (rest - columns.begin) * b_col, int64_t{1}, b_col, t.k, columns.end - rest, panel, int64_t{kLanes<T>});
  run_strips_packed(block, panel, Range{rest, columns.end}, 0);
}

// Some rows, whose part of a is copied first if that was chosen.
template <class T>
void take_rows(const Product<T>& p, Block<T>& block, const Range& rows, int64_t k, T* packed) {
  const ProductShape& shape = *p.shape;
  Tile<T>& t = block.tile;
  block.rows = rows;
  block.a = p.a + rows.begin * shape.a_row + k * shape.a_k;
  block.c = p.c + rows.begin * shape.n;
  t.a_row = shape.a_row;
  t.a_k = shape.a_k;
  if (shape.pack_a) {
    pack(block.a, t.a_row, t.a_k, rows.size(), t.k, packed, kPackedRow);
    block.a = packed;
    t.a_row = kPackedRow;
    t.a_k = 1;
  }
}

// c[rows][columns] for the block of k that begins at k, at most a panel of columns.
template <class T>
void run_panel(const Product<T>& p, Block<T>& block, int64_t k, const Range& rows, const Range& columns,
               char* scratch) {
  const ProductShape& shape = *p.shape;
  T* panel = reinterpret_cast<T*>(scratch);
  T* packed = reinterpret_cast<T*>(scratch + shape.panel_bytes);
  const T* b = p.b + k * shape.b_k + columns.begin * shape.b_col;
  if (shape.b_k == 1 && shape.b_col != 1 && rows.size() <= kThinRows) {
    take_rows(p, block, rows, k, packed);
    return run_thin_block(p, block, b, columns, panel);
  }
  const int widest = rows.size() <= max_rows(4) ? 2 : 1;
  if (shape.pack_b) {
    pack(b, shape.b_k, shape.b_col, block.tile.k, columns.size(), panel, int64_t{kLanes<T>} << widest);
  }
  const int64_t most = shape.pack_a ? block_rows(sizeof(T)) : rows.size();
  for (int64_t row = rows.begin; row < rows.end; row += most) {
    take_rows(p, block, Range{row, smaller(rows.end, row + most)}, k, packed);
    if (shape.pack_b) {
      run_strips_packed(block, panel, columns, widest);
    } else {
      run_strips_in_place(block, b, shape.b_k, columns);
    }
  }
}

// c[rows][columns].
template <class T>
void run_block(const Product<T>& p, const Range& rows, const Range& columns, char* scratch) {
  const ProductShape& shape = *p.shape;
  const int64_t most = shape.pack_b ? shape.panel_columns : columns.size();
  Block<T> block;
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
