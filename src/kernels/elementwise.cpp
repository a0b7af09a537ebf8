// The elementwise kernels' plans and rows, and their runs for integers and booleans.
#include "reference/elementwise.hpp"

#include <type_traits>

#include "core/half.hpp"
#include "core/kernel.hpp"
#include "core/loops.hpp"
#include "core/plans.hpp"
#include "kernels/elementwise_loops.hpp"
#include "kernels/elementwise_ops.hpp"
#include "kernels/elementwise_rows.hpp"

namespace minigrad {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// Plans: the output has the shape that all inputs broadcast to.

void plan_compare(Plan& plan) { plan_broadcast(plan, DType::boolean); }
void plan_where(Plan& plan) { plan_broadcast(plan, plan.in[1].dtype); }

// A copy is row-major, a clone lies as what it is made of.
void plan_copy(Plan& plan) {
  plan_map(plan);
  plan.layout = InputLayout::any;
}

void plan_cast(Plan& plan) {
  const int64_t code = plan.attributes[0].integer();
  if (code < 0 || code >= kDTypeCount) fail(plan, ErrorKind::value, "no dtype has the code " + std::to_string(code));
  plan_broadcast(plan, static_cast<DType>(code));
}

// ---------------------------------------------------------------------------------------------------------------------
// Conversions between all dtypes. A boolean is read as the byte that it is, of which the compiler makes vector code.

template <class X>
Status run_cast(const Call& call) {
  constexpr RunFunction kByTarget[kDTypeCount] = {
      run_unary<ConvertTo<X, bool>, X, bool>,       run_unary<ConvertTo<X, uint8_t>, X, uint8_t>,
      run_unary<ConvertTo<X, int8_t>, X, int8_t>,   run_unary<ConvertTo<X, int16_t>, X, int16_t>,
      run_unary<ConvertTo<X, int32_t>, X, int32_t>, run_unary<ConvertTo<X, int64_t>, X, int64_t>,
      run_unary<ConvertTo<X, float>, X, float>,     run_unary<ConvertTo<X, double>, X, double>,
      run_unary<ConvertTo<X, Half>, X, Half>,
  };
  return kByTarget[static_cast<int>(call.out[0].dtype)](call);
}

// ---------------------------------------------------------------------------------------------------------------------
// Runs for integers and booleans. Signed overflow wraps around (the build sets -fwrapv).

template <class Op>
constexpr RunsByDType integer_unary() {
  return {{nullptr, run_unary<Op, uint8_t>, run_unary<Op, int8_t>, run_unary<Op, int16_t>, run_unary<Op, int32_t>,
           run_unary<Op, int64_t>, nullptr, nullptr}};
}

template <class Op>
constexpr RunsByDType integer_binary() {
  return {{nullptr, run_binary<Op, uint8_t>, run_binary<Op, int8_t>, run_binary<Op, int16_t>, run_binary<Op, int32_t>,
           run_binary<Op, int64_t>, nullptr, nullptr}};
}

template <class Op>
constexpr RunsByDType integer_compare() {
  return {{run_binary<Op, bool>, run_binary<Op, uint8_t, bool>, run_binary<Op, int8_t, bool>,
           run_binary<Op, int16_t, bool>, run_binary<Op, int32_t, bool>, run_binary<Op, int64_t, bool>, nullptr,
           nullptr}};
}

constexpr RunsByDType with_boolean(RunsByDType runs, RunFunction boolean) {
  runs.of[static_cast<int>(DType::boolean)] = boolean;
  return runs;
}

constexpr RunsByDType with_half(RunsByDType runs, RunFunction half) {
  runs.of[static_cast<int>(DType::float16)] = half;
  return runs;
}

// ---------------------------------------------------------------------------------------------------------------------
// Whole division. The smallest integer over -1 wraps around, as its negative does: the processor would trap.

constexpr double kDivisionNanoseconds = 3;

// x = quotient y + rest, the rest of x's sign. Signs are data: no branch depends on them.
template <class T>
struct Division {
  T quotient, rest;
  Division(T x, T y) {
    const bool minus = std::is_signed_v<T> && y == static_cast<T>(-1);
    const T by = minus ? T{1} : y, whole = static_cast<T>(x / by);
    quotient = minus ? static_cast<T>(-x) : whole;
    rest = static_cast<T>(x - whole * by);
    up = (rest != 0) & ((rest < 0) != (y < 0));
  }
  bool up;  // whether the quotient was rounded up
};

struct TruncDivide {
  static constexpr double kNanoseconds = kDivisionNanoseconds;
  template <class T>
  static T apply(T x, T y) {
    return Division<T>(x, y).quotient;
  }
};

struct FloorDivide {
  static constexpr double kNanoseconds = kDivisionNanoseconds;
  template <class T>
  static T apply(T x, T y) {
    const Division<T> d(x, y);
    return static_cast<T>(d.quotient - static_cast<T>(d.up));
  }
};

struct Fmod {
  static constexpr double kNanoseconds = kDivisionNanoseconds;
  template <class T>
  static T apply(T x, T y) {
    return Division<T>(x, y).rest;
  }
};

struct Remainder {
  static constexpr double kNanoseconds = kDivisionNanoseconds;
  template <class T>
  static T apply(T x, T y) {
    const Division<T> d(x, y);
    return static_cast<T>(d.rest + (y & static_cast<T>(-static_cast<T>(d.up))));
  }
};

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
  if (call.out[0].size() > 0 && has_zero<T>(call.in[1])) return Status::integer_division_by_zero;
  return run_binary<Op, T>(call);
}

