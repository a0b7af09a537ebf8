#include "reference/matmul.hpp"

#include <cmath>

#include "kernels/matmul_shapes.hpp"
#include "reference/naive.hpp"

namespace minigrad::reference {
namespace {

// out = Σ_k a[k] b[k]
template <class T, class Sum>
Status dot_of(const View& a, const View& b, T* out) {
  Sum sum = 0;
  for (int64_t k = 0; k < a.shape[0]; ++k) {
    sum += static_cast<Sum>(a.as<T>()[k * a.stride[0]]) * static_cast<Sum>(b.as<T>()[k * b.stride[0]]);
  }
  *out = static_cast<T>(sum);
  return Status::ok;
}

// out[..., i, j] = Σ_k a[..., i, k] b[..., k, j]
template <class T, class Sum = int64_t>
Status matmul_of(const Call& call) {
  const View &a = call.in[0], &b = call.in[1], &out = call.out[0];
  if (a.rank == 1) return dot_of<T, Sum>(a, b, out.as<T>());
  const int last = out.rank - 1;
  for_each(out, [&](const Position& p) {
    Position in_a = p, in_b = p;
    Sum sum = 0;
    for (int64_t k = 0; k < a.shape[a.rank - 1]; ++k) {
      in_a.index[last] = in_b.index[last - 1] = k;
      sum += static_cast<Sum>(element<T>(a, in_a, out.rank)) * static_cast<Sum>(element<T>(b, in_b, out.rank));
    }
    element<T>(out, p, out.rank) = static_cast<T>(sum);
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
template <class T>
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
      sum += static_cast<double>(element<T>(x, in_x, out.rank)) *
             static_cast<double>(w.as<T>()[j * w.stride[0] + k * w.stride[1]]);
    }
    if (b.shape[0] > 0) sum += static_cast<double>(b.as<T>()[j * b.stride[0]]);
    element<T>(out, p, out.rank) = static_cast<T>(activate(sum, activation));
  });
  return Status::ok;
}

}  // namespace

const RunsByDType matmul = {{nullptr, matmul_of<uint8_t>, matmul_of<int8_t>, matmul_of<int16_t>, matmul_of<int32_t>,
                             matmul_of<int64_t>, matmul_of<float, double>, matmul_of<double, double>}};
const RunsByDType linear = floats(linear_of<float>, linear_of<double>);

}  // namespace minigrad::reference
