// Elementwise kernels of integers and booleans. Signed overflow wraps around (the build sets -fwrapv).
//
// Compiled for each instruction set but v4, which has the runs of v3.
#include "core/kernel.hpp"
#include "core/loops.hpp"
#include "isa/math_division.hpp"
#include "kernels/elementwise_loops.hpp"
#include "kernels/elementwise_ops.hpp"
#include "kernels/reduce_integers.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// Bits. By how much to shift may be any number: what is shifted out at either end is gone.

struct BitwiseNot : Streaming {
  template <class T>
  static T apply(T x) {
    return static_cast<T>(~x);
  }
};

struct LogicalNot : Streaming {
  static uint8_t apply(uint8_t x) { return ~x & 1; }
};

// Vector instructions shift each number by its own, but for bytes: those by each bit of y in turn.
template <class T>
struct Wide {
  using Signed = std::conditional_t<sizeof(T) == 8, int64_t, int32_t>;
  using Bits = std::make_unsigned_t<Signed>;
  static constexpr Bits kMost = 8 * sizeof(Signed) - 1;  // by which it can be shifted
};

struct LeftShift : Streaming {
  template <class T>
  static T apply(T x, T y) {
    using Bits = typename Wide<T>::Bits;
    const auto by = static_cast<Bits>(y);
    const auto moved = static_cast<Bits>(x) << (by & Wide<T>::kMost);
    return (by & ~Wide<T>::kMost) == 0 ? static_cast<T>(moved) : T{0};
  }
  static uint8_t apply(uint8_t x, uint8_t y) {
    const uint8_t x0 = y < 8 ? x : 0;
    const uint8_t x1 = (y & 1) != 0 ? x0 << 1 : x0;
    const uint8_t x2 = (y & 2) != 0 ? x1 << 2 : x1;
    return (y & 4) != 0 ? x2 << 4 : x2;
  }
};

