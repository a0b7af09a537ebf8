#include "reference/scan.hpp"

#include <cmath>

#include "reference/naive.hpp"

namespace minigrad::reference {
namespace {

// Calls visit(position, first) along every lane of x, in the order of the scan; `first` where a lane begins.
template <class Visit>
void for_lanes(const Call& call, Visit&& visit) {
  const View& out = call.out[0];
  if (out.rank == 0) return visit(Position{}, true);
  const int64_t given = call.attributes[0].integer();
  const int dim = static_cast<int>(given < 0 ? given + out.rank : given);
  const bool reverse = call.attributes[1].flag();
  View starts = out;
  if (out.shape[dim] > 0) starts.shape[dim] = 1;
  for_each(starts, [&](Position p) {
    for (int64_t i = 0; i < out.shape[dim]; ++i) {
      p.index[dim] = reverse ? out.shape[dim] - 1 - i : i;
      visit(p, i == 0);
    }
  });
}

// W is what a lane is computed in.
template <class T, class W>
Status cumsum_of(const Call& call) {
  const View& out = call.out[0];
  W sum = 0;
  for_lanes(call, [&](const Position& p, bool first) {
    const W x = static_cast<W>(element<T>(call.in[0], p, out.rank));
    sum = first ? x : sum + x;
    element<T>(out, p, out.rank) = static_cast<T>(sum);
  });
  return Status::ok;
}

// W is what a lane is computed in.
template <class T, class W>
Status cumprod_of(const Call& call) {
  const View& out = call.out[0];
  const bool exclusive = call.attributes[2].flag();
  W product = 1;
  for_lanes(call, [&](const Position& p, bool first) {
    const W x = static_cast<W>(element<T>(call.in[0], p, out.rank));
    const W before = first ? 1 : product;
    product = before * x;
    element<T>(out, p, out.rank) = static_cast<T>(exclusive ? before : product);
  });
  return Status::ok;
}

template <class T>
Status logcumsumexp_of(const Call& call) {
  const View& out = call.out[0];
  double largest = 0, sum = 0;
  for_lanes(call, [&](const Position& p, bool first) {
    const double x = element<T>(call.in[0], p, out.rank);
    const double before = first ? x : largest;
    largest = first || x > largest || x != x ? x : largest;
    const auto scaled = [](double value, double by) { return value == by ? 1.0 : std::exp(value - by); };
    sum = first ? 1 : sum * scaled(before, largest) + scaled(x, largest);
    element<T>(out, p, out.rank) = static_cast<T>(largest + std::log(sum));
  });
  return Status::ok;
}

template <class T>
Status linear_recurrence_of(const Call& call) {
  const View& out = call.out[0];
  double r = 0;
  for_lanes(call, [&](const Position& p, bool first) {
    const double a = element<T>(call.in[0], p, out.rank), b = element<T>(call.in[1], p, out.rank);
    r = first ? b : a * r + b;
    element<T>(out, p, out.rank) = static_cast<T>(r);
  });
  return Status::ok;
}

template <class T>
Status shift_of(const Call& call) {
  const View &x = call.in[0], &out = call.out[0];
  const int64_t given = call.attributes[0].integer(), by = call.attributes[1].integer();
  const int dim = static_cast<int>(given < 0 ? given + x.rank : given);
  for_each(out, [&](const Position& p) {
    Position source = p;
    const int64_t extent = x.rank > 0 ? x.shape[dim] : 1;
    const bool outside = by >= extent || by <= -extent || p.index[dim] - by < 0 || p.index[dim] - by >= extent;
    if (!outside) source.index[dim] = p.index[dim] - by;
    element<T>(out, p, out.rank) = outside ? T{} : element<T>(x, source, out.rank);
  });
  return Status::ok;
}

}  // namespace

const RunsByDType cumsum = {{nullptr, nullptr, nullptr, nullptr, nullptr, cumsum_of<int64_t, int64_t>,
                             cumsum_of<float, double>, cumsum_of<double, double>}};
const RunsByDType cumprod = {{nullptr, nullptr, nullptr, nullptr, nullptr, cumprod_of<int64_t, uint64_t>,
                              cumprod_of<float, double>, cumprod_of<double, double>}};
const RunsByDType logcumsumexp = floats(logcumsumexp_of<float>, logcumsumexp_of<double>);
const RunsByDType linear_recurrence = floats(linear_recurrence_of<float>, linear_recurrence_of<double>);
const RunsByDType shift = {{shift_of<bool>, shift_of<uint8_t>, shift_of<int8_t>, shift_of<int16_t>, shift_of<int32_t>,
                            shift_of<int64_t>, shift_of<float>, shift_of<double>}};

}  // namespace minigrad::reference
