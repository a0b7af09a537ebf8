// Which elements a reduction combines into which: dimensions sorted into kept and reduced ones.
//
// Included by files compiled once per instruction set: everything here has internal linkage.
#pragma once

#include "core/kernel.hpp"
#include "core/loops.hpp"

namespace minigrad {
namespace {

// Bit d: dimension d of the input is reduced.
using DimMask = uint32_t;

// The dimensions that `sum_to` reduces: the leading ones that `shape` lacks, and those where it has a 1.
[[gnu::noinline]] inline DimMask broadcast_dims(const View& x, const Attribute& shape) {
  const int extra = x.rank - shape.count;
  DimMask mask = 0;
  for (int d = 0; d < x.rank; ++d) {
    if (d < extra || (shape.integers[d - extra] == 1 && x.shape[d] != 1)) mask |= DimMask{1} << d;
  }
  return mask;
}

// The dimensions listed, which may count from the end; all of them where none is listed.
[[gnu::noinline]] inline DimMask listed_dims(const View& x, const Attribute& dims) {
  if (dims.count == 0) return (DimMask{1} << x.rank) - 1;
  DimMask mask = 0;
  for (int i = 0; i < dims.count; ++i) {
    const int64_t dim = dims.integers[i];
    if (x.rank > 0) mask |= DimMask{1} << (dim < 0 ? dim + x.rank : dim);
  }
  return mask;
}

struct Reduction {
  bool rows;        // the last dimension is reduced (see reduce_blocks.hpp for what hangs on it)
  int64_t kept;     // results
  int64_t reduced;  // elements for each

