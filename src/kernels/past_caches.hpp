// Results that fit into no cache, written past the caches, from registers or through a buffer: a line of memory is then
// not read before.
#pragma once

#include "isa/isa.hpp"
#include "isa/lanes.hpp"
#include "kernels/bytes.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// write(out + i, i, count) for all of n elements, or, where they are `streamed`, for pieces of them in a buffer; as
// many at each `next`, unless it is null, are asked for then, because a processor that writes so foresees little of
// what it reads; so much that the nearest cache does not hold it comes to the one after that. What was streamed is seen
// by other threads after stream_end().
template <class T, class Write, class... Next>
[[gnu::always_inline]] inline void write_past(bool streamed, T* out, int64_t n, Write&& write, const Next*... next) {
  constexpr int64_t kPiece = 8 * kVirtualLanes<T>;
  alignas(64) T buffer[kPiece];
  const bool are_long = n * static_cast<int64_t>(sizeof(T)) > 8192, asks = streamed && ((next != nullptr) && ...);
  for (int64_t i = 0, count; i < n; i += count) {
    count = streamed && n - i > kPiece ? kPiece : n - i;
    for (int64_t k = i; asks && k < i + count; k += kVirtualLanes<T>) {
      are_long ? (__builtin_prefetch(next + k, 0, 2), ...) : (__builtin_prefetch(next + k), ...);
    }
    write(streamed ? buffer : out + i, i, count);
    if (streamed) copy_bytes(out + i, buffer, count * static_cast<int64_t>(sizeof(T)), true);
  }
}

// What at(p) is in the function below: elements k ... of p, a register full of them or the first `count`.
template <class T>
struct Whole {
  int64_t k;
  [[gnu::always_inline]] Vec<T> operator()(const T* p) const { return load(p + k); }
};

template <class T>
struct First {
  int64_t k, count;
  [[gnu::always_inline]] Vec<T> operator()(const T* p) const { return load_first(p + k, count, Vec<T>{}); }
};

// out = f(at) for n elements, the last ones without a loop of their own: lines may be short. `past` the caches, but for
// what lies before the first register of them; as much at each `next`, unless one is null, is asked for meanwhile, into
// the nearest cache alone.
template <class T, class F, class... Next>
[[gnu::always_inline]] inline void map_line(T* out, int64_t n, bool past, F&& f, const Next*... next) {
  const bool asks = ((next != nullptr) && ...);
  int64_t k = 0;
  if (past && n >= kLanes<T>) {
    k = static_cast<int64_t>(-reinterpret_cast<uintptr_t>(out) % kVectorBytes / sizeof(T));
    if (k > 0) store_first(out, f(First<T>{0, k}), k);
    for (; k + kLanes<T> <= n; k += kLanes<T>) {
      if (asks) (__builtin_prefetch(next + k, 0, 0), ...);
      stream(out + k, f(Whole<T>{k}));
    }
  }
  for (; k + kLanes<T> <= n; k += kLanes<T>) store(out + k, f(Whole<T>{k}));
  if (k < n) store_first(out + k, f(First<T>{k, n - k}), n - k);
}

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
