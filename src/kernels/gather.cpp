// gather. Plan, run and row. (Whole rows: rows.cpp. Scattering: scatter.cpp.)
//
// Whatever moves elements knows only their size. An index out of range is found before it is used; the run then stops
// with index_out_of_range, and what it wrote means nothing.

#include <algorithm>

#include "kernels/index_loops.hpp"

namespace minigrad {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// Plans.

void plan_gather(Plan& plan) {
  const View &x = plan.in[0], &index = plan.in[1];
  if (x.rank != index.rank) {
    fail(plan, ErrorKind::runtime,
         "index must have as many dimensions as x, got " + shape_text(index) + " and " + shape_text(x));
  }
  const int dim = normalise_dim(plan, x, plan.attributes[0].integer());
  for (int d = 0; d < x.rank; ++d) {
    if (d != dim && index.shape[d] > x.shape[d]) {
      fail(plan, ErrorKind::runtime,
           "index " + shape_text(index) + " is larger than x " + shape_text(x) + " in dim " + std::to_string(d));
    }
  }
  copy_shape(index, x.dtype, plan.out[0]);
  plan.scratch_per_worker = panel_bytes(x, x.rank > 0 ? x.shape[dim] : 1);
  plan.nanoseconds = static_cast<double>(index.size());
}

// ---------------------------------------------------------------------------------------------------------------------
// gather: out[i, j, k] = x[i, index[i, j, k], k] for dim 1.

// How a row of index is walked: out[i * out_step] = x[i * x_step + index[i * index_step] * dim_step]. Where the row
// runs along dim, x_step is 0.
struct GatherRow {
  int64_t out_step, index_step, x_step, dim_step;
  int64_t extent;  // of x along dim
  int64_t next;    // how far the next row of x lies from this one, if it is worth fetching into the cache; otherwise 0
  bool checked;    // all indices are known to be in range
  bool large;      // the operands leave x no room in the nearer caches
  bool streamed;   // out is written past the caches

  // Whether rows run along dim without gaps.
  bool in_lines() const { return out_step == 1 && index_step == 1 && x_step == 0 && dim_step == 1; }
};

// Whether the array repeats its indices, which are then checked before they are used, not at each use.
bool shares_indices(const View& index) {
  for (int d = 0; d < index.rank; ++d) {
    if (index.stride[d] == 0 && index.shape[d] > 1) return true;
  }
  return false;
}

template <class T>
bool gather_elements(T* out, const int64_t* index, const T* x, int64_t count, int64_t extent) {
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const int64_t a = index[i], b = index[i + 1], c = index[i + 2], d = index[i + 3];
    if (!in_range(a, extent) || !in_range(b, extent) || !in_range(c, extent) || !in_range(d, extent)) return false;
    out[i] = x[a];
    out[i + 1] = x[b];
    out[i + 2] = x[c];
    out[i + 3] = x[d];
  }
  for (; i < count; ++i) {
    if (!in_range(index[i], extent)) return false;
    out[i] = x[index[i]];
  }
  return true;
}

// The same for rows of x that have to be fetched from memory. The results may go past the caches.
template <class T>
bool gather_large(T* out, const int64_t* index, const T* x, int64_t count, const GatherRow& row) {
  constexpr int64_t kPiece = 256;
  alignas(64) T buffer[kPiece];
  const int64_t line = 64 / static_cast<int64_t>(sizeof(T)), pieces = (count + kPiece - 1) / kPiece;
  const int64_t share = (row.extent + pieces - 1) / pieces;  // of the next row, to be fetched with each piece
  for (int64_t p = 0; p < pieces; ++p) {
    for (int64_t i = p * share; row.next != 0 && i < (p + 1) * share; i += line) __builtin_prefetch(x + row.next + i);
    const int64_t first = p * kPiece, size = std::min(kPiece, count - first);
    if (!gather_elements(row.streamed ? buffer : out + first, index + first, x, size, row.extent)) return false;
    if (row.streamed) copy_bytes(out + first, buffer, size * static_cast<int64_t>(sizeof(T)), true);
  }
  return true;
}

template <class T>
bool gather_row(T* out, const int64_t* index, const T* x, int64_t count, const GatherRow& row) {
  if (row.index_step == 0) {  // an index that is repeated picks a whole row of x
    if (!row.checked && !in_range(*index, row.extent)) return false;
    copy_piece(out, x + *index * row.dim_step, count, row.out_step, row.x_step);
    return true;
  }
  // A branch that is never taken costs less than a look at all indices beforehand.
  if (row.in_lines()) {
    return row.large ? gather_large(out, index, x, count, row) : gather_elements(out, index, x, count, row.extent);
  }
  for (int64_t i = 0; i < count; ++i) {
    const int64_t chosen = index[i * row.index_step];
    if (!in_range(chosen, row.extent)) return false;
    out[i * row.out_step] = x[i * row.x_step + chosen * row.dim_step];
  }
  return true;
}

