// Register tiles: the innermost part of a matrix product.
//
// A tile holds R rows times V vectors of the output in registers while it runs through a block of k. All is unrolled: a
// function is made for each size, out of one template for all sizes, dtypes and instruction sets. The higher a tile,
// the fewer loads for each multiplication; about eight chains are needed to keep the multipliers busy.
#pragma once

#include <utility>

#include "isa/isa.hpp"
#include "isa/part.hpp"
#include "isa/transpose.hpp"
#include "kernels/matmul_shapes.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// c[r][j] = finish(c[r][j] + Σ_k a[r][k] b[k][j]) for a block of k, R rows and V vectors of columns.
// Rows of b are contiguous; a has any strides. c does not overlap a or b.
template <class T>
struct Tile {
  const T* a;
  int64_t a_row, a_k;
  const T* b;
  int64_t b_k;
  T* c;
  int64_t c_row;
  int64_t k;
  int last;         // how many columns of the last vector there are, where the tile is a masked one
  bool accumulate;  // add to what c holds, the sum of the blocks before; otherwise c is only written
  bool relu;        // finish with x <= 0 ? 0 : x, which lets NaN through
  const T* bias;    // finish with + bias[j], before relu; or nullptr
};

// As many as leave registers for what is multiplied. With 28 of AVX-512's, fourteen rows of c at a distance of 4 KB are
// more than one set of the nearest cache holds, and those of a more than it has room for beside b: 22 gain a percent.
#if defined(__AVX512F__)
constexpr int kAccumulators = 22;  // of 32 registers
#elif defined(__aarch64__)
constexpr int kAccumulators = 24;  // of 32
#elif defined(__AVX2__)
constexpr int kAccumulators = 12;  // of 16
#else
constexpr int kAccumulators = 8;  // of 16; a product of its own needs a register more
#endif

constexpr int kMaxTileRows = 14;

// A tile asks for its part of c, which may be far away, while it computes: for a row of it every so many steps. Asked
// for all at once, it would hold up what the steps read.
constexpr int64_t kStepsPerRow = kBlockK / 16;
static_assert(kMaxTileRows * kStepsPerRow <= kBlockK);

// The widest tiles serve thin products only: one row needs many vectors to hide the latency of its chains.
constexpr int max_rows(int vectors) {
  if (vectors == 8) return 1;
  if (vectors == 4) return kAccumulators / 4 < 3 ? kAccumulators / 4 : 3;
  return kAccumulators / vectors < kMaxTileRows ? kAccumulators / vectors : kMaxTileRows;
}

// Applies f(r, v) for all r in [0, R), v in [0, V).
template <int R, int V, class F>
[[gnu::always_inline]] inline void each(F&& f) {
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) f(r, v);
  }
}

template <class T, int R, int V, bool Masked>
[[gnu::always_inline]] inline void finish_tile(const Tile<T>& t, Vec<T> (&acc)[R][V]) {
  constexpr int L = kLanes<T>;
  const auto cut = [](int v) { return Masked && v == V - 1; };
  if (t.accumulate) {
    each<R, V>([&](int r, int v) {
      const T* c = t.c + r * t.c_row + v * L;
      acc[r][v] = (cut(v) ? load_part(c, t.last) : load(c)) + acc[r][v];
    });
  }
  if (t.bias != nullptr) {
    each<R, V>([&](int r, int v) {
      const T* bias = t.bias + v * L;
      acc[r][v] = acc[r][v] + (cut(v) ? load_part(bias, t.last) : load(bias));
    });
  }
  if (t.relu) {
    each<R, V>([&](int r, int v) { acc[r][v] = acc[r][v] <= Vec<T>{} ? Vec<T>{} : acc[r][v]; });
  }
  each<R, V>([&](int r, int v) {
    T* c = t.c + r * t.c_row + v * L;
    if (cut(v)) {
      store_part(c, acc[r][v], t.last);
    } else {
      store(c, acc[r][v]);
    }
  });
}

// Where the rows of a tile's a stand, for the present k: one pointer for every three rows, so that none of them has to
// be kept on the stack.
template <class T, int R>
struct RowsOfA {
  static constexpr int kGroup = 3, kGroups = (R + kGroup - 1) / kGroup;
  const T* group[kGroups];
  int64_t row;

