// Cross-entropy of softmax against target classes, and its gradient. x and probabilities have shape (n, c), target
// (n,); all of any strides.
//
// A row's loss and probabilities depend on that row alone. The probabilities are bit for bit what softmax gives, and a
// loss is as exact as log_softmax. The losses of rows are summed in the order of a row, then divided once. Targets are
// checked before anything is read by them.
#include "core/kernel.hpp"
#include "core/parallel.hpp"
#include "isa/isa.hpp"
#include "isa/math.hpp"
#include "kernels/reduce_tiles.hpp"
#include "kernels/softmax_rows.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

enum LossReduction : int64_t { kNone, kMean, kSum };

// ---------------------------------------------------------------------------------------------------------------------
// Targets: one class for each row.

struct Targets {
  const int64_t* index;
  int64_t step;
  int64_t ignored;  // rows with this target do not count

  [[gnu::always_inline]] int64_t operator[](int64_t i) const { return index[i * step]; }
};

struct TargetCount {
  bool valid;
  int64_t counted;  // rows that are not ignored
};

// An ignored target may be any number; each other one must be in [0, classes).
[[gnu::noinline]] TargetCount count_targets(const Targets& target, int64_t n, int64_t classes) {
  int64_t wrong = 0, ignored = 0;
  for (int64_t i = 0; i < n; ++i) {
    const bool skip = target[i] == target.ignored;
    wrong += !skip & (static_cast<uint64_t>(target[i]) >= static_cast<uint64_t>(classes));
    ignored += skip;
  }
  return {wrong == 0, n - ignored};
}

Targets targets_of(const View& target, const Attribute* attributes) {
  return {target.as<int64_t>(), target.stride[0], attributes[0].integer()};
}

// ---------------------------------------------------------------------------------------------------------------------
// Cross-entropy. With d = x - m, s the sum of exp(d), target t of c classes and smoothing a, a row's loss is
//
//   (1 - a) (log s - d_t) + a / c (c log s - sum of d),
//
// a sum of terms >= 0: nothing cancels. A logit of -inf costs +inf where it is the target's or labels are smoothed.

template <class T>
struct CrossEntropy {
  const T* x;
  int64_t row_step, col_step;
  int64_t n, classes;
  Targets target;
  T smoothing;
  T* loss;  // one for each row
  int64_t loss_step;
  T* out;  // probabilities
  int64_t out_row_step, out_col_step;

  // The logit of row i's target; any number where the row is ignored.
  T target_logit(int64_t i) const {
    const int64_t t = target[i];
    return t == target.ignored ? T{0} : x[i * row_step + t * col_step];
  }

  // d_sum is read only where labels are smoothed: it may be infinite or NaN.
  T row_loss(T logit, T m, T log, T d_sum) const {
    const T plain = log - (logit - m);
    if (smoothing == 0) return plain;
    const T c = static_cast<T>(classes);
    return fma(smoothing / c, c * log - d_sum, (1 - smoothing) * plain);
  }

  // Up to kTileRows short rows, transposed (see reduce_tiles.hpp). What the rows that are not there give is not
  // written.
  [[gnu::noinline]] void run_tile(int64_t first, int64_t rows) const {
    Tile<T> tile;
    alignas(64) T m[kTileRows], s[kTileRows], d_sum[kTileRows] = {}, logit[kTileRows] = {};
    for (int64_t r = 0; r < rows; ++r) logit[r] = target_logit(first + r);
    load_tile(tile, x + first * row_step, row_step, col_step, rows, classes);
    tile_max(tile, classes, m);
    map_tile(tile, tile, tile, m, classes, [](T value, T, T largest) { return value - largest; });
    if (smoothing != 0) combine_tile<Sum>(tile, classes, d_sum);
    map_tile(tile, tile, tile, m, classes, [](T d, T, T) { return math::exp_below_0(d); });
    combine_tile<Sum>(tile, classes, s);
    finish_rows(m, s, d_sum, logit);
    map_tile(tile, tile, tile, s, classes, [](T e, T, T scale) { return e * scale; });
    store_tile(out + first * out_row_step, out_row_step, out_col_step, tile, rows, classes);
    write_losses(first, rows, m);
  }

