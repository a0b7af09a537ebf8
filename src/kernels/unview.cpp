// The ways back from views: unslice, unstride and fold. Zeros, and g added where the view had taken its elements.
#include <algorithm>

#include "core/plans.hpp"
#include "kernels/moves.hpp"

namespace minigrad {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// Plans.

// Whether the places start + i step, i = 0 ... count - 1, lie in [0, extent) and are all different.
bool slice_fits(int64_t start, int64_t step, int64_t count, int64_t extent) {
  if (count == 0) return true;
  if (start < 0 || start >= extent) return false;
  if (count == 1) return true;
  const int64_t room = step > 0 ? extent - 1 - start : start;
  if (step == 0 || step == INT64_MIN) return false;
  return room / (step > 0 ? step : -step) >= count - 1;
}

void plan_unslice(Plan& plan) {
  const View& g = plan.in[0];
  const Attribute &starts = plan.attributes[1], &steps = plan.attributes[2];
  View& out = plan.out[0];
  shape_attribute(plan, plan.attributes[0], out);
  out.dtype = g.dtype;
  if (out.rank != g.rank || starts.count != g.rank || steps.count != g.rank) {
    fail(plan, ErrorKind::runtime,
         "shape, starts and steps must have a number for each dimension of g " + shape_text(g) + ", got " +
             std::to_string(out.rank) + ", " + std::to_string(starts.count) + " and " + std::to_string(steps.count));
  }
  for (int d = 0; d < g.rank; ++d) {
    if (!slice_fits(starts.integers[d], steps.integers[d], g.shape[d], out.shape[d])) {
      fail(plan, ErrorKind::runtime,
           "g " + shape_text(g) + " from " + std::to_string(starts.integers[d]) + " in steps of " +
               std::to_string(steps.integers[d]) + " leaves dim " + std::to_string(d) + " of shape " + shape_text(out));
    }
  }
  plan.nanoseconds = 0.1 * static_cast<double>(out.size()) + 0.3 * static_cast<double>(g.size());
}

// Throws unless every place offset + i * strides lies in an array of `size` elements; a stride of 0 would make several
// elements share a place.
void check_places(const Plan& plan, const View& g, int64_t size) {
  int64_t low = plan.attributes[1].integer(), high = low;
  bool inside = low >= 0 && low < size;
  for (int d = 0; inside && d < g.rank; ++d) {
    const int64_t stride = plan.attributes[2].integers[d];
    if (g.shape[d] == 1) continue;
    inside = stride != 0 && stride > -size && stride < size && g.shape[d] - 1 <= size / (stride < 0 ? -stride : stride);
    if (!inside) break;
    (stride < 0 ? low : high) += stride * (g.shape[d] - 1);
    inside = low >= 0 && high < size;
  }
  if (!inside) {
    fail(plan, ErrorKind::runtime, "g " + shape_text(g) + " leaves an array of shape " + shape_text(plan.out[0]));
  }
}

void plan_unstride(Plan& plan) {
  const View& g = plan.in[0];
  View& out = plan.out[0];
  shape_attribute(plan, plan.attributes[0], out);
  out.dtype = g.dtype;
  if (plan.attributes[2].count != g.rank) {
    fail(plan, ErrorKind::runtime, "strides must have a number for each dimension of g " + shape_text(g));
  }
  if (g.size() > 0) check_places(plan, g, out.size());
  plan.nanoseconds = 0.1 * static_cast<double>(out.size()) + 0.5 * static_cast<double>(g.size());
}

void plan_fold(Plan& plan) {
  const View& g = plan.in[0];
  if (g.rank < 2) fail(plan, ErrorKind::runtime, "needs at least two dimensions, got shape " + shape_text(g));
  const int dim = checked_dim(plan, plan.attributes[0].integer(), g.rank - 1);
  const int64_t extent = plan.attributes[1].integer(), step = plan.attributes[2].integer();
  const int64_t windows = g.shape[dim], size = g.shape[g.rank - 1];
  if (extent < 0 || step <= 0 || (windows > 0 && (size > extent || (windows - 1) > (extent - size) / step))) {
    fail(plan, ErrorKind::runtime,
         "windows " + shape_text(g) + ", " + std::to_string(step) + " apart, leave an extent of " +
             std::to_string(extent));
  }
  copy_shape(g, g.dtype, plan.out[0]);
  plan.out[0].rank = g.rank - 1;
  plan.out[0].shape[dim] = extent;
  plan.nanoseconds = 0.1 * static_cast<double>(plan.out[0].size()) + 0.6 * static_cast<double>(g.size());
}

// ---------------------------------------------------------------------------------------------------------------------
// unslice: zeros, and g in them.

// A row of out: `pieces` pieces of `size` neighbours, `step` pieces apart from piece `start` on, in zeros.
struct SliceRow {
  int64_t start, step, pieces, size;  // pieces of g
  int64_t extent;                     // of out, in pieces
  int64_t g_step;                     // elements from a piece of g to the next
  bool streamed;
};

template <class T>
[[gnu::noinline]] void spread_pieces(T* out, const T* g, const SliceRow& s) {
  const int64_t step = s.step, g_step = s.g_step;
  int64_t i = 0;
  for (; i + 4 <= s.pieces; i += 4, out += 4 * step, g += 4 * g_step) {
    out[0] = g[0];
    out[step] = g[g_step];
    out[2 * step] = g[2 * g_step];
    out[3 * step] = g[3 * g_step];
  }
  for (; i < s.pieces; ++i, out += step, g += g_step) *out = *g;
}

template <class T>
void repeat(T* out, T value, int64_t count) {
  T pattern[32 / sizeof(T)];
  std::fill_n(pattern, 32 / sizeof(T), value);
  const int64_t done =
      fill_bytes(out, pattern, count * static_cast<int64_t>(sizeof(T))) / static_cast<int64_t>(sizeof(T));
  std::fill_n(out + done, count - done, value);
}

template <class T>
void unslice_row(T* out, const T* g, const SliceRow& s) {
  const auto zero = [](T* from, int64_t count) { zero_bytes(from, count * static_cast<int64_t>(sizeof(T))); };
  const bool equal = s.size == 1 && s.g_step == 0;
  if (s.step == 1 && (equal || s.g_step == s.size)) {
    const int64_t kept = s.pieces * s.size;
    zero(out, s.start * s.size);
    if (equal) {
      repeat(out + s.start, *g, kept);
    } else {
      copy_bytes(out + s.start * s.size, g, kept * static_cast<int64_t>(sizeof(T)), s.streamed);
    }
    return zero(out + s.start * s.size + kept, (s.extent - s.start) * s.size - kept);
  }
  zero(out, s.extent * s.size);
  if (s.size == 1) return spread_pieces(out + s.start, g, s);
  for (int64_t i = 0; i < s.pieces; ++i) {
    copy_piece(out + (s.start + i * s.step) * s.size, g + i * s.g_step, s.size, 1, 1);
  }
}

template <class T>
struct Unslice {
  static Status run(const Call& call) {
    const View &g = call.in[0], &out = call.out[0];
    const int64_t* const starts = call.attributes[1].integers;
    const int64_t* const steps = call.attributes[2].integers;
    if (g.size() == 0 || g.rank == 0 || !out.contiguous() || narrow(call)) return run_anyhow(call);
    int dim = g.rank - 1;  // the innermost dimension that is cut, or in which g has gaps
    int64_t size = 1;
    for (; dim > 0 && g.shape[dim] == out.shape[dim] && steps[dim] == 1 && g.stride[dim] == size; --dim) {
      size *= g.shape[dim];
    }
    SliceRow row = {.start = starts[dim],
                    .step = steps[dim],
                    .pieces = g.shape[dim],
                    .size = size,
                    .extent = out.shape[dim],
                    .g_step = g.stride[dim],
                    .streamed = past_caches(bytes_of(out) + bytes_of(g)) && size * sizeof(T) >= kStreamedRow};
    if (size * static_cast<int64_t>(sizeof(T)) >=
        kStreamedRow) {  // each piece is a row, so that threads can share them
      row = {.start = 0, .step = 1, .pieces = 1, .size = size, .extent = 1, .g_step = size, .streamed = row.streamed};
      ++dim;
    }
    run_rows(call, dim, row);
    return Status::ok;
  }

