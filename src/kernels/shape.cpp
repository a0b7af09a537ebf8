// Joining arrays, triangles of matrices, and borders: cat, triangle and border.
#include "core/plans.hpp"
#include "kernels/moves.hpp"
#include "kernels/turn.hpp"

namespace minigrad {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// Plans.

// x's sizes with the size `extent` in a new dimension `dim`.
void insert_dim(const Plan& plan, const View& x, int dim, int64_t extent, View& out) {
  if (x.rank == kMaxRank) {
    fail(plan, ErrorKind::runtime, "the result would have more than " + std::to_string(kMaxRank) + " dimensions");
  }
  out.dtype = x.dtype;
  out.rank = x.rank + 1;
  for (int d = 0; d < out.rank; ++d) out.shape[d] = d == dim ? extent : x.shape[d - (d > dim ? 1 : 0)];
}

void plan_cat(Plan& plan) {
  if (plan.in_count == 0) fail(plan, ErrorKind::runtime, "needs at least one array");
  const View& first = plan.in[0];
  const bool stacked = plan.attributes[1].flag();
  const int dim = checked_dim(plan, plan.attributes[0].integer(), first.rank + (stacked ? 1 : 0));
  int64_t extent = 0;
  for (int i = 0; i < plan.in_count; ++i) {
    const View& x = plan.in[i];
    bool fits = x.rank == first.rank;
    for (int d = 0; fits && d < x.rank; ++d) fits = x.shape[d] == first.shape[d] || (d == dim && !stacked);
    if (!fits) {
      fail(plan, ErrorKind::runtime,
           "shapes " + shape_text(first) + " and " + shape_text(x) +
               (stacked ? " differ" : " differ besides in dim " + std::to_string(dim)));
    }
    extent += stacked ? 1 : x.shape[dim];
  }
  if (stacked) {
    insert_dim(plan, first, dim, extent, plan.out[0]);
  } else {
    copy_shape(first, first.dtype, plan.out[0]);
    plan.out[0].shape[dim] = extent;
  }
  plan.scratch_shared = static_cast<size_t>(plan.in_count) * sizeof(int64_t);
  plan.nanoseconds = 20.0 * plan.in_count + 0.3 * static_cast<double>(plan.out[0].size());
}

void plan_triangle(Plan& plan) {
  const View& x = plan.in[0];
  if (x.rank < 2) fail(plan, ErrorKind::runtime, "needs at least two dimensions, got shape " + shape_text(x));
  copy_shape(x, x.dtype, plan.out[0]);
  plan.nanoseconds = 0.3 * static_cast<double>(x.size());
}

enum Border : int64_t { kReplicate, kReflect, kCircular };

// Which of n places stands i places behind the first one: outside of them the last one again, or as in a mirror that
// lies on it, or as if they began anew.
int64_t place_of(int64_t i, int64_t n, int64_t mode) {
  const int64_t past = i < 0 ? -i : i - (n - 1);  // by how much it is outside
  if (i >= 0 && past <= 0) return i;
  const int64_t edge = i < 0 ? 0 : n - 1, inwards = i < 0 ? past : -past;
  return mode == kCircular ? edge - inwards + (i < 0 ? n : -n) : mode == kReflect ? edge + inwards : edge;
}

// sizes: how much before and behind the last dimension, then the one before it, and so on.
void plan_border(Plan& plan) {
  const View& x = plan.in[0];
  const Attribute& sizes = plan.attributes[0];
  const int64_t mode = plan.attributes[1].integer();
  copy_shape(x, x.dtype, plan.out[0]);
  bool fits = sizes.count >= 2 && sizes.count % 2 == 0 && sizes.count / 2 <= x.rank && mode >= 0 && mode <= kCircular;
  for (int i = 0; fits && i < sizes.count; ++i) {
    const int d = x.rank - 1 - i / 2;
    const int64_t n = x.shape[d], most = mode == kReflect ? n - 1 : mode == kCircular ? n : INT64_MAX / 4;
    fits = sizes.integers[i] >= 0 && sizes.integers[i] <= most && n > 0;
    plan.out[0].shape[d] += sizes.integers[i];
  }
  if (!fits)
    fail(plan, ErrorKind::runtime, "there is no border of these sizes and this mode for shape " + shape_text(x));
  plan.nanoseconds = 0.1 * static_cast<double>(plan.out[0].size() * item_size(x.dtype));
}

// ---------------------------------------------------------------------------------------------------------------------
// cat: one array behind the other along dim, or along a new dim where `stacked`.

template <class T>
struct Cat {
  static Status run(const Call& call) {
    if (call.out[0].size() == 0) return Status::ok;
    const int dim = static_cast<int>(call.attributes[0].integer());
    const bool stacked = call.attributes[1].flag();
    int64_t rows = 1;
    for (int d = 0; d < dim; ++d) rows *= call.out[0].shape[d];
    const bool alone = worker_count(call.out[0].size(), 0.05 * sizeof(T)) == 1;
    if ((rows >= kManyRows || alone) && all_in_rows(call, dim)) return interleave(call, rows);
    View part = call.out[0];
    for (int i = 0; i < call.in_count; ++i) {
      const View& x = call.in[i];
      part.shape[dim] = stacked ? 1 : x.shape[dim];
      if (part.size() > 0) stacked ? copy_all(without_dim(part, dim), x) : copy_all(part, x);
      part.data = part.as<T>() + part.shape[dim] * part.stride[dim];
    }
    return Status::ok;
  }

