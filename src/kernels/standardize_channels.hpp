// Normalisation: how a call sees samples, channels and vectors, and sums over the samples.
#pragma once

#include "core/kernel.hpp"
#include "core/parallel.hpp"
#include "isa/isa.hpp"
#include "kernels/past_caches.hpp"
#include "kernels/reduce_blocks.hpp"
#include "kernels/standardize_lines.hpp"
#include "kernels/standardize_shapes.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

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

// Whether a result, of rows that are long enough, goes past the caches, where so many arrays are read and written.
template <class T>
bool streams(const Form<T>& of, int64_t arrays) {
  constexpr int64_t kWorthStreaming = 2048;
  const int64_t item = static_cast<int64_t>(sizeof(T));
  const int64_t row = (of.length == 1 ? of.columns() : of.length) * item;
  return row >= kWorthStreaming && past_caches(arrays * of.samples * of.columns() * item);
}

// Sample i begins at first + i * step.
template <class T>
struct Samples {
  T* first;
  int64_t step;

  T* at(int64_t i) const { return first + i * step; }
  Samples part(int64_t i, int64_t column) const { return {at(i) + column, step}; }
  PlainRows<T> from(int64_t i, int64_t column) const { return {at(i) + column, step}; }
};

template <class T>
Samples<T> samples_of(const View& x) {
  return {x.as<T>(), x.stride[0]};
}

