// The matrix products' plans and rows.
#include "kernels/matmul_shapes.hpp"

#include <unistd.h>

#include "core/kernel.hpp"
#include "core/plans.hpp"

namespace minigrad {
namespace {

std::string shapes_text(const Plan& plan) { return shape_text(plan.in[0]) + " @ " + shape_text(plan.in[1]); }

void plan_product(Plan& plan, Layout layout) {
  const ProductShape shape = product_shape(plan.in[0], plan.in[1], plan.out[0], layout);
  plan.scratch_per_worker = static_cast<size_t>(is_floating(plan.in[0].dtype) ? shape.worker_bytes : kIntegerScratch);
  plan.nanoseconds = static_cast<double>(shape.batch) * shape.nanoseconds;
}

void plan_dot(Plan& plan) {
  const View &a = plan.in[0], &b = plan.in[1];
  if (a.shape[0] != b.shape[0]) fail(plan, ErrorKind::runtime, "inner sizes differ, got " + shapes_text(plan));
  plan.out[0].rank = 0;
  plan.out[0].dtype = a.dtype;
  plan_product(plan, Layout::rows);
}

// Two vectors; or matrices, whose batch dimensions broadcast.
void plan_matmul(Plan& plan) {
  const View &a = plan.in[0], &b = plan.in[1];
  View& out = plan.out[0];
  if (a.rank == 1 && b.rank == 1) return plan_dot(plan);
  if (a.rank < 2 || b.rank < 2) {
    fail(plan, ErrorKind::runtime,
         "both operands must be vectors, or both must have two dimensions at least, got " + shapes_text(plan));
  }
  if (a.shape[a.rank - 1] != b.shape[b.rank - 2]) {
    fail(plan, ErrorKind::runtime, "inner sizes differ, got " + shapes_text(plan));
  }
  out.rank = a.rank > b.rank ? a.rank : b.rank;
  for (int d = 2; d < out.rank; ++d) {
    const int64_t x = d < a.rank ? a.shape[a.rank - 1 - d] : 1, y = d < b.rank ? b.shape[b.rank - 1 - d] : 1;
    if (x != y && x != 1 && y != 1) {
      fail(plan, ErrorKind::runtime, "batch dimensions do not broadcast, got " + shapes_text(plan));
    }
    out.shape[out.rank - 1 - d] = x == 1 ? y : x;
  }
  out.shape[out.rank - 2] = a.shape[a.rank - 2];
  out.shape[out.rank - 1] = b.shape[b.rank - 1];
  out.dtype = a.dtype;
  plan_product(plan, Layout::rows);
}

// x (..., k), w (n, k), b (n,) or, for none, (0,).
void plan_linear(Plan& plan) {
  const View &x = plan.in[0], &w = plan.in[1], &b = plan.in[2];
  View& out = plan.out[0];
  const int64_t activation = plan.attributes[0].integer();
  if (activation < 0 || activation >= kActivations) {
    fail(plan, ErrorKind::value, "no activation has the code " + std::to_string(activation));
  }
  if (x.rank < 2 || w.rank != 2 || b.rank != 1) {
    fail(plan, ErrorKind::runtime,
         "needs input (..., in), weight (out, in) and bias (out,), got " + shape_text(x) + ", " + shape_text(w) +
             " and " + shape_text(b));
  }
  if (x.shape[x.rank - 1] != w.shape[1]) {
    fail(plan, ErrorKind::runtime, "inner sizes differ, got input " + shape_text(x) + " and weight " + shape_text(w));
  }
  if (b.shape[0] != w.shape[0] && b.shape[0] != 0) {
    fail(plan, ErrorKind::runtime, "got weight " + shape_text(w) + " but bias " + shape_text(b));
  }
  copy_shape(x, x.dtype, out);
  out.shape[out.rank - 1] = w.shape[0];
  plan_product(plan, Layout::columns);
  if (b.stride[0] != 1) plan.scratch_shared = static_cast<size_t>(b.shape[0] * item_size(b.dtype));
}

// ---------------------------------------------------------------------------------------------------------------------
// Rows.

constexpr Kernel kRows[] = {
    {.name = "matmul", .inputs = {"a", "b"}, .types = "TT", .outputs = {"out"}, .plan = plan_matmul},
    {.name = "linear",
     .inputs = {"x", "w", "b"},
     .types = "TTT",
     .outputs = {"out"},
     .attributes = {{"activation", AttributeKind::integer}},
     .plan = plan_linear},
};

int64_t read_nearest_cache_bytes() {
  constexpr int64_t kUsual = 32768;
#if defined(_SC_LEVEL1_DCACHE_SIZE)
  const int64_t bytes = sysconf(_SC_LEVEL1_DCACHE_SIZE);
  return bytes > 0 ? bytes : kUsual;
#else
  return kUsual;
#endif
}

const int64_t g_nearest_cache_bytes = read_nearest_cache_bytes();

}  // namespace

int64_t nearest_cache_bytes() { return g_nearest_cache_bytes; }

extern const Kernels matmul_kernels;
const Kernels matmul_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

}  // namespace minigrad
