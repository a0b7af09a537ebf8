#include "reference/reduce.hpp"

#include <cmath>
#include <vector>

#include "reference/naive.hpp"

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
    const bool listed = is_listed(x, dims, d);
    if (!listed) {
      offset += to.index[out.rank == x.rank ? d : own] * x.stride[d];
      part.shape[d] = 1;
      ++own;
    }
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

// ---------------------------------------------------------------------------------------------------------------------
// Sums and products.

template <class T>
Status sum_of(const Call& call) {
  const View& out = call.out[0];
  for_each(out, [&](const Position& to) {
    const View part = reduced_part(call.in[0], call.attributes[0], out, to);
    T total = 0;
    for_each(part, [&](const Position& p) { total += element<T>(part, p, part.rank); });
    element<T>(out, to, out.rank) = total;
  });
  return Status::ok;
}

Status mean_of(const Call& call) {
  const View& out = call.out[0];
  for_each(out, [&](const Position& to) {
    const View part = reduced_part(call.in[0], call.attributes[0], out, to);
    double total = 0;
    for_each(part, [&](const Position& p) { total += element<double>(part, p, part.rank); });
    element<double>(out, to, out.rank) = total / static_cast<double>(part.size());
  });
  return Status::ok;
}

template <class T>
Status prod_of(const Call& call) {
  const View& out = call.out[0];
  for_each(out, [&](const Position& to) {
    const View part = reduced_part(call.in[0], call.attributes[0], out, to);
    T total = 1;
    for_each(part, [&](const Position& p) { total *= element<T>(part, p, part.rank); });
    element<T>(out, to, out.rank) = total;
  });
  return Status::ok;
}

Status sum_to_of(const Call& call) {
  const View& out = call.out[0];
  for_each(out, [&](const Position& to) {
    const View part = broadcast_part(call.in[0], out, to);
    double total = 0;
    for_each(part, [&](const Position& p) { total += element<double>(part, p, part.rank); });
    element<double>(out, to, out.rank) = total;
  });
  return Status::ok;
}

// ---------------------------------------------------------------------------------------------------------------------
// Extrema.

// The best element of a part, and its number among these elements in row-major order: the first one where several are
// equal, the first NaN where there is one.
template <class T>
struct Best {
  T value;
  int64_t index;
};

template <class T, bool kLargest>
Best<T> best_of(const View& part) {
  Best<T> best = {T{}, -1};
  int64_t count = 0;
  for_each(part, [&](const Position& p) {
    const T value = element<T>(part, p, part.rank);
    const bool better = value != value || (kLargest ? best.value < value : value < best.value);
    if (best.index < 0 || (best.value == best.value && better)) best = {value, count};
    ++count;
  });
  return best;
}

template <class T, bool kLargest>
Status extremum_of(const Call& call) {
  const View& out = call.out[0];
  for_each(out, [&](const Position& to) {
    element<T>(out, to, out.rank) = best_of<T, kLargest>(reduced_part(call.in[0], call.attributes[0], out, to)).value;
  });
  return Status::ok;
}

template <class T, bool kLargest>
Status index_of(const Call& call) {
  const View& out = call.out[0];
  for_each(out, [&](const Position& to) {
    const View part = reduced_part(call.in[0], call.attributes[0], out, to);
    element<int64_t>(out, to, out.rank) = best_of<T, kLargest>(part).index;
  });
  return Status::ok;
}

template <class T, bool kLargest>
Status extremum_and_index_of(const Call& call) {
  const View& out = call.out[0];
  Attribute dims = call.attributes[0];
  dims.count = 1;  // a single integer carries no count
  for_each(out, [&](const Position& to) {
    const Best<T> best = best_of<T, kLargest>(reduced_part(call.in[0], dims, out, to));
    element<T>(out, to, out.rank) = best.value;
    element<int64_t>(call.out[1], to, out.rank) = best.index;
  });
  return Status::ok;
}

// ---------------------------------------------------------------------------------------------------------------------
// What is made of the elements, and the ways back.

// out[k] = f(call, the elements of result k as double).
template <auto f>
Status statistic_of(const Call& call) {
  const View& out = call.out[0];
  for_each(out, [&](const Position& to) {
    const View part = reduced_part(call.in[0], call.attributes[0], out, to);
    std::vector<double> x;
    for_each(part, [&](const Position& p) { x.push_back(element<double>(part, p, part.rank)); });
    element<double>(out, to, out.rank) = f(call, x);
  });
  return Status::ok;
}

double mean_value(const std::vector<double>& x) {
  double total = 0;
  for (double value : x) total += value;
  return total / static_cast<double>(x.size());
}

