// pow(x, y) = 2^(y log2 |x|), with C99's special cases.
#pragma once

#include "isa/math_core.hpp"
#include "isa/math_exp.hpp"
#include "isa/math_log.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {
namespace math {

// Whether a >= 0 is an integer; infinity is.
template <class T>
[[gnu::always_inline]] inline bool is_integer(T a) {
  constexpr T kUnit = static_cast<T>(uint64_t{1} << Format<T>::kDigits);  // From here on all numbers are integers.
  return (a >= kUnit) | ((a + kUnit) - kUnit == a);
}

// `power` = |x|^y right for finite x != 0; the value for every x and y. Infinity and all large numbers are even.
//   x^0 = 1 and 1^y = 1, even for NaN; otherwise NaN for NaN, and for finite x < 0 with y no integer
//   |x| = 0 or inf: inf for (x = 0) = (y < 0), else 0; the sign of x counts for odd y only
template <class T>
[[gnu::always_inline]] inline T with_special_cases(T x, T y, T power) {
  const T base = abs(x), exponent = abs(y);
  const bool fractional = !is_integer(exponent);
  const bool odd = !fractional & !is_integer(exponent * static_cast<T>(0.5));
  const T at_edge = (base == 0) == (y < 0) ? kInf<T> : static_cast<T>(0);
  T result = ((base == 0) | (base == kInf<T>)) ? at_edge : power;
  result = from_bits<T>(bits(result) | (odd ? bits(x) & Format<T>::kSign : 0));
  result = (fractional & (x < 0) & (base < kInf<T>)) ? kNaN<T> : result;
  result = ((x != x) | (y != y)) ? kNaN<T> : result;
  return ((y == 0) | (x == 1)) ? static_cast<T>(1) : result;
}

// s = (m - 1) / (m + 1), the argument of artanh, to about 104 bits.
[[gnu::always_inline]] inline Pair<double> log_argument(double m) {
  const double f = m - 1.0;
  const Pair<double> divisor = fast_two_sum(1.0, m);  // Exact, since m < 2.
  const double inverse = 1.0 / divisor.hi;
  const double s = f * inverse;
  const Pair<double> back = two_product(s, divisor.hi);
  return {s, ((f - back.hi) - back.lo - s * divisor.lo) * inverse};
}

// The product of two pairs; the error is below 2^-100.
[[gnu::always_inline]] inline Pair<double> multiply(Pair<double> a, Pair<double> b) {
  const Pair<double> high = two_product(a.hi, b.hi);
  return {high.hi, high.lo + (a.hi * b.lo + a.lo * b.hi)};
}

// The sum of two pairs with |a.hi| >= |b.hi| or a.hi = 0.
[[gnu::always_inline]] inline Pair<double> add(Pair<double> a, Pair<double> b) {
  const Pair<double> high = fast_two_sum(a.hi, b.hi);
  return {high.hi, high.lo + (a.lo + b.lo)};
}

// log2(2^e m) = e + s (c0 + z (c1 + z Q(z))) as hi + lo with about 65 bits, which an exponent of up to 2^11 needs;
// z = s^2, Q of degree 7, its error 2^-73 of log2(m).
[[gnu::always_inline]] inline Pair<double> log2_pair(Binary<double> x) {
  const Pair<double> s = log_argument(x.m);
  const Pair<double> z = multiply(s, s);
  const double q = horner(z.hi, 0x1.2776c50ef9bfcp-1, 0x1.a61762a7aede2p-2, 0x1.484b13d6ac7e7p-2, 0x1.0c9a853b39182p-2,
                          0x1.c68ee9341eb64p-3, 0x1.8a09bf34bf7ccp-3, 0x1.58fc280e99caap-3, 0x1.61f69ab47e6cbp-3);
  const Pair<double> inner = add({0x1.ec709dc3a03fdp-1, 0x1.d27f05548af0cp-55}, {z.hi * q, 0.0});
  const Pair<double> outer = add({0x1.71547652b82fep+1, 0x1.777d0ffda0d24p-55}, multiply(z, inner));
  return add({x.e, 0.0}, multiply(s, outer));
}

// pow(x, y) with C99's special cases. The logarithm is carried to 65 bits. y is limited to +-2^65, beyond which every
// power is 0, 1 or inf; so is the product with the logarithm. Error: 1.03 ulp.
[[gnu::always_inline]] inline double pow(double x, double y) {
  const Pair<double> log2 = log2_pair(split_any_exponent(abs(x)));
  const double limited = clamp(y, 0x1p65);
  const Pair<double> high = two_product(limited, log2.hi);
  const double low = high.lo + limited * log2.lo;
  const double product = clamp(high.hi, 1100.0);
  const double k = (product + Format<double>::kRound) - Format<double>::kRound;
  const double r = (product - k) + (product == high.hi ? low : 0.0);
  return with_special_cases(x, y, times_power_of_2(exp2_reduced(r), k));
}

// The same for float, in double: log2(m) = s P(z), P of degree 5 with error 2^-45, and 2^r = 1 + r Q(r), Q of degree 6
// with error 2^-34, rounded to float once at the end. Error: 0.501 ulp.
[[gnu::always_inline]] inline float pow(float x, float y) {
  const Binary<double> base = split_exponent(static_cast<double>(abs(x)));
  const double s = (base.m - 1.0) / (base.m + 1.0);
  const double log2 = fma(s,
                          horner(s * s, 0x1.71547652b825p+1, 0x1.ec709dc53e6d5p-1, 0x1.2776c290c0cb6p-1,
                                 0x1.a61a30e5df617p-2, 0x1.4794fa37c4b0ep-2, 0x1.21b6559f0ba2cp-2),
                          base.e);
  const double product = clamp(clamp(static_cast<double>(y), 0x1p65) * log2, 200.0);
  const double k = (product + Format<double>::kRound) - Format<double>::kRound;
  const double r = product - k;
  const double p = horner(r, 1.0, 0x1.62e42ff0e21bdp-1, 0x1.ebfbe077a9ee5p-3, 0x1.c6b08abf8b029p-5,
                          0x1.3b29f3785d905p-7, 0x1.5d8a8694d8502p-10, 0x1.445ca4b85a7b6p-13, 0x1.fde5b4790d8abp-17);
  return with_special_cases(x, y, static_cast<float>(p * power_of_2(k)));
}

}  // namespace math
}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
