// Moving elements: zeroing and copying arrays of any layout, knowing only the size of an element.
#pragma once

#include <algorithm>
#include <cstring>

#include "core/kernel.hpp"
#include "core/loops.hpp"
#include "kernels/bytes.hpp"

namespace minigrad {

// out = x, two views of one shape and of elements of one size, which share no memory. Threads share the work.
void copy_all(const View& out, const View& x);

// Whether reading row by row would take one line of memory for each element, because neighbours lie along another
// dimension than the last; and such a view's elements, copied to `to` row by row.
bool is_turned(const View& x);
View copy_in_order(const View& x, char* to);

// Whether the elements at each place along the first dimension follow one another.
bool is_packed(const View& x);

// Zeroes all elements, or those with flat indices in [begin, end).
void zero_all(const View& out);
void zero(const View& out, int64_t begin, int64_t end);

// The bytes of an array's elements; those that a stride of 0 repeats count once.
int64_t bytes_of(const View& x);

namespace {

// f of a 0 of the unsigned integers that have as many bytes as an element.
template <class F>
void with_bits(int64_t item, const F& f) {
  if (item == 4) return f(uint32_t{});
  if (item == 8) return f(uint64_t{});
  if (item == 2) return f(uint16_t{});
  f(uint8_t{});
}

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

template <class T>
void copy_piece(T* out, const T* x, int64_t count, int64_t out_step, int64_t x_step) {
  if (out_step == 1 && x_step == 1) {
    copy_bytes(out, x, count * static_cast<int64_t>(sizeof(T)));
  } else if (out_step == 1 && x_step == 0) {
    std::fill_n(out, count, *x);
  } else {
    for (int64_t i = 0; i < count; ++i) out[i * out_step] = x[i * x_step];
  }
}

}  // namespace
}  // namespace minigrad
