// Normalisation of the rows (dim 1) or columns (dim 0) of a matrix, and its derivatives, for any strides.
//
// A line x of n elements with mean m (0 unless centred), variance v = mean of (x - m)^2 and scale r = 1 / sqrt(v + eps)
// becomes ((x - m) r) w + b. The Jacobian of u = (x - m) r is symmetric: r (I - 1 1^T / n - u u^T / n), without the
// second term unless centred. The way back is given m and v.
//
// Sums along a row are in the order of a row, sums along a column in the order of columns (reduce_blocks.hpp), so that
// a line's bits depend on the line alone.
#include "core/kernel.hpp"
#include "core/parallel.hpp"
#include "isa/isa.hpp"
#include "isa/math.hpp"
#include "kernels/reduce_blocks.hpp"
#include "kernels/standardize_shapes.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// Sums along a line.

// (x - m)^2. Lanes that are not there count as m.
template <class T>
struct SquareRow {
  const T* x;
  T m;

  [[gnu::always_inline]] Vec<T> at(int64_t j) const { return square(load(x + j)); }
  [[gnu::always_inline]] Vec<T> first(int64_t j, int64_t count, Vec<T>) const {
    return square(load_first(x + j, count, splat(m)));
  }
  [[gnu::always_inline]] Vec<T> square(Vec<T> v) const { return (v - m) * (v - m); }
};

// g w (x - m).
template <class T>
struct CentredProductRow {
  const T* g;
  const T* w;
  const T* x;
  T m;

  [[gnu::always_inline]] Vec<T> at(int64_t j) const { return load(g + j) * load(w + j) * (load(x + j) - m); }
  [[gnu::always_inline]] Vec<T> first(int64_t j, int64_t count, Vec<T>) const {
    const Vec<T> a = load_first(g + j, count, Vec<T>{}) * load_first(w + j, count, Vec<T>{});
    return a * (load_first(x + j, count, splat(m)) - m);
  }
};

// The sum over n elements of which row(begin) gives those from `begin` on.
template <class T, class RowAt>
[[gnu::always_inline]] inline T sum_line(int64_t n, RowAt&& row) {
  return fold<Sum>(combine_row_blocks<Sum, T>(n, [&](int64_t begin, int64_t count) __attribute__((always_inline)) {
    return block_lanes<Sum, T>(row(begin), count);
  }));
}

template <class T>
[[gnu::noinline]] T sum_plain(const T* x, int64_t n) {
  return sum_line<T>(n, [=](int64_t begin) __attribute__((always_inline)) { return PlainRow<T>{x + begin}; });
}

template <class T>
[[gnu::noinline]] T sum_squares(const T* x, T m, int64_t n) {
  return sum_line<T>(n, [=](int64_t begin) __attribute__((always_inline)) { return SquareRow<T>{x + begin, m}; });
}

// The sums of a = g w and of a (x - m).
template <class T>
struct CotangentSums {
  T plain, products;
};

// A group of four vectors of a row.
template <class T, class Row>
[[gnu::always_inline]] inline Lanes<T> whole_group(const Row& row, int64_t j) {
  constexpr int kWidth = kVirtualLanes<T>;
  const Lanes<T> front = combine<Sum>(all_lanes<T>(row, j), all_lanes<T>(row, j + kWidth));
  const Lanes<T> back = combine<Sum>(all_lanes<T>(row, j + 2 * kWidth), all_lanes<T>(row, j + 3 * kWidth));
  return combine<Sum>(front, back);
}