// Bits that differ from the sign's move down: of 8 and of 64 bits there are no vector instructions that keep a sign.
struct RightShift : Streaming {
  template <class T>
  static T apply(T x, T y) {
    using Bits = typename Wide<T>::Bits;
    const auto by = static_cast<Bits>(y);
    if constexpr (sizeof(T) == 2 || sizeof(T) == 4) {
      return static_cast<T>(x >> (by < Wide<T>::kMost ? by : Wide<T>::kMost));
    } else {
      const auto sign = static_cast<T>(x < 0 ? -1 : 0);
      using Number = std::conditional_t<sizeof(T) == 1, uint8_t, T>;
      return static_cast<T>(moved(static_cast<Number>(x ^ sign), static_cast<Number>(y)) ^ sign);
    }
  }
  static int64_t moved(int64_t x, int64_t y) {
    const auto by = static_cast<uint64_t>(y);
    return (by & ~uint64_t{63}) == 0 ? static_cast<int64_t>(static_cast<uint64_t>(x) >> (by & 63)) : 0;
  }
  static uint8_t moved(uint8_t x, uint8_t y) {
    const uint8_t x0 = y < 8 ? x : 0;
    const uint8_t x1 = (y & 1) != 0 ? x0 >> 1 : x0;
    const uint8_t x2 = (y & 2) != 0 ? x1 >> 2 : x1;
    return (y & 4) != 0 ? x2 >> 4 : x2;
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// Whole division. The smallest integer over -1 wraps around, as its negative does: the processor would trap.

constexpr double kDivisionNanoseconds = 2;

// x / y, towards 0. Vector instructions divide floats only, whose quotient of whole numbers with no more than half
// their digits is never rounded up to the next whole one.
template <class T>
[[gnu::always_inline]] inline T quotient_of(T x, T y) {
  if constexpr (sizeof(T) == 8) {
    const bool minus = y == -1;
    const T whole = x / (minus ? 1 : y);
    return minus ? -x : whole;
  } else {
    using Float = std::conditional_t<sizeof(T) == 4, double, float>;
    return static_cast<T>(truncated<int32_t>(static_cast<Float>(x) / static_cast<Float>(y)));
  }
}

// x = quotient y + rest, the rest of x's sign. Signs are data: no branch depends on them.
template <class T>
struct Division {
  T quotient, rest;
  [[gnu::always_inline]] Division(T x, T y, T towards_0)
      : quotient(towards_0), rest(static_cast<T>(x - towards_0 * y)) {
    up = (rest != 0) & ((rest < 0) != (y < 0));
  }
  bool up;  // whether the quotient was rounded up
};

// What is wanted of it.

struct TruncDivide {
  template <class T>
  [[gnu::always_inline]] static T finish(Division<T> d, T) {
    return d.quotient;
  }
};

struct FloorDivide {
  template <class T>
  [[gnu::always_inline]] static T finish(Division<T> d, T) {
    return static_cast<T>(d.quotient - static_cast<T>(d.up));
  }
};

struct Fmod {
  template <class T>
  [[gnu::always_inline]] static T finish(Division<T> d, T) {
    return d.rest;
  }
};

struct Remainder {
  template <class T>
  [[gnu::always_inline]] static T finish(Division<T> d, T y) {
    return static_cast<T>(d.rest + (y & static_cast<T>(-static_cast<T>(d.up))));
  }
};

template <class F>
struct Divided {
  static constexpr double kNanoseconds = kDivisionNanoseconds;
  template <class T>
  static T apply(T x, T y) {
    return F::finish(Division<T>(x, y, quotient_of(x, y)), y);
  }
};

// Integers of 64 bits between -2^51 and 2^51 are divided as doubles: a quotient of such numbers is not rounded up to
// the next whole one either. Added to kMiddle they are the last bits of a double, which is how vector instructions
// convert them.
constexpr int64_t kNarrow = int64_t{1} << 51;
constexpr double kMiddle = 0x1.8p52;
constexpr auto kMiddleBits = __builtin_bit_cast(int64_t, kMiddle);

inline double narrow_to_double(int64_t x) { return __builtin_bit_cast(double, x + kMiddleBits) - kMiddle; }

constexpr int64_t kLongBlock = 256;

[[gnu::noinline]] void divide_block(int64_t* quotients, int64_t size, const int64_t* x, const int64_t* y) {
  int64_t wide = 0;
#pragma omp simd reduction(| : wide)
  for (int64_t i = 0; i < size; ++i) wide |= (x[i] + kNarrow) | (y[i] + kNarrow);
  if (static_cast<uint64_t>(wide) < 2 * static_cast<uint64_t>(kNarrow)) {
#pragma omp simd
    for (int64_t i = 0; i < size; ++i) {
      const double quotient = math::trunc(narrow_to_double(x[i]) / narrow_to_double(y[i]));
      quotients[i] = __builtin_bit_cast(int64_t, quotient + kMiddle) - kMiddleBits;
    }
  } else {
    for (int64_t i = 0; i < size; ++i) quotients[i] = quotient_of(x[i], y[i]);
  }
}

template <class F>
Status run_long_division(const Call& call) {
  const auto loop = [](const void*, void* out, int64_t size, const Neighbours& in) {
    auto *const x = static_cast<const int64_t*>(in.x[0]), *const y = static_cast<const int64_t*>(in.x[1]);
    int64_t quotients[kLongBlock];
    divide_block(quotients, size, x, y);
#pragma omp simd
    for (int64_t i = 0; i < size; ++i) {
      static_cast<int64_t*>(out)[i] = F::finish(Division<int64_t>(x[i], y[i], quotients[i]), y[i]);
    }
  };
  return walk(call, {2, kDivisionNanoseconds, loop, nullptr, kLongBlock});
}

template <class T>
bool has_zero(const View& x) {
  const View* const operands[] = {&x};
  const Nest<1> nest = make_nest(operands);
  const int64_t step = nest.stride[0][nest.rank - 1];
  T zeros = 0;
  for_rows(nest, 0, nest.size, [&](const int64_t* offset, int64_t count) {
    const T* const row = x.as<T>() + offset[0];
    if (step == 1) {
#pragma omp simd reduction(| : zeros)
      for (int64_t i = 0; i < count; ++i) zeros |= static_cast<T>(row[i] == 0);
    } else {
      for (int64_t i = 0; i < count; ++i) zeros |= static_cast<T>(row[i * step] == 0);
    }
  });
  return zeros != 0;
}

template <class Op, class T>
Status run_division(const Call& call) {
  if (call.out[0].size() > 0 && has_zero<std::make_unsigned_t<T>>(call.in[1])) return Status::integer_division_by_zero;
  if constexpr (sizeof(T) == 8) return run_long_division<Op>(call);
  return run_binary<Divided<Op>, T>(call);
}

// ---------------------------------------------------------------------------------------------------------------------
// Powers, by repeated squaring.

// x^y modulo 2^64. Of one over a whole number something is left for 1 and -1 only, which are their own reciprocals.
[[gnu::noinline]] uint64_t power_of(int64_t x, int64_t y) {
  if (y < 0 && x != 1 && x != -1) return 0;
  uint64_t power = 1, square = static_cast<uint64_t>(x);
  for (auto left = static_cast<uint64_t>(y < 0 ? y & 1 : y); left != 0; left >>= 1) {
    if ((left & 1) != 0) power *= square;
    square *= square;
  }
  return power;
}

struct Power {
  static constexpr double kNanoseconds = 5;
  template <class T>
  static T apply(T x, T y) {
    return static_cast<T>(power_of(x, y));
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// Divisors and multiples, of the numbers without their signs.

// The greatest number that divides both; of 0 and another, that one. Which of two odd numbers is less is as good as
// drawn by lot, so no branch depends on it; their difference ends with as many zeros either way round.
[[gnu::noinline]] uint64_t divisor_of(uint64_t x, uint64_t y) {
  if (x == 0 || y == 0) return x | y;
  const int twos = __builtin_ctzll(x | y);
  x >>= __builtin_ctzll(x);
  y >>= __builtin_ctzll(y);
  while (x != y) {
    const int zeros = __builtin_ctzll(x - y);
    const uint64_t smaller = x < y ? x : y, larger = x < y ? y : x;
    x = smaller;
    y = (larger - smaller) >> zeros;
  }
  return x << twos;
}

template <class T>
uint64_t size_of(T x) {
  const auto bits = static_cast<uint64_t>(x);
  return x < 0 ? -bits : bits;
}

struct Gcd {
  static constexpr double kNanoseconds = 20;
  template <class T>
  static T apply(T x, T y) {
    return static_cast<T>(divisor_of(size_of(x), size_of(y)));
  }
};

// As all integers, it wraps around.
struct Lcm {
  static constexpr double kNanoseconds = 25;
  template <class T>
  static T apply(T x, T y) {
    const uint64_t divisor = divisor_of(size_of(x), size_of(y));
    return divisor == 0 ? T{0} : static_cast<T>(size_of(x) / divisor * size_of(y));
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// Runs. Where the sign makes no difference, numbers of one size share their code.

template <class Op>
struct Unary {
  template <class T>
  static constexpr RunFunction of = run_unary<Op, T>;
};

template <class Op>
struct Binary {
  template <class T>
  static constexpr RunFunction of = run_binary<Op, T>;
};

template <class Op>
struct Comparison {
  template <class T>
  static constexpr RunFunction of = run_binary<Op, T, bool>;
};

template <class Op>
struct Logic {
  template <class T>
  static constexpr RunFunction of = run_logic<Op, T>;
};

template <class Op>
struct Quotient {
  template <class T>
  static constexpr RunFunction of = run_division<Op, T>;
};

// Combines more numbers at a time than what is compiled once.
template <class Op>
struct Reduction {
  template <class T>
  static Status run(const Call& call) {
    return run_integers(call, LoopsOf<Op, T>::kLoops);
  }
  template <class T>
  static constexpr RunFunction of = run<T>;
};

struct Limits {
  template <class T>
  static constexpr RunFunction of = run_map<Clamp, T, T, T, T>;
};

struct Choice {
  template <class T>
  static constexpr RunFunction of = run_map<Where, T, uint8_t, T, T>;
};

constexpr RunsByDType runs(RunFunction uint8, RunFunction int8, RunFunction int16, RunFunction int32,
                           RunFunction int64) {
  return {{nullptr, uint8, int8, int16, int32, int64}};
}

template <class R>
constexpr RunsByDType numbers() {
  return runs(R::template of<uint8_t>, R::template of<int8_t>, R::template of<int16_t>, R::template of<int32_t>,
              R::template of<int64_t>);
}

template <class R>
constexpr RunsByDType bits() {
  return runs(R::template of<uint8_t>, R::template of<uint8_t>, R::template of<uint16_t>, R::template of<uint32_t>,
              R::template of<uint64_t>);
}

constexpr RunsByDType with_boolean(RunsByDType runs, RunFunction boolean) {
  runs.of[static_cast<int>(DType::boolean)] = boolean;
  return runs;
}

// Booleans as the bytes that they are.
constexpr RunsByDType with_bytes(RunsByDType runs) { return with_boolean(runs, runs[DType::uint8]); }

// Of what is only moved, floats too are no more than their bits.
template <class R>
constexpr RunsByDType moves() {
  RunsByDType runs = with_bytes(bits<R>());
  runs.of[static_cast<int>(DType::float16)] = runs[DType::int16];
  runs.of[static_cast<int>(DType::float32)] = runs[DType::int32];
  runs.of[static_cast<int>(DType::float64)] = runs[DType::int64];
  return runs;
}

constexpr Run kRows[] = {
    {"copy", moves<Unary<Copy>>()},
    {"clone", moves<Unary<Copy>>()},
    {"where", moves<Choice>()},
    {"floor", bits<Unary<Copy>>()},
    {"ceil", bits<Unary<Copy>>()},
    {"trunc", bits<Unary<Copy>>()},
    {"round", bits<Unary<Copy>>()},
    {"neg", bits<Unary<Neg>>()},
    {"abs", numbers<Unary<Abs>>()},
    {"sign", with_boolean(numbers<Unary<Sign>>(), run_unary<Copy, uint8_t>)},
    {"relu", numbers<Unary<Relu>>()},
    {"add", with_boolean(bits<Binary<Add>>(), run_binary<Maximum, uint8_t>)},
    {"sub", bits<Binary<Sub>>()},
    {"mul", with_boolean(bits<Binary<Mul>>(), run_binary<Minimum, uint8_t>)},
    {"floor_divide", numbers<Quotient<FloorDivide>>()},
    {"trunc_divide", numbers<Quotient<TruncDivide>>()},
    {"remainder", numbers<Quotient<Remainder>>()},
    {"fmod", numbers<Quotient<Fmod>>()},
    {"pow", numbers<Binary<Power>>()},
    {"gcd", numbers<Binary<Gcd>>()},
    {"lcm", numbers<Binary<Lcm>>()},
    {"maximum", with_bytes(numbers<Binary<Maximum>>())},
    {"minimum", with_bytes(numbers<Binary<Minimum>>())},
    {"sum", runs(nullptr, nullptr, nullptr, nullptr, Reduction<IntegerSum>::of<int64_t>)},
    {"max", with_bytes(numbers<Reduction<IntegerLargest>>())},
    {"min", with_bytes(numbers<Reduction<IntegerSmallest>>())},
    {"eq", with_bytes(bits<Comparison<Eq>>())},
    {"ne", with_bytes(bits<Comparison<Ne>>())},
    {"lt", with_bytes(numbers<Comparison<Lt>>())},
    {"le", with_bytes(numbers<Comparison<Le>>())},
    {"gt", with_bytes(numbers<Comparison<Swapped<Lt>>>())},
    {"ge", with_bytes(numbers<Comparison<Swapped<Le>>>())},
    {"logical_and", with_boolean(bits<Logic<BitwiseAnd>>(), run_binary<BitwiseAnd, uint8_t>)},
    {"logical_or", with_boolean(bits<Logic<BitwiseOr>>(), run_binary<BitwiseOr, uint8_t>)},
    {"logical_xor", with_boolean(bits<Logic<BitwiseXor>>(), run_binary<BitwiseXor, uint8_t>)},
    {"heaviside", with_bytes(numbers<Binary<Heaviside>>())},
    {"clamp", with_bytes(numbers<Limits>())},
    {"bitwise_not", with_boolean(bits<Unary<BitwiseNot>>(), run_unary<LogicalNot, uint8_t>)},
    {"bitwise_and", with_bytes(bits<Binary<BitwiseAnd>>())},
    {"bitwise_or", with_bytes(bits<Binary<BitwiseOr>>())},
    {"bitwise_xor", with_bytes(bits<Binary<BitwiseXor>>())},
    {"bitwise_left_shift", bits<Binary<LeftShift>>()},
    {"bitwise_right_shift", numbers<Binary<RightShift>>()},
};

}  // namespace

extern const Runs integers_runs;
const Runs integers_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::MINIGRAD_ISA
