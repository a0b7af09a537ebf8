// Losses: plans and rows.
#include "core/kernel.hpp"
#include "core/plans.hpp"

namespace minigrad {
namespace {

constexpr double kForward = 0.6, kBackward = 0.2;  // nanoseconds for an element

void check_reduction(Plan& plan, int64_t reduction) {
  if (reduction < 0 || reduction > 2) {
    fail(plan, ErrorKind::value, "reduction must be 0, 1 or 2, got " + std::to_string(reduction));
  }
}

// x or probabilities (n, c), target (n,), reduction one of 0 none, 1 mean, 2 sum.
void check_samples(Plan& plan, const View& x, const View& target, int64_t reduction) {
  if (x.rank != 2 || target.rank != 1 || target.shape[0] != x.shape[0]) {
    fail(plan, ErrorKind::runtime,
         "needs shapes (n, c) and (n,), got " + shape_text(x) + " and target " + shape_text(target));
  }
  check_reduction(plan, reduction);
}

// g: the cotangent of the losses of n samples, () or (n,).
void check_cotangent(Plan& plan, const View& g, int64_t n) {
  if (g.rank > 1 || (g.rank == 1 && g.shape[0] != n)) {
    fail(plan, ErrorKind::runtime,
         "g must have shape () or (n,), got " + shape_text(g) + " for n = " + std::to_string(n));
  }
}

// The losses of x's rows: (n,), or () with scratch for the former.
void write_losses(Plan& plan, const View& x, bool each) {
  plan.out[0].dtype = x.dtype;
  plan.out[0].rank = each ? 1 : 0;
  plan.out[0].shape[0] = x.shape[0];
  if (!each) plan.scratch_shared = static_cast<size_t>(x.shape[0] * item_size(x.dtype));
}

// loss: () or, without reduction, (n,); probabilities: (n, c).
void plan_cross_entropy(Plan& plan) {
  const View& x = plan.in[0];
  const int64_t reduction = plan.attributes[2].integer();
  check_samples(plan, x, plan.in[1], reduction);
  write_losses(plan, x, reduction == 0);
  copy_shape(x, x.dtype, plan.out[1]);
  plan.nanoseconds = kForward * static_cast<double>(x.size());
}

void plan_cross_entropy_grad(Plan& plan) {
  const View& probabilities = plan.in[1];
  check_samples(plan, probabilities, plan.in[2], plan.attributes[2].integer());
  check_cotangent(plan, plan.in[0], probabilities.shape[0]);
  copy_shape(probabilities, probabilities.dtype, plan.out[0]);
  plan.nanoseconds = kBackward * static_cast<double>(probabilities.size());
}

void plan_nll(Plan& plan) {
  const View& x = plan.in[0];
  const int64_t reduction = plan.attributes[1].integer();
  check_samples(plan, x, plan.in[1], reduction);
  write_losses(plan, x, reduction == 0);
  plan.nanoseconds = 2 * static_cast<double>(x.shape[0]);
}

// g, target -> (n, classes).
void plan_nll_grad(Plan& plan) {
  const View& target = plan.in[1];
  const int64_t classes = plan.attributes[2].integer();
  if (target.rank != 1 || classes < 0) {
    fail(plan, ErrorKind::runtime,
         "needs targets of shape (n,) and classes, got " + shape_text(target) + " and " + std::to_string(classes));
  }
  check_reduction(plan, plan.attributes[1].integer());
  check_cotangent(plan, plan.in[0], target.shape[0]);
  plan.out[0].dtype = plan.in[0].dtype;
  plan.out[0].rank = 2;
  plan.out[0].shape[0] = target.shape[0];
  plan.out[0].shape[1] = classes;
  plan.nanoseconds = kBackward * static_cast<double>(target.shape[0] * classes);
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
     .layout = InputLayout::by_rows},
    {.name = "cross_entropy_grad",
     .inputs = {"g", "probabilities", "target"},
     .types = "TTi",
     .outputs = {"out"},
     .attributes = {kIgnoreIndex, kLabelSmoothing, kReduction},
     .plan = plan_cross_entropy_grad,
     .layout = InputLayout::by_rows},
    {.name = "nll_loss",
     .inputs = {"x", "target"},
     .types = "Ti",
     .outputs = {"loss"},
     .attributes = {kIgnoreIndex, kReduction},
     .plan = plan_nll},
    {.name = "nll_loss_grad",
     .inputs = {"g", "target"},
     .types = "Ti",
     .outputs = {"out"},
     .attributes = {kIgnoreIndex, kReduction, {"classes", AttributeKind::integer}},
     .plan = plan_nll_grad},
};

}  // namespace

extern const Kernels loss_kernels;
const Kernels loss_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

}  // namespace minigrad
