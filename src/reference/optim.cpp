#include <algorithm>
#include <cmath>

#include "kernels/optim_rule.hpp"
#include "reference/naive.hpp"

namespace minigrad::reference {
namespace {

// What an update of one element reads besides the element: s the settings, c the parameter's counters in this step.
struct Step {
  double s[kMaxSettings];
  double c[kMaxCounters];
  bool flag;              // the one behind `maximize`
  bool given[kMaxLists];  // the lists that there are
};

// Changes x: the element of each list, the gradient with its sign turned for `maximize`.
using Update = void (*)(double* x, const Step& step);
// Brings the counters to this step.
using Advance = void (*)(Step& step);

void count_step(Step& step) { step.c[0] += 1; }

// Calls update for every element of a parameter: its value in each list, in double, rounded and written back
// afterwards, but for the gradient.
template <class T>
void update_parameter(const Call& call, const RuleLayout& layout, const RuleInputs& inputs, int parameter,
                      const Step& step, Update update) {
  const View& param = call.in[parameter];
  for_each(param, [&](const Position& p) {
    double x[kMaxLists] = {};
    for (int l = 0; l < layout.lists; ++l) {
      if (step.given[l]) x[l] = element<T>(inputs.list(l, parameter), p, param.rank);
    }
    if (call.attributes[0].flag()) x[1] = -x[1];
    update(x, step);
    for (int l = 0; l < layout.lists; ++l) {
      if (!step.given[l] || l == kGradients) continue;
      element<T>(inputs.list(l, parameter), p, param.rank) = static_cast<T>(x[l]);
    }
  });
}

template <class T>
Status step_of(const Call& call, const RuleLayout& layout, Advance advance, Update update) {
  const RuleInputs inputs(layout, call.in, call.in_count);
  for (int i = 0; i < inputs.parameters; ++i) {
    Step step = {};
    for (int s = 0; s < layout.settings; ++s) step.s[s] = inputs.setting(s);
    for (int l = 0; l < layout.lists; ++l) {
      step.given[l] = inputs.list(l, i).data != nullptr;
    }
    step.flag = layout.flags > 1 && call.attributes[1].flag();
    for (int c = 0; c < layout.counters; ++c) {
      step.c[c] = *inputs.counter(c, i).as<double>();
    }
    advance(step);
    update_parameter<T>(call, layout, inputs, i, step, update);
    for (int c = 0; c < layout.counters; ++c) {
      *inputs.counter(c, i).as<double>() = step.c[c];
    }
  }
  return Status::ok;
}

template <class T, const RuleLayout& kLayout, Advance kAdvance, Update kUpdate>
Status run(const Call& call) {
  return step_of<T>(call, kLayout, kAdvance, kUpdate);
}

template <const RuleLayout& kLayout, Update kUpdate, Advance kAdvance = count_step>
constexpr RunsByDType rule = floats(run<float, kLayout, kAdvance, kUpdate>, run<double, kLayout, kAdvance, kUpdate>);

void sgd_element(double* x, const Step& step) {
  const double lr = step.s[0], momentum = step.s[1], dampening = step.s[2], decay = step.s[3];
  double direction = decay != 0 ? x[1] + decay * x[0] : x[1];
  if (step.given[2]) {
    x[2] = momentum * x[2] + (1 - dampening) * direction;
    direction = step.flag ? direction + momentum * x[2] : x[2];
  }
  x[0] -= lr * direction;
}

// The moments m and v, which Adam, NAdam and RAdam share; returns g, with the decay where that is not decoupled.
double moments(double* x, const Step& step) {
  const double lr = step.s[0], beta1 = step.s[1], beta2 = step.s[2], decay = step.s[4];
  double g = x[1];
  if (step.flag) {
    x[0] *= 1 - lr * decay;
  } else if (decay != 0) {
    g += decay * x[0];
  }
  x[2] = beta1 * x[2] + (1 - beta1) * g;
  x[3] = beta2 * x[3] + (1 - beta2) * g * g;
  return g;
}

void adam_element(double* x, const Step& step) {
  moments(x, step);
  double v = x[3];
  if (step.given[4]) v = x[4] = std::max(x[4], v);
  const double first = 1 - std::pow(step.s[1], step.c[0]), second = 1 - std::pow(step.s[2], step.c[0]);
  x[0] -= step.s[0] * (x[2] / first) / (std::sqrt(v / second) + step.s[3]);
}

double nadam_mu(const Step& step, double t) { return step.s[1] * (1 - 0.5 * std::pow(0.96, t * step.s[5])); }

void count_nadam_step(Step& step) {
  count_step(step);
  step.c[1] *= nadam_mu(step, step.c[0]);
}

void nadam_element(double* x, const Step& step) {
  const double g = moments(x, step), mu = nadam_mu(step, step.c[0]), next = nadam_mu(step, step.c[0] + 1);
  const double root = std::sqrt(x[3] / (1 - std::pow(step.s[2], step.c[0]))) + step.s[3];
  x[0] -= step.s[0] * ((1 - mu) * g / (1 - step.c[1]) + next * x[2] / (1 - step.c[1] * next)) / root;
}

void radam_element(double* x, const Step& step) {
  moments(x, step);
  const double t = step.c[0], power = std::pow(step.s[2], t), longest = 2 / (1 - step.s[2]) - 1;
  const double m = x[2] / (1 - std::pow(step.s[1], t)), rho = longest - 2 * t * power / (1 - power);
  double rate = step.s[0];
  if (rho > 5) {
    rate *= std::sqrt((rho - 4) * (rho - 2) * longest / ((longest - 4) * (longest - 2) * rho)) * std::sqrt(1 - power) /
            (std::sqrt(x[3]) + step.s[3]);
  }
  x[0] -= rate * m;
}

void adamax_element(double* x, const Step& step) {
  const double g = x[1] + step.s[4] * x[0];
  x[2] = step.s[1] * x[2] + (1 - step.s[1]) * g;
  x[3] = std::max(step.s[2] * x[3], std::fabs(g) + step.s[3]);
  x[0] -= step.s[0] / (1 - std::pow(step.s[1], step.c[0])) * x[2] / x[3];
}

void adagrad_element(double* x, const Step& step) {
  const double g = x[1] + step.s[3] * x[0];
  x[2] += g * g;
  x[0] -= step.s[0] / (1 + (step.c[0] - 1) * step.s[1]) * g / (std::sqrt(x[2]) + step.s[2]);
}

void adadelta_element(double* x, const Step& step) {
  const double rho = step.s[1], eps = step.s[2], g = x[1] + step.s[3] * x[0];
  x[2] = rho * x[2] + (1 - rho) * g * g;
  const double d = std::sqrt((x[3] + eps) / (x[2] + eps)) * g;
  x[3] = rho * x[3] + (1 - rho) * d * d;
  x[0] -= step.s[0] * d;
}

void rmsprop_element(double* x, const Step& step) {
  const double alpha = step.s[1], g = x[1] + step.s[3] * x[0];
  x[2] = alpha * x[2] + (1 - alpha) * g * g;
  double variance = x[2];
  if (step.given[3]) {
    x[3] = alpha * x[3] + (1 - alpha) * g;
    variance = std::max(0.0, variance - x[3] * x[3]);
  }
  double d = g / (std::sqrt(variance) + step.s[2]);
  if (step.given[4]) d = x[4] = step.s[4] * x[4] + d;
  x[0] -= step.s[0] * d;
}

void rprop_element(double* x, const Step& step) {
  const double turned = x[1] * x[2];
  const double factor = turned > 0 ? step.s[1] : (turned < 0 ? step.s[0] : 1);
  x[3] = std::min(std::max(x[3] * factor, step.s[2]), step.s[3]);
  x[2] = turned < 0 ? 0 : x[1];
  if (x[2] != 0) x[0] -= std::copysign(x[3], x[2]);
}

constexpr Run kRows[] = {
    {"sgd", rule<kSgd, sgd_element>},
    {"adam", rule<kAdam, adam_element>},
    {"nadam", rule<kNadam, nadam_element, count_nadam_step>},
    {"radam", rule<kRadam, radam_element>},
    {"adamax", rule<kAdamax, adamax_element>},
    {"adagrad", rule<kAdagrad, adagrad_element>},
    {"adadelta", rule<kAdadelta, adadelta_element>},
    {"rmsprop", rule<kRmsprop, rmsprop_element>},
    {"rprop", rule<kRprop, rprop_element>},
};

}  // namespace

extern const Runs optim_runs;
const Runs optim_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::reference