// Both are summed in one pass, each in the order of a row.
template <class T>
[[gnu::noinline]] CotangentSums<T> sum_cotangent(const T* g, const T* w, const T* x, T m, int64_t n) {
  constexpr int kWidth = kVirtualLanes<T>, kGroup = 4 * kWidth;
  alignas(64) T levels[2 * 48 * kWidth];
  combine_blocks(levels, 2 * kWidth, n > 0 ? divide_up(n, kRowBlock<T>) : 1, combine_into<Sum, T>,
                 [&](int64_t b, T* out) __attribute__((always_inline)) {
                   const int64_t begin = b * kRowBlock<T>, count = smaller(kRowBlock<T>, n - begin);
                   const int64_t whole = count / kGroup * kGroup;
                   const ProductRow<T> plain = {g + begin, w + begin};
                   const CentredProductRow<T> products = {g + begin, w + begin, x + begin, m};
                   Lanes<T> first = splat_lanes(T{0}), second = first;
                   for (int64_t j = 0; j < whole; j += kGroup) {
                     first = combine<Sum>(first, whole_group<T>(plain, j));
                     second = combine<Sum>(second, whole_group<T>(products, j));
                   }
                   if (whole < count) {
                     first = combine<Sum>(first, last_group<Sum, T>(plain, whole, count - whole));
                     second = combine<Sum>(second, last_group<Sum, T>(products, whole, count - whole));
                   }
                   store_lanes(out, first);
                   store_lanes(out + kWidth, second);
                 });
  return {fold<Sum>(load_lanes(levels)), fold<Sum>(load_lanes(levels + kWidth))};
}

template <class T>
struct Moments {
  T mean, variance, scale;
};

template <class T>
[[gnu::always_inline]] inline Moments<T> moments_of(const T* x, int64_t n, T eps, bool centred) {
  const T count = static_cast<T>(n), mean = centred ? sum_plain(x, n) / count : T{0};
  const T variance = sum_squares(x, mean, n) / count;
  return {mean, variance, 1 / math::sqrt(variance + eps)};
}

// A vector with an element for each line: a mean or a variance.
template <class T>
struct Vector {
  T* x;
  int64_t step;

  explicit Vector(const View& of) : x(of.as<T>()), step(of.stride[0]) {}
  T& operator[](int64_t i) const { return x[i * step]; }
  void read(int64_t first, int64_t count, T* to) const {
    gather(to, static_cast<const T*>(x + first * step), step, count);
  }
  void write(int64_t first, int64_t count, const T* from) const { scatter(x + first * step, step, from, count); }
};

// The moments that a call was given.
template <class T>
struct Given {
  Vector<T> mean, variance;
  T eps;

  Moments<T> at(int64_t i) const { return {mean[i], variance[i], 1 / math::sqrt(variance[i] + eps)}; }

