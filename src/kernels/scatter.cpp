// Writing to places that indices say: scatter, scatter_add, gather_last, its adjoint; and what makes and weighs
// indices: linear_index, occurrence. Plans, rows and runs.
#include <algorithm>

#include "kernels/scatter_loops.hpp"

namespace minigrad {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// Plans.

void plan_scatter_add(Plan& plan) {
  const View &src = plan.in[0], &index = plan.in[1];
  View& out = plan.out[0];
  shape_attribute(plan, plan.attributes[0], out);
  out.dtype = src.dtype;
  check_scatter(plan, out, src, index, plan.attributes[1].integer());
  plan.scratch_per_worker = Scattering::fresh_scratch(out, axis_of(plan.attributes[1], out.rank));
  plan.nanoseconds = 1.5 * static_cast<double>(index.size()) + 0.1 * static_cast<double>(out.size());
}

enum ScatterMode : uint8_t { kSet, kAdd, kMultiply, kMaximum, kMinimum, kScatterModes };

void plan_scatter(Plan& plan) {
  const View &x = plan.in[0], &src = plan.in[1], &index = plan.in[2];
  copy_shape(x, x.dtype, plan.out[0]);
  check_scatter(plan, plan.out[0], src, index, plan.attributes[0].integer());
  plan.scratch_per_worker = Scattering::fresh_scratch(x, axis_of(plan.attributes[0], x.rank));
  const int64_t mode = plan.attributes[1].integer();
  if (mode < 0 || mode >= kScatterModes) fail(plan, ErrorKind::value, "no mode " + std::to_string(mode));
  plan.nanoseconds = 1.5 * static_cast<double>(index.size()) + 0.1 * static_cast<double>(x.size());
}

// How many lanes are copied at a time to be picked from: 0 where not even one fits.
int64_t lanes_together(const View& g, int64_t extent) {
  const int64_t lane = extent * item_size(g.dtype);
  return lane * kPanel <= kPanelBytes ? kPanel : lane <= 4 * kPanelBytes ? 1 : 0;
}

void plan_gather_last(Plan& plan) {
  const View &g = plan.in[0], &index = plan.in[1];
  check_scatter(plan, g, index, index, plan.attributes[0].integer());
  copy_shape(index, g.dtype, plan.out[0]);
  const int64_t extent = g.rank == 0 ? 1 : g.shape[normalise_dim(plan, g, plan.attributes[0].integer())];
  const int64_t copied = lanes_together(g, extent) * item_size(g.dtype), places = sizeof(int64_t);
  plan.scratch_per_worker = static_cast<size_t>(extent * std::max(copied, places));
  plan.nanoseconds = 2.0 * static_cast<double>(index.size());
}

void plan_linear_index(Plan& plan) {
  const Attribute& sizes = plan.attributes[0];
  if (sizes.count != plan.in_count || plan.in_count == 0) {
    fail(plan, ErrorKind::runtime,
         "needs a size for each index, got " + std::to_string(sizes.count) + " and " + std::to_string(plan.in_count));
  }
  const View* views[kMaxRank];
  for (int i = 0; i < plan.in_count; ++i) views[i] = &plan.in[i];
  View& out = plan.out[0];
  broadcast_shape(plan, views, plan.in_count, out);
  out.dtype = DType::int64;
  plan.nanoseconds = 1.0 * static_cast<double>(out.size()) * plan.in_count;
}

void plan_occurrence(Plan& plan) {
  const View& index = plan.in[0];
  const int64_t extent = plan.attributes[1].integer();
  normalise_dim(plan, index, plan.attributes[0].integer());
  if (extent < 0) fail(plan, ErrorKind::runtime, "extent must not be negative, got " + std::to_string(extent));
  copy_shape(index, DType::int64, plan.out[0]);
  plan.scratch_per_worker = static_cast<size_t>(extent) * sizeof(int64_t);
  plan.nanoseconds = 3.0 * static_cast<double>(index.size());
}

// ---------------------------------------------------------------------------------------------------------------------
// scatter, scatter_add.

// How elements of each dtype are combined. Replacing knows only their size, adding and multiplying no signs; of
// booleans the sum is the larger one, the product the smaller one.
template <class Op>
constexpr Combine of_size(int64_t bytes) {
  return bytes == 1   ? combine_block<Op, uint8_t>
         : bytes == 2 ? combine_block<Op, uint16_t>
         : bytes == 4 ? combine_block<Op, uint32_t>
                      : combine_block<Op, uint64_t>;
}

template <class Op>
constexpr Combine of_dtype(DType dtype) {
  return dtype == DType::int8      ? combine_block<Op, int8_t>
         : dtype == DType::int16   ? combine_block<Op, int16_t>
         : dtype == DType::int32   ? combine_block<Op, int32_t>
         : dtype == DType::int64   ? combine_block<Op, int64_t>
         : dtype == DType::float32 ? combine_block<Op, float>
         : dtype == DType::float64 ? combine_block<Op, double>
                                   : combine_block<Op, uint8_t>;
}

template <class Op>
constexpr Combine of_number(DType dtype) {
  return dtype == DType::float32   ? combine_block<Op, float>
         : dtype == DType::float64 ? combine_block<Op, double>
                                   : of_size<Op>(item_size(dtype));
}

Combine combine_of(int64_t mode, DType dtype) {
  const bool boolean = dtype == DType::boolean;
  if (mode == kSet) return of_size<ScatterSet>(item_size(dtype));
  if (mode == kAdd && !boolean) return of_number<Sum>(dtype);
  if (mode == kMultiply && !boolean) return of_number<ScatterProduct>(dtype);
  return mode == kAdd || mode == kMaximum ? of_dtype<ScatterMax>(dtype) : of_dtype<ScatterMin>(dtype);
}

// out = x with src set, added, multiplied, or as a maximum or minimum. out may be x itself.
Status run_scatter(const Call& call) {
  const View x = at_least_1d(call.in[0]), index = at_least_1d(call.in[2]), out = at_least_1d(call.out[0]);
  const View src = source_like(call.in[1], index);
  const int axis = axis_of(call.attributes[0], out.rank);
  const int64_t mode = call.attributes[1].integer();
  Scattering scattering(call, combine_of(mode, x.dtype), out, src, index, axis);
  if (x.data != out.data && (mode == kSet || mode == kAdd) && x.contiguous() && out.contiguous()) {
    return scattering.run_fresh(&x, mode == kSet);
  }
  if (x.data != out.data) {
    copy_all(out, x);
  } else if (!every_index_in_range(index, out.shape[axis])) {
    return Status::index_out_of_range;
  }
  return scattering.run_into();
}

Status run_scatter_add(const Call& call) {
  const View out = at_least_1d(call.out[0]), index = at_least_1d(call.in[1]);
  const View src = source_like(call.in[0], index);
  return Scattering(call, combine_of(kAdd, out.dtype), out, src, index, axis_of(call.attributes[1], out.rank))
      .run_fresh(nullptr, false);
}

// ---------------------------------------------------------------------------------------------------------------------
// gather_last: out[i, j] = g[index[i, j], j] where no later i has the same index in lane j, else 0, for dim 0.

// Out of a copy of g's lanes, in which places beside each other are `Width` apart: from the last position on, each
// takes what is there and leaves 0.
template <int64_t Width, class T>
bool gather_back(T* out, T* copy, const int64_t* index, int64_t lanes, const ScatterSteps& s) {
  for (int64_t k = s.length - 1; k >= 0; --k) {
    if (Width > 1 && k >= kPanelAhead) {
      prefetch_piece(index + (k - kPanelAhead) * s.index_dim, kPanel * static_cast<int64_t>(sizeof(int64_t)));
      prefetch_piece(out + (k - kPanelAhead) * s.out_dim, kPanel * static_cast<int64_t>(sizeof(T)));
    }
    for (int64_t lane = 0; lane < (Width == 1 ? 1 : lanes); ++lane) {
      const int64_t place = index[k * s.index_dim + lane * s.index_lane];
      if (!in_range(place, s.extent)) return false;
      out[k * s.out_dim + lane * s.out_lane] = copy[place * Width + lane];
      copy[place * Width + lane] = 0;
    }
  }
  return true;
}

template <class T>
bool gather_copied(T* out, const T* g, const int64_t* index, int64_t lanes, const ScatterSteps& s, T* copy) {
  if (lanes == 1) {
    copy_piece(copy, g, s.extent, 1, s.src_dim);
    return gather_back<1>(out, copy, index, 1, s);
  }
  for (int64_t i = 0; i < s.extent; ++i) copy_piece(copy + i * kPanel, g + i * s.src_dim, lanes, 1, s.src_lane);
  return gather_back<kPanel>(out, copy, index, lanes, s);
}

// `lanes` lanes that share their indices, out of g itself. `last`, the last position that names each place, need not be
// cleared: only places that an index names are read, and those were written.
template <class T>
bool gather_named(T* out, const T* g, const int64_t* index, int64_t lanes, const ScatterSteps& s, int64_t* last) {
  if (!all_in_range(index, s.length, s.index_dim, s.extent)) return false;
  for (int64_t k = 0; k < s.length; ++k) last[index[k * s.index_dim]] = k;
  const T zero{0};
  for (int64_t k = 0; k < s.length; ++k) {
    const int64_t place = index[k * s.index_dim];
    const bool keep = last[place] == k;
    copy_piece(out + k * s.out_dim, keep ? g + place * s.src_dim : &zero, lanes, s.out_lane, keep ? s.src_lane : 0);
  }
  return true;
}

template <class T>
struct GatherLast {
  static Status run(const Call& call) {
    const View g = at_least_1d(call.in[0]), index = at_least_1d(call.in[1]), out = at_least_1d(call.out[0]);
    const int axis = axis_of(call.attributes[0], g.rank);
    Lanes lanes(out, g, index, axis);
    lanes.steps.extent = g.shape[axis];
    const ScatterSteps& s = lanes.steps;
    const bool abreast = s.out_dim > s.out_lane, rows = abreast && s.index_lane == 0;
    int64_t together = s.length >= s.extent / 4 && !rows ? lanes_together(g, s.extent) : 0;
    if (together > 1 && !abreast && s.extent >= kPanel) together = 1;
    Failure failure;
    parallel_for(lanes.nest.size, 1.5 * static_cast<double>(s.length), [&](int64_t begin, int64_t end, int worker) {
      for_rows(lanes.nest, begin, end, [&](const int64_t* offset, int64_t count) {
        const int64_t width = together > 0 ? together : rows ? count : 1;
        for (int64_t lane = 0; lane < count; lane += width) {
          T* const o = out.as<T>() + offset[0] + lane * s.out_lane;
          const T* const a = g.as<T>() + offset[1] + lane * s.src_lane;
          const int64_t* const at = index.as<int64_t>() + offset[2] + lane * s.index_lane;
          const int64_t here = std::min(width, count - lane);
          char* const scratch = call.scratch(worker);
          const bool good = together > 0 ? gather_copied(o, a, at, here, s, reinterpret_cast<T*>(scratch))
                                         : gather_named(o, a, at, here, s, reinterpret_cast<int64_t*>(scratch));
          if (!good) failure.report();
        }
      });
    });
    return failure.status();
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// linear_index: out = (i0 * n1 + i1) * n2 + i2 ..., with each i counted from the end where negative.

// out = out * extent + x, or x where it is the first index.
template <bool kFirst>
[[gnu::always_inline]] inline bool advance_by(int64_t* out, const int64_t* x, int64_t count, int64_t out_step,
                                              int64_t x_step, int64_t extent) {
  int64_t bits = 0;
  for (int64_t n = 0; n < count; ++n) {
    const int64_t i = wrapped(x[n * x_step], extent);
    bits |= i | (extent - 1 - i);
    out[n * out_step] = (kFirst ? 0 : out[n * out_step] * extent) + i;
  }
  return bits >= 0;
}

MINIGRAD_WIDE bool advance_beside(int64_t* out, const int64_t* x, int64_t count, int64_t extent, bool first) {
  return first ? advance_by<true>(out, x, count, 1, 1, extent) : advance_by<false>(out, x, count, 1, 1, extent);
}

bool advance(int64_t* out, const int64_t* x, int64_t count, int64_t out_step, int64_t x_step, int64_t extent,
             bool first) {
  if (out_step == 1 && x_step == 1 && has_wide()) return advance_beside(out, x, count, extent, first);
  return first ? advance_by<true>(out, x, count, out_step, x_step, extent)
               : advance_by<false>(out, x, count, out_step, x_step, extent);
}

Status run_linear_index(const Call& call) {
  const View& out = call.out[0];
  Failure failure;
  for (int i = 0; i < call.in_count && !failure.reported(); ++i) {
    const View* const operands[] = {&out, &call.in[i]};
    const Nest<2> nest = make_nest(operands);
    const int inner = nest.rank - 1;
    const int64_t extent = call.attributes[0].integers[i];
    parallel_for(nest.size, 1.0, [&](int64_t begin, int64_t end, int) {
      for_rows(nest, begin, end, [&](const int64_t* offset, int64_t count) {
        if (!advance(out.as<int64_t>() + offset[0], call.in[i].as<int64_t>() + offset[1], count, nest.stride[0][inner],
                     nest.stride[1][inner], extent, i == 0)) {
          failure.report();
        }
      });
    });
  }
  return failure.status();
}

// ---------------------------------------------------------------------------------------------------------------------
// occurrence: how many positions before this one (behind it, if reverse) along dim hold the same index.

struct Line {
  const int64_t* index;
  int64_t* out;
  int64_t index_step, out_step, length;
};

// `seen` is all zeros before and after.
bool count_line(const Line& line, int64_t* seen, int64_t extent, bool reverse) {
  int64_t done = 0;
  bool good = true;
  for (; done < line.length && good; ++done) {
    const int64_t k = reverse ? line.length - 1 - done : done;
    const int64_t i = line.index[k * line.index_step];
    good = in_range(i, extent);
    if (good) line.out[k * line.out_step] = seen[i]++;
  }
  if (!good) return false;
  for (int64_t k = 0; k < line.length; ++k) seen[line.index[k * line.index_step]] = 0;
  return true;
}

Status run_occurrence(const Call& call) {
  const View index = at_least_1d(call.in[0]), out = at_least_1d(call.out[0]);
  const int axis = axis_of(call.attributes[0], index.rank);
  const int64_t extent = call.attributes[1].integer(), length = index.shape[axis];
  const bool reverse = call.attributes[2].flag();
  const View lanes[] = {without_dim(out, index, axis), without_dim(index, index, axis)};
  const View* const operands[] = {&lanes[0], &lanes[1]};
  const Nest<2> nest = make_nest(operands);
  const int inner = nest.rank - 1;
  Failure failure;
  parallel_for(nest.size, 3.0 * static_cast<double>(length), [&](int64_t begin, int64_t end, int worker) {
    auto* const seen = reinterpret_cast<int64_t*>(call.scratch(worker));
    std::memset(seen, 0, static_cast<size_t>(extent) * sizeof(int64_t));
    for_rows(nest, begin, end, [&](const int64_t* offset, int64_t count) {
      for (int64_t lane = 0; lane < count && !failure.reported(); ++lane) {
        const Line line = {index.as<int64_t>() + offset[1] + lane * nest.stride[1][inner],
                           out.as<int64_t>() + offset[0] + lane * nest.stride[0][inner], index.stride[axis],
                           out.stride[axis], length};
        if (!count_line(line, seen, extent, reverse)) failure.report();
      }
    });
  });
  return failure.status();
}

// ---------------------------------------------------------------------------------------------------------------------
// Rows of the table.

constexpr RunsByDType every_dtype(RunFunction run) { return {{run, run, run, run, run, run, run, run}}; }

constexpr RunsByDType only_int64(RunFunction run) {
  return {{nullptr, nullptr, nullptr, nullptr, nullptr, run, nullptr, nullptr}};
}

constexpr Run kRuns[] = {
    {"scatter", every_dtype(run_scatter)},      {"scatter_add", every_dtype(run_scatter_add)},
    {"gather_last", moves<GatherLast>()},       {"linear_index", only_int64(run_linear_index)},
    {"occurrence", only_int64(run_occurrence)},
};

constexpr Kernel kRows[] = {
    {.name = "scatter",
     .inputs = {"x", "src", "index"},
     .types = "TTi",
     .outputs = {"out"},
     .attributes = {{"dim", AttributeKind::integer}, {"mode", AttributeKind::integer}},
     .plan = plan_scatter},
    {.name = "scatter_add",
     .inputs = {"src", "index"},
     .types = "Ti",
     .outputs = {"out"},
     .attributes = {{"shape", AttributeKind::integers}, {"dim", AttributeKind::integer}},
     .plan = plan_scatter_add},
    {.name = "gather_last",
     .inputs = {"g", "index"},
     .types = "Ti",
     .outputs = {"out"},
     .attributes = {{"dim", AttributeKind::integer}},
     .plan = plan_gather_last},
    {.name = "linear_index",
     .inputs = {"indices"},
     .types = "T",
     .outputs = {"out"},
     .attributes = {{"sizes", AttributeKind::integers}},
     .plan = plan_linear_index,
     .variadic = true},
    {.name = "occurrence",
     .inputs = {"index"},
     .types = "i",
     .outputs = {"out"},
     .attributes = {{"dim", AttributeKind::integer},
                    {"extent", AttributeKind::integer},
                    {"reverse", AttributeKind::flag}},
     .plan = plan_occurrence},
};

}  // namespace

extern const Kernels scatter_kernels;
const Kernels scatter_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

extern const Runs scatter_runs;
const Runs scatter_runs = {kRuns, sizeof(kRuns) / sizeof(Run)};

}  // namespace minigrad
