// Distances between the rows of two matrices: out[i, j] is a sum, or the greatest one, over k of what becomes of the
// difference x[i, k] - y[j, k]; and the sums that go back and forward through it, over j or k of the differences or
// their signs, weighted.
//
// One of the two matrices lies as a panel: as many of its elements as the result has columns in kDistancePanel bytes,
// term after term. Lanes are columns of the result, so that each element is a chain of its own: blocks of
// kDistanceBlock terms, each from 0 on, which are added in order.
#include "kernels/distance.hpp"

#include "core/kernel.hpp"
#include "core/parallel.hpp"
#include "isa/isa.hpp"
#include "isa/math_core.hpp"
#include "isa/transpose.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

using math::all;

struct SumOfSizes {
  static constexpr bool kWeighted = false;
  template <class V, class T>
  [[gnu::always_inline]] static inline V step(V sum, V difference, T) {
    return sum + math::abs(difference);
  }
};

struct SumOfSquares {
  static constexpr bool kWeighted = false;
  template <class V, class T>
  [[gnu::always_inline]] static inline V step(V sum, V difference, T) {
    return fma(difference, difference, sum);
  }
};

// NaN wins.
struct Greatest {
  static constexpr bool kWeighted = false;
  template <class V, class T>
  [[gnu::always_inline]] static inline V step(V most, V difference, T) {
    return joined(most, math::abs(difference));
  }
  template <class V>
  [[gnu::always_inline]] static inline V joined(V x, V y) {
    return math::select(math::above(x, y), x, math::select(math::equal(x, x), y, x));
  }
};

struct WeightedSigns {
  static constexpr bool kWeighted = true;
  template <class V, class T>
  [[gnu::always_inline]] static inline V step(V sum, V difference, T weight) {
    const V zero = all<V>(0), w = all<V>(weight);
    return sum + math::select(math::above(difference, zero), w, math::select(math::below(difference, zero), -w, zero));
  }
};

struct WeightedDifferences {
  static constexpr bool kWeighted = true;
  template <class V, class T>
  [[gnu::always_inline]] static inline V step(V sum, V difference, T weight) {
    return fma(all<V>(weight), difference, sum);
  }
};

// A matrix of a batch.
template <class T>
struct Matrix {
  T* data;
  int64_t row, column;

  T& operator()(int64_t i, int64_t k) const { return data[i * row + k * column]; }

  // Elements [k, k + count) of row i.
  void take(T* own, int64_t i, int64_t k, int64_t count) const {
    if (column == 1) return void(__builtin_memcpy(own, &(*this)(i, k), static_cast<size_t>(count) * sizeof(T)));
    for (int64_t c = 0; c < count; ++c) own[c] = (*this)(i, k + c);
  }
};

// Matrix n of a view, whose leading dimensions broadcast to those of out.
template <class T>
Matrix<T> matrix_at(const View& x, const View& out, int64_t n) {
  T* data = x.as<T>();
  for (int d = out.rank - 3; d >= 0; --d) {
    const int own = d + x.rank - out.rank;
    if (own >= 0 && x.shape[own] != 1) data += n % out.shape[d] * x.stride[own];
    n /= out.shape[d];
  }
  return {data, x.stride[x.rank - 2], x.stride[x.rank - 1]};
}

template <class T>
constexpr int kWidth = kDistancePanel / sizeof(T);

// Rows of the result whose sums are in registers together; the baseline, which is there to work, keeps loops.
constexpr int kTogether = kVectorBytes == 64 ? 4 : 2, kUnroll = kHasFma ? 8 : 1;

// What makes one matrix of the result. `across`: whether columns of the result are those of x and y, and terms rows of
// y; else columns are rows of y, and terms the columns of both.
template <bool across, class T>
struct Pairs {
  Matrix<T> weights, x, y, out;
  int64_t terms;
  void (Pairs::*finish)(T* sum, int64_t i, int64_t column, int64_t width) const;  // what is summed; null: nothing

  // Columns of the result that are made together, and the terms [from, from + count) of their sums.
  struct Block {
    int64_t column, width, from, count;
  };

  // Rows i, ..., at most kTogether of them, of the result: a block's terms join what there is of them.
  using Add = void (*)(const Pairs&, const T* panel, const Block&, int64_t i, int64_t rows, T* sums);

