// The loop nest of an elementwise kernel: dimensions dropped and merged, so that most calls are one flat loop.
//
// Included by files compiled once per instruction set: everything here has internal linkage.
#pragma once

#include "core/parallel.hpp"
#include "core/view.hpp"

namespace minigrad {

// `N` operands (the output first) that share one shape after broadcasting: stride 0 where an operand is repeated.
// The innermost dimension is the last one. A nest always has at least one dimension.
template <int N>
struct Nest {
  int rank;
  int64_t size;
  int64_t shape[kMaxRank];
  int64_t stride[N][kMaxRank];
};

// The nest of operands[0 ... N), broadcast to operands[0]'s shape. Dimensions of size 1 are dropped; neighbours that
// every operand walks through in equal steps are merged.
template <int N>
static inline Nest<N> make_nest(const View* const (&operands)[N]) {
  const View& out = *operands[0];
  int64_t shape[kMaxRank];
  int64_t strides[kMaxRank][N];
  int depth = 0;  // built from the innermost dimension outwards
  int64_t size = 1;
  for (int d = out.rank - 1; d >= 0; --d) {
    const int64_t extent = out.shape[d];
    size *= extent;
    if (extent == 1) continue;
    int64_t step[N];
    for (int i = 0; i < N; ++i) {
      const View& x = *operands[i];
      const int own = d - (out.rank - x.rank);
      step[i] = own >= 0 && x.shape[own] != 1 ? x.stride[own] : 0;
    }
    bool merge = depth > 0;
    for (int i = 0; merge && i < N; ++i) merge = step[i] == strides[depth - 1][i] * shape[depth - 1];
    if (merge) {
      shape[depth - 1] *= extent;
    } else {
      shape[depth] = extent;
      for (int i = 0; i < N; ++i) strides[depth][i] = step[i];
      ++depth;
    }
  }
  Nest<N> nest;
  nest.size = size;
  nest.rank = depth > 0 ? depth : 1;
  if (depth == 0) {
    nest.shape[0] = 1;
    for (int i = 0; i < N; ++i) nest.stride[i][0] = 1;
  }
  for (int d = 0; d < depth; ++d) {
    nest.shape[depth - 1 - d] = shape[d];
    for (int i = 0; i < N; ++i) nest.stride[i][depth - 1 - d] = strides[d][i];
  }
  return nest;
}

// Calls row(offsets, count) for every piece of an innermost row in the flat index range [begin, end): offsets[i] is
// where the piece starts in operand i, in elements; within it operand i advances by nest.stride[i][nest.rank - 1].
template <int N, class Row>
static inline void for_rows(const Nest<N>& nest, int64_t begin, int64_t end, Row&& row) {
  if (begin >= end) return;
  const int inner = nest.rank - 1;
  int64_t index[kMaxRank];
  int64_t offset[N] = {};
  int64_t rest = begin;
  for (int d = inner; d >= 0; --d) {
    index[d] = rest % nest.shape[d];
    rest /= nest.shape[d];
    for (int i = 0; i < N; ++i) offset[i] += index[d] * nest.stride[i][d];
  }
  while (begin < end) {
    const int64_t left = nest.shape[inner] - index[inner];
    const int64_t count = left < end - begin ? left : end - begin;
    row(offset, count);
    begin += count;
    if (begin >= end) return;
    for (int i = 0; i < N; ++i) offset[i] -= index[inner] * nest.stride[i][inner];
    index[inner] = 0;
    for (int d = inner - 1; d >= 0; --d) {
      for (int i = 0; i < N; ++i) offset[i] += nest.stride[i][d];
      if (++index[d] < nest.shape[d]) break;
      for (int i = 0; i < N; ++i) offset[i] -= nest.shape[d] * nest.stride[i][d];
      index[d] = 0;
    }
  }
}

}  // namespace minigrad
