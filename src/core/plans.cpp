#include "core/plans.hpp"

#include <algorithm>

namespace minigrad {

std::string shape_text(const View& view) {
  std::string text = "(";
  for (int d = 0; d < view.rank; ++d) {
    if (d > 0) text += ", ";
    text += std::to_string(view.shape[d]);
  }
  return text + (view.rank == 1 ? ",)" : ")");
}

void fail(const Plan& plan, ErrorKind kind, const std::string& message) {
  throw Error(kind, std::string(plan.name) + ": " + message);
}

int normalise_dim(const Plan& plan, const View& view, int64_t dim) {
  const int64_t rank = std::max(view.rank, 1);
  if (dim < -rank || dim >= rank) {
    fail(plan, ErrorKind::index, "dim " + std::to_string(dim) + " out of range for shape " + shape_text(view));
  }
  return static_cast<int>(dim < 0 ? dim + rank : dim);
}

int checked_dim(const Plan& plan, int64_t dim, int rank) {
  if (dim < 0 || dim >= rank) {
    fail(plan, ErrorKind::index, "dim " + std::to_string(dim) + " out of range for shape " + shape_text(plan.in[0]));
  }
  return static_cast<int>(dim);
}

void shape_attribute(const Plan& plan, const Attribute& shape, View& out) {
  out.rank = shape.count;
  for (int d = 0; d < shape.count; ++d) out.shape[d] = shape.integers[d];
  for (int d = 0; d < shape.count; ++d) {
    if (shape.integers[d] < 0) fail(plan, ErrorKind::runtime, "negative size in shape " + shape_text(out));
  }
}

void broadcast_shape(const Plan& plan, const View* const* views, int count, View& out) {
  out.rank = 0;
  for (int i = 0; i < count; ++i) out.rank = std::max(out.rank, views[i]->rank);
  for (int d = 0; d < out.rank; ++d) out.shape[d] = 1;
  for (int i = 0; i < count; ++i) {
    const View& x = *views[i];
    for (int d = 0; d < x.rank; ++d) {
      int64_t& extent = out.shape[d + out.rank - x.rank];
      if (extent == 1) {
        extent = x.shape[d];
      } else if (x.shape[d] != 1 && x.shape[d] != extent) {
        std::string shapes = shape_text(*views[0]);
        for (int j = 1; j < count; ++j) shapes += (j + 1 < count ? ", " : " and ") + shape_text(*views[j]);
        fail(plan, ErrorKind::runtime, "shapes " + shapes + " do not broadcast");
      }
    }
  }
}

void copy_shape(const View& x, DType dtype, View& out) {
  out.dtype = dtype;
  out.rank = x.rank;
  for (int d = 0; d < x.rank; ++d) out.shape[d] = x.shape[d];
}

}  // namespace minigrad