  // 0 for rows that are ignored.
  void write_losses(int64_t first, int64_t rows, const T* value) const {
    for (int64_t r = 0; r < rows; ++r) {
      loss[(first + r) * loss_step] = target[first + r] == target.ignored ? T{0} : value[r];
    }
  }

  // The sum of d = x - m.
  [[gnu::noinline]] T sum_differences(const StridedRow<T>& row, T m) const {
    alignas(64) T copy[kRowBlock<T>], d[kRowBlock<T>];
    return fold<Sum>(combine_row_blocks<Sum, T>(classes, [&](int64_t begin, int64_t count) {
      const T* const block = row.at(begin, count, copy);
      map_row(d, block, count, [m](T value) __attribute__((always_inline)) { return value - m; });
      return block_lanes<Sum, T>(PlainRow<T>{d}, count);
    }));
  }

  // Up to kTileRows rows, one step of the computation after the other, so that latencies hide.
  [[gnu::noinline]] void run_rows(int64_t first, int64_t rows) const {
    alignas(64) T m[kTileRows] = {}, s[kTileRows] = {}, d_sum[kTileRows] = {}, logit[kTileRows] = {};
    for (int64_t r = 0; r < rows; ++r) logit[r] = target_logit(first + r);
    for (int64_t r = 0; r < rows; ++r) m[r] = row_max(row(first + r), classes);
    for (int64_t r = 0; r < rows; ++r) s[r] = exp_row(row(first + r), m[r], classes, out_row(first + r));
    for (int64_t r = 0; r < rows && smoothing != 0; ++r) d_sum[r] = sum_differences(row(first + r), m[r]);
    finish_rows(m, s, d_sum, logit);
    for (int64_t r = 0; r < rows; ++r) scale_row(out_row(first + r), s[r], classes);
    write_losses(first, rows, m);
  }

  // Turns m into the losses and s into the factors that make probabilities of exp(d).
  void finish_rows(T* m, T* s, const T* d_sum, const T* logit) const {
#pragma omp simd
    for (int r = 0; r < kTileRows; ++r) {
      m[r] = row_loss(logit[r], m[r], math::log(s[r]), d_sum[r]);
      s[r] = 1 / s[r];
    }
  }

  StridedRow<T> row(int64_t i) const { return {x + i * row_step, col_step}; }
  StridedOut<T> out_row(int64_t i) const { return {out + i * out_row_step, out_col_step}; }

  // Threads share the rows.
  void run() const {
    constexpr double kNanoseconds = 0.5;
    const int64_t each = rows_at_once(classes);
    const double cost = kNanoseconds * static_cast<double>(classes * each);
    parallel_for(divide_up(n, each), cost, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin * each; i < end * each; i += each) {
        const int64_t rows = smaller(each, n - i);
        are_tile<T>(classes, rows) ? run_tile(i, rows) : run_rows(i, rows);
      }
    });
  }
};

// Without rows that count the mean is 0 / 0, NaN, as in PyTorch.
template <class T>
T total_of(const T* terms, int64_t n) {
  return fold<Sum>(row_lanes<Sum>(terms, n));
}

template <class T>
Status run_cross_entropy(const Call& call) {
  const View& x = call.in[0];
  const View& loss = call.out[0];
  const View& out = call.out[1];
  const int64_t n = x.shape[0], classes = x.shape[1], reduction = call.attributes[2].integer();
  const Targets target = targets_of(call.in[1], call.attributes);
  const TargetCount count = count_targets(target, n, classes);
  if (!count.valid) return Status::index_out_of_range;
  T* const losses = reduction == kNone ? loss.as<T>() : reinterpret_cast<T*>(call.shared);
  const int64_t loss_step = reduction == kNone ? loss.stride[0] : 1;
  const T smoothing = static_cast<T>(call.attributes[1].real);
  CrossEntropy<T>{x.as<T>(), x.stride[0], x.stride[1], n,           classes,       target,
                  smoothing, losses,      loss_step,   out.as<T>(), out.stride[0], out.stride[1]}
      .run();
  if (reduction == kNone) return Status::ok;
  const T total = total_of(losses, n);
  *loss.as<T>() = reduction == kMean ? total / static_cast<T>(count.counted) : total;
  return Status::ok;
}