 private:
  static constexpr int64_t kManyRows = 16;

  // How far apart the rows of an array lie, choices of its first `dim` dimensions; -1 where they have gaps or lie
  // unequally.
  static int64_t row_stride(const View& x, int dim) {
    int64_t size = 1, stride = -1, expected = -1;
    for (int d = x.rank - 1; d >= 0; --d) {
      if (x.shape[d] == 1) continue;
      if (d >= dim) {
        if (x.stride[d] != size) return -1;
        size *= x.shape[d];
      } else {
        if (stride >= 0 ? x.stride[d] != expected : x.stride[d] < 0) return -1;
        if (stride < 0) stride = x.stride[d];
        expected = x.stride[d] * x.shape[d];
      }
    }
    return stride < 0 ? size : stride;
  }

  // Writes down how far apart each input's rows lie; false where one has gaps.
  static bool all_in_rows(const Call& call, int dim) {
    auto* const strides = reinterpret_cast<int64_t*>(call.shared);
    for (int i = 0; i < call.in_count; ++i) {
      strides[i] = call.in[i].size() == 0 ? 0 : row_stride(call.in[i], dim);
      if (strides[i] < 0) return false;
    }
    return call.out[0].contiguous();
  }

  // The output is then a row of each input in turn: written from its beginning to its end.
  static Status interleave(const Call& call, int64_t rows) {
    const int64_t row = call.out[0].size() / rows;
    const bool large = past_caches(2 * bytes_of(call.out[0]));
    const auto* const strides = reinterpret_cast<const int64_t*>(call.shared);
    const bool few = row * static_cast<int64_t>(sizeof(T)) < (large ? kFewOfLarge : kFew) * call.in_count;
    parallel_for(rows, 0.05 * static_cast<double>(row * sizeof(T)), [&](int64_t begin, int64_t end) {
      if (few) return interleave_few(call, rows, begin, end);
      T* to = call.out[0].as<T>() + begin * row;
      for (int64_t r = begin; r < end; ++r) {
        for (int i = 0; i < call.in_count; ++i) {
          const int64_t count = call.in[i].size() / rows, bytes = count * static_cast<int64_t>(sizeof(T));
          copy_bytes(to, call.in[i].as<T>() + r * strides[i], bytes, large && bytes >= kStreamedRow);
          to += count;
        }
      }
      if (large) stream_end();
    });
    return Status::ok;
  }

