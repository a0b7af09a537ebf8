// Moving elements: zeroing and copying arrays of any layout, knowing only the size of an element.
//
// Included by files compiled once; everything here has internal linkage all the same.
#pragma once

#include <cstring>

#include "core/kernel.hpp"
#include "core/loops.hpp"

namespace minigrad {
namespace {

// A run for each dtype that only moves elements.
template <template <class> class Move>
constexpr RunsByDType moves() {
  return {{Move<uint8_t>::run, Move<uint8_t>::run, Move<uint8_t>::run, Move<uint16_t>::run, Move<uint32_t>::run,
           Move<uint64_t>::run, Move<uint32_t>::run, Move<uint64_t>::run, Move<uint16_t>::run}};
}

// An array without dimensions as one with a dimension of size 1.
inline View at_least_1d(const View& x) {
  View out = x;
  if (x.rank == 0) {
    out.rank = 1;
    out.shape[0] = 1;
    out.stride[0] = 0;
  }
  return out;
}

// Zeroes the elements with flat indices in [begin, end).
inline void zero(const View& out, int64_t begin, int64_t end) {
  if (begin >= end) return;
  const int64_t bytes = item_size(out.dtype);
  const View* const operands[] = {&out};
  const Nest<1> nest = make_nest(operands);
  const int64_t step = nest.stride[0][nest.rank - 1];
  for_rows(nest, begin, end, [&](const int64_t* offset, int64_t count) {
    char* const start = out.as<char>() + offset[0] * bytes;
    if (step == 1) {
      std::memset(start, 0, static_cast<size_t>(count * bytes));
    } else {
      for (int64_t i = 0; i < count; ++i) std::memset(start + i * step * bytes, 0, static_cast<size_t>(bytes));
    }
  });
}

inline void zero_all(const View& out) {
  parallel_for(out.size(), 0.03 * static_cast<double>(item_size(out.dtype)),
               [&](int64_t begin, int64_t end, int) { zero(out, begin, end); });
}

template <class T>
void copy_piece(T* out, const T* x, int64_t count, int64_t out_step, int64_t x_step) {
  if (out_step == 1 && x_step == 1) {
    std::memcpy(out, x, static_cast<size_t>(count) * sizeof(T));
  } else {
    for (int64_t i = 0; i < count; ++i) out[i * out_step] = x[i * x_step];
  }
}

// out = x, two views of one shape.
template <class T>
void copy_all(const View& out, const View& x) {
  const View* const operands[] = {&out, &x};
  const Nest<2> nest = make_nest(operands);
  const int inner = nest.rank - 1;
  parallel_for(nest.size, 0.05 * sizeof(T), [&](int64_t begin, int64_t end, int) {
    for_rows(nest, begin, end, [&](const int64_t* offset, int64_t count) {
      copy_piece(out.as<T>() + offset[0], x.as<T>() + offset[1], count, nest.stride[0][inner], nest.stride[1][inner]);
    });
  });
}

}  // namespace
}  // namespace minigrad
