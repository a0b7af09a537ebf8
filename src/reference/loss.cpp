#include "reference/loss.hpp"

#include <cmath>

#include "reference/naive.hpp"

namespace minigrad::reference {
namespace {

enum Reduction : int64_t { none, mean, sum };

// A matrix of n rows (samples) and c columns (classes), its targets and the attributes of a loss.
struct Samples {
  View x, target;
  const Attribute* attributes;

  int64_t n() const { return x.shape[0]; }
  int64_t c() const { return x.shape[1]; }
  int64_t class_of(int64_t i) const { return target.as<int64_t>()[i * target.stride[0]]; }
  bool ignored(int64_t i) const { return class_of(i) == attributes[0].integer(); }
  int64_t reduction() const { return attributes[2].integer(); }

  // The distribution that row i is held against.
  double wanted(int64_t i, int64_t k) const {
    const double smoothing = attributes[1].real;
    return (k == class_of(i) ? 1 - smoothing : 0) + smoothing / static_cast<double>(c());
  }

  bool valid() const {
    for (int64_t i = 0; i < n(); ++i) {
      if (!ignored(i) && (class_of(i) < 0 || class_of(i) >= c())) return false;
    }
    return true;
  }

  // What the sum over rows is divided by.
  double divisor() const {
    double count = 0;
    for (int64_t i = 0; i < n(); ++i) count += ignored(i) ? 0 : 1;
    return reduction() == mean ? count : 1;
  }
};

double& at(const View& x, int64_t i, int64_t k) { return x.as<double>()[i * x.stride[0] + k * x.stride[1]]; }

// Writes the softmax of row i; gives its loss.
double cross_entropy_row(const Samples& samples, const View& probabilities, int64_t i) {
  double largest = -INFINITY, total = 0, loss = 0;
  for (int64_t k = 0; k < samples.c(); ++k) {
    const double value = at(samples.x, i, k);
    largest = value > largest || value != value ? value : largest;
  }
  for (int64_t k = 0; k < samples.c(); ++k) total += std::exp(at(samples.x, i, k) - largest);
  for (int64_t k = 0; k < samples.c(); ++k) {
    const double d = at(samples.x, i, k) - largest, q = samples.wanted(i, k);
    at(probabilities, i, k) = std::exp(d) / total;
    if (q != 0) loss -= q * (d - std::log(total));
  }
  return samples.ignored(i) ? 0 : loss;
}

Status cross_entropy_of(const Call& call) {
  const Samples samples = {call.in[0], call.in[1], call.attributes};
  if (!samples.valid()) return Status::index_out_of_range;
  const View& loss = call.out[0];
  double total = 0;
  for (int64_t i = 0; i < samples.n(); ++i) {
    const double value = cross_entropy_row(samples, call.out[1], i);
    if (samples.reduction() == none) loss.as<double>()[i * loss.stride[0]] = value;
    total += value;
  }
  if (samples.reduction() != none) *loss.as<double>() = total / samples.divisor();
  return Status::ok;
}

Status cross_entropy_grad_of(const Call& call) {
  const Samples samples = {call.in[1], call.in[2], call.attributes};
  if (!samples.valid()) return Status::index_out_of_range;
  const View& g = call.in[0];
  for (int64_t i = 0; i < samples.n(); ++i) {
    const double scale = g.as<double>()[g.rank == 1 ? i * g.stride[0] : 0] / samples.divisor();
    for (int64_t k = 0; k < samples.c(); ++k) {
      const double value = scale * (at(samples.x, i, k) - samples.wanted(i, k));
      at(call.out[0], i, k) = samples.ignored(i) ? 0 : value;
    }
  }
  return Status::ok;
}

// The targets of n samples.
struct Classes {
  View target;
  int64_t ignored, reduction;

  explicit Classes(const Call& call)
      : target(call.in[1]), ignored(call.attributes[0].integer()), reduction(call.attributes[1].integer()) {}
  int64_t n() const { return target.shape[0]; }
  int64_t at(int64_t i) const { return target.as<int64_t>()[i * target.stride[0]]; }

  double divisor() const {
    double count = 0;
    for (int64_t i = 0; i < n(); ++i) count += at(i) == ignored ? 0 : 1;
    return reduction == mean ? count : 1;
  }

  bool valid(int64_t classes) const {
    for (int64_t i = 0; i < n(); ++i) {
      if (at(i) != ignored && (at(i) < 0 || at(i) >= classes)) return false;
    }
    return true;
  }
};

Status nll_loss_of(const Call& call) {
  const Classes classes(call);
  if (!classes.valid(call.in[0].shape[1])) return Status::index_out_of_range;
  double total = 0;
  for (int64_t i = 0; i < classes.n(); ++i) {
    const double value = classes.at(i) == classes.ignored ? 0 : -at(call.in[0], i, classes.at(i));
    if (classes.reduction == none) call.out[0].as<double>()[i * call.out[0].stride[0]] = value;
    total += value;
  }
  if (classes.reduction != none) *call.out[0].as<double>() = total / classes.divisor();
  return Status::ok;
}

Status nll_loss_grad_of(const Call& call) {
  const Classes classes(call);
  const View& g = call.in[0];
  const View& out = call.out[0];
  if (!classes.valid(out.shape[1])) return Status::index_out_of_range;
  for (int64_t i = 0; i < classes.n(); ++i) {
    const double value = -g.as<double>()[g.rank == 1 ? i * g.stride[0] : 0] / classes.divisor();
    for (int64_t k = 0; k < out.shape[1]; ++k) {
      const bool there = k == classes.at(i) && k != classes.ignored;
      at(out, i, k) = there ? value : 0;
    }
  }
  return Status::ok;
}

}  // namespace

const RunsByDType nll_loss = for_floats<nll_loss_of>();
const RunsByDType nll_loss_grad = for_floats<nll_loss_grad_of>();
const RunsByDType cross_entropy = for_floats<cross_entropy_of, 2>();
const RunsByDType cross_entropy_grad = for_floats<cross_entropy_grad_of>();

}  // namespace minigrad::reference
