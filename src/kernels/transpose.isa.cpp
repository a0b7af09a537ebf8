// Transposition of matrices, whole registers of rows and columns at a time where there are as many.
#include "isa/transpose.hpp"
#include "isa/lanes.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

[[gnu::always_inline]] inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

// A square whose rows are 16 bytes, or registers: out[j * out_step + i] = x[i * x_step + j] for 0 <= i, j < kSide.
template <int kSide, class T>
[[gnu::always_inline]] inline void transpose_square(T* out, int64_t out_step, const T* x, int64_t x_step) {
  if constexpr (kSide == kLanes<T>) {
    Vec<T> row[kSide];
    transpose<T>(RowsOf<T>{x, x_step}, 0, row);
#pragma GCC unroll 16
    for (int k = 0; k < kSide; ++k) store(out + k * out_step, row[k]);
  } else {
    typename ChunkOf<T>::type row[kSide];
    for (int k = 0; k < kSide; ++k) row[k] = *reinterpret_cast<const typename ChunkOf<T>::unaligned*>(x + k * x_step);
    turn_square(row);
    for (int k = 0; k < kSide; ++k) *reinterpret_cast<typename ChunkOf<T>::unaligned*>(out + k * out_step) = row[k];
  }
}

// Rows and columns are at least kSide. The last squares of a row or column lie over their neighbours.
template <int kSide, class T>
[[gnu::always_inline]] inline void transpose_squares(T* out, int64_t out_step, const T* x, int64_t x_step, int64_t rows,
                                                     int64_t cols) {
  for (int64_t next = 0; next < rows; next += kSide) {
    const int64_t i = smaller(next, rows - kSide);
    for (int64_t after = 0; after < cols; after += kSide) {
      const int64_t j = smaller(after, cols - kSide);
      transpose_square<kSide>(out + j * out_step + i, out_step, x + i * x_step + j, x_step);
    }
  }
}

template <class T>
[[gnu::always_inline]] inline void transpose_any(T* out, int64_t out_step, const T* x, int64_t x_step, int64_t rows,
                                                 int64_t cols) {
  const int64_t least = smaller(rows, cols);
  if (least >= kLanes<T>) return transpose_squares<kLanes<T>>(out, out_step, x, x_step, rows, cols);
  if (least >= kChunk<T>) return transpose_squares<kChunk<T>>(out, out_step, x, x_step, rows, cols);
  for (int64_t i = 0; i < rows; ++i) {
#pragma GCC unroll 4
    for (int64_t j = 0; j < cols; ++j) out[j * out_step + i] = x[i * x_step + j];
  }
}

}  // namespace

void transpose_matrix(float* out, int64_t out_step, const float* x, int64_t x_step, int64_t rows, int64_t cols) {
  transpose_any(out, out_step, x, x_step, rows, cols);
}

void transpose_matrix(double* out, int64_t out_step, const double* x, int64_t x_step, int64_t rows, int64_t cols) {
  transpose_any(out, out_step, x, x_step, rows, cols);
}

}  // namespace minigrad::MINIGRAD_ISA
