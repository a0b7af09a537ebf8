#include <cmath>

#include "reference/naive.hpp"

namespace minigrad::reference {
namespace {

// Element (i, k) of the matrix of x that belongs to a position of the result.
double matrix_element(const View& x, Position p, int rank, int64_t i, int64_t k) {
  p.index[rank - 2] = i;
  p.index[rank - 1] = k;
  View own = x;
  own.shape[x.rank - 2] = own.shape[x.rank - 1] = 2;  // not to be taken for sizes that are repeated
  return element<double>(own, p, rank);
}

// A weight times a difference, or its sign; 0 where either is 0.
double weighted(double weight, double difference, double p) {
  const double slope = p == 2 ? difference : (difference > 0 ? 1.0 : 0.0) - (difference < 0 ? 1.0 : 0.0);
  return weight == 0 || slope == 0 ? 0 : weight * slope;
}

Status run_cdist(const Call& call) {
  const View &x = call.in[0], &y = call.in[1], &out = call.out[0];
  const double order = call.attributes[0].real;
  for_each(out, [&](const Position& p) {
    double sum = 0, largest = 0;
    for (int64_t k = 0; k < x.shape[x.rank - 1]; ++k) {
      const double size = std::fabs(matrix_element(x, p, out.rank, p.index[out.rank - 2], k) -
                                    matrix_element(y, p, out.rank, p.index[out.rank - 1], k));
      sum += order == 2 ? size * size : size;
      largest = size > largest || size != size ? size : largest;
    }
    at<double>(out, p) = order == 1 ? sum : order == 2 ? std::sqrt(sum) : largest;
  });
  return Status::ok;
}

Status run_cdist_pull(const Call& call) {
  const View &w = call.in[0], &x = call.in[1], &y = call.in[2], &out = call.out[0];
  for_each(out, [&](const Position& p) {
    const int64_t i = p.index[out.rank - 2], k = p.index[out.rank - 1];
    double sum = 0;
    for (int64_t j = 0; j < y.shape[y.rank - 2]; ++j) {
      const double difference = matrix_element(x, p, out.rank, i, k) - matrix_element(y, p, out.rank, j, k);
      sum += weighted(matrix_element(w, p, out.rank, i, j), difference, call.attributes[0].real);
    }
    at<double>(out, p) = sum;
  });
  return Status::ok;
}

Status run_cdist_push(const Call& call) {
  const View &w = call.in[0], &x = call.in[1], &y = call.in[2], &out = call.out[0];
  for_each(out, [&](const Position& p) {
    const int64_t i = p.index[out.rank - 2], j = p.index[out.rank - 1];
    double sum = 0;
    for (int64_t k = 0; k < x.shape[x.rank - 1]; ++k) {
      const double difference = matrix_element(x, p, out.rank, i, k) - matrix_element(y, p, out.rank, j, k);
      sum += weighted(matrix_element(w, p, out.rank, i, k), difference, call.attributes[0].real);
    }
    at<double>(out, p) = sum;
  });
  return Status::ok;
}

constexpr Run kRows[] = {
    {"cdist", for_floats<run_cdist>()},
    {"cdist_pull", for_floats<run_cdist_pull>()},
    {"cdist_push", for_floats<run_cdist_push>()},
};

}  // namespace

extern const Runs distance_runs;
const Runs distance_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::reference
