// Rows of the activations and their derivatives.
#include "kernels/elementwise_rows.hpp"
#include "kernels/glu_shapes.hpp"

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

constexpr double kHalf = 0.1, kBothHalves = 0.2;  // nanoseconds for an element of x

// The extent of x along `dim`, which counts from the front, has to be even.
int even_dim(const Plan& plan, const View& x) {
  const int dim = checked_dim(plan, plan.attributes[0].integer(), x.rank);
  if (x.shape[dim] % 2 != 0) {
    fail(plan, ErrorKind::runtime,
         "the extent of dim " + std::to_string(dim) + " must be even, got shape " + shape_text(x));
  }
  return dim;
}

void plan_glu(Plan& plan) {
  const View& x = plan.in[0];
  const int dim = even_dim(plan, x);
  copy_shape(x, x.dtype, plan.out[0]);
  plan.out[0].shape[dim] /= 2;
  plan.nanoseconds = kHalf * static_cast<double>(x.size());
}

void plan_glu_grad(Plan& plan) {
  const View& x = plan.in[1];
  if (!plan.in[0].same_shape(half(x, even_dim(plan, x), false))) {
    fail(plan, ErrorKind::runtime, "g has no half of x's shape: " + shape_text(plan.in[0]) + " and " + shape_text(x));
  }
  copy_shape(x, x.dtype, plan.out[0]);
  plan.nanoseconds = kBothHalves * static_cast<double>(x.size());
}

constexpr Kernel kRows[] = {
    value("silu"),
    slope("silu_grad"),
    {.name = "gate_slope", .inputs = {"g", "x", "y"}, .types = "TTT", .outputs = {"out"}, .plan = plan_map},
    {.name = "glu",
     .inputs = {"x"},
     .types = "T",
     .outputs = {"out"},
     .attributes = {{"dim", AttributeKind::integer}},
     .plan = plan_glu},
    {.name = "glu_grad",
     .inputs = {"g", "x"},
     .types = "TT",
     .outputs = {"out"},
     .attributes = {{"dim", AttributeKind::integer}},
     .plan = plan_glu_grad},
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

View half(const View& x, int64_t dim, bool second) {
  View part = x;
  part.shape[dim] /= 2;
  if (second) part.data = x.as<char>() + part.shape[dim] * x.stride[dim] * item_size(x.dtype);
  return part;
}

Status run_glu(const Call& call, RunFunction gate) {
  const int64_t dim = call.attributes[0].integer();
  const View in[] = {half(call.in[0], dim, false), half(call.in[0], dim, true)};
  return gate({in, 2, call.out, nullptr, nullptr, nullptr, 0});
}

Status run_glu_grad(const Call& call, RunFunction gate, RunFunction slope) {
  const int64_t dim = call.attributes[0].integer();
  const View in[] = {call.in[0], half(call.in[1], dim, false), half(call.in[1], dim, true)}, gated[] = {in[0], in[2]};
  const View out[] = {half(call.out[0], dim, false), half(call.out[0], dim, true)};
  gate({gated, 2, &out[0], nullptr, nullptr, nullptr, 0});
  return slope({in, 3, &out[1], nullptr, nullptr, nullptr, 0});
}

extern const Kernels activation_kernels;
const Kernels activation_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

}  // namespace minigrad
