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

// The losses of n samples: (n,), or () with scratch for the former.
void write_losses(Plan& plan, int64_t n, bool each) {
  plan.out[0].dtype = plan.in[0].dtype;
  plan.out[0].rank = each ? 1 : 0;
  plan.out[0].shape[0] = n;
  if (!each) plan.scratch_shared = static_cast<size_t>(n * item_size(plan.out[0].dtype));
}

// loss: () or, without reduction, (n,); probabilities: (n, c).
void plan_cross_entropy(Plan& plan) {
  const View& x = plan.in[0];
  const int64_t reduction = plan.attributes[2].integer();
  check_samples(plan, x, plan.in[1], reduction);
  write_losses(plan, x.shape[0], reduction == 0);
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

// x (n, c) or (n, c, d), a weight () or (c,), target (n,) or (n d,).
void check_likelihoods(Plan& plan, const View& x, const View& weight, const View& target, int64_t reduction) {
  const bool shaped = x.rank == 2 || x.rank == 3;
  if (!shaped || target.rank != 1 || target.shape[0] != x.shape[0] * (x.rank == 3 ? x.shape[2] : 1)) {
    fail(plan, ErrorKind::runtime,
         "needs shapes (n, c) and (n,), or (n, c, d) and (n d,), got " + shape_text(x) + " and target " +
             shape_text(target));
  }
  if (weight.rank > 1 || (weight.rank == 1 && weight.shape[0] != x.shape[1])) {
    fail(plan, ErrorKind::runtime,
         "weight must have shape () or (" + std::to_string(x.shape[1]) + ",), got " + shape_text(weight));
  }
  check_reduction(plan, reduction);
}

// Bytes for the weights of n samples, by whose sum a mean is divided, where classes have weights of their own.
size_t weights_scratch(const Plan& plan, int64_t n, int64_t reduction) {
  return reduction == 1 && plan.in[1].rank == 1 ? static_cast<size_t>(n * item_size(plan.in[1].dtype)) : 0;
}

void plan_nll(Plan& plan) {
  const int64_t n = plan.in[2].shape[0], reduction = plan.attributes[1].integer();
  check_likelihoods(plan, plan.in[0], plan.in[1], plan.in[2], reduction);
  write_losses(plan, n, reduction == 0);
  plan.scratch_shared += weights_scratch(plan, n, reduction);
  plan.nanoseconds = 2 * static_cast<double>(n);
}

// g, weight, target -> the shape of x.
void plan_nll_grad(Plan& plan) {
  View& out = plan.out[0];
  out.dtype = plan.in[0].dtype;
  shape_attribute(plan, plan.attributes[2], out);
  check_likelihoods(plan, out, plan.in[1], plan.in[2], plan.attributes[1].integer());
  check_cotangent(plan, plan.in[0], plan.in[2].shape[0]);
  plan.scratch_shared = weights_scratch(plan, plan.in[2].shape[0], plan.attributes[1].integer());
  plan.nanoseconds = kBackward * static_cast<double>(out.size());
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
     .inputs = {"x", "weight", "target"},
     .types = "TTi",
     .outputs = {"loss"},
     .attributes = {kIgnoreIndex, kReduction},
     .plan = plan_nll},
    {.name = "nll_loss_grad",
     .inputs = {"g", "weight", "target"},
     .types = "TTi",
     .outputs = {"out"},
     .attributes = {kIgnoreIndex, kReduction, {"shape", AttributeKind::integers}},
     .plan = plan_nll_grad},
};

}  // namespace

extern const Kernels loss_kernels;
const Kernels loss_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

}  // namespace minigrad
