// What the kernels that take indices share: bounds, shapes as attributes, and an array without one of its dimensions.
//
// Included by files compiled once; everything here has internal linkage all the same.
#pragma once

#include <atomic>

#include "core/plans.hpp"
#include "kernels/moves.hpp"

namespace minigrad {
namespace {

// Writes the attribute's shape into out.
inline void shape_attribute(const Plan& plan, const Attribute& shape, View& out) {
  out.rank = shape.count;
  for (int d = 0; d < shape.count; ++d) out.shape[d] = shape.integers[d];
  for (int d = 0; d < shape.count; ++d) {
    if (shape.integers[d] < 0) fail(plan, ErrorKind::runtime, "negative size in shape " + shape_text(out));
  }
}

// Whether any worker met an index out of range.
class Failure {
 public:
  void report() { failed_.store(true, std::memory_order_relaxed); }
  bool reported() const { return failed_.load(std::memory_order_relaxed); }
  Status status() const { return reported() ? Status::index_out_of_range : Status::ok; }

 private:
  std::atomic<bool> failed_{false};
};

inline bool in_range(int64_t i, int64_t extent) { return static_cast<uint64_t>(i) < static_cast<uint64_t>(extent); }

// Whether `count` indices, `step` apart, are in range: one sign bit tells, so that the loop has no branch.
inline bool all_in_range(const int64_t* index, int64_t count, int64_t step, int64_t extent) {
  int64_t bits = 0;
  if (step == 1) {
    for (int64_t i = 0; i < count; ++i) bits |= index[i] | (extent - 1 - index[i]);
  } else {
    for (int64_t i = 0; i < count; ++i) bits |= index[i * step] | (extent - 1 - index[i * step]);
  }
  return bits >= 0;
}

// Whether every index is in range; those that a broadcast array repeats are looked at once.
inline bool every_index_in_range(const View& index, int64_t extent) {
  View own = index;
  for (int d = 0; d < own.rank; ++d) {
    if (own.stride[d] == 0 && own.shape[d] > 1) own.shape[d] = 1;
  }
  const View* const operands[] = {&own};
  const Nest<1> nest = make_nest(operands);
  const int64_t step = nest.stride[0][nest.rank - 1];
  bool good = true;
  for_rows(nest, 0, nest.size, [&](const int64_t* offset, int64_t count) {
    good &= all_in_range(index.as<int64_t>() + offset[0], count, step, extent);
  });
  return good;
}

// i counted from the end where negative.
inline int64_t wrapped(int64_t i, int64_t extent) { return i < 0 ? i + extent : i; }

// x with the sizes of `shape` and without dimension `dim`.
inline View without_dim(const View& x, const View& shape, int dim) {
  View out;
  out.data = x.data;
  out.dtype = x.dtype;
  out.rank = 0;
  for (int d = 0; d < shape.rank; ++d) {
    if (d == dim) continue;
    out.shape[out.rank] = shape.shape[d];
    out.stride[out.rank++] = x.stride[d];
  }
  return out;
}

// `dim` as a run gets it: counted from the end where negative.
inline int axis_of(const Attribute& dim, int rank) {
  return static_cast<int>(dim.integer() < 0 ? dim.integer() + rank : dim.integer());
}

}  // namespace
}  // namespace minigrad
