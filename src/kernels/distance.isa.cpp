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

  // Two rows, i and k, of the result: a block's terms join what there is of them.
  using Add = void (*)(const Pairs&, const T* panel, const Block&, int64_t i, int64_t k, T* sum_i, T* sum_k);

  // The block's terms of the panel of y; beyond its last column that one again.
  void pack(T* panel, const Block& b) const {
    const int64_t lane = across ? y.column : y.row, term = across ? y.row : y.column;
    int64_t at[kWidth<T>];
    for (int64_t c = 0; c < kWidth<T>; ++c) at[c] = (b.column + (c < b.width ? c : b.width - 1)) * lane;
    const T* from = y.data + b.from * term;
    for (int64_t t = 0; t < b.count; ++t, panel += kWidth<T>, from += term) {
#pragma GCC unroll 4
      for (int64_t c = 0; c < kWidth<T>; ++c) panel[c] = from[at[c]];
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
      for (int64_t i = begin; i < end; i += 2) {
        T* const sum = sums + (i - begin) * kWidth<T>;
        add(*this, panel, block, i, i + 1 < end ? i + 1 : i, sum, sum + kWidth<T>);
      }
    }
    for (int64_t i = begin; i < end; ++i) {
      T* const sum = sums + (i - begin) * kWidth<T>;
      if (finish != nullptr) (this->*finish)(sum, i, column, width);
      for (int64_t c = 0; c < width; ++c) out(i, column + c) = sum[c];
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
               int64_t k, T* sum_i, T* sum_k) {
  using V = Vec<T>;
  constexpr int kParts = kDistancePanel / kVectorBytes;
  T rows[2][across ? kWidth<T> : 1] = {};
  for (int64_t c = 0; across && c < b.width; ++c) {
    rows[0][c] = pairs.x(i, b.column + c);
    rows[1][c] = pairs.x(k, b.column + c);
  }
  V sum[2][kParts] = {};
  for (int64_t t = b.from; t < b.from + b.count; ++t, panel += kWidth<T>) {
    const T w[2] = {Op::kWeighted ? pairs.weights(i, t) : T{0}, Op::kWeighted ? pairs.weights(k, t) : T{0}};
    const T a[2] = {across ? T{0} : pairs.x(i, t), across ? T{0} : pairs.x(k, t)};
#pragma GCC unroll 8
    for (int p = 0; p < kParts; ++p) {
      const V y = load(panel + p * kLanes<T>);
#pragma GCC unroll 2
      for (int r = 0; r < 2; ++r) {
        const V x = across ? load(rows[r] + p * kLanes<T>) : all<V>(a[r]);
        sum[r][p] = Op::step(sum[r][p], x - y, w[r]);
      }
    }
  }
#pragma GCC unroll 8
  for (int p = 0; p < kParts; ++p) {
    join<Op>(sum_i + p * kLanes<T>, sum[0][p]);
    if (k != i) join<Op>(sum_k + p * kLanes<T>, sum[1][p]);
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
