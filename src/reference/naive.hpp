// What the naive references share: an element by its logical position, a walk over all positions, and operands as
// double and int64.
//
// A reference says what a kernel means in the plainest loops, computed in double or int64 whatever the dtype and
// rounded once at the end. It serves tests and benchmarks; nothing else calls it.
#pragma once

#include <vector>

#include "core/kernel.hpp"

namespace minigrad::reference {

// A position: one index for each dimension.
struct Position {
  int64_t index[kMaxRank] = {};
};

// The element of x at a position of an array that x broadcasts to: dimensions are matched from the last one, and those
// of size 1 are repeated.
template <class T>
T& element(const View& x, const Position& position, int rank) {
  int64_t offset = 0;
  for (int d = 0; d < x.rank; ++d) {
    if (x.shape[d] != 1) offset += position.index[d + rank - x.rank] * x.stride[d];
  }
  return x.as<T>()[offset];
}

// The element of x at the first x.rank indices of a position; sizes of x do not matter.
template <class T>
T& at(const View& x, const Position& position) {
  int64_t offset = 0;
  for (int d = 0; d < x.rank; ++d) offset += position.index[d] * x.stride[d];
  return x.as<T>()[offset];
}

// Calls visit(position) for every position of x, in row-major order.
template <class Visit>
void for_each(const View& x, Visit&& visit) {
  Position position;
  for (int64_t n = x.size(); n > 0; --n) {
    visit(position);
    for (int d = x.rank - 1; d >= 0; --d) {
      if (++position.index[d] < x.shape[d]) break;
      position.index[d] = 0;
    }
  }
}

// The dimension that an attribute names, counted from the end where negative; 0 of arrays without dimensions.
inline int axis_of(const Attribute& dim, const View& x) {
  return x.rank == 0 ? 0 : static_cast<int>(dim.integer() < 0 ? dim.integer() + x.rank : dim.integer());
}

inline int64_t extent_of(const View& x, int dim) { return x.rank == 0 ? 1 : x.shape[dim]; }

template <class T>
using Line = std::vector<T>;

// The elements of x along `dim` through p.
template <class T>
Line<T> line_at(const View& x, Position p, int dim) {
  Line<T> line;
  for (int64_t& i = p.index[dim] = 0; i < extent_of(x, dim); ++i) line.push_back(element<T>(x, p, x.rank));
  return line;
}

// Calls visit(p) for the first place of every line of x along `dim`.
template <class Visit>
void for_lines(const View& x, int dim, Visit&& visit) {
  View starts = x;
  if (extent_of(x, dim) > 0) starts.shape[dim] = 1;
  for_each(starts, visit);
}

template <class T>
void zero(const View& out) {
  for_each(out, [&](const Position& p) { at<T>(out, p) = T{}; });
}

// out = x, of one shape, whatever their dtypes.
void convert(const View& out, const View& x);

// run, written for double and int64 alone: operands are converted to double, those of integers and booleans to int64,
// and results back.
Status run_widened(const Call& call, RunFunction run, int out_count);

template <RunFunction run, int kOutputs>
Status widened(const Call& call) {
  return run_widened(call, run, kOutputs);
}

template <RunFunction of_double, int kOutputs = 1>
constexpr RunsByDType for_floats() {
  return floats(widened<of_double, kOutputs>, widened<of_double, kOutputs>);
}

constexpr RunsByDType for_int64(RunFunction run) { return {{nullptr, nullptr, nullptr, nullptr, nullptr, run}}; }

template <RunFunction of_int64, RunFunction of_double, int kOutputs = 1>
constexpr RunsByDType for_all() {
  constexpr RunFunction whole = widened<of_int64, kOutputs>, real = widened<of_double, kOutputs>;
  return {{whole, whole, whole, whole, whole, whole, real, real, real}};
}

}  // namespace minigrad::reference
