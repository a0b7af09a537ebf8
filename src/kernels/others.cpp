// What carries a cotangent back through a product: plan and row.
#include "core/kernel.hpp"
#include "core/plans.hpp"
#include "kernels/others_layout.hpp"

namespace minigrad {
namespace {

// g: x's shape with 1 at dim, or a number for all of them.
void plan_product_of_others(Plan& plan) {
  const View& g = plan.in[0];
  const View& x = plan.in[1];
  if (x.rank == 0) fail(plan, ErrorKind::index, "needs at least one dimension, got shape ()");
  const int dim = normalise_dim(plan, x, plan.attributes[0].integer());
  bool fits = g.rank == 0 || g.rank == x.rank;
  for (int d = 0; fits && d < g.rank; ++d) fits = g.shape[d] == (d == dim ? 1 : x.shape[d]);
  if (!fits) {
    fail(plan, ErrorKind::runtime, "shape " + shape_text(g) + " is not what is left of " + shape_text(x));
  }
  copy_shape(x, x.dtype, plan.out[0]);
  plan.nanoseconds = kOthersNanoseconds * static_cast<double>(x.size());
  const OthersForm form = others_form(x, dim);
  plan.scratch_shared = static_cast<size_t>(form.values() * item_size(x.dtype));
}

constexpr Kernel kRows[] = {
    {.name = "product_of_others",
     .inputs = {"g", "x"},
     .types = "TT",
     .outputs = {"out"},
     .attributes = {{"dim", AttributeKind::integer}},
     .plan = plan_product_of_others,
     .layout = InputLayout::by_rows},
};

}  // namespace

extern const Kernels others_kernels;
const Kernels others_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

}  // namespace minigrad
