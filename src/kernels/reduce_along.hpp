// Columns whose elements lie one behind the other in memory, as in the sum of a transposed matrix along its first
// dimension: kColumns of them at a time, without a transposed copy.
#pragma once

#include "isa/isa.hpp"
#include "isa/lanes.hpp"
#include "kernels/reduce_blocks.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// The even (kOdd = 0) or odd elements of x and y within each 16 bytes: in float x0 x2 y0 y2, in double x0 y0.
template <int kOdd, class V, int... kLane>
[[gnu::always_inline]] inline V every_other(V x, V y, std::integer_sequence<int, kLane...>) {
  constexpr int kSide = 16 / static_cast<int>(sizeof(x[0]));
  constexpr int kWidth = sizeof...(kLane);
  return __builtin_shufflevector(
      x, y, ((kLane % kSide < kSide / 2 ? 0 : kWidth) + kLane / kSide * kSide + kLane % (kSide / 2) * 2 + kOdd)...);
}

// Neighbours of x and y combined, in the places given above.
template <class Op, class T>
[[gnu::always_inline]] inline Vec<T> combine_pairs(Vec<T> x, Vec<T> y) {
  constexpr auto kAll = std::make_integer_sequence<int, kLanes<T>>();
  return Op::combine(every_other<0>(x, y, kAll), every_other<1>(x, y, kAll));
}

// The k-th 16 bytes.
template <int k, class Part, class V, int... kLane>
[[gnu::always_inline]] inline Part part_of(V v, std::integer_sequence<int, kLane...>) {
  constexpr int kSide = sizeof...(kLane);
  return __builtin_shufflevector(v, v, (k * kSide + kLane)...);
}

// Adds to `total`, one element for each of kColumns columns, the groups among elements i ... i + kStep of column c,
// which starts at x[c].
template <class Op, class T>
struct Along;

template <class Op>
struct Along<Op, float> {
  static constexpr int kColumns = 4, kStep = kLanes<float>;
  typedef float Row __attribute__((vector_size(16)));

  template <int k>
  [[gnu::always_inline]] static inline Row add_groups(Row total, Vec<float> groups) {
    if constexpr (k == kLanes<float> / 4) {
      return total;
    } else {
      const Row group = part_of<k, Row>(groups, std::make_integer_sequence<int, 4>());
      return add_groups<k + 1>(Op::combine(total, group), groups);
    }
  }

  [[gnu::always_inline]] static inline void add(Row& total, const float* const (&x)[4], int64_t i) {
    const auto at = [&x, i](int c) __attribute__((always_inline)) { return Op::read(load(x[c] + i)); };
    const Vec<float> front = combine_pairs<Op, float>(at(0), at(1)), back = combine_pairs<Op, float>(at(2), at(3));
    total = add_groups<0>(total, combine_pairs<Op, float>(front, back));
  }
};

template <class Op>
struct Along<Op, double> {
  static constexpr int kColumns = 4, kStep = 4;
  typedef double Row __attribute__((vector_size(32)));  // on every machine: a group of each column
  typedef double Unaligned __attribute__((vector_size(32), aligned(8), may_alias));

  [[gnu::always_inline]] static inline void add(Row& total, const double* const (&x)[4], int64_t i) {
    constexpr auto kAll = std::make_integer_sequence<int, 4>();
    Row column[4];
    for (int c = 0; c < 4; ++c) column[c] = Op::read(Row{*reinterpret_cast<const Unaligned*>(x[c] + i)});
    const auto& [a, b, c, d] = column;
    const Row front = Op::combine(every_other<0>(a, b, kAll), every_other<1>(a, b, kAll));
    const Row back = Op::combine(every_other<0>(c, d, kAll), every_other<1>(c, d, kAll));
    const Row low = __builtin_shufflevector(front, back, 0, 1, 4, 5);
    const Row high = __builtin_shufflevector(front, back, 2, 3, 6, 7);
    total = Op::combine(total, Op::combine(low, high));
  }
};

// The last groups of a column, from element i on.
template <class Op, class T>
[[gnu::noinline]] T add_last_groups(T total, const T* x, int64_t i, int64_t count) {
  const auto at = [x](int64_t k) __attribute__((always_inline)) { return Op::read(x[k]); };
  for (; i < count; i += 4) {
    T group = at(i);
    if (i + 1 < count) group = Op::combine(group, at(i + 1));
    if (i + 2 < count) group = Op::combine(group, i + 3 < count ? Op::combine(at(i + 2), at(i + 3)) : at(i + 2));
    total = Op::combine(total, group);
  }
  return total;
}

// Two times kColumns columns, which hide each other's latencies: element i of column c at x + c * step + i.
template <class Op, class T>
struct AlongPair {
  using Way = Along<Op, T>;
  using Row = typename Way::Row;
  static constexpr int kColumns = Way::kColumns;

  const T* front[kColumns];
  const T* back[kColumns];

  struct Totals {
    Row front, back;
  };

  static Totals combine(const Totals& x, const Totals& y) {
    return {Op::combine(x.front, y.front), Op::combine(x.back, y.back)};
  }

  // Elements begin ... begin + count of each column, count <= kBlockVectors.
  [[gnu::always_inline]] Totals block(int64_t begin, int64_t count) const {
    const Row identity = Op::template kIdentity<T> - Row{};
    Totals totals = {identity, identity};
    int64_t i = begin;
    for (; i + Way::kStep <= begin + count; i += Way::kStep) {
      Way::add(totals.front, front, i);
      Way::add(totals.back, back, i);
    }
    for (int c = 0; i < begin + count && c < kColumns; ++c) {
      totals.front[c] = add_last_groups<Op>(static_cast<T>(totals.front[c]), front[c], i, begin + count);
      totals.back[c] = add_last_groups<Op>(static_cast<T>(totals.back[c]), back[c], i, begin + count);
    }
    return totals;
  }

  // All blocks of elements begin ... begin + n.
  Totals run(int64_t begin, int64_t n) const {
    return combine_in_registers<Totals>(divide_up(n, kBlockVectors), combine, [=, this](int64_t b) {
      const int64_t done = b * kBlockVectors;
      return block(begin + done, smaller(kBlockVectors, n - done));
    });
  }
};

// Columns, each contiguous and `step` behind the one before it: the tree over elements 0 ... n of each, n > 0, to
// out[0 ... cols). Columns that are not there are read as the last one once more.
template <class Op, class T>
[[gnu::noinline]] inline void combine_along(T* out, int64_t cols, const T* x, int64_t step, int64_t n) {
  using Pair = AlongPair<Op, T>;
  constexpr int kColumns = Pair::kColumns;
  for (int64_t j = 0; j < cols; j += 2 * kColumns) {
    Pair pair;
    for (int c = 0; c < kColumns; ++c) {
      pair.front[c] = x + smaller(j + c, cols - 1) * step;
      pair.back[c] = x + smaller(j + kColumns + c, cols - 1) * step;
    }
    const typename Pair::Totals totals = pair.run(0, n);
    for (int c = 0; c < kColumns && j + c < cols; ++c) out[j + c] = totals.front[c];
    for (int c = 0; c < kColumns && j + kColumns + c < cols; ++c) out[j + kColumns + c] = totals.back[c];
  }
}

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
