// Activations that are computed from exponential functions, and their derivatives, in floating point: what the loops
// run on registers and numbers.
//
// A derivative is multiplied by the cotangent g; it is 0 where g is 0. What a product takes to be x is limited to where
// the other factor is not 0 yet, so that infinite arguments have their limits.
//
// Included by files compiled once per instruction set: everything here has internal linkage.
#pragma once

#include "core/kernel.hpp"
#include "isa/math.hpp"
#include "isa/math_gate.hpp"
#include "isa/math_normal.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

using math::all, math::limited, math::select;

// What has no attributes.
struct Plain {
  explicit Plain(const Attribute*) {}
};

// ---------------------------------------------------------------------------------------------------------------------
// x times a probability. Where x is less than -kFar, the product underflows to 0.

template <class T>
constexpr T kFar = sizeof(T) == 4 ? static_cast<T>(200) : static_cast<T>(800);

template <class T>
struct Silu : Plain {
  using Plain::Plain;
  template <class V>
  [[gnu::always_inline]] inline V operator()(V x) const {
    return math::silu(x);
  }
};

// silu'(x) = s (1 + x (1 - s)), s = sigmoid(x).
template <class T>
struct SiluGrad : Plain {
  using Plain::Plain;
  template <class V>
  [[gnu::always_inline]] inline V operator()(V g, V x) const {
    const V one = all<V>(1), near = limited(x, -kFar<T>, kFar<T>), s = math::sigmoid(near);
    return g * (s * fma(near, one - s, one));
  }
};

// x sigmoid(y): x let through by the gate y.
template <class T>
struct Gate : Plain {
  using Plain::Plain;
  template <class V>
  [[gnu::always_inline]] inline V operator()(V x, V y) const {
    return x * math::sigmoid(y);
  }
};

// x s (1 - s), s = sigmoid(y), which is the same for -y: there 1 - s loses nothing.
template <class T>
struct GateSlope : Plain {
  using Plain::Plain;
  template <class V>
  [[gnu::always_inline]] inline V operator()(V g, V x, V y) const {
    const V s = math::sigmoid(-math::abs(y));
    return g * (x * (s * (all<V>(1) - s)));
  }
};

// gelu(x) = x P(x), P the distribution function of the normal distribution.
template <class T>
struct Gelu : Plain {
  using Plain::Plain;
  template <class V>
  [[gnu::always_inline]] inline V operator()(V x) const {
    return math::gelu(x);
  }
};

// gelu'(x) = P(x) + x exp(-x^2 / 2) / sqrt(2 pi).
template <class T>
struct GeluGrad : Plain {
  using Plain::Plain;
  template <class V>
  [[gnu::always_inline]] inline V operator()(V g, V x) const {
    return g * math::gelu_slope(x);
  }
};

// gelu with tanh: x sigmoid(u), u = x (a + b x^2).
template <class T>
struct GeluTanh : Plain {
  using Plain::Plain;
  template <class V>
  [[gnu::always_inline]] inline V operator()(V x) const {
    return math::gelu_tanh(x);
  }
};

// s (1 + x u' (1 - s)), s = sigmoid(u), x u' = a x + 3 b x^3.
template <class T>
struct GeluTanhGrad : Plain {
  using Plain::Plain;
  template <class V>
  [[gnu::always_inline]] inline V operator()(V g, V x) const {
    constexpr T kA = static_cast<T>(1.5957691216057308), kB = static_cast<T>(0.07135481627260025);
    const V one = all<V>(1), near = math::clamp(x, math::kTanhGateLimit<T>);
    const math::Pair<V> u = math::tanh_gate(near);
    const V rounded = math::sigmoid(u.hi), s = fma(rounded * (one - rounded), u.lo, rounded);
    const V inner = near * fma(all<V>(3 * kB) * near, near, all<V>(kA));
    return g * (s * fma(inner, one - s, one));
  }
};

template <class T>
struct Mish : Plain {
  using Plain::Plain;
  template <class V>
  [[gnu::always_inline]] inline V operator()(V x) const {
    return math::mish(x);
  }
};

