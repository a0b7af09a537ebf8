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

// What is copied at once of products of integers: rows of a and elements of each, and as many of the columns of a tile.
static constexpr int64_t kIntegerRows = 128, kIntegerDepth = 128;
static constexpr int64_t kIntegerScratch = (kIntegerRows * 8 + 128) * kIntegerDepth;

// a (..., m, k) times b (..., k, n), or (k,) times (k,), read off the views, batch dimensions broadcast, and how it is
// to be computed. Where a batch only adds rows, which is where b is the same for all of it, it is counted among the
// rows: m is what is computed at once. out is row-major.
struct ProductShape {
  int64_t m, n, k;
  int64_t a_row, a_k, b_k, b_col;
  int64_t batch;  // how many such products
  int rank;       // the batch's dimensions, the innermost one first
  int64_t shape[kMaxRank], a_step[kMaxRank], b_step[kMaxRank];

  bool pack_a;            // blocks of a are copied before use
  bool pack_b;            // so are panels of b
  bool spare_b;           // unless that can be spared: rows are few
  bool thin;              // so few rows that b, whose columns are contiguous, is read once where it stands
  bool dots_along_rows;   // a single column: several rows of a are summed side by side
  int64_t panel_columns;  // most columns of a panel
  int64_t panel_bytes;    // of a worker's scratch; the rest of it is for a
  int64_t worker_bytes;   // all of a worker's scratch
  double nanoseconds;     // what one of the products costs one thread, about
};

// Rows of a are copied into a place for kCopiedRows of them, which are a cache line longer than needed, so that they do
// not fall into the same sets of the cache.
static constexpr int64_t kPackedRow = kBlockK + 16;
static constexpr int64_t kCopiedRows = 128;

// How large the nearest cache of data is, or usually is where the system does not say.
int64_t nearest_cache_bytes();

static constexpr int64_t kPackingRows = 64;  // so many rows are worth a copy of b

static constexpr int64_t kThinRows = 2;

// The widest strip of columns that is packed as one, in bytes of a row.
static constexpr int64_t kStripBytes = 256;

// The most columns of a panel, in bytes of a row: a panel is 2 MB large at the most.
static constexpr int64_t kPanelBytes = 8192;

static constexpr int64_t magnitude(int64_t x) { return x < 0 ? -x : x; }

// Rows of a are worth a copy where many strips of columns read them and they do not lie well: columns apart, rows on
// other pages or, which is worse, in the same sets of the cache. Panels of b are always copied where columns are apart;
// where they are not, it takes many tiles of rows that read them, and still more where b's rows lie well. Where they
// are not copied, all rows of a that are copied are so at once.
static inline void choose_packing(ProductShape& p, int64_t item_size) {
  const int64_t a_row = magnitude(p.a_row) * item_size;
  const bool displaced = p.a_k == 1 && a_row % 4096 == 0;  // all rows fall into the same sets
  const bool scattered = p.a_k != 1 || a_row % 512 == 0;
  const bool many = p.n >= 128 && (scattered || a_row >= 2048);
  p.pack_a = p.m >= 32 && ((many && (scattered || p.n >= 512)) || (displaced && p.n * item_size > kStripBytes));
  const int64_t b_row = magnitude(p.b_k) * item_size;
  p.pack_b = p.b_col != 1 || (p.m >= kPackingRows && (many || p.pack_a || b_row >= 1024));
  p.spare_b = p.b_col == 1 && p.m <= kCopiedRows && b_row % 2048 != 0;
  p.thin = p.b_k == 1 && p.b_col != 1 && p.m <= kThinRows;
  p.dots_along_rows = p.m > 1 && magnitude(p.a_row) < magnitude(p.a_k);
}

static inline void choose_scratch(ProductShape& p, int64_t item_size) {
  p.panel_columns = kPanelBytes / item_size;
  p.panel_bytes = 0;
  p.worker_bytes = 0;
  if (p.n == 1) {  // a block of b, then a row of a
    if (!p.dots_along_rows && (p.a_k != 1 || p.b_k != 1)) p.worker_bytes = 2 * kDotBlock * item_size;
    return;
  }
  if (p.pack_b) {
    const int64_t columns = p.n < p.panel_columns ? p.n : p.panel_columns;
    p.panel_bytes = (kBlockK + 1) * ((columns * item_size + kStripBytes - 1) / kStripBytes * kStripBytes);
  }
  p.worker_bytes = p.panel_bytes;
  if (p.pack_a) p.worker_bytes += kCopiedRows * kPackedRow * item_size;
  if (p.thin && p.a_k != 1) p.worker_bytes += kThinRows * p.k * item_size;
}

// Every element of b is read, and columns of b that are contiguous are turned on the way. That counts where rows are
// few.
static inline double product_cost(const ProductShape& p, int64_t item_size) {
  const double of_b = static_cast<double>(p.n) * static_cast<double>(p.k) * static_cast<double>(item_size);
  const double rows = static_cast<double>(p.m);
  if (p.n == 1) return 20 + 0.015 * rows * of_b;
  return 20 + (0.006 * rows + (p.thin ? 0.019 : 0.0065)) * of_b;
}

// The step of x along batch dimension d, counted from the innermost one; 0 where x is broadcast.
static inline int64_t batch_step(const View& x, int d) {
  const int own = x.rank - 3 - d;
  return own >= 0 && x.shape[own] != 1 ? x.stride[own] : 0;
}

static inline void read_batch(ProductShape& p, const View& a, const View& b, const View& out) {
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
}

// Whether b is (..., k, n), as matmul takes it, or (n, k), as linear does.
enum class Layout : int8_t { rows, columns };

static inline void choose_walk(ProductShape& p, int64_t item_size) {
  choose_packing(p, item_size);
  choose_scratch(p, item_size);
  p.nanoseconds = product_cost(p, item_size);
}

// Two vectors: a row times a column.
static inline ProductShape dot_shape(const View& a, const View& b) {
  ProductShape p;
  p.m = p.n = p.batch = p.b_col = 1;
  p.rank = 0;
  p.k = p.a_row = a.shape[0];
  p.a_k = a.stride[0];
  p.b_k = b.stride[0];
  choose_walk(p, item_size(a.dtype));
  return p;
}

static inline ProductShape matrix_shape(const View& a, const View& b, const View& out, Layout layout) {
  const int last = b.rank - 1;
  ProductShape p;
  p.m = a.shape[a.rank - 2];
  p.k = a.shape[a.rank - 1];
  p.n = out.shape[out.rank - 1];
  p.a_row = a.stride[a.rank - 2];
  p.a_k = a.stride[a.rank - 1];
  p.b_k = b.stride[layout == Layout::rows ? last - 1 : last];
  p.b_col = b.stride[layout == Layout::rows ? last : last - 1];
  if (p.k == 1) p.a_k = 1;  // a step that is never taken
  read_batch(p, a, b, out);
  choose_walk(p, item_size(a.dtype));
  return p;
}

// Two returns, neither of which copies.
static inline ProductShape product_shape(const View& a, const View& b, const View& out, Layout layout) {
  return a.rank == 1 ? dot_shape(a, b) : matrix_shape(a, b, out, layout);
}

}  // namespace minigrad
