// The normal distribution.
#pragma once

#include "isa/math_core.hpp"
#include "isa/math_erf.hpp"
#include "isa/math_exp.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {
namespace math {

// (y + 5) Q(y) exp(y^2 / 2) as a polynomial in t = (y - 5) / (y + 5), Q the probability of more than y >= 0: degree 10,
// error 2^-26 of the result, for y <= 15 in float; degree 22, 2^-52.8, for y <= 39 in double.
template <class V>
[[gnu::always_inline]] inline V mills_ratio(V t) {
  if constexpr (kIsFloat<V>) {
    return horner(t, 0x1.89d3acp-1f, -0x1.54ad02p-1f, 0x1.fb3148p-2f, -0x1.410f7cp-2f, 0x1.51f9dep-3f, -0x1.1afdfap-4f,
                  0x1.54459ep-6f, -0x1.9a388ap-9f, -0x1.b317d6p-11f, 0x1.8ec522p-11f, 0x1.4cbef8p-13f);
  } else {
    return horner(t, 0x1.89d3abe1f95aep-1, -0x1.54ad03f27ca0dp-1, 0x1.fb31653876f25p-2, -0x1.410ed5f876297p-2,
                  0x1.51f6329f049p-3, -0x1.1b1c254c5b3e5p-4, 0x1.54b4d4f2b21ecp-6, -0x1.88590f1c75d26p-9,
                  -0x1.a25035324eda9p-11, 0x1.1daf2b9a5418bp-11, -0x1.f2154e6f9cbb5p-15, -0x1.a1753e397be0ap-15,
                  0x1.17e2e7b87de2bp-16, 0x1.0b96a12590763p-18, -0x1.73f828d9bd40ep-19, -0x1.7780bf8122626p-22,
                  0x1.d200528524321p-22, 0x1.f8b15d9b1739dp-25, -0x1.105b71a157884p-24, -0x1.69b79289ff4f6p-26,
                  0x1.00ca5b2667a03p-28, 0x1.71348e071021ep-28, 0x1.b4ad675b2d0acp-30);
  }
}

// From this size on the density is 0.
template <class T>
constexpr T kNormalLimit = sizeof(T) == 4 ? static_cast<T>(15) : static_cast<T>(39);

// The distribution function at x, |x| <= kNormalLimit, and exp(-x^2 / 2). Near 0 the former is (1 + erf(x / sqrt 2)) /
// 2; in the lower tail it has no such cancellation and is right to a few ulp, too.
template <class V>
struct Normal {
  V below, density;
};

template <class V>
[[gnu::always_inline]] inline Normal<V> normal(V x) {
  using T = Element<V>;
  const V half = all<V>(static_cast<T>(0.5)), one = all<V>(1), five = all<V>(5);
  const V y = abs(x), u = x * all<V>(static_cast<T>(0x1.6a09e667f3bcdp-1));
  const Pair<V> square = two_product(y, y);
  const V power = exp(-half * square.hi);
  const V density = fma(power, -half * square.lo, power);
  const V inverse = one / (y + five);
  const V tail = density * inverse * mills_ratio((y - five) * inverse);
  const V far = select(above(x, all<V>(0)), one - tail, tail);
  const V near = fma(half, fma(u, erf_near_0(u * u), u), half);
  return {select(below(y, one), near, far), density};
}

// ---------------------------------------------------------------------------------------------------------------------
// gelu(x) = x P(x) = max(x, 0) - y Q(y) for y = |x|, Q(y) = P(-y): nothing cancels, since y Q(y) is at most x / 2.

// Q(j / 4 + t) for j = 0 .. 15, |t| <= 1/8, as a polynomial in t of degree 6, error 2^-27.8 of Q: a row holds one
// coefficient of every j. The first two are the hi and lo of the constant one.
alignas(64) constexpr float kTail[8][16] = {
    {0x1p-1f, 0x1.9aecbap-2f, 0x1.3bf144p-2f, 0x1.d022p-3f, 0x1.44ed0cp-3f, 0x1.b0bdd2p-4f, 0x1.11a46ep-4f,
     0x1.482a24p-5f, 0x1.74bcf8p-6f, 0x1.90925p-7f, 0x1.96f4e6p-8f, 0x1.869044p-9f, 0x1.61de2p-10f, 0x1.2e86fep-11f,
     0x1.e7dbcap-13f, 0x1.72d956p-14f},
    {0.0f, 0x1.3a3f3ap-27f, -0x1.195696p-28f, 0x1.5ae6ecp-29f, -0x1.20a978p-29f, -0x1.a880cap-29f, -0x1.da3334p-30f,
     0x1.45c89p-33f, 0x1.64217ep-33f, -0x1.bd11d4p-32f, -0x1.04db92p-33f, -0x1.6e2902p-34f, -0x1.a24d26p-36f,
     -0x1.0656f6p-36f, -0x1.a36438p-38f, 0x1.4b062p-40f},
    {-0x1.988454p-2f, -0x1.8bf2bap-2f, -0x1.6883dp-2f, -0x1.345d5ep-2f, -0x1.ef8e58p-3f, -0x1.7610bap-3f,
     -0x1.094086p-3f, -0x1.616454p-4f, -0x1.ba4b44p-5f, -0x1.0402ep-5f, -0x1.1f2f06p-6f, -0x1.29fa54p-7f,
     -0x1.227214p-8f, -0x1.09f38ep-9f, -0x1.c9897ep-11f, -0x1.71b93p-12f},
    {0x1.55d26p-20f, 0x1.8bf2bap-5f, 0x1.6883dp-4f, 0x1.ce8c0ap-4f, 0x1.ef8e56p-4f, 0x1.d394eap-4f, 0x1.8de0cap-4f,
     0x1.3537cap-4f, 0x1.ba4b44p-5f, 0x1.24833cp-5f, 0x1.66facap-6f, 0x1.99b834p-7f, 0x1.b3ab2p-8f, 0x1.b02bc6p-9f,
     0x1.90584ep-10f, 0x1.5a9d98p-11f},
    {0x1.10275ap-4f, 0x1.eeeea6p-5f, 0x1.6882a4p-5f, 0x1.67b2b6p-6f, -0x1.ab7bf6p-20f, -0x1.188626p-6f, -0x1.ba1146p-6f,
     -0x1.e5e782p-6f, -0x1.ba4a28p-6f, -0x1.601902p-6f, -0x1.f6913ep-7f, -0x1.45eaccp-7f, -0x1.8342ecp-8f,
     -0x1.a7dc54p-9f, -0x1.acf03cp-10f, -0x1.92747ap-11f},
    {0x1.876534p-11f, -0x1.83b1e4p-7f, -0x1.4a7764p-6f, -0x1.77be9cp-6f, -0x1.4a5386p-6f, -0x1.c02d3ep-7f,
     -0x1.8e01p-8f, 0x1.9b2b8ap-12f, 0x1.26d56cp-8f, 0x1.9231aep-8f, 0x1.84d9cp-8f, 0x1.37915p-8f, 0x1.b3a88p-9f,
     0x1.105c8cp-9f, 0x1.34986ep-10f, 0x1.3f8b4ap-11f},
    {-0x1.f97a46p-7f, -0x1.14717p-7f, -0x1.2a2cd6p-8f, 0x1.5b8a3ep-12f, 0x1.0cc8aap-8f, 0x1.825686p-8f, 0x1.7c09eep-8f,
     0x1.185c68p-8f, 0x1.255476p-9f, 0x1.e614bp-12f, -0x1.5e6f24p-11f, -0x1.23e83cp-10f, -0x1.21f51p-10f,
     -0x1.c58e42p-11f, -0x1.2fd0cep-11f, -0x1.678c58p-12f},
    {0x1.ebef4p-7f, 0x1.f6e63ep-10f, 0x1.8f0218p-9f, 0x1.6e4cd2p-9f, 0x1.ebd822p-10f, 0x1.6e68dap-11f, -0x1.227fa2p-11f,
     -0x1.47be8ap-10f, -0x1.5a7684p-10f, -0x1.011c6ap-10f, -0x1.f94106p-12f, -0x1.0f94dp-13f, 0x1.db8b74p-14f,
     0x1.8e59b4p-13f, 0x1.7c1c28p-13f, 0x1.14ce4cp-13f}};
constexpr float kGeluNear = 3.87f;

// A polynomial in t of |x| = j / 4 + t, its coefficients from the rows first ... last of a table, and j, of which four
// bits count.
template <class V>
struct Piece {
  V value;
  UInt<V> j;
};

template <int first, int last, class V>
[[gnu::always_inline]] inline Piece<V> piece_of(const float (*table)[16], V x) {
  constexpr float kRound = 0x1.8p21f;  // Its last bit is 1/4.
  const V y = abs(x), shifted = y + all<V>(kRound), t = y - (shifted - all<V>(kRound));
  const UInt<V> j = bits(shifted);
  V value = one_of_16<V>(table[last], j);
#pragma GCC unroll 6
  for (int i = last - 1; i >= first; --i) value = fma(value, t, one_of_16<V>(table[i], j));
  return {value, j};
}

// gelu(x) where |x| <= kGeluNear, in float. y Q is y times the hi, exactly, and the rest.
template <class V>
[[gnu::always_inline]] inline V gelu_near(V x) {
  const V y = abs(x);
  const auto [rest, j] = piece_of<1, 7>(kTail, x);
  const Pair<V> product = two_product(y, one_of_16<V>(kTail[0], j));
  return max_of(x, all<V>(-0.0f)) - (product.hi + fma(y, rest, product.lo));
}

// exp(-square) = 2^k (1 + m) for a square >= 0 of two parts, of which the first is kept.
template <class V>
struct Bell {
  V square, m, k;
};

template <class V>
[[gnu::always_inline]] inline Bell<V> bell(Pair<V> square) {
  using T = Element<V>;
  using F = Format<T>;
  const V shifted = line(square.hi, -kInverseLn2<T>, F::kRound);
  const V k = shifted - all<V>(F::kRound);
  const V first = fma_by(k, -kLn2Hi<T>, -square.hi), second = fma_by(k, -kLn2Lo<T>, -square.lo), r = first + second;
  return {square.hi, r + fma(r * r, exp_reduced_curvature(r), (first - r) + second), k};
}

// Where that does not do, y Q(y) = G(y) exp(-y^2 / 2), y >= 0.
template <class V>
[[gnu::always_inline]] inline Pair<V> half_square(V y) {
  return two_product(y, y * all<V>(static_cast<Element<V>>(0.5)));
}

// gelu(x) where |x| > kGeluNear, in float: G(y) = 1 / sqrt(2 pi) - v T(v), v = 1 / y^2, T of degree 7, error 2^-28.5 of
// G. It underflows gradually.
template <class V>
[[gnu::noinline]] V gelu_far(V x) {
  const V y = limited_size(x, kNormalLimit<float>), v = all<V>(0.5f);
  const Bell<V> b = bell(half_square(y));
  const V inverse = v / b.square;
  const V g = horner(inverse, 0x1.988454p-2f, -0x1.98853ap-2f, 0x1.32758p+0f, -0x1.7ef598p+2f, 0x1.463476p+5f,
                     -0x1.3604f2p+8f, 0x1.fe61dap+10f, -0x1.185c94p+13f, 0x1.1e8716p+14f);
  return fma(-(fma(g, b.m, g) * power_of_2(b.k + all<V>(64))), all<V>(0x1p-64f), max_of(x, all<V>(-0.0f)));
}

// G(y) = a / (c a + N), c = sqrt(2 pi), a = y + y^2 P(y), N(0) = 2, for y <= 39 in double. Where y is large, c a is
// most of the divisor and errors of P leave little trace. P of degree 9, N of degree 10, error 2^-58.2 of G.
template <class V>
struct Ratio {
  V over;
  Pair<V> under;
};

template <class V>
[[gnu::always_inline]] inline Ratio<V> gelu_ratio(V y, V square) {
  const V p = horner(y, 0x1.acd1c33aea8f6p+1, 0x1.63aaa9a65bd35p+1, 0x1.79d9da9dd3cd7p+0, 0x1.1a2a39bf7d86ep-1,
                     0x1.34346e0e84b09p-3, 0x1.f2224febb0a82p-6, 0x1.26870079c8c9dp-8, 0x1.e9c93ef032a2bp-12,
                     0x1.048b296429a66p-15, 0x1.10f3ec47cd781p-20);
  const V n = horner(y, 0x1.383abada29d1ap+1, 0x1.86b045b660d6ep+0, 0x1.3d91ac38bcf60p-1, 0x1.6c010891fdd3ep-3,
                     0x1.2eac0bbb4f3efp-5, 0x1.6c08779ee7430p-8, 0x1.3197744276887p-11, 0x1.468b00a50fd14p-15,
                     0x1.56187b66f8482p-20, 0x1.84bf3c4ead79ep-58);
  const V two = all<V>(2), a = fma(square, p, y);
  const Pair<V> product = two_product(a, all<V>(0x1.40d931ff62706p+1)), rest = two_sum(product.hi, y * n);
  const V under = two + rest.hi;
  return {a, {under, rest.hi - (under - two) + (rest.lo + product.lo)}};
}

// a / b (1 + m). What rounding took from the divisor and from the quotient is given back times (1 + m) / b, roughly:
// their bits are subtracted, which are logarithms up to 6 %.
template <class V>
[[gnu::always_inline]] inline V times_ratio(Ratio<V> f, V m) {
  constexpr uint64_t kRough = 0x3fee6238502484bau;
  const V quotient = f.over / f.under.hi;
  const V excess = fma(quotient, f.under.lo, fma(quotient, f.under.hi, -f.over));
  const V rough = from_bits<V>(bits(all<V>(1) + m) - bits(f.under.hi) + kRough);
  return quotient + fma(quotient, m, -(excess * rough));
}

// Error: 1.65 ulp in float, 1.71 in double.
template <class V>
[[gnu::always_inline]] inline V gelu(V x) {
  if constexpr (kIsFloat<V>) {
    const V y = abs(x), near = gelu_near(x);
    if (within(y, kGeluNear)) [[likely]]
      return near;
    return select(at_least(all<V>(kGeluNear), y), near, gelu_far(x));
  } else {
    const V y = limited_size(x, kNormalLimit<double>);
    const Bell<V> b = bell(half_square(y));
    const V gate = times_ratio(gelu_ratio(y, b.square), b.m);
    const V relu = max_of(x, all<V>(-0.0));  // -0 below 0, and x has the sign of the result
    return fma(-(gate * power_of_2(b.k + all<V>(512))), all<V>(0x1p-512), relu);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// gelu'(x) = P(x) + x density: 1 - D(x) above 0, D(-x) below, D(y) = Q(y) - y density.

// D(j / 4 + t) as kTail has Q, of degree 6; its error 2^-26.5 of D, or of 2^-12 where D is near its zero at 0.7518.
alignas(64) constexpr float kSlopeTail[7][16] = {
    {0x1p-1f, 0x1.37f00cp-2f, 0x1.0f5eb8p-3f, 0x1.95f1dep-11f, -0x1.55429ap-4f, -0x1.f66bfep-4f, -0x1.050e92p-3f,
     -0x1.c65a8p-4f, -0x1.5d1c06p-4f, -0x1.e4e1e4p-5f, -0x1.341c2ap-5f, -0x1.68e62cp-6f, -0x1.876f5ap-7f,
     -0x1.8a5ae8p-8f, -0x1.71da9p-9f, -0x1.437006p-10f},
    {-0x1.988454p-1f, -0x1.7f9324p-1f, -0x1.3b7356p-1f, -0x1.bb4638p-2f, -0x1.ef8e5ap-3f, -0x1.474ea2p-4f,
     0x1.094084p-5f, 0x1.777a98p-4f, 0x1.ba4b44p-4f, 0x1.8e2468p-4f, 0x1.3121f6p-4f, 0x1.9e601ep-5f, 0x1.fc47a2p-6f,
     0x1.1ca6aep-6f, 0x1.251c14p-7f, 0x1.16bc9cp-8f},
    {0x1.d617f4p-25f, 0x1.85c2fp-3f, 0x1.51fb94p-2f, 0x1.8d805cp-2f, 0x1.73aac2p-2f, 0x1.1ceebep-2f, 0x1.5c24bp-3f,
     0x1.21e44cp-4f, 0x1.544386p-33f, -0x1.36cb7p-5f, -0x1.93da2p-5f, -0x1.6ce80ep-5f, -0x1.104af2p-5f, -0x1.6283eap-6f,
     -0x1.9cdb1p-7f, -0x1.b3fa3ep-8f},
    {0x1.105788p-2f, 0x1.d6b37p-3f, 0x1.15e578p-3f, 0x1.3797b2p-6f, -0x1.4a5d5p-4f, -0x1.184d8ap-3f, -0x1.27a4fcp-3f,
     -0x1.daa426p-4f, -0x1.26dd76p-4f, -0x1.f7714cp-6f, -0x1.074b9ep-9f, 0x1.99e938p-7f, 0x1.0a3e3cp-6f, 0x1.cd4e84p-7f,
     0x1.4594dp-7f, 0x1.8de782p-8f},
    {0x1.f89634p-15f, -0x1.1dae68p-4f, -0x1.cc077cp-4f, -0x1.d3838ep-4f, -0x1.4a5ed6p-4f, -0x1.fb2912p-6f,
     0x1.bf9976p-7f, 0x1.451e8cp-5f, 0x1.7093e4p-5f, 0x1.25f10cp-5f, 0x1.5da228p-6f, 0x1.11043cp-7f, 0x1.973ab4p-25f,
     -0x1.e1d4dp-9f, -0x1.15d84cp-8f, -0x1.b8f91ap-9f},
    {-0x1.f0034ap-5f, -0x1.87115cp-5f, -0x1.2b2262p-6f, 0x1.d92832p-7f, 0x1.27bef4p-5f, 0x1.485c42p-5f, 0x1.dee1d8p-6f,
     0x1.8ddbe8p-7f, -0x1.57e1fap-9f, -0x1.5964b8p-7f, -0x1.7e098ap-7f, -0x1.1ce6f8p-7f, -0x1.31a01ep-8f,
     -0x1.8112e2p-10f, 0x1.42bb94p-12f, 0x1.e36298p-11f},
    {0x1.0e81fcp-8f, 0x1.ee9dbap-7f, 0x1.718954p-6f, 0x1.3e208ap-6f, 0x1.1e0fe6p-7f, -0x1.9204a8p-9f, -0x1.550b5cp-7f,
     -0x1.75cae8p-7f, -0x1.fe6e6ep-8f, -0x1.6eb0a6p-9f, 0x1.025be8p-10f, 0x1.583cdp-9f, 0x1.4d37a6p-9f, 0x1.b36ce4p-10f,
     0x1.8532fep-11f, 0x1.1cd862p-13f}};

// From both parts of the distribution, as far as there is anything.
template <class V>
[[gnu::always_inline]] inline V gelu_slope_of_normal(V x) {
  using T = Element<V>;
  const V near = limited(x, -kNormalLimit<T>, kNormalLimit<T>);
  const Normal<V> parts = normal(near);
  return fma(near, all<V>(static_cast<T>(0x1.9884533d43651p-2)) * parts.density, parts.below);
}

template <class V>
[[gnu::noinline]] V gelu_slope_far(V x) {
  return gelu_slope_of_normal(x);
}

// Error in float: 0.85 ulp above 0; below, 3 ulp as far as kGeluNear, and 2^-27.8 near the zero.
template <class V>
[[gnu::always_inline]] inline V gelu_slope(V x) {
  if constexpr (kIsFloat<V>) {
    const V y = abs(x), tail = piece_of<0, 6>(kSlopeTail, x).value;
    const V near = select(above(x, all<V>(0)), all<V>(1) - tail, tail);
    if (within(y, kGeluNear)) [[likely]]
      return near;
    return select(at_least(all<V>(kGeluNear), y), near, gelu_slope_far(x));
  } else {
    return gelu_slope_of_normal(x);
  }
}

}  // namespace math
}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
