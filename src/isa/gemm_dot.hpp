// Products whose output has a single column: dot products, and matrix times vector.
//
// Numerics. With one column there is nothing beside an element to fill a register with, so its sum over k is itself
// taken in lanes: k is cut into blocks of kDotBlock; in a block, lane l is a chain of fused multiply-adds, from +0,
// over the k with k mod kDotLanes = l; the upper half of the lanes is added to the lower half until one is left; the
// total starts from +0 and takes the blocks in increasing order. The same for every instruction set, stride and number
// of rows.
#pragma once

#include <utility>

#include "isa/gemm_product.hpp"
#include "isa/gemm_tile.hpp"
#include "isa/isa.hpp"
#include "isa/part.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// Two of the widest registers: enough chains for a single row to keep up with the memory it is read from.
template <class T>
constexpr int kDotLanes = 128 / static_cast<int>(sizeof(T));

template <class T>
constexpr int kDotVectors = kDotLanes<T> / kLanes<T>;

// x[Half], x[Half + 1], ... in the lower lanes; the others do not matter.
template <class T, int Half, int... I>
[[gnu::always_inline]] inline Vec<T> upper_lanes(Vec<T> x, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(x, x, ((I + Half) % kLanes<T>)...);
}

template <class T, int Half = kLanes<T> / 2>
[[gnu::always_inline]] inline T fold_lanes(Vec<T> x) {
  if constexpr (Half == 0) {
    return x[0];
  } else {
    return fold_lanes<T, Half / 2>(x + upper_lanes<T, Half>(x, std::make_integer_sequence<int, kLanes<T>>()));
  }
}

// The sum of all lanes, halves first: lane l takes lane l + 16, then l + 8, ... (in float).
template <class T>
[[gnu::always_inline]] inline T fold(Vec<T> (&x)[kDotVectors<T>]) {
#pragma GCC unroll 8
  for (int half = kDotVectors<T> / 2; half > 0; half /= 2) {
#pragma GCC unroll 8
    for (int v = 0; v < half; ++v) x[v] = x[v] + x[v + half];
  }
  return fold_lanes<T>(x[0]);
}

// p[0], p[step], p[2 step], ... up to `count` of them.
template <class T>
[[gnu::always_inline]] inline Vec<T> load_steps(const T* p, int64_t step, int count) {
  if (step == 1) return count == kLanes<T> ? load(p) : load_part(p, count);
  Vec<T> x = {};
  for (int i = 0; i < count; ++i) x[i] = p[i * step];
  return x;
}

// sum[r] = Σ_k a[r][k] b[k] for one block of R rows; a_k = 1 and b is contiguous.
template <class T, int R>
void run_dots(const T* a, int64_t a_row, const T* b, int64_t k, T* sum) {
  constexpr int L = kLanes<T>, V = kDotVectors<T>;
  Vec<T> acc[R][V] = {};
  int64_t i = 0;
  for (; i + V * L <= k; i += V * L) {
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      const Vec<T> y = load(b + i + v * L);
      each<R, 1>([&](int r, int) { acc[r][v] = fma(load(a + r * a_row + i + v * L), y, acc[r][v]); });
    }
  }
  // Lanes behind the last k take 0 * 0: that may turn -0 into +0 in a lane, which the +0 at the start of the total
  // undoes.
  const auto add_last = [&](int v) __attribute__((always_inline)) {
    const int64_t left = k - i - v * L;
    if (left <= 0) return false;
    const int count = static_cast<int>(left < L ? left : L);
    const Vec<T> y = load_part(b + i + v * L, count);
    each<R, 1>([&](int r, int) { acc[r][v] = fma(load_part(a + r * a_row + i + v * L, count), y, acc[r][v]); });
    return true;
  };
  bool more = i < k;  // leaving a loop would keep the sums in memory
  each<1, V>([&](int, int v) { more = more && add_last(v); });
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) sum[r] = fold<T>(acc[r]);
}

