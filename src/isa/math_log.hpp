// log, log1p, log2 and log10: x = 2^e m, log(x) = e ln2 + log(m).
#pragma once

#include "isa/math_core.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {
namespace math {

// x = 2^e m for a normal x > 0; e is an integer. For other x both parts are finite and mean nothing.
template <class V>
struct Binary {
  V e, m;
};

[[gnu::always_inline]] inline float signed_exponent(uint32_t u) {
  return static_cast<float>(static_cast<int32_t>(u) >> 23);
}
[[gnu::always_inline]] inline Vec<float> signed_exponent(Vec<uint32_t> u) {
  return __builtin_convertvector(__builtin_bit_cast(Vec<int32_t>, u) >> 23, Vec<float>);
}

// m in [2/3, 4/3) in float, in [sqrt(1/2), sqrt(2)) in double. In double the exponent is shifted and converted as an
// unsigned number, because AVX2 has neither the signed shift nor the conversion for 64 bits.
template <class V>
[[gnu::always_inline]] inline Binary<V> split_exponent(V x) {
  if constexpr (kIsFloat<V>) {
    constexpr uint32_t kLeast = 0x3f2aaaabu;
    const UInt<V> offset = bits(x) - kLeast;
    return {signed_exponent(offset), from_bits<V>((offset & 0x007fffffu) + kLeast)};
  } else {
    constexpr uint64_t kLeast = 0x3fe6a09e667f3bcdu, kOffset = 1024;
    const UInt<V> offset = bits(x) - kLeast + (kOffset << 52);
    const V e = from_bits<V>((offset >> 52) | 0x4330000000000000u) - all<V>(0x1p52 + kOffset);
    return {e, from_bits<V>((offset & 0x000fffffffffffffu) + kLeast)};
  }
}

// The same for any finite x > 0: subnormal numbers are scaled first.
template <class V>
[[gnu::always_inline]] inline Binary<V> split_any_exponent(V x) {
  using F = Format<Element<V>>;
  constexpr int kShift = F::kDigits + 1;
  constexpr auto kScale = static_cast<Element<V>>(uint64_t{1} << kShift);
  const Mask<V> subnormal = below(x, all<V>(F::kMinNormal));
  const Binary<V> parts = split_exponent(select(subnormal, x * all<V>(kScale), x));
  return {select(subnormal, parts.e - all<V>(kShift), parts.e), parts.m};
}

// Of a logarithm: `finite` for x between 0 and infinity, otherwise -inf at 0, inf at inf, NaN.
template <class V>
[[gnu::always_inline]] inline V log_of_any(V x, V finite) {
  constexpr auto kInfinity = kInf<Element<V>>;
  const V zero = all<V>(0), edge = select(equal(x, zero), all<V>(-kInfinity), all<V>(kNaN<Element<V>>));
  return select(above(x, zero), select(below(x, all<V>(kInfinity)), finite, x), edge);
}

// (log(1 + f) - f) / f^2 = f P(f) - 1/2, P of degree 7, its error 2^-27.7 of log(1 + f).
template <class V>
[[gnu::always_inline]] inline V log_curvature(V f) {
  return horner(f, -0.5f, 0x1.555506p-2f, -0x1.fffefp-3f, 0x1.99d076p-3f, -0x1.559de4p-3f, 0x1.1ed19p-3f,
                -0x1.f30d82p-4f, 0x1.1e842ep-3f, -0x1.0810c4p-3f);
}

// f - log(1 + f), in double as s (f - z P(z)), s = f / (2 + f), z = s^2, since log(1 + f) = 2 artanh(s) and 2 s = f - s
// f. P of degree 6, its error 2^-59.5 of log(1 + f).
template <class V>
[[gnu::always_inline]] inline V log_correction(V f) {
  if constexpr (kIsFloat<V>) {
    return -(f * f * log_curvature(f));
  } else {
    const V s = f / (all<V>(2.0) + f);
    const V z = s * s;
    const V p = horner(z, 0x1.5555555555593p-1, 0x1.999999997f9cep-2, 0x1.249249422eb0ap-2, 0x1.c71c51d2a5559p-3,
                       0x1.74664b0bad2f1p-3, 0x1.39a06b329c652p-3, 0x1.2f136ecb1e0b0p-3);
    return s * fma(-z, p, f);
  }
}

// log(2^e (1 + f)) = e ln2 + log(1 + f); in double ln2 in two parts, e times the first exact.
template <class V>
[[gnu::always_inline]] inline V log_of(V e, V f) {
  if constexpr (kIsFloat<V>) {
    return fma_by(e, 0x1.62e43p-1f, fma(f * f, log_curvature(f), f));
  } else {
    const V correction = fma_by(e, 0x1.8432a1b0e2634p-43, log_correction(f));
    return fma_by(e, 0x1.62e42fefa4p-1, f - correction);
  }
}

// log(x). log(+-0) = -inf, log(x < 0) = NaN, log(inf) = inf. Error: 0.94 ulp in float, 0.86 in double.
template <class V>
[[gnu::always_inline]] inline V log(V x) {
  const Binary<V> parts = split_any_exponent(x);
  return log_of_any(x, log_of(parts.e, parts.m - all<V>(1)));
}

// A logarithm to the base b: 1 / ln b as hi + lo, and log_b 2 as unit + unit_lo, integers times unit exact.
template <class T>
struct LogBase {
  T hi, lo, unit, unit_lo;
};

// e log_b 2 + (f - correction) / ln b: the two largest terms are added as pairs. The special cases are those of log.
template <class V>
[[gnu::always_inline]] inline V log_to_base(V x, LogBase<Element<V>> base) {
  const Binary<V> parts = split_any_exponent(x);
  const V f = parts.m - all<V>(1), hi = all<V>(base.hi);
  const Pair<V> linear = two_product(f, hi);
  const Pair<V> sum = fast_two_sum(parts.e * all<V>(base.unit), linear.hi);
  const V rest = fma_by(f, base.lo, fma(-log_correction(f), hi, linear.lo));
  return log_of_any(x, sum.hi + (sum.lo + fma_by(parts.e, base.unit_lo, rest)));
}

// Error: 1.11 ulp in float, 1.12 in double.
template <class V>
[[gnu::always_inline]] inline V log2(V x) {
  if constexpr (kIsFloat<V>) {
    return log_to_base(x, {0x1.715476p+0f, 0x1.4ae0cp-26f, 0x1p+0f, 0.0f});
  } else {
    return log_to_base(x, {0x1.71547652b82fep+0, 0x1.777d0ffda0d24p-56, 0x1p+0, 0.0});
  }
}

// Error: 1.23 ulp in float, 0.95 in double.
template <class V>
[[gnu::always_inline]] inline V log10(V x) {
  if constexpr (kIsFloat<V>) {
    return log_to_base(x, {0x1.bcb7b2p-2f, -0x1.5b235ep-27f, 0x1.3442p-2f, -0x1.95ec1p-19f});
  } else {
    return log_to_base(x, {0x1.bcb7b1526e50ep-2, 0x1.95355baaafad3p-57, 0x1.34413509f8p-2, -0x1.80433b83b532ap-44});
  }
}

// log1p(x) = log(1 + x) = log(u + lo) = e ln2 + log(1 + (m - 1 + 2^-e lo)), u + lo = 1 + x exactly and u = 2^e m.
// From e = 100 on lo counts for nothing and 2^-e need not be a normal number.
// log1p(+-0) = +-0, log1p(-1) = -inf, log1p(x < -1) = NaN, log1p(inf) = inf. Error: 1.55 ulp in float, 1.38 in
// double.
template <class V>
[[gnu::always_inline]] inline V log1p(V x) {
  const V one = all<V>(1), u = one + x;
  const V part = u - one;
  const V lo = (one - (u - part)) + (x - part);
  const Binary<V> parts = split_exponent(u);
  const V scale = select(below(parts.e, all<V>(100)), power_of_2(-parts.e), all<V>(0));
  const V finite = copysign(log_of(parts.e, fma(lo, scale, parts.m - one)), x);
  return log_of_any(u, finite);
}

}  // namespace math
}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
