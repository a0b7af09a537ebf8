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
#include "kernels/past_caches.hpp"
#include "kernels/standardize_backward.hpp"
#include "kernels/standardize_channels.hpp"
#include "kernels/standardize_lines.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// Forward.

template <class T>
[[gnu::noinline]] void standardize_line(T* out, const T* x, int64_t n, bool past, T m, T r, const T* w, const T* b) {
  map_line(out, n, past, [=](auto at) __attribute__((always_inline)) { return fma((at(x) - m) * r, at(w), at(b)); });
}

// The same with one weight and bias. What is `read_once` is asked for ahead.
template <class T>
[[gnu::noinline]] void standardize_channel(T* out, const T* x, int64_t n, bool past, bool read_once, T m, T r, T w,
                                           T b) {
  constexpr int64_t kAhead = 8192 / static_cast<int64_t>(sizeof(T));
  const Vec<T> weight = splat(w), bias = splat(b);
  map_line(
      out, n, past, [=](auto at) __attribute__((always_inline)) { return fma((at(x) - m) * r, weight, bias); },
      read_once ? x + kAhead : nullptr);
}

// `rows` samples' pieces of n columns, which have a mean, a scale, a weight and a bias each.
template <class T>
[[gnu::noinline]] void standardize_columns(Samples<T> out, Samples<T> x, int64_t rows, int64_t n, const T* m,
                                           const T* r, const T* w, const T* b) {
  for (int64_t i = 0; i < rows; ++i) {
    T* const o = out.at(i);
    const T* const a = x.at(i);
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) o[k] = fma((a[k] - m[k]) * r[k], w[k], b[k]);
  }
}

template <class T>
struct Standardize {
  const Call& call;
  Form<T> of;
  Samples<T> x, out;
  Vector<T> w, b, mean, variance;  // the latter are written, unless the call was given them
  bool given;
  bool past = streams(of, 2), asks = asks_ahead(of);

  // A group of `channels` channels of a sample.
  void run_line(int64_t sample, int64_t group, int64_t line, int64_t channels, const T* weights,
                const T* biases) const {
    const int64_t n = channels * of.length, first = group * channels;
    const T* const from = x.at(sample) + group * n;
    T* const to = out.at(sample) + group * n;
    const Moments<T> moments =
        given ? Moments<T>{mean[line], variance[line]} : moments_of(from, n, of.centred, {asks ? n : 0, past});
    const T m = moments.mean, r = scale_of(moments.variance, of.eps);
    if (of.length == 1) standardize_line(to, from, n, past, m, r, weights + first, biases + first);
    for (int64_t i = 0; of.length > 1 && i < channels; ++i) {
      const int64_t at = i * of.length;
      standardize_channel(to + at, from + at, of.length, past, given, m, r, weights[first + i], biases[first + i]);
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
    parallel_for(of.samples * groups, cost, [&](int64_t begin, int64_t end) {
      for_lines(begin, end, groups, [&](int64_t sample, int64_t group, int64_t line) {
        run_line(sample, group, of.groups > 0 ? line : group, of.channels / groups, weights, biases);
      });
      if (past) stream_end();
    });
  }

  // Samples begin ... end of a strip.
  [[gnu::noinline]] void write_samples(const Strip<T>& strip, int64_t begin, int64_t end, const T* centre,
                                       const T* scale, const T* weights, const T* biases) const {
    strip.for_pieces([&](int64_t column, int64_t cols) {
      const Samples<T> to = out.part(begin, column), from = x.part(begin, column);
      if (!past) return standardize_columns(to, from, end - begin, cols, centre, scale, weights, biases);
      for (int64_t i = 0; i < end - begin; ++i) {
        write_past(
            true, to.at(i), cols,
            [&](T* piece, int64_t k, int64_t count) {
              standardize_columns({piece, 0}, {from.at(i) + k, 0}, 1, count, centre + k, scale + k, weights + k,
                                  biases + k);
            },
            from.at(i + 1));
      }
    });
    if (past) stream_end();
  }

  [[gnu::noinline]] void run_strip(const Strip<T>& strip) const {
    alignas(64) T m[kStripColumns], v[kStripColumns], columns[4][kStripColumns];
    if (given) {
      copy(m, mean.read(m, strip.first, strip.count, 0), strip.count);
      copy(v, variance.read(v, strip.first, strip.count, 0), strip.count);
    } else {
      strip.moments(x, m, v);
      keep(mean.x + strip.first, m, strip.count);
      keep(variance.x + strip.first, v, strip.count);
    }
    for (int64_t i = 0; i < strip.count; ++i) v[i] = scale_of(v[i], of.eps);
    const T* const centre = strip.spread(columns[0], m);
    const T* const scale = strip.spread(columns[1], v);
    const T* const weights = strip.spread(columns[2], w, 1);
    const T* const biases = strip.spread(columns[3], b, 0);
    strip.for_samples(
        [&](int64_t begin, int64_t end) { write_samples(strip, begin, end, centre, scale, weights, biases); });
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
// Backward.

// x and w as inputs 1 and 2, but w only where the gradient of x is wanted.
template <class T>
[[gnu::noinline]] Status run_backward(const Call& call, bool of_x, bool of_columns) {
  const Form<T> of = form_of<T>(call, call.in[1]);
  const int sums = of_x ? 1 : 0, moments = of_x ? 3 : 2;
  T* const of_weight = of_columns ? call.out[sums].as<T>() : nullptr;
  T* const of_bias = of_columns ? call.out[sums + 1].as<T>() : nullptr;
  if (call.in[1].size() == 0) {
    for (int i = sums; of_columns && i < sums + 2; ++i) fill(call.out[i], T{0});
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
Status run_sums(const Call& call) {
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
    {"standardize_sums", floats(run_sums<float>, run_sums<double>)},
    {"standardize_grads", floats(run_grads<float>, run_grads<double>)},
};

}  // namespace

extern const Runs standardize_runs;
const Runs standardize_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::MINIGRAD_ISA
