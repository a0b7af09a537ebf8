// erfc and erfinv, in double only: float goes through it.
#pragma once

#include "isa/math_core.hpp"
#include "isa/math_erf.hpp"
#include "isa/math_log.hpp"
#include "isa/math_normal.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {
namespace math {

// erfc(y) = 2^k tail and exp(-y^2) = 2^k bell for y up to kErfcLimit, from which on erfc is 0, the former from 3/4 on.
// With z = sqrt(2) y, erfc(y) is 2 Q(z), and z Q(z) exp(z^2 / 2) the quotient that gelu has. What rounding took from z
// is given back.
constexpr double kErfcLimit = 27.3;

template <class V>
struct Tail {
  V tail, bell, k;
};

template <class V>
[[gnu::noinline]] Tail<V> erfc_tail(V y) {
  constexpr double kRootHi = 0x1.6a09e667f3bcdp+0, kRootLo = -0x1.bdd3413b26456p-54;
  constexpr uint64_t kReciprocal = 0x7fdaa3c187704b62u;
  const Bell<V> b = bell(two_product(y, y));
  const V z = y * all<V>(kRootHi), half = z * all<V>(0.5);
  const V lost = fma_by(y, kRootLo, fma_by(y, kRootHi, -z));
  const Ratio<V> g = gelu_ratio(z, z * half);
  const Pair<V> under = two_product(half, g.under.hi);
  const V rough = from_bits<V>(kReciprocal - bits(z));  // 1 / z to 20 %
  const V quotient = times_ratio(Ratio<V>{g.over, {under.hi, fma(half, g.under.lo, under.lo)}}, fma(-lost, rough, b.m));
  return {quotient, all<V>(1) + b.m, b.k};
}

// erfc(x) = 1 - erf(x) for |x| < 3/4; the tail further out, or 2 less that of -x. erfc(inf) = 0, erfc(-inf) = 2.
// Error: 0.50 ulp in float, 1.93 in double.
template <class V>
[[gnu::noinline]] V erfc(V x) {
  const V one = all<V>(1), y = limited_size(x, kErfcLimit);
  const Tail<V> parts = erfc_tail(y);
  const V tail = parts.tail * power_of_2(parts.k + all<V>(512)) * all<V>(0x1p-512);
  const V far = select(above(x, all<V>(0)), tail, all<V>(2) - tail);
  return select(below(y, all<V>(0.75)), fma(-x, erf_near_0(x * x), one - x), far);
}

template <class V>
[[gnu::always_inline]] inline V root(V x) {
  if constexpr (kIsRegister<V>) {
    for (int i = 0; i < kLanes<double>; ++i) x[i] = __builtin_sqrt(x[i]);
    return x;
  } else {
    return sqrt(x);
  }
}

// erfinv(a) / a to 3e-6, for w = -log(1 - a^2): a polynomial in w - 3 as far as 6, in sqrt(w - 1) - 4 from there
// to 36.1.
template <class V>
[[gnu::always_inline]] inline V erfinv_slope(V w) {
  constexpr double kNear[] = {0x1.9fa078baeaeacp+0,   0x1.eedc9087f0857p-3,  -0x1.7824d3c0cf2f8p-8,
                              -0x1.b762a0ce262c1p-11, 0x1.9af70c4bcba60p-13, -0x1.911e4bd566e0cp-17,
                              -0x1.081749d566a7ep-19, 0x1.6996a02973fabp-22};
  constexpr double kFar[] = {0x1.fb667fec7d0f8p+1,  0x1.f592aa5cb9e6ap-1,  0x1.0d24956f7068ap-7,
                             -0x1.39d08eb9b7370p-9, 0x1.d847242a11be0p-12, -0x1.b7f37ff6a93a3p-14,
                             0x1.e51ea8785e840p-14, -0x1.407dd4ab4524ep-15};
  const Mask<V> far = above(w, all<V>(6));
  const V t = select(far, root(w - all<V>(1)) - all<V>(4), w - all<V>(3));
  V slope = select(far, all<V>(kFar[7]), all<V>(kNear[7]));
#pragma GCC unroll 7
  for (int i = 6; i >= 0; --i) slope = fma(slope, t, select(far, all<V>(kFar[i]), all<V>(kNear[i])));
  return slope;
}

// The y with erf(y) = x: from a first y, whose residue is a - erf(y) = erfc(y) - (1 - a), the first three terms of the
// inverse function's series there. erfinv(+-1) = +-inf, NaN further out. Error: 0.50 ulp in float, 1.73 in
// double.
template <class V>
[[gnu::noinline]] V erfinv(V x) {
  const V zero = all<V>(0), one = all<V>(1), a = abs(x), rest = one - a;
  const V inside = select(above(rest, zero), a, zero), room = one - inside;
  const V y = inside * erfinv_slope(-log(room * (one + inside))), square = y * y;
  const Tail<V> parts = erfc_tail(y);
  const V density = power_of_2(parts.k), by_tail = parts.tail - room / density;
  const V by_erf = -fma(y, erf_near_0(square), y - inside) / density;
  const V t = select(below(y, one), by_erf, by_tail) * all<V>(0x1.c5bf891b4ef6bp-1) / parts.bell;
  const V curvature = fma(t * all<V>(0x1.5555555555555p-2), fma(all<V>(4), square, one), y);
  const V inverse = y + fma(t * t, curvature, t);
  const V edge = select(equal(rest, zero), all<V>(kInf<double>), all<V>(kNaN<double>));
  return copysign(select(above(rest, zero), inverse, edge), x);
}

}  // namespace math
}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
