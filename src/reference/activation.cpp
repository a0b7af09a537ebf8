#include <algorithm>
#include <cmath>

#include "kernels/glu_shapes.hpp"
#include "reference/map.hpp"

namespace minigrad::reference {
namespace {

// g f(attributes, x), 0 where g is 0.
template <auto f>
constexpr RunsByDType slope() {
  return float_map<[](Attributes a, double g, double x) { return g == 0 ? 0 : g * f(a, x); }, 0, 1>();
}

// g, the value where x lies within.
template <class T>
T cut_of(Attributes a, T g, T x) {
  const T low = static_cast<T>(a[0].real), high = static_cast<T>(a[1].real);
  return low <= x && x <= high ? static_cast<T>(a[2].real) : g;
}

// Beyond this size all but the identity is at its limit; a product with an infinite number would be NaN.
double near(double x) { return std::clamp(x, -1e3, 1e3); }

double sigmoid_of(double x) { return 1 / (1 + std::exp(-x)); }
double normal_below(double x) { return 0.5 * std::erfc(-x * std::sqrt(0.5)); }
double gate(double x) { return sigmoid_of(2 * std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)); }
double tanh_softplus(double x) { return std::tanh(std::log1p(std::exp(x))); }

double gelu_slope(double x) { return normal_below(x) + x * std::exp(-x * x / 2) / std::sqrt(2 * std::acos(-1.0)); }

double gelu_tanh_slope(double x) {
  const double inner = 2 * std::sqrt(2 / std::acos(-1.0)) * (1 + 3 * 0.044715 * x * x);
  return gate(x) + x * gate(x) * (1 - gate(x)) * inner;
}

double mish_slope(double x) {
  const double t = tanh_softplus(x);
  return t + x * (1 - t * t) * sigmoid_of(x);
}

double line(Attributes a, double x) {
  const double low = a[0].real, high = a[1].real, inside = std::min(std::max(x, low), high);
  double y = a[3].real * (inside + a[5].real);
  if (x < low && a[2].real != 0) y += a[2].real * (x - low);
  if (x > high && a[4].real != 0) y += a[4].real * (x - high);
  return x != x ? x : y;
}

double smaller(double a, double b) { return std::fabs(a) < std::fabs(b) ? a : b; }

double line_slope(Attributes a, double x) {
  if (x < a[0].real) return a[2].real;
  if (x == a[0].real) return smaller(a[2].real, a[3].real);
  if (x == a[1].real) return smaller(a[3].real, a[4].real);
  return x > a[1].real ? a[4].real : a[3].real;
}

double hard_gate(double x) { return (std::clamp(x, -3.0, 3.0) + 3) / 6; }

double softplus_of(Attributes a, double x) {
  const double beta = a[0].real;
  return a[1].real < beta * x ? x : (std::max(beta * x, 0.0) + std::log1p(std::exp(-std::fabs(beta * x)))) / beta;
}

double softplus_slope(Attributes a, double x) { return a[1].real < a[0].real * x ? 1 : sigmoid_of(a[0].real * x); }

double elu_of(Attributes a, double x) { return 0 < x ? a[1].real * x : a[0].real * std::expm1(a[2].real * x); }

double elu_slope(Attributes a, double x) {
  return x <= 0 ? a[0].real * a[2].real * std::exp(a[2].real * x) : a[1].real;
}

double gated(double x, double y) { return x * sigmoid_of(y); }

double gate_slope(double g, double x, double y) { return g == 0 ? 0 : g * x * sigmoid_of(y) * sigmoid_of(-y); }

constexpr RunFunction kGate = map_of<double, double, gated, 0, 1>;
constexpr RunFunction kSlope = map_of<double, double, gate_slope, 0, 1, 2>;

constexpr Run kRows[] = {
    {"silu", float1<[](double x) { return std::max(x, -1e3) * sigmoid_of(near(x)); }>()},
    {"silu_grad", slope<[](Attributes, double x) { return sigmoid_of(x) * (1 + near(x) * sigmoid_of(-x)); }>()},
    {"gate_slope", for_floats<kSlope>()},
    {"glu", for_floats<kGlu<kGate>>()},
    {"glu_grad", for_floats<kGluGrad<kGate, kSlope>>()},
    {"gelu", float1<[](double x) { return std::max(x, -1e3) * normal_below(near(x)); }>()},
    {"gelu_grad", slope<[](Attributes, double x) { return gelu_slope(near(x)); }>()},
    {"gelu_tanh", float1<[](double x) { return std::max(x, -1e3) * gate(near(x)); }>()},
    {"gelu_tanh_grad", slope<[](Attributes, double x) { return gelu_tanh_slope(near(x)); }>()},
    {"mish", float1<[](double x) { return std::max(x, -1e3) * tanh_softplus(near(x)); }>()},
    {"mish_grad", slope<[](Attributes, double x) { return mish_slope(near(x)); }>()},
    {"softsign", float1<[](double x) {
       return std::fabs(x) < 1e300 ? x / (1 + std::fabs(x)) : std::copysign(x != x ? x : 1, x);
     }>()},
    {"softsign_grad", slope<[](Attributes, double x) { return 1 / ((1 + std::fabs(x)) * (1 + std::fabs(x))); }>()},
    {"softplus", float1<softplus_of>()},
    {"softplus_grad", slope<softplus_slope>()},
    {"elu", float1<elu_of>()},
    {"elu_grad", slope<elu_slope>()},
    {"broken_line", float1<line>()},
    {"broken_line_grad", slope<line_slope>()},
    {"cut", floats(map_of<float, float, cut_of<float>, 0, 1>, map_of<double, double, cut_of<double>, 0, 1>)},
    {"hardswish", float1<[](double x) { return std::max(x, -3.0) * hard_gate(x); }>()},
    {"hardswish_grad", slope<[](Attributes, double x) { return hard_gate(x) + (std::fabs(x) < 3 ? x / 6 : 0.0); }>()},
};

}  // namespace

extern const Runs activation_runs;
const Runs activation_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::reference
