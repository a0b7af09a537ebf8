// Loops over elements, a register at a time, for functions that take registers as well as numbers.
//
// Included by files compiled once per instruction set: everything here has internal linkage.
#pragma once

#include <cstdint>

#include "isa/isa.hpp"
#include "isa/lanes.hpp"
#include "kernels/elementwise_loops.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// What an element of float32 takes, in thousandths of a nanosecond, is `cost`; one of float64 takes longer. A cost is
// rather too low than too high: a thread that is woken in vain loses more than one that sleeps.
template <class T>
constexpr double cost_in_nanoseconds(int cost) {
  return cost * (sizeof(T) == 8 ? 2.5e-3 : 1e-3);
}

// The map of a loop that is map_registers.
template <class T>
constexpr Map map_of_registers(int inputs, int cost, MapLoop loop, const void* context = nullptr) {
  return {.inputs = inputs,
          .nanoseconds = cost_in_nanoseconds<T>(cost),
          .loop = loop,
          .context = context,
          .limit = kMapBlock,
          .streams = kHasFma && kStreams<T>};
}

// out[i] = f(x[i], ...) for the elements of the operands k, past the caches where `in` says so. The last elements go
// through a register of their own, with ones behind them. Without fused multiply-add it is a plain loop over numbers.
// The output may be one of the operands.
template <class F, class T, int... k>
[[gnu::always_inline]] inline void map_registers(F f, T* out, int64_t size, Neighbours in, Numbers<k...>) {
  if constexpr (kHasFma) {
    int past = in.past;
    int64_t i = 0;
    for (; i + kLanes<T> <= size; i += kLanes<T>) {
      asm volatile("" : "+r"(past));  // or the compiler would make two loops of it
      const Vec<T> y = f(load(static_cast<const T*>(in.x[k]) + i)...);
      if (past != 0) [[unlikely]] {
        (__builtin_prefetch(static_cast<const char*>(in.x[k]) + i * sizeof(T) + in.ahead[k], 0, 0), ...);
        stream(out + i, y);
      } else {
        store(out + i, y);
      }
    }
    if (i == size) return;
    const Vec<T> ones = splat(T{1});
    store_first(out + i, f(load_first(static_cast<const T*>(in.x[k]) + i, size - i, ones)...), size - i);
  } else {
#pragma omp simd
    for (int64_t i = 0; i < size; ++i) out[i] = f(static_cast<const T*>(in.x[k])[i]...);
  }
}

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