  // Means and scales of neighbouring lines.
  void read(int64_t first, int64_t count, T* m, T* r) const {
    mean.read(first, count, m);
    variance.read(first, count, r);
    for (int64_t j = 0; j < count; ++j) r[j] = 1 / math::sqrt(r[j] + eps);
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// What a call's lines share.

// Element j of row i at x[i * row_step + j * col_step].
template <class T>
struct Matrix {
  T* x;
  int64_t row_step, col_step;

  bool plain() const { return col_step == 1; }

  // Row i, in memory or copied to `buffer`.
  const T* row(int64_t i, int64_t columns, T* buffer) const {
    if (col_step == 1) return x + i * row_step;
    gather(buffer, x + i * row_step, col_step, columns);
    return buffer;
  }

  // Where to write row i: in memory, or in `buffer`, from where flush() takes it.
  T* out_row(int64_t i, T* buffer) const { return col_step == 1 ? x + i * row_step : buffer; }
  void flush(int64_t i, int64_t columns, const T* buffer) const {
    if (col_step != 1) scatter(x + i * row_step, col_step, buffer, columns);
  }

  // Columns from `first` on.
  Matrix from_column(int64_t first) const { return {x + first * col_step, row_step, col_step}; }

  // Rows begin ... begin + count, contiguous ones: in memory or packed into `buffer`.
  PlainRows<T> block(int64_t begin, int64_t count, int64_t columns, T* buffer) const {
    if (col_step == 1) return {x + begin * row_step, row_step};
    pack(buffer, columns, x + begin * row_step, row_step, col_step, count, columns);
    return {buffer, columns};
  }
};

template <class T>
Matrix<T> matrix_of(const View& x) {
  return {x.as<T>(), x.stride[0], x.stride[1]};
}

// A weight or bias, contiguous, or `missing` for each column where it has no elements.
template <class T>
void copy_columns(T* out, const View& w, int64_t columns, T missing) {
  const bool there = w.shape[0] != 0;
  for (int64_t j = 0; j < columns; ++j) out[j] = there ? w.as<T>()[j * w.stride[0]] : missing;
}

template <class T>
struct Settings {
  int64_t rows, columns;
  T eps;
  bool along_rows, centred;
};

template <class T>
Settings<T> settings_of(const Call& call, const View& x) {
  return {x.shape[0], x.shape[1], static_cast<T>(call.attributes[0].real), call.attributes[1].integer() == 1,
          call.attributes[2].flag()};
}

// body(row, scratch) for each row, shared among threads.
template <class T, class Body>
void for_each_row(const Call& call, const Settings<T>& of, double nanoseconds, Body&& body) {
  parallel_for(of.rows, nanoseconds * static_cast<double>(of.columns), [&](int64_t begin, int64_t end, int worker) {
    T* const scratch = reinterpret_cast<T*>(call.scratch(worker));
    for (int64_t i = begin; i < end; ++i) body(i, scratch);
  });
}

// body(first, columns, scratch) for strips of columns, which threads share. `plain`: rows are contiguous.
template <class T, class Body>
void for_each_strip(const Call& call, const Settings<T>& of, bool plain, double nanoseconds, Body&& body) {
  constexpr int64_t kUnit = 64;
  const int64_t width = plain ? kStripColumns : kPackedColumns;
  const double cost = nanoseconds * static_cast<double>(kUnit * of.rows);
  parallel_for(divide_up(of.columns, kUnit), cost, [&](int64_t begin, int64_t end, int worker) {
    T* const scratch = reinterpret_cast<T*>(call.scratch(worker));
    const int64_t last = smaller(end * kUnit, of.columns);
    for (int64_t j = begin * kUnit; j < last; j += width) body(j, smaller(width, last - j), scratch);
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// Sums along columns: pieces of rows, of which each column is a result.

// (x - m)^2 with the mean of each column.
template <class T>
struct ColumnSquares {
  const T* x;
  const T* m;

  [[gnu::always_inline]] Vec<T> at(int64_t j) const { return square(load(x + j) - load(m + j)); }
  [[gnu::always_inline]] Vec<T> first(int64_t j, int64_t count, Vec<T>) const {
    return square(load_first(x + j, count, Vec<T>{}) - load_first(m + j, count, Vec<T>{}));
  }
  [[gnu::always_inline]] Vec<T> square(Vec<T> d) const { return d * d; }
};

// g (x - m).
template <class T>
struct ColumnProducts {
  const T* g;
  const T* x;
  const T* m;

  [[gnu::always_inline]] Vec<T> at(int64_t j) const { return load(g + j) * (load(x + j) - load(m + j)); }
  [[gnu::always_inline]] Vec<T> first(int64_t j, int64_t count, Vec<T>) const {
    return load_first(g + j, count, Vec<T>{}) *
           (load_first(x + j, count, Vec<T>{}) - load_first(m + j, count, Vec<T>{}));
  }
};

// g ((x - m) r) with the mean and scale of the row.
template <class T>
struct ScaledRow {
  const T* g;
  const T* x;
  T m, r;

  [[gnu::always_inline]] Vec<T> at(int64_t j) const { return load(g + j) * ((load(x + j) - m) * r); }
  [[gnu::always_inline]] Vec<T> first(int64_t j, int64_t count, Vec<T>) const {
    return load_first(g + j, count, Vec<T>{}) * ((load_first(x + j, count, splat(m)) - m) * r);
  }
};

template <class T>
struct ColumnSquareRows {
  PlainRows<T> x;
  const T* m;

  [[gnu::always_inline]] ColumnSquares<T> row(int64_t i) const { return {x.row(i).x, m}; }
};

template <class T>
struct ColumnProductRows {
  PlainRows<T> g, x;
  const T* m;

  [[gnu::always_inline]] ColumnProducts<T> row(int64_t i) const { return {g.row(i).x, x.row(i).x, m}; }
};

template <class T>
struct ScaledRows {
  PlainRows<T> g, x;
  const T* m;
  const T* r;

  [[gnu::always_inline]] ScaledRow<T> row(int64_t i) const { return {g.row(i).x, x.row(i).x, m[i], r[i]}; }
};

// A strip of columns on its way through the sums; scratch as strip_elements() says.
template <class T>
struct Strip {
  Matrix<T> g, x;  // from the strip's first column on
  int64_t rows, columns;
  T* g_copy;
  T* x_copy;
  T* levels;

  Strip(const Matrix<T>& of_g, const Matrix<T>& of_x, int64_t first, int64_t count, int64_t n, T* scratch)
      : g(of_g.from_column(first)),
        x(of_x.from_column(first)),
        rows(n),
        columns(count),
        g_copy(scratch),
        x_copy(scratch + kBlockVectors * kPackedColumns),
        levels(scratch + 2 * kBlockVectors * kPackedColumns) {}

  PlainRows<T> g_block(int64_t begin, int64_t count) const { return g.block(begin, count, columns, g_copy); }
  PlainRows<T> x_block(int64_t begin, int64_t count) const { return x.block(begin, count, columns, x_copy); }

  // out = what the rows of each block that block(begin, count) gives add up to.
  template <class Block>
  [[gnu::always_inline]] void sum(T* out, Block&& block) const {
    combine_columns<Sum>(levels, columns, rows, block);
    for (int64_t j = 0; j < columns; ++j) out[j] = levels[j];
  }

  // Mean, variance and scale of each column.
  [[gnu::noinline]] void moments(T eps, bool centred, T* m, T* v, T* r) const {
    const T n = static_cast<T>(rows);
    for (int64_t j = 0; j < columns; ++j) m[j] = 0;
    if (centred) {
      sum(m, [&](int64_t begin, int64_t count) { return x_block(begin, count); });
      for (int64_t j = 0; j < columns; ++j) m[j] /= n;
    }
    sum(v, [&](int64_t begin, int64_t count) { return ColumnSquareRows<T>{x_block(begin, count), m}; });
    for (int64_t j = 0; j < columns; ++j) {
      v[j] /= n;
      r[j] = 1 / math::sqrt(v[j] + eps);
    }
  }

  // The sums of g and of g (x - m), of which the first is left out where it is not wanted: read once for both.
  [[gnu::noinline]] void sum_cotangent(const T* m, T* plain, T* products) const {
    const int64_t first = plain == nullptr ? 0 : columns, width = first + columns;
    combine_blocks(levels, width, divide_up(rows, kBlockVectors), combine_into<Sum, T>, [&](int64_t b, T* out) {
      const int64_t begin = b * kBlockVectors, count = smaller(kBlockVectors, rows - begin);
      const PlainRows<T> of_g = g_block(begin, count);
      const ColumnProductRows<T> of_products = {of_g, x_block(begin, count), m};
      for (int64_t j = 0; j < width; ++j) out[j] = 0;
      for (int64_t i = 0; i < count; i += 4) {
        if (first > 0) add_rows<Sum>(out, columns, of_g, i, 1, count - i);
        add_rows<Sum>(out + first, columns, of_products, i, 1, count - i);
      }
    });
    if (first > 0) copy(plain, levels, columns);
    copy(products, levels + first, columns);
  }
};

// body(row, x, g or null, out) for each row of a strip; rows that are not contiguous pass through the scratch.
template <class T, class Body>
[[gnu::always_inline]] inline void map_strip(const Strip<T>& strip, bool with_g, const Matrix<T>& out, Body&& body) {
  alignas(64) T buffer[kPackedColumns];
  for (int64_t begin = 0; begin < strip.rows; begin += kBlockVectors) {
    const int64_t count = smaller(kBlockVectors, strip.rows - begin);
    const PlainRows<T> x = strip.x_block(begin, count);
    const PlainRows<T> g = with_g ? strip.g_block(begin, count) : x;
    for (int64_t i = 0; i < count; ++i) {
      T* const to = out.out_row(begin + i, buffer);
      body(to, x.row(i).x, g.row(i).x);
      out.flush(begin + i, strip.columns, buffer);
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Mean and variance of each line.

template <class T>
Status run_moments(const Call& call) {
  const Settings<T> of = settings_of<T>(call, call.in[0]);
  const Matrix<T> x = matrix_of<T>(call.in[0]);
  const Vector<T> mean(call.out[0]), variance(call.out[1]);
  if (of.along_rows) {
    for_each_row(call, of, 0.1, [&](int64_t i, T* scratch) {
      const Moments<T> row = moments_of(x.row(i, of.columns, scratch), of.columns, of.eps, of.centred);
      mean[i] = row.mean;
      variance[i] = row.variance;
    });
    return Status::ok;
  }
  for_each_strip(call, of, x.plain(), 0.1, [&](int64_t first, int64_t columns, T* scratch) {
    alignas(64) T m[kStripColumns], v[kStripColumns], r[kStripColumns];
    Strip<T>(x, x, first, columns, of.rows, scratch).moments(of.eps, of.centred, m, v, r);
    mean.write(first, columns, m);
    variance.write(first, columns, v);
  });
  return Status::ok;
}

// ---------------------------------------------------------------------------------------------------------------------
// Forward.

template <class T>
[[gnu::noinline]] void standardize_row(T* out, const T* x, int64_t n, T m, T r, const T* w, const T* b) {
#pragma omp simd
  for (int64_t k = 0; k < n; ++k) out[k] = fma((x[k] - m) * r, w[k], b[k]);
}

template <class T>
[[gnu::noinline]] void standardize_strip(const Strip<T>& strip, const Matrix<T>& out, const T* m, const T* r,
                                         const T* w, const T* b) {
  map_strip(strip, false, out, [&](T* to, const T* x, const T*) __attribute__((always_inline)) {
#pragma omp simd
    for (int64_t j = 0; j < strip.columns; ++j) to[j] = fma((x[j] - m[j]) * r[j], w[j], b[j]);
  });
}

template <class T>
Status run_standardize(const Call& call) {
  const Settings<T> of = settings_of<T>(call, call.in[0]);
  const Matrix<T> x = matrix_of<T>(call.in[0]), out = matrix_of<T>(call.out[0]);
  const Vector<T> mean(call.out[1]), variance(call.out[2]);
  T* const w = reinterpret_cast<T*>(call.shared);
  T* const b = w + of.columns;
  copy_columns(w, call.in[1], of.columns, T{1});
  copy_columns(b, call.in[2], of.columns, T{0});
  if (of.along_rows) {
    for_each_row(call, of, 0.2, [&](int64_t i, T* scratch) {
      const T* const row = x.row(i, of.columns, scratch);
      T* const to = out.out_row(i, scratch + of.columns);
      const Moments<T> moments = moments_of(row, of.columns, of.eps, of.centred);
      standardize_row(to, row, of.columns, moments.mean, moments.scale, w, b);
      out.flush(i, of.columns, to);
      mean[i] = moments.mean;
      variance[i] = moments.variance;
    });
    return Status::ok;
  }
  for_each_strip(call, of, x.plain() && out.plain(), 0.2, [&](int64_t first, int64_t columns, T* scratch) {
    alignas(64) T m[kStripColumns], v[kStripColumns], r[kStripColumns];
    const Strip<T> strip(x, x, first, columns, of.rows, scratch);
    strip.moments(of.eps, of.centred, m, v, r);
    standardize_strip(strip, out.from_column(first), m, r, w + first, b + first);
    mean.write(first, columns, m);
    variance.write(first, columns, v);
  });
  return Status::ok;
}

// ---------------------------------------------------------------------------------------------------------------------
// Backward: with a = g w and d = x - m, r (a - mean of a - d r^2 mean of a d), without the second term unless centred.

template <class T>
[[gnu::noinline]] void grad_row(T* out, const T* g, const T* w, const T* x, int64_t n, const Moments<T>& of,
                                bool centred) {
  const CotangentSums<T> sums = sum_cotangent(g, w, x, of.mean, n);
  const T count = static_cast<T>(n), m = of.mean, r = of.scale;
  const T shift = centred ? sums.plain / count : T{0}, slope = sums.products / count * r * r;
#pragma omp simd
  for (int64_t k = 0; k < n; ++k) out[k] = r * fma(m - x[k], slope, g[k] * w[k] - shift);
}

template <class T>
[[gnu::noinline]] void grad_strip(const Strip<T>& strip, const Matrix<T>& out, const T* m, T* r, bool centred,
                                  const T* w) {
  alignas(64) T shift[kStripColumns], slope[kStripColumns];
  for (int64_t j = 0; j < strip.columns; ++j) shift[j] = 0;
  strip.sum_cotangent(m, centred ? shift : nullptr, slope);
  const T n = static_cast<T>(strip.rows);
  for (int64_t j = 0; j < strip.columns; ++j) {
    shift[j] /= n;
    slope[j] = slope[j] / n * r[j] * r[j];
    r[j] *= w[j];
  }
  map_strip(strip, true, out, [&](T* to, const T* x, const T* g) __attribute__((always_inline)) {
#pragma omp simd
    for (int64_t j = 0; j < strip.columns; ++j) to[j] = r[j] * fma(m[j] - x[j], slope[j], g[j] - shift[j]);
  });
}

template <class T>
Status run_standardize_grad(const Call& call) {
  const Settings<T> of = settings_of<T>(call, call.in[1]);
  const Matrix<T> g = matrix_of<T>(call.in[0]), x = matrix_of<T>(call.in[1]), out = matrix_of<T>(call.out[0]);
  const Given<T> given = {Vector<T>(call.in[3]), Vector<T>(call.in[4]), of.eps};
  const int64_t n = of.columns;
  T* const w = reinterpret_cast<T*>(call.shared);
  copy_columns(w, call.in[2], n, T{1});
  if (of.along_rows) {
    for_each_row(call, of, 0.4, [&](int64_t i, T* scratch) {
      const T* const row = x.row(i, n, scratch);
      const T* const cotangent = g.row(i, n, scratch + n);
      T* const to = out.out_row(i, scratch + 2 * n);
      grad_row(to, cotangent, w, row, n, given.at(i), of.centred);
      out.flush(i, n, to);
    });
    return Status::ok;
  }
  for_each_strip(call, of, g.plain() && x.plain() && out.plain(), 0.4, [&](int64_t first, int64_t columns, T* scratch) {
    alignas(64) T m[kStripColumns], r[kStripColumns];
    given.read(first, columns, m, r);
    const Strip<T> strip(g, x, first, columns, of.rows, scratch);
    grad_strip(strip, out.from_column(first), m, r, of.centred, w + first);
  });
  return Status::ok;
}

// ---------------------------------------------------------------------------------------------------------------------
// The gradient of the weight: for each column the sum of g (x - m) r.

// Along rows: four rows at a time are added up, block by block; threads share the blocks, and begin with the last
// one, because what has just passed over x and g has left it in the cache. The tree over them follows.
template <class T>
struct WeightGradOfRows {
  const Settings<T>& of;
  const Matrix<T>& g;
  const Matrix<T>& x;
  const Given<T>& given;
  T* blocks;  // a row of sums for each

  void run_block(int64_t b, T* scratch) const {
    const int64_t begin = b * kBlockVectors, count = smaller(kBlockVectors, of.rows - begin), n = of.columns;
    T* const out = blocks + b * n;
    for (int64_t j = 0; j < n; ++j) out[j] = 0;
    for (int64_t i = 0; i < count; i += 4) {
      const int64_t rows = smaller(4, count - i);
      T m[4], r[4];
      const ScaledRows<T> group = {g.block(begin + i, rows, n, scratch), x.block(begin + i, rows, n, scratch + 4 * n),
                                   m, r};
      given.read(begin + i, rows, m, r);
      add_rows<Sum>(out, n, group, 0, 1, rows);
    }
  }

  // The tree in place: block b takes in block b + 1, then b + 2, ..., as neighbours, pairs, pairs of pairs.
  void fold(int64_t count) const {
    for (int64_t step = 1; step < count; step *= 2) {
      for (int64_t b = 0; b + step < count; b += 2 * step) {
        combine_into<Sum>(blocks + b * of.columns, static_cast<const T*>(blocks + (b + step) * of.columns), of.columns);
      }
    }
  }
};

template <class T>
Status weight_grad_of_rows(const Call& call, const Settings<T>& of, const Matrix<T>& g, const Matrix<T>& x,
                           const Given<T>& given) {
  const WeightGradOfRows<T> sums = {of, g, x, given, reinterpret_cast<T*>(call.shared)};
  const int64_t blocks = divide_up(of.rows, kBlockVectors);
  const View& out = call.out[0];
  if (blocks == 0) {
    for (int64_t j = 0; j < of.columns; ++j) out.as<T>()[j * out.stride[0]] = 0;
    return Status::ok;
  }
  parallel_for(blocks, 0.3 * static_cast<double>(kBlockVectors * of.columns),
               [&](int64_t begin, int64_t end, int worker) {
                 for (int64_t b = end; b-- > begin;) sums.run_block(b, reinterpret_cast<T*>(call.scratch(worker)));
               });
  sums.fold(blocks);
  scatter(out.as<T>(), out.stride[0], static_cast<const T*>(sums.blocks), of.columns);
  return Status::ok;
}

template <class T>
Status weight_grad_of_columns(const Call& call, const Settings<T>& of, const Matrix<T>& g, const Matrix<T>& x,
                              const Given<T>& given) {
  const View& out = call.out[0];
  for_each_strip(call, of, g.plain() && x.plain(), 0.3, [&](int64_t first, int64_t columns, T* scratch) {
    alignas(64) T m[kStripColumns], r[kStripColumns], sums[kStripColumns];
    const Strip<T> strip(g, x, first, columns, of.rows, scratch);
    given.read(first, columns, m, r);
    strip.sum_cotangent(m, nullptr, sums);
    for (int64_t j = 0; j < columns; ++j) sums[j] = of.rows == 0 ? T{0} : sums[j] * r[j];
    scatter(out.as<T>() + first * out.stride[0], out.stride[0], sums, columns);
  });
  return Status::ok;
}

template <class T>
Status run_standardize_weight_grad(const Call& call) {
  const Settings<T> of = settings_of<T>(call, call.in[1]);
  const Matrix<T> g = matrix_of<T>(call.in[0]), x = matrix_of<T>(call.in[1]);
  const Given<T> given = {Vector<T>(call.in[2]), Vector<T>(call.in[3]), of.eps};
  return of.along_rows ? weight_grad_of_rows(call, of, g, x, given) : weight_grad_of_columns(call, of, g, x, given);
}

constexpr Run kRows[] = {
    {"moments", floats(run_moments<float>, run_moments<double>)},
    {"standardize", floats(run_standardize<float>, run_standardize<double>)},
    {"standardize_grad", floats(run_standardize_grad<float>, run_standardize_grad<double>)},
    {"standardize_weight_grad", floats(run_standardize_weight_grad<float>, run_standardize_weight_grad<double>)},
};

}  // namespace

extern const Runs standardize_runs;
const Runs standardize_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::MINIGRAD_ISA
