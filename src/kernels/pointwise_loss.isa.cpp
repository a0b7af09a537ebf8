// Losses of single elements x against targets y, and their derivatives by x.
//
// Added up, the elements are summed in row-major order in the order of a row (reduce_blocks.hpp), whatever the strides,
// and divided once for a mean. The blocks' lanes go to shared scratch, so that threads share the blocks.
#include "core/kernel.hpp"
#include "core/loops.hpp"
#include "core/parallel.hpp"
#include "isa/isa.hpp"
#include "isa/math.hpp"
#include "kernels/elementwise_walk.hpp"
#include "kernels/reduce_blocks.hpp"
#include "kernels/softmax_rows.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

enum Reduction : int64_t { kNone, kMean, kSum };

// ---------------------------------------------------------------------------------------------------------------------
// The losses, on registers: value(x, y, p), and slope(x, y, p), the derivative by x, where p is the second attribute of
// those that have one. kFromRegisters: values are so quick next to memory that they are summed without a copy, and 0 is
// that of two zeros.

struct SquaredError {
  static constexpr double kNanoseconds = 0.15;
  static constexpr bool kFromRegisters = true;
  static constexpr bool kParameter = false;
  template <class V>
  [[gnu::always_inline]] static V value(V x, V y, V) {
    return (x - y) * (x - y);
  }
  template <class V>
  [[gnu::always_inline]] static V slope(V x, V y, V) {
    return math::all<V>(2) * (x - y);
  }
};

// -1, 0 or 1; NaN of NaN.
template <class V>
[[gnu::always_inline]] inline V sign_of(V d) {
  const V zero = math::all<V>(0);
  const V not_above = math::select(math::below(d, zero), math::all<V>(-1), d);
  return math::select(math::below(zero, d), math::all<V>(1), not_above);
}

// The slope is 0 where x and y are equal, and, as in PyTorch, where either is NaN.
struct AbsoluteError {
  static constexpr double kNanoseconds = 0.15;
  static constexpr bool kFromRegisters = true;
  static constexpr bool kParameter = false;
  template <class V>
  [[gnu::always_inline]] static V value(V x, V y, V) {
    return math::abs(x - y);
  }
  template <class V>
  [[gnu::always_inline]] static V slope(V x, V y, V) {
    const V not_above = math::select(math::below(x, y), math::all<V>(-1), math::all<V>(0));
    return math::select(math::below(y, x), math::all<V>(1), not_above);
  }
};

// d^2 / 2 beta for |d| < beta, |d| - beta / 2 beyond.
struct SmoothAbsoluteError {
  static constexpr double kNanoseconds = 0.2;
  static constexpr bool kParameter = true;
  template <class V>
  [[gnu::always_inline]] static V value(V x, V y, V beta) {
    const V size = math::abs(x - y), half = math::all<V>(0.5);
    return math::select(math::below(size, beta), half * size * size / beta, size - half * beta);
  }
  template <class V>
  [[gnu::always_inline]] static V slope(V x, V y, V beta) {
    const V d = x - y;
    return math::select(math::below(math::abs(d), beta), d / beta, sign_of(d));
  }
};

// d^2 / 2 for |d| < delta, delta (|d| - delta / 2) beyond.
struct Huber {
  static constexpr double kNanoseconds = 0.2;
  static constexpr bool kParameter = true;
  template <class V>
  [[gnu::always_inline]] static V value(V x, V y, V delta) {
    const V size = math::abs(x - y), half = math::all<V>(0.5);
    return math::select(math::below(size, delta), half * size * size, delta * (size - half * delta));
  }
  template <class V>
  [[gnu::always_inline]] static V slope(V x, V y, V delta) {
    const V d = x - y;
    return math::select(math::below(math::abs(d), delta), d, delta * sign_of(d));
  }
};

