// The elementwise operations that need arithmetic only, for floats and, where it makes sense, integers and booleans.
//
// Included by files compiled once per instruction set: everything here has internal linkage.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

#include "core/half.hpp"

namespace minigrad {
namespace {

// Memory, not arithmetic, bounds all of these: an element costs what moving its bytes costs, in the caches behind the
// first.
struct Streaming {
  static constexpr double kNanosecondsPerByte = 0.0115;
};

// What shifts, scales or limits rows, each by a number of its own, takes many of them at a time.
struct ByRows : Streaming {
  static constexpr bool kTakesMatrices = true;
};

struct Copy : Streaming {
  static constexpr bool kCopies = true;
  template <class T>
  static T apply(T x) {
    return x;
  }
};

// A float as an integer, towards 0. What does not fit, which C++ leaves open, and NaN become the least integer, as
// x86's instruction has it: other processors would give others, and not the same for one element as for several.
template <class Integer, class X>
Integer truncated(X x) {
#if defined(__x86_64__)
  return static_cast<Integer>(x);
#else
  constexpr X kLimit = static_cast<X>(uint64_t{1} << (8 * sizeof(Integer) - 1));
  return x >= -kLimit && x < kLimit ? static_cast<Integer>(x) : std::numeric_limits<Integer>::min();
#endif
}

// A float becomes a small integer by way of int32, whose lowest bits stay.
template <class X, class Out>
struct ConvertTo : Streaming {
  static Out apply(X x) {
    if constexpr (std::is_floating_point_v<X> && std::is_integral_v<Out> && !std::is_same_v<Out, bool>) {
      return static_cast<Out>(truncated<std::conditional_t<sizeof(Out) == 8, Out, int32_t>>(x));
    } else if constexpr (std::is_same_v<X, Half>) {
      return ConvertTo<float, Out>::apply(x);
    } else {
      return static_cast<Out>(x);
    }
  }
};

template <class X>
struct ConvertTo<X, X> : Copy {};

struct Neg : Streaming {
  template <class T>
  static T apply(T x) {
    return static_cast<T>(-x);
  }
};

struct Abs : Streaming {
  static float apply(float x) { return __builtin_fabsf(x); }
  static double apply(double x) { return __builtin_fabs(x); }
  template <class T>
  static T apply(T x) {
    const T minus = static_cast<T>(-x);
    return std::is_signed_v<T> && minus > x ? minus : x;
  }
};

// -1, 0 or 1; 0 of NaN, as PyTorch has it.
struct Sign : Streaming {
  template <class T>
  static T apply(T x) {
    return x > 0 ? T{1} : (x < 0 ? static_cast<T>(-1) : T{0});
  }
};

// max(x, 0): 0 for -0, NaN for NaN.
struct Relu : Streaming {
  template <class T>
  static T apply(T x) {
    return x <= 0 ? T{0} : x;
  }
};

struct Add : ByRows {
  template <class T>
  static T apply(T x, T y) {
    return static_cast<T>(x + y);
  }
};

struct Sub : ByRows {
  template <class T>
  static T apply(T x, T y) {
    return static_cast<T>(x - y);
  }
};

struct Mul : ByRows {
  template <class T>
  static T apply(T x, T y) {
    return static_cast<T>(x * y);
  }
};

// The product in which 0 times infinity or NaN is 0: for derivatives that may be infinite where the cotangent is 0.
struct SafeMul : Streaming {
  template <class T>
  static T apply(T x, T y) {
    const T product = x * y;
    return x == 0 ? T{0} : (y == 0 ? T{0} : product);
  }
};

struct Div : ByRows {
  template <class T>
  static T apply(T x, T y) {
    return x / y;
  }
};

// x / y, and 0 where x is 0 whatever y is.
struct SafeDiv : Streaming {
  template <class T>
  static T apply(T x, T y) {
    return x == 0 ? T{0} : x / y;
  }
};

// Cotangents times or over derivatives, in one pass; 0 where the cotangent or a factor is 0.

struct SafeProduct : Streaming {
  template <class T>
  static T apply(T x, T y, T z) {
    return SafeMul::apply(x, SafeMul::apply(y, z));
  }
};

struct SafeQuotient : Streaming {
  template <class T>
  static T apply(T x, T y, T z) {
    return SafeDiv::apply(x, y * z);
  }
};

struct TimesSign : Streaming {
  template <class T>
  static T apply(T x, T y) {
    return SafeMul::apply(x, Sign::apply(y));
  }
};

// Of ln(y / (1 - y)).
struct LogitGrad : Streaming {
  template <class T>
  static T apply(T x, T y) {
    return SafeDiv::apply(x, y * (T{1} - y));
  }
};

// The larger one; NaN where either is NaN.
struct Maximum : ByRows {
  template <class T>
  static T apply(T x, T y) {
    const T larger = x > y ? x : y;  // an instruction, which is y where either is NaN
    return x != x ? x : larger;
  }
};

// The smaller one; NaN where either is NaN.
struct Minimum : ByRows {
  template <class T>
  static T apply(T x, T y) {
    const T smaller = x < y ? x : y;
    return x != x ? x : smaller;
  }
};

// The share of x in the gradient of maximum(x, y): 0 where x is smaller, a half where both are equal, else 1 (which is
// both operands' share where one is NaN).
struct MaximumShare : Streaming {
  template <class T>
  static T apply(T x, T y) {
    return x < y ? T{0} : (x == y ? T{0.5} : T{1});
  }
};

struct Eq : Streaming {
  template <class T>
  static bool apply(T x, T y) {
    return x == y;
  }
};

struct Ne : Streaming {
  template <class T>
  static bool apply(T x, T y) {
    return x != y;
  }
};

struct Lt : Streaming {
  template <class T>
  static bool apply(T x, T y) {
    return x < y;
  }
};

struct Le : Streaming {
  template <class T>
  static bool apply(T x, T y) {
    return x <= y;
  }
};

// The bits that both have, that either has, and that one has: of booleans logic.

struct BitwiseAnd : Streaming {
  template <class T>
  static T apply(T x, T y) {
    return static_cast<T>(x & y);
  }
};

struct BitwiseOr : Streaming {
  template <class T>
  static T apply(T x, T y) {
    return static_cast<T>(x | y);
  }
};

struct BitwiseXor : Streaming {
  template <class T>
  static T apply(T x, T y) {
    return static_cast<T>(x ^ y);
  }
};

// g · relu'(x), read off the output: 0 where out is 0, else g.
struct ReluGrad : Streaming {
  template <class T>
  static T apply(T g, T out) {
    return out <= 0 ? T{0} : g;
  }
};

// The step function, whose value at 0 is y.
struct Heaviside : Streaming {
  template <class T>
  static T apply(T x, T y) {
    return x == 0 ? y : static_cast<T>(x > 0);
  }
};

template <int bytes>
struct BitsOf;
template <>
struct BitsOf<1> {
  using type = uint8_t;
};
template <>
struct BitsOf<2> {
  using type = uint16_t;
};
template <>
struct BitsOf<4> {
  using type = uint32_t;
};
template <>
struct BitsOf<8> {
  using type = uint64_t;
};

// A choice between bits, by a byte: of booleans, and of conditional expressions, GCC would not make vector code.
struct Where : Streaming {
  template <class T>
  static T apply(uint8_t condition, T x, T y) {
    using Bits = typename BitsOf<sizeof(T)>::type;
    const auto mask = static_cast<Bits>(-static_cast<int>(condition != 0));
    const auto a = __builtin_bit_cast(Bits, x), b = __builtin_bit_cast(Bits, y);
    return __builtin_bit_cast(T, static_cast<Bits>(b ^ ((a ^ b) & mask)));
  }
};

inline bool unordered(float x, float y) { return __builtin_isunordered(x, y); }
inline bool unordered(double x, double y) { return __builtin_isunordered(x, y); }
template <class T>
bool unordered(T, T) {
  return false;
}

// x, at least lower and at most upper, which counts more; NaN where any of them is.
struct Clamp : Streaming {
  template <class T>
  static T apply(T x, T lower, T upper) {
    const T raised = lower > x ? lower : x;
    const T limited = upper < raised ? upper : raised;
    return unordered(lower, upper) ? static_cast<T>(lower + upper) : limited;
  }
};

}  // namespace
}  // namespace minigrad