  // The block's terms of the panel of y; beyond its last column that one again. Neighbouring terms are transposed.
  void pack(T* panel, const Block& b) const {
    const int64_t lane = across ? y.column : y.row, term = across ? y.row : y.column;
    const T* const from = y.data + b.from * term + b.column * lane;
    int64_t t = 0;
    if (!across && term == 1) {
      const int64_t whole = b.count / kLanes<T> * kLanes<T>;
      for (int64_t c = 0; c < kWidth<T>; c += kLanes<T>) {
        const int64_t first = c < b.width ? c : b.width - 1;
        const CutColumns<T> columns(from + first * lane, lane, b.width - first);
        for (t = 0; t < whole; t += kLanes<T>) {
          Vec<T> rows[kLanes<T>];
          transpose<T>(columns, t, rows);
          for (int i = 0; i < kLanes<T>; ++i) store(panel + (t + i) * kWidth<T> + c, rows[i]);
        }
      }
    }
    int64_t at[kWidth<T>];
    for (int64_t c = 0; c < kWidth<T>; ++c) at[c] = (c < b.width ? c : b.width - 1) * lane;
    for (; t < b.count; ++t) {
#pragma GCC unroll 4
      for (int64_t c = 0; c < kWidth<T>; ++c) panel[t * kWidth<T> + c] = from[t * term + at[c]];
    }
  }

  // Columns `column` and the next ones of rows [begin, end).
  void run(Add add, char* scratch, int64_t begin, int64_t end, int64_t column, int64_t width) const {
    auto* const panel = reinterpret_cast<T*>(scratch);
    T* const sums = panel + kDistanceBlock * kWidth<T>;
    __builtin_memset(sums, 0, static_cast<size_t>((end - begin) * kDistancePanel));
    for (int64_t from = 0; from < terms; from += kDistanceBlock) {
      const Block block = {column, width, from, terms - from < kDistanceBlock ? terms - from : kDistanceBlock};
      pack(panel, block);
      for (int64_t i = begin; i < end; i += kTogether) {
        add(*this, panel, block, i, end - i < kTogether ? end - i : kTogether, sums + (i - begin) * kWidth<T>);
      }
    }
    for (int64_t i = begin; i < end; ++i) {
      T* const sum = sums + (i - begin) * kWidth<T>;
      if (finish != nullptr) (this->*finish)(sum, i, column, width);
      __builtin_memcpy(&out(i, column), sum, static_cast<size_t>(width) * sizeof(T));
    }
  }

  // Lengths whose squares lost digits at either end of the range are made again.
  void take_roots(T* sum, int64_t i, int64_t column, int64_t width) const {
    constexpr T kLeast = sizeof(T) == 4 ? static_cast<T>(1e-15) : static_cast<T>(1e-145);
#pragma omp simd
    for (int64_t c = 0; c < kWidth<T>; ++c) sum[c] = math::sqrt(sum[c]);
    T least = sum[0], most = 0;
#pragma omp simd reduction(min : least) reduction(max : most)
    for (int64_t c = 0; c < kWidth<T>; ++c) {
      least = sum[c] < least ? sum[c] : least;
      most = sum[c] > most ? sum[c] : most;
    }
    if (least >= kLeast && most < math::kInf<T>) return;
    for (int64_t c = 0; c < width; ++c) {
      if (sum[c] < kLeast || sum[c] == math::kInf<T>) sum[c] = scaled_length(i, column + c);
    }
  }

  T scaled_length(int64_t i, int64_t j) const {
    if (&x(i, 0) == &y(j, 0) && x.column == y.column) return 0;  // a row and itself
    T most = 0, sum = 0;
    for (int64_t t = 0; t < terms; ++t) {
      const T size = math::abs(x(i, t) - y(j, t));
      most = size > most ? size : most;
    }
    if (most == 0 || most == math::kInf<T>) return most;
    for (int64_t t = 0; t < terms; ++t) {
      const T part = (x(i, t) - y(j, t)) / most;
      sum = fma(part, part, sum);
    }
    return most * math::sqrt(sum);
  }

  // Products of 0 with what is not finite are 0: sums with one that was NaN are made again.
  void leave_out_zeros(T* sum, int64_t i, int64_t column, int64_t width) const {
    bool known = true;
    for (int64_t c = 0; c < kWidth<T>; ++c) known &= sum[c] == sum[c];
    if (known) return;
    for (int64_t c = 0; c < width; ++c) {
      if (sum[c] != sum[c]) sum[c] = sum_without_zeros(i, column + c);
    }
  }

  T sum_without_zeros(int64_t i, int64_t j) const {
    T sum = 0, block = 0;
    for (int64_t t = 0; t < terms; ++t) {
      const T weight = weights(i, t), difference = across ? x(i, j) - y(t, j) : x(i, t) - y(j, t);
      if (weight != 0 && difference != 0) block = fma(weight, difference, block);
      if ((t + 1) % kDistanceBlock != 0 && t + 1 < terms) continue;
      sum += block;
      block = 0;
    }
    return sum;
  }
};

template <class Op, class T>
[[gnu::always_inline]] inline void join(T* to, Vec<T> sum) {
  if constexpr (std::is_same_v<Op, Greatest>) {
    store(to, Greatest::joined(load(to), sum));
  } else {
    store(to, load(to) + sum);
  }
}

