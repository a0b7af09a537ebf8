// The lines of x along a dim, one for each choice of the other dimensions, and where their results go: values, and the
// places where these stood.
#pragma once

#include "core/plans.hpp"
#include "kernels/moves.hpp"

namespace minigrad {
namespace {

struct Lines {
  Nest<3> nest;           // over the lines: values, places, x
  int64_t length, count;  // elements and results of a line
  int64_t value_step, place_step, x_step;

  int64_t lane_step(int operand) const { return nest.stride[operand][nest.rank - 1]; }
};

inline Lines make_lines(const Call& call, int64_t dim) {
  const View x = at_least_1d(call.in[0]), values = at_least_1d(call.out[0]), places = at_least_1d(call.out[1]);
  const int axis = static_cast<int>(dim < 0 ? dim + x.rank : dim);
  View lanes[3] = {values, places, x};
  for (View& lane : lanes) {
    for (int d = axis; d + 1 < lane.rank; ++d) {
      lane.shape[d] = lane.shape[d + 1];
      lane.stride[d] = lane.stride[d + 1];
    }
    --lane.rank;
  }
  const View* const operands[] = {&lanes[0], &lanes[1], &lanes[2]};
  return {make_nest(operands), x.shape[axis],       values.shape[axis],
          values.stride[axis], places.stride[axis], x.stride[axis]};
}

// Calls choose(x, worker, take) for each line; take(i, place) makes the element at `place` the i-th result.
template <class T, class Choose>
Status choose_from_lines(const Call& call, int64_t dim, double nanoseconds, Choose&& choose) {
  const Lines lines = make_lines(call, dim);
  if (lines.count == 0) return Status::ok;
  const double cost = nanoseconds * static_cast<double>(lines.length);
  parallel_for(lines.nest.size, cost, [&](int64_t begin, int64_t end, int worker) {
    for_rows(lines.nest, begin, end, [&](const int64_t* offset, int64_t count) {
      for (int64_t lane = 0; lane < count; ++lane) {
        T* const values = call.out[0].as<T>() + offset[0] + lane * lines.lane_step(0);
        int64_t* const places = call.out[1].as<int64_t>() + offset[1] + lane * lines.lane_step(1);
        const T* const x = call.in[0].as<T>() + offset[2] + lane * lines.lane_step(2);
        choose(lines, x, worker, [&](int64_t i, int64_t place) {
          values[i * lines.value_step] = x[place * lines.x_step];
          places[i * lines.place_step] = place;
        });
      }
    });
  });
  return Status::ok;
}

}  // namespace
}  // namespace minigrad
