// erfc and erfinv, computed in double, for float as well: to all digits, and to what a float shows of them.
#pragma once

#include "isa/math_core.hpp"
#include "isa/math_erf.hpp"
#include "isa/math_log.hpp"
#include "isa/math_normal.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {
namespace math {

// erfc(y) = 2^k tail and exp(-y^2) = 2^k bell for y up to kErfcLimit, from which on erfc is 0, the former from 3/4 on.
// With z = sqrt(2) y, erfc(y) is 2 Q(z), and z Q(z) exp(z^2 / 2) the quotient that gelu has, here with z / 2 in its
// divisor. What rounding took from z is given back there, as far as the quotient does not grow with z: by 0.54 of it
// for the least z to all of it for the largest, of which 0.78 is the middle.
constexpr double kErfcLimit = 27.3;

template <class V>
struct Tail {
  V tail, bell, k;
};

template <class V>
[[gnu::noinline]] Tail<V> erfc_tail(V y) {
  constexpr double kRootHi = 0x1.6a09e667f3bcdp+0, kRootLo = -0x1.bdd3413b26456p-54;
  const Bell<V> b = bell(two_product(y, y));
  const V z = y * all<V>(kRootHi), half = z * all<V>(0.5);
  const V lost = fma_by(y, kRootLo, fma_by(y, kRootHi, -z));
  const Ratio<V> g = gelu_ratio(z, z * half);
  const Pair<V> under = two_product(half, g.under.hi);
  const V rest = fma(half, g.under.lo, fma(lost * all<V>(0.39), g.under.hi, under.lo));
  const V quotient = times_ratio(Ratio<V>{g.over, {under.hi, rest}}, b.m);
  return {quotient, all<V>(1) + b.m, b.k};
}

// erfc(x) = 1 - erf(x) for |x| < 3/4; the tail further out, or 2 less that of -x. erfc(inf) = 0, erfc(-inf) = 2.
// Error: 1.62 ulp.
template <class V>
[[gnu::noinline]] V erfc(V x) {
  const V one = all<V>(1), y = limited_size(x, kErfcLimit);
  const Tail<V> parts = erfc_tail(y);
  const V tail = parts.tail * power_of_2(parts.k + all<V>(512)) * all<V>(0x1p-512);
  const V far = select(above(x, all<V>(0)), tail, all<V>(2) - tail);
  return select(below(y, all<V>(0.75)), fma(-x, erf_near_0(x * x), one - x), far);
}

// erfinv(x) / x = P(w) / Q(w) to 2^-29.6 for w = -log(1 - x^2) up to 37, beyond which no number below 1 leads.
template <class V>
struct Slope {
  V over, under;
};

template <class V>
[[gnu::always_inline]] inline Slope<V> erfinv_slope(V w) {
  return {horner(w, 0x1.c5bf89247f20bp-1, 0x1.3c4667c3e5849p-2, 0x1.008b5ff0872b6p-4, 0x1.1e5901a5bada2p-7,
                 0x1.b22b7ef34b9eep-11, 0x1.9a7333a68530cp-15, 0x1.d8fcb839e3c36p-20, 0x1.eb0381643e8dbp-25,
                 0x1.0e327a0733e00p-33),
          horner(w, 1.0, 0x1.632eb5a9e1c0fp-4, 0x1.1e39ad587e9e0p-5, 0x1.22cd1464026e6p-9, 0x1.1bdcc727012b1p-12,
                 0x1.0258934607e23p-17, 0x1.bfbca3e238a33p-22, 0x1.1cfb8f3bc4781p-28)};
}

// log(x) of normal numbers x, by a polynomial of degree 11: error 2^-30.
template <class V>
[[gnu::always_inline]] inline V rough_log(V x) {
  const Binary<V> parts = split_exponent(x);
  const V f = parts.m - all<V>(1);
  const V logarithm = horner(f, 0x1.00000002b60a3p+0, -0x1.ffffffc700032p-2, 0x1.5555400a5ff83p-2,
                             -0x1.0000121cfd700p-2, 0x1.99a71b2b59083p-3, -0x1.555be22403f67p-3, 0x1.2312988686a20p-3,
                             -0x1.fbf218fbf26d4p-4, 0x1.e87e113fc3559p-4, -0x1.dffda3ae07984p-4, 0x1.137cf54183590p-4);
  return fma(f, logarithm, parts.e * all<V>(0x1.62e42fefa39efp-1));
}

// The y with erf(y) = x: from a first y, whose residue is a - erf(y) = erfc(y) - (1 - a), the first two terms of the
// inverse function's series there. erfinv(+-1) = +-inf, NaN further out. Error: 1.69 ulp.
template <class V>
[[gnu::noinline]] V erfinv(V x) {
  const V zero = all<V>(0), one = all<V>(1), a = abs(x), rest = one - a;
  const V inside = select(above(rest, zero), a, zero), room = one - inside;
  const Slope<V> slope = erfinv_slope(-rough_log(room * (one + inside)));
  const V y = inside * slope.over / slope.under;
  const Tail<V> parts = erfc_tail(y);
  const V scale = power_of_2(-parts.k), by_tail = parts.tail - room * scale;
  const V by_erf = -fma(y, erf_near_0(y * y), y - inside) * scale;
  const V t = select(below(y, one), by_erf, by_tail) * all<V>(0x1.c5bf891b4ef6bp-1) / parts.bell;
  const V inverse = y + fma(t * y, t, t);
  const V edge = select(equal(rest, zero), all<V>(kInf<double>), all<V>(kNaN<double>));
  return copysign(select(above(rest, zero), inverse, edge), x);
}

// ---------------------------------------------------------------------------------------------------------------------
// For float: registers of doubles whose results are rounded to float.

// erfc(y) = exp(-y^2) P(y) / Q(y) to 2^-33 for y up to 10.25, from where on it is 0 in float; exp(r) is a polynomial of
// degree 7, error 2^-34. erfc(-y) = 2 - erfc(y). Error: 0.51 ulp in float.
template <class V>
[[gnu::always_inline]] inline V erfc_for_float(V x) {
  const V y = limited_size(x, 10.25), square = y * y;
  const V k = line(square, -kInverseLn2<double>, Format<double>::kRound) - all<V>(Format<double>::kRound);
  const V r = fma_by(k, -0x1.62e42fefa39efp-1, -square);
  const V bell = horner(r, 0x1.ffffffffab65fp-1, 0x1.000000010c62ap+0, 0x1.0000005a1160dp-1, 0x1.5555534260247p-3,
                        0x1.555467f6ebd20p-5, 0x1.1112fb301be1ap-7, 0x1.6da513b3bd084p-10, 0x1.9eb6c17ce5721p-13);
  const V over = horner(y, 0x1.ffffffff4c06ap-1, 0x1.6f4a7863c276ap+0, 0x1.0053f461ebf75p+0, 0x1.9c72501ee257cp-2,
                        0x1.7cbd4b80db27cp-4, 0x1.48d88ab7f92dbp-7);
  const V under = horner(y, 1.0, 0x1.4813f69c178acp+1, 0x1.725c40dbe9fadp+1, 0x1.db587f3cb99b4p+0, 0x1.72161f4c0cd33p-1,
                         0x1.516b5a43f11d8p-3, 0x1.236eb3d1e1e23p-6);
  const V tail = bell * power_of_2(k) * over / under;
  return select(negative(x), all<V>(2) - tail, tail);
}

// As above, without a second step. Error: 0.52 ulp in float.
template <class V>
[[gnu::always_inline]] inline V erfinv_for_float(V x) {
  const V one = all<V>(1), a = abs(x), room = one - a;
  const Mask<V> is_inside = above(room, all<V>(0));
  const Slope<V> slope = erfinv_slope(-rough_log(select(is_inside, room * (one + a), one)));
  const V edge = select(equal(a, one), copysign(all<V>(kInf<double>), x), all<V>(kNaN<double>));
  return select(is_inside, x * slope.over / slope.under, edge);
}

}  // namespace math
}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