// Whether the next line is asked for while one stands in the nearest cache: where x and the result do not fit into the
// cache after that, and lines are neither too long for it nor so short that a processor foresees them.
template <class T>
bool asks_ahead(const Form<T>& of) {
  constexpr int64_t kShort = 2048, kNear = 1 << 15, kCached = 1 << 20;  // bytes
  const int64_t item = static_cast<int64_t>(sizeof(T)), line = of.groups > 0 ? of.line() * item : 0;
  return kShort <= line && line <= kNear && 2 * of.samples * of.columns() * item > kCached;
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

template <class T>
void keep(T* out, const T* x, int64_t count) {
  __builtin_memcpy(out, x, static_cast<size_t>(count) * sizeof(T));
}

// The tree over blocks of `width` sums each, in place: block b takes in block b + 1, then b + 2, ..., as neighbours,
// pairs, pairs of pairs.
template <class T>
[[gnu::noinline]] void fold_blocks(T* sums, int64_t width, int64_t blocks) {
  for (int64_t step = 1; step < blocks; step *= 2) {
    for (int64_t b = 0; b + step < blocks; b += 2 * step) {
      combine_into<Sum>(sums + b * width, static_cast<const T*>(sums + (b + step) * width), width);
    }
  }
}

// What the sums of columns add up to for each channel.
template <class T>
void fold_channels(T* out, const T* of_columns, int64_t count, int64_t length) {
  for (int64_t i = 0; i < count; ++i) out[i] = length == 1 ? of_columns[i] : sum_plain(of_columns + i * length, length);
}

// Whole channels of at most kStripColumns columns together, or a single longer one, which is taken in pieces of so
// many. A worker has a strip by itself, or all of them share its samples.
template <class T>
struct Strip {
  const Call& call;
  const Form<T>& of;
  int64_t first, count;  // channels
  int worker;            // kAll: all of them
  double cost;           // nanoseconds for a sample

  static constexpr int kAll = -1;

  bool shared() const { return worker == kAll; }
  // Scratch as strip_elements() says: the sums of two things for each column, and the levels of a tree.
  T* sums() const { return reinterpret_cast<T*>(call.scratch(shared() ? 0 : worker)); }
  T* levels(int of_worker) const { return reinterpret_cast<T*>(call.scratch(of_worker)) + 2 * strip_width(of.length); }

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

  // body(begin, end) for samples begin ... end.
  template <class Body>
  [[gnu::always_inline]] void for_samples(Body&& body) const {
    parallel_by(shared() ? worker_count(of.samples, cost) : 1, of.samples,
                [&](int64_t begin, int64_t end, int) { body(begin, end); });
  }

  // The sums over the samples of what block(first, count, out) gives for `width` columns of `count` samples.
  template <class Block>
  [[gnu::always_inline]] const T* sum_samples(int64_t width, Block&& block) const {
    return sum_blocks_of(
        width, [](void* of, int64_t i, int64_t rows, T* out) { (*static_cast<__typeof__(&block)>(of))(i, rows, out); },
        &block);
  }
  using BlockSums = void (*)(void* context, int64_t first, int64_t count, T* out);
  [[gnu::noinline]] const T* sum_blocks_of(int64_t width, BlockSums block, void* context) const {
    const int64_t blocks = divide_up(of.samples, kBlockVectors);
    const int64_t run = shared() ? run_blocks(of.samples) : blocks, runs = divide_up(blocks, run);
    const int workers = shared() ? worker_count(runs, cost * static_cast<double>(run * kBlockVectors)) : 1;
    T* const of_runs = reinterpret_cast<T*>(call.shared);
    parallel_by(workers, runs, [&](int64_t begin, int64_t end, int own) __attribute__((noinline)) {
      T* const top = levels(shared() ? own : worker);
      for (int64_t i = begin; i < end; ++i) {
        combine_blocks(top, width, smaller(run, blocks - i * run), combine_into<Sum, T>, [&](int64_t b, T* out) {
          const int64_t from = (i * run + b) * kBlockVectors;
          block(context, from, smaller(kBlockVectors, of.samples - from), out);
        });
        if (shared()) keep(of_runs + i * width, top, width);
      }
    });
    if (!shared()) return levels(worker);
    fold_blocks(of_runs, width, runs);
    return of_runs;
  }

  // The sum over a channel of what rows_of(column, sample) gives.
  template <class RowsOf>
  [[gnu::always_inline]] void sum(T* out, RowsOf&& rows_of) const {
    T* to = sums();
    for_pieces([&](int64_t column, int64_t cols) {
      const T* const total = sum_samples(
          cols, [&](int64_t i, int64_t rows, T* out) { column_block<Sum>(out, cols, rows_of(column, i), rows); });
      keep(to, total, cols);
      to += cols;
    });
    fold_channels(out, sums(), count, of.length);
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
    T* const of_g = sums();
    T* const of_products = of_g + strip_width(of.length);
    int64_t done = 0;
    for_pieces([&](int64_t column, int64_t cols) {
      const T* const both = sum_samples(2 * cols, [&](int64_t first_row, int64_t rows, T* out) {
        const PlainRows<T> plain_rows = g.from(first_row, column);
        const ColumnProductRows<T> product_rows = {plain_rows, x.from(first_row, column), m};
        for (int64_t j = 0; j < 2 * cols; ++j) out[j] = 0;
        for (int64_t i = 0; i < rows; i += 4) {
          add_group<Sum>(out, cols, plain_rows, i, 1, rows - i);
          add_group<Sum>(out + cols, cols, product_rows, i, 1, rows - i);
        }
      });
      keep(of_g + done, both, cols);
      keep(of_products + done, both + cols, cols);
      done += cols;
    });
    fold_channels(plain, of_g, count, of.length);
    fold_channels(products, of_products, count, of.length);
  }
};

// body(strip) for all channels. Threads share these, or, where there are many, the samples: then they read whole rows.
template <class T, class Body>
void for_each_strip(const Call& call, const Form<T>& of, double nanoseconds, Body&& body) {
  const int64_t unit = divide_up(64, of.length), width = of.length < kStripColumns ? kStripColumns / of.length : 1;
  const double cost = nanoseconds * static_cast<double>(of.length * of.samples);
  const auto run = [&](int64_t begin, int64_t end, int worker) __attribute__((noinline)) {
    for (int64_t i = begin; i < end; i += width) {
      const int64_t count = smaller(width, end - i);
      body(Strip<T>{call, of, i, count, worker, nanoseconds * static_cast<double>(count * of.length)});
    }
  };
  const int workers = worker_count(of.samples, nanoseconds * static_cast<double>(of.columns()));
  if (workers > 1 && of.samples >= 2 * kBlockVectors * workers) return run(0, of.channels, Strip<T>::kAll);
  parallel_for(divide_up(of.channels, unit), cost * static_cast<double>(unit),
               [&](int64_t begin, int64_t end, int own) { run(begin * unit, smaller(end * unit, of.channels), own); });
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

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
