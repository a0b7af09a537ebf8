// The normal distribution.
#pragma once

#include "isa/math_core.hpp"
#include "isa/math_erf.hpp"
#include "isa/math_exp.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {
namespace math {

// (y + 5) Q(y) exp(y^2 / 2) as a polynomial in t = (y - 5) / (y + 5), Q the probability of more than y >= 0: degree 10,
// error 2^-26 of the result, for y <= 15 in float; degree 22, 2^-52.8, for y <= 39 in double.
template <class V>
[[gnu::always_inline]] inline V mills_ratio(V t) {
  if constexpr (kIsFloat<V>) {
    return horner(t, 0x1.89d3acp-1f, -0x1.54ad02p-1f, 0x1.fb3148p-2f, -0x1.410f7cp-2f, 0x1.51f9dep-3f, -0x1.1afdfap-4f,
                  0x1.54459ep-6f, -0x1.9a388ap-9f, -0x1.b317d6p-11f, 0x1.8ec522p-11f, 0x1.4cbef8p-13f);
  } else {
    return horner(t, 0x1.89d3abe1f95aep-1, -0x1.54ad03f27ca0dp-1, 0x1.fb31653876f25p-2, -0x1.410ed5f876297p-2,
                  0x1.51f6329f049p-3, -0x1.1b1c254c5b3e5p-4, 0x1.54b4d4f2b21ecp-6, -0x1.88590f1c75d26p-9,
                  -0x1.a25035324eda9p-11, 0x1.1daf2b9a5418bp-11, -0x1.f2154e6f9cbb5p-15, -0x1.a1753e397be0ap-15,
                  0x1.17e2e7b87de2bp-16, 0x1.0b96a12590763p-18, -0x1.73f828d9bd40ep-19, -0x1.7780bf8122626p-22,
                  0x1.d200528524321p-22, 0x1.f8b15d9b1739dp-25, -0x1.105b71a157884p-24, -0x1.69b79289ff4f6p-26,
                  0x1.00ca5b2667a03p-28, 0x1.71348e071021ep-28, 0x1.b4ad675b2d0acp-30);
  }
}

// From this size on the density is 0.
template <class T>
constexpr T kNormalLimit = sizeof(T) == 4 ? static_cast<T>(15) : static_cast<T>(39);

// The distribution function at x, |x| <= kNormalLimit, and exp(-x^2 / 2). Near 0 the former is (1 + erf(x / sqrt 2)) /
// 2; in the lower tail it has no such cancellation and is right to a few ulp, too.
template <class V>
struct Normal {
  V below, density;
};

template <class V>
[[gnu::always_inline]] inline Normal<V> normal(V x) {
  using T = Element<V>;
  const V half = all<V>(static_cast<T>(0.5)), one = all<V>(1), five = all<V>(5);
  const V y = abs(x), u = x * all<V>(static_cast<T>(0x1.6a09e667f3bcdp-1));
  const Pair<V> square = two_product(y, y);
  const V power = exp(-half * square.hi);
  const V density = fma(power, -half * square.lo, power);
  const V inverse = one / (y + five);
  const V tail = density * inverse * mills_ratio((y - five) * inverse);
  const V far = select(above(x, all<V>(0)), one - tail, tail);
  const V near = fma(half, fma(u, erf_near_0(u * u), u), half);
  return {select(below(y, one), near, far), density};
}

}  // namespace math
}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
