// The optimisers' rules: what a step does to one element. Settings arrive in double. Whatever combines them (1 - beta,
// the bias corrections) is computed in double once a parameter and rounded once to the parameters' dtype.
//
// A rule is a struct of coefficients, made of the settings, and the function element(p, g, ...) of the parameter, the
// gradient and what is remembered, in the order of the kernel's lists.
#include <utility>

#include "isa/isa.hpp"
#include "isa/math_core.hpp"
#include "isa/math_exp.hpp"
#include "kernels/optim_rule.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// From an element to a kernel's run.

void count_step(RuleSettings& s) { s.counter[0] += 1; }
void count_nothing(RuleSettings&) {}

template <class T, class Element, int... I>
[[gnu::always_inline]] inline void update_elements(char* const* data, int64_t count, const Element& coefficients,
                                                   std::integer_sequence<int, I...>) {
  const Element element = coefficients;
  T* const list[] = {reinterpret_cast<T*>(data[I])...};
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) element(list[I][i]...);
}

template <class T, class Element, int kLists>
void update(char* const* data, int64_t count, const void* coefficients) {
  const Element& element = *static_cast<const Element*>(coefficients);
  update_elements<T>(data, count, element, std::make_integer_sequence<int, kLists>());
}

template <class Element>
void prepare(const RuleSettings& settings, void* coefficients) {
  static_assert(sizeof(Element) <= kMaxCoefficientBytes);
  *static_cast<Element*>(coefficients) = Element(settings);
}

// ---------------------------------------------------------------------------------------------------------------------
// What the rules share.

// g = sign grad + weight_decay p. Without decay p is not read: it may be infinite.
template <class T>
struct Gradient {
  T sign;  // -1 to maximise, else 1
  T decay;

  Gradient(const RuleSettings& s, double weight_decay)
      : sign(static_cast<T>(s.flag[0] ? -1 : 1)), decay(static_cast<T>(weight_decay)) {}

  [[gnu::always_inline]] inline T operator()(T grad, T p) const {
    const T raw = sign * grad;
    return decay != 0 ? fma(decay, p, raw) : raw;
  }
};

// Not normalised: the low part may grow to more than a last bit of the high part.
[[gnu::always_inline]] inline math::Pair<double> product(math::Pair<double> a, math::Pair<double> b) {
  const math::Pair<double> p = math::two_product(a.hi, b.hi);
  return {p.hi, fma(a.lo, b.hi + b.lo, fma(a.hi, b.lo, p.lo))};
}

// beta^step by repeated squaring in twice the precision, so that its difference to 1 is as good as its last bit; 0
// where it is below 2^-120, before the squares underflow, which takes long. A step below 1 counts as 1.
[[gnu::noinline]] math::Pair<double> power(double beta, double step) {
  int64_t n = step >= 1 ? (step < 0x1p52 ? static_cast<int64_t>(step) : int64_t{1} << 52) : 1;
  math::Pair<double> result = {1.0, 0.0}, square = {beta, 0.0};
  for (;; n >>= 1) {
    if (n & 1) result = product(result, square);
    if (n <= 1) return math::fast_two_sum(result.hi, result.lo);
    square = product(square, square);
    if (square.hi < 0x1p-120) return {0.0, 0.0};
  }
}

// 1 - beta^step.
double bias_correction(double beta, double step) {
  const math::Pair<double> p = power(beta, step);
  return (1.0 - p.hi) - p.lo;
}

// ---------------------------------------------------------------------------------------------------------------------
// Stochastic gradient descent, without and with momentum. Settings: lr, momentum, dampening, weight_decay; flags:
// maximize, nesterov.

template <class T>
struct Descent {
  using Loop = Descent;

  Gradient<T> gradient;
  T lr;

  explicit Descent(const RuleSettings& s) : gradient(s, s.value[3]), lr(static_cast<T>(s.value[0])) {}

