// Normalisation and its derivatives: of each group of channels of each sample, or of each channel over all samples.
//
// A line x of N elements with mean m (0 unless centred), variance v = mean of (x - m)^2 and scale r = 1 / sqrt(v + eps)
// becomes ((x - m) r) w + b. The Jacobian of u = (x - m) r is symmetric: r (I - 1 1^T / N - u u^T / N), without the
// second term unless centred. The way back is given m and v.
//
// The elements of a sample are contiguous; an element's place among them is its column. A line that is a group of
// channels is summed in the order of a row (reduce_blocks.hpp); on the way back, where channels are long, each channel
// first, and then what these come to, times their weights. What is summed over the samples is summed in the order of
// columns. Where a channel of all samples is a line, its columns are summed over the samples first, and then over the
// columns in the order of a row; so are the gradients of weight and bias of groups, unless their channels are long, and
// then it is the other way round. So a line's bits depend on the line alone.
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

// g (x - m).
template <class T>
struct DistanceRow {
  const T* g;
  const T* x;
  T m;

  [[gnu::always_inline]] Vec<T> at(int64_t j) const { return load(g + j) * (load(x + j) - m); }
  [[gnu::always_inline]] Vec<T> first(int64_t j, int64_t count, Vec<T>) const {
    return load_first(g + j, count, Vec<T>{}) * (load_first(x + j, count, splat(m)) - m);
  }
};

// The sums of a and of a (x - m).
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

