// What the activations share: loops over operations that are made from the attributes.
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

// An operation is made from the attributes and called with the elements, or with registers of them; it is inlined by
// force and taken by value, because a loop that calls it, or whose results could overwrite it, would not be in
// registers.

template <class Op, class T, int cost>
Status run_value(const Call& call) {
  const Op op(call.attributes);
  const auto loop = [](const void* context, void* out, int64_t size, const Neighbours& in) {
    const Op own = *static_cast<const Op*>(context);
    const auto value = [own](auto x) __attribute__((always_inline)) { return own(x); };
    map_registers(value, static_cast<T*>(out), size, in, Numbers<0>{});
  };
  return walk(call, map_of_registers<T>(1, cost, loop, &op));
}

// Of a function of one argument or of several. Attributes for which the operation is a simpler one, `Plain`, have a
// loop of their own.
template <class Op, class T, int cost, int arguments = 1>
Status run_derivative(const Call& call) {
  const Op op(call.attributes);
  if constexpr (requires { op.is_plain(); }) {
    if (op.is_plain()) return run_derivative<typename Op::Plain, T, cost>(call);
  }
  const auto loop = [](const void* context, void* out, int64_t size, const Neighbours& in) {
    const Op own = *static_cast<const Op*>(context);
    const auto slope = [own]<class V>(V g, auto... x) __attribute__((always_inline)) {
      const V zero = math::all<V>(0);
      return math::select(math::equal(g, zero), zero, own(g, x...));
    };
    using Operands = std::conditional_t<arguments == 1, Numbers<0, 1>, Numbers<0, 1, 2>>;
    map_registers(slope, static_cast<T*>(out), size, in, Operands{});
  };
  return walk(call, map_of_registers<T>(1 + arguments, cost, loop, &op));
}

// Of two arguments, whatever they are.
template <class Op, class T, int cost>
Status run_pair(const Call& call) {
  const Op op(call.attributes);
  const auto loop = [](const void* context, void* out, int64_t size, const Neighbours& in) {
    const Op own = *static_cast<const Op*>(context);
    const auto value = [own](auto x, auto y) __attribute__((always_inline)) { return own(x, y); };
    map_registers(value, static_cast<T*>(out), size, in, Numbers<0, 1>{});
  };
  return walk(call, map_of_registers<T>(2, cost, loop, &op));
}

template <template <class> class Op, int cost>
constexpr RunsByDType value() {
  return floats(run_value<Op<float>, float, cost>, run_value<Op<double>, double, cost>);
}

template <template <class> class Op, int cost, int arguments = 1>
constexpr RunsByDType derivative() {
  return floats(run_derivative<Op<float>, float, cost, arguments>, run_derivative<Op<double>, double, cost, arguments>);
}

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