// The same for `count` rows that lie closer together than the columns: vectors run along the rows, one lane of the sum
// at a time. G vectors, of which only a single one may be cut.
template <class T, int G>
void run_dot_columns(const T* a, int64_t a_row, int64_t a_k, const T* b, int64_t b_k, int64_t k, int count, T* sum) {
  constexpr int L = kLanes<T>, N = kDotLanes<T>;
  Vec<T> lane[N][G];
  for (int l = 0; l < N; ++l) {
    Vec<T> acc[G] = {};
    for (int64_t i = l; i < k; i += N) {
      const Vec<T> y = splat(b[i * b_k]);
      each<1, G>([&](int, int g) { acc[g] = fma(load_steps(a + i * a_k + g * L * a_row, a_row, count), y, acc[g]); });
    }
    each<1, G>([&](int, int g) { lane[l][g] = acc[g]; });
  }
  for (int half = N / 2; half > 0; half /= 2) {
    for (int l = 0; l < half; ++l) {
      each<1, G>([&](int, int g) { lane[l][g] = lane[l][g] + lane[l + half][g]; });
    }
  }
  each<1, G>([&](int, int g) { store_part(sum + g * L, lane[0][g], count); });
}

// Most rows that are summed at once, and how many vectors of them where they lie close together.
constexpr int kDotRows = 4;
constexpr int kDotGroup = 8;
template <class T>
constexpr int kDotMost = kDotGroup * kLanes<T>;

// sum[r] for the next rows of a, `left` of them at most, for one block of k. Returns how many it took. b is contiguous,
// or else the rows lie closer together than the columns.
template <class T>
int64_t run_some_dots(const ProductShape& shape, const T* a, const T* b, int64_t k, int64_t left, T* copy, T* sum) {
  constexpr int L = kLanes<T>;
  if (shape.dots_along_rows && left >= kDotMost<T>) {
    run_dot_columns<T, kDotGroup>(a, shape.a_row, shape.a_k, b, shape.b_k, k, L, sum);
    return kDotMost<T>;
  }
  if (shape.dots_along_rows) {
    const int count = static_cast<int>(smaller(left, L));
    run_dot_columns<T, 1>(a, shape.a_row, shape.a_k, b, shape.b_k, k, count, sum);
    return count;
  }
  if (shape.a_k == 1 && left >= kDotRows) {
    run_dots<T, kDotRows>(a, shape.a_row, b, k, sum);
    return kDotRows;
  }
  run_dots<T, 1>(contiguous(a, shape.a_k, k, copy), shape.a_row, b, k, sum);
  return 1;
}

// c[rows] of a product of one column. Scratch, where a or b has to be copied: kDotBlock elements for each.
template <class T>
void run_dot_block(const Product<T>& p, const Range& rows, char* scratch) {
  const ProductShape& shape = *p.shape;
  T* copy = reinterpret_cast<T*>(scratch);
  for (int64_t r = rows.begin; r < rows.end; ++r) p.c[r] = 0;
  for (int64_t k = 0; k < shape.k; k += kDotBlock) {
    const int64_t size = smaller(shape.k - k, kDotBlock);
    const T* b = p.b + k * shape.b_k;
    if (!shape.dots_along_rows) b = contiguous(b, shape.b_k, size, copy);
    for (int64_t r = rows.begin; r < rows.end;) {
      T sum[kDotMost<T>];
      const T* a = p.a + r * shape.a_row + k * shape.a_k;
      const int64_t count = run_some_dots(shape, a, b, size, rows.end - r, copy + kDotBlock, sum);
      for (int64_t i = 0; i < count; ++i) p.c[r + i] += sum[i];
      r += count;
    }
  }
  for (int64_t r = rows.begin; r < rows.end; ++r) {
    const T x = p.bias != nullptr ? p.c[r] + p.bias[0] : p.c[r];
    p.c[r] = p.relu && x <= 0 ? T{0} : x;
  }
}

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
