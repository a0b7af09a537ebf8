// Rows of the activations and their derivatives.
#include "reference/activation.hpp"
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

constexpr Kernel value(const char* name, const RunsByDType* reference, const Attributes& attributes = kNone) {
  return with_attributes(unary(name, reference), attributes);
}

// The derivative at x, multiplied by the cotangent g.
constexpr Kernel slope(const char* name, const RunsByDType* reference, const Attributes& attributes = kNone) {
  Kernel kernel = binary(name, reference);
  kernel.inputs[0] = "g";
  kernel.inputs[1] = "x";
  return with_attributes(kernel, attributes);
}

constexpr Kernel kRows[] = {
    value("silu", &reference::silu),
    slope("silu_grad", &reference::silu_grad),
    value("gelu", &reference::gelu),
    slope("gelu_grad", &reference::gelu_grad),
    value("gelu_tanh", &reference::gelu_tanh),
    slope("gelu_tanh_grad", &reference::gelu_tanh_grad),
    value("mish", &reference::mish),
    slope("mish_grad", &reference::mish_grad),
    value("softsign", &reference::softsign),
    slope("softsign_grad", &reference::softsign_grad),
    value("softplus", &reference::softplus, kSoftplus),
    slope("softplus_grad", &reference::softplus_grad, kSoftplus),
    value("elu", &reference::elu, kElu),
    slope("elu_grad", &reference::elu_grad, kElu),
    value("broken_line", &reference::broken_line, kBrokenLine),
    slope("broken_line_grad", &reference::broken_line_grad, kBrokenLine),
    slope("cut", &reference::cut, kCut),
    value("hardswish", &reference::hardswish),
    slope("hardswish_grad", &reference::hardswish_grad),
};

}  // namespace

extern const Kernels activation_kernels;
const Kernels activation_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

}  // namespace minigrad
