// The scratch of a statistic: room for the chunks of up to kMostSums sums, then kScratchValues contiguous arrays of one
// value for each result.
//
// Included by files compiled once per instruction set: everything here has internal linkage.
#pragma once

#include "core/kernel.hpp"

namespace minigrad {
namespace {

constexpr int kScratchValues = 4;

inline size_t whole_lines(size_t bytes) { return (bytes + 63) / 64 * 64; }

inline size_t scratch_before(size_t chunks) { return whole_lines(chunks); }

inline size_t scratch_bytes(const View& out) {
  return whole_lines(static_cast<size_t>(out.size() * item_size(out.dtype)));
}

// out's shape, contiguous at `data`.
inline View contiguous_view(const View& out, void* data) {
  View view = out;
  view.data = data;
  int64_t step = 1;
  for (int d = out.rank - 1; d >= 0; --d) {
    view.stride[d] = step;
    step *= out.shape[d];
  }
  return view;
}

}  // namespace
}  // namespace minigrad
