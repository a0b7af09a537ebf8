// Products of matrices of integers. They wrap around, so that the order of operations does not matter. Bytes are
// computed with as numbers of two bytes, for which there are multiplications.
//
// Tiles of a few rows and two registers of columns are summed up in registers, from copies of the rows of a and of the
// columns of b that a tile reads in order.
#pragma once

#include "isa/gemm_product.hpp"
#include "isa/isa.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

template <class T>
struct WideOf {
  using type = T;
};
template <>
struct WideOf<int8_t> {
  using type = int16_t;
};

// c[i c_row + j c_col] = Σ_k a[i a_row + k a_k] b[k b_k + j b_col] for i < m, j < n.
template <class T>
struct IntegerProduct {
  const T* a;
  const T* b;
  T* c;
  int64_t m, n, k, a_row, a_k, b_k, b_col, c_row, c_col;
};

constexpr int64_t kTileRows = 4;

template <class W>
constexpr int64_t kTileColumns = 2 * kLanes<W>;

// to[k width + i] = x[k k_step + i step] for i < count, and 0 for the others.
template <class W, class T>
[[gnu::noinline]] void pack_integers(W* to, int64_t width, const T* x, int64_t count, int64_t step, int64_t depth,
                                     int64_t k_step) {
  for (int64_t k = 0; count < width && k < depth; ++k) {
    for (int64_t i = count; i < width; ++i) to[k * width + i] = 0;
  }
  if (magnitude(k_step) < magnitude(step)) {
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t k = 0; k < depth; ++k) to[k * width + i] = x[k * k_step + i * step];
    }
  } else {
    for (int64_t k = 0; k < depth; ++k) {
      const T* const from = x + k * k_step;
      W* const row = to + k * width;
      if (step == 1) {
        for (int64_t i = 0; i < count; ++i) row[i] = from[i];
      } else {
        for (int64_t i = 0; i < count; ++i) row[i] = from[i * step];
      }
    }
  }
}

// tile = Σ_k of kTileRows times kTileColumns products.
template <class W>
[[gnu::noinline]] void sum_tile(W* tile, const W* a, const W* b, int64_t depth) {
  constexpr int64_t kWidth = kLanes<W>;
  Vec<W> left[kTileRows] = {}, right[kTileRows] = {};
  for (int64_t k = 0; k < depth; ++k, a += kTileRows, b += 2 * kWidth) {
    const Vec<W> x = load(b), y = load(b + kWidth);
#pragma GCC unroll 4
    for (int64_t r = 0; r < kTileRows; ++r) {
      const Vec<W> factor = splat(a[r]);
      left[r] += factor * x;
      right[r] += factor * y;
    }
  }
#pragma GCC unroll 4
  for (int64_t r = 0; r < kTileRows; ++r) {
    store(tile + 2 * r * kWidth, left[r]);
    store(tile + (2 * r + 1) * kWidth, right[r]);
  }
}

// Adds `rows` times `columns` of a tile to c, or writes them there.
template <class T, class W>
void put_tile(const IntegerProduct<T>& p, T* c, const W* tile, int64_t rows, int64_t columns, bool first) {
  for (int64_t r = 0; r < rows; ++r, c += p.c_row, tile += kTileColumns<W>) {
    for (int64_t j = 0; j < columns; ++j) {
      T& to = c[j * p.c_col];
      to = static_cast<T>(tile[j] + (first ? T{0} : to));
    }
  }
}

// Rows [begin, end) of c, at most kIntegerRows.
template <class T>
void multiply_integers(const IntegerProduct<T>& p, int64_t begin, int64_t end, char* scratch) {
  using W = typename WideOf<T>::type;
  constexpr int64_t kColumns = kTileColumns<W>;
  W* const a = reinterpret_cast<W*>(scratch);
  W* const b = a + kIntegerRows * kIntegerDepth;
  alignas(64) W tile[kTileRows * kColumns];
  int64_t from = 0;
  do {
    const int64_t depth = smaller(kIntegerDepth, p.k - from);
    for (int64_t i = begin; i < end; i += kTileRows) {
      pack_integers(a + (i - begin) * depth, kTileRows, p.a + i * p.a_row + from * p.a_k, smaller(kTileRows, end - i),
                    p.a_row, depth, p.a_k);
    }
    for (int64_t j = 0; j < p.n; j += kColumns) {
      const int64_t columns = smaller(kColumns, p.n - j);
      pack_integers(b, kColumns, p.b + j * p.b_col + from * p.b_k, columns, p.b_col, depth, p.b_k);
      for (int64_t i = begin; i < end; i += kTileRows) {
        sum_tile(tile, a + (i - begin) * depth, b, depth);
        put_tile(p, p.c + i * p.c_row + j * p.c_col, tile, smaller(kTileRows, end - i), columns, from == 0);
      }
    }
    from += kIntegerDepth;
  } while (from < p.k);
}

template <class T>
[[gnu::noinline]] T sum_products(const T* a, int64_t a_step, const T* b, int64_t b_step, int64_t count) {
  T sum = 0;
  if (a_step == 1 && b_step == 1) {
    for (int64_t k = 0; k < count; ++k) sum = static_cast<T>(sum + a[k] * b[k]);
  } else {
    for (int64_t k = 0; k < count; ++k) sum = static_cast<T>(sum + a[k * a_step] * b[k * b_step]);
  }
  return sum;
}

// c += Σ of four rows of b, each with its factor.
template <class T>
[[gnu::noinline]] void add_rows(T* c, const T* b, int64_t row, const T (&factor)[4], int64_t count) {
  const T *const x = b, *const y = b + row, *const z = y + row, *const w = z + row;
  for (int64_t j = 0; j < count; ++j) {
    c[j] = static_cast<T>(c[j] + factor[0] * x[j] + factor[1] * y[j] + factor[2] * z[j] + factor[3] * w[j]);
  }
}

// Columns [begin, end) of the only row of c, which has no gaps: every element of b is read once, where it stands.
template <class T>
void multiply_row(const IntegerProduct<T>& p, int64_t begin, int64_t end) {
  T* const c = p.c;
  const bool rows = p.b_col == 1 && p.n > 1;
  const int64_t summed = rows ? p.k & ~int64_t{3} : 0;
  for (int64_t j = begin; j < end; ++j) {
    c[j] = sum_products(p.a + summed * p.a_k, p.a_k, p.b + j * p.b_col + summed * p.b_k, p.b_k, p.k - summed);
  }
  for (int64_t k = 0; k < summed; k += 4) {
    const T* const a = p.a + k * p.a_k;
    const T factor[4] = {a[0], a[p.a_k], a[2 * p.a_k], a[3 * p.a_k]};
    add_rows(c + begin, p.b + k * p.b_k + begin, p.b_k, factor, end - begin);
  }
}

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
