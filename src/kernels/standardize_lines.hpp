// Normalisation: sums along a line, which is a row of memory, and what is made of its elements.
#pragma once

#include "isa/isa.hpp"
#include "isa/math.hpp"
#include "kernels/past_caches.hpp"
#include "kernels/reduce_blocks.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// (x - m)^2. Lanes that are not there count as m.
template <class T>
struct SquareRow {
  const T* x;
  T m;
  NextLine next;

  [[gnu::always_inline]] void fetch(int64_t j) const {
    if (next.ahead != 0) fetch_group(x + next.ahead + j, next.far);
  }
  [[gnu::always_inline]] Vec<T> at(int64_t j) const { return square(load(x + j)); }
  [[gnu::always_inline]] Vec<T> first(int64_t j, int64_t count, Vec<T>) const {
    return square(load_first(x + j, count, splat(m)));
  }
  [[gnu::always_inline]] Vec<T> square(Vec<T> v) const { return (v - m) * (v - m); }
};

// g w (x - m).
template <class T>
struct CentredProductRow {
  const T* g;
  const T* w;
  const T* x;
  T m;
  NextLine next;

  [[gnu::always_inline]] void fetch(int64_t j) const {
    if (next.ahead == 0) return;
    fetch_group(x + next.ahead + j, next.far);
    fetch_group(g + next.ahead + j, next.far);
  }
  [[gnu::always_inline]] Vec<T> at(int64_t j) const { return load(g + j) * load(w + j) * (load(x + j) - m); }
  [[gnu::always_inline]] Vec<T> first(int64_t j, int64_t count, Vec<T>) const {
    const Vec<T> a = load_first(g + j, count, Vec<T>{}) * load_first(w + j, count, Vec<T>{});
    return a * (load_first(x + j, count, splat(m)) - m);
  }
};

// The sum over n elements of which row(begin) gives those from `begin` on.
template <class T, class RowAt>
[[gnu::always_inline]] inline T sum_line(int64_t n, RowAt&& row) {
  return fold<Sum>(combine_row_blocks<Sum, T>(n, [&](int64_t begin, int64_t count) __attribute__((always_inline)) {
    return block_lanes<Sum, T>(row(begin), count);
  }));
}

template <class T>
[[gnu::noinline]] T sum_plain(const T* x, int64_t n) {
  return sum_line<T>(n, [=](int64_t begin) __attribute__((always_inline)) { return PlainRow<T>{x + begin}; });
}

template <class T>
[[gnu::noinline]] T sum_squares(const T* x, T m, int64_t n, NextLine next) {
  return sum_line<T>(n, [=](int64_t begin) __attribute__((always_inline)) { return SquareRow<T>{x + begin, m, next}; });
}

// g (x - m).
template <class T>
struct DistanceRow {
  const T* g;
  const T* x;
  T m;

  [[gnu::always_inline]] Vec<T> at(int64_t j) const { return load(g + j) * (load(x + j) - m); }
  [[gnu::always_inline]] Vec<T> first(int64_t j, int64_t count, Vec<T>) const {
    return load_first(g + j, count, Vec<T>{}) * (load_first(x + j, count, splat(m)) - m);
  }
};

// The sums of a and of a (x - m).
template <class T>
struct CotangentSums {
  T plain, products;
};

// Both are summed in one pass, each in the order of a row: plain_at(begin) and products_at(begin) give the rows from
// `begin` on.
template <class T, class PlainAt, class ProductsAt>
[[gnu::always_inline]] inline CotangentSums<T> sum_both(int64_t n, PlainAt&& plain_at, ProductsAt&& products_at) {
  constexpr int kWidth = kVirtualLanes<T>;
  alignas(64) T levels[2 * 48 * kWidth];
  combine_blocks(levels, 2 * kWidth, n > 0 ? divide_up(n, kRowBlock<T>) : 1, combine_into<Sum, T>,
                 [&](int64_t b, T* out) __attribute__((always_inline)) {
                   const int64_t begin = b * kRowBlock<T>, count = smaller(kRowBlock<T>, n - begin);
                   sum_blocks<T>(out, kWidth, count, plain_at(begin), products_at(begin));
                 });
  return {fold<Sum>(load_lanes(levels)), fold<Sum>(load_lanes(levels + kWidth))};
}

// a = g.
template <class T>
[[gnu::noinline]] CotangentSums<T> sum_cotangent(const T* g, const T* x, T m, int64_t n) {
  return sum_both<T>(
      n, [=](int64_t i) __attribute__((always_inline)) { return PlainRow<T>{g + i}; },
      [=](int64_t i) __attribute__((always_inline)) { return DistanceRow<T>{g + i, x + i, m}; });
}

// a = g w.
template <class T>
[[gnu::noinline]] CotangentSums<T> sum_weighted(const T* g, const T* w, const T* x, T m, int64_t n, NextLine next) {
  return sum_both<T>(
      n, [=](int64_t i) __attribute__((always_inline)) { return ProductRow<T>{g + i, w + i}; },
      [=](int64_t i) __attribute__((always_inline)) { return CentredProductRow<T>{g + i, w + i, x + i, m, next}; });
}

template <class T>
[[gnu::noinline]] T sum_products(const T* x, const T* y, int64_t n) {
  if (n == 1) return x[0] * y[0];
  return sum_line<T>(n, [=](int64_t i) __attribute__((always_inline)) { return ProductRow<T>{x + i, y + i}; });
}

template <class T>
struct Moments {
  T mean, variance;
};

template <class T>
[[gnu::always_inline]] inline Moments<T> moments_of(const T* x, int64_t n, bool centred, NextLine next) {
  const T count = static_cast<T>(n), mean = centred ? sum_plain(x, n) / count : T{0};
  return {mean, sum_squares(x, mean, n, next) / count};
}

template <class T>
[[gnu::always_inline]] inline T scale_of(T variance, T eps) {
  return 1 / math::sqrt(variance + eps);
}

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
