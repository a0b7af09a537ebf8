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

// `in_order`: elements are taken in the order of memory.
void plan_dims(Plan& plan, bool in_order) {
  check_dims(plan);
  const View& x = plan.in[0];
  const DimMask mask = listed_dims(x, plan.attributes[0]);
  write_reduced_shape(x, mask, plan.attributes[1].flag(), plan.out[0]);
  plan_costs(plan, in_order ? in_memory_order(x, mask) : x, mask, true);
}

// Integers are summed and multiplied as int64.
void plan_reduce(Plan& plan) {
  plan_dims(plan, false);
  if (!is_floating(plan.in[0].dtype)) plan.out[0].dtype = DType::int64;
}

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

// Elements as int64.
using Widen = void (*)(int64_t* out, const char* x, int64_t step, int64_t n);

template <class T>
void widen(int64_t* out, const char* x, int64_t step, int64_t n) {
  const T* const from = reinterpret_cast<const T*>(x);
  for (int64_t i = 0; step == 1 && i < n; ++i) out[i] = from[i];
  for (int64_t i = 0; step != 1 && i < n; ++i) out[i] = from[i * step];
}

// The sum of contiguous elements: neighbours, counted from the smallest number, are added in elements twice as wide.
template <class T, class Wide>
int64_t sum_row(const char* x, int64_t n) {
  constexpr int kBits = 8 * sizeof(T), kTaken = 16 / sizeof(T);
  constexpr int64_t kMost = 128 * kTaken, kLow = (int64_t{1} << kBits) - 1;
  constexpr int64_t kSmallest = is_signed(T{}) ? int64_t{1} << (kBits - 1) : 0;  // below 0
  int64_t total = 0, i = 0;
  while (n - i >= kTaken) {
    typename Piece<Wide>::Vector sums = {}, v;
    for (const int64_t end = kMost < n - i ? i + kMost : n; i + kTaken <= end; i += kTaken) {
      __builtin_memcpy(&v, x + i * static_cast<int64_t>(sizeof(T)), sizeof v);
      v ^= static_cast<Wide>(kSmallest << kBits | kSmallest);
      sums += (v & static_cast<Wide>(kLow)) + (v >> kBits);
    }
    total += sum_lanes<Wide>(sums);
  }
  total -= i * kSmallest;
  for (const T* const from = reinterpret_cast<const T*>(x); i < n; ++i) total += from[i];
  return total;
}

// Smaller integers, some of which are widened at a time.
template <class Op>
struct Widened {
  static constexpr int64_t kWide = 2048;

  Widen widen;
  int64_t (*row)(const char* x, int64_t n);  // of contiguous ones, or nullptr
  int64_t bytes;                             // of an element
  Nest<1> nest;                              // of the elements of a result

  int64_t step() const { return nest.stride[0][nest.rank - 1]; }

  template <class Visit>
  void for_pieces(const char* x, int64_t most, Visit&& visit) const {
    if (nest.size == 0) return;
    for_rows(nest, 0, nest.size, [&](const int64_t* offset, int64_t count) {
      for (int64_t i = 0; i < count; i += most) {
        visit(x + (offset[0] + i * step()) * bytes, most < count - i ? most : count - i);
      }
    });
  }

  int64_t combine_elements(const char* x) const {
    int64_t wide[kWide], total = Op::template identity<int64_t>();
    const bool by_rows = row != nullptr && step() == 1;
    for_pieces(x, by_rows ? nest.size : kWide, [&](const char* from, int64_t count) {
      if (by_rows) {
        total += row(from, count);
        return;
      }
      widen(wide, from, step(), count);
      total = Op::combine(total, combine_contiguous<Op>(wide, count));
    });
    return total;
  }

  // At most kWide results beside each other in x and in out.
  void combine_beside(const char* x, int64_t cols, int64_t* out) const {
    int64_t wide[kWide];
    for (int64_t j = 0; j < cols; ++j) out[j] = Op::template identity<int64_t>();
    for_pieces(x, kWide / cols, [&](const char* from, int64_t rows) {
      const bool dense = step() == cols;
      for (int64_t i = 0; i < (dense ? 1 : rows); ++i) {
        widen(wide + i * cols, from + i * step() * bytes, 1, dense ? rows * cols : cols);
      }
      combine_rows<Op>(out, wide, cols, rows, cols, false);
    });
  }
};

