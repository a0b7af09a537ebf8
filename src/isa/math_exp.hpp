// exp, exp2, sigmoid, tanh and expm1: all from the exponential of a reduced argument.
//
//   x = k ln2 + r, k the nearest integer to x / ln2, |r| <= ln2 / 2, exp(x) = 2^k exp(r)
//
// k ln2 is subtracted in two parts, the first so short that its product with k is exact.
#pragma once

#include "isa/math_core.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {
namespace math {

// lo is what rounding took from r.
template <class T>
struct ReducedExp {
  T k, r, lo;
};

template <class T>
constexpr T kInverseLn2 = sizeof(T) == 4 ? static_cast<T>(0x1.715476p+0f) : static_cast<T>(0x1.71547652b82fep+0);
template <class T>
constexpr T kLn2Hi = sizeof(T) == 4 ? static_cast<T>(0x1.62e4p-1f) : static_cast<T>(0x1.62e42fefa4p-1);
template <class T>
constexpr T kLn2Lo = sizeof(T) == 4 ? static_cast<T>(0x1.7f7d1cp-20f) : static_cast<T>(-0x1.8432a1b0e2634p-43);

template <class T>
[[gnu::always_inline]] inline ReducedExp<T> reduce_exp(T x) {
  const T k = fma(x, kInverseLn2<T>, Format<T>::kRound) - Format<T>::kRound;
  const T first = fma(-k, kLn2Hi<T>, x);
  const T r = fma(-k, kLn2Lo<T>, first);
  return {k, r, fma(-k, kLn2Lo<T>, first - r)};
}

// exp(r) - 1 = r + r^2 q(r) for |r| <= ln2 / 2 (1 + 1/2000), q of degree 4 for float, 9 for double; the polynomials'
// errors are 2^-28.2 and 2^-57.9 of exp(r).
[[gnu::always_inline]] inline float exp_reduced_minus_1(float r) {
  const float q = horner(r, 0x1.fffffcp-2f, 0x1.55548cp-3f, 0x1.555858p-5f, 0x1.123da6p-7f, 0x1.6ac14ap-10f);
  return fma(r * r, q, r);
}

[[gnu::always_inline]] inline double exp_reduced_minus_1(double r) {
  const double q = horner(r, 0x1.000000000000ap-1, 0x1.5555555555502p-3, 0x1.5555555550604p-5, 0x1.11111111251c4p-7,
                          0x1.6c16c184b4dfep-10, 0x1.a01a013b7eeafp-13, 0x1.a0199893a55fbp-16, 0x1.71def918c3800p-19,
                          0x1.28aecd1248dcap-22, 0x1.adcdc1029b073p-26);
  return fma(r * r, q, r);
}

// From this size on exp(x) is 0 or infinity.
template <class T>
constexpr T kExpLimit = sizeof(T) == 4 ? static_cast<T>(104) : static_cast<T>(746);

// exp(x). exp(-inf) = 0, exp(inf) = inf. Error: 1.02 ulp in float, 1.01 in double.
template <class T>
[[gnu::always_inline]] inline T exp(T x) {
  const ReducedExp<T> reduced = reduce_exp(clamp(x, kExpLimit<T>));
  return times_power_of_2(1 + exp_reduced_minus_1(reduced.r), reduced.k);
}

// The same bits for x <= 0 in fewer steps. The low bits of the number that rounds to k hold the exponent of a power of
// 2 already, so far from underflow that s + s (exp(r) - 1) is rounded as 1 + (exp(r) - 1) is.
template <class T>
[[gnu::always_inline]] inline T exp_below_0(T x) {
  constexpr int kLift = sizeof(T) == 4 ? 64 : 512;
  constexpr T kRound = Format<T>::kRound + (Format<T>::kBias + kLift);
  constexpr T kDrop = sizeof(T) == 4 ? static_cast<T>(0x1p-64) : static_cast<T>(0x1p-512);
  const T limited = x < -kExpLimit<T> ? -kExpLimit<T> : x;
  const T rounded = fma(limited, kInverseLn2<T>, kRound), k = rounded - kRound;
  const T r = fma(-k, kLn2Lo<T>, fma(-k, kLn2Hi<T>, limited));
  const T s = from_bits<T>(bits(rounded) << Format<T>::kDigits);
  return fma(s, exp_reduced_minus_1(r), s) * kDrop;
}

// 2^r for |r| <= 1/2: 1 + r P(r), P of degree 5, its error 2^-27.5 of the result, for float; degree 10, 2^-57.
[[gnu::always_inline]] inline float exp2_reduced(float r) {
  const float p =
      horner(r, 0x1.62e432p-1f, 0x1.ebfbe6p-3f, 0x1.c6ada8p-5f, 0x1.3b21dap-7f, 0x1.5fbc0ap-10f, 0x1.4bc604p-13f);
  return fma(r, p, 1.0f);
}

[[gnu::always_inline]] inline double exp2_reduced(double r) {
  const double p = horner(r, 0x1.62e42fefa39efp-1, 0x1.ebfbdff82c5b3p-3, 0x1.c6b08d704a26fp-5, 0x1.3b2ab6fb9dab9p-7,
                          0x1.5d87fe7845910p-10, 0x1.430913167e90cp-13, 0x1.ffcbfe65f4dd8p-17, 0x1.62bfb49eecec3p-20,
                          0x1.b52083f9b2306p-24, 0x1.e63b8f7434177p-28, 0x1.f0e5b1cd08273p-32);
  return fma(r, p, 1.0);
}

// exp2(x) = 2^x; from kLimit on it is 0 or infinity. Error: 0.90 ulp in float, 0.80 in double.
template <class T>
[[gnu::always_inline]] inline T exp2(T x) {
  constexpr T kLimit = sizeof(T) == 4 ? 151 : 1076;
  const T limited = clamp(x, kLimit);
  const T k = (limited + Format<T>::kRound) - Format<T>::kRound;
  return times_power_of_2(exp2_reduced(limited - k), k);
}

// sigmoid(x) = 1 / (1 + exp(-x)), from e = exp(-|x|) <= 1, which cannot overflow: 1 / (1 + e) for x >= 0 and
// e / (1 + e) below, where the result underflows gradually. What rounding took from 1 + e, and from exp(r) as a factor
// of the numerator, is given back to first order. Error: 1.54 ulp in float, 1.49 in double.
template <class T>
[[gnu::always_inline]] inline T sigmoid(T x) {
  const ReducedExp<T> reduced = reduce_exp(-limited_size(x, kExpLimit<T>));
  const Pair<T> p = fast_two_sum(static_cast<T>(1), exp_reduced_minus_1(reduced.r));
  const T e = times_small_power_of_2(p.hi, reduced.k);
  const Pair<T> denominator = fast_two_sum(static_cast<T>(1), e);
  const UInt<T> negative = UInt<T>{0} - (bits(x) >> (sizeof(T) * 8 - 1));
  const T result = select(negative, e, static_cast<T>(1)) / denominator.hi;
  return fma(result, from_bits<T>(bits(p.lo) & negative) - denominator.lo, result);
}

template <class T>
struct Fraction {
  T over, under;
};

// tanh(x) / x - 1 = z P(z) / Q(z), z = x^2, for |x| <= 0.55, Q(0) = 1. Q interpolates at Chebyshev points, P is minimax
// for it: degrees 1 and 1, error 2^-27.9 of the result for float; 2 and 3, 2^-60.7 for double.
[[gnu::always_inline]] inline Fraction<float> tanh_near_0(float z) {
  return {z * fma(z, -0x1.98a7dap-10f, -0x1.555556p-2f), fma(z, 0x1.9e62a6p-2f, 1.0f)};
}

[[gnu::always_inline]] inline Fraction<double> tanh_near_0(double z) {
  return {z * horner(z, -0x1.5555555555555p-2, -0x1.4fe74ecd7105fp-6, -0x1.a1ff45048bacap-13),
          horner(z, 1.0, 0x1.d894f8601ec9p-2, 0x1.7dac66dbd6e3fp-6, 0x1.b1719cf8f717cp-13)};
}

// tanh(x) from |x|: |x| (1 + z P / Q) while |x| < 0.55, 1 - 2 / (1 + exp(2|x|)) further out; one division serves either
// case. 1 + exp = fma(2^k, exp(r) - 1, 2^k + 1). From |x| = 20 on (10 in float) the result is 1 to the last bit, so the
// argument stops there. Error: 1.34 ulp in float, 1.32 in double.
template <class T>
[[gnu::always_inline]] inline T tanh(T x) {
  constexpr T kLargest = sizeof(T) == 4 ? 10 : 20;
  const T size = abs(x), one = 1;
  const ReducedExp<T> reduced = reduce_exp(2 * limited_size(x, kLargest));
  const T scale = power_of_2(reduced.k);
  const Fraction<T> inner = tanh_near_0(size * size);
  const UInt<T> near = mask_of<T>(size < static_cast<T>(0.55));
  const T under = select(near, inner.under, fma(scale, exp_reduced_minus_1(reduced.r), scale + one));
  const T quotient = select(near, inner.over, static_cast<T>(-2)) / under;
  const T factor = select(near, size, one);
  return copysign(fma(factor, quotient, factor), x);
}

// exp(r) - 1 = r + r^2 q(r) as above, with q fitted for the error relative to exp(r) - 1: degree 4 and 2^-26 of it for
// float, degree 10 and 2^-61 for double. This is r^2 q(r).
[[gnu::always_inline]] inline float expm1_beyond_linear(float r) {
  return r * r * horner(r, 0x1.fffffep-2f, 0x1.5554aap-3f, 0x1.55579ap-5f, 0x1.122c3cp-7f, 0x1.6abfe2p-10f);
}

[[gnu::always_inline]] inline double expm1_beyond_linear(double r) {
  return r * r *
         horner(r, 0x1p-1, 0x1.5555555555559p-3, 0x1.5555555555559p-5, 0x1.111111110f6f8p-7, 0x1.6c16c16c161f8p-10,
                0x1.a01a01af9f212p-13, 0x1.a01a01a0e54afp-16, 0x1.71ddf93d3ae3cp-19, 0x1.27e4f2ac595d4p-22,
                0x1.af5cf06fde7e3p-26, 0x1.1f42c8b880958p-29);
}

// expm1(x) = exp(x) - 1 = 2 (2^(k-1) (exp(r) - 1) + (2^(k-1) - 1/2)), in halves because 2^k may overflow; a tiny x, of
// which half may underflow, is its own result. What rounding took from r is added as well, and the last addition alone
// is rounded at the size of the result. expm1(+-0) = +-0, expm1(-inf) = -1; below kLeast the result is -1 to the last
// bit. Error: 1.09 ulp in float, 1.13 in double.
template <class T>
[[gnu::always_inline]] inline T expm1(T x) {
  constexpr T kLeast = sizeof(T) == 4 ? -20 : -40, kGreatest = sizeof(T) == 4 ? 89 : 710, half = static_cast<T>(0.5);
  constexpr T kTiny = sizeof(T) == 4 ? static_cast<T>(0x1p-100) : static_cast<T>(0x1p-1000);
  const T raised = select(mask_of<T>(x < kLeast), kLeast, x);
  const ReducedExp<T> reduced = reduce_exp(select(mask_of<T>(x > kGreatest), kGreatest, raised));
  const T scale = power_of_2(reduced.k - 1);
  const Pair<T> linear = fast_two_sum(scale - half, scale * reduced.r);
  const T result = 2 * (linear.hi + fma(scale, expm1_beyond_linear(reduced.r) + reduced.lo, linear.lo));
  return select(mask_of<T>(abs(x) < kTiny), x, result);
}

}  // namespace math
}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
