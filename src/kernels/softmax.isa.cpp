// softmax, log_softmax and what carries a cotangent back through them, along any dimension, for any strides.
//
// Numerics. The maximum is subtracted first, so nothing overflows. The difference x - m is rounded once, which is an
// error of half an ulp of the largest |x| in the exponent. Beyond that at most 7 ulp were met in softmax in float, and
// in log_softmax an ulp of the result and a few units of 2^-24 (2^-53 in double), the rounding of a sum that is near 1.
// The reciprocal of the sum is multiplied with. Which of the ways below a row takes depends on the strides and on its
// length and changes no bit.
#include "core/kernel.hpp"
#include "core/loops.hpp"
#include "core/parallel.hpp"
#include "isa/isa.hpp"
#include "isa/math.hpp"
#include "kernels/reduce_tiles.hpp"
#include "kernels/softmax_columns.hpp"
#include "kernels/softmax_rows.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// The functions: what an element becomes, given what all elements of its row share. With the maximum m of x and
// e = exp(x - m), a forward function turns x (or e, which stands in out already) and total(sum of e) into the result.

struct Softmax {
  static constexpr bool kFromExp = true;  // the result is made of e alone
  template <class T>
  [[gnu::always_inline]] static inline T total(T sum) {
    return 1 / sum;
  }
  template <class V>
  [[gnu::always_inline]] static inline V result(V e, V, V scale) {
    return e * scale;
  }
};

struct LogSoftmax {
  static constexpr bool kFromExp = false;
  template <class T>
  [[gnu::always_inline]] static inline T total(T sum) {
    return math::log(sum);
  }
  template <class V>
  [[gnu::always_inline]] static inline V result(V x, V m, V log) {
    return (x - m) - log;
  }
};

// A row of products g y, 0 where g is 0.
template <class T>
struct WeightedRow {
  const T* g;
  const T* y;

  [[gnu::always_inline]] Vec<T> at(int64_t j) const { return product(load(g + j), load(y + j)); }
  [[gnu::always_inline]] Vec<T> first(int64_t j, int64_t count, Vec<T>) const {
    return product(load_first(g + j, count, Vec<T>{}), load_first(y + j, count, Vec<T>{}));
  }
  template <class V>
  [[gnu::always_inline]] static V product(V g, V y) {
    return g == 0 ? V{} : g * y;
  }
};

template <class T>
struct WeightedRows {
  const T* g;
  const T* y;
  int64_t g_step, y_step;

  [[gnu::always_inline]] WeightedRow<T> row(int64_t i) const { return {g + i * g_step, y + i * y_step}; }
};

// The transposed Jacobian of softmax, diag(y) - y y^T, times the cotangent g: y (g - sum of g y). The products are
// rounded before they are summed. A row of cotangents that are 0 gives 0, whatever y is.
struct SoftmaxGrad {
  static constexpr double kNanoseconds = 0.2;
  static constexpr bool kSumsProducts = true, kAsks = false;
  template <class V>
  [[gnu::always_inline]] static inline V result(V g, V y, V sum) {
    const V d = g - sum;
    return d == 0 ? d : y * d;
  }
};

