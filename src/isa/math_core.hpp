// What the elementary functions share: the formats, polynomials, exact sums and products, powers of two.
#pragma once

#include <cstdint>

#include "isa/isa.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {
namespace math {

// The format of T. x + kRound - kRound is x rounded to an integer (to even on a tie) for |x| < 2^(kDigits - 1), and
// the low bits of x + kRound hold that integer.
template <class T>
struct Format;

template <>
struct Format<float> {
  using UInt = uint32_t;
  static constexpr int kDigits = 23;
  static constexpr int kBias = 127;
  static constexpr float kRound = 0x1.8p23f;
  static constexpr float kMinNormal = 0x1p-126f;
  static constexpr UInt kSign = 0x80000000u;
};

template <>
struct Format<double> {
  using UInt = uint64_t;
  static constexpr int kDigits = 52;
  static constexpr int kBias = 1023;
  static constexpr double kRound = 0x1.8p52;
  static constexpr double kMinNormal = 0x1p-1022;
  static constexpr UInt kSign = 0x8000000000000000u;
};

template <class T>
using UInt = typename Format<T>::UInt;

template <class T>
constexpr T kInf = static_cast<T>(__builtin_inff());
template <class T>
constexpr T kNaN = static_cast<T>(__builtin_nanf(""));

template <class T>
[[gnu::always_inline]] inline UInt<T> bits(T x) {
  return __builtin_bit_cast(UInt<T>, x);
}

template <class T>
[[gnu::always_inline]] inline T from_bits(UInt<T> u) {
  return __builtin_bit_cast(T, u);
}

[[gnu::always_inline]] inline float abs(float x) { return __builtin_fabsf(x); }
[[gnu::always_inline]] inline double abs(double x) { return __builtin_fabs(x); }

// Rounded as IEEE 754 says: the hardware's.
[[gnu::always_inline]] inline float sqrt(float x) { return __builtin_sqrtf(x); }
[[gnu::always_inline]] inline double sqrt(double x) { return __builtin_sqrt(x); }

// |x| with the sign of y.
template <class T>
[[gnu::always_inline]] inline T copysign(T x, T y) {
  constexpr UInt<T> kSign = Format<T>::kSign;
  return from_bits<T>((bits(x) & ~kSign) | (bits(y) & kSign));
}

// All ones where the condition holds, else 0. Where one condition decides several choices, or the choice feeds a
// division, it is made with a mask: GCC would turn conditional expressions into two paths, each with the arithmetic
// that follows.
template <class T>
[[gnu::always_inline]] inline UInt<T> mask_of(bool condition) {
  return UInt<T>{0} - static_cast<UInt<T>>(condition);
}

// a where the mask is all ones, b where it is 0.
template <class T>
[[gnu::always_inline]] inline T select(UInt<T> mask, T a, T b) {
  return from_bits<T>((bits(a) & mask) | (bits(b) & ~mask));
}

// |x|, at most limit; NaN stays NaN.
template <class T>
[[gnu::always_inline]] inline T limited_size(T x, T limit) {
  const T size = abs(x);
  return select(mask_of<T>(size > limit), limit, size);
}

// x limited to [-limit, limit]; NaN stays NaN.
template <class T>
[[gnu::always_inline]] inline T clamp(T x, T limit) {
  return copysign(limited_size(x, limit), x);
}

// c0 + x c1 + x^2 c2 + ... by Horner's rule.
template <class T>
[[gnu::always_inline]] inline T horner(T, T c0) {
  return c0;
}

template <class T, class... Rest>
[[gnu::always_inline]] inline T horner(T x, T c0, Rest... rest) {
  return fma(horner(x, rest...), x, c0);
}

// An unevaluated sum hi + lo with |lo| at most half an ulp of hi (a little more where a function says so).
template <class T>
struct Pair {
  T hi, lo;
};

// a + b exactly, where a = 0 or a's exponent is at least b's.
template <class T>
[[gnu::always_inline]] inline Pair<T> fast_two_sum(T a, T b) {
  const T sum = a + b;
  return {sum, (a - sum) + b};
}

// The same for any a and b.
template <class T>
[[gnu::always_inline]] inline Pair<T> two_sum(T a, T b) {
  const T sum = a + b;
  const T taken = sum - a;
  return {sum, (a - (sum - taken)) + (b - taken)};
}

// a * b exactly, barring overflow and underflow; without fma by Dekker's splitting, for |a|, |b| < 2^996.
[[gnu::always_inline]] inline Pair<double> two_product(double a, double b) {
  const double product = a * b;
  if constexpr (kHasFma) {
    return {product, fma(a, b, -product)};
  } else {
    const double sa = a * 0x1.0000002p27, sb = b * 0x1.0000002p27;
    const double ah = sa - (sa - a), bh = sb - (sb - b);
    const double al = a - ah, bl = b - bh;
    return {product, ((ah * bh - product) + ah * bl + al * bh) + al * bl};
  }
}

// The same for float; without fma in double, which holds the product.
[[gnu::always_inline]] inline Pair<float> two_product(float a, float b) {
  const float product = a * b;
  if constexpr (kHasFma) {
    return {product, fma(a, b, -product)};
  } else {
    return {product, static_cast<float>(static_cast<double>(a) * b - product)};
  }
}

// p * 2^k for an integer k with |k| < 2 * kBias, rounded once (p about 1): two factors, because 2^k itself may
// overflow, or underflow and lose p's bits too early.
template <class T>
[[gnu::always_inline]] inline T times_power_of_2(T p, T k) {
  constexpr T kBiased = Format<T>::kRound + Format<T>::kBias;
  constexpr int kDigits = Format<T>::kDigits;
  const T biased_half = fma(k, static_cast<T>(0.5), kBiased);
  const T biased_rest = (k - (biased_half - kBiased)) + kBiased;
  return p * from_bits<T>(bits(biased_half) << kDigits) * from_bits<T>(bits(biased_rest) << kDigits);
}

// The same for -3/2 kBias < k <= 0, with one factor that is exact and a constant one.
template <class T>
[[gnu::always_inline]] inline T times_small_power_of_2(T p, T k) {
  constexpr int kLift = sizeof(T) == 4 ? 64 : 512;
  constexpr T kBiased = Format<T>::kRound + (Format<T>::kBias + kLift);
  constexpr T kDrop = sizeof(T) == 4 ? static_cast<T>(0x1p-64) : static_cast<T>(0x1p-512);
  return p * from_bits<T>(bits(k + kBiased) << Format<T>::kDigits) * kDrop;
}

// 2^k for an integer k where that is a normal number.
template <class T>
[[gnu::always_inline]] inline T power_of_2(T k) {
  return from_bits<T>(bits(k + (Format<T>::kRound + Format<T>::kBias)) << Format<T>::kDigits);
}

}  // namespace math
}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
