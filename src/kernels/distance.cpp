// Distances between the rows of two matrices, and what goes back and forward through them: plans and rows.

#include "kernels/distance.hpp"
#include "core/kernel.hpp"
#include "core/plans.hpp"

namespace minigrad {
namespace {

int64_t rows_of(const View& x) { return x.shape[x.rank - 2]; }
int64_t columns_of(const View& x) { return x.shape[x.rank - 1]; }

// The shape of the result: the leading dimensions broadcast, then rows and columns.
void plan_pairs(Plan& plan, int64_t rows, int64_t columns, int64_t terms) {
  const double order = plan.attributes[0].real;
  if (!(order == 1 || order == 2 || order * 0 != 0)) fail(plan, ErrorKind::value, "the order must be 1, 2 or infinity");
  View leading[3];
  const View* views[3];
  for (int i = 0; i < plan.in_count; ++i) {
    leading[i] = plan.in[i];
    leading[i].rank -= 2;
    views[i] = &leading[i];
  }
  View& out = plan.out[0];
  broadcast_shape(plan, views, plan.in_count, out);
  out.dtype = plan.in[0].dtype;
  out.shape[out.rank++] = rows;
  out.shape[out.rank++] = columns;
  plan.scratch_per_worker = static_cast<size_t>(kDistancePanel * (kDistanceBlock + kDistanceRows));
  plan.nanoseconds = 0.05 * static_cast<double>(out.size() * terms);
}

// x (n, d) and y (m, d), and what stands before them, (n, `columns`).
void check_pairs(Plan& plan, int first, int64_t columns) {
  bool fits = true;
  for (int i = 0; i < plan.in_count; ++i) fits &= plan.in[i].rank >= 2;
  const View &x = plan.in[first], &y = plan.in[first + 1];
  fits = fits && columns_of(x) == columns_of(y);
  if (fits && first > 0) fits = rows_of(plan.in[0]) == rows_of(x) && columns_of(plan.in[0]) == columns;
  if (fits) return;
  fail(plan, ErrorKind::runtime,
       "needs rows of one length, got shapes " + shape_text(x) + " and " + shape_text(y) +
           (first > 0 ? " beside " + shape_text(plan.in[0]) : ""));
}

void plan_cdist(Plan& plan) {
  check_pairs(plan, 0, 0);
  plan_pairs(plan, rows_of(plan.in[0]), rows_of(plan.in[1]), columns_of(plan.in[0]));
}

void plan_cdist_pull(Plan& plan) {
  const View &x = plan.in[1], &y = plan.in[2];
  check_pairs(plan, 1, y.rank >= 2 ? rows_of(y) : 0);
  plan_pairs(plan, rows_of(x), columns_of(x), rows_of(y));
}

void plan_cdist_push(Plan& plan) {
  const View &x = plan.in[1], &y = plan.in[2];
  check_pairs(plan, 1, x.rank >= 2 ? columns_of(x) : 0);
  plan_pairs(plan, rows_of(x), rows_of(y), columns_of(x));
}

constexpr AttributeSpec kOrder = {"p", AttributeKind::real};

constexpr Kernel kRows[] = {
    {.name = "cdist",
     .inputs = {"x", "y"},
     .types = "TT",
     .outputs = {"out"},
     .attributes = {kOrder},
     .plan = plan_cdist},
    {.name = "cdist_pull",
     .inputs = {"w", "x", "y"},
     .types = "TTT",
     .outputs = {"out"},
     .attributes = {kOrder},
     .plan = plan_cdist_pull},
    {.name = "cdist_push",
     .inputs = {"w", "x", "y"},
     .types = "TTT",
     .outputs = {"out"},
     .attributes = {kOrder},
     .plan = plan_cdist_push},
};

}  // namespace

extern const Kernels distance_kernels;
const Kernels distance_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

}  // namespace minigrad
