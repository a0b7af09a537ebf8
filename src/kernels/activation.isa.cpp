// Activations that are computed from exponential functions, and their derivatives, in floating point.
//
// A derivative is multiplied by the cotangent g; it is 0 where g is 0. What a product takes to be x is limited to where
// the other factor is not 0 yet, so that infinite arguments have their limits.
#include "isa/math.hpp"
#include "isa/math_gate.hpp"
#include "isa/math_normal.hpp"
#include "kernels/activation_loops.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// x times a probability. Where x is less than -kFar, the product underflows to 0.

template <class T>
constexpr T kFar = sizeof(T) == 4 ? static_cast<T>(200) : static_cast<T>(800);

template <class T>
struct Silu : Plain {
  using Plain::Plain;
  [[gnu::always_inline]] inline T operator()(T x) const { return math::silu(x); }
};

// silu'(x) = s (1 + x (1 - s)), s = sigmoid(x).
template <class T>
struct SiluGrad : Plain {
  using Plain::Plain;
  [[gnu::always_inline]] inline T operator()(T g, T x) const {
    const T near = limited(x, -kFar<T>, kFar<T>), s = math::sigmoid(near);
    return g * (s * fma(near, 1 - s, T{1}));
  }
};

// gelu(x) = x P(x), P the distribution function of the normal distribution. Error: 3.7 ulp in float, 3.8 in double.
template <class T>
struct Gelu : Plain {
  using Plain::Plain;
  [[gnu::always_inline]] inline T operator()(T x) const {
    constexpr T limit = math::kNormalLimit<T>;
    const T below = math::normal(limited(x, -limit, limit)).below;
    return (x < -limit ? -limit : x) * below;
  }
};

// gelu'(x) = P(x) + x exp(-x^2 / 2) / sqrt(2 pi).
template <class T>
struct GeluGrad : Plain {
  using Plain::Plain;
  [[gnu::always_inline]] inline T operator()(T g, T x) const {
    constexpr T limit = math::kNormalLimit<T>, factor = static_cast<T>(0x1.9884533d43651p-2);
    const T near = limited(x, -limit, limit);
    const math::Normal<T> normal = math::normal(near);
    return g * fma(near, factor * normal.density, normal.below);
  }
};

// gelu with tanh: x sigmoid(u), u = x (a + b x^2).
template <class T>
struct GeluTanh : Plain {
  using Plain::Plain;
  [[gnu::always_inline]] inline T operator()(T x) const { return math::gelu_tanh(x); }
};

// s (1 + x u' (1 - s)), s = sigmoid(u), x u' = a x + 3 b x^3.
template <class T>
struct GeluTanhGrad : Plain {
  using Plain::Plain;
  [[gnu::always_inline]] inline T operator()(T g, T x) const {
    constexpr T kA = static_cast<T>(1.5957691216057308), kB = static_cast<T>(0.07135481627260025);
    const T near = limited(x, -math::kTanhGateLimit<T>, math::kTanhGateLimit<T>);
    const math::Pair<T> u = math::tanh_gate(near);
    const T rounded = math::sigmoid(u.hi), s = fma(rounded * (1 - rounded), u.lo, rounded);
    const T inner = near * fma(3 * kB * near, near, kA);
    return g * (s * fma(inner, 1 - s, T{1}));
  }
};

template <class T>
struct Mish : Plain {
  using Plain::Plain;
  [[gnu::always_inline]] inline T operator()(T x) const { return math::mish(x); }
};

// mish'(x) = (n (n + 2) + 4 x e (1 + e)) / (n + 2)^2, e = exp(x), n = e (e + 2).
template <class T>
struct MishGrad : Plain {
  using Plain::Plain;
  [[gnu::always_inline]] inline T operator()(T g, T x) const {
    const T near = limited(x, -kFar<T>, math::kMishLevel<T>);
    const T e = math::exp(near), n = e * (e + 2), under = 1 / (n + 2);
    return g * (fma(4 * near * (under * e), under * (1 + e), n * under));
  }
};

// softsign(x) = x / (1 + |x|), and its derivative 1 / (1 + |x|)^2; the largest number has the limit at infinity.
template <class T>
struct Softsign : Plain {
  using Plain::Plain;
  [[gnu::always_inline]] inline T operator()(T x) const {
    constexpr T largest = sizeof(T) == 4 ? static_cast<T>(0x1p127) : static_cast<T>(0x1p1023);
    const T near = limited(x, -largest, largest);
    return near / (1 + math::abs(near));
  }
};

template <class T>
struct SoftsignGrad : Plain {
  using Plain::Plain;
  [[gnu::always_inline]] inline T operator()(T g, T x) const {
    const T under = 1 + math::abs(x);
    return g / (under * under);
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// Softplus: log(1 + exp(beta x)) / beta, and x where beta x > threshold.

template <class T>
struct Softplus {
  explicit Softplus(const Attribute* attributes)
      : beta(static_cast<T>(attributes[0].real)), threshold(static_cast<T>(attributes[1].real)) {}
  [[gnu::always_inline]] inline T operator()(T x) const {
    const T z = beta * x;
    const T sum = (z < 0 ? T{0} : z) + math::log1p(math::exp(-math::abs(z)));
    const T smooth = sum / beta;
    return z > threshold ? x : smooth;
  }
  T beta, threshold;
};

template <class T>
struct SoftplusGrad : Softplus<T> {
  using Softplus<T>::Softplus;
  [[gnu::always_inline]] inline T operator()(T g, T x) const {
    const T z = this->beta * x;
    const T smooth = g * math::sigmoid(z);
    return z > this->threshold ? g : smooth;
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
  [[gnu::always_inline]] inline T operator()(T x) const {
    const T below = alpha * math::expm1(rate * x), above = scale * x;
    return x > 0 ? above : below;
  }
  T alpha, scale, rate;
};

template <class T>
struct EluGrad : Elu<T> {
  using Elu<T>::Elu;
  [[gnu::always_inline]] inline T operator()(T g, T x) const {
    const T below = this->alpha * this->rate * math::exp(this->rate * x);
    return g * (x <= 0 ? below : this->scale);
  }
};

constexpr Run kRows[] = {
    {"silu", value<Silu>()},
    {"silu_grad", derivative<SiluGrad>()},
    {"gelu", value<Gelu>()},
    {"gelu_grad", derivative<GeluGrad>()},
    {"gelu_tanh", value<GeluTanh>()},
    {"gelu_tanh_grad", derivative<GeluTanhGrad>()},
    {"mish", value<Mish>()},
    {"mish_grad", derivative<MishGrad>()},
    {"softsign", value<Softsign>()},
    {"softsign_grad", derivative<SoftsignGrad>()},
    {"softplus", value<Softplus>()},
    {"softplus_grad", derivative<SoftplusGrad>()},
    {"elu", value<Elu>()},
    {"elu_grad", derivative<EluGrad>()},
};

}  // namespace

extern const Runs activation_runs;
const Runs activation_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::MINIGRAD_ISA
