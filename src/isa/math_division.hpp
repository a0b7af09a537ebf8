// Division with a whole quotient: x = whole * y + rest, with the rest exact.
#pragma once

#include <cstdint>

#include "isa/isa.hpp"
#include "isa/math_core.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {
namespace math {

// The hardware's roundings to integers: down, up, towards zero, to nearest with ties to even.
[[gnu::always_inline]] inline float floor(float x) { return __builtin_floorf(x); }
[[gnu::always_inline]] inline double floor(double x) { return __builtin_floor(x); }
[[gnu::always_inline]] inline float ceil(float x) { return __builtin_ceilf(x); }
[[gnu::always_inline]] inline double ceil(double x) { return __builtin_ceil(x); }
[[gnu::always_inline]] inline float trunc(float x) { return __builtin_truncf(x); }
[[gnu::always_inline]] inline double trunc(double x) { return __builtin_trunc(x); }
[[gnu::always_inline]] inline float round(float x) { return __builtin_rintf(x); }
[[gnu::always_inline]] inline double round(double x) { return __builtin_rint(x); }

// `whole` is x / y towards zero; `rest` has x's sign and is smaller than |y|. NaN where y is 0 or x infinite.
template <class T>
struct Division {
  T whole, rest;
};

// Below this quotient x - whole * y is exact in one step. In the baseline build, where double has no fma, none is.
template <class T>
constexpr T kFastQuotient = kHasFma || sizeof(T) == 4 ? static_cast<T>(UInt<T>{1} << (Format<T>::kDigits - 1)) : T{1};

template <class T>
[[gnu::always_inline]] inline bool divides_slowly(T x, T y) {
  return (abs(x) >= kFastQuotient<T> * abs(y)) & (abs(x) < kInf<T>)&(y != 0);
}

// x - q * y, which is representable. Without fma the products of floats are exact in double.
[[gnu::always_inline]] inline double exact_rest(double x, double q, double y) { return fma(-q, y, x); }
[[gnu::always_inline]] inline float exact_rest(float x, float q, float y) {
  if constexpr (kHasFma) {
    return fma(-q, y, x);
  } else {
    return static_cast<float>(static_cast<double>(x) - static_cast<double>(q) * static_cast<double>(y));
  }
}

// For what does not divide slowly. x / y may have been rounded up to the next integer: the rest is then negative.
template <class T>
[[gnu::always_inline]] inline Division<T> divide(T x, T y) {
  const T q = trunc(x / y);
  const T r = exact_rest(x, q, y);
  const UInt<T> over = mask_of<T>((r != 0) & ((r < 0) != (x < 0)));
  const UInt<T> within = mask_of<T>(abs(x) < abs(y));
  const T whole = select(over, q - copysign(T{1}, q), q);
  const T rest = select(over, r + copysign(y, x), r);
  return {select(within, T{0}, whole), select(within, x, copysign(rest, x))};
}

// |x| = digits * 2^(exponent - 1075).
struct Digits {
  uint64_t digits;
  int exponent;
};

static inline Digits digits_of(double x) {
  const uint64_t u = bits(x);
  const int exponent = static_cast<int>(u >> 52 & 0x7ff);
  const uint64_t fraction = u & ((uint64_t{1} << 52) - 1);
  return exponent == 0 ? Digits{fraction, 1} : Digits{fraction | uint64_t{1} << 52, exponent};
}

static inline double from_digits(Digits d) {
  if (d.digits == 0) return 0;
  const int shift = __builtin_clzll(d.digits) - 11;
  if (shift >= d.exponent) return from_bits<double>(d.digits << (d.exponent - 1));
  return from_bits<double>((static_cast<uint64_t>(d.exponent - shift) << 52) +
                           ((d.digits << shift) & ((uint64_t{1} << 52) - 1)));
}

// For any finite x and y with |x| >= |y| > 0: long division, eleven binary digits at a time.
static inline Division<double> divide_digits(double x, double y) {
  Digits rest = digits_of(x);
  const Digits divisor = digits_of(y);
  rest.digits %= divisor.digits;
  while (rest.exponent > divisor.exponent) {
    const int left = rest.exponent - divisor.exponent;
    const int step = left < 11 ? left : 11;
    rest.digits = (rest.digits << step) % divisor.digits;
    rest.exponent -= step;
  }
  const double r = copysign(from_digits(rest), x);
  return {round((x - r) / y), r};
}

static inline Division<float> divide_digits(float x, float y) {
  const Division<double> d = divide_digits(static_cast<double>(x), static_cast<double>(y));
  return {static_cast<float>(d.whole), static_cast<float>(d.rest)};
}

}  // namespace math
}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
