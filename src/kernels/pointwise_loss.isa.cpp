// Losses of single elements x against targets y, and their derivatives by x.
//
// Added up, the elements are summed in row-major order in the order of a row (reduce_blocks.hpp), whatever the strides,
// and divided once for a mean. The blocks' lanes go to shared scratch, so that threads share the blocks.
#include "core/kernel.hpp"
#include "core/loops.hpp"
#include "core/parallel.hpp"
#include "isa/isa.hpp"
#include "isa/math.hpp"
#include "kernels/reduce_blocks.hpp"
#include "kernels/softmax_rows.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

enum Reduction : int64_t { kNone, kMean, kSum };

// ---------------------------------------------------------------------------------------------------------------------
// The losses: value(x, y), and slope(x, y), the derivative by x. `parameter` is the second attribute, if there is one.

template <class T>
struct SquaredError {
  static constexpr double kNanoseconds = 0.15;
  T parameter;
  [[gnu::always_inline]] T value(T x, T y) const { return (x - y) * (x - y); }
  [[gnu::always_inline]] T slope(T x, T y) const { return 2 * (x - y); }
};

// -1, 0 or 1; NaN of NaN.
template <class T>
[[gnu::always_inline]] inline T sign_of(T d) {
  return d > 0 ? T{1} : (d < 0 ? T{-1} : d);
}

// The slope is 0 where x and y are equal, and, as in PyTorch, where either is NaN.
template <class T>
struct AbsoluteError {
  static constexpr double kNanoseconds = 0.15;
  T parameter;
  [[gnu::always_inline]] T value(T x, T y) const { return math::abs(x - y); }
  [[gnu::always_inline]] T slope(T x, T y) const { return x > y ? T{1} : (x < y ? T{-1} : T{0}); }
};

// d^2 / 2 beta for |d| < beta, |d| - beta / 2 beyond.
template <class T>
struct SmoothAbsoluteError {
  static constexpr double kNanoseconds = 0.2;
  T parameter;
  [[gnu::always_inline]] T value(T x, T y) const {
    const T size = math::abs(x - y), parabola = T{0.5} * size * size / parameter, line = size - T{0.5} * parameter;
    return size < parameter ? parabola : line;
  }
  [[gnu::always_inline]] T slope(T x, T y) const {
    const T d = x - y, inner = d / parameter, outer = sign_of(d);
    return math::abs(d) < parameter ? inner : outer;
  }
};

// d^2 / 2 for |d| < delta, delta (|d| - delta / 2) beyond.
template <class T>
struct Huber {
  static constexpr double kNanoseconds = 0.2;
  T parameter;
  [[gnu::always_inline]] T value(T x, T y) const {
    const T size = math::abs(x - y), parabola = T{0.5} * size * size, line = parameter * (size - T{0.5} * parameter);
    return size < parameter ? parabola : line;
  }
  [[gnu::always_inline]] T slope(T x, T y) const {
    const T d = x - y, outer = parameter * sign_of(d);
    return math::abs(d) < parameter ? d : outer;
  }
};

// -(y log x + (1 - y) log(1 - x)) for probabilities x, with logarithms of at least -100, so that a certain error costs
// 100; the slope's denominator is at least 1e-12, which PyTorch rounds to a float.
template <class T>
struct BinaryCrossEntropy {
  static constexpr double kNanoseconds = 0.8;
  static constexpr bool kRegisters = true;
  T parameter;
  template <class V>
  [[gnu::always_inline]] V value(V x, V y) const {
    return (y - math::all<V>(1)) * log_of_rest(x) - y * log_of(x);
  }
  template <class V>
  [[gnu::always_inline]] V slope(V x, V y) const {
    const V spread = (math::all<V>(1) - x) * x, least = math::all<V>(1e-12f);
    return (x - y) / math::select(math::below(spread, least), least, spread);
  }

  template <class V>
  [[gnu::always_inline]] static V log_of(V x) {
    return at_least(math::log(x));
  }
  template <class V>
  [[gnu::always_inline]] static V log_of_rest(V x) {
    return at_least(math::log1p(-x));
  }
  template <class V>
  [[gnu::always_inline]] static V at_least(V log) {
    const V least = math::all<V>(-100);
    return math::select(math::below(log, least), least, log);
  }
};

// The derivative of that by y, in place of the one by x: what a target of 1 costs more than one of 0.
template <class T>
struct BinaryCrossEntropyTarget : BinaryCrossEntropy<T> {
  template <class V>
  [[gnu::always_inline]] V slope(V x, V) const {
    return this->log_of_rest(x) - this->log_of(x);
  }
};