  // p = p - lr g.
  [[gnu::always_inline]] inline void operator()(T& p, T& grad) const { p = fma(-lr, gradient(grad, p), p); }
};

template <class T>
struct Momentum : Descent<T> {
  using Loop = Momentum;

  T momentum;
  T weight;    // 1 - dampening
  T nesterov;  // 1 or 0

  explicit Momentum(const RuleSettings& s)
      : Descent<T>(s),
        momentum(static_cast<T>(s.value[1])),
        weight(static_cast<T>(1 - s.value[2])),
        nesterov(static_cast<T>(s.flag[1])) {}

  // b = momentum b + (1 - dampening) g, p = p - lr d, where d is g + momentum b for Nesterov's momentum and b
  // otherwise.
  [[gnu::always_inline]] inline void operator()(T& p, T& grad, T& b) const {
    const T g = this->gradient(grad, p);
    b = fma(momentum, b, weight * g);
    p = fma(-this->lr, nesterov != 0 ? fma(momentum, b, g) : b, p);
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// Adam, NAdam, RAdam: running means m of the gradient and v of its square. Settings: lr, beta1, beta2, eps,
// weight_decay; flags: maximize, decoupled.

// m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2,
// p = keep p - (of_gradient g + of_mean m) / (scale sqrt(v) + eps) - plain m.
template <class T>
struct Moments {
  using Loop = Moments;  // rules that differ in their coefficients alone share the loop

  Gradient<T> gradient;
  T keep;  // 1 - lr weight_decay where that is decoupled, else 1
  T one_minus_beta1, beta2, one_minus_beta2;
  T of_gradient, of_mean, scale, eps, plain;

  explicit Moments(const RuleSettings& s)
      : gradient(s, s.flag[1] ? 0 : s.value[4]),
        keep(static_cast<T>(s.flag[1] ? 1 - s.value[0] * s.value[4] : 1)),
        one_minus_beta1(static_cast<T>(1 - s.value[1])),
        beta2(static_cast<T>(s.value[2])),
        one_minus_beta2(static_cast<T>(1 - s.value[2])),
        of_gradient(0),
        of_mean(0),
        scale(1),
        eps(static_cast<T>(s.value[3])),
        plain(0) {}

  [[gnu::always_inline]] inline T advance(T g, T& m, T& v) const {
    m = fma(one_minus_beta1, g - m, m);
    v = fma(beta2, v, one_minus_beta2 * g * g);
    return fma(of_gradient, g, of_mean * m);
  }

  [[gnu::always_inline]] inline void operator()(T& p, T& grad, T& m, T& v) const {
    const T step = advance(gradient(grad, p), m, v);
    p = fma(-plain, m, keep * p - step / fma(math::sqrt(v), scale, eps));
  }
};

template <class T>
struct Adam : Moments<T> {
  explicit Adam(const RuleSettings& s) : Moments<T>(s) {
    this->of_mean = static_cast<T>(s.value[0] / bias_correction(s.value[1], s.counter[0]));
    this->scale = static_cast<T>(1 / math::sqrt(bias_correction(s.value[2], s.counter[0])));
  }
};

// With the greatest v so far in place of v.
template <class T>
struct Amsgrad : Adam<T> {
  using Loop = Amsgrad;
  using Adam<T>::Adam;

  [[gnu::always_inline]] inline void operator()(T& p, T& grad, T& m, T& v, T& most) const {
    const T step = this->advance(this->gradient(grad, p), m, v);
    most = most > v ? most : v;
    p = this->keep * p - step / fma(math::sqrt(most), this->scale, this->eps);
  }
};

// NAdam. A further setting: momentum_decay. A further counter: the product of mu_t = beta1 (1 - 0.96^(t decay) / 2).
[[gnu::noinline]] double nadam_mu(const RuleSettings& s, double step) {
  constexpr double kLog = -0x1.4e69ed6d80eaep-5;  // log 0.96
  return s.value[1] * (1 - 0.5 * math::exp(step * s.value[5] * kLog));
}

void count_nadam_step(RuleSettings& s) {
  s.counter[0] += 1;
  s.counter[1] *= nadam_mu(s, s.counter[0]);
}

template <class T>
struct Nadam : Moments<T> {
  explicit Nadam(const RuleSettings& s) : Moments<T>(s) {
    const double lr = s.value[0], step = s.counter[0], next = nadam_mu(s, step + 1);
    this->of_gradient = static_cast<T>(lr * (1 - nadam_mu(s, step)) / (1 - s.counter[1]));
    this->of_mean = static_cast<T>(lr * next / (1 - s.counter[1] * next));
    this->scale = static_cast<T>(1 / math::sqrt(bias_correction(s.value[2], step)));
  }
};

// RAdam: as long as the variance of v cannot be told (rho <= 5), plain steps along m.
template <class T>
struct Radam : Moments<T> {
  explicit Radam(const RuleSettings& s) : Moments<T>(s) {
    const double beta2 = s.value[2], step = s.counter[0];
    const double first = s.value[0] / bias_correction(s.value[1], step), second = bias_correction(beta2, step);
    const double longest = 2 / (1 - beta2) - 1;
    const double rho = longest - 2 * step * power(beta2, step).hi / second;
    if (rho > 5) {
      const double over = (rho - 4) * (rho - 2) * longest, under = (longest - 4) * (longest - 2) * rho;
      this->of_mean = static_cast<T>(first * math::sqrt(second) * math::sqrt(over / under));
    } else {
      this->plain = static_cast<T>(first);
      this->eps = 1;  // 0 over something that is not 0
    }
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// Adamax. Settings: lr, beta1, beta2, eps, weight_decay.

template <class T>
struct Adamax {
  using Loop = Adamax;

  Gradient<T> gradient;
  T one_minus_beta1, beta2, eps, step_size;

  explicit Adamax(const RuleSettings& s)
      : gradient(s, s.value[4]),
        one_minus_beta1(static_cast<T>(1 - s.value[1])),
        beta2(static_cast<T>(s.value[2])),
        eps(static_cast<T>(s.value[3])),
        step_size(static_cast<T>(s.value[0] / bias_correction(s.value[1], s.counter[0]))) {}

  // m = beta1 m + (1 - beta1) g, u = max(beta2 u, |g| + eps), p = p - step_size m / u.
  [[gnu::always_inline]] inline void operator()(T& p, T& grad, T& m, T& u) const {
    const T g = gradient(grad, p);
    m = fma(one_minus_beta1, g - m, m);
    const T kept = beta2 * u, size = math::abs(g) + eps;
    u = kept > size ? kept : size;
    p -= step_size * m / u;
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// Adagrad. Settings: lr, lr_decay, eps, weight_decay.

template <class T>
struct Adagrad {
  using Loop = Adagrad;

  Gradient<T> gradient;
  T step_size, eps;

  explicit Adagrad(const RuleSettings& s)
      : gradient(s, s.value[3]),
        step_size(static_cast<T>(s.value[0] / (1 + (s.counter[0] - 1) * s.value[1]))),
        eps(static_cast<T>(s.value[2])) {}

  // sum = sum + g^2, p = p - step_size g / (sqrt(sum) + eps).
  [[gnu::always_inline]] inline void operator()(T& p, T& grad, T& sum) const {
    const T g = gradient(grad, p);
    sum = fma(g, g, sum);
    p -= step_size * g / (math::sqrt(sum) + eps);
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// Adadelta. Settings: lr, rho, eps, weight_decay.

template <class T>
struct Adadelta {
  using Loop = Adadelta;

  Gradient<T> gradient;
  T lr, rho, one_minus_rho, eps;

  explicit Adadelta(const RuleSettings& s)
      : gradient(s, s.value[3]),
        lr(static_cast<T>(s.value[0])),
        rho(static_cast<T>(s.value[1])),
        one_minus_rho(static_cast<T>(1 - s.value[1])),
        eps(static_cast<T>(s.value[2])) {}

  // v = rho v + (1 - rho) g^2, d = sqrt((a + eps) / (v + eps)) g, a = rho a + (1 - rho) d^2, p = p - lr d.
  [[gnu::always_inline]] inline void operator()(T& p, T& grad, T& v, T& a) const {
    const T g = gradient(grad, p);
    v = fma(rho, v, one_minus_rho * g * g);
    const T d = math::sqrt((a + eps) / (v + eps)) * g;
    a = fma(rho, a, one_minus_rho * d * d);
    p = fma(-lr, d, p);
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// RMSprop: with the gradient's mean taken off, or not, and with momentum, or not. Settings: lr, alpha, eps,
// weight_decay, momentum.

template <class T>
struct Rmsprop {
  using Loop = Rmsprop;

  Gradient<T> gradient;
  T lr, alpha, one_minus_alpha, eps, momentum;

  explicit Rmsprop(const RuleSettings& s)
      : gradient(s, s.value[3]),
        lr(static_cast<T>(s.value[0])),
        alpha(static_cast<T>(s.value[1])),
        one_minus_alpha(static_cast<T>(1 - s.value[1])),
        eps(static_cast<T>(s.value[2])),
        momentum(static_cast<T>(s.value[4])) {}

  // v = alpha v + (1 - alpha) g^2; g / (sqrt(v) + eps).
  [[gnu::always_inline]] inline T scaled(T g, T& v) const {
    v = fma(alpha, v, one_minus_alpha * g * g);
    return g / (math::sqrt(v) + eps);
  }

  // The same with v - a^2, where a = alpha a + (1 - alpha) g. A variance is never negative, but its rounded value may
  // be.
  [[gnu::always_inline]] inline T scaled(T g, T& v, T& a) const {
    v = fma(alpha, v, one_minus_alpha * g * g);
    a = fma(one_minus_alpha, g - a, a);
    const T variance = fma(-a, a, v);
    return g / (math::sqrt(variance < 0 ? T{0} : variance) + eps);
  }

  [[gnu::always_inline]] inline void operator()(T& p, T& grad, T& v) const {
    p = fma(-lr, scaled(gradient(grad, p), v), p);
  }
};

template <class T>
struct CenteredRmsprop : Rmsprop<T> {
  using Loop = CenteredRmsprop;
  using Rmsprop<T>::Rmsprop;

  [[gnu::always_inline]] inline void operator()(T& p, T& grad, T& v, T& a) const {
    p = fma(-this->lr, this->scaled(this->gradient(grad, p), v, a), p);
  }
};

template <class T>
struct MomentumRmsprop : Rmsprop<T> {
  using Loop = MomentumRmsprop;
  using Rmsprop<T>::Rmsprop;

  // b = momentum b + d, p = p - lr b.
  [[gnu::always_inline]] inline void operator()(T& p, T& grad, T& v, T& b) const {
    b = fma(this->momentum, b, this->scaled(this->gradient(grad, p), v));
    p = fma(-this->lr, b, p);
  }

  [[gnu::always_inline]] inline void operator()(T& p, T& grad, T& v, T& a, T& b) const {
    b = fma(this->momentum, b, this->scaled(this->gradient(grad, p), v, a));
    p = fma(-this->lr, b, p);
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// Rprop. Settings: eta_minus, eta_plus, the least and the greatest step.

template <class T>
struct Rprop {
  using Loop = Rprop;

  Gradient<T> gradient;
  T eta_minus, eta_plus, least, most;

  explicit Rprop(const RuleSettings& s)
      : gradient(s, 0),
        eta_minus(static_cast<T>(s.value[0])),
        eta_plus(static_cast<T>(s.value[1])),
        least(static_cast<T>(s.value[2])),
        most(static_cast<T>(s.value[3])) {}

  // -1, 0 or 1; NaN stays NaN.
  [[gnu::always_inline]] static inline T sign(T x) { return x > 0 ? T{1} : x < 0 ? T{-1} : x; }

  // The step grows where the gradient keeps its sign. Where it turns, the step shrinks and the element waits. The sign
  // of the product is taken without the product, which may underflow.
  [[gnu::always_inline]] inline void operator()(T& p, T& grad, T& previous, T& size) const {
    const T g = gradient(grad, p);
    const T turned = sign(g) * previous;
    const T shrunk = turned < 0 ? eta_minus : turned == 0 ? T{1} : turned;
    const T next = size * (turned > 0 ? eta_plus : shrunk);
    const T enough = next < least ? least : next;
    size = enough > most ? most : enough;
    previous = turned < 0 ? T{0} : g;
    p = fma(-sign(previous), size, p);
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// Runs. K are the lists that a rule reads.

template <class T, template <class> class Element, const RuleLayout& kLayout, int... K>
constexpr Rule kRule = {&kLayout,
                        sizeof...(K),
                        {K...},
                        kLayout.counters > 0 ? count_step : count_nothing,
                        prepare<Element<T>>,
                        update<T, typename Element<T>::Loop, sizeof...(K)>};

bool given(const Call& call, const RuleLayout& layout, int list) {
  return RuleInputs(layout, call.in, call.in_count).list(list, 0).data != nullptr;
}

template <class T, template <class> class Element, const RuleLayout& kLayout, int... K>
Status run(const Call& call) {
  return run_rule(call, kRule<T, Element, kLayout, K...>);
}

template <class T>
Status run_sgd(const Call& call) {
  return run_rule(call, given(call, kSgd, 2) ? kRule<T, Momentum, kSgd, 0, 1, 2> : kRule<T, Descent, kSgd, 0, 1>);
}

template <class T>
Status run_adam(const Call& call) {
  return run_rule(call,
                  given(call, kAdam, 4) ? kRule<T, Amsgrad, kAdam, 0, 1, 2, 3, 4> : kRule<T, Adam, kAdam, 0, 1, 2, 3>);
}

template <class T>
Status run_nadam(const Call& call) {
  Rule rule = kRule<T, Nadam, kNadam, 0, 1, 2, 3>;
  rule.advance = count_nadam_step;
  return run_rule(call, rule);
}

template <class T>
Status run_rmsprop(const Call& call) {
  if (given(call, kRmsprop, 4)) {
    return run_rule(call, given(call, kRmsprop, 3) ? kRule<T, MomentumRmsprop, kRmsprop, 0, 1, 2, 3, 4>
                                                   : kRule<T, MomentumRmsprop, kRmsprop, 0, 1, 2, 4>);
  }
  return run_rule(call, given(call, kRmsprop, 3) ? kRule<T, CenteredRmsprop, kRmsprop, 0, 1, 2, 3>
                                                 : kRule<T, Rmsprop, kRmsprop, 0, 1, 2>);
}

template <template <class> class Element, const RuleLayout& kLayout, int... K>
constexpr RunsByDType runs = floats(run<float, Element, kLayout, K...>, run<double, Element, kLayout, K...>);

constexpr Run kRows[] = {
    {"sgd", floats(run_sgd<float>, run_sgd<double>)},
    {"adam", floats(run_adam<float>, run_adam<double>)},
    {"nadam", floats(run_nadam<float>, run_nadam<double>)},
    {"radam", runs<Radam, kRadam, 0, 1, 2, 3>},
    {"adamax", runs<Adamax, kAdamax, 0, 1, 2, 3>},
    {"adagrad", runs<Adagrad, kAdagrad, 0, 1, 2>},
    {"adadelta", runs<Adadelta, kAdadelta, 0, 1, 2, 3>},
    {"rmsprop", floats(run_rmsprop<float>, run_rmsprop<double>)},
    {"rprop", runs<Rprop, kRprop, 0, 1, 2, 3>},
};

}  // namespace

extern const Runs optim_runs;
const Runs optim_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::MINIGRAD_ISA
