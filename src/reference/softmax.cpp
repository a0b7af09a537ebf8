#include "reference/softmax.hpp"

#include <cmath>
#include <vector>

#include "reference/naive.hpp"

namespace minigrad::reference {
namespace {

using Row = std::vector<double>;

int dim_of(const Call& call) {
  const int64_t dim = call.attributes[0].integer();
  const int rank = call.out[0].rank > 0 ? call.out[0].rank : 1;
  return static_cast<int>(dim < 0 ? dim + rank : dim);
}

// The row of x along `dim` through p.
Row row_at(const View& x, Position p, int dim) {
  Row row;
  const int64_t n = x.rank == 0 ? 1 : x.shape[dim];
  for (p.index[dim] = 0; p.index[dim] < n; ++p.index[dim]) row.push_back(element<double>(x, p, x.rank));
  return row;
}

// The maximum, NaN where there is one, and the sum of exp(x - maximum).
struct Normaliser {
  double max = -INFINITY, total = 0;
};

Normaliser normaliser_of(const Row& x) {
  Normaliser of;
  for (double value : x) of.max = value > of.max || value != value ? value : of.max;
  for (double value : x) of.total += std::exp(value - of.max);
  return of;
}

// Each row of out along dim is f(the row of the first input, the row of the last input).
template <auto f>
Status along_rows(const Call& call) {
  const View& out = call.out[0];
  const int dim = dim_of(call);
  View heads = out;
  if (out.rank > 0) heads.shape[dim] = out.shape[dim] > 0 ? 1 : 0;
  for_each(heads, [&](const Position& head) {
    const Row row = f(row_at(call.in[0], head, dim), row_at(call.in[call.in_count - 1], head, dim));
    Position p = head;
    for (double value : row) {
      element<double>(out, p, out.rank) = value;
      ++p.index[dim];
    }
  });
  return Status::ok;
}

Row softmax_of(const Row& x, const Row&) {
  const Normaliser of = normaliser_of(x);
  Row out;
  for (double value : x) out.push_back(std::exp(value - of.max) / of.total);
  return out;
}

Row log_softmax_of(const Row& x, const Row&) {
  const Normaliser of = normaliser_of(x);
  Row out;
  for (double value : x) out.push_back(value - of.max - std::log(of.total));
  return out;
}

Row softmax_grad_of(const Row& g, const Row& y) {
  double total = 0;
  for (size_t k = 0; k < g.size(); ++k) total += g[k] * y[k];
  Row out;
  for (size_t k = 0; k < g.size(); ++k) out.push_back(y[k] * (g[k] - total));
  return out;
}

Row log_softmax_grad_of(const Row& g, const Row& y) {
  double total = 0;
  for (double value : g) total += value;
  Row out;
  for (size_t k = 0; k < g.size(); ++k) out.push_back(g[k] - std::exp(y[k]) * total);
  return out;
}

template <auto f>
constexpr RunsByDType rows() {
  return for_floats<along_rows<f>>();
}

}  // namespace

const RunsByDType softmax = rows<softmax_of>();
const RunsByDType log_softmax = rows<log_softmax_of>();
const RunsByDType softmax_grad = rows<softmax_grad_of>();
const RunsByDType log_softmax_grad = rows<log_softmax_grad_of>();

}  // namespace minigrad::reference