// Binary cross-entropy for x in place of sigmoid(x), as a sum of terms >= 0: |x| times the probability of the class
// that x speaks against, and log(1 + exp(-|x|)). Nothing overflows or cancels; an infinite x that is right costs 0.
template <class T>
struct BinaryCrossEntropyWithLogits {
  static constexpr double kNanoseconds = 0.6;
  static constexpr bool kRegisters = true;
  T parameter;
  template <class V>
  [[gnu::always_inline]] V value(V x, V y) const {
    const V zero = math::all<V>(0), size = math::abs(x);
    const V wrong = math::select(math::below(x, zero), y, math::all<V>(1) - y);
    return math::select(math::equal(wrong, zero), zero, size * wrong) + math::log1p(math::exp(-size));
  }
  template <class V>
  [[gnu::always_inline]] V slope(V x, V y) const {
    return math::sigmoid(x) - y;
  }
};

template <class F>
struct Parts;  // the element type of a loss

template <template <class> class F, class T>
struct Parts<F<T>> {
  using Element = T;
};

template <class F, class T>
F loss_of(const Call& call, bool has_parameter) {
  F f;
  f.parameter = has_parameter ? static_cast<T>(call.attributes[1].real) : T{0};
  return f;
}

// out[i] = f(x[i], y[i]): on registers where the loss F can be had so.
template <class F, class T, class Function>
[[gnu::always_inline]] inline void map_pairs(T* out, const T* x, const T* y, int64_t n, Function&& f) {
  if constexpr (requires { F::kRegisters; }) {
    int64_t i = 0;
    for (; i + kLanes<T> <= n; i += kLanes<T>) store(out + i, f(load(x + i), load(y + i)));
    if (i < n) store_first(out + i, f(load_first(x + i, n - i, Vec<T>{}), load_first(y + i, n - i, Vec<T>{})), n - i);
  } else {
    map_row(out, x, y, n, f);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Operands as contiguous blocks.

// Elements begin ... begin + count of x and y in row-major order, in memory or copied to a and b.
template <class T>
struct Pairs {
  const T* x;
  const T* y;
  Nest<2> nest;

  bool contiguous() const { return nest.rank == 1 && nest.stride[0][0] == 1 && nest.stride[1][0] == 1; }

  void gather_block(int64_t begin, int64_t count, T* a, T* b) const {
    const int inner = nest.rank - 1;
    for_rows(nest, begin, begin + count, [&](const int64_t* offset, int64_t length) {
      for (int64_t i = 0; i < length; ++i) a[i] = x[offset[0] + i * nest.stride[0][inner]];
      for (int64_t i = 0; i < length; ++i) b[i] = y[offset[1] + i * nest.stride[1][inner]];
      a += length;
      b += length;
    });
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// Forward.

// The lanes of each block's sum, one behind the other.
template <class F, class T>
void sum_blocks(const F& f, const Pairs<T>& pairs, int64_t n, T* lanes) {
  const bool direct = pairs.contiguous();
  parallel_for(divide_up(n, kRowBlock<T>), F::kNanoseconds * kRowBlock<T>, [&](int64_t first, int64_t last, int) {
    alignas(64) T x_copy[kRowBlock<T>], y_copy[kRowBlock<T>], value[kRowBlock<T>];
    for (int64_t b = first; b < last; ++b) {
      const int64_t begin = b * kRowBlock<T>, count = smaller(kRowBlock<T>, n - begin);
      if (!direct) pairs.gather_block(begin, count, x_copy, y_copy);
      map_pairs<F>(value, direct ? pairs.x + begin : x_copy, direct ? pairs.y + begin : y_copy, count,
                   [f](auto x, auto y) __attribute__((always_inline)) { return f.value(x, y); });
      store_lanes(lanes + b * kVirtualLanes<T>, block_lanes<Sum, T>(PlainRow<T>{value}, count));
    }
  });
}

template <class F, class T>
void run_each(const F& f, const Call& call) {
  const View* const operands[] = {&call.out[0], &call.in[0], &call.in[1]};
  const Nest<3> nest = make_nest(operands);
  const int inner = nest.rank - 1;
  const int64_t step[] = {nest.stride[0][inner], nest.stride[1][inner], nest.stride[2][inner]};
  parallel_for(nest.size, F::kNanoseconds, [&](int64_t begin, int64_t end, int) {
    for_rows(nest, begin, end, [&](const int64_t* offset, int64_t count) {
      T* const out = call.out[0].as<T>() + offset[0];
      const T* const x = call.in[0].as<T>() + offset[1];
      const T* const y = call.in[1].as<T>() + offset[2];
      if (step[0] == 1 && step[1] == 1 && step[2] == 1) {
        map_pairs<F>(out, x, y, count, [f](auto a, auto b) __attribute__((always_inline)) { return f.value(a, b); });
      } else {
        for (int64_t i = 0; i < count; ++i) out[i * step[0]] = f.value(x[i * step[1]], y[i * step[2]]);
      }
    });
  });
}

// Without elements the mean is 0 / 0, NaN, as in PyTorch.
template <class F, bool kHasParameter>
Status run_loss(const Call& call) {
  using T = typename Parts<F>::Element;
  const F f = loss_of<F, T>(call, kHasParameter);
  const int64_t reduction = call.attributes[0].integer();
  if (reduction == kNone) {
    run_each<F, T>(f, call);
    return Status::ok;
  }
  const View* const operands[] = {&call.in[0], &call.in[1]};
  const int64_t n = call.in[0].size();
  T* const lanes = reinterpret_cast<T*>(call.shared);
  sum_blocks<F, T>(f, {call.in[0].as<T>(), call.in[1].as<T>(), make_nest(operands)}, n, lanes);
  T total = 0;
  if (n > 0) {
    total = fold<Sum>(combine_row_blocks<Sum, T>(
        n, [&](int64_t begin, int64_t) { return load_lanes(lanes + begin / kRowBlock<T> * kVirtualLanes<T>); }));
  }
  *call.out[0].as<T>() = reduction == kMean ? total / static_cast<T>(n) : total;
  return Status::ok;
}

// ---------------------------------------------------------------------------------------------------------------------
// The derivative by x: g slope(x, y), with g divided by the number of elements for a mean.

template <class F, class T>
void slope_row(const F& f, const int64_t (&step)[4], T* out, const T* g, const T* x, const T* y, T divisor,
               int64_t count) {
  if (step[0] == 1 && step[1] == 0 && step[2] == 1 && step[3] == 1) {
    const T w = *g / divisor;
    map_pairs<F>(out, x, y, count, [=](auto a, auto b) __attribute__((always_inline)) { return w * f.slope(a, b); });
  } else if (step[0] == 1 && step[1] == 1 && step[2] == 1 && step[3] == 1) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) out[i] = g[i] / divisor * f.slope(x[i], y[i]);
  } else {
    for (int64_t i = 0; i < count; ++i) {
      out[i * step[0]] = g[i * step[1]] / divisor * f.slope(x[i * step[2]], y[i * step[3]]);
    }
  }
}

template <class F, bool kHasParameter>
Status run_loss_grad(const Call& call) {
  using T = typename Parts<F>::Element;
  const F f = loss_of<F, T>(call, kHasParameter);
  const View* const operands[] = {&call.out[0], &call.in[0], &call.in[1], &call.in[2]};
  const Nest<4> nest = make_nest(operands);
  const int inner = nest.rank - 1;
  int64_t step[4];
  for (int i = 0; i < 4; ++i) step[i] = nest.stride[i][inner];
  const T divisor = call.attributes[0].integer() == kMean ? static_cast<T>(nest.size) : T{1};
  parallel_for(nest.size, F::kNanoseconds, [&](int64_t begin, int64_t end, int) {
    for_rows(nest, begin, end, [&](const int64_t* offset, int64_t count) {
      slope_row<F, T>(f, step, call.out[0].as<T>() + offset[0], call.in[0].as<T>() + offset[1],
                      call.in[1].as<T>() + offset[2], call.in[2].as<T>() + offset[3], divisor, count);
    });
  });
  return Status::ok;
}

template <template <class> class F, bool kHasParameter = false>
constexpr RunsByDType forward() {
  return floats(run_loss<F<float>, kHasParameter>, run_loss<F<double>, kHasParameter>);
}

template <template <class> class F, bool kHasParameter = false>
constexpr RunsByDType backward() {
  return floats(run_loss_grad<F<float>, kHasParameter>, run_loss_grad<F<double>, kHasParameter>);
}

constexpr Run kRows[] = {
    {"mse_loss", forward<SquaredError>()},
    {"l1_loss", forward<AbsoluteError>()},
    {"smooth_l1_loss", forward<SmoothAbsoluteError, true>()},
    {"huber_loss", forward<Huber, true>()},
    {"binary_cross_entropy", forward<BinaryCrossEntropy>()},
    {"binary_cross_entropy_with_logits", forward<BinaryCrossEntropyWithLogits>()},
    {"mse_loss_grad", backward<SquaredError>()},
    {"l1_loss_grad", backward<AbsoluteError>()},
    {"smooth_l1_loss_grad", backward<SmoothAbsoluteError, true>()},
    {"huber_loss_grad", backward<Huber, true>()},
    {"binary_cross_entropy_grad", backward<BinaryCrossEntropy>()},
    {"binary_cross_entropy_target_grad", backward<BinaryCrossEntropyTarget>()},
    {"binary_cross_entropy_with_logits_grad", backward<BinaryCrossEntropyWithLogits>()},
};

}  // namespace

extern const Runs pointwise_loss_runs;
const Runs pointwise_loss_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::MINIGRAD_ISA