 private:
  // Whether g is made of short rows, which are copied together once all is zeros.
  static bool narrow(const Call& call) {
    const View &g = call.in[0], &out = call.out[0];
    const int last = g.rank - 1;
    return last > 0 && g.shape[last] > 1 && g.stride[last] == 1 && call.attributes[2].integers[last] == 1 &&
           g.shape[last] != out.shape[last] && g.shape[last] * static_cast<int64_t>(sizeof(T)) < kStreamedRow;
  }

  // Row n of out is a choice of the first `dims` dimensions.
  static void run_rows(const Call& call, int dims, const SliceRow& row) {
    const View& out = call.out[0];
    const int64_t length = row.extent * row.size;
    parallel_for(out.size() / length, 0.05 * static_cast<double>(length * sizeof(T)), [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        T* const to = out.as<T>() + n * length;
        const T* const from = row_of_g(call, dims, n);
        if (from != nullptr) {
          unslice_row(to, from, row);
        } else {
          zero_bytes(to, length * static_cast<int64_t>(sizeof(T)));
        }
      }
      if (row.streamed) stream_end();
    });
  }

  // Where the row of g lies that goes to row n of out; nullptr where none does.
  static const T* row_of_g(const Call& call, int dims, int64_t n) {
    const View &g = call.in[0], &out = call.out[0];
    const T* from = g.as<T>();
    for (int d = dims - 1; d >= 0; --d) {
      const int64_t step = call.attributes[2].integers[d];
      const int64_t gone = n % out.shape[d] - call.attributes[1].integers[d];
      n /= out.shape[d];
      const int64_t i = step == 1 ? gone : gone / step;
      if (i < 0 || i >= g.shape[d] || i * step != gone) return nullptr;
      from += i * g.stride[d];
    }
    return from;
  }

