#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <numeric>

#include "reference/map.hpp"

namespace minigrad::reference {
namespace {

// Whether dimension d of x is among `dims`; all are where none is listed.
bool is_listed(const View& x, const Attribute& dims, int d) {
  bool found = dims.count == 0;
  for (int i = 0; i < dims.count; ++i) found = found || dims.integers[i] == d || dims.integers[i] == d - x.rank;
  return found;
}

// The part of x that is reduced to the place `to` of out: x with the kept dimensions cut down to one index. out has x's
// dimensions, those reduced of size 1, or lacks the reduced ones.
View reduced_part(const View& x, const Attribute& dims, const View& out, const Position& to) {
  View part = x;
  int64_t offset = 0;
  int own = 0;
  for (int d = 0; d < x.rank; ++d) {
    if (is_listed(x, dims, d)) continue;
    offset += to.index[out.rank == x.rank ? d : own++] * x.stride[d];
    part.shape[d] = 1;
  }
  part.data = x.as<char>() + offset * item_size(x.dtype);
  return part;
}

// The same for an `out` whose shape broadcasts to x's.
View broadcast_part(const View& x, const View& out, const Position& to) {
  View part = x;
  int64_t offset = 0;
  for (int d = 0; d < out.rank; ++d) {
    const int own = d + x.rank - out.rank;
    if (out.shape[d] == 1) continue;
    offset += to.index[d] * x.stride[own];
    part.shape[own] = 1;
  }
  part.data = x.as<char>() + offset * item_size(x.dtype);
  return part;
}

// The part of x that is reduced to a place of out: by the first attribute, a list of dims or a single one, or by
// shapes.
View part_by_dims(const Call& call, const Position& to) {
  return reduced_part(call.in[0], call.attributes[0], call.out[0], to);
}

View part_by_dim(const Call& call, const Position& to) {
  Attribute dim = call.attributes[0];
  dim.count = 1;  // a single integer carries no count
  return reduced_part(call.in[0], dim, call.out[0], to);
}

View part_by_shape(const Call& call, const Position& to) { return broadcast_part(call.in[0], call.out[0], to); }

// out[k] = f(call, the elements that are reduced to place k, in row-major order)
template <class W, class Out, auto f, auto part_of = part_by_dims>
Status reduction_of(const Call& call) {
  const View& out = call.out[0];
  for_each(out, [&](const Position& to) {
    const View part = part_of(call, to);
    Line<W> x;
    for_each(part, [&](const Position& p) { x.push_back(element<W>(part, p, part.rank)); });
    element<Out>(out, to, out.rank) = static_cast<Out>(f(call, x));
  });
  return Status::ok;
}

template <auto f, auto part_of = part_by_dims>
constexpr RunsByDType of_floats() {
  return for_floats<reduction_of<double, double, f, part_of>>();
}

template <auto f>
constexpr RunsByDType of_all() {
  return for_all<reduction_of<int64_t, int64_t, f>, reduction_of<double, double, f>>();
}

// Of all dtypes, with an integer or a truth for the result.
template <auto f>
constexpr RunsByDType to_integers() {
  return for_all<reduction_of<int64_t, int64_t, f>, reduction_of<double, int64_t, f>>();
}

// ---------------------------------------------------------------------------------------------------------------------
// What is made of the elements.

constexpr auto sum_value = []<class T>(const Call&, const Line<T>& x) {
  return std::accumulate(x.begin(), x.end(), T{0});
};

constexpr auto product_value = []<class T>(const Call&, const Line<T>& x) {
  return std::accumulate(x.begin(), x.end(), T{1}, std::multiplies<T>());
};

template <class T>
int64_t count_nonzeros(const Line<T>& x) {
  return std::count_if(x.begin(), x.end(), [](T value) { return value != 0; });
}

constexpr auto count_value = [](const Call&, const auto& x) { return count_nonzeros(x); };
constexpr auto any_value = [](const Call&, const auto& x) { return count_nonzeros(x) > 0; };
constexpr auto all_value = [](const Call&, const auto& x) { return count_nonzeros(x) == std::ssize(x); };

// The place of the best element: the first one where several are equal, the first NaN where there is one.
template <bool kLargest, class T>
int64_t best_place(const Line<T>& x) {
  size_t best = 0;
  for (size_t i = 1; i < x.size(); ++i) {
    const bool better = x[i] != x[i] || (kLargest ? x[best] < x[i] : x[i] < x[best]);
    if (x[best] == x[best] && better) best = i;
  }
  return static_cast<int64_t>(best);
}

template <bool kLargest>
constexpr auto first_best = [](const Call&, const auto& x) { return x[static_cast<size_t>(best_place<kLargest>(x))]; };

// +0 is greater than -0.
template <bool kLargest>
constexpr auto extremum = []<class T>(const Call& call, const Line<T>& x) {
  T best = first_best<kLargest>(call, x);
  for (const T value : x) {
    if (best == 0 && value == 0 && std::signbit(static_cast<double>(value)) != kLargest) best = value;
  }
  return best;
};

template <bool kLargest>
constexpr auto place = [](const Call&, const auto& x) { return best_place<kLargest>(x); };

template <class T, bool kLargest>
Status extremum_and_place_of(const Call& call) {
  reduction_of<T, T, first_best<kLargest>, part_by_dim>(call);
  Call of_place = call;
  of_place.out = call.out + 1;
  return reduction_of<T, int64_t, place<kLargest>, part_by_dim>(of_place);
}

double mean_value(const Call& call, const Line<double>& x) {
  return sum_value(call, x) / static_cast<double>(x.size());
}

double variance(const Call& call, const Line<double>& x) {
  const double mean = mean_value(call, x), degrees = static_cast<double>(x.size()) - call.attributes[2].real;
  double total = 0;
  for (double value : x) total += (value - mean) * (value - mean);
  return total / (degrees > 0 ? degrees : 0);
}

double log_of_sum(const Call&, const Line<double>& x) {
  double largest = -INFINITY, total = 0;
  for (double value : x) largest = value > largest || value != value ? value : largest;
  if (std::isinf(largest)) largest = 0;
  for (double value : x) total += std::exp(value - largest);
  return std::log(total) + largest;
}

double norm_value(const Call& call, const Line<double>& x) {
  const double p = call.attributes[2].real;
  double total = 0;
  for (double value : x) total += p == 0 ? (value == 0 ? 0 : 1) : std::pow(std::fabs(value), p);
  return p == 0 ? total : std::pow(total, 1 / p);
}

double sum_of_numbers(const Call&, const Line<double>& x) {
  double total = 0;
  for (double value : x) total += value == value ? value : 0;
  return total;
}

Status var_mean_of(const Call& call) {
  reduction_of<double, double, variance>(call);
  Call of_mean = call;
  of_mean.out = call.out + 1;
  return reduction_of<double, double, mean_value>(of_mean);
}

// ---------------------------------------------------------------------------------------------------------------------
// The ways back.

double times_deviation(double g, double x, double mean) { return g * (x - mean); }
double times_exp_difference(double g, double x, double total) {
  return g * std::exp(x - (total == -INFINITY ? 0 : total));
}

// Each element that equals its result gets the cotangent over the number of these.
Status share_ties_of(const Call& call) {
  const View& x = call.in[1];
  const View& result = call.in[2];
  const auto tied = [](double a, double b) { return a == b || (a != a && b != b); };
  for_each(result, [&](const Position& of) {
    const double extremum = element<double>(result, of, x.rank);
    const View part = reduced_part(x, call.attributes[0], result, of);
    const View out = reduced_part(call.out[0], call.attributes[0], result, of);
    double ties = 0;
    for_each(part, [&](const Position& p) { ties += tied(element<double>(part, p, part.rank), extremum) ? 1 : 0; });
    const double share = element<double>(call.in[0], of, x.rank) / ties;
    for_each(part, [&](const Position& p) {
      element<double>(out, p, out.rank) = tied(element<double>(part, p, part.rank), extremum) ? share : 0;
    });
  });
  return Status::ok;
}

// What stands before the element times what stands behind it, times the cotangent of its line.
Status product_of_others_of(const Call& call) {
  const View& x = call.in[1];
  const View& out = call.out[0];
  const int axis = axis_of(call.attributes[0], x);
  for_each(x, [&](const Position& p) {
    if (p.index[axis] != 0) return;
    Position at = p;
    double before = 1, behind = 1;
    const auto value = [&] { return element<double>(x, at, x.rank); };
    for (at.index[axis] = 0; at.index[axis] < x.shape[axis]; ++at.index[axis]) {
      element<double>(out, at, x.rank) = before;
      before *= value();
    }
    const double g = element<double>(call.in[0], p, x.rank);
    while (at.index[axis]-- > 0) {
      double& to = element<double>(out, at, x.rank);
      to *= behind * g;
      behind *= value();
    }
  });
  return Status::ok;
}

// The sum of the products in which 0 times infinity or NaN is 0.
Status product_sums_of(const Call& call) {
  for_each(call.out[0], [&](const Position& of) {
    const View x = broadcast_part(call.in[0], call.out[0], of), y = broadcast_part(call.in[1], call.out[0], of);
    double total = 0;
    for_each(x, [&](const Position& p) {
      const double a = element<double>(x, p, x.rank), b = element<double>(y, p, x.rank);
      total += a == 0 || b == 0 ? 0 : a * b;
    });
    element<double>(call.out[0], of, call.out[0].rank) = total;
  });
  return Status::ok;
}

constexpr Run kRows[] = {
    {"sum", of_all<sum_value>()},
    {"mean", of_floats<mean_value>()},
    {"prod", of_all<product_value>()},
    {"sum_to", of_floats<sum_value, part_by_shape>()},
    {"max", of_all<extremum<true>>()},
    {"min", of_all<extremum<false>>()},
    {"argmax", to_integers<place<true>>()},
    {"argmin", to_integers<place<false>>()},
    {"max_with_index", for_all<extremum_and_place_of<int64_t, true>, extremum_and_place_of<double, true>, 2>()},
    {"min_with_index", for_all<extremum_and_place_of<int64_t, false>, extremum_and_place_of<double, false>, 2>()},
    {"var_mean", for_floats<var_mean_of, 2>()},
    {"logsumexp", of_floats<log_of_sum>()},
    {"norm", of_floats<norm_value>()},
    {"nansum", of_floats<sum_of_numbers>()},
    {"any", to_integers<any_value>()},
    {"all", to_integers<all_value>()},
    {"count_nonzero", to_integers<count_value>()},
    {"deviation", float_map<times_deviation, 0, 1, 2>()},
    {"exp_difference", float_map<times_exp_difference, 0, 1, 2>()},
    {"share_ties", for_floats<share_ties_of>()},
    {"product_of_others", for_floats<product_of_others_of>()},
    {"product_sum_to", for_floats<product_sums_of>()},
};

}  // namespace

extern const Runs reduce_runs;
const Runs reduce_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::reference
