// Losses of single elements against targets, added up or not: plans and rows.
#include "core/kernel.hpp"
#include "core/plans.hpp"

namespace minigrad {
namespace {

constexpr double kForward = 0.4, kBackward = 0.3;  // nanoseconds for an element
constexpr int64_t kBlockBytes = 4096;              // of elements whose sum is 64 bytes of lanes (reduce_blocks.hpp)

// x and y of one shape, reduction one of 0 none, 1 mean, 2 sum.
void check_pair(Plan& plan, const View& x, const View& y) {
  if (!x.same_shape(y)) {
    fail(plan, ErrorKind::runtime, "input and target differ in shape: " + shape_text(x) + " and " + shape_text(y));
  }
  const int64_t reduction = plan.attributes[0].integer();
  if (reduction < 0 || reduction > 2) {
    fail(plan, ErrorKind::value, "reduction must be 0, 1 or 2, got " + std::to_string(reduction));
  }
}

void plan_loss(Plan& plan) {
  const View& x = plan.in[0];
  check_pair(plan, x, plan.in[1]);
  copy_shape(x, x.dtype, plan.out[0]);
  plan.layout = InputLayout::alike;
  if (plan.attributes[0].integer() != 0) {
    plan.layout = InputLayout::by_rows;
    plan.out[0].rank = 0;
    plan.scratch_shared = static_cast<size_t>((x.size() * item_size(x.dtype) / kBlockBytes + 1) * 64);
  }
  plan.nanoseconds = kForward * static_cast<double>(x.size());
}

// g: the cotangent of the loss, () or, without reduction, of x's shape.
void plan_loss_grad(Plan& plan) {
  const View& g = plan.in[0];
  const View& x = plan.in[1];
  check_pair(plan, x, plan.in[2]);
  if (g.rank != 0 && !g.same_shape(x)) {
    fail(plan, ErrorKind::runtime, "g must have shape () or " + shape_text(x) + ", got " + shape_text(g));
  }
  copy_shape(x, x.dtype, plan.out[0]);
  plan.layout = InputLayout::alike;
  plan.nanoseconds = kBackward * static_cast<double>(x.size());
}

constexpr AttributeSpec kReduction = {"reduction", AttributeKind::integer};

// `parameter`: where the loss changes from a parabola to a line, for those that do; none otherwise.
constexpr Kernel loss(const char* name, AttributeSpec parameter = {}) {
  return {.name = name,
          .inputs = {"x", "y"},
          .types = "TT",
          .outputs = {"out"},
          .attributes = {kReduction, parameter},
          .plan = plan_loss};
}

constexpr Kernel loss_grad(const char* name, AttributeSpec parameter = {}) {
  return {.name = name,
          .inputs = {"g", "x", "y"},
          .types = "TTT",
          .outputs = {"out"},
          .attributes = {kReduction, parameter},
          .plan = plan_loss_grad};
}

constexpr AttributeSpec kBeta = {"beta", AttributeKind::real};

constexpr Kernel kRows[] = {
    loss("mse_loss"),
    loss("l1_loss"),
    loss("smooth_l1_loss", kBeta),
    loss("huber_loss", kBeta),
    loss("binary_cross_entropy"),
    loss("binary_cross_entropy_with_logits"),
    loss_grad("mse_loss_grad"),
    loss_grad("l1_loss_grad"),
    loss_grad("smooth_l1_loss_grad", kBeta),
    loss_grad("huber_loss_grad", kBeta),
    loss_grad("binary_cross_entropy_grad"),
    loss_grad("binary_cross_entropy_target_grad"),
    loss_grad("binary_cross_entropy_with_logits_grad"),
};

}  // namespace

extern const Kernels pointwise_loss_kernels;
const Kernels pointwise_loss_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

}  // namespace minigrad