template <class Op>
constexpr RunsByDType integer_division() {
  return {{nullptr, run_division<Op, uint8_t>, run_division<Op, int8_t>, run_division<Op, int16_t>,
           run_division<Op, int32_t>, run_division<Op, int64_t>, nullptr, nullptr}};
}

// ---------------------------------------------------------------------------------------------------------------------
// Bits. By how much to shift may be any number: what is shifted out at either end is gone.

struct BitwiseNot : Streaming {
  template <class T>
  static T apply(T x) {
    return static_cast<T>(~x);
  }
};

// A boolean as the byte that it is, of which the compiler makes vector code.
struct LogicalNot : Streaming {
  static uint8_t apply(uint8_t x) { return ~x & 1; }
};

struct BitwiseAnd : Streaming {
  template <class T>
  static T apply(T x, T y) {
    return static_cast<T>(x & y);
  }
};

struct BitwiseOr : Streaming {
  template <class T>
  static T apply(T x, T y) {
    return static_cast<T>(x | y);
  }
};

struct BitwiseXor : Streaming {
  template <class T>
  static T apply(T x, T y) {
    return static_cast<T>(x ^ y);
  }
};

template <class T>
bool shifts_within(T y) {
  return y >= 0 && y < static_cast<T>(8 * sizeof(T));
}

struct LeftShift : Streaming {
  template <class T>
  static T apply(T x, T y) {
    const auto wide = static_cast<uint64_t>(x);
    return shifts_within(y) ? static_cast<T>(wide << static_cast<unsigned>(y)) : T{0};
  }
};

struct RightShift : Streaming {
  template <class T>
  static T apply(T x, T y) {
    const T gone = x < 0 ? static_cast<T>(-1) : T{0};
    return shifts_within(y) ? static_cast<T>(x >> static_cast<unsigned>(y)) : gone;
  }
};

constexpr RunsByDType kCasts = {{run_cast<uint8_t>, run_cast<uint8_t>, run_cast<int8_t>, run_cast<int16_t>,
                                 run_cast<int32_t>, run_cast<int64_t>, run_cast<float>, run_cast<double>,
                                 run_cast<Half>}};

// What begins where no instruction set has anything better (see the casts in elementwise.isa.cpp).
constexpr RunsByDType common_casts() {
  RunsByDType runs = kCasts;
  for (const DType dtype : {DType::boolean, DType::int64, DType::float32, DType::float16})
    runs.of[static_cast<int>(dtype)] = nullptr;
  return runs;
}

template <class T>
constexpr RunFunction kWhere = run_map<Where, T, uint8_t, T, T>;