// ---------------------------------------------------------------------------------------------------------------------
// The gradient: w (p - q) with w = g or g / (rows that count), 0 in rows that are ignored; q = a / c, and 1 - a more
// for the target.

template <class T>
struct CrossEntropyGrad {
  const T* g;
  int64_t g_step;
  T divisor;
  const T* p;
  int64_t row_step, col_step;
  int64_t n, classes;
  Targets target;
  T smoothing;
  T* out;
  int64_t out_row_step, out_col_step;

  void run_row(int64_t i, T common) const {
    const int64_t t = target[i];
    const T* const from = p + i * row_step;
    T* const to = out + i * out_row_step;
    if (t == target.ignored) {
      for (int64_t k = 0; k < classes; ++k) to[k * out_col_step] = 0;
      return;
    }
    const T w = g_step == 0 ? common : g[i * g_step] / divisor;
    const T q = smoothing / static_cast<T>(classes);
    if (col_step == 1 && out_col_step == 1) {
      scaled_differences(to, from, q, w);
    } else {
      for (int64_t k = 0; k < classes; ++k) to[k * out_col_step] = w * (from[k * col_step] - q);
    }
    to[t * out_col_step] = w * (from[t * col_step] - (q + (1 - smoothing)));
  }

  // to = w (from - q), contiguous. The target's element is written once more afterwards.
  void scaled_differences(T* to, const T* from, T q, T w) const {
    int64_t k = 0;
    for (; k + kLanes<T> <= classes; k += kLanes<T>) store(to + k, w * (load(from + k) - q));
    if (k == classes) return;
    store_first(to + k, w * (load_first(from + k, classes - k, Vec<T>{}) - q), classes - k);
  }

  void run() const {
    constexpr double kNanoseconds = 0.2;
    parallel_for(n, kNanoseconds * static_cast<double>(classes), [&](int64_t begin, int64_t end) {
      const T common = *g / divisor;
      for (int64_t i = begin; i < end; ++i) run_row(i, common);
    });
  }
};

template <class T>
Status run_cross_entropy_grad(const Call& call) {
  const View& g = call.in[0];
  const View& p = call.in[1];
  const View& out = call.out[0];
  const int64_t n = p.shape[0], classes = p.shape[1];
  const Targets target = targets_of(call.in[2], call.attributes);
  const TargetCount count = count_targets(target, n, classes);
  if (!count.valid) return Status::index_out_of_range;
  const bool mean = call.attributes[2].integer() == kMean;
  CrossEntropyGrad<T>{g.as<T>(),
                      g.rank == 1 ? g.stride[0] : 0,
                      mean ? static_cast<T>(count.counted) : T{1},
                      p.as<T>(),
                      p.stride[0],
                      p.stride[1],
                      n,
                      classes,
                      target,
                      static_cast<T>(call.attributes[1].real),
                      out.as<T>(),
                      out.stride[0],
                      out.stride[1]}
      .run();
  return Status::ok;
}

// ---------------------------------------------------------------------------------------------------------------------
// The negative logarithms of likelihoods, given the logarithms: -w x of the target, w its class's weight, 0 for samples
// that are ignored; the mean is their sum divided by that of the weights, in the same order. And the gradient, -g w or
// -g w / (sum of the weights) at the target. There are d samples for each of the n places along the first dimension of
// x, (n, c) or (n, c, d): sample i d + j has the logarithms x[i, :, j].

template <class T>
struct Likelihoods {
  View x;
  View weight;
  Targets target;

  int64_t inner() const { return x.rank == 3 ? x.shape[2] : 1; }

  // body(sample, weight, logarithm) for each one between two places; logarithm is that of the target's class.
  template <class Body>
  void each(int64_t begin, int64_t end, Body&& body) const {
    const int64_t d = inner(), last_step = x.rank == 3 ? x.stride[2] : 0;
    const int64_t weight_step = weighted() ? weight.stride[0] : 0;
    for (int64_t i = begin; i < end; ++i) {
      T* const from = x.as<T>() + i * x.stride[0];
      for (int64_t j = 0; j < d; ++j) {
        const int64_t sample = i * d + j, t = target[sample];
        if (t == target.ignored) continue;
        body(sample, weight.as<T>()[t * weight_step], from + t * x.stride[1] + j * last_step);
      }
    }
  }

