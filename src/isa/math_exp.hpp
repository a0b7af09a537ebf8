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

// lo is what rounding took from r; scale = 2^(k + lift), where that is a normal number.
template <class V>
struct ReducedExp {
  V k, r, lo, scale;
};

template <class T>
constexpr T kInverseLn2 = sizeof(T) == 4 ? static_cast<T>(0x1.715476p+0f) : static_cast<T>(0x1.71547652b82fep+0);
template <class T>
constexpr T kLn2Hi = sizeof(T) == 4 ? static_cast<T>(0x1.62e4p-1f) : static_cast<T>(0x1.62e42fefa4p-1);
template <class T>
constexpr T kLn2Lo = sizeof(T) == 4 ? static_cast<T>(0x1.7f7d1cp-20f) : static_cast<T>(-0x1.8432a1b0e2634p-43);

template <int kLift = 0, class V>
[[gnu::always_inline]] inline ReducedExp<V> reduce_exp(V x) {
  using T = Element<V>;
  constexpr T kBiased = Format<T>::kRound + (Format<T>::kBias + kLift);
  const V shifted = line(x, kInverseLn2<T>, kBiased);
  const V k = shifted - all<V>(kBiased);
  const V first = fma_by(k, -kLn2Hi<T>, x);
  const V r = fma_by(k, -kLn2Lo<T>, first);
  return {k, r, fma_by(k, -kLn2Lo<T>, first - r), power_from_low_bits(shifted)};
}

// (exp(r) - 1 - r) / r^2 for |r| <= ln2 / 2 (1 + 1/2000), of degree 4 for float, 9 for double; the polynomials' errors
// are 2^-28.2 and 2^-57.9 of exp(r).
template <class V>
[[gnu::always_inline]] inline V exp_reduced_curvature(V r) {
  if constexpr (kIsFloat<V>) {
    return horner(r, 0x1.fffffcp-2f, 0x1.55548cp-3f, 0x1.555858p-5f, 0x1.123da6p-7f, 0x1.6ac14ap-10f);
  } else {
    return horner(r, 0x1.000000000000ap-1, 0x1.5555555555502p-3, 0x1.5555555550604p-5, 0x1.11111111251c4p-7,
                  0x1.6c16c184b4dfep-10, 0x1.a01a013b7eeafp-13, 0x1.a0199893a55fbp-16, 0x1.71def918c3800p-19,
                  0x1.28aecd1248dcap-22, 0x1.adcdc1029b073p-26);
  }
}

// exp(r) and exp(r) - 1.
template <class V>
[[gnu::always_inline]] inline V exp_reduced(V r) {
  const V one = all<V>(1);
  return fma(fma(exp_reduced_curvature(r), r, one), r, one);
}

template <class V>
[[gnu::always_inline]] inline V exp_reduced_minus_1(V r) {
  return fma(r * r, exp_reduced_curvature(r), r);
}

// From this size on exp(x) is 0 or infinity.
template <class T>
constexpr T kExpLimit = sizeof(T) == 4 ? static_cast<T>(104) : static_cast<T>(746);

// exp(x). exp(-inf) = 0, exp(inf) = inf. Error: 0.90 ulp in float, 0.89 in double.
template <class V>
[[gnu::always_inline]] inline V exp(V x) {
  const ReducedExp<V> reduced = reduce_exp(clamp(x, kExpLimit<Element<V>>));
  return times_power_of_2(exp_reduced(reduced.r), reduced.k);
}

// The same bits in fewer steps for x that is not far above 0, up to 65 in float and 664 in double: 2^(k + kLift) is so
// far from underflow that its product with exp(r) is rounded as exp(r) is.
template <class V>
[[gnu::always_inline]] inline V exp_below_0(V x) {
  using T = Element<V>;
  constexpr int kLift = kIsFloat<V> ? 32 : 64;
  constexpr T kDrop = kIsFloat<V> ? static_cast<T>(0x1p-32) : static_cast<T>(0x1p-64);
  const V least = all<V>(-kExpLimit<T>);
  const ReducedExp<V> reduced = reduce_exp<kLift>(x < least ? least : x);
  const V slope = fma(exp_reduced_curvature(reduced.r), reduced.r, all<V>(1));
  return fma(slope, reduced.scale * reduced.r, reduced.scale) * all<V>(kDrop);
}

