// What the plans of reductions share.
#pragma once

#include "core/kernel.hpp"
#include "core/plans.hpp"
#include "kernels/reduce_layout.hpp"

namespace minigrad {
namespace {

constexpr double kNanosecondsEach = 0.06;
constexpr int64_t kVectorBytes = 64;  // of the lanes that a row is summed in

// Every dim in range and named once.
inline void check_dims(Plan& plan) {
  const View& x = plan.in[0];
  const Attribute& dims = plan.attributes[0];
  DimMask seen = 0;
  for (int i = 0; i < dims.count; ++i) {
    const DimMask bit = DimMask{1} << normalise_dim(plan, x, dims.integers[i]);
    if (seen & bit) {
      fail(plan, ErrorKind::runtime,
           "dim " + std::to_string(dims.integers[i]) + " appears twice for shape " + shape_text(x));
    }
    seen |= bit;
  }
}

// x's shape without the reduced dimensions, or with 1 in their places.
inline void write_reduced_shape(const View& x, DimMask mask, bool keepdim, View& out) {
  out.dtype = x.dtype;
  out.rank = 0;
  for (int d = 0; d < x.rank; ++d) {
    const bool reduced = mask >> d & 1;
    if (!reduced || keepdim) out.shape[out.rank++] = reduced ? 1 : x.shape[d];
  }
}

// Goes by rows where a row's elements are reduced together with those of others, which lie closer to them.
inline void plan_way(Plan& plan, const View& x, const Reduction& form, DimMask mask) {
  for (int d = 0; form.rows && d < x.rank - 1; ++d) {
    if ((mask >> d & 1) != 0 && x.stride[d] == 1) plan.layout = InputLayout::by_rows;
  }
}

// Whether no element lies beside another one, so that a copy is read sooner.
inline bool lies_apart(const View& x) {
  for (int d = 0; d < x.rank; ++d) {
    if (x.shape[d] > 1 && x.stride[d] <= 1) return false;
  }
  return x.rank > 1;
}

// Whether rows consist of short pieces, and neighbours lie along the dimension before: the run copies a block at a
// time.
inline bool has_turned_pieces(const View& x) {
  return x.rank > 1 && x.shape[x.rank - 1] <= kTurnedPiece && x.stride[x.rank - 2] == 1;
}

// `turns`: the run reaches neighbours along other dimensions, and turned pieces, by itself. The time, and the scratch
// for chunks that threads share: a function of shape and dims (see divide_into_chunks).
inline void plan_costs(Plan& plan, const View& x, DimMask mask, bool turns = false) {
  const Reduction form = describe_reduction(x, mask);
  plan.nanoseconds = kNanosecondsEach * static_cast<double>(form.kept) * static_cast<double>(form.reduced);
  if (!is_floating(x.dtype)) {
    if (lies_apart(x)) plan.layout = InputLayout::contiguous;
    return;
  }
  const bool halves = x.dtype == DType::float16;  // which are summed as floats
  const int64_t bytes = halves ? 4 : item_size(x.dtype), lanes = kVectorBytes / bytes;
  const bool reached = turns && (find_turn(form, make_reduced_nest(x, mask), lanes).dim >= 0 || has_turned_pieces(x));
  if (!reached) plan_way(plan, x, form, mask);
  const Chunks chunks = divide_into_chunks(form, lanes);
  plan.scratch_shared = static_cast<size_t>(chunks.count * form.kept * (form.rows ? kVectorBytes : bytes));
  if (halves) {
    plan.layout = InputLayout::contiguous;
    plan.scratch_shared += static_cast<size_t>(form.kept * bytes);  // the results as floats
  }
}

// The row of a reduction over dims.
constexpr Kernel reduction(const char* name, PlanFunction plan) {
  return {.name = name,
          .inputs = {"x"},
          .types = "T",
          .outputs = {"out"},
          .attributes = {{"dims", AttributeKind::integers}, {"keepdim", AttributeKind::flag}},
          .plan = plan};
}

}  // namespace
}  // namespace minigrad
