// The random kernels' plans and rows, and `full`, `ramp` and `triangle_indices`, which fill an
// array as they do.
//
// key and offset are int64 arrays of shape (). An element depends on key, offset and its row-major position alone. A
// call for n elements consumes the counters offset, offset + 1, ...: ceil(n / 4) of them for float32 elements, ceil(n /
// 2) for float64 elements, for integers and for a permutation of n. The next call with this key starts behind them.
#include <algorithm>
#include <type_traits>

#include "core/half.hpp"
#include "core/kernel.hpp"
#include "core/loops.hpp"
#include "core/plans.hpp"
#include "core/wide.hpp"
#include "kernels/bytes.hpp"

namespace minigrad {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// Plans.

void plan_shape(const Plan& plan, const Attribute& shape, View& out) {
  out.rank = shape.count;
  for (int d = 0; d < shape.count; ++d) out.shape[d] = shape.integers[d];
  for (int d = 0; d < shape.count; ++d) {
    if (shape.integers[d] < 0) fail(plan, ErrorKind::runtime, "negative size in shape " + shape_text(out));
  }
}

void plan_dtype(const Plan& plan, int64_t code, View& out) {
  if (code < 0 || code >= kDTypeCount) fail(plan, ErrorKind::value, "no dtype has the code " + std::to_string(code));
  out.dtype = static_cast<DType>(code);
}

void check_scalars(const Plan& plan) {
  for (int i = 0; i < plan.in_count; ++i) {
    if (plan.in[i].rank != 0) {
      fail(plan, ErrorKind::runtime, "the inputs must have shape (), got " + shape_text(plan.in[i]));
    }
  }
}

// Attributes: shape, dtype.
void plan_filled(Plan& plan, double nanoseconds) {
  check_scalars(plan);
  plan_shape(plan, plan.attributes[0], plan.out[0]);
  plan_dtype(plan, plan.attributes[1].integer(), plan.out[0]);
  plan.nanoseconds = nanoseconds * static_cast<double>(plan.out[0].size());
}

void plan_full(Plan& plan) {
  plan_filled(plan, 0.2);
  plan.layout = InputLayout::alike;
}

void plan_ramp(Plan& plan) { plan_filled(plan, 0.4); }
void plan_uniform(Plan& plan) { plan_filled(plan, 1); }
void plan_normal(Plan& plan) { plan_filled(plan, 3); }

// The columns of a row that belong to a triangle.
struct TriangleRow {
  int64_t first, last;

