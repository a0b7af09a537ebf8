// Places of extrema: plans and rows, and the runs for integers and booleans.
#include "core/kernel.hpp"
#include "core/parallel.hpp"
#include "core/plans.hpp"
#include "kernels/arg_reduce_layout.hpp"
#include "kernels/reduce_integers.hpp"
#include "kernels/reduce_layout.hpp"
#include "kernels/reduce_plans.hpp"

namespace minigrad {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// Plans.

// Writes the shape of out[0], which has the dtype given.
void plan_places(Plan& plan, DimMask mask, bool keepdim, DType dtype) {
  const View& x = plan.in[0];
  View& out = plan.out[0];
  const Reduction form = describe_reduction(x, mask);
  if (form.reduced == 0) fail(plan, ErrorKind::index, "no elements to reduce in shape " + shape_text(x));
  write_reduced_shape(x, mask, keepdim, out);
  out.dtype = dtype;
  plan_way(plan, x, form, mask);
  // Of all elements those that lie in short pieces are copied.
  constexpr int64_t kShortPiece = 128;
  const int64_t piece = x.rank > 1 ? x.shape[x.rank - 1] : 1;
  const bool apart = lies_apart(x) && !(form.rows && is_floating(x.dtype));
  if ((form.kept == 1 && piece > 1 && piece < kShortPiece) || apart) plan.layout = InputLayout::contiguous;
  constexpr int64_t kPlaceBytes = 16;  // an element and its index
  if (arg_in_chunks(form)) plan.scratch_shared = kArgChunks * kPlaceBytes;
  plan.nanoseconds = kArgNanoseconds * static_cast<double>(form.kept) * static_cast<double>(form.reduced);
}

void plan_index(Plan& plan) {
  const View& x = plan.in[0];
  const Attribute& dims = plan.attributes[0];
  if (dims.count > 1) {
    fail(plan, ErrorKind::runtime,
         "takes one dim or none, got " + std::to_string(dims.count) + " for shape " + shape_text(x));
  }
  if (dims.count == 1) normalise_dim(plan, x, dims.integers[0]);
  plan_places(plan, listed_dims(x, dims), plan.attributes[1].flag(), DType::int64);
}

void plan_with_index(Plan& plan) {
  const View& x = plan.in[0];
  normalise_dim(plan, x, plan.attributes[0].integer());
  plan_places(plan, single_dim(x, plan.attributes[0]), plan.attributes[1].flag(), x.dtype);
  copy_shape(plan.out[0], DType::int64, plan.out[1]);
}

// ---------------------------------------------------------------------------------------------------------------------
// Runs for integers and booleans: the first of equal elements wins.

struct Greater {
  using Op = IntegerLargest;
  template <class T>
  static bool than(T x, T y) {
    return x > y;
  }
};

struct Less {
  using Op = IntegerSmallest;
  template <class T>
  static bool than(T x, T y) {
    return x < y;
  }
};

constexpr int64_t kMany = 128;  // elements of a result

// The best of a few contiguous elements for each of `cols` results, without branches, which nobody could foresee.
template <class Order, class T>
void find_best_of_few(const T* x, int64_t n, int64_t col_step, int64_t cols, T* best, int64_t* index) {
  for (int64_t j = 0; j < cols; ++j, x += col_step) {
    T value = x[0];
    int64_t place = 0;
    for (int64_t i = 1; i < n; ++i) {
      const bool better = Order::than(x[i], value);
      value = better ? x[i] : value;
      place = better ? i : place;
    }
    best[j] = value;
    index[j] = place;
  }
}

// Contiguous elements: the extremum of a block and then, where it is better than the best one, its place.
template <class Order, class T>
void find_best_contiguous(const T* x, int64_t n, int64_t first, T& best, int64_t& index) {
  constexpr int64_t kBlock = 1024;
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t count = kBlock < n - begin ? kBlock : n - begin;
    const T value = combine_contiguous<typename Order::Op>(x + begin, count);
    if (index >= 0 && !Order::than(value, best)) continue;
    int64_t place = begin;
    while (x[place] != value) ++place;
    best = value;
    index = first + place;
  }
}

// The best element of one result, whose innermost elements are contiguous.
template <class Order, class T>
void find_best_row(const Nest<1>& reduced, const T* x, T& best, int64_t& index) {
  int64_t number = 0;
  index = -1;
  for_rows(reduced, 0, reduced.size, [&](const int64_t* offset, int64_t count) {
    find_best_contiguous<Order>(x + offset[0], count, number, best, index);
    number += count;
  });
}

constexpr int64_t kStrip = 64, kBeside = 4096;  // results that are found at a time

// The best elements of `cols` results that lie beside each other, and their places: the extremum of a few rows, then,
// where it is better than the best one, their number; which of them it was is looked up at the end.
template <class Order, class T>
void find_best_beside(const Nest<1>& reduced, const T* x, int64_t cols, T* best, int64_t* index) {
  using Op = typename Order::Op;
  constexpr int64_t kRows = 32, kTaken = 8;
  const int64_t step = reduced.stride[0][reduced.rank - 1];
  const bool far = is_far(reduced.size * cols * static_cast<int64_t>(sizeof(T)));
  T value[kBeside];
  int64_t number = 0;
  for_rows(reduced, 0, reduced.size, [&](const int64_t* offset, int64_t count) {
    for (int64_t k = 0; k < count; k += kRows) {
      const int64_t end = k + kRows < count ? k + kRows : count;
      for (int64_t j = 0; j < cols; ++j) value[j] = Op::template identity<T>();
      for (int64_t r = k; r < end; r += kTaken) {
        combine_rows<Op>(value, x + offset[0] + r * step, step, kTaken < end - r ? kTaken : end - r, cols, far);
      }
      for (int64_t j = 0; j < cols; ++j) {
        const bool better = number == 0 || Order::than(value[j], best[j]);
        best[j] = better ? value[j] : best[j];
        index[j] = better ? number : index[j];
      }
      number += end - k;
    }
  });
  for (int64_t j = 0; j < cols; ++j) {
    for_rows(reduced, index[j], index[j] + 1, [&](const int64_t* offset, int64_t) {
      for (const T* place = x + offset[0] + j; *place != best[j]; place += step) ++index[j];
    });
  }
}

