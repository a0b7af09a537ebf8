// Rows of the activations and their derivatives.
#include "kernels/elementwise_rows.hpp"

namespace minigrad {
namespace {

// What a kernel is told besides its operands.
struct Attributes {
  AttributeSpec specs[kMaxAttributes + 1] = {};
};

constexpr AttributeSpec number(const char* name) { return {name, AttributeKind::real}; }

constexpr Attributes kNone = {};
constexpr Attributes kSoftplus = {{number("beta"), number("threshold")}};
constexpr Attributes kElu = {{number("alpha"), number("scale"), number("rate")}};
constexpr Attributes kCut = {{number("low"), number("high"), number("value")}};
constexpr Attributes kBrokenLine = {
    {number("low"), number("high"), number("below"), number("between"), number("above"), number("shift")}};

constexpr Kernel with_attributes(Kernel kernel, const Attributes& attributes) {
  for (int i = 0; i < kMaxAttributes; ++i) kernel.attributes[i] = attributes.specs[i];
  return kernel;
}

constexpr Kernel value(const char* name, const Attributes& attributes = kNone) {
  return with_attributes(unary(name), attributes);
}

// The derivative at x, multiplied by the cotangent g.
constexpr Kernel slope(const char* name, const Attributes& attributes = kNone) {
  Kernel kernel = binary(name);
  kernel.inputs[0] = "g";
  kernel.inputs[1] = "x";
  return with_attributes(kernel, attributes);
}

constexpr Kernel kRows[] = {
    value("silu"),
    slope("silu_grad"),
    binary("gate"),
    {.name = "gate_slope", .inputs = {"g", "x", "y"}, .types = "TTT", .outputs = {"out"}, .plan = plan_map},
    value("gelu"),
    slope("gelu_grad"),
    value("gelu_tanh"),
    slope("gelu_tanh_grad"),
    value("mish"),
    slope("mish_grad"),
    value("softsign"),
    slope("softsign_grad"),
    value("softplus", kSoftplus),
    slope("softplus_grad", kSoftplus),
    value("elu", kElu),
    slope("elu_grad", kElu),
    value("broken_line", kBrokenLine),
    slope("broken_line_grad", kBrokenLine),
    slope("cut", kCut),
    value("hardswish"),
    slope("hardswish_grad"),
};

}  // namespace

extern const Kernels activation_kernels;
const Kernels activation_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

}  // namespace minigrad
