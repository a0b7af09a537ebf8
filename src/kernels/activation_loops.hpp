// What the activations share: loops over operations that are made from the attributes.
//
// Included by files compiled once per instruction set: everything here has internal linkage.
#pragma once

#include "core/kernel.hpp"
#include "isa/isa.hpp"
#include "isa/math.hpp"
#include "kernels/elementwise_loops.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// An operation is made from the attributes and called with the elements; it is inlined by force and
// taken by value, because a loop that calls it, or whose results could overwrite it, would not vectorise.

constexpr double kNanoseconds = 0.8;

template <class Op, class T>
Status run_value(const Call& call) {
  const Op op(call.attributes);
  const auto loop = [](const void* context, void* to, int64_t size, const Neighbours& in) {
    const Op own = *static_cast<const Op*>(context);
    T* const out = static_cast<T*>(to);
    const T* const x = static_cast<const T*>(in.x[0]);
#pragma omp simd
    for (int64_t i = 0; i < size; ++i) out[i] = own(x[i]);
  };
  return walk(call, {1, kNanoseconds, loop, &op, kMapBlock});
}

template <class Op, class T>
Status run_derivative(const Call& call) {
  const Op op(call.attributes);
  const auto loop = [](const void* context, void* to, int64_t size, const Neighbours& in) {
    const Op own = *static_cast<const Op*>(context);
    T* const out = static_cast<T*>(to);
    const T *const g = static_cast<const T*>(in.x[0]), *const x = static_cast<const T*>(in.x[1]);
#pragma omp simd
    for (int64_t i = 0; i < size; ++i) {
      const T result = own(g[i], x[i]);
      out[i] = g[i] == 0 ? T{0} : result;
    }
  };
  return walk(call, {2, kNanoseconds, loop, &op, kMapBlock});
}

// Of two arguments, whatever they are.
template <class Op, class T>
Status run_pair(const Call& call) {
  const Op op(call.attributes);
  const auto loop = [](const void* context, void* to, int64_t size, const Neighbours& in) {
    const Op own = *static_cast<const Op*>(context);
    T* const out = static_cast<T*>(to);
    const T *const x = static_cast<const T*>(in.x[0]), *const y = static_cast<const T*>(in.x[1]);
#pragma omp simd
    for (int64_t i = 0; i < size; ++i) out[i] = own(x[i], y[i]);
  };
  return walk(call, {2, kNanoseconds, loop, &op, kMapBlock});
}

// x between low and high; NaN stays NaN.
template <class T>
[[gnu::always_inline]] inline T limited(T x, T low, T high) {
  const T raised = x < low ? low : x;
  return raised > high ? high : raised;
}

// What has no attributes.
struct Plain {
  explicit Plain(const Attribute*) {}
};

template <template <class> class Op>
constexpr RunsByDType value() {
  return floats(run_value<Op<float>, float>, run_value<Op<double>, double>);
}

template <template <class> class Op>
constexpr RunsByDType derivative() {
  return floats(run_derivative<Op<float>, float>, run_derivative<Op<double>, double>);
}

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
