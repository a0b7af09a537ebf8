// minigrad's own elementary functions for float and double, for files that are compiled once per instruction set.
//
// Every function here is branch-free (selects and integer operations on the bits), so that a plain loop over it
// vectorises, and uses nothing but +, -, *, /, fma, sqrt and integer operations in one fixed order: with fused
// multiply-add the bits are the same on every instruction set and with every compiler, in a vector lane and alone.
// Without it (the baseline) the bits differ.
//
// Polynomials are minimax polynomials for the relative error of the function, computed for minigrad with a Remez
// exchange in 50 digits; the coefficients are rounded one after the other, lowest power first, and the rest is fitted
// again after each rounding. "Error" is the largest difference from the exact value in units of the last place (ulp) of
// the result that was met with fma: over all 2^32 inputs for float (tests/cpp/ulp_sweep.cpp), over 40 million drawn for
// double and for pow. Without fma, over every 37th float and 4 million doubles, no error above 1.7 ulp was met.
// Results underflow gradually; no function sets or needs a floating-point mode.
#pragma once

#include <cstdint>

#include "isa/isa.hpp"
#include "isa/math_arc.hpp"
#include "isa/math_core.hpp"
#include "isa/math_erf.hpp"
#include "isa/math_exp.hpp"
#include "isa/math_hyperbolic.hpp"
#include "isa/math_log.hpp"
#include "isa/math_pairs.hpp"
#include "isa/math_pow.hpp"
#include "isa/math_trig.hpp"

// What an elementwise loop runs: fast(x) for every element and, where kHasSlowPath, slow_path(x) afterwards for those
// elements that slow(x) picks out; fast(x) means nothing for them. Which elements are slow depends on x alone. Where
// kOnRegisters, fast takes a register as well as a number.
namespace minigrad::MINIGRAD_ISA {
namespace {
namespace functions {

struct AlwaysFast {
  static constexpr bool kHasSlowPath = false, kOnRegisters = false;
};

struct OnRegisters {
  static constexpr bool kHasSlowPath = false, kOnRegisters = true;
};

template <class T>
struct Exp : OnRegisters {
  template <class V>
  [[gnu::always_inline]] static inline V fast(V x) {
    return math::exp(x);
  }
};

template <class T>
struct Log : OnRegisters {
  template <class V>
  [[gnu::always_inline]] static inline V fast(V x) {
    return math::log(x);
  }
};

template <class T>
struct Tanh : OnRegisters {
  template <class V>
  [[gnu::always_inline]] static inline V fast(V x) {
    return math::tanh(x);
  }
};

template <class T>
struct Sigmoid : OnRegisters {
  template <class V>
  [[gnu::always_inline]] static inline V fast(V x) {
    return math::sigmoid(x);
  }
};

template <class T>
struct Expm1 : OnRegisters {
  template <class V>
  [[gnu::always_inline]] static inline V fast(V x) {
    return math::expm1(x);
  }
};

template <class T>
struct Log1p : OnRegisters {
  template <class V>
  [[gnu::always_inline]] static inline V fast(V x) {
    return math::log1p(x);
  }
};

template <class T>
struct Erf : OnRegisters {
  template <class V>
  [[gnu::always_inline]] static inline V fast(V x) {
    return math::erf(x);
  }
};

template <class T>
struct Sqrt : AlwaysFast {
  [[gnu::always_inline]] static inline T fast(T x) { return math::sqrt(x); }
};

template <class T>
struct Exp2 : OnRegisters {
  template <class V>
  [[gnu::always_inline]] static inline V fast(V x) {
    return math::exp2(x);
  }
};

template <class T>
struct Asin : AlwaysFast {
  [[gnu::always_inline]] static inline T fast(T x) { return math::asin(x); }
};

template <class T>
struct Acos : AlwaysFast {
  [[gnu::always_inline]] static inline T fast(T x) { return math::acos(x); }
};

template <class T>
struct Atan : AlwaysFast {
  [[gnu::always_inline]] static inline T fast(T x) { return math::atan(x); }
};

template <class T>
struct Sinh : AlwaysFast {
  [[gnu::always_inline]] static inline T fast(T x) { return math::sinh(x); }
};

template <class T>
struct Cosh : AlwaysFast {
  [[gnu::always_inline]] static inline T fast(T x) { return math::cosh(x); }
};

template <class T>
struct Asinh : AlwaysFast {
  [[gnu::always_inline]] static inline T fast(T x) { return math::asinh(x); }
};

template <class T>
struct Acosh : AlwaysFast {
  [[gnu::always_inline]] static inline T fast(T x) { return math::acosh(x); }
};

template <class T>
struct Atanh : AlwaysFast {
  [[gnu::always_inline]] static inline T fast(T x) { return math::atanh(x); }
};

template <class T>
struct Log2 : OnRegisters {
  template <class V>
  [[gnu::always_inline]] static inline V fast(V x) {
    return math::log2(x);
  }
};

template <class T>
struct Log10 : OnRegisters {
  template <class V>
  [[gnu::always_inline]] static inline V fast(V x) {
    return math::log10(x);
  }
};

template <class T>
struct Rsqrt : AlwaysFast {
  [[gnu::always_inline]] static inline T fast(T x) { return 1 / math::sqrt(x); }
};

template <class T>
struct Pow : AlwaysFast {
  [[gnu::always_inline]] static inline T fast(T x, T y) { return math::pow(x, y); }
};

template <class T>
struct Atan2 : AlwaysFast {
  [[gnu::always_inline]] static inline T fast(T x, T y) { return math::atan2(x, y); }
};

template <class T>
struct Hypot : AlwaysFast {
  [[gnu::always_inline]] static inline T fast(T x, T y) { return math::hypot(x, y); }
};

template <class T>
struct Logaddexp : AlwaysFast {
  [[gnu::always_inline]] static inline T fast(T x, T y) { return math::logaddexp(x, y); }
};

template <class T>
struct Xlogy : AlwaysFast {
  [[gnu::always_inline]] static inline T fast(T x, T y) { return math::xlogy(x, y); }
};

template <class T>
struct Sin {
  static constexpr bool kHasSlowPath = true, kOnRegisters = false;
  [[gnu::always_inline]] static inline T fast(T x) { return math::sin_fast(x); }
  [[gnu::always_inline]] static inline bool slow(T x) { return math::abs(x) > math::kFastAngle<T>; }
  static T slow_path(T x) { return math::sin_slow(x); }
};

template <class T>
struct Cos {
  static constexpr bool kHasSlowPath = true, kOnRegisters = false;
  [[gnu::always_inline]] static inline T fast(T x) { return math::cos_fast(x); }
  [[gnu::always_inline]] static inline bool slow(T x) { return math::abs(x) > math::kFastAngle<T>; }
  static T slow_path(T x) { return math::cos_slow(x); }
};

template <class T>
struct Tan {
  static constexpr bool kHasSlowPath = true, kOnRegisters = false;
  [[gnu::always_inline]] static inline T fast(T x) { return math::tan_fast(x); }
  [[gnu::always_inline]] static inline bool slow(T x) { return math::abs(x) > math::kFastAngle<T>; }
  static T slow_path(T x) { return math::tan_slow(x); }
};

}  // namespace functions
}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
