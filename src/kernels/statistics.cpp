// Reductions of what is made of the elements, and what carries their cotangents back: plans and rows.
#include "core/kernel.hpp"
#include "kernels/reduce_plans.hpp"
#include "kernels/statistics_layout.hpp"

namespace minigrad {
namespace {

// One output or two, of x's shape without the reduced dimensions, and the scratch that statistics_layout.hpp cuts up.
void plan_statistic(Plan& plan, int outputs, double cost, bool turns = false) {
  check_dims(plan);
  const View& x = plan.in[0];
  const DimMask mask = listed_dims(x, plan.attributes[0]);
  for (int i = 0; i < outputs; ++i) write_reduced_shape(x, mask, plan.attributes[1].flag(), plan.out[i]);
  plan_costs(plan, plan.in[0], mask, turns);
  plan.nanoseconds *= cost;
  plan.scratch_shared = scratch_before(kMostSums * plan.scratch_shared) + kScratchValues * scratch_bytes(plan.out[0]);
}

// A Euclidean norm is a plain reduction, which reaches elements by itself, however they lie.
void plan_norm(Plan& plan) {
  const bool plain = plan.attributes[2].real == 2;
  plan.layout = plain ? InputLayout::any : InputLayout::by_rows;
  plan_statistic(plan, 1, plain ? 1 : 3, plain);
}

void plan_two(Plan& plan) { plan_statistic(plan, 2, 4); }
void plan_exponentials(Plan& plan) { plan_statistic(plan, 1, 8); }

void plan_ternary(Plan& plan) {
  const View* const views[] = {&plan.in[0], &plan.in[1], &plan.in[2]};
  broadcast_shape(plan, views, 3, plan.out[0]);
  plan.out[0].dtype = plan.in[1].dtype;
  plan.nanoseconds = 0.4 * static_cast<double>(plan.out[0].size());
}

constexpr AttributeSpec kDims = {"dims", AttributeKind::integers}, kKeepdim = {"keepdim", AttributeKind::flag};

constexpr Kernel kRows[] = {
    {.name = "var_mean",
     .inputs = {"x"},
     .types = "T",
     .outputs = {"out", "mean"},
     .attributes = {kDims, kKeepdim, {"correction", AttributeKind::real}},
     .plan = plan_two,
     .layout = InputLayout::by_rows},
    {.name = "logsumexp",
     .inputs = {"x"},
     .types = "T",
     .outputs = {"out"},
     .attributes = {kDims, kKeepdim},
     .plan = plan_exponentials,
     .layout = InputLayout::by_rows},
    {.name = "norm",
     .inputs = {"x"},
     .types = "T",
     .outputs = {"out"},
     .attributes = {kDims, kKeepdim, {"p", AttributeKind::real}},
     .plan = plan_norm,
     .layout = InputLayout::by_rows},
    {.name = "deviation",
     .inputs = {"g", "x", "mean"},
     .types = "TTT",
     .outputs = {"out"},
     .plan = plan_ternary,
     .layout = InputLayout::by_rows},
    {.name = "exp_difference",
     .inputs = {"g", "x", "total"},
     .types = "TTT",
     .outputs = {"out"},
     .plan = plan_ternary,
     .layout = InputLayout::by_rows},
};

}  // namespace

extern const Kernels statistics_kernels;
const Kernels statistics_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

}  // namespace minigrad
