// asin, acos, atan, atan2: odd polynomials near 0, to which the rest is reduced with parts of pi.
#pragma once

#include "isa/math_core.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {
namespace math {

// pi / 2 = kHalfPi + kHalfPiRest.
template <class T>
constexpr T kHalfPi = static_cast<T>(0x1.921fb54442d18p+0);
template <class T>
constexpr T kHalfPiRest = sizeof(T) == 4 ? static_cast<T>(-0x1.777a5cp-25) : static_cast<T>(0x1.1a62633145c07p-54);

// (atan(t) / t - 1) / z, z = t^2 <= 1: degree 9, error 2^-28.5 of atan for float; degree 20, 2^-57.6 for double.
template <class V>
[[gnu::always_inline]] inline V atan_near_0(V z) {
  if constexpr (kIsFloat<V>) {
    return horner(z, -0x1.555552p-2f, 0x1.99981cp-3f, -0x1.24762p-3f, 0x1.c5116ep-4f, -0x1.6953a8p-4f, 0x1.1509b2p-4f,
                  -0x1.707f76p-5f, 0x1.752d6p-6f, -0x1.e69a26p-8f, 0x1.296204p-10f);
  } else {
    return horner(z, -0x1.555555555554dp-2, 0x1.9999999998c66p-3, -0x1.24924924576e8p-3, 0x1.c71c71b65211cp-4,
                  -0x1.745d15d2e2d4p-4, 0x1.3b139bed5e337p-4, -0x1.111033642bb07p-4, 0x1.e1d493075c8fap-5,
                  -0x1.aeda892922a95p-5, 0x1.84b515aed8e75p-5, -0x1.5f264e59bb728p-5, 0x1.390924e560931p-5,
                  -0x1.0c9c88cc9537fp-5, 0x1.ac8fb85db45d1p-6, -0x1.31137eefebaacp-6, 0x1.73073a75b9276p-7,
                  -0x1.7008bd7c8ce26p-8, 0x1.1a38a61606efbp-9, -0x1.371e5deb0cca2p-11, 0x1.b41babbf7f49bp-14,
                  -0x1.22b6fe8daa563p-17);
  }
}

// (asin(s) / s - 1) / z, z = s^2 <= 1/4: degree 5, error 2^-31.7 of asin for float; degree 12, 2^-59.9 for double.
template <class V>
[[gnu::always_inline]] inline V asin_near_0(V z) {
  if constexpr (kIsFloat<V>) {
    return horner(z, 0x1.55554cp-3f, 0x1.3338acp-4f, 0x1.6ca744p-5f, 0x1.04d452p-5f, 0x1.d4fb38p-7f, 0x1.34db12p-5f);
  } else {
    return horner(z, 0x1.5555555555577p-3, 0x1.333333332e132p-4, 0x1.6db6db7212591p-5, 0x1.f1c71a94f84f3p-6,
                  0x1.6e8bdedfb74bcp-6, 0x1.1c49f06548896p-6, 0x1.ca1f8cc06ac4ap-7, 0x1.75858e8e1c8b4p-7,
                  0x1.613c74392a93ep-7, 0x1.e5f6d1a4232f4p-9, 0x1.639c15b41d4a4p-6, -0x1.57fd002282e11p-6,
                  0x1.0b4697e4e1c5dp-5);
  }
}

// asin(s) = s + rest for s = |x| up to 1/2 and s = sqrt((1 - |x|) / 2) further out, where asin(|x|) = pi/2 - 2 asin(s).
// NaN for |x| > 1. z = s^2 is exact further out, since 1 - |x| is.
template <class T>
struct ArcSine {
  UInt<T> far;
  T s, rest;
};

template <class T>
[[gnu::always_inline]] inline ArcSine<T> reduce_asin(T x) {
  const T size = abs(x), half = static_cast<T>(0.5);
  const UInt<T> far = mask_of<T>(size > half);
  const T z = select(far, fma(size, -half, half), size * size);
  const T s = select(far, sqrt(z), size);
  return {far, s, s * z * asin_near_0(z)};
}

// asin(+-0) = +-0, asin(|x| > 1) = NaN. Error: 1.11 ulp in float, 1.07 in double.
template <class T>
[[gnu::always_inline]] inline T asin(T x) {
  const ArcSine<T> arc = reduce_asin(x);
  const T minus_2 = -2, near = arc.s + arc.rest;
  const T first = fma(minus_2, arc.s, kHalfPi<T>);
  const T error = fma(minus_2, arc.s, kHalfPi<T> - first);
  const T far = first + (fma(minus_2, arc.rest, kHalfPiRest<T>) + error);
  return copysign(select(arc.far, far, near), x);
}

// acos(x) = pi/2 - asin(x) for |x| <= 1/2, 2 asin(s) beyond it, pi - 2 asin(s) before it. acos(1) = 0, acos(|x| > 1) =
// NaN. Error: 1.16 ulp in float, 1.13 in double.
template <class T>
[[gnu::always_inline]] inline T acos(T x) {
  const ArcSine<T> arc = reduce_asin(x);
  const UInt<T> negative = UInt<T>{0} - (bits(x) >> (sizeof(T) * 8 - 1));
  const T zero = 0, one = 1, two = 2;
  const T quarters = select(arc.far, select(negative, two, zero), one);
  const T factor = copysign(one, x) * select(arc.far, two, -one);
  return fma(factor, arc.s, quarters * kHalfPi<T>) + fma(factor, arc.rest, quarters * kHalfPiRest<T>);
}

// The angle of (x, y) for x, y >= 0 from the smaller over the larger, t; 0 at the origin.
template <class T>
[[gnu::always_inline]] inline T angle_of_first_quadrant(T x, T y) {
  const UInt<T> steep = mask_of<T>(y > x);
  const T over = select(steep, x, y), under = select(steep, y, x);
  const UInt<T> diagonal = mask_of<T>(over == under);  // both 0 or both infinite among them
  const T t = select(diagonal, under == 0 ? static_cast<T>(0) : static_cast<T>(1), over / under);
  const T z = t * t, rest = t * z * atan_near_0(z);
  return select(steep, (kHalfPi<T> - t) + (kHalfPiRest<T> - rest), t + rest);
}

// atan(x), atan(+-inf) = +-pi/2. Error: 1.26 ulp in float, 1.25 in double.
template <class T>
[[gnu::always_inline]] inline T atan(T x) {
  return copysign(angle_of_first_quadrant(static_cast<T>(1), abs(x)), x);
}

// atan2(y, x), with C99's special cases: the sign is y's, that of zero too; atan2(0, -0) = pi. Error: 1.45 ulp in
// float, 1.57 in double.
template <class T>
[[gnu::always_inline]] inline T atan2(T y, T x) {
  const T angle = angle_of_first_quadrant(abs(x), abs(y));
  const UInt<T> left = UInt<T>{0} - (bits(x) >> (sizeof(T) * 8 - 1));
  const T turned = (2 * kHalfPi<T> - angle) + 2 * kHalfPiRest<T>;
  const T result = copysign(select(left, turned, angle), y);
  return ((x != x) | (y != y)) ? kNaN<T> : result;
}

}  // namespace math
}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