constexpr RunsByDType kWhereRuns = {{kWhere<bool>, kWhere<uint8_t>, kWhere<int8_t>, kWhere<int16_t>, kWhere<int32_t>,
                                     kWhere<int64_t>, nullptr, nullptr, kWhere<Half>}};

template <class T>
constexpr RunFunction kClamp = run_map<Clamp, T, T, T, T>;

constexpr RunsByDType kClampRuns = {{kClamp<bool>, kClamp<uint8_t>, kClamp<int8_t>, kClamp<int16_t>, kClamp<int32_t>,
                                     kClamp<int64_t>, nullptr, nullptr}};

constexpr RunsByDType kCopies =
    with_half(with_boolean(integer_unary<Copy>(), run_unary<Copy, bool>), run_unary<Copy, Half>);

constexpr Run kRuns[] = {
    {"cast", common_casts()},
    {"copy", kCopies},
    {"clone", kCopies},
    {"neg", integer_unary<Neg>()},
    {"abs", integer_unary<Abs>()},
    {"sign", with_boolean(integer_unary<Sign>(), run_unary<Copy, bool>)},
    {"relu", integer_unary<Relu>()},
    {"add", with_half(with_boolean(integer_binary<Add>(), run_binary<Maximum, bool>), run_binary<Add, Half>)},
    {"sub", integer_binary<Sub>()},
    {"mul", with_boolean(integer_binary<Mul>(), run_binary<Minimum, bool>)},
    {"floor_divide", integer_division<FloorDivide>()},
    {"trunc_divide", integer_division<TruncDivide>()},
    {"remainder", integer_division<Remainder>()},
    {"fmod", integer_division<Fmod>()},
    {"maximum", with_boolean(integer_binary<Maximum>(), run_binary<Maximum, bool>)},
    {"minimum", with_boolean(integer_binary<Minimum>(), run_binary<Minimum, bool>)},
    {"eq", integer_compare<Eq>()},
    {"ne", integer_compare<Ne>()},
    {"lt", integer_compare<Lt>()},
    {"le", integer_compare<Le>()},
    {"gt", integer_compare<Gt>()},
    {"ge", integer_compare<Ge>()},
    {"where", kWhereRuns},
    {"floor", integer_unary<Copy>()},
    {"ceil", integer_unary<Copy>()},
    {"trunc", integer_unary<Copy>()},
    {"round", integer_unary<Copy>()},
    {"heaviside", with_boolean(integer_binary<Heaviside>(), run_binary<Heaviside, bool>)},
    {"clamp", kClampRuns},
    {"bitwise_not", with_boolean(integer_unary<BitwiseNot>(), run_unary<LogicalNot, uint8_t>)},
    {"bitwise_and", with_boolean(integer_binary<BitwiseAnd>(), run_binary<BitwiseAnd, bool>)},
    {"bitwise_or", with_boolean(integer_binary<BitwiseOr>(), run_binary<BitwiseOr, bool>)},
    {"bitwise_xor", with_boolean(integer_binary<BitwiseXor>(), run_binary<BitwiseXor, bool>)},
    {"bitwise_left_shift", integer_binary<LeftShift>()},
    {"bitwise_right_shift", integer_binary<RightShift>()},
};

// ---------------------------------------------------------------------------------------------------------------------
// Rows.

constexpr Kernel compare(const char* name, const RunsByDType* reference) {
  return {.name = name,
          .inputs = {"x", "y"},
          .types = "TT",
          .outputs = {"out"},
          .plan = plan_compare,
          .reference = reference};
}

constexpr Kernel ternary(const char* name, const RunsByDType* reference, const char* x, const char* y, const char* z) {
  return {
      .name = name, .inputs = {x, y, z}, .types = "TTT", .outputs = {"out"}, .plan = plan_map, .reference = reference};
}

constexpr Kernel quaternary(const char* name, const RunsByDType* reference, const char* x, const char* y, const char* z,
                            const char* w) {
  return {.name = name,
          .inputs = {x, y, z, w},
          .types = "TTTT",
          .outputs = {"out"},
          .plan = plan_map,
          .reference = reference};
}

