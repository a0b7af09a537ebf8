// Indexing: gather, index_rows, index_rows_add and unslice. Plans, rows and runs. (Scattering: scatter.cpp.)
//
// Whatever moves elements knows only their size. An index out of range is found before it is used; the run then stops
// with index_out_of_range, and what it wrote means nothing.
#include "reference/index.hpp"

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

// out gets the dimensions of `index` or the size `rows` in place of x's first `skipped` ones.
void plan_rows(Plan& plan, const View& x, int skipped, const int64_t* leading, int leading_rank) {
  View& out = plan.out[0];
  out.dtype = x.dtype;
  out.rank = leading_rank + x.rank - skipped;
  if (out.rank > kMaxRank) {
    fail(plan, ErrorKind::runtime, "the result would have more than " + std::to_string(kMaxRank) + " dimensions");
  }
  for (int d = 0; d < leading_rank; ++d) out.shape[d] = leading[d];
  for (int d = skipped; d < x.rank; ++d) out.shape[leading_rank + d - skipped] = x.shape[d];
}

void plan_index_rows(Plan& plan) {
  const View &x = plan.in[0], &index = plan.in[1];
  if (x.rank == 0) fail(plan, ErrorKind::runtime, "x must have at least one dimension, got shape ()");
  plan_rows(plan, x, 1, index.shape, index.rank);
  plan.nanoseconds = 5.0 * static_cast<double>(index.size()) + 0.3 * static_cast<double>(plan.out[0].size());
}

void plan_index_rows_add(Plan& plan) {
  const View &g = plan.in[0], &index = plan.in[1];
  const int64_t rows = plan.attributes[0].integer();
  bool fits = g.rank >= index.rank;
  for (int d = 0; fits && d < index.rank; ++d) fits = g.shape[d] == index.shape[d];
  if (!fits) {
    fail(plan, ErrorKind::runtime,
         "the shape of g must begin with that of index, got " + shape_text(g) + " and " + shape_text(index));
  }
  if (rows < 0) fail(plan, ErrorKind::runtime, "rows must not be negative, got " + std::to_string(rows));
  plan_rows(plan, g, index.rank, &rows, 1);
  plan.scratch_shared = static_cast<size_t>(rows + index.size()) * sizeof(int64_t);
  plan.nanoseconds = 5.0 * static_cast<double>(index.size()) + 0.3 * static_cast<double>(g.size()) +
                     0.1 * static_cast<double>(plan.out[0].size());
}

// True where start + i step stays in [0, extent) for i = 0 ... count - 1, without repeating itself.
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

// ---------------------------------------------------------------------------------------------------------------------
// What the runs share.

// x without its first `count` dimensions.
View inner_dims(const View& x, int count) {
  View out;
  out.data = x.data;
  out.dtype = x.dtype;
  out.rank = x.rank - count;
  for (int d = 0; d < out.rank; ++d) {
    out.shape[d] = x.shape[d + count];
    out.stride[d] = x.stride[d + count];
  }
  return out;
}

// Only the first `count` dimensions of x.
View outer_dims(const View& x, int count) {
  View out = x;
  out.rank = count;
  return out;
}

template <template <class> class Add>
constexpr RunsByDType sums() {
  return {{nullptr, nullptr, nullptr, nullptr, nullptr, Add<int64_t>::run, Add<float>::run, Add<double>::run}};
}

// ---------------------------------------------------------------------------------------------------------------------
// gather: out[i, j, k] = x[i, index[i, j, k], k] for dim 1.

// A row of index, along which x advances by x_step (0 where the row runs along dim) besides index * dim_step.
struct GatherRow {
  int64_t out_step, index_step, x_step, dim_step, extent;
  int64_t
      next;  // from where a row of x begins to where the next one does, to fetch that into the cache; 0: not worth it
  bool checked;  // all indices are known to be in range
  bool large, streamed;
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

// The same out of rows of x that have to be fetched, for results that may go past the caches.
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
  if (row.out_step == 1 && row.index_step == 1 && row.x_step == 0 && row.dim_step == 1) {
    return row.large ? gather_large(out, index, x, count, row) : gather_elements(out, index, x, count, row.extent);
  }
  for (int64_t i = 0; i < count; ++i) {
    const int64_t chosen = index[i * row.index_step];
    if (!in_range(chosen, row.extent)) return false;
    out[i * row.out_step] = x[i * row.x_step + chosen * row.dim_step];
  }
  return true;
}

// The same for rows that share their indices, which are in range: each is read once for all of them.
constexpr int64_t kAbreast = 4;

