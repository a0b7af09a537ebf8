// Naive loops over elements.
#pragma once

#include <type_traits>

#include "reference/naive.hpp"

namespace minigrad::reference {
namespace {

using Attributes = const Attribute*;

// out = f(in[i], ...) or f(attributes, in[i], ...); Out is W, or int64 for the truth of f.
template <class W, class Out, auto f, int... i>
Status map_of(const Call& call) {
  const View& out = call.out[0];
  for_each(out, [&](const Position& p) {
    const auto value = [&](auto... attributes) { return f(attributes..., element<W>(call.in[i], p, out.rank)...); };
    if constexpr (std::is_invocable_v<decltype(f), Attributes, decltype(element<W>(call.in[i], p, 0))...>) {
      element<Out>(out, p, out.rank) = static_cast<Out>(value(call.attributes));
    } else {
      element<Out>(out, p, out.rank) = static_cast<Out>(value());
    }
  });
  return Status::ok;
}

template <auto f, int... i>
constexpr RunsByDType float_map() {
  return for_floats<map_of<double, double, f, i...>>();
}

template <auto f>
constexpr RunsByDType float1() {
  return float_map<f, 0>();
}

template <auto f>
constexpr RunsByDType float2() {
  return float_map<f, 0, 1>();
}

}  // namespace
}  // namespace minigrad::reference
