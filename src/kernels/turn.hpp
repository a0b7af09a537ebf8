// Small matrices turned, rows to columns, and elements gathered, in registers that every machine has.
//
// Included by files compiled once; everything here has internal linkage all the same.
#pragma once

#include <cstdint>
#include <cstring>

namespace minigrad {
namespace {

// Registers of 16 bytes, whatever the machine.

template <class T>
constexpr int kWidth = 16 / static_cast<int>(sizeof(T));

template <class T>
struct Register {
  typedef T Vector __attribute__((vector_size(16)));
};

template <class T>
using Vector = typename Register<T>::Vector;

template <class T>
Vector<T> load(const T* x) {
  Vector<T> out;
  std::memcpy(&out, x, sizeof(out));
  return out;
}

template <class T>
void store(T* out, const typename Register<T>::Vector& x) {
  std::memcpy(out, &x, sizeof(x));
}

// The elements of a and of b in turn: the first half, or the second.
template <class T>
Vector<T> low_pairs(const Vector<T>& a, const Vector<T>& b) {
  if constexpr (sizeof(T) == 8) return __builtin_shufflevector(a, b, 0, 2);
  if constexpr (sizeof(T) == 4) return __builtin_shufflevector(a, b, 0, 4, 1, 5);
}

template <class T>
Vector<T> high_pairs(const Vector<T>& a, const Vector<T>& b) {
  if constexpr (sizeof(T) == 8) return __builtin_shufflevector(a, b, 1, 3);
  if constexpr (sizeof(T) == 4) return __builtin_shufflevector(a, b, 2, 6, 3, 7);
}

// out[d, i] = x[i, d] for as many rows and columns as a register has elements; rows of x are x_row apart.
template <class T>
[[gnu::always_inline]] inline void turn_tile(T* out, int64_t out_row, const T* x, int64_t x_row) {
  if constexpr (sizeof(T) == 8) {
    const Vector<T> a = load(x), b = load(x + x_row);
    store(out, low_pairs<T>(a, b));
    store(out + out_row, high_pairs<T>(a, b));
  } else {
    const Vector<T> a = load(x), b = load(x + x_row), c = load(x + 2 * x_row), d = load(x + 3 * x_row);
    const Vector<T> ac = low_pairs<T>(a, c), bd = low_pairs<T>(b, d);
    const Vector<T> ca = high_pairs<T>(a, c), db = high_pairs<T>(b, d);
    store(out, low_pairs<T>(ac, bd));
    store(out + out_row, high_pairs<T>(ac, bd));
    store(out + 2 * out_row, low_pairs<T>(ca, db));
    store(out + 3 * out_row, high_pairs<T>(ca, db));
  }
}

// out[d, i] = x[i, d] for i < rows, d < columns; x's columns and out's rows have no gaps.
template <class T>
[[gnu::always_inline]] inline void turn(T* out, int64_t out_row, const T* x, int64_t x_row, int64_t rows,
                                        int64_t columns) {
  int64_t i = 0;
  if constexpr (sizeof(T) >= 4) {
    constexpr int kSide = kWidth<T>;
    for (; i + kSide <= rows; i += kSide) {
      int64_t d = 0;
      for (; d + kSide <= columns; d += kSide) turn_tile(out + d * out_row + i, out_row, x + i * x_row + d, x_row);
      for (; d < columns; ++d) {
        for (int j = 0; j < kSide; ++j) out[d * out_row + i + j] = x[(i + j) * x_row + d];
      }
    }
  }
  for (; i < rows; ++i) {
    for (int64_t d = 0; d < columns; ++d) out[d * out_row + i] = x[i * x_row + d];
  }
}

// Two rows, element by element in turn.
template <class T>
void interleave(T* out, const T* x, const T* y, int64_t columns) {
  int64_t d = 0;
  if constexpr (sizeof(T) >= 4) {
    for (; d + kWidth<T> <= columns; d += kWidth<T>) {
      const Vector<T> a = load(x + d), b = load(y + d);
      store(out + 2 * d, low_pairs<T>(a, b));
      store(out + 2 * d + kWidth<T>, high_pairs<T>(a, b));
    }
  }
  for (; d < columns; ++d) {
    out[2 * d] = x[d];
    out[2 * d + 1] = y[d];
  }
}

// out[i] = x[i x_step].
template <class T>
[[gnu::noinline]] void gather_row(T* out, const T* x, int64_t count, int64_t x_step) {
  int64_t i = 0;
  if constexpr (sizeof(T) == 4) {
    if (x_step == 2) {  // the last element's neighbour is not read
      for (; i + 4 < count; i += 4) {
        store(out + i, __builtin_shufflevector(load(x + 2 * i), load(x + 2 * i + 4), 0, 2, 4, 6));
      }
    }
  }
  for (; i + 4 <= count; i += 4) {
    const T *const a = x + i * x_step, *const b = a + 2 * x_step;
    const T values[4] = {a[0], a[x_step], b[0], b[x_step]};
    std::memcpy(out + i, values, sizeof(values));
  }
  for (; i < count; ++i) out[i] = x[i * x_step];
}

}  // namespace
}  // namespace minigrad
