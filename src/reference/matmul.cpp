#include <cmath>

#include "kernels/matmul_shapes.hpp"
#include "reference/naive.hpp"

namespace minigrad::reference {
namespace {

// out = Σ_k a[k] b[k]
template <class T>
Status dot_of(const View& a, const View& b, T* out) {
  T sum = 0;
  for (int64_t k = 0; k < a.shape[0]; ++k) {
    sum += a.as<T>()[k * a.stride[0]] * b.as<T>()[k * b.stride[0]];
  }
  *out = sum;
  return Status::ok;
}

// out[..., i, j] = Σ_k a[..., i, k] b[..., k, j]
template <class T>
Status matmul_of(const Call& call) {
  const View &a = call.in[0], &b = call.in[1], &out = call.out[0];
  if (a.rank == 1) return dot_of<T>(a, b, out.as<T>());
  const int last = out.rank - 1;
  for_each(out, [&](const Position& p) {
    Position in_a = p, in_b = p;
    T sum = 0;
    for (int64_t k = 0; k < a.shape[a.rank - 1]; ++k) {
      in_a.index[last] = in_b.index[last - 1] = k;
      sum += element<T>(a, in_a, out.rank) * element<T>(b, in_b, out.rank);
    }
    element<T>(out, p, out.rank) = sum;
  });
  return Status::ok;
}

double activate(double x, Activation activation) {
  switch (activation) {
    case Activation::none:
      break;
    case Activation::relu:
      return x <= 0 ? 0 : x;
    case Activation::tanh:
      return std::tanh(x);
    case Activation::sigmoid:
      return 1 / (1 + std::exp(-x));
  }
  return x;
}

// out[..., j] = activation(Σ_k x[..., k] w[j, k] + b[j])
Status linear_of(const Call& call) {
  const View &x = call.in[0], &w = call.in[1], &b = call.in[2], &out = call.out[0];
  const int last = out.rank - 1;
  const auto activation = static_cast<Activation>(call.attributes[0].integer());
  for_each(out, [&](const Position& p) {
    Position in_x = p;
    const int64_t j = p.index[last];
    double sum = 0;
    for (int64_t k = 0; k < w.shape[1]; ++k) {
      in_x.index[last] = k;
      sum += element<double>(x, in_x, out.rank) * w.as<double>()[j * w.stride[0] + k * w.stride[1]];
    }
    if (b.shape[0] > 0) sum += b.as<double>()[j * b.stride[0]];
    element<double>(out, p, out.rank) = activate(sum, activation);
  });
  return Status::ok;
}

constexpr Run kRows[] = {
    {"matmul", for_all<matmul_of<int64_t>, matmul_of<double>>()},
    {"linear", for_floats<linear_of>()},
};

}  // namespace

extern const Runs matmul_runs;
const Runs matmul_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::reference
