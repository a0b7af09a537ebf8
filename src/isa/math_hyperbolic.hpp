// sinh, cosh and the inverse functions asinh, acosh, atanh.
#pragma once

#include "isa/math_core.hpp"
#include "isa/math_exp.hpp"
#include "isa/math_log.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {
namespace math {

// (cosh(r) - 1) / z and (sinh(r) / r - 1) / z, z = r^2, |r| <= ln2 / 2: degree 2, errors 2^-33 and 2^-34 of cosh and
// sinh for float; degree 5, 2^-70 and 2^-65 for double.
template <class V>
[[gnu::always_inline]] inline V cosh_reduced(V z) {
  if constexpr (kIsFloat<V>) {
    return horner(z, 0.5f, 0x1.5554e6p-5f, 0x1.6d4f24p-10f);
  } else {
    return horner(z, 0.5, 0x1.5555555555558p-5, 0x1.6c16c16c14ffap-10, 0x1.a01a01ad8103bp-16, 0x1.27e4cc09100a6p-22,
                  0x1.1f8bef0929464p-29);
  }
}

template <class V>
[[gnu::always_inline]] inline V sinh_reduced(V z) {
  if constexpr (kIsFloat<V>) {
    return horner(z, 0x1.555556p-3f, 0x1.110fbep-7f, 0x1.a2e2f6p-13f);
  } else {
    return horner(z, 0x1.5555555555555p-3, 0x1.1111111111386p-7, 0x1.a01a019ea18ecp-13, 0x1.71de407bd1b9ap-19,
                  0x1.ae4cf1a3586abp-26, 0x1.827f2f42c4987p-33);
  }
}

// From this size on sinh and cosh are infinite, and 2^(k - 2) just is not.
template <class T>
constexpr T kHyperbolicLimit = sizeof(T) == 4 ? static_cast<T>(89.6) : static_cast<T>(710.7);

// For |x| = k ln2 + r: (2^k -+ 2^-k) / 2, both divided by lift, because 2^k may overflow. For a large k, 2^-k counts
// for nothing.
template <class T>
struct Hyperbolic {
  ReducedExp<T> reduced;
  T minus, plus, lift;
};

template <class T>
[[gnu::always_inline]] inline Hyperbolic<T> reduce_hyperbolic(T x) {
  constexpr T kLarge = 64, one = 1;
  const ReducedExp<T> reduced = reduce_exp(limited_size(x, kHyperbolicLimit<T>));
  const UInt<T> large = mask_of<T>(reduced.k > kLarge);
  const T down = select(large, static_cast<T>(0), power_of_2(-1 - select(large, kLarge, reduced.k)));
  const T lift = select(large, static_cast<T>(2), one);
  const T up = power_of_2(reduced.k - lift);
  return {reduced, up - down, up + down, lift};
}

// a cosh(r) + b sinh(r): the largest terms, a + b r, are added exactly, the others are small.
template <class T>
[[gnu::always_inline]] inline T combine_hyperbolic(T a, T b, ReducedExp<T> reduced) {
  const T r = reduced.r, z = r * r;
  const T first = fma(b, r, a);
  const T error = fma(b, r, a - first);
  return first + (fma(a * z, cosh_reduced(z), b * fma(r * z, sinh_reduced(z), reduced.lo)) + error);
}

// sinh(+-0) = +-0, sinh(+-inf) = +-inf. Error: 0.93 ulp in float, 1.20 in double.
template <class T>
[[gnu::always_inline]] inline T sinh(T x) {
  const Hyperbolic<T> h = reduce_hyperbolic(x);
  return copysign(combine_hyperbolic(h.minus, h.plus, h.reduced) * h.lift, x);
}

// cosh(+-inf) = inf. Error: 1.73 ulp in float, 1.28 in double.
template <class T>
[[gnu::always_inline]] inline T cosh(T x) {
  const Hyperbolic<T> h = reduce_hyperbolic(x);
  return combine_hyperbolic(h.plus, h.minus, h.reduced) * h.lift;
}

// log(y + sqrt(y^2 + kSign)) for y >= 0, from y + sqrt as u + lo and y^2 + kSign as a sum of two; from 2^30 on it is
// log(2 y). NaN where y^2 + kSign < 0, infinity for infinity.
template <int kSign, class T>
[[gnu::always_inline]] inline T log_of_sum_with_root(T y) {
  constexpr T kHuge = static_cast<T>(0x1p30), zero = 0, one = 1;
  const UInt<T> huge = mask_of<T>(y > kHuge);
  const T v = select(huge, one, y);
  const Pair<T> square = two_product(v, v);
  const T radicand = square.hi + kSign;
  const T larger = square.hi > 1 ? square.hi : kSign, smaller = square.hi > 1 ? kSign : square.hi;
  const T radicand_lo = ((larger - radicand) + smaller) + square.lo;
  const T root = sqrt(radicand);
  const Pair<T> back = two_product(root, root);
  const T root_lo = select(mask_of<T>(root > 0), ((radicand - back.hi) - back.lo + radicand_lo) / (2 * root), zero);
  const Pair<T> sum = v > root ? fast_two_sum(v, root) : fast_two_sum(root, v);
  const Binary<T> parts = split_exponent(select(huge, y, sum.hi));
  const T lo = select(huge, zero, (sum.lo + root_lo) * power_of_2(-parts.e));
  const T result = log_of(parts.e + select(huge, one, zero), (parts.m - 1) + lo);
  return y < kInf<T> ? result : y;
}

// asinh(+-0) = +-0, asinh(+-inf) = +-inf. Error: 1.52 ulp in float, 1.56 in double.
template <class T>
[[gnu::always_inline]] inline T asinh(T x) {
  return copysign(log_of_sum_with_root<1>(abs(x)), x);
}

// acosh(1) = 0, acosh(x < 1) = NaN, acosh(inf) = inf. Error: 1.53 ulp in float, 1.56 in double.
template <class T>
[[gnu::always_inline]] inline T acosh(T x) {
  const T result = log_of_sum_with_root<-1>(abs(x));
  return x >= 1 ? result : kNaN<T>;
}

// (atanh(s) / s - 1) / z, z = s^2 <= 1/4: degree 6, error 2^-32.8 of atanh for float; degree 13, 2^-60.9 for double.
template <class V>
[[gnu::always_inline]] inline V atanh_near_0(V z) {
  if constexpr (kIsFloat<V>) {
    return horner(z, 0x1.555558p-2f, 0x1.99979ep-3f, 0x1.24d1bap-3f, 0x1.bfab16p-4f, 0x1.af14cep-4f, 0x1.15e7bp-6f,
                  0x1.7b27dp-3f);
  } else {
    return horner(z, 0x1.555555555554cp-2, 0x1.999999999b3b7p-3, 0x1.24924923c5b73p-3, 0x1.c71c722c347c8p-4,
                  0x1.745d087e0d4bep-4, 0x1.3b151650c50d6p-4, 0x1.10fa2988beef6p-4, 0x1.e3f0d800b1ca8p-5,
                  0x1.9e526c25e95b6p-5, 0x1.e81ba649708aap-5, -0x1.61b79e803d685p-8, 0x1.668e2b44a6fddp-3,
                  -0x1.92021309c3fa1p-3, 0x1.ee08e66db87adp-3);
  }
}

// atanh(x) = log((1 + y) / (1 - y)) / 2 with y = |x|. From 1/2 on, 1 - y, which is exact, is 2^e m, and
// (1 + y) / (1 - y) = 2^(1 - e) (1 + y) / 2m, so that the result is (1 - e) ln2 / 2 + atanh(s) with
// s = (1 - 2m + y) / (1 + 2m + y), |s| < 0.3. atanh(+-1) = +-inf, atanh(|x| > 1) = NaN. Error: 1.03 ulp in float, 1.57
// in double.
template <class T>
[[gnu::always_inline]] inline T atanh(T x) {
  constexpr T kHalfLn2 = static_cast<T>(0x1.62e42fefa39efp-2), zero = 0, one = 1;
  const T y = abs(x);
  const UInt<T> near = mask_of<T>(y < static_cast<T>(0.5));
  const Binary<T> parts = split_exponent(select(near, one, 1 - y));
  const T over = (1 - 2 * parts.m) + y, under = (1 + 2 * parts.m) + y;
  const T s = select(near, y, over) / select(near, one, under);
  const T z = s * s;
  const T rest = s * z * atanh_near_0(z);
  const T result = fma(select(near, zero, 1 - parts.e), kHalfLn2, s + rest);
  const T below = y < 1 ? result : kNaN<T>;
  return copysign(y == 1 ? kInf<T> : below, x);
}

}  // namespace math
}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
