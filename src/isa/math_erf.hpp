// erf.
#pragma once

#include "isa/math_core.hpp"
#include "isa/math_exp.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {
namespace math {

// erf(x) / x - 1 = P(x^2) for |x| <= 1: degree 6, error 2^-29 of the result for float; degree 11, 2^-56 for double,
// which the rounding of P's first coefficient decides.
template <class V>
[[gnu::always_inline]] inline V erf_near_0(V z) {
  if constexpr (kIsFloat<V>) {
    return horner(z, 0x1.06eba8p-3f, -0x1.81273ep-2f, 0x1.ce2ce6p-4f, -0x1.b7f71ap-6f, 0x1.53f224p-8f, -0x1.a3515ep-11f,
                  0x1.4771fep-14f);
  } else {
    return horner(z, 0x1.06eba8214db68p-3, -0x1.812746b03799dp-2, 0x1.ce2f21a03f8b2p-4, -0x1.b82ce311a93fbp-6,
                  0x1.565bcceecd98fp-8, -0x1.c02daeb46160bp-11, 0x1.f9a2966315c24p-14, -0x1.f4c82901d4ddap-17,
                  0x1.b96b112b924d8p-20, -0x1.5b8a7b7e9bba4p-23, 0x1.d3ce7610f1bd1p-27, -0x1.a20b88a457380p-31);
  }
}

// log(1 - erf(t)) for t between 1 and the size from which on erf is 1 to the last bit, 4 in float and 6 in double; the
// polynomial is fitted for the error of erf that comes of it: degree 6, 2^-29.8; degree 17, 2^-57.
template <class V>
[[gnu::always_inline]] inline V log_erfc(V t) {
  if constexpr (kIsFloat<V>) {
    return horner(t, -0x1.63e7aap-12f, -0x1.208976p+0f, -0x1.46b92ap-1f, -0x1.a65f28p-4f, 0x1.65e1c2p-6f,
                  -0x1.8286ep-9f, 0x1.8724a6p-13f);
  } else {
    return horner(t, -0x1.0d30b9f74b56cp-21, -0x1.20dd200d8913dp+0, -0x1.45f625630cc18p-1, -0x1.a4ac85e3c9447p-4,
                  0x1.3723c45d251bcp-6, 0x1.ae2d2fae8d46cp-12, -0x1.f626ccdbc8f52p-10, 0x1.93e0f19b8eb06p-11,
                  -0x1.1ad2fd87943a3p-13, -0x1.559176a1754bdp-16, 0x1.7f7e9abc3e005p-16, -0x1.232e801adf572p-17,
                  0x1.1efb61c4e6285p-19, -0x1.914e9431ec7f6p-22, 0x1.8f434cff7ccb8p-25, -0x1.0eb68338419bfp-28,
                  0x1.c250346331111p-33, -0x1.5b542122adf8ep-38);
  }
}

// erf(x) = x + x P(x^2) for |x| < 1, sign(x) (1 - exp(log_erfc(|x|))) further out. erf(+-inf) = +-1.
// Error: 0.99 ulp in float, 1.11 in double.
template <class V>
[[gnu::always_inline]] inline V erf(V x) {
  const V one = all<V>(1);
  const ReducedExp<V> reduced = reduce_exp(log_erfc(limited_size(x, kIsFloat<V> ? 4 : 6)));
  const V far = fma(-reduced.scale, exp_reduced_minus_1(reduced.r), one - reduced.scale);
  const V near = fma(x, erf_near_0(x * x), x);
  return copysign(select(below(abs(x), one), near, far), x);
}

}  // namespace math
}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