// -(y log x + (1 - y) log(1 - x)) for probabilities x, with logarithms of at least -100, so that a certain error costs
// 100; the slope's denominator is at least 1e-12, which PyTorch rounds to a float.
struct BinaryCrossEntropy {
  static constexpr double kNanoseconds = 0.8;
  static constexpr bool kParameter = false;
  template <class V>
  [[gnu::always_inline]] static V value(V x, V y, V) {
    return (y - math::all<V>(1)) * log_of_rest(x) - y * log_of(x);
  }
  template <class V>
  [[gnu::always_inline]] static V slope(V x, V y, V) {
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
struct BinaryCrossEntropyTarget : BinaryCrossEntropy {
  template <class V>
  [[gnu::always_inline]] static V slope(V x, V, V) {
    return log_of_rest(x) - log_of(x);
  }
};

// Binary cross-entropy for x in place of sigmoid(x), as a sum of terms >= 0: |x| times the probability of the class
// that x speaks against, and log(1 + exp(-|x|)). Nothing overflows or cancels; an infinite x that is right costs 0.
struct BinaryCrossEntropyWithLogits {
  static constexpr double kNanoseconds = 0.6;
  static constexpr bool kParameter = false;
  template <class V>
  [[gnu::always_inline]] static V value(V x, V y, V) {
    const V zero = math::all<V>(0), size = math::abs(x);
    const V wrong = math::select(math::below(x, zero), y, math::all<V>(1) - y);
    return math::select(math::equal(wrong, zero), zero, size * wrong) + math::log1p(math::exp(-size));
  }
  template <class V>
  [[gnu::always_inline]] static V slope(V x, V y, V) {
    return math::sigmoid(x) - y;
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// Rows without gaps: what is compiled for each loss. Everything else is compiled once.

// out = value(x, y), or w slope(x, y). w has an element for each, or, for w_step 0, a register of one number.
template <class T>
using RowFunction = void (*)(T* out, const T* w, int64_t w_step, const T* x, const T* y, int64_t n, T parameter);
template <class T>
using SumFunction = Lanes<T> (*)(const T* x, const T* y, int64_t count, T parameter, bool far);

// out[i] = f(w[i], x[i], y[i])
template <class T, class F>
[[gnu::always_inline]] inline void map_registers(T* out, const T* w, int64_t w_step, const T* x, const T* y, int64_t n,
                                                 F&& f) {
  int64_t i = 0;
  for (; i + kLanes<T> <= n; i += kLanes<T>) store(out + i, f(load(w + i * w_step), load(x + i), load(y + i)));
  if (i == n) return;
  const auto rest = [=](const T* p) __attribute__((always_inline)) { return load_first(p, n - i, Vec<T>{}); };
  store_first(out + i, f(rest(w + i * w_step), rest(x + i), rest(y + i)), n - i);
}

template <class F, class T>
void value_row(T* out, const T* w, int64_t w_step, const T* x, const T* y, int64_t n, T parameter) {
  const Vec<T> p = splat(parameter);
  map_registers(out, w, w_step, x, y, n,
                [p](Vec<T>, Vec<T> a, Vec<T> b) __attribute__((always_inline)) { return F::value(a, b, p); });
}

// 0 where g is 0, so that elements that do not count, of NaN among them, leave no trace.
template <class F, class T>
void slope_row(T* out, const T* w, int64_t w_step, const T* x, const T* y, int64_t n, T parameter) {
  const Vec<T> p = splat(parameter);
  map_registers(out, w, w_step, x, y, n, [p](Vec<T> g, Vec<T> a, Vec<T> b) __attribute__((always_inline)) {
    return g == 0 ? g : g * F::slope(a, b, p);
  });
}

// The row of values of x and y, of losses that are 0 where both are.
template <class F, class T>
struct ValueRow {
  const T* x;
  const T* y;
  Vec<T> parameter;
  bool far;

  [[gnu::always_inline]] Vec<T> at(int64_t j) const { return F::value(load(x + j), load(y + j), parameter); }
  // Only for sums, as of products.
  [[gnu::always_inline]] Vec<T> first(int64_t j, int64_t count, Vec<T>) const {
    return F::value(load_first(x + j, count, Vec<T>{}), load_first(y + j, count, Vec<T>{}), parameter);
  }
  [[gnu::always_inline]] void fetch(int64_t j) const {
    if (far) fetch_soon(x + j), fetch_soon(y + j);
  }
};

// The lanes of the sum of at most a block's values. Where they are `far` and summed from registers, what comes soon is
// asked for.
template <class F, class T>
Lanes<T> sum_block(const T* x, const T* y, int64_t count, T parameter, bool far) {
  if constexpr (requires { F::kFromRegisters; }) {
    return block_lanes<Sum, T>(ValueRow<F, T>{x, y, splat(parameter), far}, count);
  } else {
    alignas(64) T value[kRowBlock<T>];
    value_row<F>(value, x, 1, x, y, count, parameter);
    return block_lanes<Sum, T>(PlainRow<T>{value}, count);
  }
}

template <class T>
struct Loss {
  RowFunction<T> row;
  SumFunction<T> sum;  // of values
  double nanoseconds;
  T parameter;

  Loss(RowFunction<T> each, SumFunction<T> block, double cost, bool has_parameter, const Call& call)
      : row(each),
        sum(block),
        nanoseconds(cost),
        parameter(has_parameter ? static_cast<T>(call.attributes[1].real) : T{0}) {}
};

// ---------------------------------------------------------------------------------------------------------------------
// Each element's value, or its share in the cotangent.

// What a loop takes: the weights g / divisor are one number for all elements, a register of which is `same`, or those
// of the first operand.
template <class T>
struct Each {
  Loss<T> loss;
  T divisor;
  bool one;
  alignas(64) T same[kLanes<T>];
};

template <class T>
void loss_loop(const void* context, void* to, int64_t size, const Neighbours& in) {
  const Each<T>& each = *static_cast<const Each<T>*>(context);
  const auto operand = [&](int i) { return static_cast<const T*>(in.x[i]); };
  T* const out = static_cast<T*>(to);
  const T parameter = each.loss.parameter;
  if (each.one) return each.loss.row(out, each.same, 0, operand(0), operand(1), size, parameter);
  const T* const g = operand(0);
  const T* const x = operand(1);
  const T* const y = operand(2);
  if (each.divisor == 1) return each.loss.row(out, g, 1, x, y, size, parameter);
  alignas(64) T w[kRowBlock<T>];
  for (int64_t i = 0, count; i < size; i += count) {
    count = smaller(kRowBlock<T>, size - i);
    for (int64_t k = 0; k < count; ++k) w[k] = g[i + k] / each.divisor;
    each.loss.row(out + i, w, 1, x + i, y + i, count, parameter);
  }
}

// g: of x's shape, or without dimensions, and then not among the inputs of `call`.
template <class T>
Status run_each(const Loss<T>& loss, const Call& call, const View& g, T divisor) {
  Each<T> each = {loss, divisor, g.rank == 0, {}};
  if (each.one) store(each.same, splat(*g.as<T>() / divisor));
  return walk(call, {each.one ? 2 : 3, loss.nanoseconds, loss_loop<T>, &each, kMapBlock});
}

// ---------------------------------------------------------------------------------------------------------------------
// The elements' sum.

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
      gather(a, x + offset[0], nest.stride[0][inner], length);
      gather(b, y + offset[1], nest.stride[1][inner], length);
      a += length;
      b += length;
    });
  }
};