  static Status run_anyhow(const Call& call) {
    const View &g = call.in[0], &out = call.out[0];
    zero_all(out);
    if (g.size() == 0) return Status::ok;
    View target = out;
    T* start = out.as<T>();
    for (int d = 0; d < g.rank; ++d) {
      start += call.attributes[1].integers[d] * out.stride[d];
      target.shape[d] = g.shape[d];
      target.stride[d] = call.attributes[2].integers[d] * out.stride[d];
    }
    target.data = start;
    copy_all(target, g);
    return Status::ok;
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// unstride: zeros, and g at the places offset + i * strides. No two elements share a place.

template <class T>
struct Unstride {
  static Status run(const Call& call) {
    const View &g = call.in[0], &out = call.out[0];
    zero_all(out);
    if (g.size() == 0) return Status::ok;
    View target = g;
    target.data = out.as<T>() + call.attributes[1].integer();
    for (int d = 0; d < g.rank; ++d) target.stride[d] = call.attributes[2].integers[d];
    copy_all(target, g);
    return Status::ok;
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// fold: out[..., w * step + k, ...] += g[..., w, ..., k], from zeros; for one place in increasing w. Lanes, choices of
// the dimensions other than dim, share no element.

struct FoldSteps {
  int64_t out_dim, g_dim, g_window;  // along dim; g within a window
  int64_t out_lane, g_lane;
  int64_t windows, size, step;
};

template <class T>
void fold_lanes(T* out, const T* g, int64_t lanes, const FoldSteps& s) {
  for (int64_t w = 0; w < s.windows; ++w) {
    for (int64_t k = 0; k < s.size; ++k) {
      T* const o = out + (w * s.step + k) * s.out_dim;
      const T* const a = g + w * s.g_dim + k * s.g_window;
      for (int64_t lane = 0; lane < lanes; ++lane) {
        o[lane * s.out_lane] = static_cast<T>(o[lane * s.out_lane] + a[lane * s.g_lane]);
      }
    }
  }
}

template <class T>
void fold_lane(T* out, const T* g, const FoldSteps& s) {
  for (int64_t w = 0; w < s.windows; ++w) {
    T* const o = out + w * s.step * s.out_dim;
    const T* const a = g + w * s.g_dim;
    for (int64_t k = 0; k < s.size; ++k) {
      o[k * s.out_dim] = static_cast<T>(o[k * s.out_dim] + a[k * s.g_window]);
    }
  }
}

template <class T>
struct Fold {
  static Status run(const Call& call) {
    const View &g = call.in[0], &out = call.out[0];
    const int dim = static_cast<int>(call.attributes[0].integer());
    zero_all(out);
    if (g.size() == 0) return Status::ok;
    View out_lanes = out, g_lanes = g;
    g_lanes.rank = out.rank;
    out_lanes.shape[dim] = g_lanes.shape[dim] = 1;
    const View* const operands[] = {&out_lanes, &g_lanes};
    const Nest<2> nest = make_nest(operands);
    const int inner = nest.rank - 1;
    const FoldSteps steps = {.out_dim = out.stride[dim],
                             .g_dim = g.stride[dim],
                             .g_window = g.stride[g.rank - 1],
                             .out_lane = nest.stride[0][inner],
                             .g_lane = nest.stride[1][inner],
                             .windows = g.shape[dim],
                             .size = g.shape[g.rank - 1],
                             .step = call.attributes[2].integer()};
    parallel_for(nest.size, 0.6 * static_cast<double>(steps.windows * steps.size), [&](int64_t begin, int64_t end) {
      for_rows(nest, begin, end, [&](const int64_t* offset, int64_t count) {
        T* const o = out.as<T>() + offset[0];
        const T* const a = g.as<T>() + offset[1];
        if (steps.out_lane < steps.out_dim) return fold_lanes(o, a, count, steps);
        for (int64_t lane = 0; lane < count; ++lane)
          fold_lane(o + lane * steps.out_lane, a + lane * steps.g_lane, steps);
      });
    });
    return Status::ok;
  }
};

constexpr Run kRuns[] = {
    {"unslice", moves<Unslice>()},
    {"unstride", moves<Unstride>()},
    {"fold", {{nullptr, nullptr, nullptr, nullptr, nullptr, Fold<int64_t>::run, Fold<float>::run, Fold<double>::run}}},
};

// ---------------------------------------------------------------------------------------------------------------------
// Rows of the table.

constexpr Kernel kRows[] = {
    {.name = "unslice",
     .inputs = {"g"},
     .types = "T",
     .outputs = {"out"},
     .attributes = {{"shape", AttributeKind::integers},
                    {"starts", AttributeKind::integers},
                    {"steps", AttributeKind::integers}},
     .plan = plan_unslice},
    {.name = "unstride",
     .inputs = {"g"},
     .types = "T",
     .outputs = {"out"},
     .attributes = {{"shape", AttributeKind::integers},
                    {"offset", AttributeKind::integer},
                    {"strides", AttributeKind::integers}},
     .plan = plan_unstride},
    {.name = "fold",
     .inputs = {"g"},
     .types = "T",
     .outputs = {"out"},
     .attributes = {{"dim", AttributeKind::integer},
                    {"extent", AttributeKind::integer},
                    {"step", AttributeKind::integer}},
     .plan = plan_fold},
};

}  // namespace

extern const Kernels unview_kernels;
const Kernels unview_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

extern const Runs unview_runs;
const Runs unview_runs = {kRuns, sizeof(kRuns) / sizeof(Run)};

}  // namespace minigrad
