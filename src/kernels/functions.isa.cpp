// The elementary functions, and division with a rest.
#include "isa/math_division.hpp"
#include "kernels/elementwise_ops.hpp"
#include "kernels/function_loops.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// x - y, 0 where both are equal, infinities too.
struct Difference : Streaming {
  template <class T>
  static T apply(T x, T y) {
    return x == y ? T{0} : x - y;
  }
};

// What is wanted of x = whole * y + rest.

// The rest, with the sign of x.
struct Fmod {
  template <class T>
  [[gnu::always_inline]] static T finish(math::Division<T> d, T, T) {
    return d.rest;
  }
};

// Whether the quotient rounded down is one less than whole.
template <class T>
[[gnu::always_inline]] inline bool rounds_down(T rest, T y) {
  return (rest != 0) & ((rest < 0) != (y < 0));
}

// The rest of the quotient rounded down, with the sign of y.
struct Remainder {
  template <class T>
  [[gnu::always_inline]] static T finish(math::Division<T> d, T, T y) {
    return math::select(math::mask_of<T>(rounds_down(d.rest, y)), d.rest + y, d.rest);
  }
};

// The quotient rounded down, which has the sign of x / y even if that is 0; NaN where the rest is; x / y where y is 0.
struct FloorDivide {
  template <class T>
  [[gnu::always_inline]] static T finish(math::Division<T> d, T x, T y) {
    const T quotient = x / y;
    const T floored = d.whole - (rounds_down(d.rest, y) ? T{1} : T{0}) + (d.rest - d.rest);
    return math::select(math::mask_of<T>(y == 0), quotient, math::copysign(floored, quotient));
  }
};

template <class F>
struct Divided {
  template <class T>
  [[gnu::always_inline]] static T apply(T x, T y) {
    return F::finish(math::divide(x, y), x, y);
  }
};

// As function_block: a block with a quotient of too many digits is computed one by one.
template <class F, class T>
inline void division_block(T* out, int64_t size, const T* x, const T* y) {
  int slow = 0;
  for (int64_t i = 0; i < size; ++i) slow |= math::divides_slowly(x[i], y[i]);
  if (slow == 0) return map_block<Divided<F>>(out, size, x, y);
  for (int64_t i = 0; i < size; ++i) {
    const math::Division<T> d =
        math::divides_slowly(x[i], y[i]) ? math::divide_digits(x[i], y[i]) : math::divide(x[i], y[i]);
    out[i] = F::finish(d, x[i], y[i]);
  }
}

template <class F, class T>
Status run_division(const Call& call) {
  const auto loop = [](const void*, void* out, int64_t size, const Neighbours& in) {
    division_block<F>(static_cast<T*>(out), size, static_cast<const T*>(in.x[0]), static_cast<const T*>(in.x[1]));
  };
  return walk(call, {2, cost_in_nanoseconds<T>(300), loop, nullptr, kSlowBlock});
}

constexpr Run kRows[] = {
    {"sqrt", function<functions::Sqrt, 180>()},
    {"exp", function<functions::Exp, 180>()},
    {"log", function<functions::Log>()},
    {"sin", function<functions::Sin>()},
    {"cos", function<functions::Cos>()},
    {"tanh", function<functions::Tanh>()},
    {"sigmoid", function<functions::Sigmoid, 280>()},
    {"pow", binary_function<functions::Pow, 1800>()},
    {"tan", function<functions::Tan, 650>()},
    {"asin", function<functions::Asin>()},
    {"acos", function<functions::Acos>()},
    {"atan", function<functions::Atan, 450>()},
    {"sinh", function<functions::Sinh, 500>()},
    {"cosh", function<functions::Cosh, 500>()},
    {"asinh", function<functions::Asinh, 800>()},
    {"acosh", function<functions::Acosh, 800>()},
    {"atanh", function<functions::Atanh, 500>()},
    {"exp2", function<functions::Exp2, 160>()},
    {"expm1", function<functions::Expm1>()},
    {"log1p", function<functions::Log1p>()},
    {"log2", function<functions::Log2, 430>()},
    {"log10", function<functions::Log10, 430>()},
    {"rsqrt", function<functions::Rsqrt, 280>()},
    {"erf", function<functions::Erf, 480>()},
    {"atan2", binary_function<functions::Atan2, 550>()},
    {"hypot", binary_function<functions::Hypot, 500>()},
    {"logaddexp", binary_function<functions::Logaddexp, 1200>()},
    {"xlogy", binary_function<functions::Xlogy, 500>()},
    {"floor_divide", floats(run_division<FloorDivide, float>, run_division<FloorDivide, double>)},
    {"remainder", floats(run_division<Remainder, float>, run_division<Remainder, double>)},
    {"fmod", floats(run_division<Fmod, float>, run_division<Fmod, double>)},
    {"difference", floats(run_binary<Difference, float>, run_binary<Difference, double>)},
};

}  // namespace

extern const Runs functions_runs;
const Runs functions_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::MINIGRAD_ISA