// The lanes of each block's sum, one behind the other.
template <class T>
void sum_blocks(const Loss<T>& loss, const Pairs<T>& pairs, int64_t n, T* lanes) {
  const bool direct = pairs.contiguous(), far = direct && beyond_caches<T>(2 * n);
  parallel_for(divide_up(n, kRowBlock<T>), loss.nanoseconds * kRowBlock<T>, [&](int64_t first, int64_t last, int) {
    alignas(64) T x_copy[kRowBlock<T>], y_copy[kRowBlock<T>];
    for (int64_t b = first; b < last; ++b) {
      const int64_t begin = b * kRowBlock<T>, count = smaller(kRowBlock<T>, n - begin);
      if (!direct) pairs.gather_block(begin, count, x_copy, y_copy);
      const T* const x = direct ? pairs.x + begin : x_copy;
      const T* const y = direct ? pairs.y + begin : y_copy;
      store_lanes(lanes + b * kVirtualLanes<T>, loss.sum(x, y, count, loss.parameter, far));
    }
  });
}

// Without elements the mean is 0 / 0, NaN, as in PyTorch.
template <class T>
Status run_sum(const Loss<T>& loss, const Call& call, bool mean) {
  const View* const operands[] = {&call.in[0], &call.in[1]};
  const int64_t n = call.in[0].size();
  T* const lanes = reinterpret_cast<T*>(call.shared);
  sum_blocks<T>(loss, {call.in[0].as<T>(), call.in[1].as<T>(), make_nest(operands)}, n, lanes);
  T total = 0;
  if (n > 0) {
    total = fold<Sum>(combine_row_blocks<Sum, T>(
        n, [&](int64_t begin, int64_t) { return load_lanes(lanes + begin / kRowBlock<T> * kVirtualLanes<T>); }));
  }
  *call.out[0].as<T>() = mean ? total / static_cast<T>(n) : total;
  return Status::ok;
}