  // As interleave, where the row of an input is short: many rows of the one, then as many of the next.
  static void interleave_few(const Call& call, int64_t rows, int64_t begin, int64_t end) {
    const int64_t row = call.out[0].size() / rows;
    const int64_t together = std::max<int64_t>(1, kBlockBytes / (row * static_cast<int64_t>(sizeof(T))));
    const auto* const strides = reinterpret_cast<const int64_t*>(call.shared);
    if (call.in_count == 2 && row == 2 && call.in[0].size() == rows && strides[0] == 1 && strides[1] == 1) {
      const T *const x = call.in[0].as<T>(), *const y = call.in[1].as<T>();
      return minigrad::interleave(call.out[0].as<T>() + 2 * begin, x + begin, y + begin, end - begin);
    }
    for (int64_t first = begin; first < end; first += together) {
      T* to = call.out[0].as<T>() + first * row;
      for (int i = 0; i < call.in_count; ++i) {
        const int64_t count = call.in[i].size() / rows;
        put_rows(to, row, call.in[i].as<T>() + first * strides[i], strides[i], std::min(together, end - first), count);
        to += count;
      }
    }
  }

  static void put_rows(T* to, int64_t to_row, const T* from, int64_t from_row, int64_t rows, int64_t count) {
    constexpr int64_t kItem = sizeof(T), kLoop = 32;
    if (copy_rows(to, from, rows, count * kItem, to_row * kItem, from_row * kItem)) return;
    for (int64_t r = 0; count * kItem >= kLoop && r < rows; ++r) {
      copy_bytes(to + r * to_row, from + r * from_row, count * kItem, false);
    }
    for (int64_t c = 0; count * kItem < kLoop && c < count; ++c) {
      for (int64_t r = 0; r < rows; ++r) to[r * to_row + c] = from[r * from_row + c];
    }
  }

  // Bytes of a row of an input; out of memory, an output that is written from its beginning to its end is quicker.
  static constexpr int64_t kFew = 1024, kFewOfLarge = 64, kBlockBytes = 16384;