  [[gnu::always_inline]] RowsOfA(const T* a, int64_t a_row) : row(a_row) {
#pragma GCC unroll 8
    for (int g = 0; g < kGroups; ++g) group[g] = a + g * kGroup * a_row;
  }
  [[gnu::always_inline]] T operator[](int r) const { return group[r / kGroup][r % kGroup * row]; }
  [[gnu::always_inline]] void advance(int64_t step) {
#pragma GCC unroll 8
    for (int g = 0; g < kGroups; ++g) group[g] += step;
  }
};

// One step of all chains. The shorter side of the tile is held in registers, the longer one streams past it.
template <class T, int R, int V, class A, class B>
[[gnu::always_inline]] inline void step_tile(const A& a, B&& b, Vec<T> (&acc)[R][V]) {
  if constexpr (R < V) {
    Vec<T> x[R];
    each<R, 1>([&](int r, int) { x[r] = splat(a[r]); });
    each<V, 1>([&](int v, int) {
      const Vec<T> y = b(v);
      each<R, 1>([&](int r, int) { acc[r][v] = fma(x[r], y, acc[r][v]); });
    });
  } else {
    Vec<T> y[V];
    each<V, 1>([&](int v, int) { y[v] = b(v); });
    each<R, 1>([&](int r, int) {
      const Vec<T> x = splat(a[r]);
      each<V, 1>([&](int v, int) { acc[r][v] = fma(x, y[v], acc[r][v]); });
    });
  }
}

template <class T, int R, int V, bool Masked>
void run_tile(const Tile<T>& t) {
  constexpr int L = kLanes<T>;
  Vec<T> acc[R][V] = {};
  RowsOfA<T, R> a(t.a, t.a_row);
  const T* b = t.b;
  const int64_t a_k = t.a_k, b_k = t.b_k;
  const int last = t.last;
  const auto load_b = [&](int v) {
    return Masked && kMaskedLoads && v == V - 1 ? load_part(b + v * L, last) : load(b + v * L);
  };
  const T* c = t.c;
  for (int64_t k = t.k; k > 0; --k) {
    if (__builtin_expect(k % kStepsPerRow == 0, 0)) {
      each<1, V>([&](int, int v) { __builtin_prefetch(c + v * L, 1); });
      __builtin_prefetch(c + V * L - 1, 1);
      c += t.c_row;
    }
    step_tile<T>(a, load_b, acc);
    b += b_k;
    a.advance(a_k);
  }
  finish_tile<T, R, V, Masked>(t, acc);
}

template <class T>
using TileFunction = void (*)(const Tile<T>&);

template <class T>
struct TileRow {
  TileFunction<T> of[kMaxTileRows];
};

template <class T, int V, bool Masked, int R>
constexpr TileFunction<T> tile_or_null() {
  if constexpr (R <= max_rows(V)) return run_tile<T, R, V, Masked>;
  return nullptr;
}

template <class T, int V, bool Masked, int... R>
constexpr TileRow<T> tile_row(std::integer_sequence<int, R...>) {
  return {{tile_or_null<T, V, Masked, R + 1>()...}};
}

template <class T, int V, bool Masked>
constexpr TileRow<T> kTileRow = tile_row<T, V, Masked>(std::make_integer_sequence<int, kMaxTileRows>());

// kTiles<T>[masked][log2 of the number of vectors].of[rows - 1]
template <class T>
constexpr TileRow<T> kTiles[2][4] = {
    {kTileRow<T, 1, false>, kTileRow<T, 2, false>, kTileRow<T, 4, false>, kTileRow<T, 8, false>},
    {kTileRow<T, 1, true>, kTileRow<T, 2, true>, kTileRow<T, 4, true>, kTileRow<T, 8, true>}};

// ---------------------------------------------------------------------------------------------------------------------
// Thin tiles: whole products of few rows, for a b whose columns are contiguous (b_k = 1), a's rows too (a_k = 1):
// packing b would cost more than it gives, so it is transposed in registers on its way into the chains. All of k at
// once, so that each column is read from its beginning to its end. No vector is cut.

