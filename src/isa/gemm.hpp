// Matrix products: register tiles, packing, and the walk over blocks. One template serves all instruction sets.
//
// Numerics. An element of a b is a sum over k, cut into blocks of kBlockK. Each block is one chain of fused
// multiply-adds that starts from +0 and runs in increasing k; the sums of the blocks are added in increasing order, the
// first one being taken as it is. So the bits of an element depend on its row of a and its column of b and on nothing
// else: tiles, packing, strides, threads and vector width are free choices. A bias is added once to the finished sum.
//
// An output of one column is the exception (dot products, matrix times vector): see kDotLanes.
#pragma once

#include <utility>

#include "isa/isa.hpp"
#include "kernels/matmul_shapes.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

[[gnu::always_inline]] inline int64_t smaller(int64_t x, int64_t y) { return x < y ? x : y; }

// The rows [begin, end) or columns of a product.
struct Range {
  int64_t begin, end;

  int64_t size() const { return end - begin; }
};

// ---------------------------------------------------------------------------------------------------------------------
// Loads and stores of the first `count` lanes, 0 < count <= kLanes. They touch no memory behind the last one.

#if defined(__AVX512F__)
constexpr bool kMaskedLoads = true;

[[gnu::always_inline]] inline Vec<float> load_part(const float* p, int count) {
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), p);
}
[[gnu::always_inline]] inline Vec<double> load_part(const double* p, int count) {
  return _mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << count) - 1), p);
}
[[gnu::always_inline]] inline void store_part(float* p, Vec<float> x, int count) {
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1), x);
}
[[gnu::always_inline]] inline void store_part(double* p, Vec<double> x, int count) {
  _mm512_mask_storeu_pd(p, static_cast<__mmask8>((1u << count) - 1), x);
}

#elif defined(__AVX2__)
constexpr bool kMaskedLoads = true;

// A lane is loaded where the sign bit of its mask is set.
alignas(64) constexpr int32_t kMasks[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};

[[gnu::always_inline]] inline __m256i mask_of(int words) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kMasks + 8 - words));
}
[[gnu::always_inline]] inline Vec<float> load_part(const float* p, int count) {
  return _mm256_maskload_ps(p, mask_of(count));
}
[[gnu::always_inline]] inline Vec<double> load_part(const double* p, int count) {
  return _mm256_maskload_pd(p, mask_of(2 * count));
}
// In pieces: the masked store is microcode on some processors.
[[gnu::always_inline]] inline void store_part(float* p, Vec<float> x, int count) {
  if (count == 8) return store(p, x);
  __m128 low = _mm256_castps256_ps128(x);
  if (count & 4) {
    _mm_storeu_ps(p, low);
    low = _mm256_extractf128_ps(x, 1);
    p += 4;
  }
  if (count & 2) {
    _mm_storel_pi(reinterpret_cast<__m64*>(p), low);
    low = _mm_movehl_ps(low, low);
    p += 2;
  }
  if (count & 1) _mm_store_ss(p, low);
}
[[gnu::always_inline]] inline void store_part(double* p, Vec<double> x, int count) {
  if (count == 4) return store(p, x);
  __m128d low = _mm256_castpd256_pd128(x);
  if (count & 2) {
    _mm_storeu_pd(p, low);
    low = _mm256_extractf128_pd(x, 1);
    p += 2;
  }
  if (count & 1) _mm_store_sd(p, low);
}

#else  // no masked loads: kernels read such vectors from packed panels, which are padded
constexpr bool kMaskedLoads = false;

template <class T>
[[gnu::always_inline]] inline Vec<T> load_part(const T* p, int count) {
  Vec<T> x = {};
  for (int i = 0; i < kLanes<T>; ++i) {
    if (i < count) x[i] = p[i];
  }
  return x;
}
template <class T>
[[gnu::always_inline]] inline void store_part(T* p, Vec<T> x, int count) {
  for (int i = 0; i < kLanes<T>; ++i) {
    if (i < count) p[i] = x[i];
  }
}
#endif

// ---------------------------------------------------------------------------------------------------------------------
// Register tiles.

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

#if defined(__AVX512F__)
constexpr int kAccumulators = 28;  // of 32 registers
#elif defined(__aarch64__)
constexpr int kAccumulators = 24;  // of 32
#elif defined(__AVX2__)
constexpr int kAccumulators = 12;  // of 16
#else
constexpr int kAccumulators = 8;  // of 16; a product of its own needs a register more
#endif

constexpr int kMaxTileRows = 14;