template <class T>
void gather_abreast(T* out, const int64_t* index, const T* x, int64_t count, int64_t out_row, int64_t x_row,
                    const GatherRow& row) {
  const T *const x1 = x + x_row, *const x2 = x1 + x_row, *const x3 = x2 + x_row;
  T *const out1 = out + out_row, *const out2 = out1 + out_row, *const out3 = out2 + out_row;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t at = index[i * row.index_step] * row.dim_step;
    const T a = x[at], b = x1[at], c = x2[at], d = x3[at];
    out[i] = a;
    out1[i] = b;
    out2[i] = c;
    out3[i] = d;
  }
}

// The same for `length` rows of `width` neighbours, out of a panel. A whole one has a loop of its own, without ends.
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
    const View index = at_least_1d(call.in[1]), out = at_least_1d(call.out[0]);
    View x = at_least_1d(call.in[0]);
    const int64_t dim = call.attributes[0].integer();
    const int axis = static_cast<int>(dim < 0 ? dim + x.rank : dim);
    GatherRow row;
    row.dim_step = x.stride[axis];
    row.extent = x.shape[axis];
    const bool large = panel_bytes(x, row.extent) > 0;
    for (int d = 0; d < x.rank; ++d) x.shape[d] = index.shape[d];
    x.stride[axis] = 0;
    const View* const operands[] = {&out, &index, &x};
    const Nest<3> nest = make_nest(operands);
    row.out_step = nest.stride[0][nest.rank - 1];
    row.index_step = nest.stride[1][nest.rank - 1];
    row.x_step = nest.stride[2][nest.rank - 1];
    if (nest.size == 0) return Status::ok;
    const int64_t bytes = bytes_of(out) + bytes_of(index);
    row.large = bytes >= kCrowding;
    row.streamed = bytes >= kStreamed;
    row.next = nest.rank > 1 && row.extent * sizeof(T) <= kFetchedRow ? nest.stride[2][nest.rank - 2] : 0;
    row.checked = shares_indices(index);
    if (row.checked && !every_index_in_range(index, row.extent)) return Status::index_out_of_range;
    if (large && in_panels(nest, row)) return run_panels(call, nest, row);
    if (shared_along_rows(nest, row)) return run_shared(call, nest, row);
    const double cost = row.index_step == 0 ? 0.02 * sizeof(T) : 0.35;
    Failure failure;
    parallel_for(nest.size, cost, [&](int64_t begin, int64_t end, int) {
      for_rows(nest, begin, end, [&](const int64_t* offset, int64_t count) {
        if (!gather_row(out.as<T>() + offset[0], index.as<int64_t>() + offset[1], x.as<T>() + offset[2], count, row)) {
          failure.report();
        }
      });
      if (row.streamed) stream_end();
    });
    return failure.status();
  }

 private:
  static constexpr int64_t kFetchedRow = 16384;           // bytes
  static constexpr int64_t kCrowding = int64_t{1} << 20;  // bytes that leave no room for x in the nearer caches

  // Whether neighbouring rows share the indices of their elements.
  static bool shared_along_rows(const Nest<3>& nest, const GatherRow& row) {
    const int inner = nest.rank - 1;
    return row.checked && inner > 0 && row.out_step == 1 && row.x_step == 0 && nest.stride[1][inner - 1] == 0;
  }

  static Status run_shared(const Call& call, const Nest<3>& nest, const GatherRow& row) {
    const int inner = nest.rank - 1;
    const int64_t count = nest.shape[inner], rows = nest.shape[inner - 1];
    const int64_t out_row = nest.stride[0][inner - 1], x_row = nest.stride[2][inner - 1];
    parallel_for(nest.size / count, 0.4 * static_cast<double>(count), [&](int64_t begin, int64_t end, int) {
      while (begin < end) {
        int64_t offset[3];
        find_offsets(nest, inner, begin, offset);
        const int64_t left = std::min(rows - begin % rows, end - begin), together = left < kAbreast ? 1 : kAbreast;
        T* const out = call.out[0].as<T>() + offset[0];
        const int64_t* const index = call.in[1].as<int64_t>() + offset[1];
        const T* const x = call.in[0].as<T>() + offset[2];
        if (together == 1)
          gather_row(out, index, x, count, row);
        else
          gather_abreast(out, index, x, count, out_row, x_row, row);
        begin += together;
      }
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
                              .streamed = bytes_of(call.out[0]) + bytes_of(call.in[1]) >= kStreamed};
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

// ---------------------------------------------------------------------------------------------------------------------
// Rows: x[i] of an array x, whatever is left when the first dimension is fixed.

// Calls visit(n, i) for the n-th index i, n in [begin, end) in row-major order.
template <class Visit>
void for_indices(const View& index, int64_t begin, int64_t end, Visit&& visit) {
  if (begin >= end) return;
  const View* const operands[] = {&index};
  const Nest<1> nest = make_nest(operands);
  const int64_t step = nest.stride[0][nest.rank - 1];
  int64_t n = begin;
  for_rows(nest, begin, end, [&](const int64_t* offset, int64_t count) {
    const int64_t* const at = index.as<int64_t>() + offset[0];
    for (int64_t i = 0; i < count; ++i) visit(n++, at[i * step]);
  });
}

// The rows of an array, numbered through its first `leading` dimensions.
class Rows {
 public:
  Rows(const View& x, int leading)
      : row(inner_dims(x, leading)), outer_(outer_dims(x, leading)), contiguous_(x.contiguous()), size_(row.size()) {}

  // Where row n starts, in elements.
  int64_t offset(int64_t n) const {
    if (contiguous_) return n * size_;
    int64_t sum = 0;
    for (int d = outer_.rank - 1; d >= 0; --d) {
      sum += n % outer_.shape[d] * outer_.stride[d];
      n /= outer_.shape[d];
    }
    return sum;
  }

  int64_t size() const { return size_; }

  const View row;

 private:
  View outer_;
  bool contiguous_;
  int64_t size_;
};

// combine(out, x, count, out_step, x_step) for the pieces of a row of one array and a row of another.
template <class T, class Combine>
void for_row_pieces(const Nest<2>& nest, T* out, const T* x, Combine&& combine) {
  if (nest.size == 0) return;
  if (nest.rank == 1) return combine(out, x, nest.size, nest.stride[0][0], nest.stride[1][0]);
  const int inner = nest.rank - 1;
  for_rows(nest, 0, nest.size, [&](const int64_t* offset, int64_t count) {
    combine(out + offset[0], x + offset[1], count, nest.stride[0][inner], nest.stride[1][inner]);
  });
}

template <class T>
void add_piece(T* out, const T* x, int64_t count, int64_t out_step, int64_t x_step) {
  if (out_step == 1 && x_step == 1) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) out[i] = static_cast<T>(out[i] + x[i]);
  } else {
    for (int64_t i = 0; i < count; ++i) out[i * out_step] = static_cast<T>(out[i * out_step] + x[i * x_step]);
  }
}