// 2^r for |r| <= 1/2: 1 + r P(r), P of degree 5, its error 2^-27.5 of the result, for float; degree 10, 2^-57.
template <class V>
[[gnu::always_inline]] inline V exp2_reduced(V r) {
  if constexpr (kIsFloat<V>) {
    return horner(r, 1.0f, 0x1.62e432p-1f, 0x1.ebfbe6p-3f, 0x1.c6ada8p-5f, 0x1.3b21dap-7f, 0x1.5fbc0ap-10f,
                  0x1.4bc604p-13f);
  } else {
    return horner(r, 1.0, 0x1.62e42fefa39efp-1, 0x1.ebfbdff82c5b3p-3, 0x1.c6b08d704a26fp-5, 0x1.3b2ab6fb9dab9p-7,
                  0x1.5d87fe7845910p-10, 0x1.430913167e90cp-13, 0x1.ffcbfe65f4dd8p-17, 0x1.62bfb49eecec3p-20,
                  0x1.b52083f9b2306p-24, 0x1.e63b8f7434177p-28, 0x1.f0e5b1cd08273p-32);
  }
}

// exp2(x) = 2^x; from kLimit on it is 0 or infinity. Error: 0.90 ulp in float, 0.80 in double.
template <class V>
[[gnu::always_inline]] inline V exp2(V x) {
  constexpr Element<V> kLimit = kIsFloat<V> ? 151 : 1076, kRound = Format<Element<V>>::kRound;
  const V near = clamp(x, kLimit);
  const V k = (near + all<V>(kRound)) - all<V>(kRound);
  return times_power_of_2(exp2_reduced(near - k), k);
}

// c + c exp(x) for x = k ln2 + r, as c + c 2^k + c 2^k (exp(r) - 1); scale is c 2^k. The sum of the first two, and with
// it the whole, is right to the last bit also where the smaller one hardly counts.
template <class V>
[[gnu::always_inline]] inline V one_plus_exp(V c, V scale, V exp_minus_1) {
  const V sum = scale + c;
  return sum + fma(scale, exp_minus_1, c - (sum - scale));
}

// sigmoid(x) = 1 / (1 + exp(-x)) = c / (c + c exp(-x)); c = 2^kLift keeps the exponential finite as far as the result
// is not 0, which underflows gradually. From 40 on it is 1. Error: 1.70 ulp in float, 1.70 in double.
template <class V>
[[gnu::always_inline]] inline V sigmoid(V x) {
  using T = Element<V>;
  constexpr int kLift = kIsFloat<V> ? -24 : -64;
  const V c = all<V>(kIsFloat<V> ? static_cast<T>(0x1p-24) : static_cast<T>(0x1p-64));
  const ReducedExp<V> reduced = reduce_exp<kLift>(-limited(x, -kExpLimit<T>, 40));
  return c / one_plus_exp(c, reduced.scale, exp_reduced_minus_1(reduced.r));
}

template <class V>
struct Fraction {
  V over, under;
};

// tanh(x) / x - 1 = z P(z) / Q(z), z = x^2, for |x| <= 0.55, Q(0) = 1. Q interpolates at Chebyshev points, P is minimax
// for it: degrees 1 and 1, error 2^-27.9 of the result for float; 2 and 3, 2^-60.7 for double.
template <class V>
[[gnu::always_inline]] inline Fraction<V> tanh_near_0(V z) {
  if constexpr (kIsFloat<V>) {
    return {z * horner(z, -0x1.555556p-2f, -0x1.98a7dap-10f), horner(z, 1.0f, 0x1.9e62a6p-2f)};
  } else {
    return {z * horner(z, -0x1.5555555555555p-2, -0x1.4fe74ecd7105fp-6, -0x1.a1ff45048bacap-13),
            horner(z, 1.0, 0x1.d894f8601ec9p-2, 0x1.7dac66dbd6e3fp-6, 0x1.b1719cf8f717cp-13)};
  }
}

