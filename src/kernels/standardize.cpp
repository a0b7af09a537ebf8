// Normalisation to mean 0 and variance 1, what layer, group, instance and batch normalisation share: plans and rows.
//
// x has shape (n, c, ...): n samples of c channels. Each sample's channels are divided into `groups` groups, and each
// group is brought to one scale by itself; with 0 groups each channel is, over all samples. Weight and bias belong to
// the channels; either may have no elements, which stands for ones or zeros.
#include <algorithm>

#include "core/kernel.hpp"
#include "core/plans.hpp"
#include "kernels/standardize_shapes.hpp"

namespace minigrad {
namespace {

constexpr double kForward = 0.3, kBackward = 0.5;  // nanoseconds for an element

void vector_of(View& out, DType dtype, int64_t size) {
  out.dtype = dtype;
  out.rank = 1;
  out.shape[0] = size;
}

int64_t groups_of(const Plan& plan) { return plan.attributes[1].integer(); }

// How many groups are brought to one scale.
int64_t lines_of(const Plan& plan, const View& x) {
  return groups_of(plan) > 0 ? x.shape[0] * groups_of(plan) : x.shape[1];
}

void check_shape(Plan& plan, const View& x) {
  if (x.rank < 2) fail(plan, ErrorKind::runtime, "needs shape (n, c, ...), got " + shape_text(x));
  const int64_t groups = groups_of(plan);
  if (groups < 0 || (groups > 0 && x.shape[1] % groups != 0)) {
    fail(plan, ErrorKind::value,
         "the channels of " + shape_text(x) + " cannot be divided into " + std::to_string(groups) + " groups");
  }
}

// w: one element for each channel of x, or none.
void check_channels(Plan& plan, const View& w, const View& x, const char* name) {
  if (w.rank != 1 || (w.shape[0] != x.shape[1] && w.shape[0] != 0)) {
    fail(plan, ErrorKind::runtime,
         std::string(name) + " of shape " + shape_text(w) + " does not fit the channels of " + shape_text(x));
  }
}

// The mean or variance of each line.
void check_lines(Plan& plan, const View& moment, const View& x, const char* name) {
  if (moment.rank != 1 || moment.shape[0] != lines_of(plan, x)) {
    fail(plan, ErrorKind::runtime,
         std::string(name) + " of shape " + shape_text(moment) + " does not fit " + shape_text(x));
  }
}

// Shared scratch: what runs of samples come to; or weights and biases; on the way back weights, and two sums for each
// channel of `rows` samples or blocks of samples. Scratch for a worker: what a strip of columns needs, or zeros for a
// line.
void plan_costs(Plan& plan, const View& x, int64_t rows, double nanoseconds) {
  const int64_t length = channel_length(x), groups = groups_of(plan);
  const int64_t channels = x.shape[1] * weight_repeats(x, groups);
  const int64_t own = groups > 0 ? channels / groups : strip_elements(x.shape[0], length);
  const int64_t of_all = std::max((1 + 2 * rows) * channels, groups > 0 ? 0 : run_elements(x.shape[0]));
  plan.scratch_shared = static_cast<size_t>(of_all * item_size(x.dtype));
  plan.scratch_per_worker = static_cast<size_t>(own * item_size(x.dtype));
  plan.nanoseconds = nanoseconds * static_cast<double>(x.size());
}

// x, w, b -> out of x's shape, mean and variance of each line.
void plan_standardize(Plan& plan) {
  const View& x = plan.in[0];
  check_shape(plan, x);
  check_channels(plan, plan.in[1], x, "weight");
  check_channels(plan, plan.in[2], x, "bias");
  copy_shape(x, x.dtype, plan.out[0]);
  for (int i = 1; i < 3; ++i) vector_of(plan.out[i], x.dtype, lines_of(plan, x));
  plan_costs(plan, x, 1, kForward);
}

// The same by given moments: x, w, b, mean, variance -> out.
void plan_given(Plan& plan) {
  plan_standardize(plan);
  check_lines(plan, plan.in[3], plan.in[0], "mean");
  check_lines(plan, plan.in[4], plan.in[0], "variance");
}

// How many rows of sums there are: of blocks of samples; of samples, and of a tree over blocks of these.
int64_t sums_of(const View& x) {
  const int64_t blocks = (x.shape[0] + 63) / 64;
  if (channel_length(x) < kLongChannel) return blocks;
  int64_t levels = 1;
  for (int64_t left = blocks; left > 0; left /= 2) ++levels;
  return x.shape[0] + levels;
}

// g, x and, `moments` being the first of them, mean and variance.
const View& check_backward(Plan& plan, int moments) {
  const View& g = plan.in[0];
  const View& x = plan.in[1];
  check_shape(plan, x);
  if (!g.same_shape(x)) {
    fail(plan, ErrorKind::runtime, "g and x differ in shape: " + shape_text(g) + " and " + shape_text(x));
  }
  check_lines(plan, plan.in[moments], x, "mean");
  check_lines(plan, plan.in[moments + 1], x, "variance");
  plan_costs(plan, x, groups_of(plan) > 0 ? sums_of(x) : 0, kBackward);
  return x;
}

// g, x, w, mean, variance -> out of x's shape.
void plan_grad(Plan& plan) {
  const View& x = check_backward(plan, 3);
  check_channels(plan, plan.in[2], x, "weight");
  copy_shape(x, x.dtype, plan.out[0]);
}

// g, x, mean, variance -> two of an element for each channel.
void plan_sums(Plan& plan) {
  const View& x = check_backward(plan, 2);
  for (int i = 0; i < 2; ++i) vector_of(plan.out[i], x.dtype, x.shape[1]);
}

// g, x, w, mean, variance -> one of x's shape, and two of an element for each channel.
void plan_grads(Plan& plan) {
  plan_grad(plan);
  const View& x = plan.in[1];
  for (int i = 1; i < 3; ++i) vector_of(plan.out[i], x.dtype, x.shape[1]);
}

constexpr AttributeSpec kEps = {"eps", AttributeKind::real};
constexpr AttributeSpec kGroups = {"groups", AttributeKind::integer};
constexpr AttributeSpec kCentred = {"centred", AttributeKind::flag};

constexpr Kernel kRows[] = {
    {.name = "standardize",
     .inputs = {"x", "w", "b"},
     .types = "TTT",
     .outputs = {"out", "mean", "variance"},
     .attributes = {kEps, kGroups, kCentred},
     .plan = plan_standardize,
     .layout = InputLayout::packed},
    {.name = "standardize_given",
     .inputs = {"x", "w", "b", "mean", "variance"},
     .types = "TTTTT",
     .outputs = {"out"},
     .attributes = {kEps, kGroups, kCentred},
     .plan = plan_given,
     .layout = InputLayout::packed},
    {.name = "standardize_grad",
     .inputs = {"g", "x", "w", "mean", "variance"},
     .types = "TTTTT",
     .outputs = {"out"},
     .attributes = {kEps, kGroups, kCentred},
     .plan = plan_grad,
     .layout = InputLayout::packed},
    {.name = "standardize_sums",
     .inputs = {"g", "x", "mean", "variance"},
     .types = "TTTT",
     .outputs = {"of_weight", "of_bias"},
     .attributes = {kEps, kGroups, kCentred},
     .plan = plan_sums,
     .layout = InputLayout::packed},
    {.name = "standardize_grads",
     .inputs = {"g", "x", "w", "mean", "variance"},
     .types = "TTTTT",
     .outputs = {"out", "of_weight", "of_bias"},
     .attributes = {kEps, kGroups, kCentred},
     .plan = plan_grads,
     .layout = InputLayout::packed},
};

}  // namespace

extern const Kernels standardize_kernels;
const Kernels standardize_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

}  // namespace minigrad