// ---------------------------------------------------------------------------------------------------------------------
// Runs.

template <class T>
Status run_values(const Loss<T>& loss, const Call& call) {
  const int64_t reduction = call.attributes[0].integer();
  if (reduction != kNone) return run_sum(loss, call, reduction == kMean);
  T weight = 1;
  View number;
  number.data = &weight;
  number.rank = 0;
  return run_each(loss, call, number, T{1});
}

template <class T>
Status run_slopes(const Loss<T>& loss, const Call& call) {
  const bool mean = call.attributes[0].integer() == kMean;
  const T divisor = mean ? static_cast<T>(call.out[0].size()) : T{1};
  const View& g = call.in[0];
  Call of_pairs = call;
  if (g.rank == 0) ++of_pairs.in;
  return run_each(loss, of_pairs, g, divisor);
}

template <class F, class T>
Status run_loss(const Call& call) {
  return run_values<T>({value_row<F, T>, sum_block<F, T>, F::kNanoseconds, F::kParameter, call}, call);
}

template <class F, class T>
Status run_loss_grad(const Call& call) {
  return run_slopes<T>({slope_row<F, T>, nullptr, F::kNanoseconds, F::kParameter, call}, call);
}

template <class F>
constexpr RunsByDType forward() {
  return floats(run_loss<F, float>, run_loss<F, double>);
}

template <class F>
constexpr RunsByDType backward() {
  return floats(run_loss_grad<F, float>, run_loss_grad<F, double>);
}

constexpr Run kRows[] = {
    {"mse_loss", forward<SquaredError>()},
    {"l1_loss", forward<AbsoluteError>()},
    {"smooth_l1_loss", forward<SmoothAbsoluteError>()},
    {"huber_loss", forward<Huber>()},
    {"binary_cross_entropy", forward<BinaryCrossEntropy>()},
    {"binary_cross_entropy_with_logits", forward<BinaryCrossEntropyWithLogits>()},
    {"mse_loss_grad", backward<SquaredError>()},
    {"l1_loss_grad", backward<AbsoluteError>()},
    {"smooth_l1_loss_grad", backward<SmoothAbsoluteError>()},
    {"huber_loss_grad", backward<Huber>()},
    {"binary_cross_entropy_grad", backward<BinaryCrossEntropy>()},
    {"binary_cross_entropy_target_grad", backward<BinaryCrossEntropyTarget>()},
    {"binary_cross_entropy_with_logits_grad", backward<BinaryCrossEntropyWithLogits>()},
};

}  // namespace

extern const Runs pointwise_loss_runs;
const Runs pointwise_loss_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::MINIGRAD_ISA
