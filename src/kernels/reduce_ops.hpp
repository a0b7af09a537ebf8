// What combines two values: sums, products and extrema. V is a number or a register full of them; read() is what an
// element counts as.
#pragma once

#include <type_traits>
#include "isa/isa.hpp"
#include "isa/lanes.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

struct AsItIs {
  static constexpr bool kInAnyOrder = false;  // whether the order of elements changes no bit
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

// The bits of a number or of each lane, as integers, and back.
template <class V>
[[gnu::always_inline]] inline auto bits_of(V x) {
  if constexpr (std::is_same_v<V, float>) {
    return __builtin_bit_cast(int32_t, x);
  } else if constexpr (std::is_same_v<V, double>) {
    return __builtin_bit_cast(int64_t, x);
  } else {
    return __builtin_bit_cast(decltype(x < x), x);
  }
}

// x without its sign where y has none.
template <class V, class Bits>
[[gnu::always_inline]] inline V signed_if_both(V x, Bits y) {
  return __builtin_bit_cast(V, bits_of(x) & (y | ~bits_of(-V{})));
}

// x with a sign where y has one.
template <class V, class Bits>
[[gnu::always_inline]] inline V signed_if_either(V x, Bits y) {
  return __builtin_bit_cast(V, bits_of(x) | (y & bits_of(-V{})));
}

// NaN where either is NaN; +0 is greater than -0. So the order of elements does not matter: the largest one has a sign
// if all have one, the smallest one if any has. Written so that an accumulator in x waits for a maximum and a select
// only.
struct Largest : AsItIs {
  static constexpr bool kInAnyOrder = true;
  template <class T>
  static constexpr T kIdentity = static_cast<T>(-__builtin_inff());
  template <class V>
  [[gnu::always_inline]] static inline V combine(V x, V y) {
    const V of_numbers = signed_if_both(max_of(x, y), bits_of(y));
    return y != y ? y : of_numbers;
  }
  // A group of four combined with `total`: one look for NaN is enough.
  template <class V>
  [[gnu::always_inline]] static inline V add_four(V total, V a, V b, V c, V d) {
    in_registers(a, b, c, d);
    const auto signs = bits_of(a) & bits_of(b) & bits_of(c) & bits_of(d);
    const V largest = max_of(total, max_of(max_of(a, b), max_of(c, d)));
    return unless_nan(signed_if_both(largest, signs), a, b, c, d);
  }
};

struct Smallest : AsItIs {
  static constexpr bool kInAnyOrder = true;
  template <class T>
  static constexpr T kIdentity = static_cast<T>(__builtin_inff());
  template <class V>
  [[gnu::always_inline]] static inline V combine(V x, V y) {
    const V of_numbers = signed_if_either(min_of(x, y), bits_of(y));
    return y != y ? y : of_numbers;
  }
  // A group of four combined with `total`: one look for NaN is enough.
  template <class V>
  [[gnu::always_inline]] static inline V add_four(V total, V a, V b, V c, V d) {
    in_registers(a, b, c, d);
    const auto signs = bits_of(a) | bits_of(b) | bits_of(c) | bits_of(d);
    const V smallest = min_of(total, min_of(min_of(a, b), min_of(c, d)));
    return unless_nan(signed_if_either(smallest, signs), a, b, c, d);
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
