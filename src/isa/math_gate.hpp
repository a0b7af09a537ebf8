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
constexpr T kGateLimit = sizeof(T) == 4 ? static_cast<T>(109) : static_cast<T>(760);

// silu(x) = x sigmoid(x) = c x / (c + c 2^k + c 2^k (exp(r) - 1)) for -x = k ln2 + r, c = 2^-kLift as in sigmoid; the
// division by c comes last. What rounding took from r and from the divisor is given back. From 40 on the sigmoid is 1.
// Error: 1.78 ulp in float, 1.79 in double.
template <class V>
[[gnu::always_inline]] inline V silu(V x) {
  using T = Element<V>;
  constexpr int kLift = kIsFloat<V> ? -32 : -80;
  const V c = all<V>(kIsFloat<V> ? static_cast<T>(0x1p-32) : static_cast<T>(0x1p-80)), limit = all<V>(40);
  const V near = limited(x, -kGateLimit<T>, 40);
  const ReducedExp<V> reduced = reduce_exp<kLift>(-near);
  const V under = one_plus_exp(c, reduced.scale, exp_reduced_minus_1(reduced.r) + reduced.lo);
  return select(above(x, limit), x, near / under * c);
}

// exp(x + rest) = (hi + lo) 2^k for |x| <= kGateLimit and a tiny rest.
template <class V>
struct ScaledExp {
  V hi, lo, k;
};

template <class V>
[[gnu::always_inline]] inline ScaledExp<V> scaled_exp(V x, V rest) {
  const ReducedExp<V> reduced = reduce_exp(x);
  const Pair<V> p = fast_two_sum(all<V>(1), exp_reduced_minus_1(reduced.r));
  return {p.hi, fma(p.hi, reduced.lo + rest, p.lo), reduced.k};
}

// x a / b.
template <class V>
[[gnu::always_inline]] inline V times_quotient(V x, Pair<V> a, Pair<V> b) {
  const Pair<V> product = two_product(x, a.hi);
  const V inverse = all<V>(1) / b.hi, quotient = product.hi * inverse;
  const V rest = fma(-quotient, b.hi, product.hi) + fma(-quotient, b.lo, fma(x, a.lo, product.lo));
  return fma(rest, inverse, quotient);
}

// x sigmoid(u), u = u.hi + u.lo of x's sign and finite: x / (1 + e) for x >= 0 and x e / (1 + e) below, e = exp(-|u|).
template <class V>
[[gnu::always_inline]] inline V times_sigmoid(V x, Pair<V> u) {
  const V zero = all<V>(0), one = all<V>(1);
  const Mask<V> down = negative(x);
  const ScaledExp<V> p = scaled_exp(-limited_size(u.hi, kGateLimit<Element<V>>), select(down, u.lo, -u.lo));
  Pair<V> under = fast_two_sum(one, times_small_power_of_2(p.hi, p.k));
  under.lo += times_small_power_of_2(p.lo, p.k);
  const Pair<V> over = {select(down, p.hi, one), select(down, p.lo, zero)};
  return copysign(times_small_power_of_2(times_quotient(x, over, under), select(down, p.k, zero)), x);
}

// gelu with tanh: x (1 + tanh(v)) / 2 = x sigmoid(u), u = 2 v = x (a + b x^2), a = 2 sqrt(2 / pi), b = 0.044715 a. From
// |x| = kTanhGateLimit on the sigmoid is 0 or 1. u comes in two parts: it may be large, and is an exponent.
template <class T>
constexpr T kTanhGateLimit = 25;

template <class V>
[[gnu::always_inline]] inline Pair<V> tanh_gate(V x) {
  using T = Element<V>;
  constexpr double kA = 0x1.9884533d43651p+0, kALow = -0x1.cbc0d30ebfd15p-54;
  constexpr double kB = 0x1.2444f2a4d8b4bp-4, kBLow = -0x1.6c843a29d1c70p-61;
  constexpr T a = static_cast<T>(kA), a_low = static_cast<T>((kA - static_cast<double>(a)) + kALow);
  constexpr T b = static_cast<T>(kB), b_low = static_cast<T>((kB - static_cast<double>(b)) + kBLow);
  const Pair<V> square = two_product(x, x), bent = two_product(all<V>(b), square.hi);
  const Pair<V> rate = two_sum(all<V>(a), bent.hi);
  const V rate_low = rate.lo + (fma_by(square.hi, b_low, fma_by(square.lo, b, bent.lo)) + all<V>(a_low));
  const Pair<V> u = two_product(x, rate.hi);
  return {u.hi, fma(x, rate_low, u.lo)};
}

// Error: 0.9 ulp in float, 1.4 in double.
template <class V>
[[gnu::always_inline]] inline V gelu_tanh(V x) {
  constexpr Element<V> kLimit = kTanhGateLimit<Element<V>>;
  const V near = clamp(x, kLimit);
  return select(above(x, all<V>(kLimit)), x, times_sigmoid(near, tanh_gate(near)));
}

// mish(x) = x tanh(log(1 + e)) = x n / (n + 2), e = exp(x), n = e (e + 2). From kMishLevel on the quotient is 1. Below
// 0 the power of two of e comes last. Error: 0.9 ulp in float, 0.9 in double.
template <class T>
constexpr T kMishLevel = sizeof(T) == 4 ? static_cast<T>(20) : static_cast<T>(40);

template <class V>
[[gnu::always_inline]] inline V mish(V x) {
  using T = Element<V>;
  const V two = all<V>(2), zero = all<V>(0);
  const Mask<V> down = negative(x);
  const V near = limited(x, -kGateLimit<T>, kMishLevel<T>);
  const ScaledExp<V> p = scaled_exp(near, zero);
  const Pair<V> e = {times_small_power_of_2(p.hi, p.k), times_small_power_of_2(p.lo, p.k)};
  const V last = select(down, p.k, zero);
  const Pair<V> base = {select(down, p.hi, e.hi), select(down, p.lo, e.lo)};
  Pair<V> more = two_sum(e.hi, two);
  more.lo += e.lo;
  Pair<V> n = two_product(base.hi, more.hi);
  n.lo = fma(base.hi, more.lo, fma(base.lo, more.hi, n.lo));
  Pair<V> under = two_sum(times_small_power_of_2(n.hi, last), two);
  under.lo += times_small_power_of_2(n.lo, last);
  const V result = copysign(times_small_power_of_2(times_quotient(near, n, under), last), x);
  return select(above(x, all<V>(kMishLevel<T>)), x, result);
}

}  // namespace math
}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