// A thin tile on its way through k. A block's sums are added when the next one begins.
template <class T, int R, int V>
struct ThinTile {
  static constexpr int L = kLanes<T>, kLine = 64 / static_cast<int>(sizeof(T)), kParts = kLine / L;
  const Tile<T>& t;
  int64_t b_col;
  Vec<T> acc[R][V] = {}, sum[R][V] = {};

  [[gnu::always_inline]] void end_block(int64_t end, int v) {
    each<R, 1>([&](int r, int) {
      sum[r][v] = end <= kBlockK ? acc[r][v] : sum[r][v] + acc[r][v];
      acc[r][v] = Vec<T>{};
    });
  }
  // The step at k = i, with row l of what `row` has of b.
  [[gnu::always_inline]] void add(int64_t i, int v, Vec<T> row) {
    each<R, 1>([&](int r, int) { acc[r][v] = fma(splat(t.a[r * t.a_row + i]), row, acc[r][v]); });
  }
  [[gnu::always_inline]] void load_rows(int64_t i, int v, Vec<T> (&row)[L]) {
    transpose<T>(Columns<T>(t.b + v * L * b_col + i, b_col), 0, row);
  }
  void step(int64_t i) {
    for (int v = 0; v < V; ++v) {
      Vec<T> row;
      for (int l = 0; l < L; ++l) row[l] = t.b[(v * L + l) * b_col + i];
      add(i, v, row);
    }
  }
  // A line of each column, in which no block ends.
  [[gnu::always_inline]] void step_line(int64_t i) {
    each<V, kParts>([&](int v, int part) {
      Vec<T> row[L];
      load_rows(i + part * L, v, row);
      each<L, 1>([&](int l, int) { add(i + part * L + l, v, row[l]); });
    });
  }
  // The same where a block ends in the middle, before `end`.
  void step_cut_line(int64_t i, int64_t end) {
    each<V, kParts>([&](int v, int part) {
      Vec<T> row[L];
      load_rows(i + part * L, v, row);
      for (int l = 0; l < L; ++l) {
        if (i + part * L + l == end) end_block(end, v);
        add(i + part * L + l, v, row[l]);
      }
    });
  }
};

// How many elements lie before the first one at the beginning of a cache line; 0 where columns differ in that. It
// counts where columns fall into the same sets of the cache, from which a line that is needed twice is gone the second
// time.
template <class T>
[[gnu::always_inline]] inline int64_t before_line(const T* b, int64_t b_col) {
  const uint64_t bytes = -reinterpret_cast<uint64_t>(b) % 64;
  return b_col * static_cast<int64_t>(sizeof(T)) % 1024 == 0 ? static_cast<int64_t>(bytes / sizeof(T)) : 0;
}

template <class T, int R, int V>
void run_thin_tile(const Tile<T>& t, int64_t b_col) {
  ThinTile<T, R, V> tile = {.t = t, .b_col = b_col};
  constexpr int64_t kLine = tile.kLine;
  int64_t i = 0, block_end = kBlockK;
  const auto end_block = [&] {
    for (int v = 0; v < V; ++v) tile.end_block(block_end, v);
    block_end += kBlockK;
  };
  const auto steps = [&](int64_t end) {
    for (; i < end; ++i) {
      if (i == block_end) end_block();
      tile.step(i);
    }
  };
  const int64_t k = t.k, head = before_line(t.b, b_col);
  steps(head < k ? head : k);
  while (i + kLine <= k) {
    if (i == block_end) end_block();
    for (const int64_t end = block_end < k ? block_end : k; i + kLine <= end; i += kLine) tile.step_line(i);
    if (i < block_end && i + kLine <= k) {
      tile.step_cut_line(i, block_end);
      block_end += kBlockK;
      i += kLine;
    }
  }
  steps(k);
  end_block();
  finish_tile<T, R, V, false>(t, tile.sum);
}

// Several chains hide the latency of a step; so many leave registers for the transposition.
template <class T>
constexpr int kThinVectors = kVectorBytes == 64 && sizeof(T) == 4 ? 1 : 2;

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
