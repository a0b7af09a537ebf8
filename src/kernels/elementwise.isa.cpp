// Elementwise kernels in floating point that need arithmetic only.
#include "core/kernel.hpp"
#include "isa/isa.hpp"
#include "isa/math_division.hpp"
#include "kernels/elementwise_loops.hpp"
#include "kernels/elementwise_ops.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// The derivatives are products in which 0 times infinity is 0: nothing passes where they are 0.

// g · tanh'(x) from the output: g (1 - out²).
struct TanhGrad : Streaming {
  template <class T>
  static T apply(T g, T out) {
    return SafeMul::apply(g, fma(-out, out, T{1}));
  }
};

// g · sigmoid'(x) from the output: g · out (1 - out).
struct SigmoidGrad : Streaming {
  template <class T>
  static T apply(T g, T out) {
    return SafeMul::apply(g, out * (T{1} - out));
  }
};

// The quotient, rounded, without its fraction.
struct TruncDivide : Streaming {
  template <class T>
  static T apply(T x, T y) {
    return math::trunc(x / y);
  }
};

// The roundings.

struct Floor : Streaming {
  template <class T>
  static T apply(T x) {
    return math::floor(x);
  }
};

struct Ceil : Streaming {
  template <class T>
  static T apply(T x) {
    return math::ceil(x);
  }
};

struct Trunc : Streaming {
  template <class T>
  static T apply(T x) {
    return math::trunc(x);
  }
};

struct Round : Streaming {
  template <class T>
  static T apply(T x) {
    return math::round(x);
  }
};

struct Frac : Streaming {
  template <class T>
  static T apply(T x) {
    return x - math::trunc(x);
  }
};

// Powers of which each multiplication is rounded: 0.5 ulp, 1, and 1.5.
struct Square : Streaming {
  template <class T>
  static T apply(T x) {
    return x * x;
  }
};

struct Cube : Streaming {
  template <class T>
  static T apply(T x) {
    return x * x * x;
  }
};

struct InverseSquare : Streaming {
  template <class T>
  static T apply(T x) {
    const T inverse = T{1} / x;
    return inverse * inverse;
  }
};

struct CopySign : Streaming {
  template <class T>
  static T apply(T x, T y) {
    return math::copysign(x, y);
  }
};

// The larger and the smaller one; NaN only where both are.
struct FMax : Streaming {
  template <class T>
  static T apply(T x, T y) {
    return ((x >= y) | (y != y)) ? x : y;
  }
};

struct FMin : Streaming {
  template <class T>
  static T apply(T x, T y) {
    return ((x <= y) | (y != y)) ? x : y;
  }
};

// g where the argument is what clamp returns, else 0: of x (0), lower (1) or upper (2).
template <int argument>
struct ClampGrad : Streaming {
  template <class T>
  static T apply(T g, T x, T lower, T upper) {
    const bool returned = argument == 0   ? (x >= lower) & (x <= upper)
                          : argument == 1 ? (x < lower) & (lower < upper)
                                          : (x > upper) | (upper < lower);
    return returned ? g : T{0};
  }
};

template <class T>
Status run_clamp_grad(const Call& call) {
  switch (call.attributes[0].integer()) {
    case 0:
      return run_map<ClampGrad<0>, T, T, T, T, T>(call);
    case 1:
      return run_map<ClampGrad<1>, T, T, T, T, T>(call);
    default:
      return run_map<ClampGrad<2>, T, T, T, T, T>(call);
  }
}

// x + w (y - x), computed from the nearer end: x at 0, y at 1.
struct Lerp : Streaming {
  template <class T>
  static T apply(T x, T y, T w) {
    const bool near = math::abs(w) < static_cast<T>(0.5);
    return fma(near ? w : w - T{1}, y - x, near ? x : y);
  }
};

// The same where it is x.
struct LerpNear : Streaming {
  template <class T>
  static T apply(T x, T y, T w) {
    return fma(w, y - x, x);
  }
};

template <class T>
Status run_lerp(const Call& call) {
  const View& w = call.in[2];
  if (w.rank == 0 && math::abs(*w.as<T>()) < static_cast<T>(0.5)) return run_map<LerpNear, T, T, T, T>(call);
  return run_map<Lerp, T, T, T, T>(call);
}

// y where x is above 0, else w y, which is 0 where w is, whatever y is, but for an x that is NaN.
struct Prelu : Streaming {
  template <class T>
  static T apply(T y, T x, T w) {
    const T product = w * y;
    return x > 0 ? y : product;
  }
};

struct AddCMul : Streaming {
  template <class T>
  static T apply(T x, T y, T z, T value) {
    return fma(value * y, z, x);
  }
};

struct AddCDiv : Streaming {
  template <class T>
  static T apply(T x, T y, T z, T value) {
    return x + value * y / z;
  }
};

struct NanToNum : Streaming {
  template <class T>
  static T apply(T x, T nan, T above, T below) {
    const T at_most = x == math::kInf<T> ? above : x;
    const T finite = x == -math::kInf<T> ? below : at_most;
    return x != x ? nan : finite;
  }
};