double variance(const Call& call, const std::vector<double>& x) {
  const double mean = mean_value(x), degrees = static_cast<double>(x.size()) - call.attributes[2].real;
  double total = 0;
  for (double value : x) total += (value - mean) * (value - mean);
  return total / (degrees > 0 ? degrees : 0);
}

double log_of_sum(const Call&, const std::vector<double>& x) {
  double largest = -INFINITY, total = 0;
  for (double value : x) largest = value > largest || value != value ? value : largest;
  if (std::isinf(largest)) largest = 0;
  for (double value : x) total += std::exp(value - largest);
  return std::log(total) + largest;
}

double norm_value(const Call& call, const std::vector<double>& x) {
  const double p = call.attributes[2].real;
  double total = 0;
  for (double value : x) total += p == 0 ? (value == 0 ? 0 : 1) : std::pow(std::fabs(value), p);
  return p == 0 ? total : std::pow(total, 1 / p);
}

double sum_of_numbers(const Call&, const std::vector<double>& x) {
  double total = 0;
  for (double value : x) total += value == value ? value : 0;
  return total;
}

Status var_mean_of(const Call& call) {
  statistic_of<variance>(call);
  Call of_mean = call;
  of_mean.out = call.out + 1;
  return statistic_of<[](const Call&, const std::vector<double>& x) { return mean_value(x); }>(of_mean);
}

template <auto f>
Status ternary_of(const Call& call) {
  const View& out = call.out[0];
  const auto at = [&](int i, const Position& p) { return element<double>(call.in[i], p, out.rank); };
  for_each(out, [&](const Position& p) { element<double>(out, p, out.rank) = f(at(0, p), at(1, p), at(2, p)); });
  return Status::ok;
}

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
  const int64_t dim = call.attributes[0].integer();
  const int axis = static_cast<int>(dim < 0 ? dim + x.rank : dim);
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

// f(count of what is not 0, count of all).
template <class T, auto f>
Status count_of(const Call& call) {
  const View& out = call.out[0];
  for_each(out, [&](const Position& to) {
    const View part = reduced_part(call.in[0], call.attributes[0], out, to);
    int64_t count = 0;
    for_each(part, [&](const Position& p) { count += element<T>(part, p, part.rank) != 0 ? 1 : 0; });
    element<int64_t>(out, to, out.rank) = f(count, part.size());
  });
  return Status::ok;
}

template <auto f>
constexpr RunsByDType counts() {
  return for_all<count_of<int64_t, f>, count_of<double, f>>();
}

bool is_any(int64_t count, int64_t) { return count > 0; }
bool is_all(int64_t count, int64_t n) { return count == n; }
int64_t is_count(int64_t count, int64_t) { return count; }

}  // namespace

const RunsByDType sum = for_all<sum_of<int64_t>, sum_of<double>>();
const RunsByDType mean = for_floats<mean_of>();
const RunsByDType prod = for_all<prod_of<int64_t>, prod_of<double>>();
const RunsByDType sum_to = for_floats<sum_to_of>();
const RunsByDType max = for_all<extremum_of<int64_t, true>, extremum_of<double, true>>();
const RunsByDType min = for_all<extremum_of<int64_t, false>, extremum_of<double, false>>();
const RunsByDType argmax = for_all<index_of<int64_t, true>, index_of<double, true>>();
const RunsByDType argmin = for_all<index_of<int64_t, false>, index_of<double, false>>();
const RunsByDType max_with_index =
    for_all<extremum_and_index_of<int64_t, true>, extremum_and_index_of<double, true>, 2>();
const RunsByDType min_with_index =
    for_all<extremum_and_index_of<int64_t, false>, extremum_and_index_of<double, false>, 2>();
const RunsByDType var_mean = for_floats<var_mean_of, 2>();
const RunsByDType logsumexp = for_floats<statistic_of<log_of_sum>>();
const RunsByDType norm = for_floats<statistic_of<norm_value>>();
const RunsByDType nansum = for_floats<statistic_of<sum_of_numbers>>();
const RunsByDType deviation = for_floats<ternary_of<times_deviation>>();
const RunsByDType exp_difference = for_floats<ternary_of<times_exp_difference>>();
const RunsByDType share_ties = for_floats<share_ties_of>();
const RunsByDType product_of_others = for_floats<product_of_others_of>();
const RunsByDType any = counts<is_any>();
const RunsByDType all = counts<is_all>();
const RunsByDType count_nonzero = counts<is_count>();

}  // namespace minigrad::reference