// Several rows at once that share their indices, which are known to be in range: each index is read once for all rows.
constexpr int64_t kAbreast = 4;

template <class T>
void gather_abreast(T* out, const int64_t* index, const T* x, int64_t count, int64_t out_row, int64_t x_row,
                    const GatherRow& row) {
  int64_t i = 0;
  for (; i + 4 <= count; i += 4, index += 4 * row.index_step) {
    const int64_t a = index[0] * row.dim_step, b = index[row.index_step] * row.dim_step;
    const int64_t c = index[2 * row.index_step] * row.dim_step, d = index[3 * row.index_step] * row.dim_step;
    const T* from = x;
    T* to = out + i;
#pragma GCC unroll 4
    for (int64_t k = 0; k < kAbreast; ++k, from += x_row, to += out_row) {
      const T values[4] = {from[a], from[b], from[c], from[d]};
      std::memcpy(to, values, sizeof(values));
    }
  }
  for (; i < count; ++i, index += row.index_step) {
    for (int64_t k = 0; k < kAbreast; ++k) out[i + k * out_row] = x[*index * row.dim_step + k * x_row];
  }
}

// Gathers `length` rows of `width` neighbours out of a panel. For a whole panel the width is a constant, so that the
// inner loop has no remainder.
template <class T, class Width>
bool gather_panel(T* out, const int64_t* index, const T* panel, int64_t length, Width width, const PanelSteps& s) {
  alignas(64) T row[kPanel];
  for (int64_t k = 0; k < length; ++k, out += s.out_row, index += s.index_row) {
    prefetch_piece(index + kPanelAhead * s.index_row, width * static_cast<int64_t>(sizeof(int64_t)));
    if (!s.streamed) __builtin_prefetch(out + kPanelAhead * s.out_row, 1);
    T* const to = s.streamed ? row : out;
    for (int64_t j = 0; j < width; ++j) {
      if (!in_range(index[j], s.extent)) return false;
      to[j] = panel[index[j] * kPanel + j];
    }
    if (s.streamed) copy_bytes(out, row, width * static_cast<int64_t>(sizeof(T)), true);
  }
  return true;
}

template <class T>
struct Gather {
  static Status run(const Call& call) {
    const View x = at_least_1d(call.in[0]), index = at_least_1d(call.in[1]), out = at_least_1d(call.out[0]);
    const int64_t dim = call.attributes[0].integer();
    const int axis = static_cast<int>(dim < 0 ? dim + x.rank : dim);
    const Nest<3> nest = nest_of(out, index, x, axis);
    if (nest.size == 0) return Status::ok;
    const GatherRow row = row_of(nest, x, axis, index);
    if (row.checked && !every_index_in_range(index, row.extent)) return Status::index_out_of_range;
    if (picks_whole_rows(nest, row)) return run_rows(call, nest, row);
    if (panel_bytes(x, row.extent) > 0 && in_panels(nest, row)) return run_panels(call, nest, row);
    if (shared_along_rows(nest, row)) return run_shared(call, nest, row);
    if (has_short_rows(nest, row)) return run_short(call, nest, row);
    return run_row_by_row(call, nest, row);
  }

 private:
  static constexpr int64_t kFetchedRow = 16384;           // bytes
  static constexpr int64_t kCrowding = int64_t{1} << 20;  // bytes that leave no room for x in the nearer caches

  // All three operands in index's shape. x stands still along dim: there the indices say where to read.
  static Nest<3> nest_of(const View& out, const View& index, View x, int axis) {
    for (int d = 0; d < x.rank; ++d) x.shape[d] = index.shape[d];
    x.stride[axis] = 0;
    const View* const operands[] = {&out, &index, &x};
    return make_nest(operands);
  }

  static GatherRow row_of(const Nest<3>& nest, const View& x, int axis, const View& index) {
    const int inner = nest.rank - 1;
    const int64_t extent = x.shape[axis], bytes = nest.size * static_cast<int64_t>(sizeof(T)) + bytes_of(index);
    const bool fetched = inner > 0 && extent * sizeof(T) <= kFetchedRow;
    return {.out_step = nest.stride[0][inner],
            .index_step = nest.stride[1][inner],
            .x_step = nest.stride[2][inner],
            .dim_step = x.stride[axis],
            .extent = extent,
            .next = fetched ? nest.stride[2][inner - 1] : 0,
            .checked = shares_indices(index),
            .large = bytes >= kCrowding,
            .streamed = past_caches(bytes)};
  }

