#include "reference/pointwise_loss.hpp"

#include <algorithm>
#include <cmath>

#include "reference/naive.hpp"

namespace minigrad::reference {
namespace {

// A loss, or its derivative by x, of one element; the last argument is where a parabola becomes a line.
using Function = double (*)(double x, double y, double parameter);

double sign(double d) { return d > 0 ? 1 : (d < 0 ? -1 : d); }
double square(double x, double y, double) { return (x - y) * (x - y); }
double square_slope(double x, double y, double) { return 2 * (x - y); }
double absolute(double x, double y, double) { return std::abs(x - y); }
double absolute_slope(double x, double y, double) { return x > y ? 1 : (x < y ? -1 : 0); }

double huber(double x, double y, double delta) {
  const double size = std::abs(x - y);
  return size < delta ? size * size / 2 : delta * (size - delta / 2);
}

double huber_slope(double x, double y, double delta) { return std::abs(x - y) < delta ? x - y : delta * sign(x - y); }

double smooth(double x, double y, double beta) { return beta == 0 ? std::abs(x - y) : huber(x, y, beta) / beta; }

double smooth_slope(double x, double y, double beta) {
  return beta == 0 ? sign(x - y) : huber_slope(x, y, beta) / beta;
}

double log_at_least(double x) { return x < -100 ? -100 : x; }

double cross_entropy(double x, double y, double) {
  return -y * log_at_least(std::log(x)) - (1 - y) * log_at_least(std::log1p(-x));
}

double cross_entropy_slope(double x, double y, double) {
  return (x - y) / std::max(x * (1 - x), static_cast<double>(1e-12f));
}

double cross_entropy_target_slope(double x, double, double) {
  return log_at_least(std::log1p(-x)) - log_at_least(std::log(x));
}

double logits(double x, double y, double) {
  const double wrong = x < 0 ? y : 1 - y;
  return (wrong == 0 ? 0 : std::abs(x) * wrong) + std::log1p(std::exp(-std::abs(x)));
}

double logits_slope(double x, double y, double) { return 1 / (1 + std::exp(-x)) - y; }

enum Reduction : int64_t { none, mean, sum };

double parameter_of(const Call& call, bool there) { return there ? call.attributes[1].real : 0; }

template <Function f, bool has_parameter>
Status run_loss(const Call& call) {
  const View& x = call.in[0];
  const int64_t reduction = call.attributes[0].integer();
  double total = 0;
  for_each(x, [&](const Position& p) {
    const double value =
        f(element<double>(x, p, x.rank), element<double>(call.in[1], p, x.rank), parameter_of(call, has_parameter));
    if (reduction == none) element<double>(call.out[0], p, x.rank) = value;
    total += value;
  });
  if (reduction == none) return Status::ok;
  *call.out[0].as<double>() = reduction == mean ? total / static_cast<double>(x.size()) : total;
  return Status::ok;
}

template <Function slope, bool has_parameter>
Status run_grad(const Call& call) {
  const View& x = call.in[1];
  const double divisor = call.attributes[0].integer() == mean ? static_cast<double>(x.size()) : 1;
  for_each(x, [&](const Position& p) {
    const double value =
        slope(element<double>(x, p, x.rank), element<double>(call.in[2], p, x.rank), parameter_of(call, has_parameter));
    element<double>(call.out[0], p, x.rank) = element<double>(call.in[0], p, x.rank) / divisor * value;
  });
  return Status::ok;
}

template <Function f, bool has_parameter = false>
constexpr RunsByDType loss_runs() {
  return for_floats<run_loss<f, has_parameter>>();
}

template <Function slope, bool has_parameter = false>
constexpr RunsByDType grad_runs() {
  return for_floats<run_grad<slope, has_parameter>>();
}

}  // namespace

const RunsByDType mse_loss = loss_runs<square>();
const RunsByDType l1_loss = loss_runs<absolute>();
const RunsByDType smooth_l1_loss = loss_runs<smooth, true>();
const RunsByDType huber_loss = loss_runs<huber, true>();
const RunsByDType binary_cross_entropy = loss_runs<cross_entropy>();
const RunsByDType binary_cross_entropy_with_logits = loss_runs<logits>();
const RunsByDType mse_loss_grad = grad_runs<square_slope>();
const RunsByDType l1_loss_grad = grad_runs<absolute_slope>();
const RunsByDType smooth_l1_loss_grad = grad_runs<smooth_slope, true>();
const RunsByDType huber_loss_grad = grad_runs<huber_slope, true>();
const RunsByDType binary_cross_entropy_grad = grad_runs<cross_entropy_slope>();
const RunsByDType binary_cross_entropy_target_grad = grad_runs<cross_entropy_target_slope>();
const RunsByDType binary_cross_entropy_with_logits_grad = grad_runs<logits_slope>();

}  // namespace minigrad::reference
