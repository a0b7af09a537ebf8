// Functions of two arguments: hypot, logaddexp, xlogy.
#pragma once

#include "isa/math_core.hpp"
#include "isa/math_exp.hpp"
#include "isa/math_log.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {
namespace math {

// sqrt(x^2 + y^2); infinite where either is, even beside NaN. In double, where the squares are exact. Error: 0.50 ulp
// in float, 0.50 in double.
[[gnu::always_inline]] inline float hypot(float x, float y) {
  const double a = x, b = y;
  const float result = static_cast<float>(sqrt(a * a + b * b));
  return ((abs(x) == kInf<float>) | (abs(y) == kInf<float>)) ? kInf<float> : result;
}

// The larger operand is scaled by a power of two to about 1, so that no square overflows or counts and underflows; the
// root is corrected by what was lost of the sum of squares.
[[gnu::always_inline]] inline double hypot(double x, double y) {
  const double a = abs(x), b = abs(y);
  const double larger = a > b ? a : b, smaller = a > b ? b : a;
  const uint64_t huge = mask_of<double>(larger > 0x1p500), tiny = mask_of<double>(larger < 0x1p-500);
  const double scale = select(huge, 0x1p-600, select(tiny, 0x1p600, 1.0));
  const double unscale = select(huge, 0x1p600, select(tiny, 0x1p-600, 1.0));
  const double u = larger * scale, v = smaller * scale;
  const Pair<double> first = two_product(u, u), second = two_product(v, v);
  const Pair<double> sum = fast_two_sum(first.hi, second.hi);
  const double root = sqrt(sum.hi);
  const Pair<double> back = two_product(root, root);
  const double rest = (sum.hi - back.hi) - back.lo + (sum.lo + first.lo + second.lo);
  const double result = select(mask_of<double>(root > 0), fma(rest, 0.5 / root, root), root) * unscale;
  const double nan_or = ((x != x) | (y != y)) ? kNaN<double> : result;
  return ((a == kInf<double>) | (b == kInf<double>)) ? kInf<double> : nan_or;
}

// log(exp(x) + exp(y)) = max + log1p(exp(-|x - y|)); equal infinities give themselves. Error: below 3 ulp of the larger
// of |max| and the logarithm.
template <class T>
[[gnu::always_inline]] inline T logaddexp(T x, T y) {
  const T larger = x > y ? x : y, smaller = x > y ? y : x;
  const Pair<T> gap = two_sum(smaller, -larger);
  const T ratio = exp(gap.hi);
  const T sum = larger + log1p(gap.hi > -kInf<T> ? fma(ratio, gap.lo, ratio) : ratio);
  const T result = ((x == y) & (abs(x) == kInf<T>)) ? x : sum;
  return ((x != x) | (y != y)) ? kNaN<T> : result;
}

// x log(y), 0 where x is 0 and y is no NaN.
template <class T>
[[gnu::always_inline]] inline T xlogy(T x, T y) {
  const T product = x * log(y);
  const T result = x == 0 ? static_cast<T>(0) : product;
  return y != y ? kNaN<T> : result;
}

}  // namespace math
}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
