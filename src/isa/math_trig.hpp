// sin, cos and tan.
//
//   x = k pi/2 + r, k the nearest integer to 2 x / pi, |r| <= pi/4
//   sin(x) = sin(r), cos(r), -sin(r), -cos(r) for k = 0, 1, 2, 3 (mod 4); cos(x) is what sin is for k + 1
//   tan(x) = tan(r) for an even k, -1 / tan(r) for an odd one
#pragma once

#include "isa/math_core.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {
namespace math {

// Up to here the reduction with three parts of pi/2 holds the error; beyond it sin_slow and cos_slow take over.
template <class T>
constexpr T kFastAngle = sizeof(T) == 4 ? static_cast<T>(0x1p17) : static_cast<T>(0x1p20);

// sin(r) = r + r^3 P(r^2) and cos(r) = 1 - r^2 / 2 + r^4 Q(r^2) for |r| <= pi/4 (1 + 1/1000), P and Q of degree 2; the
// polynomials' errors are 2^-27.9 and 2^-33 of the result.
[[gnu::always_inline]] inline float sin_reduced(float r) {
  const float z = r * r;
  return fma(z * r, horner(z, -0x1.555546p-3f, 0x1.110774p-7f, -0x1.9951eap-13f), r);
}

[[gnu::always_inline]] inline float cos_reduced(float r) {
  const float z = r * r;
  return horner(z, 1.0f, -0.5f, 0x1.55554ap-5f, -0x1.6c0c28p-10f, 0x1.99e80cp-16f);
}

// The same for r = r.hi + r.lo in double: P and Q of degree 5, errors 2^-57.9 and 2^-63.9. To first order r.lo adds
// r.lo cos(r) = r.lo (1 - r^2 / 2) to the sine and takes r.lo sin(r) = r.lo r from the cosine.
[[gnu::always_inline]] inline double sin_reduced(Pair<double> r) {
  const double z = r.hi * r.hi;
  const double p = horner(z, -0x1.5555555555548p-3, 0x1.111111110f73p-7, -0x1.a01a019be921fp-13, 0x1.71de35552c33dp-19,
                          -0x1.ae5e4b84e435dp-26, 0x1.5d8b55f2c5a8ep-33);
  return r.hi + fma(z * r.hi, p, r.lo * fma(z, -0.5, 1.0));
}

[[gnu::always_inline]] inline double cos_reduced(Pair<double> r) {
  const double z = r.hi * r.hi;
  const double q = horner(z, -0.5, 0x1.555555555554bp-5, -0x1.6c16c16c15005p-10, 0x1.a01a019c8c7d5p-16,
                          -0x1.27e4f7ef0d4efp-22, 0x1.1ee9d9c685873p-29, -0x1.8fa5538abcb69p-37);
  return 1.0 + fma(z, q, -r.hi * r.lo);
}

// x - k pi/2 for |x| <= kFastAngle and the integer k next to 2 x / pi, |k| < 2^17. With fma the first product is
// subtracted exactly; without it the difference is taken in double.
[[gnu::always_inline]] inline float subtract_half_pi(float x, float k) {
  if constexpr (kHasFma) {
    return fma(-k, -0x1.ee59dap-50f, fma(-k, -0x1.777a5cp-25f, fma(-k, 0x1.921fb6p+0f, x)));
  } else {
    const double wide = k;
    return static_cast<float>((x - wide * 0x1.921fb544p+0) - wide * 0x1.0b4611a626331p-34);
  }
}

// The same with what rounding took from it: the first difference is exact, the second is kept as a pair.
[[gnu::always_inline]] inline Pair<float> subtract_half_pi_exactly(float x, float k) {
  if constexpr (kHasFma) {
    const float first = fma(-k, 0x1.921fb6p+0f, x);
    const Pair<float> product = two_product(-k, -0x1.777a5cp-25f);
    const Pair<float> r = two_sum(first, product.hi);
    return fast_two_sum(r.hi, fma(-k, -0x1.ee59dap-50f, r.lo + product.lo));
  } else {
    const double wide = k;
    const double r = (x - wide * 0x1.921fb544p+0) - wide * 0x1.0b4611a626331p-34;
    const float hi = static_cast<float>(r);
    return {hi, static_cast<float>(r - hi)};
  }
}

// The same in double, |k| < 2^20. The parts of pi/2 have 33 bits, so that the first two products are exact without fma
// as well.
[[gnu::always_inline]] inline Pair<double> subtract_half_pi(double x, double k) {
  const Pair<double> first = fast_two_sum(fma(-k, 0x1.921fb544p+0, x), -k * 0x1.0b4611a6p-34);
  return fast_two_sum(first.hi, fma(-k, 0x1.3198a2e037073p-69, first.lo));
}

// sin(r + k pi/2), k in the low bits; Reduced is float or Pair<double>.
template <class T, class Reduced>
[[gnu::always_inline]] inline T sin_of_quadrant(Reduced r, UInt<T> k) {
  const T value = (k & 1) != 0 ? cos_reduced(r) : sin_reduced(r);
  return from_bits<T>(bits(value) ^ ((k & 2) << (sizeof(T) * 8 - 2)));
}

template <class T>
constexpr T kInverseHalfPi = static_cast<T>(0x1.45f306dc9c883p-1);

// sin(x) for |x| <= kFastAngle. sin(+-0) = +-0, sin(+-inf) = NaN. Error: 1.54 ulp in float, 1.14 in double.
template <class T>
[[gnu::always_inline]] inline T sin_fast(T x) {
  const T size = abs(x);
  const T shifted = fma(size, kInverseHalfPi<T>, Format<T>::kRound);
  const T value = sin_of_quadrant<T>(subtract_half_pi(size, shifted - Format<T>::kRound), bits(shifted));
  return from_bits<T>(bits(value) ^ (bits(x) & Format<T>::kSign));
}

// cos(x) for |x| <= kFastAngle. cos(+-inf) = NaN. Error: 1.54 ulp in float, 1.15 in double.
template <class T>
[[gnu::always_inline]] inline T cos_fast(T x) {
  const T shifted = fma(x, kInverseHalfPi<T>, Format<T>::kRound);
  return sin_of_quadrant<T>(subtract_half_pi(x, shifted - Format<T>::kRound), bits(shifted) + 1);
}

// x may lie so close to a multiple of pi/2 that a fourth part counts.
[[gnu::always_inline]] inline Pair<double> subtract_half_pi_exactly(double x, double k) {
  const Pair<double> first = two_sum(fma(-k, 0x1.921fb544p+0, x), -k * 0x1.0b4611a6p-34);
  const Pair<double> product = two_product(-k, 0x1.3198a2e037073p-69);
  const Pair<double> second = two_sum(first.hi, product.hi);
  return fast_two_sum(second.hi, second.lo + first.lo + fma(-k, 0x1.129024e088a68p-123, product.lo));
}

// (tan(r) / r - 1) / z, z = r^2, |r| <= pi/4: degree 6, error 2^-29.5 of tan for float; degree 13, 2^-56 for double.
template <class V>
[[gnu::always_inline]] inline V tan_near_0(V z) {
  if constexpr (kIsFloat<V>) {
    return horner(z, 0x1.55556p-2f, 0x1.110d98p-3f, 0x1.badb6ep-5f, 0x1.5cab48p-6f, 0x1.634b96p-7f, 0x1.42281ap-14f,
                  0x1.1f5148p-8f);
  } else {
    return horner(z, 0x1.55555555554edp-2, 0x1.1111111118827p-3, 0x1.ba1ba1b42bd19p-5, 0x1.664f49b458768p-6,
                  0x1.226e110a888b1p-7, 0x1.d6d96311d1db6p-9, 0x1.7d591d5c23f29p-10, 0x1.380d735bcffacp-11,
                  0x1.d191b1d452efdp-13, 0x1.1ff50af542e05p-13, -0x1.cd41b1da37f05p-16, 0x1.7b77e87e16259p-14,
                  -0x1.7d15341e5a643p-15, 0x1.6042b0a1f265dp-16);
  }
}

// tan(r + k pi/2), k in the low bits. tan(r) is had as hi + lo, where r.lo counts with 1 + tan(r)^2; its reciprocal is
// improved by one step of Newton's.
template <class T>
[[gnu::always_inline]] inline T tan_of_quadrant(Pair<T> r, UInt<T> k) {
  const T z = r.hi * r.hi, one = 1;
  const T cubic = r.hi * z * tan_near_0(z);
  const T about = r.hi + cubic;
  const Pair<T> tangent = fast_two_sum(r.hi, fma(r.lo, fma(about, about, one), cubic));
  const T inverse = -one / tangent.hi;
  const T error = fma(inverse, tangent.lo, fma(inverse, tangent.hi, one));
  const UInt<T> odd = UInt<T>{0} - (k & 1);
  return select(odd, fma(inverse, error, inverse), tangent.hi);
}

// tan(x) for |x| <= kFastAngle. tan(+-0) = +-0, tan(+-inf) = NaN. Error: 1.17 ulp in float, 1.20 in double.
template <class T>
[[gnu::always_inline]] inline T tan_fast(T x) {
  const T size = abs(x);
  const T shifted = fma(size, kInverseHalfPi<T>, Format<T>::kRound);
  const T value = tan_of_quadrant<T>(subtract_half_pi_exactly(size, shifted - Format<T>::kRound), bits(shifted));
  return from_bits<T>(bits(value) ^ (bits(x) & Format<T>::kSign));
}

// The first 1344 binary digits of 1 / pi after the point, with 64 zeros before them.
constexpr uint64_t kInversePiDigits[] = {
    0x0000000000000000u, 0x517cc1b727220a94u, 0xfe13abe8fa9a6ee0u, 0x6db14acc9e21c820u, 0xff28b1d5ef5de2b0u,
    0xdb92371d2126e970u, 0x0324977504e8c90eu, 0x7f0ef58e5894d39fu, 0x74411afa975da242u, 0x74ce38135a2fbf20u,
    0x9cc8eb1cc1a99cfau, 0x4e422fc5defc941du, 0x8ffc4bffef02cc07u, 0xf79788c5ad05368fu, 0xb69b3f6793e584dbu,
    0xa7a31fb34f2ff516u, 0xba93dd63f5f2f8bdu, 0x9e839cfbc5294975u, 0x35fdafd88fc6ae84u, 0x2b0198237e3db5d5u,
    0xf867de104d7a1b0eu, 0xd4f1c8b0af730d84u};

// 64 of these digits from the one at `position`, counted with the zeros.
inline uint64_t inverse_pi_digits(int position) {
  const int word = position / 64, shift = position % 64;
  if (shift == 0) return kInversePiDigits[word];
  return kInversePiDigits[word] << shift | kInversePiDigits[word + 1] >> (64 - shift);
}

__extension__ typedef unsigned __int128 Wide;

// 2 |x| / pi modulo 4 as a fixed-point number: the integer in the top two bits, the fraction in the 126 below. For
// |x| = m 2^e with an integer m < 2^53, digits of 1 / pi whose product with m 2^e is a multiple of 2 are left out;
// those beyond the 192 that are used add less than 2^-136. Meant for finite |x| >= 2^17.
inline Wide quadrants_of_large(double x) {
  const uint64_t u = bits(x) & ~Format<double>::kSign;
  const uint64_t m = (u & 0x000fffffffffffffu) | 0x0010000000000000u;
  const int position = static_cast<int>(u >> 52) - 1075 - 1 + 64;
  const Wide top = static_cast<Wide>(inverse_pi_digits(position) * m) << 64;
  const Wide middle = static_cast<Wide>(inverse_pi_digits(position + 64)) * m;
  const Wide bottom = static_cast<Wide>(inverse_pi_digits(position + 128)) * m;
  return top + middle + (bottom >> 64);
}

// The fraction, read as a signed number, times 2^-128 pi/2 as hi + lo; its leading 106 bits count.
inline Pair<double> times_half_pi(Wide fraction) {
  const bool negative = (fraction >> 127) != 0;
  if (negative) fraction = -fraction;
  if (fraction == 0) return {0.0, 0.0};
  const uint64_t high = static_cast<uint64_t>(fraction >> 64);
  const int zeros = high != 0 ? __builtin_clzll(high) : 64 + __builtin_clzll(static_cast<uint64_t>(fraction));
  fraction <<= zeros;
  const double unit = power_of_2(static_cast<double>(-zeros - 53)) * (negative ? -1.0 : 1.0);
  const double hi = static_cast<double>(static_cast<int64_t>(fraction >> 75)) * unit;
  const double lo = static_cast<double>(static_cast<int64_t>((fraction >> 22) & 0x001fffffffffffffu)) * unit * 0x1p-53;
  const Pair<double> product = two_product(hi, 0x1.921fb54442d18p+0);
  return fast_two_sum(product.hi, product.lo + (hi * 0x1.1a62633145c07p-54 + lo * 0x1.921fb54442d18p+0));
}

// |x| = k pi/2 + r for finite |x| >= 2^17, k modulo 4, by the reduction of Payne and Hanek.
struct LargeAngle {
  Pair<double> r;
  uint64_t k;
};

inline LargeAngle reduce_large(double x) {
  const Wide quadrants = quadrants_of_large(x);
  // Rounded to the nearest integer; what remains, read as signed, is a fraction in [-1/2, 1/2) times 2^128.
  const uint64_t k = static_cast<uint64_t>((quadrants + (Wide{1} << 125)) >> 126);
  return {times_half_pi(quadrants << 2), k};
}

// sin(|x| + ahead pi/2) for finite |x| >= 2^17.
inline double sin_of_large(double x, uint64_t ahead) {
  const LargeAngle angle = reduce_large(x);
  return sin_of_quadrant<double>(angle.r, angle.k + ahead);
}

// sin(x), cos(x) and tan(x) for any |x| > kFastAngle, one element at a time, in double for float as well; the same
// bounds on the error. Infinity gives NaN, so does NaN.
template <class T>
[[gnu::noinline]] inline T sin_slow(T x) {
  if (!(abs(x) < kInf<T>)) return kNaN<T>;
  const double value = sin_of_large(x, 0);
  return static_cast<T>(x < 0 ? -value : value);
}

template <class T>
[[gnu::noinline]] inline T cos_slow(T x) {
  if (!(abs(x) < kInf<T>)) return kNaN<T>;
  return static_cast<T>(sin_of_large(x, 1));
}

template <class T>
[[gnu::noinline]] inline T tan_slow(T x) {
  if (!(abs(x) < kInf<T>)) return kNaN<T>;
  const LargeAngle angle = reduce_large(x);
  const double value = tan_of_quadrant<double>(angle.r, angle.k);
  return static_cast<T>(x < 0 ? -value : value);
}

// sin(x) and cos(x) for any x, with a branch.
template <class T>
[[gnu::always_inline]] inline T sin(T x) {
  return abs(x) > kFastAngle<T> ? sin_slow(x) : sin_fast(x);
}

template <class T>
[[gnu::always_inline]] inline T cos(T x) {
  return abs(x) > kFastAngle<T> ? cos_slow(x) : cos_fast(x);
}

}  // namespace math
}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
