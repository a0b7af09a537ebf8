// What combines two values: sums, products and extrema. V is a number or a register full of them; read() is what an
// element counts as.
#pragma once

#include "isa/isa.hpp"
#include "isa/lanes.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

struct AsItIs {
  template <class V>
  [[gnu::always_inline]] static inline V read(V x) {
    return x;
  }
};

struct Sum : AsItIs {
  template <class T>
  static constexpr T kIdentity = 0;
  template <class V>
  [[gnu::always_inline]] static inline V combine(V x, V y) {
    return x + y;
  }
};

// NaN counts as 0.
struct SumOfNumbers : Sum {
  template <class V>
  [[gnu::always_inline]] static inline V read(V x) {
    return x == x ? x : V{};
  }
};

struct Product : AsItIs {
  template <class T>
  static constexpr T kIdentity = 1;
  template <class V>
  [[gnu::always_inline]] static inline V combine(V x, V y) {
    return x * y;
  }
};

// NaN where either is NaN; the first one of +0 and -0. Written so that an accumulator in x waits for a maximum and a
// select only.
struct Largest : AsItIs {
  template <class T>
  static constexpr T kIdentity = static_cast<T>(-__builtin_inff());
  template <class V>
  [[gnu::always_inline]] static inline V combine(V x, V y) {
    const V of_numbers = max_of(x, y);
    return y != y ? y : of_numbers;
  }
  // A group of four combined with `total`: one look for NaN is enough.
  template <class V>
  [[gnu::always_inline]] static inline V add_four(V total, V a, V b, V c, V d) {
    return unless_nan(max_of(total, max_of(max_of(a, b), max_of(c, d))), a, b, c, d);
  }
};

struct Smallest : AsItIs {
  template <class T>
  static constexpr T kIdentity = static_cast<T>(__builtin_inff());
  template <class V>
  [[gnu::always_inline]] static inline V combine(V x, V y) {
    const V of_numbers = min_of(x, y);
    return y != y ? y : of_numbers;
  }
  // A group of four combined with `total`: one look for NaN is enough.
  template <class V>
  [[gnu::always_inline]] static inline V add_four(V total, V a, V b, V c, V d) {
    return unless_nan(min_of(total, min_of(min_of(a, b), min_of(c, d))), a, b, c, d);
  }
};

// total ((a b)(c d)).
template <class Op, class V>
[[gnu::always_inline]] inline V add_four(V total, V a, V b, V c, V d) {
  if constexpr (requires { Op::add_four(total, a, b, c, d); }) return Op::add_four(total, a, b, c, d);
  return Op::combine(total, Op::combine(Op::combine(a, b), Op::combine(c, d)));
}

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