// The same of results that lie col_step apart.
template <class Order, class T>
void find_best(const Nest<1>& reduced, const T* x, int64_t col_step, int64_t cols, T* best, int64_t* index) {
  const int64_t row_step = reduced.stride[0][reduced.rank - 1];
  for (int64_t j = 0; j < cols; ++j) best[j] = x[j * col_step];
  for (int64_t j = 0; j < cols; ++j) index[j] = 0;
  int64_t number = 0;
  for_rows(reduced, 0, reduced.size, [&](const int64_t* offset, int64_t count) {
    for (int64_t k = 0; k < count; ++k, ++number) {
      const T* const row = x + offset[0] + k * row_step;
      for (int64_t j = 0; j < cols; ++j) {
        const bool better = Order::than(row[j * col_step], best[j]);
        best[j] = better ? row[j * col_step] : best[j];
        index[j] = better ? number : index[j];
      }
    }
  });
}

template <class Order, class T>
Status run_places(const Call& call, DimMask mask, T* values, int64_t* indices) {
  const View& x = call.in[0];
  const ReductionNest nest = make_reduction_nest(x, mask, call.out[0]);
  const int inner = nest.kept.rank - 1;
  const int64_t out_step = nest.kept.stride[0][inner], col_step = nest.kept.stride[1][inner];
  const bool along = nest.reduced.stride[0][nest.reduced.rank - 1] == 1;
  const bool beside = !along && col_step == 1 && nest.reduced.size >= kMany;
  const bool few = along && nest.reduced.size < kMany && nest.reduced.rank == 1;
  const int64_t width = along && !few ? 1 : beside ? kBeside : kStrip;
  parallel_for(nest.kept.size, static_cast<double>(nest.reduced.size), [&](int64_t begin, int64_t end, int) {
    T best[kBeside];
    int64_t index[kBeside];
    for_rows(nest.kept, begin, end, [&](const int64_t* offset, int64_t count) {
      for (int64_t j = 0; j < count; j += width) {
        const int64_t cols = width < count - j ? width : count - j;
        const T* const from = x.as<T>() + offset[1] + j * col_step;
        if (few) {
          find_best_of_few<Order>(from, nest.reduced.size, col_step, cols, best, index);
        } else if (along) {
          find_best_row<Order>(nest.reduced, from, *best, *index);
        } else if (beside) {
          find_best_beside<Order>(nest.reduced, from, cols, best, index);
        } else {
          find_best<Order>(nest.reduced, from, col_step, cols, best, index);
        }
        for (int64_t c = 0; c < cols; ++c) {
          const int64_t to = offset[0] + (j + c) * out_step;
          indices[to] = index[c];
          if (values != nullptr) values[to] = best[c];
        }
      }
    });
  });
  return Status::ok;
}

template <class Order, class T>
Status run_index(const Call& call) {
  const DimMask mask = listed_dims(call.in[0], call.attributes[0]);
  return run_places<Order, T>(call, mask, nullptr, call.out[0].as<int64_t>());
}

template <class Order, class T>
Status run_with_index(const Call& call) {
  const DimMask mask = single_dim(call.in[0], call.attributes[0]);
  return run_places<Order>(call, mask, call.out[0].as<T>(), call.out[1].as<int64_t>());
}

template <class Order>
constexpr RunsByDType indices() {
  return {{run_index<Order, uint8_t>, run_index<Order, uint8_t>, run_index<Order, int8_t>, run_index<Order, int16_t>,
           run_index<Order, int32_t>, run_index<Order, int64_t>, nullptr, nullptr}};
}

template <class Order>
constexpr RunsByDType values_and_indices() {
  return {{run_with_index<Order, uint8_t>, run_with_index<Order, uint8_t>, run_with_index<Order, int8_t>,
           run_with_index<Order, int16_t>, run_with_index<Order, int32_t>, run_with_index<Order, int64_t>, nullptr,
           nullptr}};
}

constexpr Run kRuns[] = {
    {"argmax", indices<Greater>()},
    {"argmin", indices<Less>()},
    {"max_with_index", values_and_indices<Greater>()},
    {"min_with_index", values_and_indices<Less>()},
};

// ---------------------------------------------------------------------------------------------------------------------
// Rows.

constexpr Kernel index_of(const char* name) {
  return {.name = name,
          .inputs = {"x"},
          .types = "T",
          .outputs = {"out"},
          .attributes = {{"dims", AttributeKind::integers}, {"keepdim", AttributeKind::flag}},
          .plan = plan_index};
}

constexpr Kernel with_index(const char* name) {
  return {.name = name,
          .inputs = {"x"},
          .types = "T",
          .outputs = {"values", "indices"},
          .attributes = {{"dim", AttributeKind::integer}, {"keepdim", AttributeKind::flag}},
          .plan = plan_with_index};
}

constexpr Kernel kRows[] = {
    index_of("argmax"),
    index_of("argmin"),
    with_index("max_with_index"),
    with_index("min_with_index"),
};

}  // namespace

extern const Kernels arg_reduce_kernels;
const Kernels arg_reduce_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

extern const Runs arg_reduce_runs;
const Runs arg_reduce_runs = {kRuns, sizeof(kRuns) / sizeof(Run)};

}  // namespace minigrad