// Tiles of a longer k ask for their part of c beforehand: it may be far away, and stores to it would wait in turn.
constexpr int64_t kPrefetchK = 100;

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
  if (t.k > kPrefetchK) {
    each<R, V>([&](int r, int v) { __builtin_prefetch(t.c + r * t.c_row + v * L, 1); });
  }
  for (int64_t k = t.k; k > 0; --k) {
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
// Transposition in registers, 16 bytes of kLanes columns at a time.

template <class T>
struct ChunkOf {
  typedef T type __attribute__((vector_size(16)));
  typedef T unaligned __attribute__((vector_size(16), aligned(sizeof(T)), may_alias));
};

template <class T>
constexpr int kChunk = 16 / static_cast<int>(sizeof(T));

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

// From every 16 bytes, groups of W elements of x and y in turn: those of the lower halves, or of the higher ones.
template <class T, int W, bool High, int... I>
[[gnu::always_inline]] inline Vec<T> interleave_lanes(Vec<T> x, Vec<T> y, std::integer_sequence<int, I...>) {
  constexpr int C = kChunk<T>;
  return __builtin_shufflevector(
      x, y, (I / C * C + (High ? C / 2 : 0) + I % C / (2 * W) * W + I % W + I / W % 2 * kLanes<T>)...);
}
template <class T, int W, bool High>
[[gnu::always_inline]] inline Vec<T> interleave(Vec<T> x, Vec<T> y) {
  return interleave_lanes<T, W, High>(x, y, std::make_integer_sequence<int, kLanes<T>>());
}

// kChunk vectors of 16 bytes from each column become as many rows, in place.
[[gnu::always_inline]] inline void transpose_chunk(Vec<float>* x) {
  const Vec<float> low01 = interleave<float, 1, false>(x[0], x[1]), high01 = interleave<float, 1, true>(x[0], x[1]);
  const Vec<float> low23 = interleave<float, 1, false>(x[2], x[3]), high23 = interleave<float, 1, true>(x[2], x[3]);
  x[0] = interleave<float, 2, false>(low01, low23);
  x[1] = interleave<float, 2, true>(low01, low23);
  x[2] = interleave<float, 2, false>(high01, high23);
  x[3] = interleave<float, 2, true>(high01, high23);
}
[[gnu::always_inline]] inline void transpose_chunk(Vec<double>* x) {
  const Vec<double> low = interleave<double, 1, false>(x[0], x[1]);
  x[1] = interleave<double, 1, true>(x[0], x[1]);
  x[0] = low;
}

// row[i][l] = column[l][offset + i] for i in [0, Rows), l in [0, kLanes). With a full cache line of each column the
// lines are used up one after the other: columns that are a power of two apart displace each other from the cache.
template <class T, int Rows, class From>
[[gnu::always_inline]] inline void transpose(const From& column, int64_t offset, Vec<T> (&row)[Rows]) {
  constexpr int C = kChunk<T>;
#pragma GCC unroll 4
  for (int i = 0; i < C; ++i) {
#pragma GCC unroll 4
    for (int r = 0; r < Rows; r += C) row[r + i] = load_chunks<T>(column, i, offset + r);
  }
#pragma GCC unroll 4
  for (int r = 0; r < Rows; r += C) transpose_chunk(row + r);
}

// ---------------------------------------------------------------------------------------------------------------------
// Thin tiles: the same contract as a tile's, for a b whose columns are contiguous (b_k = 1), a's rows too (a_k = 1),
// and so few rows that packing b would cost more than it gives. b is transposed in registers on its way into the
// chains.

template <class T, int R, int V>
void run_thin_tile(const Tile<T>& t, int64_t b_col) {
  constexpr int L = kLanes<T>;
  constexpr int kLine = 64 / static_cast<int>(sizeof(T));
  Vec<T> acc[R][V] = {};
  int64_t i = 0;
  for (; i + kLine <= t.k; i += kLine) {
    each<V, kLine / L>([&](int v, int part) {
      Vec<T> row[L];
      transpose<T>(Columns<T>(t.b + v * L * b_col + i + part * L, b_col), 0, row);
      each<L, R>([&](int l, int r) { acc[r][v] = fma(splat(t.a[r * t.a_row + i + part * L + l]), row[l], acc[r][v]); });
    });
  }
  for (; i < t.k; ++i) {
    each<1, V>([&](int, int v) {
      Vec<T> row;
      for (int l = 0; l < L; ++l) row[l] = t.b[(v * L + l) * b_col + i];
      for (int r = 0; r < R; ++r) acc[r][v] = fma(splat(t.a[r * t.a_row + i]), row, acc[r][v]);
    });
  }
  finish_tile<T, R, V, false>(t, acc);
}

constexpr int kThinRows = 2;
constexpr int kThinVectors = kVectorBytes == 64 ? 1 : 2;  // what keeps registers for the transposition

// ---------------------------------------------------------------------------------------------------------------------
// Packing: a block of k rows of b, `columns` columns wide, becomes strips of `width` columns, one after the other, so
// that b[i][j] stands at panel[(j / width * k + i) * width + j % width]. `width` is a multiple of kLanes. The last
// strip is written up to a whole number of vectors, with some number behind its last column.

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
// would be slow to fetch.
template <class T>
void pack_rows(const T* b, int64_t b_k, int64_t k, int64_t columns, T* panel, int64_t width) {
  constexpr int L = kLanes<T>;
  for (int64_t i = 0; i < k; ++i, b += b_k, panel += width) {
    T* out = panel;
    for (int64_t j = 0; j < columns; j += width, out += k * width) {
      const int64_t end = columns - j < width ? columns - j : width;
      int64_t l = 0;
      for (; l + L <= end; l += L) store(out + l, load(b + j + l));
      if (l < end) store(out + l, load_part(b + j + l, static_cast<int>(end - l)));
    }
  }
}

// Neither are: one strip.
template <class T>
void pack_strided(const T* b, int64_t b_k, int64_t b_col, int64_t k, int64_t columns, T* panel, int64_t width) {
  const int64_t padded = (columns + kLanes<T> - 1) / kLanes<T> * kLanes<T>;
  for (int64_t i = 0; i < k; ++i, b += b_k, panel += width) {
    for (int64_t j = 0; j < columns; ++j) panel[j] = b[j * b_col];
    for (int64_t j = columns; j < padded; ++j) panel[j] = 0;
  }
}

template <class T>
void pack(const T* b, int64_t b_k, int64_t b_col, int64_t k, int64_t columns, T* panel, int64_t width) {
  if (b_col == 1) return pack_rows(b, b_k, k, columns, panel, width);
  for (int64_t j = 0; j < columns; j += width, panel += k * width) {
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

// ---------------------------------------------------------------------------------------------------------------------
// Blocks.

// One matrix product: c (m, n) = a (m, k) b (k, n) (+ bias), rows of c contiguous.
template <class T>
struct Product {
  const ProductShape* shape;
  const T* a;
  const T* b;
  const T* bias;  // (n,), contiguous; or nullptr
  T* c;
  bool relu;
};

// `count` elements of x with any step: x itself where it is contiguous, otherwise a copy in `scratch`.
template <class T>
[[gnu::always_inline]] inline const T* contiguous(const T* x, int64_t step, int64_t count, T* scratch) {
  if (step == 1) return x;
  for (int64_t i = 0; i < count; ++i) scratch[i] = x[i * step];
  return scratch;
}

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

// ---------------------------------------------------------------------------------------------------------------------
// Outputs of one column.

// A row of a times a vector is summed in lanes: k in blocks of kDotBlock; in a block, lane l is a chain of fused
// multiply-adds over the k with k mod kDotLanes = l; the upper half of the lanes is added to the lower half until one
// is left; the total starts from +0 and takes the blocks in increasing order.
template <class T>
constexpr int kDotLanes = 128 / static_cast<int>(sizeof(T));

template <class T>
constexpr int kDotVectors = kDotLanes<T> / kLanes<T>;

// x[Half], x[Half + 1], ... in the lower lanes; the others do not matter.
template <class T, int Half, int... I>
[[gnu::always_inline]] inline Vec<T> upper_lanes(Vec<T> x, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(x, x, ((I + Half) % kLanes<T>)...);
}

template <class T, int Half = kLanes<T> / 2>
[[gnu::always_inline]] inline T fold_lanes(Vec<T> x) {
  if constexpr (Half == 0) {
    return x[0];
  } else {
    return fold_lanes<T, Half / 2>(x + upper_lanes<T, Half>(x, std::make_integer_sequence<int, kLanes<T>>()));
  }
}

template <class T>
[[gnu::always_inline]] inline T fold(Vec<T> (&x)[kDotVectors<T>]) {
#pragma GCC unroll 8
  for (int half = kDotVectors<T> / 2; half > 0; half /= 2) {
#pragma GCC unroll 8
    for (int v = 0; v < half; ++v) x[v] = x[v] + x[v + half];
  }
  return fold_lanes<T>(x[0]);
}

// p[0], p[step], p[2 step], ... up to `count` of them.
template <class T>
[[gnu::always_inline]] inline Vec<T> load_steps(const T* p, int64_t step, int count) {
  if (step == 1) return count == kLanes<T> ? load(p) : load_part(p, count);
  Vec<T> x = {};
  for (int i = 0; i < count; ++i) x[i] = p[i * step];
  return x;
}

// sum[r] = Σ_k a[r][k] b[k] for one block of R rows; a_k = 1 and b is contiguous.
template <class T, int R>
void run_dots(const T* a, int64_t a_row, const T* b, int64_t k, T* sum) {
  constexpr int L = kLanes<T>, V = kDotVectors<T>;
  Vec<T> acc[R][V] = {};
  int64_t i = 0;
  for (; i + V * L <= k; i += V * L) {
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      const Vec<T> y = load(b + i + v * L);
      each<R, 1>([&](int r, int) { acc[r][v] = fma(load(a + r * a_row + i + v * L), y, acc[r][v]); });
    }
  }
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v) {
    const int64_t left = k - i - v * L;
    if (left <= 0) break;
    const int count = static_cast<int>(left < L ? left : L);
    const Vec<T> y = load_part(b + i + v * L, count);
    each<R, 1>([&](int r, int) { acc[r][v] = fma(load_part(a + r * a_row + i + v * L, count), y, acc[r][v]); });
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) sum[r] = fold<T>(acc[r]);
}

// The same for `count` rows that lie closer together than the columns: vectors run along the rows, one lane of the sum
// at a time. G vectors, of which only a single one may be cut.
template <class T, int G>
void run_dot_columns(const T* a, int64_t a_row, int64_t a_k, const T* b, int64_t b_k, int64_t k, int count, T* sum) {
  constexpr int L = kLanes<T>, N = kDotLanes<T>;
  Vec<T> lane[N][G];
  for (int l = 0; l < N; ++l) {
    Vec<T> acc[G] = {};
    for (int64_t i = l; i < k; i += N) {
      const Vec<T> y = splat(b[i * b_k]);
      each<1, G>([&](int, int g) { acc[g] = fma(load_steps(a + i * a_k + g * L * a_row, a_row, count), y, acc[g]); });
    }
    each<1, G>([&](int, int g) { lane[l][g] = acc[g]; });
  }
  for (int half = N / 2; half > 0; half /= 2) {
    for (int l = 0; l < half; ++l) {
      each<1, G>([&](int, int g) { lane[l][g] = lane[l][g] + lane[l + half][g]; });
    }
  }
  each<1, G>([&](int, int g) { store_part(sum + g * L, lane[0][g], count); });
}

// Most rows that are summed at once, and how many vectors of them where they lie close together.
constexpr int kDotRows = 4;
constexpr int kDotGroup = 8;
template <class T>
constexpr int kDotMost = kDotGroup * kLanes<T>;

// sum[r] for the next rows of a, `left` of them at most, for one block of k. Returns how many it took. b is contiguous,
// or else the rows lie closer together than the columns.
template <class T>
int64_t run_some_dots(const ProductShape& shape, const T* a, const T* b, int64_t k, int64_t left, T* copy, T* sum) {
  constexpr int L = kLanes<T>;
  if (shape.dots_along_rows && left >= kDotMost<T>) {
    run_dot_columns<T, kDotGroup>(a, shape.a_row, shape.a_k, b, shape.b_k, k, L, sum);
    return kDotMost<T>;
  }
  if (shape.dots_along_rows) {
    const int count = static_cast<int>(smaller(left, L));
    run_dot_columns<T, 1>(a, shape.a_row, shape.a_k, b, shape.b_k, k, count, sum);
    return count;
  }
  if (shape.a_k == 1 && left >= kDotRows) {
    run_dots<T, kDotRows>(a, shape.a_row, b, k, sum);
    return kDotRows;
  }
  run_dots<T, 1>(contiguous(a, shape.a_k, k, copy), shape.a_row, b, k, sum);
  return 1;
}

// c[rows] of a product of one column. Scratch, where a or b has to be copied: kDotBlock elements for each.
template <class T>
void run_dot_block(const Product<T>& p, const Range& rows, char* scratch) {
  const ProductShape& shape = *p.shape;
  T* copy = reinterpret_cast<T*>(scratch);
  for (int64_t r = rows.begin; r < rows.end; ++r) p.c[r] = 0;
  for (int64_t k = 0; k < shape.k; k += kDotBlock) {
    const int64_t size = smaller(shape.k - k, kDotBlock);
    const T* b = p.b + k * shape.b_k;
    if (!shape.dots_along_rows) b = contiguous(b, shape.b_k, size, copy);
    for (int64_t r = rows.begin; r < rows.end;) {
      T sum[kDotMost<T>];
      const T* a = p.a + r * shape.a_row + k * shape.a_k;
      const int64_t count = run_some_dots(shape, a, b, size, rows.end - r, copy + kDotBlock, sum);
      for (int64_t i = 0; i < count; ++i) p.c[r + i] += sum[i];
      r += count;
    }
  }
  for (int64_t r = rows.begin; r < rows.end; ++r) {
    const T x = p.bias != nullptr ? p.c[r] + p.bias[0] : p.c[r];
    p.c[r] = p.relu && x <= 0 ? T{0} : x;
  }
}

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
