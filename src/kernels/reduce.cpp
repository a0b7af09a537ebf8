// Reductions: plans and rows, and the runs for integers and booleans.
#include "core/kernel.hpp"
#include "core/layout.hpp"
#include "core/parallel.hpp"
#include "core/plans.hpp"
#include "kernels/reduce_integers.hpp"
#include "kernels/reduce_layout.hpp"
#include "kernels/reduce_plans.hpp"

namespace minigrad {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// Plans.

// `all_in_order`: all elements are taken in the order of memory.
void plan_dims(Plan& plan, bool all_in_order) {
  check_dims(plan);
  const View& x = plan.in[0];
  const DimMask mask = listed_dims(x, plan.attributes[0]);
  write_reduced_shape(x, mask, plan.attributes[1].flag(), plan.out[0]);
  plan_costs(plan, all_in_order && reduces_all(x, mask) ? in_memory_order(x, mask) : x, mask, true);
}

void plan_reduce(Plan& plan) { plan_dims(plan, false); }

// The same where an empty set of elements has no result.
void plan_extremum(Plan& plan) {
  plan_dims(plan, true);
  const View& x = plan.in[0];
  if (describe_reduction(x, listed_dims(x, plan.attributes[0])).reduced == 0) {
    const ErrorKind kind = plan.attributes[0].count == 0 ? ErrorKind::runtime : ErrorKind::index;
    fail(plan, kind, "no elements to reduce in shape " + shape_text(x));
  }
}

// `shape` must broadcast to x's shape; sizes that differ must be 1.
void plan_sum_to(Plan& plan) {
  const View& x = plan.in[0];
  const Attribute& shape = plan.attributes[0];
  View& out = plan.out[0];
  out.dtype = x.dtype;
  out.rank = shape.count;
  bool fits = shape.count <= x.rank;
  for (int d = 0; d < shape.count; ++d) {
    out.shape[d] = shape.integers[d];
    fits = fits && (out.shape[d] == 1 || out.shape[d] == x.shape[d + x.rank - out.rank]);
  }
  if (!fits) {
    fail(plan, ErrorKind::runtime, "shape " + shape_text(out) + " does not broadcast to shape " + shape_text(x));
  }
  plan_costs(plan, x, broadcast_dims(x, shape), true);
}

// Factors that do not lie alike are copied, but for a single number in the place of the first; products that are not
// summed as they are read have room behind the chunks.
void plan_product_sum_to(Plan& plan) {
  const View& x = plan.in[0];
  const View& y = plan.in[1];
  if (!x.same_shape(y)) {
    fail(plan, ErrorKind::runtime, "shapes differ, got " + shape_text(x) + " and " + shape_text(y));
  }
  plan_sum_to(plan);
  bool alike = is_dense(x);
  for (int d = 0; d < x.rank; ++d) alike = alike && (x.stride[d] == y.stride[d] || x.shape[d] == 1);
  const bool as_they_lie = alike || (is_one_number(x) && y.contiguous());
  plan.layout = as_they_lie ? InputLayout::any : InputLayout::contiguous;
  if ((as_they_lie && !x.contiguous()) || !sums_products(x, broadcast_dims(x, plan.attributes[0]))) {
    plan.scratch_shared += static_cast<size_t>(x.size() * item_size(x.dtype));
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Runs for integers and booleans.

// One result after the other.
template <class Op, class T>
T combine_elements(const Nest<1>& nest, const T* x) {
  const int64_t step = nest.stride[0][nest.rank - 1];
  T total = Op::template identity<T>();
  if (nest.size == 0) return total;
  for_rows(nest, 0, nest.size, [&](const int64_t* offset, int64_t count) {
    const T* const row = x + offset[0];
    if (step == 1) {
      total = Op::combine(total, combine_contiguous<Op>(row, count));
    } else {
      for (int64_t i = 0; i < count; ++i) total = Op::combine(total, row[i * step]);
    }
  });
  return total;
}

// Results beside each other in x and in out, a few rows at a time.
template <class Op, class T>
void combine_beside(const Nest<1>& nest, const T* x, int64_t cols, T* out) {
  constexpr int64_t kTaken = 8;
  const bool far = is_far<T>(nest.size, cols);
  const int64_t step = nest.stride[0][nest.rank - 1];
  for (int64_t j = 0; j < cols; ++j) out[j] = Op::template identity<T>();
  if (nest.size == 0) return;
  for_rows(nest, 0, nest.size, [&](const int64_t* offset, int64_t count) {
    for (int64_t i = 0; i < count; i += kTaken) {
      combine_rows<Op>(out, x + offset[0] + i * step, step, kTaken < count - i ? kTaken : count - i, cols, far);
    }
  });
}

template <class Op, class T>
Status run_integers(const Call& call) {
  const View& x = call.in[0];
  const DimMask mask = listed_dims(x, call.attributes[0]);
  const ReductionNest nest = make_reduction_nest(in_memory_order(x, mask), mask, call.out[0], true);
  const int64_t reduced = nest.reduced.size;
  const int inner = nest.kept.rank - 1;
  const int64_t out_step = nest.kept.stride[0][inner], x_step = nest.kept.stride[1][inner];
  const bool is_row = nest.reduced.rank == 1 && nest.reduced.stride[0][0] == 1;
  parallel_for(nest.kept.size, 0.3 * static_cast<double>(reduced), [&](int64_t begin, int64_t end, int) {
    for_rows(nest.kept, begin, end, [&](const int64_t* offset, int64_t count) {
      T* const out = call.out[0].as<T>() + offset[0];
      const T* const from = x.as<T>() + offset[1];
      if (out_step == 1 && x_step == 1 && count > 1) return combine_beside<Op>(nest.reduced, from, count, out);
      for (int64_t i = 0; i < count; ++i) {
        const T* const row = from + i * x_step;
        out[i * out_step] = is_row ? combine_contiguous<Op>(row, reduced) : combine_elements<Op>(nest.reduced, row);
      }
    });
  });
  return Status::ok;
}

template <class Op>
constexpr RunsByDType all_integers() {
  return {{run_integers<Op, bool>, run_integers<Op, uint8_t>, run_integers<Op, int8_t>, run_integers<Op, int16_t>,
           run_integers<Op, int32_t>, run_integers<Op, int64_t>, nullptr, nullptr}};
}

constexpr RunsByDType only_int64(RunFunction run) {
  return {{nullptr, nullptr, nullptr, nullptr, nullptr, run, nullptr, nullptr}};
}

constexpr Run kRuns[] = {
    {"sum", only_int64(run_integers<IntegerSum, int64_t>)},
    {"prod", only_int64(run_integers<IntegerProduct, int64_t>)},
    {"max", all_integers<IntegerLargest>()},
    {"min", all_integers<IntegerSmallest>()},
};

// ---------------------------------------------------------------------------------------------------------------------
// Rows.

constexpr Kernel kRows[] = {
    reduction("sum", plan_reduce),
    reduction("mean", plan_reduce),
    reduction("nansum", plan_reduce),
    reduction("prod", plan_reduce),
    reduction("max", plan_extremum),
    reduction("min", plan_extremum),
    {.name = "sum_to",
     .inputs = {"x"},
     .types = "T",
     .outputs = {"out"},
     .attributes = {{"shape", AttributeKind::integers}},
     .plan = plan_sum_to},
    {.name = "product_sum_to",
     .inputs = {"x", "y"},
     .types = "TT",
     .outputs = {"out"},
     .attributes = {{"shape", AttributeKind::integers}},
     .plan = plan_product_sum_to},
};

}  // namespace

extern const Kernels reduce_kernels;
const Kernels reduce_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

extern const Runs reduce_runs;
const Runs reduce_runs = {kRuns, sizeof(kRuns) / sizeof(Run)};

}  // namespace minigrad
