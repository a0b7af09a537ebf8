// What carries a cotangent back through an extremum over several dimensions: plan and row.
#include "core/kernel.hpp"
#include "core/plans.hpp"
#include "kernels/reduce_plans.hpp"
#include "kernels/ties_layout.hpp"

namespace minigrad {
namespace {

// result: x's shape with 1 along the reduced dimensions; g: the same, or a number for all of them.
void check_reduced(Plan& plan, const View& operand, DimMask mask) {
  const View& x = plan.in[1];
  bool fits = operand.rank == x.rank;
  for (int d = 0; fits && d < x.rank; ++d) fits = operand.shape[d] == (mask >> d & 1 ? 1 : x.shape[d]);
  if (fits) return;
  fail(plan, ErrorKind::runtime, "shape " + shape_text(operand) + " is not what is left of " + shape_text(x));
}

void plan_share_ties(Plan& plan) {
  const View& x = plan.in[1];
  const Attribute& dims = plan.attributes[0];
  for (int i = 0; i < dims.count; ++i) normalise_dim(plan, x, dims.integers[i]);
  const DimMask mask = listed_dims(x, dims);
  if (plan.in[0].rank > 0) check_reduced(plan, plan.in[0], mask);
  check_reduced(plan, plan.in[2], mask);
  copy_shape(x, x.dtype, plan.out[0]);
  const Reduction form = describe_reduction(x, mask);
  if (lies_apart(x)) plan.layout = InputLayout::contiguous;
  plan.nanoseconds = 0.4 * static_cast<double>(x.size());
  plan.scratch_shared = static_cast<size_t>(2 * form.kept * item_size(x.dtype)) + kTieChunks * sizeof(int64_t);
}

constexpr Kernel kRows[] = {
    {.name = "share_ties",
     .inputs = {"g", "x", "result"},
     .types = "TTT",
     .outputs = {"out"},
     .attributes = {{"dims", AttributeKind::integers}},
     .plan = plan_share_ties,
     .layout = InputLayout::by_rows},
};

}  // namespace

extern const Kernels ties_kernels;
const Kernels ties_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

}  // namespace minigrad
