// The elementwise kernels' plans and rows, and sums of float16.
#include "reference/elementwise.hpp"

#include "core/half.hpp"
#include "core/kernel.hpp"
#include "core/plans.hpp"
#include "kernels/elementwise_loops.hpp"
#include "kernels/elementwise_ops.hpp"
#include "kernels/elementwise_rows.hpp"

namespace minigrad {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// Plans: the output has the shape that all inputs broadcast to.

void plan_compare(Plan& plan) { plan_broadcast(plan, DType::boolean); }
void plan_where(Plan& plan) { plan_broadcast(plan, plan.in[1].dtype); }

// A copy is row-major, a clone lies as what it is made of.
void plan_copy(Plan& plan) {
  plan_map(plan);
  plan.layout = InputLayout::any;
}

void plan_cast(Plan& plan) {
  const int64_t code = plan.attributes[0].integer();
  if (code < 0 || code >= kDTypeCount) fail(plan, ErrorKind::value, "no dtype has the code " + std::to_string(code));
  plan_broadcast(plan, static_cast<DType>(code));
}

constexpr Run kRuns[] = {
    {"add", {.of = {nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, run_binary<Add, Half>}}},
};

// ---------------------------------------------------------------------------------------------------------------------
// Rows.

constexpr Kernel compare(const char* name, const RunsByDType* reference) {
  return {.name = name,
          .inputs = {"x", "y"},
          .types = "TT",
          .outputs = {"out"},
          .plan = plan_compare,
          .reference = reference};
}

constexpr Kernel ternary(const char* name, const RunsByDType* reference, const char* x, const char* y, const char* z) {
  return {
      .name = name, .inputs = {x, y, z}, .types = "TTT", .outputs = {"out"}, .plan = plan_map, .reference = reference};
}

constexpr Kernel quaternary(const char* name, const RunsByDType* reference, const char* x, const char* y, const char* z,
                            const char* w) {
  return {.name = name,
          .inputs = {x, y, z, w},
          .types = "TTTT",
          .outputs = {"out"},
          .plan = plan_map,
          .reference = reference};
}

constexpr Kernel kRows[] = {
    {.name = "copy",
     .inputs = {"x"},
     .types = "T",
     .outputs = {"out"},
     .plan = plan_copy,
     .reference = &reference::copy},
    unary("clone", &reference::copy),
    unary("neg", &reference::neg),
    unary("abs", &reference::abs),
    unary("sign", &reference::sign),
    unary("sqrt", &reference::sqrt),
    unary("exp", &reference::exp),
    unary("log", &reference::log),
    unary("sin", &reference::sin),
    unary("cos", &reference::cos),
    unary("tanh", &reference::tanh),
    unary("sigmoid", &reference::sigmoid),
    unary("relu", &reference::relu),
    binary("add", &reference::add),
    without_flags(binary("sub", &reference::sub)),
    binary("mul", &reference::mul),
    binary("safe_mul", &reference::safe_mul),
    binary("div", &reference::div),
    binary("safe_div", &reference::safe_div),
    binary("floor_divide", &reference::floor_divide),
    binary("trunc_divide", &reference::trunc_divide),
    binary("remainder", &reference::remainder),
    binary("fmod", &reference::fmod),
    binary("pow", &reference::pow),
    binary("maximum", &reference::maximum),
    binary("minimum", &reference::minimum),
    binary("maximum_share", &reference::maximum_share),
    derivative("relu_grad", &reference::relu_grad),
    derivative("tanh_grad", &reference::tanh_grad),
    derivative("sigmoid_grad", &reference::sigmoid_grad),
    compare("eq", &reference::eq),
    compare("ne", &reference::ne),
    compare("lt", &reference::lt),
    compare("le", &reference::le),
    compare("gt", &reference::gt),
    compare("ge", &reference::ge),
    unary("floor", &reference::floor),
    unary("ceil", &reference::ceil),
    unary("trunc", &reference::trunc),
    unary("round", &reference::round),
    unary("frac", &reference::frac),
    unary("cube", &reference::cube),
    unary("inverse_square", &reference::inverse_square),
    binary("copysign", &reference::copysign),
    binary("heaviside", &reference::heaviside),
    binary("fmax", &reference::fmax),
    binary("fmin", &reference::fmin),
    unary("bitwise_not", &reference::bitwise_not),
    binary("bitwise_and", &reference::bitwise_and),
    binary("bitwise_or", &reference::bitwise_or),
    binary("bitwise_xor", &reference::bitwise_xor),
    binary("bitwise_left_shift", &reference::bitwise_left_shift),
    binary("bitwise_right_shift", &reference::bitwise_right_shift),
    ternary("clamp", &reference::clamp, "x", "lower", "upper"),
    ternary("lerp", &reference::lerp, "x", "y", "weight"),
    ternary("prelu", &reference::prelu, "y", "x", "weight"),
    quaternary("addcmul", &reference::addcmul, "x", "y", "z", "value"),
    quaternary("addcdiv", &reference::addcdiv, "x", "y", "z", "value"),
    quaternary("nan_to_num", &reference::nan_to_num, "x", "nan", "above", "below"),
    {.name = "clamp_grad",
     .inputs = {"g", "x", "lower", "upper"},
     .types = "TTTT",
     .outputs = {"out"},
     .attributes = {{"argument", AttributeKind::integer}},
     .plan = plan_map,
     .reference = &reference::clamp_grad},
    {.name = "where",
     .inputs = {"condition", "x", "y"},
     .types = "bTT",
     .outputs = {"out"},
     .plan = plan_where,
     .reference = &reference::where},
    {.name = "cast",
     .inputs = {"x"},
     .types = "T",
     .outputs = {"out"},
     .attributes = {{"dtype", AttributeKind::integer}},
     .plan = plan_cast,
     .reference = &reference::cast},
};

}  // namespace

extern const Kernels elementwise_kernels;
const Kernels elementwise_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

extern const Runs elementwise_runs;
const Runs elementwise_runs = {kRuns, sizeof(kRuns) / sizeof(Run)};

}  // namespace minigrad
