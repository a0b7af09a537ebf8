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
