// The elementwise kernels' plans and rows, and sums of float16.

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

void plan_compare(Plan& plan) {
  plan_broadcast(plan, DType::boolean);
  plan.any_dtype = plan.in[0].dtype != DType::boolean;  // whose loops write bytes
}

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

constexpr Kernel compare(const char* name) {
  return {.name = name, .inputs = {"x", "y"}, .types = "TT", .outputs = {"out"}, .plan = plan_compare};
}

constexpr Kernel ternary(const char* name, const char* x, const char* y, const char* z) {
  return {.name = name, .inputs = {x, y, z}, .types = "TTT", .outputs = {"out"}, .plan = plan_map};
}

constexpr Kernel quaternary(const char* name, const char* x, const char* y, const char* z, const char* w) {
  return {.name = name, .inputs = {x, y, z, w}, .types = "TTTT", .outputs = {"out"}, .plan = plan_map};
}

constexpr Kernel kRows[] = {
    {.name = "copy", .inputs = {"x"}, .types = "T", .outputs = {"out"}, .plan = plan_copy},
    unary("clone"),
    unary("neg"),
    unary("abs"),
    unary("sign"),
    unary("sqrt"),
    unary("exp"),
    unary("log"),
    unary("sin"),
    unary("cos"),
    unary("tanh"),
    unary("sigmoid"),
    unary("relu"),
    binary("add"),
    without_flags(binary("sub")),
    binary("mul"),
    binary("safe_mul"),
    binary("div"),
    binary("safe_div"),
    ternary("safe_product", "x", "y", "z"),
    ternary("safe_quotient", "x", "y", "z"),
    binary("times_sign"),
    binary("logit_grad"),
    binary("floor_divide"),
    binary("trunc_divide"),
    binary("remainder"),
    binary("fmod"),
    binary("pow"),
    binary("gcd"),
    binary("lcm"),
    binary("maximum"),
    binary("minimum"),
    binary("maximum_share"),
    derivative("relu_grad"),
    derivative("tanh_grad"),
    derivative("sigmoid_grad"),
    compare("eq"),
    compare("ne"),
    compare("lt"),
    compare("le"),
    compare("gt"),
    compare("ge"),
    compare("logical_and"),
    compare("logical_or"),
    compare("logical_xor"),
    unary("floor"),
    unary("ceil"),
    unary("trunc"),
    unary("round"),
    unary("frac"),
    unary("square"),
    unary("cube"),
    unary("inverse_square"),
    binary("copysign"),
    binary("heaviside"),
    binary("fmax"),
    binary("fmin"),
    unary("bitwise_not"),
    binary("bitwise_and"),
    binary("bitwise_or"),
    binary("bitwise_xor"),
    binary("bitwise_left_shift"),
    binary("bitwise_right_shift"),
    ternary("clamp", "x", "lower", "upper"),
    ternary("lerp", "x", "y", "weight"),
    ternary("prelu", "y", "x", "weight"),
    quaternary("addcmul", "x", "y", "z", "value"),
    quaternary("addcdiv", "x", "y", "z", "value"),
    quaternary("nan_to_num", "x", "nan", "above", "below"),
    {.name = "clamp_grad",
     .inputs = {"g", "x", "lower", "upper"},
     .types = "TTTT",
     .outputs = {"out"},
     .attributes = {{"argument", AttributeKind::integer}},
     .plan = plan_map},
    {.name = "where", .inputs = {"condition", "x", "y"}, .types = "bTT", .outputs = {"out"}, .plan = plan_where},
    {.name = "cast",
     .inputs = {"x"},
     .types = "T",
     .outputs = {"out"},
     .attributes = {{"dtype", AttributeKind::integer}},
     .plan = plan_cast},
};

}  // namespace

extern const Kernels elementwise_kernels;
const Kernels elementwise_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

extern const Runs elementwise_runs;
const Runs elementwise_runs = {kRuns, sizeof(kRuns) / sizeof(Run)};

}  // namespace minigrad