// mish'(x) = (n (n + 2) + 4 x e (1 + e)) / (n + 2)^2, e = exp(x), n = e (e + 2).
template <class T>
struct MishGrad : Plain {
  using Plain::Plain;
  template <class V>
  [[gnu::always_inline]] inline V operator()(V g, V x) const {
    const V one = all<V>(1), two = all<V>(2), near = limited(x, -kFar<T>, math::kMishLevel<T>);
    const V e = math::exp(near), n = e * (e + two), under = one / (n + two);
    return g * (fma(all<V>(4) * near * (under * e), under * (one + e), n * under));
  }
};

// softsign(x) = x / (1 + |x|), and its derivative 1 / (1 + |x|)^2; the largest number has the limit at infinity.
template <class T>
struct Softsign : Plain {
  using Plain::Plain;
  template <class V>
  [[gnu::always_inline]] inline V operator()(V x) const {
    constexpr T largest = sizeof(T) == 4 ? static_cast<T>(0x1p127) : static_cast<T>(0x1p1023);
    const V near = math::clamp(x, largest);
    return near / (all<V>(1) + math::abs(near));
  }
};

template <class T>
struct SoftsignGrad : Plain {
  using Plain::Plain;
  template <class V>
  [[gnu::always_inline]] inline V operator()(V g, V x) const {
    const V under = all<V>(1) + math::abs(x);
    return g / (under * under);
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// Softplus: log(1 + exp(beta x)) / beta, and x where beta x > threshold. Error: 1.98 ulp in float, 1.88 in double.

template <class T>
struct Softplus {
  explicit Softplus(const Attribute* attributes)
      : beta(static_cast<T>(attributes[0].real)), threshold(static_cast<T>(attributes[1].real)) {}
  template <class V>
  [[gnu::always_inline]] inline V operator()(V x) const {
    const V z = all<V>(beta) * x, zero = all<V>(0);
    const V sum = select(math::below(z, zero), zero, z) + math::log1p(math::exp(-math::abs(z)));
    return select(math::above(z, all<V>(threshold)), x, sum / all<V>(beta));
  }
  T beta, threshold;
};

// Of -softplus with beta = -1 and no threshold: the logarithm of the logistic function.
template <class T>
struct LogSigmoidGrad {
  explicit LogSigmoidGrad(const Attribute*) {}
  template <class V>
  [[gnu::always_inline]] inline V operator()(V g, V x) const {
    return g * math::sigmoid(-x);
  }
};

template <class T>
struct SoftplusGrad : Softplus<T> {
  using Softplus<T>::Softplus;
  using Plain = LogSigmoidGrad<T>;
  bool is_plain() const { return this->beta == -1 && this->threshold == math::kInf<T>; }
  template <class V>
  [[gnu::always_inline]] inline V operator()(V g, V x) const {
    const V z = all<V>(this->beta) * x;
    return select(math::above(z, all<V>(this->threshold)), g, g * math::sigmoid(z));
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// ELU and its kin: scale x above 0, alpha (exp(rate x) - 1) up to it.

template <class T>
struct Elu {
  explicit Elu(const Attribute* attributes)
      : alpha(static_cast<T>(attributes[0].real)),
        scale(static_cast<T>(attributes[1].real)),
        rate(static_cast<T>(attributes[2].real)) {}
  template <class V>
  [[gnu::always_inline]] inline V operator()(V x) const {
    const V below = all<V>(alpha) * math::expm1(all<V>(rate) * x);
    return select(math::above(x, all<V>(0)), all<V>(scale) * x, below);
  }
  T alpha, scale, rate;
};

template <class T>
struct EluGrad : Elu<T> {
  using Elu<T>::Elu;
  template <class V>
  [[gnu::always_inline]] inline V operator()(V g, V x) const {
    const V below = all<V>(this->alpha * this->rate) * math::exp(all<V>(this->rate) * x);
    return g * select(math::at_least(all<V>(0), x), below, all<V>(this->scale));
  }
};

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