// How many indices ahead a row is fetched into the cache, and how much of it: rows at random places come from memory.
constexpr int64_t kAhead = 8;
constexpr int64_t kFetched = 512;

template <class T>
void prefetch_row(const T* row, int64_t size) {
  const char* const start = reinterpret_cast<const char*>(row);
  const int64_t bytes = size * static_cast<int64_t>(sizeof(T));
  for (int64_t b = 0; b < bytes && b < kFetched; b += 64) __builtin_prefetch(start + b);
}

// Rows of `size` elements without gaps, one behind the other in out, `stride` apart in x.
template <class T>
bool copy_rows(T* out, const T* x, const int64_t* index, int64_t count, int64_t rows, int64_t size, int64_t stride,
               bool streamed) {
  for (int64_t n = 0; n < count; ++n) {
    if (n + kAhead < count) {
      const int64_t next = wrapped(index[n + kAhead], rows);
      if (in_range(next, rows)) prefetch_row(x + next * stride, size);
    }
    const int64_t i = wrapped(index[n], rows);
    if (!in_range(i, rows)) return false;
    copy_bytes(out + n * size, x + i * stride, size * static_cast<int64_t>(sizeof(T)), streamed);
  }
  if (streamed) stream_end();
  return true;
}

// The same for rows of one element.
template <class T>
bool copy_elements(T* out, const T* x, const int64_t* index, int64_t count, int64_t rows, int64_t stride) {
  for (int64_t n = 0; n < count; ++n) {
    const int64_t i = wrapped(index[n], rows);
    if (!in_range(i, rows)) return false;
    out[n] = x[i * stride];
  }
  return true;
}

// index_rows: out[n] = x[index[n]].
template <class T>
struct IndexRows {
  static Status run(const Call& call) {
    const View &x = call.in[0], &index = call.in[1];
    if (index.contiguous() && call.out[0].contiguous() && inner_dims(x, 1).contiguous()) return run_contiguous(call);
    return run_strided(call);
  }

