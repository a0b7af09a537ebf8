// Naive loops over elements.
#pragma once

#include "reference/naive.hpp"

namespace minigrad::reference {
namespace {

// out = f(x) with f on W: double for the floats, the integer itself for integers.
template <class X, class Out, class W, auto f>
Status map1(const Call& call) {
  const View& out = call.out[0];
  for_each(out, [&](const Position& p) {
    element<Out>(out, p, out.rank) = static_cast<Out>(f(static_cast<W>(element<X>(call.in[0], p, out.rank))));
  });
  return Status::ok;
}

template <class X, class Out, class W, auto f>
Status map2(const Call& call) {
  const View& out = call.out[0];
  for_each(out, [&](const Position& p) {
    element<Out>(out, p, out.rank) = static_cast<Out>(
        f(static_cast<W>(element<X>(call.in[0], p, out.rank)), static_cast<W>(element<X>(call.in[1], p, out.rank))));
  });
  return Status::ok;
}

template <auto f>
constexpr RunsByDType float1() {
  return floats(map1<float, float, double, f>, map1<double, double, double, f>);
}

template <auto f>
constexpr RunsByDType float2() {
  return floats(map2<float, float, double, f>, map2<double, double, double, f>);
}

}  // namespace
}  // namespace minigrad::reference
