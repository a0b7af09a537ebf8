// x times a probability that an exponential gives: silu, gelu with tanh, mish. The probability is not rounded before
// the product, and where it underflows the product does last, so that the results are right to the last few bits there
// too.
#pragma once

#include "isa/math_core.hpp"
#include "isa/math_exp.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {
namespace math {

// From this size on x exp(-x) is 0.
template <class T>
constexpr T kGateLimit = sizeof(T) == 4 ? static_cast<T>(120) : static_cast<T>(760);

// exp(x + rest) = (hi + lo) 2^k for |x| <= kGateLimit and a tiny rest.
template <class T>
struct ScaledExp {
  T hi, lo, k;
};

template <class T>
[[gnu::always_inline]] inline ScaledExp<T> scaled_exp(T x, T rest) {
  const ReducedExp<T> reduced = reduce_exp(x);
  const Pair<T> p = fast_two_sum(static_cast<T>(1), exp_reduced_minus_1(reduced.r));
  return {p.hi, fma(p.hi, reduced.lo + rest, p.lo), reduced.k};
}

// x a / b.
template <class T>
[[gnu::always_inline]] inline T times_quotient(T x, Pair<T> a, Pair<T> b) {
  const Pair<T> product = two_product(x, a.hi);
  const T inverse = 1 / b.hi, quotient = product.hi * inverse;
  const T rest = fma(-quotient, b.hi, product.hi) + fma(-quotient, b.lo, fma(x, a.lo, product.lo));
  return fma(rest, inverse, quotient);
}

// x sigmoid(u), u = u.hi + u.lo of x's sign and finite: x / (1 + e) for x >= 0 and x e / (1 + e) below, e = exp(-|u|).
template <class T>
[[gnu::always_inline]] inline T times_sigmoid(T x, Pair<T> u) {
  const UInt<T> negative = UInt<T>{0} - (bits(x) >> (sizeof(T) * 8 - 1));
  const ScaledExp<T> p = scaled_exp(-limited_size(u.hi, kGateLimit<T>), select(negative, u.lo, -u.lo));
  Pair<T> under = fast_two_sum(static_cast<T>(1), times_small_power_of_2(p.hi, p.k));
  under.lo += times_small_power_of_2(p.lo, p.k);
  const Pair<T> over = {select(negative, p.hi, static_cast<T>(1)), from_bits<T>(bits(p.lo) & negative)};
  const T result = times_quotient(x, over, under);
  return copysign(times_small_power_of_2(result, from_bits<T>(bits(p.k) & negative)), x);
}

// silu(x) = x sigmoid(x) = x / (1 + 2^k (1 + m)), exp(-x) = 2^k (1 + m); where k > 0, over and under are divided by
// 2^k. 2^-|k| is as good as 0 beside 1 from 2^-kGone on. Error: 2.3 ulp in float, 2.3 in double.
template <class T>
[[gnu::always_inline]] inline T silu(T x) {
  constexpr T kGone = sizeof(T) == 4 ? 40 : 80;
  const T raised = select(mask_of<T>(x < -kGateLimit<T>), -kGateLimit<T>, x);
  const ReducedExp<T> reduced = reduce_exp(-select(mask_of<T>(raised > kGateLimit<T>), kGateLimit<T>, raised));
  const T m = exp_reduced_minus_1(reduced.r), small = power_of_2(-limited_size(reduced.k, kGone));
  const UInt<T> divided = mask_of<T>(reduced.k > 0);
  const T under = fma(select(divided, static_cast<T>(1), small), m, 1 + small);
  return times_small_power_of_2(raised / under, -from_bits<T>(bits(reduced.k) & divided));
}

// gelu with tanh: x (1 + tanh(v)) / 2 = x sigmoid(u), u = 2 v = x (a + b x^2), a = 2 sqrt(2 / pi), b = 0.044715 a. From
// |x| = kTanhGateLimit on the sigmoid is 0 or 1. u comes in two parts: it may be large, and is an exponent.
template <class T>
constexpr T kTanhGateLimit = 25;

template <class T>
[[gnu::always_inline]] inline Pair<T> tanh_gate(T x) {
  constexpr double kA = 0x1.9884533d43651p+0, kALow = -0x1.cbc0d30ebfd15p-54;
  constexpr double kB = 0x1.2444f2a4d8b4bp-4, kBLow = -0x1.6c843a29d1c70p-61;
  constexpr T a = static_cast<T>(kA), a_low = static_cast<T>((kA - static_cast<double>(a)) + kALow);
  constexpr T b = static_cast<T>(kB), b_low = static_cast<T>((kB - static_cast<double>(b)) + kBLow);
  const Pair<T> square = two_product(x, x), bent = two_product(b, square.hi);
  const Pair<T> rate = two_sum(a, bent.hi);
  const T rate_low = rate.lo + (fma(b_low, square.hi, fma(b, square.lo, bent.lo)) + a_low);
  const Pair<T> u = two_product(x, rate.hi);
  return {u.hi, fma(x, rate_low, u.lo)};
}

// Error: 0.9 ulp in float, 1.4 in double.
template <class T>
[[gnu::always_inline]] inline T gelu_tanh(T x) {
  const T near = clamp(x, kTanhGateLimit<T>);
  const T result = times_sigmoid(near, tanh_gate(near));
  return select(mask_of<T>(x > kTanhGateLimit<T>), x, result);
}

// mish(x) = x tanh(log(1 + e)) = x n / (n + 2), e = exp(x), n = e (e + 2). From kMishLevel on the quotient is 1. Below
// 0 the power of two of e comes last. Error: 0.9 ulp in float, 0.9 in double.
template <class T>
constexpr T kMishLevel = sizeof(T) == 4 ? static_cast<T>(20) : static_cast<T>(40);

template <class T>
[[gnu::always_inline]] inline T mish(T x) {
  constexpr T two = 2;
  const UInt<T> negative = UInt<T>{0} - (bits(x) >> (sizeof(T) * 8 - 1));
  const T raised = select(mask_of<T>(x < -kGateLimit<T>), -kGateLimit<T>, x);
  const T near = select(mask_of<T>(raised > kMishLevel<T>), kMishLevel<T>, raised);
  const ScaledExp<T> p = scaled_exp(near, static_cast<T>(0));
  const Pair<T> e = {times_small_power_of_2(p.hi, p.k), times_small_power_of_2(p.lo, p.k)};
  const T last = from_bits<T>(bits(p.k) & negative);
  const Pair<T> base = {select(negative, p.hi, e.hi), select(negative, p.lo, e.lo)};
  Pair<T> more = two_sum(e.hi, two);
  more.lo += e.lo;
  Pair<T> n = two_product(base.hi, more.hi);
  n.lo = fma(base.hi, more.lo, fma(base.lo, more.hi, n.lo));
  Pair<T> under = two_sum(times_small_power_of_2(n.hi, last), two);
  under.lo += times_small_power_of_2(n.lo, last);
  const T result = copysign(times_small_power_of_2(times_quotient(near, n, under), last), x);
  return select(mask_of<T>(x > kMishLevel<T>), x, result);
}

}  // namespace math
}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
