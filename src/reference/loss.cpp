#include <cmath>

#include "reference/naive.hpp"

namespace minigrad::reference {
namespace {

enum Reduction : int64_t { none, mean, sum };

// The classes of n samples among c, and how their losses are put together.
struct Classes {
  View target;
  int64_t ignored, reduction, c;

  int64_t n() const { return target.shape[0]; }
  int64_t at(int64_t i) const { return target.as<int64_t>()[i * target.stride[0]]; }
  bool is_ignored(int64_t i) const { return at(i) == ignored; }

  bool valid() const {
    for (int64_t i = 0; i < n(); ++i) {
      if (!is_ignored(i) && (at(i) < 0 || at(i) >= c)) return false;
    }
    return true;
  }

  // What the sum over samples is divided by: that of their weights, weight_of(i), which are 1 for equal classes.
  template <class Weight>
  double divisor(Weight&& weight_of) const {
    double total = 0;
    for (int64_t i = 0; i < n(); ++i) total += is_ignored(i) ? 0 : weight_of(i);
    return reduction == mean ? total : 1;
  }
  double divisor() const {
    return divisor([](int64_t) { return 1.0; });
  }

  // Reduces the samples' losses into out.
  template <class Loss>
  void reduce(const View& out, double divisor, Loss&& loss_of) const {
    double total = 0;
    for (int64_t i = 0; i < n(); ++i) {
      const double loss = loss_of(i), counted = is_ignored(i) ? 0 : loss;
      if (reduction == none) out.as<double>()[i * out.stride[0]] = counted;
      total += counted;
    }
    if (reduction != none) *out.as<double>() = total / divisor;
  }
};

// The cotangent of the loss of sample i.
double cotangent(const View& g, int64_t i) { return g.as<double>()[g.rank == 1 ? i * g.stride[0] : 0]; }

double& at(const View& x, int64_t i, int64_t k) { return x.as<double>()[i * x.stride[0] + k * x.stride[1]]; }

// The distribution that a sample is held against.
double wanted(const Classes& classes, const Call& call, int64_t i, int64_t k) {
  const double smoothing = call.attributes[1].real;
  return (k == classes.at(i) ? 1 - smoothing : 0) + smoothing / static_cast<double>(classes.c);
}

Classes smoothed_classes(const Call& call, const View& x, const View& target) {
  return {target, call.attributes[0].integer(), call.attributes[2].integer(), x.shape[1]};
}

// Writes the softmax of row i; gives its loss.
double cross_entropy_row(const Call& call, const Classes& classes, int64_t i) {
  const View &x = call.in[0], &probabilities = call.out[1];
  double largest = -INFINITY, total = 0, loss = 0;
  for (int64_t k = 0; k < classes.c; ++k) {
    const double value = at(x, i, k);
    largest = value > largest || value != value ? value : largest;
  }
  for (int64_t k = 0; k < classes.c; ++k) total += std::exp(at(x, i, k) - largest);
  for (int64_t k = 0; k < classes.c; ++k) {
    const double d = at(x, i, k) - largest, q = wanted(classes, call, i, k);
    at(probabilities, i, k) = std::exp(d) / total;
    if (q != 0) loss -= q * (d - std::log(total));
  }
  return loss;
}

Status cross_entropy_of(const Call& call) {
  const Classes classes = smoothed_classes(call, call.in[0], call.in[1]);
  if (!classes.valid()) return Status::index_out_of_range;
  classes.reduce(call.out[0], classes.divisor(), [&](int64_t i) { return cross_entropy_row(call, classes, i); });
  return Status::ok;
}

Status cross_entropy_grad_of(const Call& call) {
  const View& probabilities = call.in[1];
  const Classes classes = smoothed_classes(call, probabilities, call.in[2]);
  if (!classes.valid()) return Status::index_out_of_range;
  for (int64_t i = 0; i < classes.n(); ++i) {
    const double scale = cotangent(call.in[0], i) / classes.divisor();
    for (int64_t k = 0; k < classes.c; ++k) {
      const double value = scale * (at(probabilities, i, k) - wanted(classes, call, i, k));
      at(call.out[0], i, k) = classes.is_ignored(i) ? 0 : value;
    }
  }
  return Status::ok;
}

// Samples of logarithms (n, c) or (n, c, d), and the weights of their classes, () or (c,).
struct Likelihoods : Classes {
  View x, weight;

  double& target_of(int64_t sample) const {
    const int64_t d = x.rank == 3 ? x.shape[2] : 1, last = x.rank == 3 ? sample % d * x.stride[2] : 0;
    return x.as<double>()[sample / d * x.stride[0] + Classes::at(sample) * x.stride[1] + last];
  }
  double weight_of(int64_t sample) const {
    return weight.as<double>()[weight.rank == 1 ? Classes::at(sample) * weight.stride[0] : 0];
  }
  double divisor() const {
    return Classes::divisor([this](int64_t i) { return weight_of(i); });
  }
};

Likelihoods likelihoods_of(const Call& call, const View& x) {
  return {{call.in[2], call.attributes[0].integer(), call.attributes[1].integer(), x.shape[1]}, x, call.in[1]};
}

Status nll_loss_of(const Call& call) {
  const Likelihoods samples = likelihoods_of(call, call.in[0]);
  if (!samples.valid()) return Status::index_out_of_range;
  samples.reduce(call.out[0], samples.divisor(),
                 [&](int64_t i) { return samples.is_ignored(i) ? 0 : -samples.weight_of(i) * samples.target_of(i); });
  return Status::ok;
}

Status nll_loss_grad_of(const Call& call) {
  const View& out = call.out[0];
  const Likelihoods samples = likelihoods_of(call, out);
  if (!samples.valid()) return Status::index_out_of_range;
  for (int64_t i = 0; i < out.size(); ++i) out.as<double>()[i] = 0;
  const double divisor = samples.divisor();
  for (int64_t i = 0; i < samples.n(); ++i) {
    if (!samples.is_ignored(i)) samples.target_of(i) = -cotangent(call.in[0], i) / divisor * samples.weight_of(i);
  }
  return Status::ok;
}

constexpr Run kRows[] = {
    {"nll_loss", for_floats<nll_loss_of>()},
    {"nll_loss_grad", for_floats<nll_loss_grad_of>()},
    {"cross_entropy", for_floats<cross_entropy_of, 2>()},
    {"cross_entropy_grad", for_floats<cross_entropy_grad_of>()},
};

}  // namespace

extern const Runs loss_runs;
const Runs loss_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::reference
