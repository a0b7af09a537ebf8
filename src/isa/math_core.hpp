// What the elementary functions share: the formats, polynomials, exact sums and products, powers of two.
//
// Where a function's type is called V, it is float, double, or a register of either, whose lanes are computed alike and
// with the same bits as a number alone. Where it is called T, it is float or double.
#pragma once

#include <cstdint>

#include "isa/isa.hpp"
#include "isa/lanes.hpp"

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

// What a lane of V holds, and what a comparison of V gives: all ones where it holds, else 0.
template <class V>
struct Lane {
  using Element = V;
  using UInt = typename Format<V>::UInt;
  using Mask = UInt;
};

template <>
struct Lane<Vec<float>> {
  using Element = float;
  using UInt = Vec<uint32_t>;
  using Mask = Vec<int32_t>;
};

template <>
struct Lane<Vec<double>> {
  using Element = double;
  using UInt = Vec<uint64_t>;
  using Mask = Vec<int64_t>;
};

template <class V>
using Element = typename Lane<V>::Element;
template <class V>
using UInt = typename Lane<V>::UInt;
template <class V>
using Mask = typename Lane<V>::Mask;
template <class V>
constexpr bool kIsRegister = sizeof(V) > sizeof(Element<V>);
template <class V>
constexpr bool kIsFloat = sizeof(Element<V>) == 4;

template <class T>
constexpr T kInf = static_cast<T>(__builtin_inff());
template <class T>
constexpr T kNaN = static_cast<T>(__builtin_nanf(""));

// The constant in every lane.
template <class V>
[[gnu::always_inline]] inline V all(Element<V> c) {
  if constexpr (kIsRegister<V>) {
    return splat(c);
  } else {
    return c;
  }
}

// a * b + c for a constant b, and for constants b and c.
template <class V>
[[gnu::always_inline]] inline V fma_by(V a, Element<V> b, V c) {
  return fma(a, all<V>(b), c);
}

template <class V>
[[gnu::always_inline]] inline V line(V a, Element<V> b, Element<V> c) {
  return fma(a, all<V>(b), all<V>(c));
}

template <class V>
[[gnu::always_inline]] inline UInt<V> bits(V x) {
  return __builtin_bit_cast(UInt<V>, x);
}

template <class V>
[[gnu::always_inline]] inline V from_bits(UInt<V> u) {
  return __builtin_bit_cast(V, u);
}

[[gnu::always_inline]] inline float abs(float x) { return __builtin_fabsf(x); }
[[gnu::always_inline]] inline double abs(double x) { return __builtin_fabs(x); }

// Rounded as IEEE 754 says: the hardware's.
[[gnu::always_inline]] inline float sqrt(float x) { return __builtin_sqrtf(x); }
[[gnu::always_inline]] inline double sqrt(double x) { return __builtin_sqrt(x); }

template <class V>
[[gnu::always_inline]] inline V abs(V x) {
  return from_bits<V>(bits(x) & ~Format<Element<V>>::kSign);
}

// |x| with the sign of y.
template <class V>
[[gnu::always_inline]] inline V copysign(V x, V y) {
  constexpr UInt<Element<V>> kSign = Format<Element<V>>::kSign;
  return from_bits<V>((bits(x) & ~kSign) | (bits(y) & kSign));
}

// All ones where the condition holds, else 0. Where one condition decides several choices, or the choice feeds a
// division, it is made with a mask: GCC would turn conditional expressions into two paths, each with the arithmetic
// that follows.
template <class T>
[[gnu::always_inline]] inline UInt<T> mask_of(bool condition) {
  return UInt<T>{0} - static_cast<UInt<T>>(condition);
}

// Where x > y, x < y, x >= y, x = y.
template <class V>
[[gnu::always_inline]] inline Mask<V> above(V x, V y) {
  if constexpr (kIsRegister<V>) {
    return x > y;
  } else {
    return mask_of<V>(x > y);
  }
}

template <class V>
[[gnu::always_inline]] inline Mask<V> below(V x, V y) {
  return above(y, x);
}

