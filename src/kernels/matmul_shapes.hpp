// What the plans of the matrix products, compiled once, and their runs, compiled per instruction set, have to agree on.
#pragma once

#include "core/kernel.hpp"

namespace minigrad {

// What linear applies to its sums: its attribute.
enum class Activation : int8_t { none, relu, tanh, sigmoid };
static constexpr int kActivations = 4;

// The block of k whose products are summed in one chain, and the one of products with a single column, which are summed
// in lanes. They are part of the numerics: changing one changes bits.
static constexpr int64_t kBlockK = 256;
static constexpr int64_t kDotBlock = 4096;

// Most rows of a that share a packed panel of b: a block of them fills half a cache of 1 MB. The rows of a packed block
// are a cache line wider than needed, so that they do not fall into the same sets of the cache.
static constexpr int64_t block_rows(int64_t item_size) { return 2048 / item_size; }
static constexpr int64_t kPackedRow = kBlockK + 16;

// Most columns of a packed panel of b: 1 MB.
static constexpr int64_t panel_columns(int64_t item_size) { return 4096 / item_size; }

// With a single column kDotRows rows of a are computed at a time.
static constexpr int64_t kDotRows = 4;

// a (..., m, k) times b (..., k, n), read off the views, batch dimensions broadcast. Where a batch only adds rows, which
// is where b is the same for all of it, it is counted among the rows: m is what is left to be computed at once.
struct ProductShape {
  int64_t m, n, k;
  int64_t a_row, a_k, b_k, b_col;
  int64_t batch;  // how many such products
  int rank;       // the batch's dimensions, the innermost one first
  int64_t shape[kMaxRank], a_step[kMaxRank], b_step[kMaxRank];
};

// The step of x along batch dimension d, counted from the innermost one; 0 where x is broadcast.
static inline int64_t batch_step(const View& x, int d) {
  const int own = x.rank - 3 - d;
  return own >= 0 && x.shape[own] != 1 ? x.stride[own] : 0;
}

// `out` has at least two dimensions; b_row and b_col name b's last two, which linear takes in the other order.
static inline ProductShape product_shape(const View& a, const View& b, const View& out, int b_row, int b_col) {
  ProductShape p;
  p.m = a.shape[a.rank - 2];
  p.k = a.shape[a.rank - 1];
  p.n = out.shape[out.rank - 1];
  p.a_row = a.stride[a.rank - 2];
  p.a_k = a.stride[a.rank - 1];
  p.b_k = b.stride[b.rank - b_row];
  p.b_col = b.stride[b.rank - b_col];
  p.batch = 1;
  p.rank = 0;
  for (int d = 0; d < out.rank - 2; ++d) {
    const int64_t extent = out.shape[out.rank - 3 - d];
    if (extent == 1) continue;
    const int64_t a_step = batch_step(a, d), b_step = batch_step(b, d);
    const bool one_row = p.m == 1;
    if (p.rank == 0 && b_step == 0 && (one_row || a_step == p.m * p.a_row)) {
      if (one_row) p.a_row = a_step;
      p.m *= extent;
      continue;
    }
    p.shape[p.rank] = extent;
    p.a_step[p.rank] = a_step;
    p.b_step[p.rank] = b_step;
    p.batch *= extent;
    ++p.rank;
  }
  return p;
}

static constexpr int64_t magnitude(int64_t x) { return x < 0 ? -x : x; }

// Whether blocks of a are copied before use: where many strips of columns read them and they do not lie well.
static inline bool packs_a(const ProductShape& p, int64_t item_size) {
  if (p.n < 128 || p.m < 32) return false;
  return p.a_k != 1 || magnitude(p.a_row) * item_size >= 2048 || magnitude(p.a_row) * item_size % 512 == 0;
}

// Whether panels of b are: always where its columns are apart, otherwise where many tiles of rows read them.
static inline bool packs_b(const ProductShape& p, int64_t item_size) {
  return p.b_col != 1 || (p.m >= 64 && magnitude(p.b_k) * item_size >= 1024);
}

// Scratch of a worker for a panel of b; its last strip is as wide as the others, at most 256 bytes.
static inline int64_t panel_bytes(const ProductShape& p, int64_t item_size) {
  if (!packs_b(p, item_size)) return 0;
  const int64_t columns = p.n < panel_columns(item_size) ? p.n : panel_columns(item_size);
  return kBlockK * ((columns * item_size + 255) / 256 * 256);
}

// All scratch of a worker: behind the panel of b, a block of a. With a single column: a block of b, then rows of a.
static inline size_t worker_scratch(const ProductShape& p, int64_t item_size) {
  if (p.n == 1) return p.a_k != 1 || p.b_k != 1 ? static_cast<size_t>((kDotRows + 1) * kDotBlock * item_size) : 0;
  int64_t bytes = panel_bytes(p, item_size);
  if (packs_a(p, item_size)) bytes += block_rows(item_size) * kPackedRow * item_size;
  return static_cast<size_t>(bytes);
}

// What one thread needs for one of the products, about, in nanoseconds.
static inline double product_cost(const ProductShape& p, int64_t item_size) {
  const double multiplications = static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k);
  return 20 + multiplications * (p.n == 1 ? 0.015 : 0.006) * static_cast<double>(item_size);
}

}  // namespace minigrad
