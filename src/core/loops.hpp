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

static inline void swap(int64_t& a, int64_t& b) {
  const int64_t kept = a;
  a = b;
  b = kept;
}

// The nest of operands[0 ... N), broadcast to operands[0]'s shape. Dimensions of size 1 are dropped; neighbours that
// every operand walks through in equal steps are merged.
template <int N>
static inline Nest<N> make_nest(const View* const (&operands)[N]) {
  const View& out = *operands[0];
  Nest<N> nest;
  nest.size = 1;
  int depth = 0;  // built from the innermost dimension outwards, and turned round at the end
  for (int d = out.rank - 1; d >= 0; --d) {
    const int64_t extent = out.shape[d];
    nest.size *= extent;
    if (extent == 1) continue;
    int64_t step[N];
    bool merge = depth > 0;
#pragma GCC unroll 5
    for (int i = 0; i < N; ++i) {
      const View& x = *operands[i];
      const int own = d - (out.rank - x.rank);
      step[i] = own >= 0 && x.shape[own] != 1 ? x.stride[own] : 0;
      merge = merge && step[i] == nest.stride[i][depth - 1] * nest.shape[depth - 1];
    }
    if (merge) {
      nest.shape[depth - 1] *= extent;
      continue;
    }
    nest.shape[depth] = extent;
#pragma GCC unroll 5
    for (int i = 0; i < N; ++i) nest.stride[i][depth] = step[i];
    ++depth;
  }
  if (depth == 0) {
    nest.shape[0] = 1;
    for (int i = 0; i < N; ++i) nest.stride[i][0] = 1;
    depth = 1;
  }
  nest.rank = depth;
  for (int d = 0, e = depth - 1; d < e; ++d, --e) {
    swap(nest.shape[d], nest.shape[e]);
#pragma GCC unroll 5
    for (int i = 0; i < N; ++i) swap(nest.stride[i][d], nest.stride[i][e]);
  }
  return nest;
}

// Calls row(offsets, count) for every piece of a row of dimension `inner` in the flat index range [begin, end) of the
// dimensions up to it: offsets[i] is where the piece starts in operand i, in elements; within it operand i advances by
// nest.stride[i][inner].
template <int N, class Row>
static inline void for_rows_of(const Nest<N>& nest, int inner, int64_t begin, int64_t end, Row&& row) {
  if (begin >= end) return;
  int64_t index[kMaxRank];
  int64_t offset[N] = {};
  int64_t rest = begin;
  for (int d = inner; d >= 0; --d) {
    index[d] = rest;
    if (rest == 0) continue;  // most walks begin at 0, and a division takes long
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

// The same for the innermost dimension.
template <int N, class Row>
static inline void for_rows(const Nest<N>& nest, int64_t begin, int64_t end, Row&& row) {
  for_rows_of(nest, nest.rank - 1, begin, end, row);
}

constexpr int64_t kPageOfFloats = 1024;

// for_rows over all of a nest, `nanoseconds` each, shared among threads; at least so many of the innermost dimension go
// `together` to one thread. Where they lie beside each other, threads that write into one page wait for each other.
template <int N, class Row>
static inline void parallel_rows(const Nest<N>& nest, int64_t together, double nanoseconds, Row&& row) {
  if (nest.size == 0) return;
  const int64_t inner = nest.shape[nest.rank - 1];
  const int64_t each = inner < together ? inner : together, pieces = (nest.size + each - 1) / each;
  parallel_for(pieces, nanoseconds * static_cast<double>(each), [&](int64_t begin, int64_t end) {
    for_rows(nest, begin * each, end < pieces ? end * each : nest.size, row);
  });
}

// Where the n-th choice of a nest's first `rank` dimensions lies in each operand.
template <int N>
static inline void find_offsets(const Nest<N>& nest, int rank, int64_t n, int64_t* offset) {
  for (int i = 0; i < N; ++i) offset[i] = 0;
  for (int d = rank - 1; d >= 0; --d) {
    for (int i = 0; i < N; ++i) offset[i] += n % nest.shape[d] * nest.stride[i][d];
    n /= nest.shape[d];
  }
}

}  // namespace minigrad