  static View without_dim(const View& x, int dim) {
    View out = x;
    out.rank = x.rank - 1;
    for (int d = dim; d < out.rank; ++d) {
      out.shape[d] = x.shape[d + 1];
      out.stride[d] = x.stride[d + 1];
    }
    return out;
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// triangle: x where column - row <= diagonal (lower) or >= diagonal (upper), 0 elsewhere. The output may be x.

int64_t clamped(int64_t n, int64_t high) { return n < 0 ? 0 : (n > high ? high : n); }

// Where row n of all matrices begins.
int64_t row_offset(const View& x, int64_t n) {
  int64_t offset = 0;
  for (int d = x.rank - 2; d >= 0; --d) {
    offset += n % x.shape[d] * x.stride[d];
    n /= x.shape[d];
  }
  return offset;
}

template <class T>
struct Triangle {
  static Status run(const Call& call) {
    const View &x = call.in[0], &out = call.out[0];
    const int64_t rows = x.shape[x.rank - 2], columns = x.shape[x.rank - 1], step = x.stride[x.rank - 1];
    const bool upper = call.attributes[1].flag();
    // Beyond the matrix, a diagonal means no more than at its edge; so the sums below cannot overflow.
    const int64_t wanted = call.attributes[0].integer();
    const int64_t diagonal = wanted < -rows - 1 ? -rows - 1 : (wanted > columns ? columns : wanted);
    if (columns == 0 || rows == 0) return Status::ok;
    const int64_t out_row = out.stride[x.rank - 2], x_row = x.stride[x.rank - 2], shift = diagonal + (upper ? 0 : 1);
    const bool packed = step == 1 && out_row == columns && x_row == columns;  // whole rows alike are one piece
    const bool large = past_caches(bytes_of(out) + bytes_of(x));
    parallel_for(x.size() / columns, 0.1 * static_cast<double>(columns * sizeof(T)), [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end;) {
        const int64_t row = n % rows, together = std::min(end - n, rows - row);
        T* o = out.as<T>() + row_offset(out, n);
        const T* a = x.as<T>() + row_offset(x, n);
        for (int64_t r = row, alike; r < row + together; r += alike) {
          const int64_t rest = row + together - r, edge = clamped(r + shift, columns);
          alike = !packed ? 1 : edge == columns ? rest : edge == 0 ? std::min(rest, 1 - shift - r) : 1;
          const int64_t size = alike * columns, cut = edge == columns ? size : edge;
          const int64_t first = upper ? cut : 0, last = upper ? size : cut;
          zero_bytes(o, first * static_cast<int64_t>(sizeof(T)), large);
          if (large && o != a && step == 1) {
            stream_row_before(o + first, a + first, alike > 1 ? nullptr : a + first + x_row,
                              (last - first) * static_cast<int64_t>(sizeof(T)));
          } else if (o != a) {
            copy_piece(o + first, a + first * step, last - first, 1, step);
          }
          zero_bytes(o + last, (size - last) * static_cast<int64_t>(sizeof(T)), large);
          o += alike * out_row;
          a += alike * x_row;
        }
        n += together;
      }
      if (large) stream_end();
    });
    return Status::ok;
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// border: rows of x, each within what stands before and behind it.

template <class T>
struct Bordered {
  static Status run(const Call& call) {
    const View &x = call.in[0], &out = call.out[0];
    const int last = x.rank - 1;
    const int64_t before = call.attributes[0].integers[0], mode = call.attributes[1].integer();
    const int64_t n = x.shape[last], step = x.stride[last], columns = out.shape[last], out_step = out.stride[last];
    parallel_for(out.size() / columns, 0.1 * static_cast<double>(columns * sizeof(T)), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const auto [from, to] = rows_at(call, row);
        for (int64_t j = 0; j < before; ++j) to[j * out_step] = from[place_of(j - before, n, mode) * step];
        copy_piece(to + before * out_step, from, n, out_step, step);
        for (int64_t j = n; j < columns - before; ++j) to[(before + j) * out_step] = from[place_of(j, n, mode) * step];
      }
    });
    return Status::ok;
  }

 private:
  struct Pair {
    const T* from;
    T* to;
  };

  // Row n of out, and that of x which is within it.
  static Pair rows_at(const Call& call, int64_t n) {
    const View &x = call.in[0], &out = call.out[0];
    const Attribute& sizes = call.attributes[0];
    Pair rows = {x.as<T>(), out.as<T>()};
    for (int d = x.rank - 2, i = 2; d >= 0; --d, i += 2) {
      const int64_t at = n % out.shape[d], mode = call.attributes[1].integer();
      n /= out.shape[d];
      rows.to += at * out.stride[d];
      rows.from += x.stride[d] * (i < sizes.count ? place_of(at - sizes.integers[i], x.shape[d], mode) : at);
    }
    return rows;
  }
};

constexpr Run kRuns[] = {
    {"cat", moves<Cat>()},
    {"triangle", moves<Triangle>()},
    {"border", moves<Bordered>()},
};

// ---------------------------------------------------------------------------------------------------------------------
// Rows of the table.

constexpr Kernel kRows[] = {
    {.name = "cat",
     .inputs = {"xs"},
     .types = "T",
     .outputs = {"out"},
     .attributes = {{"dim", AttributeKind::integer}, {"stacked", AttributeKind::flag}},
     .plan = plan_cat,
     .variadic = true},
    {.name = "triangle",
     .inputs = {"x"},
     .types = "T",
     .outputs = {"out"},
     .attributes = {{"diagonal", AttributeKind::integer}, {"upper", AttributeKind::flag}},
     .plan = plan_triangle},
    {.name = "border",
     .inputs = {"x"},
     .types = "T",
     .outputs = {"out"},
     .attributes = {{"sizes", AttributeKind::integers}, {"mode", AttributeKind::integer}},
     .plan = plan_border},
};

}  // namespace

extern const Kernels shape_kernels;
const Kernels shape_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

extern const Runs shape_runs;
const Runs shape_runs = {kRuns, sizeof(kRuns) / sizeof(Run)};

}  // namespace minigrad
