// When threads may share the rows of softmax along another dimension than the last (softmax_columns.hpp), and the
// scratch for it.
//
// Included by files compiled once per instruction set: everything here has internal linkage.
#pragma once

#include "core/kernel.hpp"

namespace minigrad {
namespace {

constexpr int64_t kBlockOfRows = 64;  // times the lanes of a row

// The columns of each matrix along dim, if threads may share its rows, and otherwise 0. A function of shape, because it
// takes scratch: a row for each lane of a block, two more, and one for each worker.
inline int64_t shared_columns(const View& x, int64_t dim) {
  constexpr int64_t kFewRows = 32, kFewElements = 1 << 13, kMostColumns = 1 << 14;
  if (x.rank == 0) return 0;
  if (dim < 0) dim += x.rank;
  int64_t cols = 1;
  for (int d = static_cast<int>(dim) + 1; d < x.rank; ++d) cols *= x.shape[d];
  const int64_t n = x.shape[dim];
  return n >= kFewRows && cols > 1 && cols <= kMostColumns && n * cols >= kFewElements ? cols : 0;
}

// Columns whose neighbours lie apart are copied first: each element would be a line of memory.
inline void plan_shared_rows(Plan& plan, const View& x, int64_t dim) {
  for (int i = 0; i < plan.in_count; ++i) {
    const View& in = plan.in[i];
    const bool along_last = in.rank == 0 || dim == -1 || dim == in.rank - 1;
    if (!along_last && in.stride[in.rank - 1] != 1) plan.layout = InputLayout::packed;
  }
  const int64_t cols = shared_columns(x, dim), row = cols * item_size(x.dtype);
  if (cols == 0) return;
  const int64_t lanes = 64 / item_size(x.dtype), block = kBlockOfRows * lanes;
  const int64_t units = (x.shape[dim < 0 ? dim + x.rank : dim] + block - 1) / block * lanes;
  plan.scratch_shared = static_cast<size_t>((units + 2) * row);
  plan.scratch_per_worker = static_cast<size_t>(row);
}

}  // namespace
}  // namespace minigrad