// Both are summed in one pass, each in the order of a row: plain_at(begin) and products_at(begin) give the rows from
// `begin` on.
template <class T, class PlainAt, class ProductsAt>
[[gnu::always_inline]] inline CotangentSums<T> sum_both(int64_t n, PlainAt&& plain_at, ProductsAt&& products_at) {
  constexpr int kWidth = kVirtualLanes<T>, kGroup = 4 * kWidth;
  alignas(64) T levels[2 * 48 * kWidth];
  combine_blocks(levels, 2 * kWidth, n > 0 ? divide_up(n, kRowBlock<T>) : 1, combine_into<Sum, T>,
                 [&](int64_t b, T* out) __attribute__((always_inline)) {
                   const int64_t begin = b * kRowBlock<T>, count = smaller(kRowBlock<T>, n - begin);
                   const int64_t whole = count / kGroup * kGroup;
                   const auto plain = plain_at(begin);
                   const auto products = products_at(begin);
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

// a = g.
template <class T>
[[gnu::noinline]] CotangentSums<T> sum_cotangent(const T* g, const T* x, T m, int64_t n) {
  return sum_both<T>(
      n, [=](int64_t i) __attribute__((always_inline)) { return PlainRow<T>{g + i}; },
      [=](int64_t i) __attribute__((always_inline)) { return DistanceRow<T>{g + i, x + i, m}; });
}

// a = g w.
template <class T>
[[gnu::noinline]] CotangentSums<T> sum_weighted(const T* g, const T* w, const T* x, T m, int64_t n) {
  return sum_both<T>(
      n, [=](int64_t i) __attribute__((always_inline)) { return ProductRow<T>{g + i, w + i}; },
      [=](int64_t i) __attribute__((always_inline)) { return CentredProductRow<T>{g + i, w + i, x + i, m}; });
}

template <class T>
[[gnu::noinline]] T sum_products(const T* x, const T* y, int64_t n) {
  if (n == 1) return x[0] * y[0];
  return sum_line<T>(n, [=](int64_t i) __attribute__((always_inline)) { return ProductRow<T>{x + i, y + i}; });
}

template <class T>
struct Moments {
  T mean, variance;
};

template <class T>
[[gnu::always_inline]] inline Moments<T> moments_of(const T* x, int64_t n, bool centred) {
  const T count = static_cast<T>(n), mean = centred ? sum_plain(x, n) / count : T{0};
  return {mean, sum_squares(x, mean, n) / count};
}

template <class T>
[[gnu::always_inline]] inline T scale_of(T variance, T eps) {
  return 1 / math::sqrt(variance + eps);
}

// ---------------------------------------------------------------------------------------------------------------------
// What a call works on.

template <class T>
struct Form {
  int64_t samples, channels, length;  // of a channel
  int64_t repeat;                     // channels in a row that have one weight
  int64_t groups;                     // of a sample; 0: a line is a channel of all samples
  T eps;
  bool centred;

  int64_t columns() const { return channels * length; }
  int64_t line() const { return columns() / groups; }
};

// Of groups, short channels are taken as so many channels of one element.
template <class T>
Form<T> form_of(const Call& call, const View& x) {
  const int64_t groups = call.attributes[1].integer(), repeat = weight_repeats(x, groups);
  return {x.shape[0],
          x.shape[1] * repeat,
          channel_length(x) / repeat,
          repeat,
          groups,
          static_cast<T>(call.attributes[0].real),
          call.attributes[2].flag()};
}

// Sample i begins at first + i * step.
template <class T>
struct Samples {
  T* first;
  int64_t step;

  T* at(int64_t i) const { return first + i * step; }
  PlainRows<T> from(int64_t i, int64_t column) const { return {at(i) + column, step}; }
};

template <class T>
Samples<T> samples_of(const View& x) {
  return {x.as<T>(), x.stride[0]};
}

// A vector: a weight or bias, which may have no elements, a mean or a variance.
template <class T>
struct Vector {
  T* x = nullptr;
  int64_t step = 1;

  Vector() = default;
  explicit Vector(const View& of) : x(of.shape[0] == 0 ? nullptr : of.as<T>()), step(of.stride[0]) {}
  T& operator[](int64_t i) const { return x[i * step]; }

  // Elements first ... first + count, or `missing` where there are none: in memory or in `buffer`.
  [[gnu::noinline]] const T* read(T* buffer, int64_t first, int64_t count, T missing) const {
    if (x != nullptr && step == 1) return x + first;
    for (int64_t i = 0; x == nullptr && i < count; ++i) buffer[i] = missing;
    if (x != nullptr) gather(buffer, static_cast<const T*>(x + first * step), step, count);
    return buffer;
  }

  // `count` elements of which `repeat` in a row are one.
  const T* read_repeated(T* buffer, int64_t count, int64_t repeat, T missing) const {
    if (repeat == 1 || x == nullptr) return read(buffer, 0, count, missing);
    for (int64_t i = 0; i < count; ++i) buffer[i] = x[i / repeat * step];
    return buffer;
  }
};

template <class T>
void fill(const View& out, T value) {
  for (int64_t i = 0; i < out.size(); ++i) out.as<T>()[i] = value;
}

// ---------------------------------------------------------------------------------------------------------------------
// Sums over samples: pieces of their rows, of which each column is a result.

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

// What the sums of columns add up to for each channel.
template <class T>
void fold_channels(T* out, const T* of_columns, int64_t count, int64_t length) {
  for (int64_t i = 0; i < count; ++i) out[i] = length == 1 ? of_columns[i] : sum_plain(of_columns + i * length, length);
}

// Whole channels of at most kStripColumns columns together, or a single longer one, which is taken in pieces of so
// many. Scratch as strip_elements() says.
template <class T>
struct Strip {
  const Form<T>& of;
  int64_t first, count;  // channels
  T* sums;               // of two things for each column
  T* levels;

  Strip(const Form<T>& form, int64_t channel, int64_t channels, T* scratch)
      : of(form), first(channel), count(channels), sums(scratch), levels(scratch + 2 * strip_width(form.length)) {}

  int64_t columns() const { return count * of.length; }

  // What all elements of a channel share, for each column: of a long channel, of one piece.
  const T* spread(T* buffer, const T* value) const {
    if (of.length == 1) return value;
    for (int64_t i = 0; i < count; ++i) {
      const T of_channel = value[i];
      for (int64_t k = 0; k < smaller(of.length, kStripColumns); ++k) buffer[i * of.length + k] = of_channel;
    }
    return buffer;
  }
  const T* spread(T* buffer, const Vector<T>& of_channels, T missing) const {
    alignas(64) T values[kStripColumns];
    return spread(buffer, of_channels.read(of.length == 1 ? buffer : values, first, count, missing));
  }

  // body(column, columns) for each piece.
  template <class Body>
  [[gnu::always_inline]] void for_pieces(Body&& body) const {
    for (int64_t j = 0; j < columns(); j += kStripColumns) {
      body(first * of.length + j, smaller(kStripColumns, columns() - j));
    }
  }

  // The sum over a channel of what rows_of(column, sample) gives.
  template <class RowsOf>
  [[gnu::always_inline]] void sum(T* out, RowsOf&& rows_of) const {
    T* to = sums;
    for_pieces([&](int64_t column, int64_t cols) {
      combine_columns<Sum>(levels, cols, of.samples, [&](int64_t i, int64_t) { return rows_of(column, i); });
      copy(to, levels, cols);
      to += cols;
    });
    fold_channels(out, sums, count, of.length);
  }

  [[gnu::noinline]] void moments(const Samples<T>& x, T* m, T* v) const {
    alignas(64) T wide[kStripColumns];
    const T n = static_cast<T>(of.samples * of.length);
    for (int64_t i = 0; i < count; ++i) m[i] = 0;
    if (of.centred) {
      sum(m, [&](int64_t column, int64_t i) { return x.from(i, column); });
      for (int64_t i = 0; i < count; ++i) m[i] /= n;
    }
    const T* const centre = spread(wide, m);
    sum(v, [&](int64_t column, int64_t i) { return ColumnSquareRows<T>{x.from(i, column), centre}; });
    for (int64_t i = 0; i < count; ++i) v[i] /= n;
  }

  // The sums of g and of g (x - m) over each channel, read once for both; m for each column.
  [[gnu::noinline]] void sum_cotangent(const Samples<T>& g, const Samples<T>& x, const T* m, T* plain,
                                       T* products) const {
    T* const second = sums + strip_width(of.length);
    int64_t done = 0;
    for_pieces([&](int64_t column, int64_t cols) {
      combine_blocks(levels, 2 * cols, divide_up(of.samples, kBlockVectors), combine_into<Sum, T>,
                     [&](int64_t b, T* out) {
                       const int64_t begin = b * kBlockVectors, rows = smaller(kBlockVectors, of.samples - begin);
                       const PlainRows<T> of_g = g.from(begin, column);
                       const ColumnProductRows<T> of_products = {of_g, x.from(begin, column), m};
                       for (int64_t j = 0; j < 2 * cols; ++j) out[j] = 0;
                       for (int64_t i = 0; i < rows; i += 4) {
                         add_rows<Sum>(out, cols, of_g, i, 1, rows - i);
                         add_rows<Sum>(out + cols, cols, of_products, i, 1, rows - i);
                       }
                     });
      copy(sums + done, levels, cols);
      copy(second + done, levels + cols, cols);
      done += cols;
    });
    fold_channels(plain, sums, count, of.length);
    fold_channels(products, second, count, of.length);
  }
};

// body(strip) for all channels, which threads share.
template <class T, class Body>
void for_each_strip(const Call& call, const Form<T>& of, double nanoseconds, Body&& body) {
  const int64_t unit = divide_up(64, of.length), width = of.length < kStripColumns ? kStripColumns / of.length : 1;
  const double cost = nanoseconds * static_cast<double>(unit * of.length * of.samples);
  parallel_for(divide_up(of.channels, unit), cost, [&](int64_t begin, int64_t end, int worker) {
    T* const scratch = reinterpret_cast<T*>(call.scratch(worker));
    const int64_t last = smaller(end * unit, of.channels);
    for (int64_t i = begin * unit; i < last; i += width) body(Strip<T>(of, i, smaller(width, last - i), scratch));
  });
}

// body(sample, group, line) for lines begin ... end, the groups of each sample.
template <class Body>
[[gnu::always_inline]] inline void for_lines(int64_t begin, int64_t end, int64_t groups, Body&& body) {
  int64_t sample = begin / groups, group = begin % groups;
  for (int64_t line = begin; line < end; ++line) {
    body(sample, group, line);
    if (++group < groups) continue;
    group = 0;
    ++sample;
  }
}

// What at(p) is in the function below: elements k ... of p, a register full of them or the first `count`.
template <class T>
struct Whole {
  int64_t k;
  [[gnu::always_inline]] Vec<T> operator()(const T* p) const { return load(p + k); }
};

template <class T>
struct First {
  int64_t k, count;
  [[gnu::always_inline]] Vec<T> operator()(const T* p) const { return load_first(p + k, count, Vec<T>{}); }
};

// out = f(at) for n elements, the last ones without a loop of their own: lines may be short.
template <class T, class F>
[[gnu::always_inline]] inline void map_line(T* out, int64_t n, F&& f) {
  int64_t k = 0;
  for (; k + kLanes<T> <= n; k += kLanes<T>) store(out + k, f(Whole<T>{k}));
  if (k < n) store_first(out + k, f(First<T>{k, n - k}), n - k);
}

// ---------------------------------------------------------------------------------------------------------------------
// Forward.

template <class T>
[[gnu::noinline]] void standardize_line(T* out, const T* x, int64_t n, T m, T r, const T* w, const T* b) {
  map_line(out, n, [=](auto at) __attribute__((always_inline)) { return fma((at(x) - m) * r, at(w), at(b)); });
}

// The same with one weight and bias.
template <class T>
[[gnu::noinline]] void standardize_channel(T* out, const T* x, int64_t n, T m, T r, T w, T b) {
  const Vec<T> weight = splat(w), bias = splat(b);
  map_line(out, n, [=](auto at) __attribute__((always_inline)) { return fma((at(x) - m) * r, weight, bias); });
}

template <class T>
[[gnu::noinline]] void standardize_columns(T* out, const T* x, int64_t n, const T* m, const T* r, const T* w,
                                           const T* b) {
#pragma omp simd
  for (int64_t k = 0; k < n; ++k) out[k] = fma((x[k] - m[k]) * r[k], w[k], b[k]);
}

template <class T>
struct Standardize {
  const Call& call;
  Form<T> of;
  Samples<T> x, out;
  Vector<T> w, b, mean, variance;  // the latter are written, unless the call was given them
  bool given;

  // A group of `channels` channels of a sample.
  void run_line(int64_t sample, int64_t group, int64_t line, int64_t channels, const T* weights,
                const T* biases) const {
    const int64_t n = channels * of.length, first = group * channels;
    const T* const from = x.at(sample) + group * n;
    T* const to = out.at(sample) + group * n;
    const Moments<T> moments = given ? Moments<T>{mean[line], variance[line]} : moments_of(from, n, of.centred);
    const T m = moments.mean, r = scale_of(moments.variance, of.eps);
    if (of.length == 1) standardize_line(to, from, n, m, r, weights + first, biases + first);
    for (int64_t i = 0; of.length > 1 && i < channels; ++i) {
      const int64_t at = i * of.length;
      standardize_channel(to + at, from + at, of.length, m, r, weights[first + i], biases[first + i]);
    }
    if (given) return;
    mean[line] = m;
    variance[line] = moments.variance;
  }

  // `groups` of each sample; moments that are given for channels are those of all samples.
  void run_lines(int64_t groups) const {
    T* const buffer = reinterpret_cast<T*>(call.shared);
    const T* const weights = w.read_repeated(buffer, of.channels, of.repeat, 1);
    const T* const biases = b.read_repeated(buffer + of.channels, of.channels, of.repeat, 0);
    const double cost = 0.2 * static_cast<double>(of.columns() / groups);
    parallel_for(of.samples * groups, cost, [&](int64_t begin, int64_t end, int) {
      for_lines(begin, end, groups, [&](int64_t sample, int64_t group, int64_t line) {
        run_line(sample, group, of.groups > 0 ? line : group, of.channels / groups, weights, biases);
      });
    });
  }

  void run_strip(const Strip<T>& strip) const {
    alignas(64) T m[kStripColumns], v[kStripColumns], columns[4][kStripColumns];
    if (given) {
      copy(m, mean.read(m, strip.first, strip.count, 0), strip.count);
      copy(v, variance.read(v, strip.first, strip.count, 0), strip.count);
    } else {
      strip.moments(x, m, v);
      copy(mean.x + strip.first, m, strip.count);
      copy(variance.x + strip.first, v, strip.count);
    }
    for (int64_t i = 0; i < strip.count; ++i) v[i] = scale_of(v[i], of.eps);
    const T* const centre = strip.spread(columns[0], m);
    const T* const scale = strip.spread(columns[1], v);
    const T* const weights = strip.spread(columns[2], w, 1);
    const T* const biases = strip.spread(columns[3], b, 0);
    strip.for_pieces([&](int64_t column, int64_t cols) {
      for (int64_t i = 0; i < of.samples; ++i) {
        standardize_columns(out.at(i) + column, x.at(i) + column, cols, centre, scale, weights, biases);
      }
    });
  }

  Status run() const {
    constexpr int64_t kLong = 32;
    if (of.groups > 0 || (given && of.length >= kLong)) {
      run_lines(of.groups > 0 ? of.groups : of.channels);
    } else {
      for_each_strip(call, of, 0.2, [&](const Strip<T>& strip) { run_strip(strip); });
    }
    return Status::ok;
  }
};

template <class T>
[[gnu::noinline]] Status run_forward(const Call& call, bool given) {
  const Form<T> of = form_of<T>(call, call.in[0]);
  const View* const moments = given ? call.in + 3 : call.out + 1;
  if (call.in[0].size() == 0) {
    if (given) return Status::ok;
    fill(call.out[1], of.centred ? static_cast<T>(__builtin_nanf("")) : T{0});
    fill(call.out[2], static_cast<T>(__builtin_nanf("")));
    return Status::ok;
  }
  const Samples<T> x = samples_of<T>(call.in[0]), out = samples_of<T>(call.out[0]);
  const Vector<T> w(call.in[1]), b(call.in[2]), mean(moments[0]), variance(moments[1]);
  return Standardize<T>{call, of, x, out, w, b, mean, variance, given}.run();
}

template <class T>
Status run_standardize(const Call& call) {
  return run_forward<T>(call, false);
}

template <class T>
Status run_given(const Call& call) {
  return run_forward<T>(call, true);
}

// ---------------------------------------------------------------------------------------------------------------------
// Backward: with a = g w and d = x - m, r (a - mean of a - d r^2 mean of a d), without the second term unless centred;
// for the weight the sum of g d r over a channel, for the bias that of g.

// Four samples, of which those that are not there are zeros.
template <class T>
struct Four {
  const T* g[4];
  const T* x[4];
  T m[4], r[4];
};

// Adds what n columns of four samples come to, to the sums for weights and biases.
template <class T>
[[gnu::noinline]] void sum_four(const Four<T>& given, int64_t n, T* weights, T* biases) {
  const Four<T> of = given;  // a copy that nothing written below can change
#pragma omp simd
  for (int64_t j = 0; j < n; ++j) {
    T product[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) product[i] = of.g[i][j] * ((of.x[i][j] - of.m[i]) * of.r[i]);
    weights[j] += (product[0] + product[1]) + (product[2] + product[3]);
    biases[j] += (of.g[0][j] + of.g[1][j]) + (of.g[2][j] + of.g[3][j]);
  }
}

// The gradients of a line whose columns have a weight each.
template <class T>
[[gnu::noinline]] void grad_line(T* out, const T* g, const T* x, int64_t n, T m, T r, const T* w, T shift, T slope) {
  const Vec<T> slopes = splat(slope);
  map_line(out, n,
           [=](auto at) __attribute__((always_inline)) { return r * fma(m - at(x), slopes, at(g) * at(w) - shift); });
}

// Of a channel of one sample.
template <class T>
[[gnu::noinline]] void grad_channel(T* out, const T* g, const T* x, int64_t n, T m, T r, T w, T shift, T slope) {
  const Vec<T> slopes = splat(slope);
  map_line(out, n,
           [=](auto at) __attribute__((always_inline)) { return r * fma(m - at(x), slopes, at(g) * w - shift); });
}

template <class T>
[[gnu::noinline]] void grad_columns(T* out, const T* g, const T* x, int64_t n, const T* m, const T* r, const T* shift,
                                    const T* slope) {
#pragma omp simd
  for (int64_t k = 0; k < n; ++k) out[k] = r[k] * fma(m[k] - x[k], slope[k], g[k] - shift[k]);
}

// Of the gradients those that are wanted are not nullptr.
template <class T>
struct Backward {
  const Call& call;
  Form<T> of;
  Samples<T> g, x, out;
  Vector<T> w, mean, variance;
  T* of_weight;
  T* of_bias;

  T* shared() const { return reinterpret_cast<T*>(call.shared); }

  // --- Groups of channels with one element each. The sums for weight and bias, a row for either, are those of blocks
  // of samples first, which take four samples in at a time.

  T* partial(int64_t block) const { return shared() + (1 + 2 * block) * of.channels; }

  // The gradients of x in `count` samples' group, which begins in a column. The sums of several short lines are made
  // before the first is read, so that their latencies overlap; long lines stay in the nearest cache meanwhile.
  void run_lines_of_four(const Four<T>& rows, int64_t sample, int64_t count, int64_t column, int64_t n,
                         const T* weights) const {
    constexpr int64_t kShort = 256;
    const int64_t together = n <= kShort ? 4 : 1;
    const T size = static_cast<T>(n);
    CotangentSums<T> sums[4];
    for (int64_t i = 0; i < count; i += together) {
      const int64_t end = smaller(i + together, count);
      for (int64_t k = i; k < end; ++k) sums[k] = sum_weighted(rows.g[k], weights, rows.x[k], rows.m[k], n);
      for (int64_t k = i; k < end; ++k) {
        const T r = rows.r[k], shift = of.centred ? sums[k].plain / size : T{0};
        grad_line(out.at(sample + k) + column, rows.g[k], rows.x[k], n, rows.m[k], r, weights, shift,
                  sums[k].products / size * r * r);
      }
    }
  }

  // Samples of a group, at most a block; where the gradient of x is not wanted, n columns from `column` on.
  void run_block(int64_t group, int64_t block, int64_t first, int64_t count, int64_t column, int64_t n,
                 const T* weights, const T* zeros) const {
    T* const sums = of_weight != nullptr ? partial(block) + column : nullptr;
    for (int64_t j = 0; sums != nullptr && j < n; ++j) sums[j] = sums[of.channels + j] = 0;
    for (int64_t i = 0; i < count; i += 4) {
      const int64_t sample = first + i, there = smaller(4, count - i);
      Four<T> rows = {{zeros, zeros, zeros, zeros}, {zeros, zeros, zeros, zeros}, {}, {}};
      for (int64_t k = 0; k < there; ++k) {
        const int64_t line = (sample + k) * of.groups + group;
        rows.g[k] = g.at(sample + k) + column;
        rows.x[k] = x.at(sample + k) + column;
        rows.m[k] = mean[line];
        rows.r[k] = scale_of(variance[line], of.eps);
      }
      if (out.first != nullptr) run_lines_of_four(rows, sample, there, column, n, weights + column);
      if (sums != nullptr) sum_four(rows, n, sums, sums + of.channels);
    }
  }

  // Threads share blocks of `rows` samples of each group, and pieces of these.
  [[gnu::noinline]] void run_blocks(int64_t rows, int64_t pieces, const T* weights) const {
    const int64_t n = of.line(), width = divide_up(n, pieces), each = of.groups * pieces;
    const double cost = 0.4 * static_cast<double>(smaller(rows, of.samples) * width);
    parallel_for(divide_up(of.samples, rows) * each, cost, [&](int64_t begin, int64_t end, int worker) {
      T* const zeros = reinterpret_cast<T*>(call.scratch(worker));
      for (int64_t j = 0; j < width; ++j) zeros[j] = 0;
      for (int64_t i = begin; i < end; ++i) {
        const int64_t block = i / each, group = i % of.groups, start = i % each / of.groups * width;
        const int64_t columns = smaller(width, n - start);
        if (columns <= 0) continue;
        run_block(group, block, block * rows, smaller(rows, of.samples - block * rows), group * n + start, columns,
                  weights, zeros);
      }
    });
  }

  // In one pass over memory, unless there are fewer blocks than threads.
  void run_rows(const T* weights) const {
    const int64_t blocks = divide_up(of.samples, kBlockVectors) * of.groups, lines = of.samples * of.groups;
    Backward only_x = *this, only_sums = *this;
    only_x.of_weight = nullptr;
    only_sums.out.first = nullptr;
    if (of_weight == nullptr) return run_blocks(16, 1, weights);
    if (blocks >= worker_count(lines, 0.4 * static_cast<double>(of.line()))) {
      run_blocks(kBlockVectors, 1, weights);
    } else {
      if (out.first != nullptr) only_x.run_blocks(4, 1, weights);
      only_sums.run_blocks(kBlockVectors, 16, weights);
    }
    fold_blocks();
    fold_channels(of_weight, partial(0), of.channels / of.repeat, of.repeat);
    if (of_bias != nullptr) fold_channels(of_bias, partial(0) + of.channels, of.channels / of.repeat, of.repeat);
  }

  // The tree in place: block b takes in block b + 1, then b + 2, ..., as neighbours, pairs, pairs of pairs.
  void fold_blocks() const {
    const int64_t blocks = divide_up(of.samples, kBlockVectors);
    for (int64_t step = 1; step < blocks; step *= 2) {
      for (int64_t b = 0; b + step < blocks; b += 2 * step) {
        combine_into<Sum>(partial(b), static_cast<const T*>(partial(b + step)), 2 * of.channels);
      }
    }
  }

  // --- Groups of longer channels, one after the other: what the sums over each channel are, of g and of g u, is kept.

  T* plain(int64_t sample) const { return shared() + (1 + 2 * sample) * of.channels; }
  T* products(int64_t sample) const { return plain(sample) + of.channels; }

  void run_line(int64_t sample, int64_t group, int64_t line, const T* weights) const {
    const int64_t channels = of.channels / of.groups, first = group * channels;
    const T* const from_g = g.at(sample) + first * of.length;
    const T* const from_x = x.at(sample) + first * of.length;
    const T m = mean[line], r = scale_of(variance[line], of.eps), n = static_cast<T>(of.line());
    for (int64_t i = 0; i < channels; ++i) {
      const CotangentSums<T> sums = sum_cotangent(from_g + i * of.length, from_x + i * of.length, m, of.length);
      plain(sample)[first + i] = sums.plain;
      products(sample)[first + i] = sums.products * r;
    }
    if (out.first == nullptr) return;
    const T* const w_first = weights + first;
    const T shift = of.centred ? sum_products<T>(plain(sample) + first, w_first, channels) / n : T{0};
    const T slope = sum_products<T>(products(sample) + first, w_first, channels) / n * r;
    T* const to = out.at(sample) + first * of.length;
    for (int64_t i = 0; i < channels; ++i) {
      const int64_t at = i * of.length;
      grad_channel(to + at, from_g + at, from_x + at, of.length, m, r, w_first[i], shift, slope);
    }
  }

  void run_lines(const T* weights) const {
    parallel_for(of.samples * of.groups, 0.4 * static_cast<double>(of.line()), [&](int64_t begin, int64_t end, int) {
      for_lines(begin, end, of.groups,
                [&](int64_t sample, int64_t group, int64_t line) { run_line(sample, group, line, weights); });
    });
    if (of_weight == nullptr) return;
    T* const levels = plain(of.samples);
    combine_columns<Sum>(levels, 2 * of.channels, of.samples,
                         [&](int64_t begin, int64_t) { return PlainRows<T>{plain(begin), 2 * of.channels}; });
    copy(of_weight, levels + of.channels, of.channels);
    if (of_bias != nullptr) copy(of_bias, levels, of.channels);
  }

  // --- Channels of all samples.

  void run_strip(const Strip<T>& strip) const {
    alignas(64) T m[kStripColumns], r[kStripColumns], shift[kStripColumns], slope[kStripColumns];
    alignas(64) T columns[4][kStripColumns];
    copy(r, variance.read(r, strip.first, strip.count, 0), strip.count);
    const T* const centre = strip.spread(columns[0], mean.read(m, strip.first, strip.count, 0));
    strip.sum_cotangent(g, x, centre, shift, slope);
    for (int64_t i = 0; i < strip.count; ++i) r[i] = scale_of(r[i], of.eps);
    for (int64_t i = 0; of_weight != nullptr && i < strip.count; ++i) of_weight[strip.first + i] = slope[i] * r[i];
    if (of_bias != nullptr) copy(of_bias + strip.first, shift, strip.count);
    if (out.first == nullptr) return;
    const T n = static_cast<T>(of.samples * of.length);
    for (int64_t i = 0; i < strip.count; ++i) {
      shift[i] = of.centred ? shift[i] / n : T{0};
      slope[i] = slope[i] / n * r[i] * r[i];
      r[i] *= w.x == nullptr ? T{1} : w[strip.first + i];
    }
    const T* const scale = strip.spread(columns[1], r);
    const T* const shifts = strip.spread(columns[2], shift);
    const T* const slopes = strip.spread(columns[3], slope);
    strip.for_pieces([&](int64_t column, int64_t cols) {
      for (int64_t i = 0; i < of.samples; ++i) {
        grad_columns(out.at(i) + column, g.at(i) + column, x.at(i) + column, cols, centre, scale, shifts, slopes);
      }
    });
  }

  Status run() const {
    if (of.groups == 0) {
      for_each_strip(call, of, 0.4, [&](const Strip<T>& strip) { run_strip(strip); });
      return Status::ok;
    }
    const T* const weights = w.read_repeated(shared(), of.channels, of.repeat, 1);
    of.length == 1 ? run_rows(weights) : run_lines(weights);
    return Status::ok;
  }
};

// x and w as inputs 1 and 2, but w only where the gradient of x is wanted.
template <class T>
[[gnu::noinline]] Status run_backward(const Call& call, bool of_x, bool of_columns) {
  const Form<T> of = form_of<T>(call, call.in[1]);
  const int sums = of_x ? 1 : 0, moments = of_x ? 3 : 2;
  T* const of_weight = of_columns ? call.out[sums].as<T>() : nullptr;
  T* const of_bias = of_x && of_columns ? call.out[2].as<T>() : nullptr;
  if (call.in[1].size() == 0) {
    for (int i = sums; of_columns && i <= 2 * sums; ++i) fill(call.out[i], T{0});
    return Status::ok;
  }
  const Samples<T> none = {nullptr, 0}, g = samples_of<T>(call.in[0]), x = samples_of<T>(call.in[1]);
  const Vector<T> mean(call.in[moments]), variance(call.in[moments + 1]);
  return Backward<T>{call,
                     of,
                     g,
                     x,
                     of_x ? samples_of<T>(call.out[0]) : none,
                     of_x ? Vector<T>(call.in[2]) : Vector<T>(),
                     mean,
                     variance,
                     of_weight,
                     of_bias}
      .run();
}

template <class T>
Status run_grad(const Call& call) {
  return run_backward<T>(call, true, false);
}

template <class T>
Status run_weight_grad(const Call& call) {
  return run_backward<T>(call, false, true);
}

template <class T>
Status run_grads(const Call& call) {
  return run_backward<T>(call, true, true);
}

constexpr Run kRows[] = {
    {"standardize", floats(run_standardize<float>, run_standardize<double>)},
    {"standardize_given", floats(run_given<float>, run_given<double>)},
    {"standardize_grad", floats(run_grad<float>, run_grad<double>)},
    {"standardize_weight_grad", floats(run_weight_grad<float>, run_weight_grad<double>)},
    {"standardize_grads", floats(run_grads<float>, run_grads<double>)},
};

}  // namespace

extern const Runs standardize_runs;
const Runs standardize_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::MINIGRAD_ISA
