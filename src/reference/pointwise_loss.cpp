#include <algorithm>
#include <cmath>

#include "reference/map.hpp"

namespace minigrad::reference {
namespace {

// A loss, or its derivative by x, of one element; the second attribute is where a parabola becomes a line.
using Function = double (*)(Attributes a, double x, double y);

double sign(double d) { return d > 0 ? 1 : (d < 0 ? -1 : d); }
double square(Attributes, double x, double y) { return (x - y) * (x - y); }
double square_slope(Attributes, double x, double y) { return 2 * (x - y); }
double absolute(Attributes, double x, double y) { return std::abs(x - y); }
double absolute_slope(Attributes, double x, double y) { return x > y ? 1 : (x < y ? -1 : 0); }

double huber_at(double delta, double size) { return size < delta ? size * size / 2 : delta * (size - delta / 2); }

double huber_slope_at(double delta, double d) { return std::abs(d) < delta ? d : delta * sign(d); }

double huber(Attributes a, double x, double y) { return huber_at(a[1].real, std::abs(x - y)); }
double huber_slope(Attributes a, double x, double y) { return huber_slope_at(a[1].real, x - y); }

double smooth(Attributes a, double x, double y) {
  const double beta = a[1].real, size = std::abs(x - y);
  return beta == 0 ? size : huber_at(beta, size) / beta;
}

double smooth_slope(Attributes a, double x, double y) {
  const double beta = a[1].real;
  return beta == 0 ? sign(x - y) : huber_slope_at(beta, x - y) / beta;
}

double log_at_least(double x) { return x < -100 ? -100 : x; }

double cross_entropy(Attributes, double x, double y) {
  return -y * log_at_least(std::log(x)) - (1 - y) * log_at_least(std::log1p(-x));
}

double cross_entropy_slope(Attributes, double x, double y) {
  return (x - y) / std::max(x * (1 - x), static_cast<double>(1e-12f));
}

double cross_entropy_target_slope(Attributes, double x, double) {
  return log_at_least(std::log1p(-x)) - log_at_least(std::log(x));
}

double logits(Attributes, double x, double y) {
  const double wrong = x < 0 ? y : 1 - y;
  return (wrong == 0 ? 0 : std::abs(x) * wrong) + std::log1p(std::exp(-std::abs(x)));
}

double logits_slope(Attributes, double x, double y) { return 1 / (1 + std::exp(-x)) - y; }

enum Reduction : int64_t { none, mean, sum };

template <Function f>
Status loss_of(const Call& call) {
  const View& x = call.in[0];
  const int64_t reduction = call.attributes[0].integer();
  if (reduction == none) return map_of<double, double, f, 0, 1>(call);
  double total = 0;
  for_each(x, [&](const Position& p) {
    total += f(call.attributes, element<double>(x, p, x.rank), element<double>(call.in[1], p, x.rank));
  });
  *call.out[0].as<double>() = reduction == mean ? total / static_cast<double>(x.size()) : total;
  return Status::ok;
}

template <Function slope>
Status grad_of(const Call& call) {
  const View& x = call.in[1];
  const double divisor = call.attributes[0].integer() == mean ? static_cast<double>(x.size()) : 1;
  for_each(x, [&](const Position& p) {
    const double value = slope(call.attributes, element<double>(x, p, x.rank), element<double>(call.in[2], p, x.rank));
    element<double>(call.out[0], p, x.rank) = element<double>(call.in[0], p, x.rank) / divisor * value;
  });
  return Status::ok;
}

constexpr Run kRows[] = {
    {"mse_loss", for_floats<loss_of<square>>()},
    {"l1_loss", for_floats<loss_of<absolute>>()},
    {"smooth_l1_loss", for_floats<loss_of<smooth>>()},
    {"huber_loss", for_floats<loss_of<huber>>()},
    {"binary_cross_entropy", for_floats<loss_of<cross_entropy>>()},
    {"binary_cross_entropy_with_logits", for_floats<loss_of<logits>>()},
    {"mse_loss_grad", for_floats<grad_of<square_slope>>()},
    {"l1_loss_grad", for_floats<grad_of<absolute_slope>>()},
    {"smooth_l1_loss_grad", for_floats<grad_of<smooth_slope>>()},
    {"huber_loss_grad", for_floats<grad_of<huber_slope>>()},
    {"binary_cross_entropy_grad", for_floats<grad_of<cross_entropy_slope>>()},
    {"binary_cross_entropy_target_grad", for_floats<grad_of<cross_entropy_target_slope>>()},
    {"binary_cross_entropy_with_logits_grad", for_floats<grad_of<logits_slope>>()},
};

}  // namespace

extern const Runs pointwise_loss_runs;
const Runs pointwise_loss_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::reference
