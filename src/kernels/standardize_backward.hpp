// Normalisation: the way back. With a = g w and d = x - m, r (a - mean of a - d r^2 mean of a d), without the second
// term unless centred; for the weight the sum of g d r over a channel, for the bias that of g.
#pragma once

#include "core/kernel.hpp"
#include "core/parallel.hpp"
#include "isa/isa.hpp"
#include "kernels/standardize_channels.hpp"
#include "kernels/standardize_lines.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

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
[[gnu::noinline]] void grad_line(T* out, const T* g, const T* x, int64_t n, bool past, T m, T r, const T* w, T shift,
                                 T slope) {
  const Vec<T> slopes = splat(slope);
  map_line(out, n, past,
           [=](auto at) __attribute__((always_inline)) { return r * fma(m - at(x), slopes, at(g) * at(w) - shift); });
}

// Of a channel of one sample.
template <class T>
[[gnu::noinline]] void grad_channel(T* out, const T* g, const T* x, int64_t n, bool past, T m, T r, T w, T shift,
                                    T slope) {
  const Vec<T> slopes = splat(slope);
  map_line(out, n, past,
           [=](auto at) __attribute__((always_inline)) { return r * fma(m - at(x), slopes, at(g) * w - shift); });
}

// Of `rows` samples' pieces of n columns.
template <class T>
[[gnu::noinline]] void grad_columns(Samples<T> out, Samples<T> g, Samples<T> x, int64_t rows, int64_t n, const T* m,
                                    const T* r, const T* shift, const T* slope) {
  for (int64_t i = 0; i < rows; ++i) {
    T* const o = out.at(i);
    const T* const of_g = g.at(i);
    const T* const of_x = x.at(i);
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) o[k] = r[k] * fma(m[k] - of_x[k], slope[k], of_g[k] - shift[k]);
  }
}

// Of the gradients those that are wanted are not nullptr, of weight and bias both or neither.
template <class T>
struct Backward {
  const Call& call;
  Form<T> of;
  Samples<T> g, x, out;
  Vector<T> w, mean, variance;
  T* of_weight;
  T* of_bias;
  bool past = out.first != nullptr && streams(of, 3);

  T* shared() const { return reinterpret_cast<T*>(call.shared); }

  // --- Groups of channels with one element each. The sums for weight and bias, a row for either, are those of blocks
  // of samples first, which take four samples in at a time.

  T* partial(int64_t block) const { return shared() + (1 + 2 * block) * of.channels; }

  // The gradients of x in `count` samples' group, which begins in a column. The sums of several short lines are made
  // before the first is read, so that their latencies overlap; long lines stay in the nearest cache meanwhile. Where
  // results go past the caches, both passes ask for the line that comes next.
  void run_lines_of_four(const Four<T>& rows, int64_t sample, int64_t count, int64_t column, int64_t n,
                         const T* weights) const {
    constexpr int64_t kShort = 256, kNear = (1 << 15) / static_cast<int64_t>(sizeof(T));
    const int64_t together = n <= kShort ? 4 : 1;
    const T size = static_cast<T>(n);
    const NextLine next = {past && n <= kNear ? together * x.step : 0, true};
    CotangentSums<T> sums[4];
    for (int64_t i = 0; i < count; i += together) {
      const int64_t end = smaller(i + together, count);
      for (int64_t k = i; k < end; ++k) {
        sums[k] = sum_weighted(rows.g[k], weights, rows.x[k], rows.m[k], n, next);
      }
      for (int64_t k = i; k < end; ++k) {
        const T r = rows.r[k], shift = of.centred ? sums[k].plain / size : T{0};
        const T slope = sums[k].products / size * r * r;
        grad_line(out.at(sample + k) + column, rows.g[k], rows.x[k], n, past, rows.m[k], r, weights, shift, slope);
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
      if (past) stream_end();
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
    fold_blocks(partial(0), 2 * of.channels, divide_up(of.samples, kBlockVectors));
    fold_channels(of_weight, partial(0), of.channels / of.repeat, of.repeat);
    fold_channels(of_bias, partial(0) + of.channels, of.channels / of.repeat, of.repeat);
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
      grad_channel(to + at, from_g + at, from_x + at, of.length, past, m, r, w_first[i], shift, slope);
    }
  }

  void run_lines(const T* weights) const {
    parallel_for(of.samples * of.groups, 0.4 * static_cast<double>(of.line()), [&](int64_t begin, int64_t end) {
      for_lines(begin, end, of.groups,
                [&](int64_t sample, int64_t group, int64_t line) { run_line(sample, group, line, weights); });
      if (past) stream_end();
    });
    if (of_weight == nullptr) return;
    T* const levels = plain(of.samples);
    combine_columns<Sum>(levels, 2 * of.channels, of.samples,
                         [&](int64_t begin, int64_t) { return PlainRows<T>{plain(begin), 2 * of.channels}; });
    keep(of_weight, levels + of.channels, of.channels);
    keep(of_bias, levels, of.channels);
  }

  // --- Channels of all samples.

  // Samples begin ... end of a strip.
  [[gnu::noinline]] void write_samples(const Strip<T>& strip, int64_t begin, int64_t end, const T* centre,
                                       const T* scale, const T* shifts, const T* slopes) const {
    strip.for_pieces([&](int64_t column, int64_t cols) {
      const Samples<T> to = out.part(begin, column), of_g = g.part(begin, column), of_x = x.part(begin, column);
      if (!past) return grad_columns(to, of_g, of_x, end - begin, cols, centre, scale, shifts, slopes);
      for (int64_t i = 0; i < end - begin; ++i) {
        write_past(
            true, to.at(i), cols,
            [&](T* piece, int64_t k, int64_t count) {
              grad_columns({piece, 0}, {of_g.at(i) + k, 0}, {of_x.at(i) + k, 0}, 1, count, centre + k, scale + k,
                           shifts + k, slopes + k);
            },
            of_g.at(i + 1), of_x.at(i + 1));
      }
    });
    if (past) stream_end();
  }

  [[gnu::noinline]] void run_strip(const Strip<T>& strip) const {
    alignas(64) T m[kStripColumns], r[kStripColumns], shift[kStripColumns], slope[kStripColumns];
    alignas(64) T columns[4][kStripColumns];
    copy(r, variance.read(r, strip.first, strip.count, 0), strip.count);
    const T* const centre = strip.spread(columns[0], mean.read(m, strip.first, strip.count, 0));
    strip.sum_cotangent(g, x, centre, shift, slope);
    for (int64_t i = 0; i < strip.count; ++i) r[i] = scale_of(r[i], of.eps);
    if (of_weight != nullptr) {
      for (int64_t i = 0; i < strip.count; ++i) of_weight[strip.first + i] = slope[i] * r[i];
      keep(of_bias + strip.first, shift, strip.count);
    }
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
    strip.for_samples(
        [&](int64_t begin, int64_t end) { write_samples(strip, begin, end, centre, scale, shifts, slopes); });
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

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
