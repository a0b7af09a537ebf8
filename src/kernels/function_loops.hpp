// Loops over elements for the functions of isa/math.hpp.
//
// Included by files compiled once per instruction set: everything here has internal linkage.
#pragma once

#include "core/kernel.hpp"
#include "isa/isa.hpp"
#include "isa/math.hpp"
#include "kernels/elementwise_loops.hpp"

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

constexpr int64_t kBlock = 256;  // elements that share one decision between the fast loop and the careful one

// out[i] = F(x[i]) where some arguments (an angle of 1e9) need a path that does not vectorise: a block with such an
// element is computed one by one. Which path an element takes depends on that element alone.
template <class F, class T>
void function_row(T* out, int64_t out_step, const T* x, int64_t x_step, int64_t count) {
  if constexpr (F::kHasSlowPath) {
    for (int64_t start = 0; start < count; start += kBlock) {
      const int64_t size = count - start < kBlock ? count - start : kBlock;
      T* const o = out + start * out_step;
      const T* const a = x + start * x_step;
      int slow = 0;
      for (int64_t i = 0; i < size; ++i) slow |= F::slow(a[i * x_step]);
      if (slow == 0) {
        unary_row<Fast<F>>(o, out_step, a, x_step, size);
        continue;
      }
      for (int64_t i = 0; i < size; ++i) {
        const T value = a[i * x_step];
        o[i * out_step] = F::slow(value) ? F::slow_path(value) : F::fast(value);
      }
    }
  } else {
    unary_row<Fast<F>>(out, out_step, x, x_step, count);
  }
}

template <class F, class T>
Status run_function(const Call& call) {
  const View* const operands[] = {&call.out[0], &call.in[0]};
  const Nest<2> nest = make_nest(operands);
  const int inner = nest.rank - 1;
  parallel_for(nest.size, 0.6, [&](int64_t begin, int64_t end, int) {
    for_rows(nest, begin, end, [&](const int64_t* offset, int64_t count) {
      function_row<F>(call.out[0].as<T>() + offset[0], nest.stride[0][inner], call.in[0].as<T>() + offset[1],
                      nest.stride[1][inner], count);
    });
  });
  return Status::ok;
}

template <template <class> class F>
constexpr RunsByDType function() {
  return floats(run_function<F<float>, float>, run_function<F<double>, double>);
}

// A function of two arguments.
template <template <class> class F>
struct Fast2 {
  static constexpr double kNanoseconds = 2;
  template <class T>
  [[gnu::always_inline]] static inline T apply(T x, T y) {
    return F<T>::fast(x, y);
  }
};

template <template <class> class F>
constexpr RunsByDType binary_function() {
  return floats(run_binary<Fast2<F>, float>, run_binary<Fast2<F>, double>);
}

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
