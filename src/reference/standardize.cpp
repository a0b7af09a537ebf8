#include <cmath>

#include "kernels/standardize_shapes.hpp"
#include "reference/naive.hpp"

namespace minigrad::reference {
namespace {

// An array of shape (n, c, ...) whose samples are contiguous, as lines, along which is normalised.
struct Lines {
  const View& view;
  int64_t groups;  // of a sample; 0: a line is a channel of all samples

  int64_t length() const { return channel_length(view); }
  int64_t columns() const { return view.shape[1] * length(); }
  int64_t count() const { return groups > 0 ? view.shape[0] * groups : view.shape[1]; }
  int64_t n() const { return groups > 0 ? columns() / groups : view.shape[0] * length(); }

  // Where element k of a line is: sample and column.
  int64_t sample(int64_t line, int64_t k) const { return groups > 0 ? line / groups : k / length(); }
  int64_t column(int64_t line, int64_t k) const {
    return groups > 0 ? line % groups * n() + k : line * length() + k % length();
  }
  int64_t channel(int64_t line, int64_t k) const { return column(line, k) / length(); }
  double& at(int64_t line, int64_t k) const {
    return view.as<double>()[sample(line, k) * view.stride[0] + column(line, k)];
  }
};

double& element_of(const View& x, int64_t i) { return x.as<double>()[i * x.stride[0]]; }

// The weight or bias of a channel; `missing` where there is none.
double of_channel(const View& w, int64_t channel, double missing) {
  return w.shape[0] == 0 ? missing : element_of(w, channel);
}

struct Moments {
  double mean = 0, variance = 0, scale = 0;
};

Moments moments_of(const Lines& x, int64_t line, const Attribute* attributes) {
  Moments of;
  const double n = static_cast<double>(x.n());
  for (int64_t k = 0; attributes[2].flag() && k < x.n(); ++k) of.mean += x.at(line, k) / n;
  for (int64_t k = 0; k < x.n(); ++k) of.variance += (x.at(line, k) - of.mean) * (x.at(line, k) - of.mean) / n;
  of.scale = 1 / std::sqrt(of.variance + attributes[0].real);
  return of;
}

// The moments that a call was given as inputs i and i + 1.
Moments given(const Call& call, int i, int64_t line) {
  const double mean = element_of(call.in[i], line), variance = element_of(call.in[i + 1], line);
  return {mean, variance, 1 / std::sqrt(variance + call.attributes[0].real)};
}

template <bool kGiven>
Status standardize_of(const Call& call) {
  const int64_t groups = call.attributes[1].integer();
  const Lines x = {call.in[0], groups}, out = {call.out[0], groups};
  for (int64_t i = 0; i < x.count(); ++i) {
    const Moments of = kGiven ? given(call, 3, i) : moments_of(x, i, call.attributes);
    if (!kGiven) {
      element_of(call.out[1], i) = x.n() == 0 && call.attributes[2].flag() ? NAN : of.mean;
      element_of(call.out[2], i) = x.n() == 0 ? NAN : of.variance;
    }
    for (int64_t k = 0; k < x.n(); ++k) {
      const int64_t channel = x.channel(i, k);
      const double w = of_channel(call.in[1], channel, 1), b = of_channel(call.in[2], channel, 0);
      out.at(i, k) = (x.at(i, k) - of.mean) * of.scale * w + b;
    }
  }
  return Status::ok;
}

Status grad_of(const Call& call) {
  const int64_t groups = call.attributes[1].integer();
  const Lines g = {call.in[0], groups}, x = {call.in[1], groups}, out = {call.out[0], groups};
  const double n = static_cast<double>(x.n());
  for (int64_t i = 0; i < x.count(); ++i) {
    const Moments of = given(call, 3, i);
    double sum = 0, products = 0;
    for (int64_t k = 0; k < x.n(); ++k) {
      const double a = g.at(i, k) * of_channel(call.in[2], x.channel(i, k), 1);
      sum += call.attributes[2].flag() ? a / n : 0;
      products += a * (x.at(i, k) - of.mean) / n;
    }
    for (int64_t k = 0; k < x.n(); ++k) {
      const double a = g.at(i, k) * of_channel(call.in[2], x.channel(i, k), 1);
      const double along = (x.at(i, k) - of.mean) * of.scale * of.scale * products;
      out.at(i, k) = of.scale * (a - sum - along);
    }
  }
  return Status::ok;
}

// The gradients of weight and bias; `moments` is the input that has the means.
void sums_of(const Call& call, int moments, const View& of_weight, const View& of_bias) {
  const int64_t groups = call.attributes[1].integer();
  const Lines g = {call.in[0], groups}, x = {call.in[1], groups};
  for (int64_t channel = 0; channel < x.view.shape[1]; ++channel) {
    double weight = 0, bias = 0;
    for (int64_t i = 0; i < x.count(); ++i) {
      const Moments of = given(call, moments, i);
      for (int64_t k = 0; k < x.n(); ++k) {
        if (x.channel(i, k) != channel) continue;
        weight += g.at(i, k) * (x.at(i, k) - of.mean) * of.scale;
        bias += g.at(i, k);
      }
    }
    element_of(of_weight, channel) = weight;
    element_of(of_bias, channel) = bias;
  }
}

Status sums_alone(const Call& call) {
  sums_of(call, 2, call.out[0], call.out[1]);
  return Status::ok;
}

Status grads_of(const Call& call) {
  sums_of(call, 3, call.out[1], call.out[2]);
  return grad_of(call);
}

constexpr Run kRows[] = {
    {"standardize", for_floats<standardize_of<false>, 3>()},
    {"standardize_given", for_floats<standardize_of<true>>()},
    {"standardize_grad", for_floats<grad_of>()},
    {"standardize_sums", for_floats<sums_alone, 2>()},
    {"standardize_grads", for_floats<grads_of, 3>()},
};

}  // namespace

extern const Runs standardize_runs;
const Runs standardize_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::reference