  TargetCount count() const { return count_targets(target, x.shape[0] * inner(), x.shape[1]); }

  // Whether classes have weights of their own.
  bool weighted() const { return weight.rank == 1; }

  // What a mean is divided by, given the weights of `n` samples, where classes have such.
  T divisor(const T* weights, int64_t n, const TargetCount& count) const {
    return weighted() ? total_of(weights, n) : *weight.as<T>() * static_cast<T>(count.counted);
  }
};

template <class T>
Status run_nll(const Call& call) {
  const View& loss = call.out[0];
  const Likelihoods<T> samples = {call.in[0], call.in[1], targets_of(call.in[2], call.attributes)};
  const int64_t n = call.in[2].shape[0], reduction = call.attributes[1].integer();
  const TargetCount count = samples.count();
  if (!count.valid) return Status::index_out_of_range;
  T* const losses = reduction == kNone ? loss.as<T>() : reinterpret_cast<T*>(call.shared);
  T* const weights = reduction == kMean && samples.weighted() ? losses + n : nullptr;
  const int64_t step = reduction == kNone ? loss.stride[0] : 1;
  if (count.counted < n) {
    for (int64_t i = 0; i < n; ++i) losses[i * step] = 0;
    for (int64_t i = 0; i < n && weights != nullptr; ++i) weights[i] = 0;
  }
  samples.each(0, samples.x.shape[0], [&](int64_t i, T weight, const T* x) {
    losses[i * step] = -(weight * *x);
    if (weights != nullptr) weights[i] = weight;
  });
  if (reduction == kNone) return Status::ok;
  const T total = total_of(losses, n);
  *loss.as<T>() = reduction == kMean ? total / samples.divisor(weights, n, count) : total;
  return Status::ok;
}

// Writes zeros to the places from `begin` to `end` along the first of two or three dimensions.
template <class T>
void clear(const View& x, int64_t begin, int64_t end) {
  const int64_t rows = x.rank == 3 ? x.shape[1] : 1, length = x.shape[x.rank - 1], step = x.stride[x.rank - 1];
  for (int64_t i = begin; i < end; ++i) {
    for (int64_t r = 0; r < rows; ++r) {
      T* const row = x.as<T>() + i * x.stride[0] + r * x.stride[1];
      if (step == 1) {
        __builtin_memset(row, 0, static_cast<size_t>(length) * sizeof(T));
      } else {
        for (int64_t k = 0; k < length; ++k) row[k * step] = 0;
      }
    }
  }
}

template <class T>
Status run_nll_grad(const Call& call) {
  const View& g = call.in[0];
  const View& out = call.out[0];
  const Likelihoods<T> samples = {out, call.in[1], targets_of(call.in[2], call.attributes)};
  const TargetCount count = samples.count();
  if (!count.valid) return Status::index_out_of_range;
  const int64_t n = call.in[2].shape[0], g_step = g.rank == 1 ? g.stride[0] : 0;
  T divisor = 1;
  if (call.attributes[1].integer() == kMean) {
    T* const weights = reinterpret_cast<T*>(call.shared);
    if (samples.weighted()) {
      for (int64_t i = 0; i < n; ++i) weights[i] = 0;
      samples.each(0, out.shape[0], [&](int64_t i, T weight, const T*) { weights[i] = weight; });
    }
    divisor = samples.divisor(weights, n, count);
  }
  parallel_for(out.shape[0], 0.1 * static_cast<double>(out.shape[1] * samples.inner()),
               [&](int64_t begin, int64_t end) {
                 clear<T>(out, begin, end);
                 samples.each(begin, end,
                              [&](int64_t i, T weight, T* to) { *to = -(g.as<T>()[i * g_step] / divisor * weight); });
               });
  return Status::ok;
}

constexpr Run kRows[] = {
    {"nll_loss", floats(run_nll<float>, run_nll<double>)},
    {"nll_loss_grad", floats(run_nll_grad<float>, run_nll_grad<double>)},
    {"cross_entropy", floats(run_cross_entropy<float>, run_cross_entropy<double>)},
    {"cross_entropy_grad", floats(run_cross_entropy_grad<float>, run_cross_entropy_grad<double>)},
};

}  // namespace

extern const Runs loss_runs;
const Runs loss_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::MINIGRAD_ISA