 private:
  static Status run_contiguous(const Call& call) {
    const View &x = call.in[0], &index = call.in[1];
    const int64_t rows = x.shape[0], stride = x.stride[0], size = inner_dims(x, 1).size();
    const bool streamed = 2 * bytes_of(call.out[0]) >= kStreamed && size * sizeof(T) >= kStreamedRow;
    Failure failure;
    parallel_for(index.size(), 1 + 0.02 * static_cast<double>(size * sizeof(T)), [&](int64_t begin, int64_t end, int) {
      T* const out = call.out[0].as<T>() + begin * size;
      const int64_t* const at = index.as<int64_t>() + begin;
      const bool good = size == 1 ? copy_elements(out, x.as<T>(), at, end - begin, rows, stride)
                                  : copy_rows(out, x.as<T>(), at, end - begin, rows, size, stride, streamed);
      if (!good) failure.report();
    });
    return failure.status();
  }

  static Status run_strided(const Call& call) {
    const View &x = call.in[0], &index = call.in[1], &out = call.out[0];
    const Rows to(out, index.rank), from(x, 1);
    const View* const operands[] = {&to.row, &from.row};
    const Nest<2> nest = make_nest(operands);
    const int64_t rows = x.shape[0], stride = x.stride[0];
    Failure failure;
    parallel_for(index.size(), 3 + 0.05 * static_cast<double>(to.size() * sizeof(T)),
                 [&](int64_t begin, int64_t end, int) {
                   for_indices(index, begin, end, [&](int64_t n, int64_t raw) {
                     const int64_t i = wrapped(raw, rows);
                     if (!in_range(i, rows)) return failure.report();
                     for_row_pieces(nest, out.as<T>() + to.offset(n), x.as<T>() + i * stride, copy_piece<T>);
                   });
                 });
    return failure.status();
  }
};

// The indices, sorted by the row that they name, in order of appearance for one row: a counting sort.
struct ByRow {
  int64_t* end;  // of each row's part of `places`
  int64_t* places;

  bool sort(const View& index, int64_t rows) {
    bool good = true;
    std::memset(end, 0, static_cast<size_t>(rows) * sizeof(int64_t));
    for_indices(index, 0, index.size(), [&](int64_t, int64_t raw) {
      const int64_t i = wrapped(raw, rows);
      good &= in_range(i, rows);
      if (in_range(i, rows)) ++end[i];
    });
    int64_t sum = 0;
    for (int64_t i = 0; i < rows; ++i) {  // now where each row's part begins, and behind the next loop where it ends
      const int64_t count = end[i];
      end[i] = sum;
      sum += count;
    }
    if (!good) return false;
    for_indices(index, 0, index.size(), [&](int64_t n, int64_t raw) { places[end[wrapped(raw, rows)]++] = n; });
    return true;
  }
};

template <class T>
void add_to_zero(T* out, const T* x, int64_t count, int64_t out_step, int64_t x_step) {
  if (out_step == 1 && x_step == 1) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) out[i] = static_cast<T>(T{0} + x[i]);
  } else {
    for (int64_t i = 0; i < count; ++i) out[i * out_step] = static_cast<T>(T{0} + x[i * x_step]);
  }
}

