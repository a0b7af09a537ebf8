#include "reference/standardize.hpp"

#include <cmath>

#include "reference/naive.hpp"

namespace minigrad::reference {
namespace {

// The lines of a matrix, along which is normalised: rows (dim 1) or columns (dim 0).
template <class T>
struct Matrix {
  const View& view;
  int64_t dim;

  int64_t lines() const { return view.shape[1 - dim]; }
  int64_t n() const { return view.shape[dim]; }
  T& at(int64_t line, int64_t k) const { return view.as<T>()[line * view.stride[1 - dim] + k * view.stride[dim]]; }
};

template <class T>
T& element_of(const View& x, int64_t i) {
  return x.as<T>()[i * x.stride[0]];
}

// The weight or bias of an element; `missing` where there is none.
template <class T>
double column(const View& w, int64_t dim, int64_t line, int64_t k, double missing) {
  return w.shape[0] == 0 ? missing : element_of<T>(w, dim == 1 ? k : line);
}

struct Moments {
  double mean = 0, variance = 0, scale = 0;
};

template <class T>
Moments moments_of(const Matrix<T>& x, int64_t line, const Attribute* attributes) {
  Moments of;
  const double n = static_cast<double>(x.n());
  for (int64_t k = 0; attributes[2].flag() && k < x.n(); ++k) of.mean += x.at(line, k) / n;
  for (int64_t k = 0; k < x.n(); ++k) of.variance += (x.at(line, k) - of.mean) * (x.at(line, k) - of.mean) / n;
  of.scale = 1 / std::sqrt(of.variance + attributes[0].real);
  return of;
}

// The moments that a call was given as inputs i and i + 1.
template <class T>
Moments given(const Call& call, int i, int64_t line) {
  const double mean = element_of<T>(call.in[i], line), variance = element_of<T>(call.in[i + 1], line);
  return {mean, variance, 1 / std::sqrt(variance + call.attributes[0].real)};
}

template <class T>
Status moments_run(const Call& call) {
  const Matrix<T> x = {call.in[0], call.attributes[1].integer()};
  for (int64_t i = 0; i < x.lines(); ++i) {
    const Moments of = moments_of(x, i, call.attributes);
    element_of<T>(call.out[0], i) = static_cast<T>(x.n() == 0 && call.attributes[2].flag() ? NAN : of.mean);
    element_of<T>(call.out[1], i) = static_cast<T>(x.n() == 0 ? NAN : of.variance);
  }
  return Status::ok;
}

template <class T>
Status standardize_of(const Call& call) {
  const int64_t dim = call.attributes[1].integer();
  const Matrix<T> x = {call.in[0], dim}, out = {call.out[0], dim};
  for (int64_t i = 0; i < x.lines(); ++i) {
    const Moments of = moments_of(x, i, call.attributes);
    element_of<T>(call.out[1], i) = static_cast<T>(x.n() == 0 && call.attributes[2].flag() ? NAN : of.mean);
    element_of<T>(call.out[2], i) = static_cast<T>(x.n() == 0 ? NAN : of.variance);
    for (int64_t k = 0; k < x.n(); ++k) {
      const double w = column<T>(call.in[1], dim, i, k, 1), b = column<T>(call.in[2], dim, i, k, 0);
      out.at(i, k) = static_cast<T>((x.at(i, k) - of.mean) * of.scale * w + b);
    }
  }
  return Status::ok;
}

template <class T>
Status standardize_grad_of(const Call& call) {
  const int64_t dim = call.attributes[1].integer();
  const Matrix<T> g = {call.in[0], dim}, x = {call.in[1], dim}, out = {call.out[0], dim};
  const double n = static_cast<double>(x.n());
  for (int64_t i = 0; i < x.lines(); ++i) {
    const Moments of = given<T>(call, 3, i);
    double sum = 0, products = 0;
    for (int64_t k = 0; k < x.n(); ++k) {
      const double a = g.at(i, k) * column<T>(call.in[2], dim, i, k, 1);
      sum += call.attributes[2].flag() ? a / n : 0;
      products += a * (x.at(i, k) - of.mean) / n;
    }
    for (int64_t k = 0; k < x.n(); ++k) {
      const double a = g.at(i, k) * column<T>(call.in[2], dim, i, k, 1);
      const double along = (x.at(i, k) - of.mean) * of.scale * of.scale * products;
      out.at(i, k) = static_cast<T>(of.scale * (a - sum - along));
    }
  }
  return Status::ok;
}

template <class T>
Status standardize_weight_grad_of(const Call& call) {
  const int64_t dim = call.attributes[1].integer();
  const Matrix<T> g = {call.in[0], dim}, x = {call.in[1], dim};
  for (int64_t j = 0; j < x.view.shape[1]; ++j) {
    double total = 0;
    for (int64_t i = 0; i < x.view.shape[0]; ++i) {
      const int64_t line = dim == 1 ? i : j, k = dim == 1 ? j : i;
      const Moments of = given<T>(call, 2, line);
      total += g.at(line, k) * (x.at(line, k) - of.mean) * of.scale;
    }
    element_of<T>(call.out[0], j) = static_cast<T>(total);
  }
  return Status::ok;
}

}  // namespace

const RunsByDType moments = floats(moments_run<float>, moments_run<double>);
const RunsByDType standardize = floats(standardize_of<float>, standardize_of<double>);
const RunsByDType standardize_grad = floats(standardize_grad_of<float>, standardize_grad_of<double>);
const RunsByDType standardize_weight_grad =
    floats(standardize_weight_grad_of<float>, standardize_weight_grad_of<double>);

}  // namespace minigrad::reference