// tanh(x) from |x|: |x| (1 + z P / Q) while |x| < 0.55, 1 - 2 / (1 + exp(2|x|)) further out; one division serves either
// case. 1 + exp = fma(2^k, exp(r) - 1, 2^k + 1). From |x| = 20 on (10 in float) the result is 1 to the last bit, so the
// argument stops there. Error: 1.34 ulp in float, 1.32 in double.
template <class V>
[[gnu::always_inline]] inline V tanh(V x) {
  using T = Element<V>;
  const V size = abs(x), one = all<V>(1);
  const ReducedExp<V> reduced = reduce_exp(all<V>(2) * limited_size(x, kIsFloat<V> ? 10 : 20));
  const Fraction<V> inner = tanh_near_0(size * size);
  const Mask<V> near = below(size, all<V>(static_cast<T>(0.55)));
  const V far = fma(reduced.scale, exp_reduced_minus_1(reduced.r), reduced.scale + one);
  const V quotient = select(near, inner.over, all<V>(-2)) / select(near, inner.under, far);
  const V factor = select(near, size, one);
  return copysign(fma(factor, quotient, factor), x);
}

// exp(r) - 1 = r + r^2 q(r) as above, with q fitted for the error relative to exp(r) - 1: degree 4 and 2^-26 of it for
// float, degree 10 and 2^-61 for double. This is r^2 q(r).
template <class V>
[[gnu::always_inline]] inline V expm1_beyond_linear(V r) {
  if constexpr (kIsFloat<V>) {
    return r * r * horner(r, 0x1.fffffep-2f, 0x1.5554aap-3f, 0x1.55579ap-5f, 0x1.122c3cp-7f, 0x1.6abfe2p-10f);
  } else {
    return r * r *
           horner(r, 0x1p-1, 0x1.5555555555559p-3, 0x1.5555555555559p-5, 0x1.111111110f6f8p-7, 0x1.6c16c16c161f8p-10,
                  0x1.a01a01af9f212p-13, 0x1.a01a01a0e54afp-16, 0x1.71ddf93d3ae3cp-19, 0x1.27e4f2ac595d4p-22,
                  0x1.af5cf06fde7e3p-26, 0x1.1f42c8b880958p-29);
  }
}

// expm1(x) = exp(x) - 1 = 2 (2^(k-1) (exp(r) - 1) + (2^(k-1) - 1/2)), in halves because 2^k may overflow; a tiny x, of
// which half may underflow, is its own result. What rounding took from r is added as well, and the last addition alone
// is rounded at the size of the result. expm1(+-0) = +-0, expm1(-inf) = -1; below kLeast the result is -1 to the last
// bit. Error: 1.09 ulp in float, 1.13 in double.
template <class V>
[[gnu::always_inline]] inline V expm1(V x) {
  using T = Element<V>;
  constexpr T kLeast = kIsFloat<V> ? -20 : -40, kGreatest = kIsFloat<V> ? 89 : 710;
  constexpr T kTiny = kIsFloat<V> ? static_cast<T>(0x1p-100) : static_cast<T>(0x1p-1000);
  const ReducedExp<V> reduced = reduce_exp<-1>(limited(x, kLeast, kGreatest));
  const Pair<V> linear = fast_two_sum(reduced.scale - all<V>(static_cast<T>(0.5)), reduced.scale * reduced.r);
  const V rest = fma(reduced.scale, expm1_beyond_linear(reduced.r) + reduced.lo, linear.lo);
  return select(below(abs(x), all<V>(kTiny)), x, all<V>(2) * (linear.hi + rest));
}

}  // namespace math
}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