// index_rows_add: out[index[n]] += g[n], starting from zeros, n increasing. Row by row of out, so that each is written
// while it is in a cache, and the order of the sums is always the same.
template <class T>
struct IndexRowsAdd {
  static Status run(const Call& call) {
    const View &g = call.in[0], &index = call.in[1], &out = call.out[0];
    const Rows from(g, index.rank);
    const View to = inner_dims(out, 1);
    const View* const operands[] = {&to, &from.row};
    const Nest<2> nest = make_nest(operands);
    const int64_t rows = out.shape[0], count = index.size();
    if (from.size() < kShort) return run_short(call, from, nest);
    auto* const scratch = reinterpret_cast<int64_t*>(call.shared);
    ByRow by_row = {.end = scratch, .places = scratch + rows};
    if (rows == 0 || !by_row.sort(index, rows)) return count > 0 ? Status::index_out_of_range : Status::ok;
    const double each = 0.15 * static_cast<double>(count * from.size()) / static_cast<double>(rows);
    parallel_for(rows, 5 + 0.1 * static_cast<double>(from.size()) + each, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        T* const row = out.as<T>() + i * out.stride[0];
        const int64_t first = i > 0 ? by_row.end[i - 1] : 0, last = by_row.end[i];
        if (first == last) zero_row(out, nest, row, i);
        for (int64_t k = first; k < last; ++k) {
          const T* const x = g.as<T>() + from.offset(by_row.places[k]);
          if (k + 1 < count) prefetch_row(g.as<T>() + from.offset(by_row.places[k + 1]), from.size());
          for_row_pieces(nest, row, x, k == first ? add_to_zero<T> : add_piece<T>);
        }
      }
    });
    return Status::ok;
  }

 private:
  static constexpr int64_t kShort = 16;  // elements of a row that is not worth looking for its indices

  // Each worker owns some of out's rows and looks for them among all indices.
  static Status run_short(const Call& call, const Rows& from, const Nest<2>& nest) {
    const View &g = call.in[0], &index = call.in[1], &out = call.out[0];
    const int64_t rows = out.shape[0], count = index.size();
    const double additions = static_cast<double>(count * from.size()) * 0.15 + static_cast<double>(count);
    const double zeros = 0.03 * static_cast<double>(from.size()) * sizeof(T);
    Failure failure;
    if (rows == 0 && count > 0) failure.report();
    parallel_for(rows, zeros + additions / static_cast<double>(rows > 0 ? rows : 1),
                 [&](int64_t begin, int64_t end, int) {
                   zero(out, begin * from.size(), end * from.size());
                   for_indices(index, 0, count, [&](int64_t n, int64_t raw) {
                     const int64_t i = wrapped(raw, rows);
                     if (!in_range(i, rows)) return failure.report();
                     if (i < begin || i >= end) return;
                     for_row_pieces(nest, out.as<T>() + i * out.stride[0], g.as<T>() + from.offset(n), add_piece<T>);
                   });
                 });
    return failure.status();
  }

  static void zero_row(const View& out, const Nest<2>& nest, T* row, int64_t i) {
    if (nest.rank == 1 && nest.stride[0][0] == 1) return zero_bytes(row, nest.size * static_cast<int64_t>(sizeof(T)));
    zero(out, i * nest.size, (i + 1) * nest.size);
  }
};

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
void unslice_row(T* out, const T* g, const SliceRow& s) {
  const auto zero = [](T* from, int64_t count) { zero_bytes(from, count * static_cast<int64_t>(sizeof(T))); };
  if (s.step == 1 && s.g_step == s.size) {
    const int64_t kept = s.pieces * s.size;
    zero(out, s.start * s.size);
    copy_bytes(out + s.start * s.size, g, kept * static_cast<int64_t>(sizeof(T)), s.streamed);
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
    if (g.size() == 0 || g.rank == 0 || !out.contiguous()) return run_anyhow(call);
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
                    .streamed = bytes_of(out) + bytes_of(g) >= kStreamed && size * sizeof(T) >= kStreamedRow};
    if (size * static_cast<int64_t>(sizeof(T)) >=
        kStreamedRow) {  // each piece is a row, so that threads can share them
      row = {.start = 0, .step = 1, .pieces = 1, .size = size, .extent = 1, .g_step = size, .streamed = row.streamed};
      ++dim;
    }
    run_rows(call, dim, row);
    return Status::ok;
  }

 private:
  // Row n of out is a choice of the first `dims` dimensions.
  static void run_rows(const Call& call, int dims, const SliceRow& row) {
    const View& out = call.out[0];
    const int64_t length = row.extent * row.size;
    parallel_for(out.size() / length, 0.05 * static_cast<double>(length * sizeof(T)),
                 [&](int64_t begin, int64_t end, int) {
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

constexpr Run kRuns[] = {
    {"gather", moves<Gather>()},
    {"index_rows", moves<IndexRows>()},
    {"index_rows_add", sums<IndexRowsAdd>()},
    {"unslice", moves<Unslice>()},
};

// ---------------------------------------------------------------------------------------------------------------------
// Rows of the table.

constexpr Kernel kRows[] = {
    {.name = "gather",
     .inputs = {"x", "index"},
     .types = "Ti",
     .outputs = {"out"},
     .attributes = {{"dim", AttributeKind::integer}},
     .plan = plan_gather,
     .reference = &reference::gather},
    {.name = "index_rows",
     .inputs = {"x", "index"},
     .types = "Ti",
     .outputs = {"out"},
     .plan = plan_index_rows,
     .reference = &reference::index_rows},
    {.name = "index_rows_add",
     .inputs = {"g", "index"},
     .types = "Ti",
     .outputs = {"out"},
     .attributes = {{"rows", AttributeKind::integer}},
     .plan = plan_index_rows_add,
     .reference = &reference::index_rows_add},
    {.name = "unslice",
     .inputs = {"g"},
     .types = "T",
     .outputs = {"out"},
     .attributes = {{"shape", AttributeKind::integers},
                    {"starts", AttributeKind::integers},
                    {"steps", AttributeKind::integers}},
     .plan = plan_unslice,
     .reference = &reference::unslice},
};

}  // namespace

extern const Kernels index_kernels;
const Kernels index_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

extern const Runs index_runs;
const Runs index_runs = {kRuns, sizeof(kRuns) / sizeof(Run)};

}  // namespace minigrad