template <class V>
[[gnu::always_inline]] inline Mask<V> at_least(V x, V y) {
  if constexpr (kIsRegister<V>) {
    return x >= y;
  } else {
    return mask_of<V>(x >= y);
  }
}

template <class V>
[[gnu::always_inline]] inline Mask<V> equal(V x, V y) {
  if constexpr (kIsRegister<V>) {
    return x == y;
  } else {
    return mask_of<V>(x == y);
  }
}

// Where the sign bit is set.
template <class V>
[[gnu::always_inline]] inline Mask<V> negative(V x) {
  if constexpr (kIsRegister<V>) {
    return __builtin_bit_cast(Mask<V>, x) < 0;
  } else {
    return UInt<V>{0} - (bits(x) >> (sizeof(V) * 8 - 1));
  }
}

// a where the mask is all ones, b where it is 0.
template <class V>
[[gnu::always_inline]] inline V select(Mask<V> mask, V a, V b) {
  if constexpr (kIsRegister<V>) {
    return mask ? a : b;
  } else {
    return from_bits<V>((bits(a) & mask) | (bits(b) & ~mask));
  }
}

#if defined(__AVX512F__)
[[gnu::always_inline]] inline Vec<float> scaled(Vec<float> p, Vec<float> k) {
  return _mm512_maskz_scalef_ps(0xffff, p, k);
}
[[gnu::always_inline]] inline Vec<double> scaled(Vec<double> p, Vec<double> k) {
  return _mm512_maskz_scalef_pd(0xff, p, k);
}
#endif

// Whether x <= limit in every lane.
template <class V>
[[gnu::always_inline]] inline bool within(V x, Element<V> limit) {
  if constexpr (!kIsRegister<V>) {
    return x <= limit;
  } else {
#if defined(__AVX512F__)
    if constexpr (kIsFloat<V>) return _mm512_cmp_ps_mask(x, splat(limit), _CMP_NLE_UQ) == 0;
    if constexpr (!kIsFloat<V>) return _mm512_cmp_pd_mask(x, splat(limit), _CMP_NLE_UQ) == 0;
#elif defined(__AVX2__)
    if constexpr (kIsFloat<V>) return _mm256_movemask_ps(_mm256_cmp_ps(x, splat(limit), _CMP_NLE_UQ)) == 0;
    if constexpr (!kIsFloat<V>) return _mm256_movemask_pd(_mm256_cmp_pd(x, splat(limit), _CMP_NLE_UQ)) == 0;
#else
    bool all_are = true;
    for (int i = 0; i < kLanes<Element<V>>; ++i) all_are &= x[i] <= limit;
    return all_are;
#endif
  }
}

// table[i mod 16]; the table begins at a multiple of 64 bytes.
template <class V>
[[gnu::always_inline]] inline V one_of_16(const float* table, UInt<V> i) {
  if constexpr (!kIsRegister<V>) {
    return table[i & 15];
  } else {
#if defined(__AVX512F__)
    return _mm512_permutexvar_ps(__builtin_bit_cast(__m512i, i), _mm512_load_ps(table));
#elif defined(__AVX2__)
    const __m256i index = __builtin_bit_cast(__m256i, i), upper = __builtin_bit_cast(__m256i, i << 28);
    const __m256 low = _mm256_permutevar8x32_ps(_mm256_load_ps(table), index);
    return _mm256_blendv_ps(low, _mm256_permutevar8x32_ps(_mm256_load_ps(table + 8), index),
                            _mm256_castsi256_ps(upper));
#else
    V result;
    for (int lane = 0; lane < kLanes<float>; ++lane) result[lane] = table[i[lane] & 15];
    return result;
#endif
  }
}

// x between low and high; NaN stays NaN.
template <class V>
[[gnu::always_inline]] inline V limited(V x, Element<V> low, Element<V> high) {
  if constexpr (kIsRegister<V>) {
    return min_of(max_of(x, splat(low)), splat(high));
  } else {
    const V raised = select(mask_of<V>(x < low), low, x);
    return select(mask_of<V>(raised > high), high, raised);
  }
}