constexpr Kernel kRows[] = {
    {.name = "copy",
     .inputs = {"x"},
     .types = "T",
     .outputs = {"out"},
     .plan = plan_copy,
     .reference = &reference::copy},
    unary("clone", &reference::copy),
    unary("neg", &reference::neg),
    unary("abs", &reference::abs),
    unary("sign", &reference::sign),
    unary("sqrt", &reference::sqrt),
    unary("exp", &reference::exp),
    unary("log", &reference::log),
    unary("sin", &reference::sin),
    unary("cos", &reference::cos),
    unary("tanh", &reference::tanh),
    unary("sigmoid", &reference::sigmoid),
    unary("relu", &reference::relu),
    binary("add", &reference::add),
    without_flags(binary("sub", &reference::sub)),
    binary("mul", &reference::mul),
    binary("safe_mul", &reference::safe_mul),
    binary("div", &reference::div),
    binary("safe_div", &reference::safe_div),
    binary("floor_divide", &reference::floor_divide),
    binary("trunc_divide", &reference::trunc_divide),
    binary("remainder", &reference::remainder),
    binary("fmod", &reference::fmod),
    binary("pow", &reference::pow),
    binary("maximum", &reference::maximum),
    binary("minimum", &reference::minimum),
    binary("maximum_share", &reference::maximum_share),
    derivative("relu_grad", &reference::relu_grad),
    derivative("tanh_grad", &reference::tanh_grad),
    derivative("sigmoid_grad", &reference::sigmoid_grad),
    compare("eq", &reference::eq),
    compare("ne", &reference::ne),
    compare("lt", &reference::lt),
    compare("le", &reference::le),
    compare("gt", &reference::gt),
    compare("ge", &reference::ge),
    unary("floor", &reference::floor),
    unary("ceil", &reference::ceil),
    unary("trunc", &reference::trunc),
    unary("round", &reference::round),
    unary("frac", &reference::frac),
    unary("cube", &reference::cube),
    unary("inverse_square", &reference::inverse_square),
    binary("copysign", &reference::copysign),
    binary("heaviside", &reference::heaviside),
    binary("fmax", &reference::fmax),
    binary("fmin", &reference::fmin),
    unary("bitwise_not", &reference::bitwise_not),
    binary("bitwise_and", &reference::bitwise_and),
    binary("bitwise_or", &reference::bitwise_or),
    binary("bitwise_xor", &reference::bitwise_xor),
    binary("bitwise_left_shift", &reference::bitwise_left_shift),
    binary("bitwise_right_shift", &reference::bitwise_right_shift),
    ternary("clamp", &reference::clamp, "x", "lower", "upper"),
    ternary("lerp", &reference::lerp, "x", "y", "weight"),
    ternary("prelu", &reference::prelu, "y", "x", "weight"),
    quaternary("addcmul", &reference::addcmul, "x", "y", "z", "value"),
    quaternary("addcdiv", &reference::addcdiv, "x", "y", "z", "value"),
    quaternary("nan_to_num", &reference::nan_to_num, "x", "nan", "above", "below"),
    {.name = "clamp_grad",
     .inputs = {"g", "x", "lower", "upper"},
     .types = "TTTT",
     .outputs = {"out"},
     .attributes = {{"argument", AttributeKind::integer}},
     .plan = plan_map,
     .reference = &reference::clamp_grad},
    {.name = "where",
     .inputs = {"condition", "x", "y"},
     .types = "bTT",
     .outputs = {"out"},
     .plan = plan_where,
     .reference = &reference::where},
    {.name = "cast",
     .inputs = {"x"},
     .types = "T",
     .outputs = {"out"},
     .attributes = {{"dtype", AttributeKind::integer}},
     .plan = plan_cast,
     .reference = &reference::cast},
};

}  // namespace

Status run_common_cast(const Call& call) { return kCasts[call.in[0].dtype](call); }

extern const Kernels elementwise_kernels;
const Kernels elementwise_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

extern const Runs elementwise_runs;
const Runs elementwise_runs = {kRuns, sizeof(kRuns) / sizeof(Run)};

}  // namespace minigrad