// With the number 0, which is what a gradient of 0 is made of, it has nothing to read.
template <class T>
Status run_safe_mul(const Call& call) {
  if (call.in[1].rank == 0 && *call.in[1].as<T>() == 0) return run_zeros(call);
  return run_binary<SafeMul, T>(call);
}

// ---------------------------------------------------------------------------------------------------------------------

template <class Op>
constexpr RunsByDType three() {
  return floats(run_map<Op, float, float, float, float>, run_map<Op, double, double, double, double>);
}

template <class Op>
constexpr RunsByDType four() {
  return floats(run_map<Op, float, float, float, float, float>, run_map<Op, double, double, double, double, double>);
}

constexpr Run kRows[] = {
    {"neg", floats(run_unary<Neg, float>, run_unary<Neg, double>)},
    {"abs", floats(run_unary<Abs, float>, run_unary<Abs, double>)},
    {"sign", floats(run_unary<Sign, float>, run_unary<Sign, double>)},
    {"relu", floats(run_unary<Relu, float>, run_unary<Relu, double>)},
    {"add", floats(run_binary<Add, float>, run_binary<Add, double>)},
    {"sub", floats(run_binary<Sub, float>, run_binary<Sub, double>)},
    {"mul", floats(run_binary<Mul, float>, run_binary<Mul, double>)},
    {"safe_mul", floats(run_safe_mul<float>, run_safe_mul<double>)},
    {"div", floats(run_binary<Div, float>, run_binary<Div, double>)},
    {"safe_div", floats(run_binary<SafeDiv, float>, run_binary<SafeDiv, double>)},
    {"safe_product", three<SafeProduct>()},
    {"safe_quotient", three<SafeQuotient>()},
    {"times_sign", floats(run_binary<TimesSign, float>, run_binary<TimesSign, double>)},
    {"logit_grad", floats(run_binary<LogitGrad, float>, run_binary<LogitGrad, double>)},
    {"trunc_divide", floats(run_binary<TruncDivide, float>, run_binary<TruncDivide, double>)},
    {"maximum", floats(run_binary<Maximum, float>, run_binary<Maximum, double>)},
    {"minimum", floats(run_binary<Minimum, float>, run_binary<Minimum, double>)},
    {"maximum_share", floats(run_binary<MaximumShare, float>, run_binary<MaximumShare, double>)},
    {"relu_grad", floats(run_binary<ReluGrad, float>, run_binary<ReluGrad, double>)},
    {"tanh_grad", floats(run_binary<TanhGrad, float>, run_binary<TanhGrad, double>)},
    {"sigmoid_grad", floats(run_binary<SigmoidGrad, float>, run_binary<SigmoidGrad, double>)},
    {"eq", floats(run_binary<Eq, float, bool>, run_binary<Eq, double, bool>)},
    {"ne", floats(run_binary<Ne, float, bool>, run_binary<Ne, double, bool>)},
    {"lt", floats(run_binary<Lt, float, bool>, run_binary<Lt, double, bool>)},
    {"le", floats(run_binary<Le, float, bool>, run_binary<Le, double, bool>)},
    {"gt", floats(run_binary<Swapped<Lt>, float, bool>, run_binary<Swapped<Lt>, double, bool>)},
    {"ge", floats(run_binary<Swapped<Le>, float, bool>, run_binary<Swapped<Le>, double, bool>)},
    {"logical_and", floats(run_logic<BitwiseAnd, float>, run_logic<BitwiseAnd, double>)},
    {"logical_or", floats(run_logic<BitwiseOr, float>, run_logic<BitwiseOr, double>)},
    {"logical_xor", floats(run_logic<BitwiseXor, float>, run_logic<BitwiseXor, double>)},
    {"floor", floats(run_unary<Floor, float>, run_unary<Floor, double>)},
    {"ceil", floats(run_unary<Ceil, float>, run_unary<Ceil, double>)},
    {"trunc", floats(run_unary<Trunc, float>, run_unary<Trunc, double>)},
    {"round", floats(run_unary<Round, float>, run_unary<Round, double>)},
    {"frac", floats(run_unary<Frac, float>, run_unary<Frac, double>)},
    {"square", floats(run_unary<Square, float>, run_unary<Square, double>)},
    {"cube", floats(run_unary<Cube, float>, run_unary<Cube, double>)},
    {"inverse_square", floats(run_unary<InverseSquare, float>, run_unary<InverseSquare, double>)},
    {"copysign", floats(run_binary<CopySign, float>, run_binary<CopySign, double>)},
    {"heaviside", floats(run_binary<Heaviside, float>, run_binary<Heaviside, double>)},
    {"fmax", floats(run_binary<FMax, float>, run_binary<FMax, double>)},
    {"fmin", floats(run_binary<FMin, float>, run_binary<FMin, double>)},
    {"clamp", three<Clamp>()},
    {"clamp_grad", floats(run_clamp_grad<float>, run_clamp_grad<double>)},
    {"lerp", floats(run_lerp<float>, run_lerp<double>)},
    {"prelu", three<Prelu>()},
    {"addcmul", four<AddCMul>()},
    {"addcdiv", four<AddCDiv>()},
    {"nan_to_num", four<NanToNum>()},
};

}  // namespace

extern const Runs elementwise_runs;
const Runs elementwise_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::MINIGRAD_ISA