  static Status run_row_by_row(const Call& call, const Nest<3>& nest, const GatherRow& row) {
    const double cost = row.index_step == 0 ? 0.02 * sizeof(T) : 0.35;
    Failure failure;
    parallel_for(nest.size, cost, [&](int64_t begin, int64_t end) {
      for_rows(nest, begin, end, [&](const int64_t* offset, int64_t count) {
        T* const out = call.out[0].as<T>() + offset[0];
        const int64_t* const index = call.in[1].as<int64_t>() + offset[1];
        if (!gather_row(out, index, call.in[0].as<T>() + offset[2], count, row)) failure.report();
      });
      if (row.streamed) stream_end();
    });
    return failure.status();
  }

  // Whether each index picks a whole row of x, and all rows lie without gaps.
  static bool picks_whole_rows(const Nest<3>& nest, const GatherRow& row) {
    return row.checked && nest.rank == 2 && row.index_step == 0 && nest.stride[1][0] == 1 && row.out_step == 1 &&
           nest.stride[0][0] == nest.shape[1] && row.x_step == 1 && nest.stride[2][0] == 0;
  }

  static Status run_rows(const Call& call, const Nest<3>& nest, const GatherRow& row) {
    constexpr int64_t item = sizeof(T);
    const int64_t bytes = nest.shape[1] * item;
    const bool streamed = past_caches(2 * bytes_of(call.out[0])) && bytes >= kStreamedRow;
    parallel_for(nest.shape[0], 1 + 0.02 * static_cast<double>(bytes), [&](int64_t begin, int64_t end) {
      pick_rows(call.out[0].as<char>() + begin * bytes, call.in[0].data, call.in[1].as<int64_t>() + begin, end - begin,
                bytes, row.dim_step * item, row.extent, streamed);
    });
    return Status::ok;
  }

  // Rows below these lengths are too short for a walk of their own. Of rows along dim without gaps (below kShortLine) a
  // plain loop takes one after the other; of other rows (below kShortRow) kShortRows are taken column by column.
  static constexpr int64_t kShortRow = 16, kShortRows = 64, kShortLine = 128;

  static bool has_short_rows(const Nest<3>& nest, const GatherRow& row) {
    return nest.rank > 1 && nest.shape[nest.rank - 1] < (row.in_lines() ? kShortLine : kShortRow);
  }

  static Status run_short(const Call& call, const Nest<3>& nest, const GatherRow& row) {
    const int outer = nest.rank - 2;
    const int64_t width = nest.shape[outer + 1];
    const GatherRow column = column_of(nest, row);
    Failure failure;
    parallel_for(nest.size / width, 1.0 * static_cast<double>(width), [&](int64_t begin, int64_t end) {
      for_rows_of(nest, outer, begin, end, [&](const int64_t* offset, int64_t rows) {
        T* const out = call.out[0].as<T>() + offset[0];
        const int64_t* const index = call.in[1].as<int64_t>() + offset[1];
        const T* const x = call.in[0].as<T>() + offset[2];
        const bool good = row.in_lines() ? gather_lines(out, index, x, rows, width, column)
                                         : gather_columns(out, index, x, rows, width, row, column);
        if (!good) failure.report();
      });
    });
    return failure.status();
  }

  // A step from row to row in the place of one along a row.
  static GatherRow column_of(const Nest<3>& nest, GatherRow row) {
    const int outer = nest.rank - 2;
    row.out_step = nest.stride[0][outer];
    row.index_step = nest.stride[1][outer];
    row.x_step = nest.stride[2][outer];
    return row;
  }

  static bool gather_lines(T* out, const int64_t* index, const T* x, int64_t rows, int64_t width,
                           const GatherRow& column) {
    for (; rows > 0; --rows, out += column.out_step, index += column.index_step, x += column.x_step) {
      if (!gather_elements(out, index, x, width, column.extent)) return false;
    }
    return true;
  }

