// Softmax: plans and rows.
#include "core/kernel.hpp"
#include "core/plans.hpp"
#include "kernels/softmax_layout.hpp"

namespace minigrad {
namespace {

constexpr double kForward = 0.6, kBackward = 0.4;  // nanoseconds for an element

// The output has x's shape; `dim` may count from the end. Arrays without dimensions have a dim 0 of size 1.
void plan_softmax(Plan& plan) {
  const View& x = plan.in[0];
  plan_shared_rows(plan, x, normalise_dim(plan, x, plan.attributes[0].integer()));
  copy_shape(x, x.dtype, plan.out[0]);
  plan.nanoseconds = kForward * static_cast<double>(x.size());
}

void plan_softmax_grad(Plan& plan) {
  const View& g = plan.in[0];
  const View& result = plan.in[1];
  plan_shared_rows(plan, result, normalise_dim(plan, result, plan.attributes[0].integer()));
  if (!g.same_shape(result)) {
    fail(plan, ErrorKind::runtime, "g and result differ in shape: " + shape_text(g) + " and " + shape_text(result));
  }
  copy_shape(result, result.dtype, plan.out[0]);
  plan.nanoseconds = kBackward * static_cast<double>(result.size());
}

constexpr Kernel forward(const char* name) {
  return {.name = name,
          .inputs = {"x"},
          .types = "T",
          .outputs = {"out"},
          .attributes = {{"dim", AttributeKind::integer}},
          .plan = plan_softmax,
          .layout = InputLayout::by_rows};
}

// The adjoint of the derivative, from the function's output.
constexpr Kernel backward(const char* name) {
  return {.name = name,
          .inputs = {"g", "result"},
          .types = "TT",
          .outputs = {"out"},
          .attributes = {{"dim", AttributeKind::integer}},
          .plan = plan_softmax_grad,
          .layout = InputLayout::by_rows};
}

constexpr Kernel kRows[] = {
    forward("softmax"),
    forward("log_softmax"),
    backward("softmax_grad"),
    backward("log_softmax_grad"),
};

}  // namespace

extern const Kernels softmax_kernels;
const Kernels softmax_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

}  // namespace minigrad