// |x|, at most limit; NaN stays NaN.
template <class V>
[[gnu::always_inline]] inline V limited_size(V x, Element<V> limit) {
  if constexpr (kIsRegister<V>) {
    return min_of(abs(x), splat(limit));
  } else {
    const V size = abs(x);
    return select(mask_of<V>(size > limit), limit, size);
  }
}

// x limited to [-limit, limit]; NaN stays NaN.
template <class V>
[[gnu::always_inline]] inline V clamp(V x, Element<V> limit) {
  return limited(x, -limit, limit);
}

// c0 + x c1 + x^2 c2 + ... by Horner's rule.
template <class V>
[[gnu::always_inline]] inline V horner(V, Element<V> c0) {
  return all<V>(c0);
}

template <class V, class... Rest>
[[gnu::always_inline]] inline V horner(V x, Element<V> c0, Rest... rest) {
  return fma(horner(x, rest...), x, all<V>(c0));
}

// An unevaluated sum hi + lo with |lo| at most half an ulp of hi (a little more where a function says so).
template <class V>
struct Pair {
  V hi, lo;
};

// a + b exactly, where a = 0 or a's exponent is at least b's.
template <class V>
[[gnu::always_inline]] inline Pair<V> fast_two_sum(V a, V b) {
  const V sum = a + b;
  return {sum, (a - sum) + b};
}

// The same for any a and b.
template <class V>
[[gnu::always_inline]] inline Pair<V> two_sum(V a, V b) {
  const V sum = a + b;
  const V taken = sum - a;
  return {sum, (a - (sum - taken)) + (b - taken)};
}

// a * b exactly, barring overflow and underflow; without fma by Dekker's splitting, for |a|, |b| < 2^996, and for float
// in double, which holds the product.
template <class V>
[[gnu::always_inline]] inline Pair<V> two_product(V a, V b) {
  const V product = a * b;
  if constexpr (kHasFma) {
    return {product, fma(a, b, -product)};
  } else if constexpr (kIsFloat<V>) {
    return {product, static_cast<float>(static_cast<double>(a) * b - product)};
  } else {
    const double sa = a * 0x1.0000002p27, sb = b * 0x1.0000002p27;
    const double ah = sa - (sa - a), bh = sb - (sb - b);
    const double al = a - ah, bl = b - bh;
    return {product, ((ah * bh - product) + ah * bl + al * bh) + al * bl};
  }
}

// The bits of 2^k shifted out of the low bits of x, which hold k + kBias.
template <class V>
[[gnu::always_inline]] inline V power_from_low_bits(V x) {
  return from_bits<V>(bits(x) << Format<Element<V>>::kDigits);
}

// 2^k for an integer k where that is a normal number.
template <class V>
[[gnu::always_inline]] inline V power_of_2(V k) {
  using F = Format<Element<V>>;
  return power_from_low_bits(k + all<V>(F::kRound + F::kBias));
}

// p * 2^k for an integer k with |k| < 2 * kBias, rounded once (p about 1): two factors, because 2^k itself may
// overflow, or underflow and lose p's bits too early. AVX-512 has an instruction for it.
template <class V>
[[gnu::always_inline]] inline V times_power_of_2(V p, V k) {
#if defined(__AVX512F__)
  if constexpr (kIsRegister<V>) return scaled(p, k);
#endif
  using F = Format<Element<V>>;
  constexpr UInt<Element<V>> kExponent = ~UInt<Element<V>>{0} << F::kDigits;
  const UInt<V> twice = bits(k + all<V>(F::kRound + 2 * F::kBias));
  const UInt<V> half = (twice << (F::kDigits - 1)) & kExponent;
  return p * from_bits<V>(half) * from_bits<V>((twice << F::kDigits) - half);
}

// The same for -3/2 kBias < k <= 0, with one factor that is exact and a constant one.
template <class V>
[[gnu::always_inline]] inline V times_small_power_of_2(V p, V k) {
  using T = Element<V>;
  constexpr int kLift = kIsFloat<V> ? 64 : 512;
  constexpr T kDrop = kIsFloat<V> ? static_cast<T>(0x1p-64) : static_cast<T>(0x1p-512);
  return p * power_of_2(k + all<V>(kLift)) * all<V>(kDrop);
}

}  // namespace math
}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