  static bool gather_columns(T* out, const int64_t* index, const T* x, int64_t rows, int64_t width,
                             const GatherRow& row, const GatherRow& column) {
    for (int64_t n = 0; n < rows; n += kShortRows) {
      for (int64_t j = 0; j < width; ++j) {
        T* const to = out + n * column.out_step + j * row.out_step;
        const int64_t* const at = index + n * column.index_step + j * row.index_step;
        const T* const from = x + n * column.x_step + j * row.x_step;
        if (!gather_row(to, at, from, std::min(kShortRows, rows - n), column)) return false;
      }
    }
    return true;
  }

  // Whether neighbouring rows share the indices of their elements.
  static bool shared_along_rows(const Nest<3>& nest, const GatherRow& row) {
    const int inner = nest.rank - 1;
    return row.checked && inner > 0 && row.out_step == 1 && row.x_step == 0 && nest.stride[1][inner - 1] == 0 &&
           nest.shape[inner] >= kAbreast;
  }

  static Status run_shared(const Call& call, const Nest<3>& nest, const GatherRow& row) {
    const int inner = nest.rank - 1;
    const int64_t count = nest.shape[inner];
    const int64_t out_row = nest.stride[0][inner - 1], x_row = nest.stride[2][inner - 1];
    parallel_for(nest.size / count, 0.4 * static_cast<double>(count), [&](int64_t begin, int64_t end) {
      for_rows_of(nest, inner - 1, begin, end, [&](const int64_t* offset, int64_t rows) {
        T* out = call.out[0].as<T>() + offset[0];
        const int64_t* const index = call.in[1].as<int64_t>() + offset[1];
        const T* x = call.in[0].as<T>() + offset[2];
        for (; rows >= kAbreast; rows -= kAbreast, out += kAbreast * out_row, x += kAbreast * x_row) {
          gather_abreast(out, index, x, count, out_row, x_row, row);
        }
        for (; rows > 0; --rows, out += out_row, x += x_row) gather_row(out, index, x, count, row);
      });
    });
    return Status::ok;
  }

  // Whether neighbouring columns are looked up by many rows of indices.
  static bool in_panels(const Nest<3>& nest, const GatherRow& row) {
    const int inner = nest.rank - 1;
    return inner > 0 && row.out_step == 1 && row.index_step == 1 && row.x_step == 1 && nest.shape[inner] >= kPanel &&
           nest.stride[2][inner - 1] == 0 && nest.shape[inner - 1] >= row.extent / 4;
  }

  static Status run_panels(const Call& call, const Nest<3>& nest, const GatherRow& row) {
    const int inner = nest.rank - 1;
    const int64_t lanes = nest.shape[inner], length = nest.shape[inner - 1];
    const int64_t panels = (lanes + kPanel - 1) / kPanel;
    const PanelSteps steps = {.out_row = nest.stride[0][inner - 1],
                              .index_row = nest.stride[1][inner - 1],
                              .extent = row.extent,
                              .streamed = past_caches(bytes_of(call.out[0]) + bytes_of(call.in[1]))};
    Failure failure;
    const double cost = 0.7 * static_cast<double>(length * kPanel);
    parallel_for(nest.size / (lanes * length) * panels, cost, [&](int64_t begin, int64_t end, int worker) {
      auto* const panel = reinterpret_cast<T*>(call.scratch(worker));
      for (int64_t n = begin; n < end; ++n) {
        const int64_t first = n % panels * kPanel, width = std::min(kPanel, lanes - first);
        int64_t offset[3];
        find_offsets(nest, inner - 1, n / panels, offset);
        pack_panel(panel, call.in[0].as<T>() + offset[2] + first, row.extent, row.dim_step, width);
        T* const out = call.out[0].as<T>() + offset[0] + first;
        const int64_t* const index = call.in[1].as<int64_t>() + offset[1] + first;
        const bool good = width == kPanel ? gather_panel(out, index, panel, length, WholePanel{}, steps)
                                          : gather_panel(out, index, panel, length, width, steps);
        if (!good) failure.report();
      }
      if (steps.streamed) stream_end();
    });
    return failure.status();
  }
};

constexpr Run kRuns[] = {
    {"gather", moves<Gather>()},
};

// ---------------------------------------------------------------------------------------------------------------------
// Rows of the table.

constexpr Kernel kRows[] = {
    {.name = "gather",
     .inputs = {"x", "index"},
     .types = "Ti",
     .outputs = {"out"},
     .attributes = {{"dim", AttributeKind::integer}},
     .plan = plan_gather},
};

}  // namespace

extern const Kernels gather_kernels;
const Kernels gather_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

extern const Runs gather_runs;
const Runs gather_runs = {kRuns, sizeof(kRuns) / sizeof(Run)};

}  // namespace minigrad
