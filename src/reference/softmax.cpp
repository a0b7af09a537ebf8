#include <cmath>

#include "reference/naive.hpp"

namespace minigrad::reference {
namespace {

using Row = Line<double>;

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
  const int dim = axis_of(call.attributes[0], out);
  for_lines(out, dim, [&](Position p) {
    const Row row = f(line_at<double>(call.in[0], p, dim), line_at<double>(call.in[call.in_count - 1], p, dim));
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

constexpr Run kRows[] = {
    {"softmax", rows<softmax_of>()},
    {"log_softmax", rows<log_softmax_of>()},
    {"softmax_grad", rows<softmax_grad_of>()},
    {"log_softmax_grad", rows<log_softmax_grad_of>()},
};

}  // namespace

extern const Runs softmax_runs;
const Runs softmax_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::reference
