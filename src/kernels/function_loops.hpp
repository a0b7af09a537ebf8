// Loops over elements for the functions of isa/math.hpp.
//
// Included by files compiled once per instruction set: everything here has internal linkage.
#pragma once

#include "core/kernel.hpp"
#include "isa/isa.hpp"
#include "isa/math.hpp"
#include "kernels/elementwise_loops.hpp"
#include "kernels/register_loops.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// A function of the math library as an operation: inlined by force, because a loop that calls it would not vectorise.
template <class F>
struct Fast {
  template <class T>
  [[gnu::always_inline]] static inline T apply(T x) {
    return F::fast(x);
  }
};

// out[i] = F(x[i]) for neighbours, where some arguments (an angle of 1e9) need a path that does not vectorise: a block
// with such an element is computed one by one. Which path an element takes depends on that element alone.
template <class F, class T>
inline void function_block(T* out, int64_t size, const Neighbours& in) {
  const T* const x = static_cast<const T*>(in.x[0]);
  if constexpr (F::kHasSlowPath) {
    int slow = 0;
    for (int64_t i = 0; i < size; ++i) slow |= F::slow(x[i]);
    if (slow != 0) {
      for (int64_t i = 0; i < size; ++i) out[i] = F::slow(x[i]) ? F::slow_path(x[i]) : F::fast(x[i]);
      return;
    }
  }
  if constexpr (F::kOnRegisters) {
    map_registers([](auto v) __attribute__((always_inline)) { return F::fast(v); }, out, size, in, Numbers<0>{});
  } else {
    map_block<Fast<F>>(out, size, x);
  }
}

// How many elements are looked through before they are computed.
constexpr int64_t kSlowBlock = 256;

template <class F, class T, int cost>
Status run_function(const Call& call) {
  const auto loop = [](const void*, void* out, int64_t size, const Neighbours& in) {
    function_block<F>(static_cast<T*>(out), size, in);
  };
  static constexpr int64_t kLimit = F::kHasSlowPath ? kSlowBlock : kMapBlock;
  static constexpr Map kMap = F::kOnRegisters ? map_of_registers<T>(1, cost, loop)
                                              : Map{1, cost_in_nanoseconds<T>(cost), loop, nullptr, kLimit};
  return walk(call, kMap);
}

template <template <class> class F, int cost = 330>
constexpr RunsByDType function() {
  return floats(run_function<F<float>, float, cost>, run_function<F<double>, double, cost>);
}

// A function of two arguments.
template <template <class> class F, class T>
struct Fast2 {
  [[gnu::always_inline]] static inline T apply(T x, T y) { return F<T>::fast(x, y); }
};

template <template <class> class F, class T, int cost>
Status run_binary_function(const Call& call) {
  const auto loop = [](const void*, void* out, int64_t size, const Neighbours& in) {
    map_block<Fast2<F, T>>(static_cast<T*>(out), size, static_cast<const T*>(in.x[0]), static_cast<const T*>(in.x[1]));
  };
  static constexpr Map kMap = {2, cost_in_nanoseconds<T>(cost), loop, nullptr, kMapBlock};
  return walk(call, kMap);
}

template <template <class> class F, int cost>
constexpr RunsByDType binary_function() {
  return floats(run_binary_function<F, float, cost>, run_binary_function<F, double, cost>);
}

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
