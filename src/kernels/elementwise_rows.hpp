// The plan that elementwise kernels share, and the rows of those with the usual inputs.
#pragma once

#include "core/kernel.hpp"
#include "core/plans.hpp"

namespace minigrad {
namespace {

// Adds up to what the loops are told for an element; a function of the math library costs about three times as much.
constexpr double kNanosecondsEach = 0.3;

inline void plan_broadcast(Plan& plan, DType dtype) {
  const View* views[kMaxInputs];
  for (int i = 0; i < plan.in_count; ++i) views[i] = &plan.in[i];
  broadcast_shape(plan, views, plan.in_count, plan.out[0]);
  plan.out[0].dtype = dtype;
  plan.layout = InputLayout::alike;
  plan.nanoseconds = kNanosecondsEach * static_cast<double>(plan.out[0].size());
}

inline void plan_map(Plan& plan) { plan_broadcast(plan, plan.in[0].dtype); }
[[maybe_unused]] constexpr Kernel unary(const char* name) {
  return {.name = name, .inputs = {"x"}, .types = "T", .outputs = {"out"}, .plan = plan_map};
}

[[maybe_unused]] constexpr Kernel binary(const char* name) {
  return {.name = name, .inputs = {"x", "y"}, .types = "TT", .outputs = {"out"}, .plan = plan_map};
}

// As `kernel`, but with no number that is True or False among the inputs.
[[maybe_unused]] constexpr Kernel without_flags(Kernel kernel) {
  kernel.no_flags = true;
  return kernel;
}

// The derivative of a function, multiplied by the cotangent g and computed from the function's output.
[[maybe_unused]] constexpr Kernel derivative(const char* name) {
  return {.name = name, .inputs = {"g", "result"}, .types = "TT", .outputs = {"out"}, .plan = plan_map};
}

}  // namespace
}  // namespace minigrad
