// Loops over elements, a register at a time, for functions that take registers as well as numbers.
//
// Included by files compiled once per instruction set: everything here has internal linkage.
#pragma once

#include <cstdint>

#include "isa/isa.hpp"
#include "isa/lanes.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// What an element of float32 takes, in thousandths of a nanosecond, is `cost`; one of float64 takes longer. A cost is
// rather too low than too high: a thread that is woken in vain loses more than one that sleeps.
template <class T>
constexpr double cost_in_nanoseconds(int cost) {
  return cost * (sizeof(T) == 8 ? 2.5e-3 : 1e-3);
}

// out[i] = f(x[i], ...) for neighbours. The last elements go through a register of their own, with ones behind them.
// Without fused multiply-add it is a plain loop over numbers. The output may be one of the operands.
template <class F, class T, class... Xs>
[[gnu::always_inline]] inline void map_registers(F f, T* out, int64_t size, const Xs*... x) {
  if constexpr (kHasFma) {
    int64_t i = 0;
    for (; i + kLanes<T> <= size; i += kLanes<T>) store(out + i, f(load(x + i)...));
    if (i < size) store_first(out + i, f(load_first(x + i, size - i, splat(T{1}))...), size - i);
  } else {
#pragma omp simd
    for (int64_t i = 0; i < size; ++i) out[i] = f(x[i]...);
  }
}

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