template <class Op, bool across, class T>
void add_block(const Pairs<across, T>& pairs, const T* panel, const typename Pairs<across, T>::Block& b, int64_t i,
               int64_t rows, T* sums) {
  using V = Vec<T>;
  constexpr int kParts = kDistancePanel / kVectorBytes;
  int64_t row[kTogether];
  for (int r = 0; r < kTogether; ++r) row[r] = i + (r < rows ? r : 0);
  V x[kTogether][kParts] = {}, sum[kTogether][kParts] = {};
  for (int r = 0; across && r < kTogether; ++r) {
    T own[kWidth<T>] = {};
    pairs.x.take(own, row[r], b.column, b.width);
    for (int p = 0; p < kParts; ++p) x[r][p] = load(own + p * kLanes<T>);
  }
  for (int64_t t = b.from; t < b.from + b.count; ++t, panel += kWidth<T>) {
    V y[kParts];
#pragma GCC unroll kUnroll
    for (int p = 0; p < kParts; ++p) y[p] = load(panel + p * kLanes<T>);
#pragma GCC unroll kUnroll
    for (int r = 0; r < kTogether; ++r) {
      const T weight = Op::kWeighted ? pairs.weights(row[r], t) : T{0};
      const V own = all<V>(across ? T{0} : pairs.x(row[r], t));
#pragma GCC unroll kUnroll
      for (int p = 0; p < kParts; ++p) sum[r][p] = Op::step(sum[r][p], (across ? x[r][p] : own) - y[p], weight);
    }
  }
#pragma GCC unroll kUnroll
  for (int r = 0; r < kTogether; ++r) {
#pragma GCC unroll kUnroll
    for (int p = 0; p < kParts; ++p) {
      if (r < rows) join<Op>(sums + r * kWidth<T> + p * kLanes<T>, sum[r][p]);
    }
  }
}

template <bool across, class T>
Status run_pairs(const Call& call, typename Pairs<across, T>::Add add, decltype(Pairs<across, T>::finish) finish) {
  const View &out = call.out[0], &x = call.in[call.in_count - 2], &y = call.in[call.in_count - 1];
  const int64_t rows = out.shape[out.rank - 2], columns = out.shape[out.rank - 1];
  if (out.size() == 0) return Status::ok;
  const int64_t terms = across ? y.shape[y.rank - 2] : y.shape[y.rank - 1], width = kWidth<T>;
  const int64_t panels = (columns + width - 1) / width, parts = (rows + kDistanceRows - 1) / kDistanceRows;
  const double cost = 0.05 * static_cast<double>(terms * width * (rows < kDistanceRows ? rows : kDistanceRows));
  parallel_for(out.size() / (rows * columns) * panels * parts, cost, [&](int64_t first, int64_t last, int worker) {
    for (int64_t n = first; n < last; ++n) {
      const int64_t matrix = n / (panels * parts), begin = n % parts * kDistanceRows,
                    column = n / parts % panels * width;
      const Pairs<across, T> pairs = {matrix_at<T>(call.in[0], out, matrix),
                                      matrix_at<T>(x, out, matrix),
                                      matrix_at<T>(y, out, matrix),
                                      matrix_at<T>(out, out, matrix),
                                      terms,
                                      finish};
      pairs.run(add, call.scratch(worker), begin, rows - begin < kDistanceRows ? rows : begin + kDistanceRows, column,
                columns - column < width ? columns - column : width);
    }
  });
  return Status::ok;
}

template <class T>
Status run_cdist(const Call& call) {
  const double order = call.attributes[0].real;
  return run_pairs<false, T>(call,
                             order == 1   ? add_block<SumOfSizes, false, T>
                             : order == 2 ? add_block<SumOfSquares, false, T>
                                          : add_block<Greatest, false, T>,
                             order == 2 ? &Pairs<false, T>::take_roots : nullptr);
}

template <class T, bool across>
Status run_weighted(const Call& call) {
  const bool signs = call.attributes[0].real == 1;
  return run_pairs<across, T>(call,
                              signs ? add_block<WeightedSigns, across, T> : add_block<WeightedDifferences, across, T>,
                              signs ? nullptr : &Pairs<across, T>::leave_out_zeros);
}

constexpr Run kRows[] = {
    {"cdist", floats(run_cdist<float>, run_cdist<double>)},
    {"cdist_pull", floats(run_weighted<float, true>, run_weighted<double, true>)},
    {"cdist_push", floats(run_weighted<float, false>, run_weighted<double, false>)},
};

}  // namespace

extern const Runs distance_runs;
const Runs distance_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::MINIGRAD_ISA
