// Losses: plans and rows.
#include "reference/loss.hpp"
#include "core/kernel.hpp"
#include "core/plans.hpp"

namespace minigrad {
namespace {

constexpr double kForward = 0.6, kBackward = 0.2;  // nanoseconds for an element

// x or probabilities (n, c), target (n,), reduction one of 0 none, 1 mean, 2 sum.
void check_samples(Plan& plan, const View& x, const View& target) {
  if (x.rank != 2 || target.rank != 1 || target.shape[0] != x.shape[0]) {
    fail(plan, ErrorKind::runtime,
         "needs shapes (n, c) and (n,), got " + shape_text(x) + " and target " + shape_text(target));
  }
  const int64_t reduction = plan.attributes[2].integer();
  if (reduction < 0 || reduction > 2) {
    fail(plan, ErrorKind::value, "reduction must be 0, 1 or 2, got " + std::to_string(reduction));
  }
}

// loss: () or, without reduction, (n,); probabilities: (n, c).
void plan_cross_entropy(Plan& plan) {
  const View& x = plan.in[0];
  check_samples(plan, x, plan.in[1]);
  const bool each = plan.attributes[2].integer() == 0;
  plan.out[0].dtype = x.dtype;
  plan.out[0].rank = each ? 1 : 0;
  plan.out[0].shape[0] = x.shape[0];
  copy_shape(x, x.dtype, plan.out[1]);
  if (!each) plan.scratch_shared = static_cast<size_t>(x.shape[0] * item_size(x.dtype));  // the rows' losses
  plan.nanoseconds = kForward * static_cast<double>(x.size());
}

// g: the cotangent of the loss, () or (n,).
void plan_cross_entropy_grad(Plan& plan) {
  const View& g = plan.in[0];
  const View& probabilities = plan.in[1];
  check_samples(plan, probabilities, plan.in[2]);
  if (g.rank > 1 || (g.rank == 1 && g.shape[0] != probabilities.shape[0])) {
    fail(plan, ErrorKind::runtime,
         "g must have shape () or (n,), got " + shape_text(g) + " for " + shape_text(probabilities));
  }
  copy_shape(probabilities, probabilities.dtype, plan.out[0]);
  plan.nanoseconds = kBackward * static_cast<double>(probabilities.size());
}

constexpr AttributeSpec kIgnoreIndex = {"ignore_index", AttributeKind::integer};
constexpr AttributeSpec kLabelSmoothing = {"label_smoothing", AttributeKind::real};
constexpr AttributeSpec kReduction = {"reduction", AttributeKind::integer};

constexpr Kernel kRows[] = {
    {.name = "cross_entropy",
     .inputs = {"x", "target"},
     .types = "Ti",
     .outputs = {"loss", "probabilities"},
     .attributes = {kIgnoreIndex, kLabelSmoothing, kReduction},
     .plan = plan_cross_entropy,
     .reference = &reference::cross_entropy},
    {.name = "cross_entropy_grad",
     .inputs = {"g", "probabilities", "target"},
     .types = "TTi",
     .outputs = {"out"},
     .attributes = {kIgnoreIndex, kLabelSmoothing, kReduction},
     .plan = plan_cross_entropy_grad,
     .reference = &reference::cross_entropy_grad},
};

}  // namespace

extern const Kernels loss_kernels;
const Kernels loss_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

}  // namespace minigrad
