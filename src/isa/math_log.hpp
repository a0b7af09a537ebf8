// log, log1p, log2 and log10: x = 2^e m, log(x) = e ln2 + log(m).
#pragma once

#include "isa/math_core.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {
namespace math {

// x = 2^e m for a normal x > 0; e is an integer. For other x both parts are finite and mean nothing.
template <class T>
struct Binary {
  T e, m;
};

// m in [2/3, 4/3).
[[gnu::always_inline]] inline Binary<float> split_exponent(float x) {
  constexpr uint32_t kLeast = 0x3f2aaaabu;
  const uint32_t above = bits(x) - kLeast;
  const int32_t e = static_cast<int32_t>(above) >> 23;
  return {static_cast<float>(e), from_bits<float>((above & 0x007fffffu) + kLeast)};
}

// m in [sqrt(1/2), sqrt(2)). The exponent is shifted and converted as an unsigned number, because AVX2 has neither the
// signed shift nor the conversion for 64 bits.
[[gnu::always_inline]] inline Binary<double> split_exponent(double x) {
  constexpr uint64_t kLeast = 0x3fe6a09e667f3bcdu, kOffset = 1024;
  const uint64_t above = bits(x) - kLeast + (kOffset << 52);
  const double e = from_bits<double>((above >> 52) | 0x4330000000000000u) - (0x1p52 + kOffset);
  return {e, from_bits<double>((above & 0x000fffffffffffffu) + kLeast)};
}

// The same for any finite x > 0: subnormal numbers are scaled first.
template <class T>
[[gnu::always_inline]] inline Binary<T> split_any_exponent(T x) {
  constexpr int kShift = Format<T>::kDigits + 1;
  constexpr T kScale = static_cast<T>(uint64_t{1} << kShift);
  const bool subnormal = x < Format<T>::kMinNormal;
  const Binary<T> parts = split_exponent(x * (subnormal ? kScale : static_cast<T>(1)));
  return {parts.e - (subnormal ? static_cast<T>(kShift) : static_cast<T>(0)), parts.m};
}

// (log(1 + f) - f) / f^2 = f P(f) - 1/2, P of degree 7, its error 2^-27.7 of log(1 + f).
[[gnu::always_inline]] inline float log_curvature(float f) {
  return fma(f,
             horner(f, 0x1.555506p-2f, -0x1.fffefp-3f, 0x1.99d076p-3f, -0x1.559de4p-3f, 0x1.1ed19p-3f, -0x1.f30d82p-4f,
                    0x1.1e842ep-3f, -0x1.0810c4p-3f),
             -0.5f);
}

// f - log(1 + f).
[[gnu::always_inline]] inline float log_correction(float f) { return -(f * f * log_curvature(f)); }

// f - log(1 + f) = s (f - z P(z)), s = f / (2 + f), z = s^2, since log(1 + f) = 2 artanh(s) and 2 s = f - s f. P of
// degree 6, its error 2^-59.5 of log(1 + f).
[[gnu::always_inline]] inline double log_correction(double f) {
  const double s = f / (2.0 + f);
  const double z = s * s;
  const double p = horner(z, 0x1.5555555555593p-1, 0x1.999999997f9cep-2, 0x1.249249422eb0ap-2, 0x1.c71c51d2a5559p-3,
                          0x1.74664b0bad2f1p-3, 0x1.39a06b329c652p-3, 0x1.2f136ecb1e0b0p-3);
  return s * fma(-z, p, f);
}

// log(2^e (1 + f)) = e ln2 + log(1 + f).
[[gnu::always_inline]] inline float log_of(float e, float f) {
  return fma(e, 0x1.62e43p-1f, fma(f * f, log_curvature(f), f));
}

// ln2 in two parts, e times the first exact.
[[gnu::always_inline]] inline double log_of(double e, double f) {
  const double correction = fma(e, 0x1.8432a1b0e2634p-43, log_correction(f));
  return fma(e, 0x1.62e42fefa4p-1, f - correction);
}

// log(x). log(+-0) = -inf, log(x < 0) = NaN, log(inf) = inf. Error: 0.94 ulp in float, 0.86 in double.
template <class T>
[[gnu::always_inline]] inline T log(T x) {
  const Binary<T> parts = split_any_exponent(x);
  const T finite = log_of(parts.e, parts.m - 1);
  const T positive = x < kInf<T> ? finite : x;
  const T otherwise = x == 0 ? -kInf<T> : kNaN<T>;
  return x > 0 ? positive : otherwise;
}

// A logarithm to the base b: 1 / ln b as hi + lo, and log_b 2 as unit + unit_lo, integers times unit exact.
template <class T>
struct LogBase {
  T hi, lo, unit, unit_lo;
};

// e log_b 2 + (f - correction) / ln b: the two largest terms are added as pairs. The special cases are those of log.
template <class T>
[[gnu::always_inline]] inline T log_to_base(T x, LogBase<T> base) {
  const Binary<T> parts = split_any_exponent(x);
  const T f = parts.m - 1;
  const Pair<T> linear = two_product(f, base.hi);
  const Pair<T> sum = fast_two_sum(parts.e * base.unit, linear.hi);
  const T rest = fma(f, base.lo, fma(-log_correction(f), base.hi, linear.lo));
  const T finite = sum.hi + (sum.lo + fma(parts.e, base.unit_lo, rest));
  const T positive = x < kInf<T> ? finite : x;
  const T otherwise = x == 0 ? -kInf<T> : kNaN<T>;
  return x > 0 ? positive : otherwise;
}

// Error: 1.11 ulp in float, 1.12 in double.
[[gnu::always_inline]] inline float log2(float x) {
  return log_to_base<float>(x, {0x1.715476p+0f, 0x1.4ae0cp-26f, 0x1p+0f, 0.0f});
}

[[gnu::always_inline]] inline double log2(double x) {
  return log_to_base<double>(x, {0x1.71547652b82fep+0, 0x1.777d0ffda0d24p-56, 0x1p+0, 0.0});
}

// Error: 1.23 ulp in float, 0.95 in double.
[[gnu::always_inline]] inline float log10(float x) {
  return log_to_base<float>(x, {0x1.bcb7b2p-2f, -0x1.5b235ep-27f, 0x1.3442p-2f, -0x1.95ec1p-19f});
}

[[gnu::always_inline]] inline double log10(double x) {
  return log_to_base<double>(x,
                             {0x1.bcb7b1526e50ep-2, 0x1.95355baaafad3p-57, 0x1.34413509f8p-2, -0x1.80433b83b532ap-44});
}

// log1p(x) = log(1 + x) = log(u + lo) = e ln2 + log(1 + (m - 1 + 2^-e lo)), u + lo = 1 + x exactly and u = 2^e m.
// From e = 100 on lo counts for nothing and 2^-e need not be a normal number.
// log1p(+-0) = +-0, log1p(-1) = -inf, log1p(x < -1) = NaN, log1p(inf) = inf. Error: 1.55 ulp in float, 1.38 in
// double.
template <class T>
[[gnu::always_inline]] inline T log1p(T x) {
  const T u = 1 + x;
  const T part = u - 1;
  const T lo = (1 - (u - part)) + (x - part);
  const Binary<T> parts = split_exponent(u);
  const T scale = select(mask_of<T>(parts.e < 100), power_of_2(-parts.e), static_cast<T>(0));
  const T finite = copysign(log_of(parts.e, fma(lo, scale, parts.m - 1)), x);
  const T above = x < kInf<T> ? finite : x;
  const T otherwise = x == -1 ? -kInf<T> : kNaN<T>;
  return x > -1 ? above : otherwise;
}

}  // namespace math
}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
