// What the naive references share: an element by its logical position, and a walk over all positions.
//
// A reference says what a kernel means in the plainest loops, computed in double whatever the dtype and rounded once at
// the end. It serves tests and benchmarks; nothing else calls it.
#pragma once

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

template <class T>
void zero(const View& out) {
  for_each(out, [&](const Position& p) { at<T>(out, p) = T{}; });
}

}  // namespace minigrad::reference
