#include <cmath>

#include "reference/naive.hpp"

namespace minigrad::reference {
namespace {

// Calls visit(position, first) along every lane of x, in the order of the scan; `first` where a lane begins.
template <class Visit>
void for_lanes(const Call& call, Visit&& visit) {
  const View& out = call.out[0];
  const int dim = axis_of(call.attributes[0], out);
  const int64_t last = extent_of(out, dim) - 1;
  for_lines(out, dim, [&](Position p) {
    for (int64_t i = 0; i <= last; ++i) {
      p.index[dim] = call.attributes[1].flag() ? last - i : i;
      visit(p, i == 0);
    }
  });
}

template <class T>
Status cumsum_of(const Call& call) {
  const View& out = call.out[0];
  T sum = 0;
  for_lanes(call, [&](const Position& p, bool first) {
    const T x = element<T>(call.in[0], p, out.rank);
    sum = first ? x : sum + x;
    element<T>(out, p, out.rank) = sum;
  });
  return Status::ok;
}

template <class T>
Status cumprod_of(const Call& call) {
  const View& out = call.out[0];
  const bool exclusive = call.attributes[2].flag();
  T product = 1;
  for_lanes(call, [&](const Position& p, bool first) {
    const T x = element<T>(call.in[0], p, out.rank);
    const T before = first ? 1 : product;
    product = before * x;
    element<T>(out, p, out.rank) = exclusive ? before : product;
  });
  return Status::ok;
}

Status logcumsumexp_of(const Call& call) {
  const View& out = call.out[0];
  double largest = 0, sum = 0;
  for_lanes(call, [&](const Position& p, bool first) {
    const double x = element<double>(call.in[0], p, out.rank);
    const double before = first ? x : largest;
    largest = first || x > largest || x != x ? x : largest;
    const auto scaled = [](double value, double by) { return value == by ? 1.0 : std::exp(value - by); };
    sum = first ? 1 : sum * scaled(before, largest) + scaled(x, largest);
    element<double>(out, p, out.rank) = largest + std::log(sum);
  });
  return Status::ok;
}

Status linear_recurrence_of(const Call& call) {
  const View& out = call.out[0];
  double r = 0;
  for_lanes(call, [&](const Position& p, bool first) {
    const double a = element<double>(call.in[0], p, out.rank), b = element<double>(call.in[1], p, out.rank);
    r = first ? b : a * r + b;
    element<double>(out, p, out.rank) = r;
  });
  return Status::ok;
}

template <class T>
Status shift_of(const Call& call) {
  const View &x = call.in[0], &out = call.out[0];
  const int64_t by = call.attributes[1].integer();
  const int dim = axis_of(call.attributes[0], x);
  for_each(out, [&](const Position& p) {
    Position source = p;
    const int64_t extent = extent_of(x, dim);
    const bool outside = by >= extent || by <= -extent || p.index[dim] - by < 0 || p.index[dim] - by >= extent;
    if (!outside) source.index[dim] = p.index[dim] - by;
    element<T>(out, p, out.rank) = outside ? T{} : element<T>(x, source, out.rank);
  });
  return Status::ok;
}

constexpr Run kRows[] = {
    {"cumsum", for_all<cumsum_of<int64_t>, cumsum_of<double>>()},
    {"cumprod", for_all<cumprod_of<int64_t>, cumprod_of<double>>()},
    {"logcumsumexp", for_floats<logcumsumexp_of>()},
    {"linear_recurrence", for_floats<linear_recurrence_of>()},
    {"shift", for_all<shift_of<int64_t>, shift_of<double>>()},
};

}  // namespace

extern const Runs scan_runs;
const Runs scan_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::reference