template <class Op>
Status run_widened(const Call& call, Widen widen, int64_t (*row)(const char* x, int64_t n)) {
  const View& x = call.in[0];
  const DimMask mask = listed_dims(x, call.attributes[0]);
  const ReductionNest nest = make_reduction_nest(in_memory_order(x, mask), mask, call.out[0], true);
  const Widened<Op> widened = {widen, row, item_size(x.dtype), nest.reduced};
  const int inner = nest.kept.rank - 1;
  const int64_t out_step = nest.kept.stride[0][inner], x_step = nest.kept.stride[1][inner];
  const bool beside = out_step == 1 && x_step == 1;
  parallel_for(nest.kept.size, 0.3 * static_cast<double>(nest.reduced.size), [&](int64_t begin, int64_t end, int) {
    for_rows(nest.kept, begin, end, [&](const int64_t* offset, int64_t count) {
      int64_t* const out = call.out[0].as<int64_t>() + offset[0];
      const char* const from = x.as<char>() + offset[1] * widened.bytes;
      for (int64_t i = 0; i < count;) {
        const int64_t cols = beside && count - i < Widened<Op>::kWide ? count - i : Widened<Op>::kWide;
        const char* const at = from + i * x_step * widened.bytes;
        if (beside && count > 1) {
          widened.combine_beside(at, cols, out + i);
          i += cols;
        } else {
          out[i++ * out_step] = widened.combine_elements(at);
        }
      }
    });
  });
  return Status::ok;
}

template <class T, class Wide>
Status run_sum(const Call& call) {
  return run_widened<IntegerSum>(call, widen<T>, sum_row<T, Wide>);
}

Status run_long_product(const Call& call) { return run_integers(call, LoopsOf<IntegerProduct, int64_t>::kLoops); }

template <class T>
Status run_product(const Call& call) {
  return run_widened<IntegerProduct>(call, widen<T>, nullptr);
}

constexpr Run kRuns[] = {
    {"sum",
     {{run_sum<uint8_t, uint16_t>, run_sum<uint8_t, uint16_t>, run_sum<int8_t, uint16_t>, run_sum<int16_t, uint32_t>,
       run_sum<int32_t, uint64_t>}}},
    {"prod",
     {{run_product<uint8_t>, run_product<uint8_t>, run_product<int8_t>, run_product<int16_t>, run_product<int32_t>,
       run_long_product}}},
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

Status run_integers(const Call& call, const IntegerLoops& loops) {
  constexpr int64_t kTaken = 8;  // rows at a time
  const View& x = call.in[0];
  const DimMask mask = listed_dims(x, call.attributes[0]);
  const ReductionNest nest = make_reduction_nest(in_memory_order(x, mask), mask, call.out[0], true);
  const Nest<1>& reduced = nest.reduced;
  const int64_t item = item_size(x.dtype), step = reduced.stride[0][reduced.rank - 1];
  const int inner = nest.kept.rank - 1;
  const int64_t out_step = nest.kept.stride[0][inner], x_step = nest.kept.stride[1][inner];
  const auto combine = [&](char* out, const char* from) {
    loops.begin(out, 1);
    if (reduced.size == 0) return;
    for_rows(reduced, 0, reduced.size, [&](const int64_t* offset, int64_t n) {
      loops.row(out, 0, from + offset[0] * item, 0, step, n, 1, false);
    });
  };
  // Results beside each other in x and in out, a few rows at a time.
  const auto combine_beside = [&](char* out, const char* from, int64_t cols) {
    const bool far = is_far(reduced.size * cols * item);
    loops.begin(out, cols);
    if (reduced.size == 0) return;
    for_rows(reduced, 0, reduced.size, [&](const int64_t* offset, int64_t n) {
      for (int64_t i = 0; i < n; i += kTaken) {
        loops.rows(out, from + (offset[0] + i * step) * item, step, kTaken < n - i ? kTaken : n - i, cols, far);
      }
    });
  };
  parallel_for(nest.kept.size, 0.3 * static_cast<double>(reduced.size), [&](int64_t begin, int64_t end, int) {
    for_rows(nest.kept, begin, end, [&](const int64_t* offset, int64_t count) {
      char* const out = call.out[0].as<char>() + offset[0] * item;
      const char* const from = x.as<char>() + offset[1] * item;
      if (out_step == 1 && x_step == 1 && count > 1) return combine_beside(out, from, count);
      if (reduced.rank == 1) return loops.row(out, out_step, from, x_step, step, reduced.size, count, true);
      for (int64_t i = 0; i < count; ++i) combine(out + i * out_step * item, from + i * x_step * item);
    });
  });
  return Status::ok;
}

extern const Kernels reduce_kernels;
const Kernels reduce_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

extern const Runs reduce_runs;
const Runs reduce_runs = {kRuns, sizeof(kRuns) / sizeof(Run)};

}  // namespace minigrad