  TriangleRow(const Attribute* attributes, int64_t row) {
    const int64_t columns = attributes[1].integer(), lower = attributes[3].flag();
    const int64_t border = std::clamp<int64_t>(row + attributes[2].integer() + lower, 0, columns);
    first = lower ? 0 : border;
    last = lower ? border : columns;
  }
};

// How many places there are in the first `rows` rows: the border is 0 in some, then grows by 1, then is all columns.
int64_t places_before(const Attribute* attributes, int64_t rows) {
  const int64_t columns = attributes[1].integer(), shift = attributes[2].integer() + attributes[3].flag();
  const int64_t from = std::clamp<int64_t>(-shift, 0, rows), to = std::clamp(columns - shift, from, rows);
  const int64_t below = ((from + shift) + (to + shift) - 1) * (to - from) / 2 + columns * (rows - to);
  return attributes[3].flag() ? below : columns * rows - below;
}

void plan_triangle_indices(Plan& plan) {
  View& out = plan.out[0];
  out.rank = 2;
  out.shape[0] = 2;
  out.shape[1] = places_before(plan.attributes, plan.attributes[0].integer());
  out.dtype = DType::int64;
  plan.nanoseconds = 0.4 * static_cast<double>(out.shape[1]);
}

void plan_randint(Plan& plan) {
  check_scalars(plan);
  const int64_t low = plan.attributes[0].integer(), high = plan.attributes[1].integer();
  if (low >= high) {
    fail(plan, ErrorKind::runtime,
         "low must be less than high, got " + std::to_string(low) + " and " + std::to_string(high));
  }
  plan_shape(plan, plan.attributes[2], plan.out[0]);
  plan.out[0].dtype = DType::int64;
  plan.nanoseconds = 2 * static_cast<double>(plan.out[0].size());
}

void plan_permutation(Plan& plan) {
  check_scalars(plan);
  const int64_t n = plan.attributes[0].integer();
  if (n < 0) fail(plan, ErrorKind::runtime, "n must not be negative, got " + std::to_string(n));
  plan.out[0].rank = 1;
  plan.out[0].shape[0] = n;
  plan.out[0].dtype = DType::int64;
  plan.nanoseconds = 5 * static_cast<double>(n);
}

// ---------------------------------------------------------------------------------------------------------------------
// full: every element is the value, converted. Fractions are cut off, what lies outside the dtype's range becomes the
// range's end, NaN becomes 0; bool is value != 0.

template <class T>
T converted(double value) {
  if constexpr (!std::is_integral_v<T> || std::is_same_v<T, bool>) {
    return static_cast<T>(value);  // bool and the floats
  } else {
    constexpr bool kSigned = static_cast<T>(-1) < T{0};
    constexpr int kBits = 8 * sizeof(T);
    constexpr T kLargest = static_cast<T>((uint64_t{1} << (kBits - (kSigned ? 1 : 0))) - 1);
    constexpr T kLeast = kSigned ? static_cast<T>(-kLargest - 1) : T{0};
    if (value != value) return 0;
    if (value >= static_cast<double>(kLargest)) return kLargest;
    return value <= static_cast<double>(kLeast) ? kLeast : static_cast<T>(value);
  }
}

// In wide registers as far as they go, the rest element by element.
template <class T>
void fill_row(T* out, int64_t count, T value) {
  constexpr int64_t kPattern = 32 / sizeof(T);
  T pattern[kPattern];
  for (T& x : pattern) x = value;
  int64_t i = fill_bytes(out, pattern, count * static_cast<int64_t>(sizeof(T))) / static_cast<int64_t>(sizeof(T));
  for (; i < count; ++i) out[i] = value;
}

template <class T>
Status run_full(const Call& call) {
  const T value = converted<T>(*call.in[0].as<double>());
  const View* const operands[] = {&call.out[0]};
  const Nest<1> nest = make_nest(operands);
  const int64_t step = nest.stride[0][nest.rank - 1];
  parallel_for(nest.size, 0.05 * sizeof(T), [&](int64_t begin, int64_t end) {
    for_rows(nest, begin, end, [&](const int64_t* offset, int64_t count) {
      T* const out = call.out[0].as<T>() + offset[0];
      if (step == 1) {
        fill_row(out, count, value);
      } else {
        for (int64_t i = 0; i < count; ++i) out[i * step] = value;
      }
    });
  });
  return Status::ok;
}

// ---------------------------------------------------------------------------------------------------------------------
// ramp: numbers `step` apart, counted from the start the first `near` of them, the others from the end, which is the
// last one. A product in double and a sum, each rounded, then the dtype's nearest; of int64, whose numbers are whole,
// exact.

template <class T>
Status run_ramp(const Call& call) {
  constexpr bool kWhole = std::is_same_v<T, int64_t>;
  constexpr int64_t kBlock = 512;
  using Wide = std::conditional_t<kWhole, int64_t, double>;
  const auto number = [&](int i) { return static_cast<Wide>(*call.in[i].as<double>()); };
  const Wide start = number(0), end = number(1), step = number(2);
  const int64_t size = call.out[0].size(), near = call.attributes[2].integer();
  T* const out = call.out[0].as<T>();
  Wide steps[kBlock];  // of whole numbers already multiplied
  for (int64_t k = 0; k < kBlock; ++k) steps[k] = static_cast<Wide>(k) * (kWhole ? step : 1);
  parallel_for(size, 0.4, [&](int64_t first, int64_t last, int) {
    for (int64_t i = first, next; i < last; i = next) {
      next = std::min(i < near ? std::min(near, last) : last, i + kBlock);
      const Wide origin = i < near ? start : end, from = static_cast<Wide>(i < near ? i : i - (size - 1));
      const Wide at = kWhole ? from * step + origin : from;
#pragma omp simd
      for (int64_t k = 0; k < next - i; ++k)
        out[i + k] = static_cast<T>(kWhole ? at + steps[k] : (at + steps[k]) * step + origin);
    }
  });
  return Status::ok;
}

// A row's number, as often as it has places, and their columns.
[[gnu::always_inline]] inline void write_places(int64_t* rows, int64_t* columns, int64_t size, int64_t row,
                                                int64_t first) {
#pragma omp simd
  for (int64_t i = 0; i < size; ++i) {
    rows[i] = row;
    columns[i] = first + i;
  }
}

MINIGRAD_WIDE void write_places_wide(int64_t* rows, int64_t* columns, int64_t size, int64_t row, int64_t first) {
  write_places(rows, columns, size, row, first);
}

// triangle_indices: the rows, then the columns of the places of a triangle, row by row.
Status run_triangle_indices(const Call& call) {
  const View& out = call.out[0];
  const int64_t count = out.shape[1], rows = count > 0 ? call.attributes[0].integer() : 0;
  const int64_t offset = call.attributes[2].integer();
  // Rows without places, of which there may be very many, lie above a lower triangle and below an upper one.
  const bool lower = call.attributes[3].flag();
  const int64_t from = lower ? std::clamp<int64_t>(-offset, 0, rows) : 0;
  const int64_t till = lower ? rows : std::clamp<int64_t>(call.attributes[1].integer() - offset, 0, rows);
  const double each = 0.4 * static_cast<double>(count) / static_cast<double>(till - from + 1);
  parallel_for(till - from, 1 + each, [&](int64_t begin, int64_t end) {
    int64_t* to = out.as<int64_t>() + places_before(call.attributes, from + begin);
    for (int64_t row = from + begin; row < from + end; ++row) {
      const TriangleRow r(call.attributes, row);
      const int64_t size = r.last - r.first;
      has_wide() ? write_places_wide(to, to + count, size, row, r.first)
                 : write_places(to, to + count, size, row, r.first);
      to += size;
    }
  });
  return Status::ok;
}

constexpr Run kRuns[] = {
    {"triangle_indices", {{nullptr, nullptr, nullptr, nullptr, nullptr, run_triangle_indices}}},
    {"ramp", {{nullptr, nullptr, nullptr, nullptr, nullptr, run_ramp<int64_t>, run_ramp<float>, run_ramp<double>}}},
    {"full",
     {{run_full<bool>, run_full<uint8_t>, run_full<int8_t>, run_full<int16_t>, run_full<int32_t>, run_full<int64_t>,
       run_full<float>, run_full<double>, run_full<Half>}}},
};

// ---------------------------------------------------------------------------------------------------------------------
// Rows.

constexpr Kernel kRows[] = {
    {.name = "uniform",
     .inputs = {"key", "offset"},
     .types = "ii",
     .outputs = {"out"},
     .attributes = {{"shape", AttributeKind::integers}, {"dtype", AttributeKind::integer}},
     .plan = plan_uniform},
    {.name = "normal",
     .inputs = {"key", "offset"},
     .types = "ii",
     .outputs = {"out"},
     .attributes = {{"shape", AttributeKind::integers}, {"dtype", AttributeKind::integer}},
     .plan = plan_normal},
    {.name = "randint",
     .inputs = {"key", "offset"},
     .types = "ii",
     .outputs = {"out"},
     .attributes = {{"low", AttributeKind::integer},
                    {"high", AttributeKind::integer},
                    {"shape", AttributeKind::integers}},
     .plan = plan_randint},
    {.name = "permutation",
     .inputs = {"key", "offset"},
     .types = "ii",
     .outputs = {"out"},
     .attributes = {{"n", AttributeKind::integer}},
     .plan = plan_permutation},
    {.name = "full",
     .inputs = {"value"},
     .types = "d",
     .outputs = {"out"},
     .attributes = {{"shape", AttributeKind::integers}, {"dtype", AttributeKind::integer}},
     .plan = plan_full},
    {.name = "ramp",
     .inputs = {"start", "end", "step"},
     .types = "ddd",
     .outputs = {"out"},
     .attributes = {{"shape", AttributeKind::integers},
                    {"dtype", AttributeKind::integer},
                    {"near", AttributeKind::integer}},
     .plan = plan_ramp},
    {.name = "triangle_indices",
     .inputs = {},
     .types = "",
     .outputs = {"out"},
     .attributes = {{"rows", AttributeKind::integer},
                    {"columns", AttributeKind::integer},
                    {"offset", AttributeKind::integer},
                    {"lower", AttributeKind::flag}},
     .plan = plan_triangle_indices},
};

}  // namespace

extern const Kernels random_kernels;
const Kernels random_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

extern const Runs random_runs;
const Runs random_runs = {kRuns, sizeof(kRuns) / sizeof(Run)};

}  // namespace minigrad
