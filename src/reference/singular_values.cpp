#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "reference/naive.hpp"

namespace minigrad::reference {
namespace {

using Column = std::vector<double>;

double dot(const Column& x, const Column& y) { return std::inner_product(x.begin(), x.end(), y.begin(), 0.0); }

void rotate(Column& x, Column& y, double angle) {
  const double cosine = std::cos(angle), sine = std::sin(angle);
  for (size_t i = 0; i < x.size(); ++i) {
    const double a = x[i], b = y[i];
    x[i] = cosine * a - sine * b;
    y[i] = sine * a + cosine * b;
  }
}

// Turns each pair of columns, and those of v with them, until all are orthogonal.
void orthogonalize(std::vector<Column>& a, std::vector<Column>& v) {
  bool turned = true;
  for (int sweep = 0; turned && sweep < 40; ++sweep) {
    turned = false;
    for (size_t i = 0; i < a.size(); ++i) {
      for (size_t j = i + 1; j < a.size(); ++j) {
        const double xx = dot(a[i], a[i]), yy = dot(a[j], a[j]), xy = dot(a[i], a[j]);
        if (!(std::fabs(xy) > 0x1p-52 * std::sqrt(xx) * std::sqrt(yy))) continue;
        // Of the two angles it is the one of at most 45 degrees, so that long columns stay where they are.
        const double angle = xx == yy ? std::copysign(std::atan(1.0), xy) : std::atan(2 * xy / (yy - xx)) / 2;
        rotate(a[i], a[j], angle);
        rotate(v[i], v[j], angle);
        turned = true;
      }
    }
  }
}

// One matrix, at position p of the batch.
void decompose(const Call& call, Position p) {
  const View &x = call.in[0], &out = call.out[0], &u = call.out[1], &w = call.out[2];
  const int last = x.rank - 1;
  int64_t &row = p.index[last - 1], &column = p.index[last];
  const auto m = static_cast<size_t>(x.shape[last - 1]), n = static_cast<size_t>(x.shape[last]);
  std::vector<Column> a(n, Column(m)), v(n, Column(n));
  const auto fill = [&](const View& view, size_t rows, auto&& visit) {
    for (column = 0; column < static_cast<int64_t>(n); ++column) {
      for (row = 0; row < static_cast<int64_t>(rows); ++row) visit(at<double>(view, p));
    }
  };
  double nothing = 0;  // NaN where an element is infinite or NaN: then all is
  fill(x, m, [&](double& value) { nothing += 0 * value; });
  fill(x, m, [&](double& value) { a[column][row] = value + nothing; });
  for (size_t j = 0; j < n; ++j) v[j][j] = 1;
  orthogonalize(a, v);
  std::vector<double> length;
  for (const Column& c : a) length.push_back(std::sqrt(dot(c, c)));
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t i, size_t j) { return length[i] > length[j]; });
  const bool zeros = n == 0 || length[order[0]] == 0;
  fill(u, m, [&](double& value) {
    const size_t j = order[column];
    value = length[j] == 0 ? zeros && row == column : a[j][row] / length[j];
  });
  fill(w, n, [&](double& value) { value = v[order[column]][row]; });
  for (size_t k = 0; k < n; ++k) {
    row = static_cast<int64_t>(k);
    at<double>(out, p) = length[order[k]];
  }
}

Status run(const Call& call) {
  View batch = call.in[0];
  batch.rank -= 2;
  for_each(batch, [&](const Position& p) { decompose(call, p); });
  return Status::ok;
}

constexpr Run kRows[] = {
    {"singular_values", for_floats<run, 3>()},
};

}  // namespace

extern const Runs singular_values_runs;
const Runs singular_values_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::reference