  int64_t elements() const { return kept * reduced; }
};

// The logical form: a function of shape and dims. Reduced dimensions of size 1 do not count, kept ones do, so that a
// result does not depend on how many of them there are.
inline Reduction describe_reduction(const View& x, DimMask mask) {
  Reduction reduction = {false, 1, 1};
  bool last = true;
  for (int d = x.rank - 1; d >= 0; --d) {
    const bool reduced = mask >> d & 1;
    (reduced ? reduction.reduced : reduction.kept) *= x.shape[d];
    if (reduced && x.shape[d] == 1) continue;
    if (last) reduction.rows = reduced;
    last = false;
  }
  return reduction;
}

// How many neighbours of a row, far from each other, are copied together with those of the next rows: a block of them
// then takes whole lines of memory.
constexpr int64_t kTurnedPiece = 64;

// Elements of a group of four vectors, which may be summed by itself.
constexpr int64_t kGroupOfVectors = 4, kBlockOfVectors = 64;

// Whether rows of results that lie beside each other are summed where they are: what lies at equal distances is whole
// groups.
inline bool is_in_groups(const Nest<1>& reduced, int64_t lanes) {
  return reduced.rank == 1 || reduced.shape[reduced.rank - 1] % (kGroupOfVectors * lanes) == 0;
}

// Neighbours along a reduced dimension that is not the last one, which are summed side by side for some time: what
// comes behind that dimension, of each of them, is `units`, whole blocks or, if there are none, whole groups.
struct Turn {
  int dim = -1;  // none
  int64_t unit;  // elements
  int64_t units;
};

// `lanes`: how many a row is summed in.
inline Turn find_turn(const Reduction& r, const Nest<1>& reduced, int64_t lanes) {
  constexpr int64_t kFew = 8, kMostUnits = 1024;
  if (!r.rows) lanes = 1;
  int64_t behind = 1;
  for (int d = reduced.rank - 1; d > 0 && is_in_groups(reduced, lanes); --d) {
    behind *= reduced.shape[d];
    if (reduced.stride[0][d - 1] != 1 || reduced.shape[d - 1] < kFew) continue;
    const int64_t unit = lanes * (behind % (kBlockOfVectors * lanes) == 0 ? kBlockOfVectors : kGroupOfVectors);
    if (behind / unit * lanes <= kMostUnits) return {d - 1, unit, behind / unit};
  }
  return {};
}

// x with its reduced dimensions in the order in which they lie in memory, where the order of elements does not matter.
// Those of size 1 stay, and with them the logical form.
[[gnu::noinline]] inline View in_memory_order(View x, DimMask mask) {
  for (int d = 0; d < x.rank; ++d) mask &= ~(DimMask{x.shape[d] == 1} << d);
  for (int d = 1; d < x.rank; ++d) {
    for (int e = d, before = d - 1; before >= 0 && (mask >> e & 1) != 0; --before) {
      if ((mask >> before & 1) == 0) continue;
      if (x.stride[before] >= x.stride[e]) break;
      swap(x.stride[before], x.stride[e]);
      swap(x.shape[before], x.shape[e]);
      e = before;
    }
  }
  return x;
}

// The same with the places of the elements.
struct ReductionNest {
  Nest<2> kept;     // of out and of x
  Nest<1> reduced;  // of x, counted from a kept place
};

[[gnu::noinline]] inline Nest<1> make_reduced_nest(const View& x, DimMask mask) {
  View part;
  part.rank = 0;
  for (int d = 0; d < x.rank; ++d) {
    if ((mask >> d & 1) == 0) continue;
    part.shape[part.rank] = x.shape[d];
    part.stride[part.rank++] = x.stride[d];
  }
  const View* const operands[] = {&part};
  return make_nest(operands);
}

// Whether all elements are one in memory.
inline bool is_one_number(const View& x) {
  for (int d = 0; d < x.rank; ++d) {
    if (x.stride[d] != 0 && x.shape[d] != 1) return false;
  }
  return true;
}

// Whether the products of contiguous elements are summed as they are read: rows, or columns beside each other.
inline bool sums_products(const View& x, DimMask mask) {
  if (describe_reduction(x, mask).rows) return true;
  return x.rank > 0 && (mask >> (x.rank - 1) & 1) == 0 && x.shape[x.rank - 1] > 1 &&
         make_reduced_nest(x, mask).rank == 1;
}

// x and out where out has a dimension for each kept one, or (keepdim, sum_to) further ones of size 1; its dimensions
// then match the last ones of x. Results come in row-major order, or as x lies.
[[gnu::noinline]] inline ReductionNest make_reduction_nest(const View& x, DimMask mask, const View& out,
                                                           bool as_x_lies = false) {
  const auto distance = [](int64_t stride) { return stride == 0 ? INT64_MAX : stride; };  // repeated: outermost
  const int kept_count = x.rank - __builtin_popcount(mask);
  View kept_x, kept_out;
  kept_x.rank = kept_out.rank = 0;
  for (int d = 0; d < x.rank; ++d) {
    if (mask >> d & 1) continue;
    const int own = out.rank == kept_count ? kept_out.rank : d + out.rank - x.rank;
    int at = kept_x.rank++;
    kept_out.rank = kept_x.rank;
    for (; as_x_lies && at > 0 && distance(kept_x.stride[at - 1]) < distance(x.stride[d]); --at) {
      for (View* const part : {&kept_x, &kept_out}) {
        part->shape[at] = part->shape[at - 1];
        part->stride[at] = part->stride[at - 1];
      }
    }
    kept_x.shape[at] = kept_out.shape[at] = x.shape[d];
    kept_x.stride[at] = x.stride[d];
    kept_out.stride[at] = out.stride[own];
  }
  const View* const kept[] = {&kept_out, &kept_x};
  return {make_nest(kept), make_reduced_nest(x, mask)};
}

// ---------------------------------------------------------------------------------------------------------------------
// Threads share the elements of results, in chunks of whole blocks, where results are few; and where they are columns
// of many blocks, because the thread that has just made some rows then finds them in its cache.

constexpr int kMostSums = 3;  // that are made at once

struct Chunks {
  int64_t count;   // 0: results are shared out, not elements
  int64_t blocks;  // in each but the last one; a power of two, so that a chunk is a subtree of the tree over blocks
};

// A function of the logical form, because the chunks' results take scratch: count * kept * lanes values. `lanes` is how
// many a row is summed in.
inline Chunks divide_into_chunks(const Reduction& r, int64_t lanes) {
  constexpr int64_t kElements = 1 << 14;  // of a chunk, at the least
  constexpr int64_t kMostChunks = 64, kMostValues = 1 << 16, kFew = 256, kManyBlocks = 8, kMostColumns = 8192;
  const int64_t width = r.rows ? lanes : 1, values = r.kept * width;
  const int64_t block = kBlockOfVectors * width, blocks = (r.reduced + block - 1) / block;
  const bool columns = !r.rows && blocks >= kManyBlocks;
  if (r.kept == 0 || values > (columns ? kMostColumns : kFew) || r.elements() < 4 * kElements) return {0, 0};
  int64_t each = 1;
  while (each * kMostChunks < blocks || each * kMostValues < blocks * values || each * block * r.kept < kElements) {
    each *= 2;
  }
  return {(blocks - 1) / each + 1, each};
}

}  // namespace
}  // namespace minigrad
