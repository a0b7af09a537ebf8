#include "reference/reduce.hpp"

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
// Sums and products: W is double for the floats, the integer itself for integers.

template <class T, class W>
Status sum_of(const Call& call) {
  const View& out = call.out[0];
  for_each(out, [&](const Position& to) {
    const View part = reduced_part(call.in[0], call.attributes[0], out, to);
    W total = 0;
    for_each(part, [&](const Position& p) { total += element<T>(part, p, part.rank); });
    element<T>(out, to, out.rank) = static_cast<T>(total);
  });
  return Status::ok;
}

template <class T>
Status mean_of(const Call& call) {
  const View& out = call.out[0];
  for_each(out, [&](const Position& to) {
    const View part = reduced_part(call.in[0], call.attributes[0], out, to);
    double total = 0;
    for_each(part, [&](const Position& p) { total += element<T>(part, p, part.rank); });
    element<T>(out, to, out.rank) = static_cast<T>(total / static_cast<double>(part.size()));
  });
  return Status::ok;
}

template <class T, class W>
Status prod_of(const Call& call) {
  const View& out = call.out[0];
  for_each(out, [&](const Position& to) {
    const View part = reduced_part(call.in[0], call.attributes[0], out, to);
    W total = 1;
    for_each(part, [&](const Position& p) { total *= element<T>(part, p, part.rank); });
    element<T>(out, to, out.rank) = static_cast<T>(total);
  });
  return Status::ok;
}

template <class T>
Status sum_to_of(const Call& call) {
  const View& out = call.out[0];
  for_each(out, [&](const Position& to) {
    const View part = broadcast_part(call.in[0], out, to);
    double total = 0;
    for_each(part, [&](const Position& p) { total += element<T>(part, p, part.rank); });
    element<T>(out, to, out.rank) = static_cast<T>(total);
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

template <bool kLargest>
constexpr RunsByDType extrema() {
  return {{extremum_of<bool, kLargest>, extremum_of<uint8_t, kLargest>, extremum_of<int8_t, kLargest>,
           extremum_of<int16_t, kLargest>, extremum_of<int32_t, kLargest>, extremum_of<int64_t, kLargest>,
           extremum_of<float, kLargest>, extremum_of<double, kLargest>}};
}

template <bool kLargest>
constexpr RunsByDType indices() {
  return {{index_of<bool, kLargest>, index_of<uint8_t, kLargest>, index_of<int8_t, kLargest>,
           index_of<int16_t, kLargest>, index_of<int32_t, kLargest>, index_of<int64_t, kLargest>,
           index_of<float, kLargest>, index_of<double, kLargest>}};
}

template <bool kLargest>
constexpr RunsByDType extrema_and_indices() {
  return {{extremum_and_index_of<bool, kLargest>, extremum_and_index_of<uint8_t, kLargest>,
           extremum_and_index_of<int8_t, kLargest>, extremum_and_index_of<int16_t, kLargest>,
           extremum_and_index_of<int32_t, kLargest>, extremum_and_index_of<int64_t, kLargest>,
           extremum_and_index_of<float, kLargest>, extremum_and_index_of<double, kLargest>}};
}

constexpr RunsByDType with_int64(RunsByDType runs, RunFunction run) {
  runs.of[static_cast<int>(DType::int64)] = run;
  return runs;
}

}  // namespace

const RunsByDType sum = with_int64(floats(sum_of<float, double>, sum_of<double, double>), sum_of<int64_t, int64_t>);
const RunsByDType mean = floats(mean_of<float>, mean_of<double>);
const RunsByDType prod = with_int64(floats(prod_of<float, double>, prod_of<double, double>), prod_of<int64_t, int64_t>);
const RunsByDType sum_to = floats(sum_to_of<float>, sum_to_of<double>);
const RunsByDType max = extrema<true>();
const RunsByDType min = extrema<false>();
const RunsByDType argmax = indices<true>();
const RunsByDType argmin = indices<false>();
const RunsByDType max_with_index = extrema_and_indices<true>();
const RunsByDType min_with_index = extrema_and_indices<false>();

}  // namespace minigrad::reference
