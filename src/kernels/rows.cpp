// Rows of an array: index_rows and index_rows_add. Plans, rows and runs. (One index an element: gather.cpp.)
//
// Whatever moves elements knows only their size. An index out of range is found before it is used; the run then stops
// with index_out_of_range, and what it wrote means nothing.
#include <algorithm>

#include "kernels/index_loops.hpp"

namespace minigrad {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// Plans.

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

void plan_add_rows(Plan& plan) {
  const View &x = plan.in[0], &places = plan.in[1], &index = plan.in[2], &factor = plan.in[3];
  const int64_t rows = plan.attributes[0].integer();
  const bool factors_fit = factor.rank == 0 || factor.same_shape(index);
  if (x.rank == 0 || places.rank != 1 || !places.same_shape(index) || !factors_fit || rows < 0) {
    fail(plan, ErrorKind::runtime,
         "needs rows, places and as many indices and factors, got " + shape_text(x) + ", " + shape_text(places) + ", " +
             shape_text(index) + " and " + shape_text(factor));
  }
  plan_rows(plan, x, 1, &rows, 1);
  const double size = static_cast<double>(x.shape[0] > 0 ? x.size() / x.shape[0] : 0);
  plan.scratch_shared = static_cast<size_t>(rows + 2 * index.size()) * sizeof(int64_t);
  plan.nanoseconds =
      (10 + 0.3 * size) * static_cast<double>(index.size()) + 0.1 * static_cast<double>(plan.out[0].size());
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

  // Whether the rows are equally far apart, and how far.
  bool even() const { return contiguous_ || outer_.rank == 1; }
  int64_t step() const { return contiguous_ ? size_ : outer_.stride[0]; }

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

// How many indices ahead a row is fetched into the cache, and how much of it: rows at random places come from memory.
constexpr int64_t kAhead = 8;
constexpr int64_t kFetched = 512;

template <class T>
void prefetch_row(const T* row, int64_t size) {
  const char* const start = reinterpret_cast<const char*>(row);
  const int64_t bytes = size * static_cast<int64_t>(sizeof(T));
  for (int64_t b = 0; b < bytes && b < kFetched; b += 64) __builtin_prefetch(start + b);
}

// Rows of one element.
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
    constexpr int64_t item = sizeof(T);
    const bool streamed = past_caches(2 * bytes_of(call.out[0])) && size * item >= kStreamedRow;
    Failure failure;
    parallel_for(index.size(), 1 + 0.02 * static_cast<double>(size * item), [&](int64_t begin, int64_t end) {
      T* const out = call.out[0].as<T>() + begin * size;
      const int64_t* const at = index.as<int64_t>() + begin;
      const int64_t count = end - begin;
      const bool good = size == 1 ? copy_elements(out, x.as<T>(), at, count, rows, stride)
                                  : pick_rows(out, x.data, at, count, size * item, stride * item, rows, streamed);
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
    parallel_for(index.size(), 3 + 0.05 * static_cast<double>(to.size() * sizeof(T)), [&](int64_t begin, int64_t end) {
      for_indices(index, begin, end, [&](int64_t n, int64_t raw) {
        const int64_t i = wrapped(raw, rows);
        if (!in_range(i, rows)) return failure.report();
        for_row_pieces(nest, out.as<T>() + to.offset(n), x.as<T>() + i * stride, copy_piece<T>);
      });
    });
    return failure.status();
  }
};

// The numbers of g's rows, sorted by the row of out that they go to; those that go to one row stay in their order. It
// is a counting sort, which is shorter where the indices are sorted already.
struct ByRow {
  int64_t* end;  // of each row's part of `sources`
  int64_t* sources;

  const int64_t* first(int64_t row) const { return sources + (row > 0 ? end[row - 1] : 0); }
  const int64_t* last(int64_t row) const { return sources + end[row]; }  // one behind it

  bool sort(const View& index, int64_t rows) const {
    const int64_t* const at = index.as<int64_t>();
    const int64_t count = index.size();
    if (index.contiguous() && count > 0 && at[0] >= 0 && at[count - 1] < rows && std::is_sorted(at, at + count)) {
      int64_t i = 0;
      for (int64_t n = 0; n < count; ++n) {
        for (; i < at[n]; ++i) end[i] = n;
        sources[n] = n;
      }
      std::fill(end + i, end + rows, count);
      return true;
    }
    bool good = true;
    std::memset(end, 0, static_cast<size_t>(rows) * sizeof(int64_t));
    for_indices(index, 0, count, [&](int64_t, int64_t raw) {
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
    for_indices(index, 0, count, [&](int64_t n, int64_t raw) { sources[end[wrapped(raw, rows)]++] = n; });
    return true;
  }
};

// Rows of one array that are to be added up, without gaps.
template <class T>
struct Summands {
  const T* x;
  int64_t step, size;
  const int64_t *row, *end, *known;  // which rows; `known`: the end of those that more sums need, to be fetched
  const T* factor;                   // of each
};

// out = 0 + the rows, times their factors, in order: `kRegisters` registers' columns at a time, the last of which may
// overlap others.
template <int kBytes, int kRegisters, bool kScaled, class T>
[[gnu::always_inline]] inline void sum_columns(T* out, const Summands<T>& s) {
  typedef T Register [[gnu::vector_size(kBytes), gnu::aligned(sizeof(T)), gnu::may_alias]];
  constexpr int64_t kItems = kBytes / sizeof(T), kColumns = kRegisters * kItems;
  for (int64_t j = 0; j < s.size; j += kColumns) {
    const int64_t first = std::min(j, s.size - kColumns);
    Register sum[kRegisters] = {};
    const T* factor = s.factor;
    for (const int64_t* row = s.row; row < s.end; ++row, factor += kScaled) {
      if (j == 0 && row + kAhead / 2 < s.known) prefetch_row(s.x + row[kAhead / 2] * s.step, s.size);
      const T* const x = s.x + *row * s.step + first;
#pragma GCC unroll 16
      for (int r = 0; r < kRegisters; ++r) {
        const Register piece = *reinterpret_cast<const Register*>(x + r * kItems);
        sum[r] += kScaled ? piece * *factor : piece;
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRegisters; ++r) *reinterpret_cast<Register*>(out + first + r * kItems) = sum[r];
  }
}

constexpr int64_t kShort = 16;  // elements of a row that is not worth looking for its indices

// At least kShort columns.
template <bool kScaled, class T>
MINIGRAD_WIDE void sum_rows(T* out, const Summands<T>& s) {
  constexpr int kFew = kShort * sizeof(T) / 32;
  if (s.size * sizeof(T) >= 256) {
    sum_columns<32, 8, kScaled>(out, s);
  } else {
    sum_columns<32, kFew, kScaled>(out, s);
  }
}

// At least 1024 bytes: pieces as long come faster from a cache that is not the nearest one.
template <bool kScaled, class T>
MINIGRAD_WIDEST void sum_long_rows(T* out, const Summands<T>& s) {
  sum_columns<64, 16, kScaled>(out, s);
}

template <bool kScaled, class T>
auto* sum_of_rows(int64_t size) {
  return has_widest() && size * sizeof(T) >= 1024 ? sum_long_rows<kScaled, T> : sum_rows<kScaled, T>;
}

// index_rows_add: out[index[n]] += g[n], starting from zeros, n increasing. Row by row of out, so that each is written
// while it is in a cache, and the order of the sums is always the same. add_rows: the same of the rows of g that
// further indices name, times factors.
template <class T>
struct IndexRowsAdd {
  static Status run(const Call& call) {
    const View &g = call.in[0], &index = call.in[1], &out = call.out[0];
    const bool named = call.in_count == 4;
    if (named && !every_index_in_range(call.in[2], g.shape[0])) return Status::index_out_of_range;
    const Rows from(g, named ? 1 : index.rank);
    const View to = inner_dims(out, 1);
    const View* const operands[] = {&to, &from.row};
    const Nest<2> nest = make_nest(operands);
    const int64_t rows = out.shape[0], count = index.size();
    if (from.size() < kShort) return run_short(call, from, nest);
    auto* const scratch = reinterpret_cast<int64_t*>(call.shared);
    const ByRow by_row = {.end = scratch, .sources = scratch + rows};
    if (rows == 0 || !by_row.sort(index, rows)) return count > 0 ? Status::index_out_of_range : Status::ok;
    T* const factors = named && call.in[3].rank > 0 ? reinterpret_cast<T*>(scratch + rows + count) : nullptr;
    for (int64_t n = 0; named && n < count; ++n) {
      if (factors != nullptr) factors[n] = factor(call, by_row.sources[n]);
      by_row.sources[n] = source(call, by_row.sources[n]);
    }
    const double each = 0.15 * static_cast<double>(count * from.size()) / static_cast<double>(rows);
    parallel_for(rows, 5 + 0.1 * static_cast<double>(from.size()) + each, [&](int64_t begin, int64_t end) {
      if (has_wide() && (kScales || factors == nullptr) && from.even() && nest.rank == 1 && nest.stride[0][0] == 1 &&
          nest.stride[1][0] == 1) {
        return sum_straight_rows(call, from, by_row, factors, begin, end);
      }
      for (int64_t i = begin; i < end; ++i) {
        T* const row = out.as<T>() + i * out.stride[0];
        zero(out, i * from.size(), (i + 1) * from.size());
        for (const int64_t* at = by_row.first(i); at < by_row.last(i); ++at) {
          const T scale = factors != nullptr ? factors[at - by_row.sources] : static_cast<T>(1);
          add_row(nest, row, g.as<T>() + from.offset(*at), scale);
        }
      }
    });
    return Status::ok;
  }

 private:
  // Whether registers of elements are multiplied: of integers they cannot be, at AVX2's width.
  static constexpr bool kScales = std::is_floating_point_v<T>;

  // For rows [begin, end) of out, where rows of g and of out lie without gaps.
  static void sum_straight_rows(const Call& call, const Rows& from, const ByRow& by_row, const T* factors,
                                int64_t begin, int64_t end) {
    const View &g = call.in[0], &out = call.out[0];
    const int64_t* const known = by_row.sources + call.in[1].size();
    const auto sum = factors != nullptr ? sum_of_rows<kScales, T>(from.size()) : sum_of_rows<false, T>(from.size());
    for (int64_t i = begin; i < end; ++i) {
      const int64_t* const first = by_row.first(i);
      sum(out.as<T>() + i * out.stride[0],
          {g.as<T>(), from.step(), from.size(), first, by_row.last(i), known, factors + (first - by_row.sources)});
    }
  }

  // The row of g that goes to the n-th place, and its factor.
  static int64_t source(const Call& call, int64_t n) {
    return call.in_count == 4 ? call.in[2].as<int64_t>()[n * call.in[2].stride[0]] : n;
  }

  static T factor(const Call& call, int64_t n) {
    if (call.in_count != 4) return 1;
    return call.in[3].as<T>()[call.in[3].rank > 0 ? n * call.in[3].stride[0] : 0];
  }

  [[gnu::noinline]] static void add_row(const Nest<2>& nest, T* out, const T* x, T factor) {
    for_row_pieces(nest, out, x, [&](T* to, const T* piece, int64_t count, int64_t out_step, int64_t x_step) {
      if (factor == 1) return combine_piece<Sum>(to, piece, count, out_step, x_step);
      for (int64_t j = 0; j < count; ++j) {
        to[j * out_step] += factor * piece[j * x_step];
        asm volatile("" : "+r"(j));  // or the compiler would make vector code of it, which is rarely run
      }
    });
  }

  // Each worker owns some of out's rows and looks for them among all indices, once.
  static Status run_short(const Call& call, const Rows& from, const Nest<2>& nest) {
    const View &g = call.in[0], &index = call.in[1], &out = call.out[0];
    const int64_t rows = out.shape[0], count = index.size();
    const double additions = static_cast<double>(count * from.size()) * 0.15 + static_cast<double>(count);
    const double zeros = 0.03 * static_cast<double>(from.size()) * sizeof(T);
    const bool single =
        call.in_count == 2 && from.size() == 1 && g.contiguous() && index.contiguous() && out.contiguous();
    Failure failure;
    if (rows == 0 && count > 0) failure.report();
    parallel_for(
        rows, zeros + additions / static_cast<double>(rows > 0 ? rows : 1), [&](int64_t begin, int64_t end, int) {
          zero(out, begin * from.size(), end * from.size());
          if (single) return add_single(call, begin, end, failure);
          for_indices(index, 0, count, [&](int64_t n, int64_t raw) {
            const int64_t i = wrapped(raw, rows);
            if (!in_range(i, rows)) return failure.report();
            if (i < begin || i >= end) return;
            add_row(nest, out.as<T>() + i * out.stride[0], g.as<T>() + from.offset(source(call, n)), factor(call, n));
          });
        });
    return failure.status();
  }

  // Rows of one element.
  static void add_single(const Call& call, int64_t begin, int64_t end, Failure& failure) {
    const T* const x = call.in[0].as<T>();
    const int64_t* const at = call.in[1].as<int64_t>();
    T* const out = call.out[0].as<T>();
    const int64_t rows = call.out[0].shape[0], count = call.in[1].size();
    for (int64_t n = 0; n < count; ++n) {
      const int64_t i = wrapped(at[n], rows);
      if (!in_range(i, rows)) return failure.report();
      if (i >= begin && i < end) out[i] = static_cast<T>(out[i] + x[n]);
    }
  }
};

constexpr Run kRuns[] = {
    {"index_rows", moves<IndexRows>()},
    {"index_rows_add", sums<IndexRowsAdd>()},
    {"add_rows", sums<IndexRowsAdd>()},
};

// ---------------------------------------------------------------------------------------------------------------------
// Rows of the table.

constexpr Kernel kRows[] = {
    {.name = "index_rows", .inputs = {"x", "index"}, .types = "Ti", .outputs = {"out"}, .plan = plan_index_rows},
    {.name = "index_rows_add",
     .inputs = {"g", "index"},
     .types = "Ti",
     .outputs = {"out"},
     .attributes = {{"rows", AttributeKind::integer}},
     .plan = plan_index_rows_add},
    {.name = "add_rows",
     .inputs = {"x", "places", "index", "factor"},
     .types = "TiiT",
     .outputs = {"out"},
     .attributes = {{"rows", AttributeKind::integer}},
     .plan = plan_add_rows},
};

}  // namespace

extern const Kernels rows_kernels;
const Kernels rows_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

extern const Runs rows_runs;
const Runs rows_runs = {kRuns, sizeof(kRuns) / sizeof(Run)};

}  // namespace minigrad
