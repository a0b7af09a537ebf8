// Results that fit into no cache, written through a buffer past the caches: a line of memory is then not read before.
#pragma once

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

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