// The same for log_softmax, whose result is y: g - exp(y) sum of g, the last step fused.
struct LogSoftmaxGrad {
  static constexpr double kNanoseconds = 0.5;
  static constexpr bool kSumsProducts = false, kAsks = true;
  template <class V>
  [[gnu::always_inline]] static inline V result(V g, V y, V sum) {
    return sum == 0 ? g : fma(-math::exp_below_0(y), sum, g);
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// Forward, in the three ways of softmax_rows.hpp. b is not used.

template <class F, class T>
struct Forward {
  static constexpr bool kCentred = true, kKeeps = F::kFromExp;
  static constexpr double kNanoseconds = sizeof(T) == 8 ? 0.95 : 0.37;
  static constexpr int64_t kMostAside = 65536 / sizeof(T);

  // Up to kTileRows rows, one step of the computation after the other, so that the latencies of one row hide behind the
  // work on the next. Where results go past the caches, the rows after these are asked for while exponentials are made.
  static void run_rows(const Rows<T>& rows, int64_t count) {
    const bool asks = rows.past && rows.n <= kMostAside;
    const NextLine next = {asks ? count * rows.across.a : 0, true};
    if (F::kFromExp && asks) return run_rows_past(rows, count, next);
    alignas(64) T m[kTileRows], total[kTileRows] = {};
    for (int64_t r = 0; r < count; ++r) m[r] = row_max(rows.from(r).a_row(), rows.n);
    for (int64_t r = 0; r < count; ++r) {
      const Rows<T> row = rows.from(r);
      total[r] = F::kFromExp ? exp_row(row.a_row(), m[r], row.n, row.out_row(), next)
                             : sum_of_exp(row.a_row(), m[r], row.n, next);
    }
#pragma omp simd
    for (int r = 0; r < kTileRows; ++r) total[r] = F::total(total[r]);
    for (int64_t r = 0; r < count; ++r) {
      const Rows<T> row = rows.from(r);
      F::kFromExp ? scale_row(row.out_row(), total[r], row.n) : result_row(row, m[r], total[r]);
    }
  }

  // What is made of e, which is kept aside.
  [[gnu::noinline]] static void run_rows_past(const Rows<T>& rows, int64_t count, NextLine next) {
    alignas(64) T e[kMostAside];
    for (int64_t r = 0; r < count; ++r) {
      const Rows<T> row = rows.from(r);
      const T m = row_max(row.a_row(), row.n);
      const Vec<T> total = splat(F::total(exp_row(row.a_row(), m, row.n, StridedOut<T>{e, 1}, next)));
      map_line(row.out, row.n, true,
               [&](auto at) __attribute__((always_inline)) { return F::result(at(e), total, total); });
    }
  }

  // The results of one row from x.
  static void result_row(const Rows<T>& row, T m, T total) {
    if (row.along.a == 1 && row.along.out == 1) {
      const Vec<T> largest = splat(m), log = splat(total);
      return map_line(row.out, row.n, row.past,
                      [&](auto at) __attribute__((always_inline)) { return F::result(at(row.a), largest, log); });
    }
    alignas(64) T a_copy[kRowBlock<T>], out_copy[kRowBlock<T>];
    for (int64_t begin = 0; begin < row.n; begin += kRowBlock<T>) {
      const int64_t count = smaller(kRowBlock<T>, row.n - begin);
      T* const out = row.out_row().at(begin, out_copy);
      map_row(out, row.a_row().at(begin, count, a_copy), count,
              [=](T x) __attribute__((always_inline)) { return F::result(x, m, total); });
      row.out_row().flush(begin, count, out);
    }
  }

  // `count` <= kTileRows rows of fewer than kTileColumns elements.
  static void run_tile(const Rows<T>& rows, int64_t count) {
    Tile<T> x, e;
    alignas(64) T m[kTileRows], total[kTileRows];
    load_tile(x, rows.a, rows.across.a, rows.along.a, count, rows.n);
    tile_max(x, rows.n, m);
    map_tile(e, x, x, m, rows.n, [](T value, T, T largest) { return math::exp_below_0(value - largest); });
    combine_tile<Sum>(e, rows.n, total);
    for (int r = 0; r < kTileRows; ++r) total[r] = F::total(total[r]);
    if constexpr (F::kFromExp) {
      map_tile(e, e, e, total, rows.n, [](T value, T, T scale) { return F::result(value, scale, scale); });
    } else {
      map_tile(x, x, x, m, rows.n, [](T value, T, T largest) { return value - largest; });
      map_tile(e, x, x, total, rows.n, [](T value, T, T log) { return value - log; });
    }
    store_tile(rows.out, rows.across.out, rows.along.out, e, count, rows.n);
  }

  // A Function of softmax_columns.hpp.
  static PlainRows<T> summands(const Rows<T>&, const T* e, int64_t step) { return {e, kVirtualLanes<T> * step}; }

  static void exp_columns(T* out, const T* x, const T* m, int64_t cols) {
    map_row(out, x, m, cols,
            [](T value, T largest) __attribute__((always_inline)) { return math::exp_below_0(value - largest); });
  }

  static void finish_total(T* total, int64_t cols) {
    for (int64_t j = 0; j < cols; ++j) total[j] = F::total(total[j]);
  }

  static void result_columns(const Rows<T>& row, int64_t cols, const T* m, const T* total) {
    const T* const x = F::kFromExp ? row.out : row.a;
    write_past(
        row.past && !kKeeps, row.out, cols,
        [&](T* to, int64_t i, int64_t count) {
#pragma omp simd
          for (int64_t j = 0; j < count; ++j) to[j] = F::result(x[i + j], m[i + j], total[i + j]);
        },
        row.a + row.along.a);
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// Backward. a is g, b is y.

template <class F, class T>
struct Backward {
  static constexpr bool kCentred = false, kKeeps = false;
  static constexpr double kNanoseconds = F::kNanoseconds;

  // The sum of g or of g y along one row.
  static T sum_row(const Rows<T>& rows) {
    alignas(64) T g_copy[kRowBlock<T>], y_copy[kRowBlock<T>];
    return fold<Sum>(combine_row_blocks<Sum, T>(rows.n, [&](int64_t begin, int64_t count) {
      const T* const g = rows.a_row().at(begin, count, g_copy);
      if constexpr (F::kSumsProducts) {
        return block_lanes<Sum, T>(WeightedRow<T>{g, rows.b_row().at(begin, count, y_copy)}, count);
      } else {
        return block_lanes<Sum, T>(PlainRow<T>{g}, count);
      }
    }));
  }

  // Past the caches row by row.
  static void run_rows(const Rows<T>& rows, int64_t count) {
    if (rows.past) {
      for (int64_t r = 0; r < count; ++r) result_row(rows.from(r), sum_row(rows.from(r)));
      return;
    }
    T sum[kTileRows];
    for (int64_t r = 0; r < count; ++r) sum[r] = sum_row(rows.from(r));
    for (int64_t r = 0; r < count; ++r) result_row(rows.from(r), sum[r]);
  }

  // Where results go past the caches and take longer than their memory, the next row is asked for meanwhile, if the
  // nearest cache has room. Else the processor foresees it: asked for, softmax's gradients take a fifth longer on
  // Zen 4.
  static void result_row(const Rows<T>& row, T sum) {
    if (row.along.a == 1 && row.along.b == 1 && row.along.out == 1) {
      const Vec<T> total = splat(sum);
      constexpr int64_t kNear = (1 << 14) / static_cast<int64_t>(sizeof(T));
      const T* const g = F::kAsks && row.n <= kNear ? row.a + row.across.a : nullptr;
      return map_line(
          row.out, row.n, row.past,
          [&](auto at) __attribute__((always_inline)) { return F::result(at(row.a), at(row.b), total); }, g,
          row.b + row.across.b);
    }
    alignas(64) T g_copy[kRowBlock<T>], y_copy[kRowBlock<T>], out_copy[kRowBlock<T>];
    for (int64_t begin = 0; begin < row.n; begin += kRowBlock<T>) {
      const int64_t count = smaller(kRowBlock<T>, row.n - begin);
      T* const out = row.out_row().at(begin, out_copy);
      const T* const g = row.a_row().at(begin, count, g_copy);
      map_row(out, g, row.b_row().at(begin, count, y_copy), count,
              [sum](T g_k, T y_k) __attribute__((always_inline)) { return F::result(g_k, y_k, sum); });
      row.out_row().flush(begin, count, out);
    }
  }

  static void run_tile(const Rows<T>& rows, int64_t count) {
    Tile<T> g, y, out;
    alignas(64) T sum[kTileRows] = {};
    load_tile(g, rows.a, rows.across.a, rows.along.a, count, rows.n);
    load_tile(y, rows.b, rows.across.b, rows.along.b, count, rows.n);
    map_tile(out, g, y, sum, rows.n,
             [](T g_k, T y_k, T) { return F::kSumsProducts ? WeightedRow<T>::product(g_k, y_k) : g_k; });
    combine_tile<Sum>(out, rows.n, sum);
    map_tile(out, g, y, sum, rows.n, [](T g_k, T y_k, T total) { return F::result(g_k, y_k, total); });
    store_tile(rows.out, rows.across.out, rows.along.out, out, count, rows.n);
  }

  static auto summands(const Rows<T>& row, const T*, int64_t) {
    const int64_t a_step = kVirtualLanes<T> * row.along.a, b_step = kVirtualLanes<T> * row.along.b;
    if constexpr (F::kSumsProducts) {
      return WeightedRows<T>{row.a, row.b, a_step, b_step};
    } else {
      return PlainRows<T>{row.a, a_step};
    }
  }

  static void finish_total(T*, int64_t) {}

  static void result_columns(const Rows<T>& row, int64_t cols, const T*, const T* sum) {
    write_past(
        row.past, row.out, cols,
        [&](T* to, int64_t i, int64_t count) {
#pragma omp simd
          for (int64_t j = 0; j < count; ++j) to[j] = F::result(row.a[i + j], row.b[i + j], sum[i + j]);
        },
        row.a + row.along.a, row.b + row.along.b);
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// Runs.

// x without dimension `dim`.
View without_dim(const View& x, int dim) {
  View rest;
  rest.data = x.data;
  rest.rank = 0;
  for (int d = 0; d < x.rank; ++d) {
    if (d == dim) continue;
    rest.shape[rest.rank] = x.shape[d];
    rest.stride[rest.rank++] = x.stride[d];
  }
  return rest;
}

// The rows of a call: where they start (out, a and b), and how they lie.
struct RowNest {
  Nest<3> nest;
  Steps along, across;
  int64_t n;
};

[[gnu::noinline]] RowNest make_row_nest(const Call& call) {
  const View& out = call.out[0];
  const View& a = call.in[0];
  const View& b = call.in[call.in_count - 1];
  const int rank = out.rank > 0 ? out.rank : 1;
  const int64_t wanted = call.attributes[0].integer();
  const int dim = static_cast<int>(wanted < 0 ? wanted + rank : wanted);
  const View rest[] = {without_dim(out, dim), without_dim(a, dim), without_dim(b, dim)};
  const View* const operands[] = {&rest[0], &rest[1], &rest[2]};
  RowNest rows = {make_nest(operands), {1, 1, 1}, {1, 1, 1}, 1};
  const int inner = rows.nest.rank - 1;
  rows.across = {rows.nest.stride[0][inner], rows.nest.stride[1][inner], rows.nest.stride[2][inner]};
  if (out.rank > 0) {
    rows.along = {out.stride[dim], a.stride[dim], b.stride[dim]};
    rows.n = out.shape[dim];
  }
  return rows;
}

enum class Way : uint8_t { rows, columns };  // see softmax_rows.hpp; short rows are tiles

// `beside`: how many rows lie `across` from each other before the next jump. Columns serve rows that lie beside each
// other in all operands, and rows serve all.
template <class T>
Way choose_way(const Rows<T>& rows, int64_t beside) {
  constexpr int64_t kFew = 8;
  const bool together = rows.across.out == 1 && rows.across.a == 1 && rows.across.b == 1;
  return together && beside >= kFew ? Way::columns : Way::rows;
}

// Whether results go past the caches: long rows, or pieces of rows, without gaps.
template <class T>
bool goes_past(const Call& call, Way way, const Rows<T>& rows, int64_t beside) {
  constexpr int64_t kWorthStreaming = 2048;
  const bool together = rows.along.out == 1 && rows.along.a == 1 && rows.along.b == 1;
  const int64_t item = static_cast<int64_t>(sizeof(T)), piece = way == Way::columns ? beside : rows.n;
  return (way == Way::columns || (way == Way::rows && together)) && piece * item >= kWorthStreaming &&
         past_caches((call.in_count + 1) * call.out[0].size() * item);
}

template <class Function, class T>
void run_ways(Way way, const Rows<T>& rows, int64_t count) {
  if (way == Way::columns) {
    run_columns(kColumnSteps<Function, T>, rows, count);
  } else {
    const int64_t each = rows_at_once(rows.n);
    for (int64_t j = 0; j < count; j += each) {
      const int64_t some = smaller(each, count - j);
      are_tile<T>(rows.n, some) ? Function::run_tile(rows.from(j), some) : Function::run_rows(rows.from(j), some);
    }
    if (rows.past) stream_end();
  }
}

template <class Function, class T>
Status run_softmax(const Call& call) {
  if (call.out[0].size() == 0) return Status::ok;
  const RowNest all = make_row_nest(call);
  const Nest<3>& nest = all.nest;
  Rows<T> start = {call.out[0].as<T>(), call.in[0].as<T>(), call.in[call.in_count - 1].as<T>(),
                   all.along,           all.across,         all.n};
  const Way way = choose_way(start, nest.shape[nest.rank - 1]);
  start.past = goes_past(call, way, start, nest.shape[nest.rank - 1]);
  const double cost = Function::kNanoseconds * static_cast<double>(all.n);
  const auto from = [&](const int64_t* offset) -> Rows<T> {
    return {start.out + offset[0], start.a + offset[1], start.b + offset[2], all.along, all.across, all.n, start.past};
  };
  const bool shared = way == Way::columns && shared_columns(call.out[0], call.attributes[0].integer()) > 0;
  const int workers = shared ? workers_on_rows<T>(nest, all.n, cost / static_cast<double>(all.n)) : 1;
  if (workers > 1) {
    for_rows(nest, 0, nest.size, [&](const int64_t* offset, int64_t count) {
      SharedColumns<T>{kColumnSteps<Function, T>, call, workers, from(offset), count}.run();
    });
    return Status::ok;
  }
  parallel_rows(nest, way == Way::columns ? kPageOfFloats : 1, cost,
                [&](const int64_t* offset, int64_t count) { run_ways<Function>(way, from(offset), count); });
  return Status::ok;
}

template <class F>
constexpr RunsByDType forward() {
  return floats(run_softmax<Forward<F, float>, float>, run_softmax<Forward<F, double>, double>);
}

template <class F>
constexpr RunsByDType backward() {
  return floats(run_softmax<Backward<F, float>, float>, run_softmax<Backward<F, double>, double>);
}

constexpr Run kRows[] = {
    {"softmax", forward<Softmax>()},
    {"log_softmax", forward<LogSoftmax>()},
    {"softmax_grad", backward<SoftmaxGrad>()},
    {"log_softmax_grad", backward<LogSoftmaxGrad>()},
};

}  // namespace

extern const Runs softmax_runs;
const Runs softmax_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::MINIGRAD_ISA
