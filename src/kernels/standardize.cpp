// Normalisation to mean 0 and variance 1, what layer and batch normalisation share: plans and rows.
//
// x is a matrix. dim 1: the elements of a row are brought to one scale (layer norm); dim 0: those of a column (batch
// norm). Weight and bias belong to the columns in both cases; either may have no elements, which stands for ones or
// zeros.
#include "reference/standardize.hpp"
#include "core/kernel.hpp"
#include "core/plans.hpp"
#include "kernels/standardize_shapes.hpp"

namespace minigrad {
namespace {

constexpr double kForward = 0.3, kBackward = 0.5;  // nanoseconds for an element

void check_matrix(Plan& plan, const View& x, int64_t dim) {
  if (x.rank != 2) fail(plan, ErrorKind::runtime, "needs a matrix, got " + shape_text(x));
  if (dim != 0 && dim != 1) fail(plan, ErrorKind::value, "dim must be 0 or 1, got " + std::to_string(dim));
}

// w: one element for each column of x, or none.
void check_columns(Plan& plan, const View& w, const View& x, const char* name) {
  if (w.rank != 1 || (w.shape[0] != x.shape[1] && w.shape[0] != 0)) {
    fail(plan, ErrorKind::runtime,
         std::string(name) + " of shape " + shape_text(w) + " does not fit the columns of " + shape_text(x));
  }
}

void vector_of(View& out, DType dtype, int64_t size) {
  out.dtype = dtype;
  out.rank = 1;
  out.shape[0] = size;
}

// The mean or variance of each line that is brought to one scale.
void check_lines(Plan& plan, const View& moment, const View& x, int64_t dim, const char* name) {
  if (moment.rank != 1 || moment.shape[0] != x.shape[1 - dim]) {
    fail(plan, ErrorKind::runtime,
         std::string(name) + " of shape " + shape_text(moment) + " does not fit " + shape_text(x));
  }
}

// Scratch for one worker: `copies` of a row, or what a strip of columns needs.
size_t scratch_of(const View& x, int64_t dim, int64_t copies) {
  const int64_t row = copies * x.shape[1], strip = strip_elements(x.shape[0]);
  return static_cast<size_t>((dim == 1 ? row : strip) * item_size(x.dtype));
}

// x -> mean and variance of each row (dim 1) or column (dim 0).
void plan_moments(Plan& plan) {
  const View& x = plan.in[0];
  const int64_t dim = plan.attributes[1].integer();
  check_matrix(plan, x, dim);
  for (int i = 0; i < 2; ++i) vector_of(plan.out[i], x.dtype, x.shape[1 - dim]);
  plan.scratch_per_worker = scratch_of(x, dim, 1);
  plan.nanoseconds = kForward * static_cast<double>(x.size());
}

// x, w, b -> out of x's shape, mean and variance of each line.
void plan_standardize(Plan& plan) {
  const View& x = plan.in[0];
  const int64_t dim = plan.attributes[1].integer();
  check_matrix(plan, x, dim);
  check_columns(plan, plan.in[1], x, "weight");
  check_columns(plan, plan.in[2], x, "bias");
  copy_shape(x, x.dtype, plan.out[0]);
  for (int i = 1; i < 3; ++i) vector_of(plan.out[i], x.dtype, x.shape[1 - dim]);
  plan.scratch_shared = static_cast<size_t>(2 * x.shape[1] * item_size(x.dtype));
  plan.scratch_per_worker = scratch_of(x, dim, 2);
  plan.nanoseconds = kForward * static_cast<double>(x.size());
}

void check_cotangent(Plan& plan, const View& g, const View& x) {
  if (!g.same_shape(x)) {
    fail(plan, ErrorKind::runtime, "g and x differ in shape: " + shape_text(g) + " and " + shape_text(x));
  }
}

// g, x, w, mean, variance -> out of x's shape.
void plan_standardize_grad(Plan& plan) {
  const View& x = plan.in[1];
  const int64_t dim = plan.attributes[1].integer();
  check_matrix(plan, x, dim);
  check_cotangent(plan, plan.in[0], x);
  check_columns(plan, plan.in[2], x, "weight");
  check_lines(plan, plan.in[3], x, dim, "mean");
  check_lines(plan, plan.in[4], x, dim, "variance");
  copy_shape(x, x.dtype, plan.out[0]);
  plan.scratch_shared = static_cast<size_t>(x.shape[1] * item_size(x.dtype));
  plan.scratch_per_worker = scratch_of(x, dim, 3);
  plan.nanoseconds = kBackward * static_cast<double>(x.size());
}

// g, x, mean, variance -> one element for each column. Where rows are brought to one scale, these are added up in
// blocks of 64, and four rows of either may have to be packed.
void plan_standardize_weight_grad(Plan& plan) {
  const View& x = plan.in[1];
  const int64_t dim = plan.attributes[1].integer();
  check_matrix(plan, x, dim);
  check_cotangent(plan, plan.in[0], x);
  check_lines(plan, plan.in[2], x, dim, "mean");
  check_lines(plan, plan.in[3], x, dim, "variance");
  vector_of(plan.out[0], x.dtype, x.shape[1]);
  if (dim == 1) plan.scratch_shared = static_cast<size_t>((x.shape[0] + 63) / 64 * x.shape[1] * item_size(x.dtype));
  plan.scratch_per_worker = scratch_of(x, dim, 8);
  plan.nanoseconds = kBackward * static_cast<double>(x.size());
}

constexpr AttributeSpec kEps = {"eps", AttributeKind::real};
constexpr AttributeSpec kDim = {"dim", AttributeKind::integer};
constexpr AttributeSpec kCentred = {"centred", AttributeKind::flag};

constexpr Kernel kRows[] = {
    {.name = "moments",
     .inputs = {"x"},
     .types = "T",
     .outputs = {"mean", "variance"},
     .attributes = {kEps, kDim, kCentred},
     .plan = plan_moments,
     .reference = &reference::moments,
     .by_rows = true},
    {.name = "standardize",
     .inputs = {"x", "w", "b"},
     .types = "TTT",
     .outputs = {"out", "mean", "variance"},
     .attributes = {kEps, kDim, kCentred},
     .plan = plan_standardize,
     .reference = &reference::standardize,
     .by_rows = true},
    {.name = "standardize_grad",
     .inputs = {"g", "x", "w", "mean", "variance"},
     .types = "TTTTT",
     .outputs = {"out"},
     .attributes = {kEps, kDim, kCentred},
     .plan = plan_standardize_grad,
     .reference = &reference::standardize_grad,
     .by_rows = true},
    {.name = "standardize_weight_grad",
     .inputs = {"g", "x", "mean", "variance"},
     .types = "TTTT",
     .outputs = {"out"},
     .attributes = {kEps, kDim, kCentred},
     .plan = plan_standardize_weight_grad,
     .reference = &reference::standardize_weight_grad,
     .by_rows = true},
};

}  // namespace

extern const Kernels standardize_kernels;
const Kernels standardize_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

}  // namespace minigrad
