#include "reference/elementwise.hpp"

#include <cmath>
#include <type_traits>

#include "core/half.hpp"
#include "reference/map.hpp"

namespace minigrad::reference {
namespace {

template <class T>
Status where_of(const Call& call) {
  const View& out = call.out[0];
  for_each(out, [&](const Position& p) {
    const int chosen = element<bool>(call.in[0], p, out.rank) ? 1 : 2;
    element<T>(out, p, out.rank) = element<T>(call.in[chosen], p, out.rank);
  });
  return Status::ok;
}

template <class X>
Status cast_of(const Call& call) {
  constexpr auto same = [](X x) { return x; };
  constexpr RunFunction kByTarget[kDTypeCount] = {
      map1<X, bool, X, same>,    map1<X, uint8_t, X, same>, map1<X, int8_t, X, same>,
      map1<X, int16_t, X, same>, map1<X, int32_t, X, same>, map1<X, int64_t, X, same>,
      map1<X, float, X, same>,   map1<X, double, X, same>,  map1<X, Half, X, same>};
  return kByTarget[static_cast<int>(call.out[0].dtype)](call);
}

// Any number of operands of one dtype.
template <class T, class W, auto f, int... i>
Status map_of(const Call& call) {
  const View& out = call.out[0];
  for_each(out, [&](const Position& p) {
    element<T>(out, p, out.rank) = static_cast<T>(f(static_cast<W>(element<T>(call.in[i], p, out.rank))...));
  });
  return Status::ok;
}

// The cotangent of argument 0, 1 or 2 of clamp: it goes to the one that clamp returns.
template <class T>
Status clamp_grad_of(const Call& call) {
  const View& out = call.out[0];
  for_each(out, [&](const Position& p) {
    const T x = element<T>(call.in[1], p, out.rank);
    const T lower = element<T>(call.in[2], p, out.rank), upper = element<T>(call.in[3], p, out.rank);
    const bool returned[] = {x >= lower && x <= upper, x < lower && lower<upper, x> upper || upper < lower};
    element<T>(out, p, out.rank) = returned[call.attributes[0].integer()] ? element<T>(call.in[0], p, out.rank) : T(0);
  });
  return Status::ok;
}

template <auto f>
constexpr RunsByDType any1() {
  return {{map1<bool, bool, bool, f>, map1<uint8_t, uint8_t, uint8_t, f>, map1<int8_t, int8_t, int8_t, f>,
           map1<int16_t, int16_t, int16_t, f>, map1<int32_t, int32_t, int32_t, f>, map1<int64_t, int64_t, int64_t, f>,
           map1<float, float, double, f>, map1<double, double, double, f>, map1<Half, Half, Half, f>}};
}

constexpr RunsByDType with_bool(RunsByDType runs, RunFunction boolean) {
  runs.of[static_cast<int>(DType::boolean)] = boolean;
  return runs;
}

// Every dtype but bool.
template <auto f>
constexpr RunsByDType number1() {
  return {{nullptr, map1<uint8_t, uint8_t, uint8_t, f>, map1<int8_t, int8_t, int8_t, f>,
           map1<int16_t, int16_t, int16_t, f>, map1<int32_t, int32_t, int32_t, f>, map1<int64_t, int64_t, int64_t, f>,
           map1<float, float, double, f>, map1<double, double, double, f>}};
}

template <auto f>
constexpr RunsByDType any2() {
  return {{map2<bool, bool, bool, f>, map2<uint8_t, uint8_t, uint8_t, f>, map2<int8_t, int8_t, int8_t, f>,
           map2<int16_t, int16_t, int16_t, f>, map2<int32_t, int32_t, int32_t, f>, map2<int64_t, int64_t, int64_t, f>,
           map2<float, float, double, f>, map2<double, double, double, f>, map2<Half, Half, double, f>}};
}

// Every dtype but bool; float in W.
template <auto f, class W = double>
constexpr RunsByDType number2() {
  return {{nullptr, map2<uint8_t, uint8_t, uint8_t, f>, map2<int8_t, int8_t, int8_t, f>,
           map2<int16_t, int16_t, int16_t, f>, map2<int32_t, int32_t, int32_t, f>, map2<int64_t, int64_t, int64_t, f>,
           map2<float, float, W, f>, map2<double, double, double, f>}};
}

template <auto f>
constexpr RunsByDType compare2() {
  return {{map2<bool, bool, bool, f>, map2<uint8_t, bool, uint8_t, f>, map2<int8_t, bool, int8_t, f>,
           map2<int16_t, bool, int16_t, f>, map2<int32_t, bool, int32_t, f>, map2<int64_t, bool, int64_t, f>,
           map2<float, bool, double, f>, map2<double, bool, double, f>}};
}

template <auto f>
constexpr RunsByDType bits1() {
  return {{map1<bool, bool, bool, f>, map1<uint8_t, uint8_t, uint8_t, f>, map1<int8_t, int8_t, int8_t, f>,
           map1<int16_t, int16_t, int16_t, f>, map1<int32_t, int32_t, int32_t, f>, map1<int64_t, int64_t, int64_t, f>}};
}

template <auto f>
constexpr RunsByDType bits2() {
  return {{map2<bool, bool, bool, f>, map2<uint8_t, uint8_t, uint8_t, f>, map2<int8_t, int8_t, int8_t, f>,
           map2<int16_t, int16_t, int16_t, f>, map2<int32_t, int32_t, int32_t, f>, map2<int64_t, int64_t, int64_t, f>}};
}

template <auto f>
constexpr RunsByDType any3() {
  return {{map_of<bool, bool, f, 0, 1, 2>, map_of<uint8_t, uint8_t, f, 0, 1, 2>, map_of<int8_t, int8_t, f, 0, 1, 2>,
           map_of<int16_t, int16_t, f, 0, 1, 2>, map_of<int32_t, int32_t, f, 0, 1, 2>,
           map_of<int64_t, int64_t, f, 0, 1, 2>, map_of<float, double, f, 0, 1, 2>,
           map_of<double, double, f, 0, 1, 2>}};
}

template <auto f>
constexpr RunsByDType float3() {
  return floats(map_of<float, double, f, 0, 1, 2>, map_of<double, double, f, 0, 1, 2>);
}

template <auto f>
constexpr RunsByDType float4() {
  return floats(map_of<float, double, f, 0, 1, 2, 3>, map_of<double, double, f, 0, 1, 2, 3>);
}

// A rounding of floats, which leaves integers as they are.
template <auto f>
constexpr RunsByDType rounding() {
  return number1<[](auto x) {
    if constexpr (std::is_floating_point_v<decltype(x)>) {
      return f(x);
    } else {
      return x;
    }
  }>();
}

template <class T>
T clamped(T x, T lower, T upper) {
  if (x != x || lower != lower || upper != upper) return x + lower + upper;
  const T raised = x < lower ? lower : x;
  return upper < raised ? upper : raised;
}

// Shifted by one bit, y times.
template <class T>
T shifted_left(T x, T y) {
  const int64_t by = y;
  if (by < 0) return 0;
  for (int64_t n = 0; n < by && x != 0; ++n) x = T(x * 2);
  return x;
}

template <class T>
T shifted_right(T x, T y) {
  const int64_t by = y, value = x;
  if (by < 0) return T(value < 0 ? -1 : 0);
  for (int64_t n = 0; n < by && x != 0 && (x > 0 || x != T(-1)); ++n) x = T(x >> 1);
  return x;
}

// x / y towards 0 and what is left; of integers over 0, which runs refuse, 0 and 0.
template <class T>
T truncated(T x, T y) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::trunc(x / y);
  } else {
    if (y == 0) return 0;
    return std::is_signed_v<T> && y == T(-1) ? T(-x) : T(x / y);
  }
}

template <class T>
T rest(T x, T y) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::fmod(x, y);
  } else {
    return T(x - truncated(x, y) * y);
  }
}

template <class T>
bool signs_differ(T rest, T y) {
  return rest != 0 && (rest < 0) != (y < 0);
}

template <class T>
T floored(T x, T y) {
  const T left = rest(x, y);
  if constexpr (std::is_floating_point_v<T>) {
    if (y == 0) return x / y;
    const T whole = std::round((x - left) / y) - (signs_differ(left, y) ? 1 : 0);
    return whole == 0 ? std::copysign(T(0), x / y) : whole;
  } else {
    return T(truncated(x, y) - (signs_differ(left, y) ? 1 : 0));
  }
}

}  // namespace

// Each line is the definition of one kernel.
const RunsByDType copy = any1<[](auto x) { return x; }>();
const RunsByDType neg = number1<[](auto x) { return -x; }>();
const RunsByDType abs = number1<[](auto x) { return x < 0 ? -x : (x == 0 ? x * x : x); }>();
const RunsByDType sign = with_bool(number1<[](auto x) { return decltype(x)((0 < x) - (x < 0)); }>(),
                                   map1<bool, bool, bool, [](bool x) { return x; }>);
const RunsByDType relu = number1<[](auto x) { return x <= 0 ? decltype(x)(0) : x; }>();
const RunsByDType sqrt = float1<[](double x) { return std::sqrt(x); }>();
const RunsByDType exp = float1<[](double x) { return std::exp(x); }>();
const RunsByDType log = float1<[](double x) { return std::log(x); }>();
const RunsByDType sin = float1<[](double x) { return std::sin(x); }>();
const RunsByDType cos = float1<[](double x) { return std::cos(x); }>();
const RunsByDType tanh = float1<[](double x) { return std::tanh(x); }>();
const RunsByDType sigmoid = float1<[](double x) { return 1 / (1 + std::exp(-x)); }>();

const RunsByDType add = any2<[](auto x, auto y) { return x + y; }>();
const RunsByDType sub = any2<[](auto x, auto y) { return x - y; }>();
const RunsByDType mul = any2<[](auto x, auto y) { return x * y; }>();
const RunsByDType div = float2<[](double x, double y) { return x / y; }>();
const RunsByDType safe_mul = float2<[](double x, double y) { return x == 0 || y == 0 ? 0 : x * y; }>();
const RunsByDType safe_div = float2<[](double x, double y) { return x == 0 ? 0 : x / y; }>();
const RunsByDType pow = float2<[](double x, double y) { return std::pow(x, y); }>();
const RunsByDType floor_divide = number2<[](auto x, auto y) { return floored(x, y); }>();
const RunsByDType trunc_divide = number2<[](auto x, auto y) { return truncated(x, y); }, float>();
const RunsByDType fmod = number2<[](auto x, auto y) { return rest(x, y); }>();
const RunsByDType remainder =
    number2<[](auto x, auto y) { return signs_differ(rest(x, y), y) ? rest(x, y) + y : rest(x, y); }>();
const RunsByDType maximum = any2<[](auto x, auto y) { return y < x || x != x ? x : y; }>();
const RunsByDType minimum = any2<[](auto x, auto y) { return x < y || x != x ? x : y; }>();
const RunsByDType maximum_share = float2<[](double x, double y) { return x < y ? 0 : (x == y ? 0.5 : 1); }>();

const RunsByDType floor = rounding<[](double x) { return std::floor(x); }>();
const RunsByDType ceil = rounding<[](double x) { return std::ceil(x); }>();
const RunsByDType trunc = rounding<[](double x) { return std::trunc(x); }>();
const RunsByDType round = rounding<[](double x) { return std::nearbyint(x); }>();
const RunsByDType cube = float1<[](double x) { return x * x * x; }>();
const RunsByDType inverse_square = float1<[](double x) { return 1 / (x * x); }>();
const RunsByDType frac = float1<[](double x) { return x - std::trunc(x); }>();
const RunsByDType copysign = float2<[](double x, double y) { return std::copysign(x, y); }>();
const RunsByDType heaviside = any2<[](auto x, auto y) { return x == 0 ? y : decltype(y)(0 < x); }>();
const RunsByDType fmax = float2<[](double x, double y) { return y != y || x >= y ? x : y; }>();
const RunsByDType fmin = float2<[](double x, double y) { return y != y || x <= y ? x : y; }>();

const RunsByDType bitwise_not = bits1<[](auto x) {
  if constexpr (std::is_same_v<decltype(x), bool>) {
    return !x;
  } else {
    return ~x;
  }
}>();
const RunsByDType bitwise_and = bits2<[](auto x, auto y) { return x & y; }>();
const RunsByDType bitwise_or = bits2<[](auto x, auto y) { return x | y; }>();
const RunsByDType bitwise_xor = bits2<[](auto x, auto y) { return x ^ y; }>();
const RunsByDType bitwise_left_shift = bits2<[](auto x, auto y) { return shifted_left(x, y); }>();
const RunsByDType bitwise_right_shift = bits2<[](auto x, auto y) { return shifted_right(x, y); }>();

const RunsByDType clamp = any3<[](auto x, auto lower, auto upper) { return clamped(x, lower, upper); }>();
const RunsByDType clamp_grad = floats(clamp_grad_of<float>, clamp_grad_of<double>);
const RunsByDType lerp = float3<[](double x, double y, double w) { return x + w * (y - x); }>();
const RunsByDType prelu = float3<[](double y, double x, double w) { return 0 < x ? y : w * y; }>();
const RunsByDType addcmul = float4<[](double x, double y, double z, double value) { return x + value * y * z; }>();
const RunsByDType addcdiv = float4<[](double x, double y, double z, double value) { return x + value * y / z; }>();
const RunsByDType nan_to_num = float4<[](double x, double nan, double above, double below) {
  if (x != x) return nan;
  return std::isinf(x) ? (x > 0 ? above : below) : x;
}>();

const RunsByDType relu_grad = float2<[](double g, double out) { return out <= 0 ? 0 : g; }>();
const RunsByDType tanh_grad = float2<[](double g, double out) { return g == 0 ? 0 : g * (1 - out * out); }>();
const RunsByDType sigmoid_grad = float2<[](double g, double out) { return g == 0 ? 0 : g * out * (1 - out); }>();

const RunsByDType eq = compare2<[](auto x, auto y) { return x == y; }>();
const RunsByDType ne = compare2<[](auto x, auto y) { return x != y; }>();
const RunsByDType lt = compare2<[](auto x, auto y) { return x < y; }>();
const RunsByDType le = compare2<[](auto x, auto y) { return x <= y; }>();
const RunsByDType gt = compare2<[](auto x, auto y) { return y < x; }>();
const RunsByDType ge = compare2<[](auto x, auto y) { return y <= x; }>();

const RunsByDType where = {{where_of<bool>, where_of<uint8_t>, where_of<int8_t>, where_of<int16_t>, where_of<int32_t>,
                            where_of<int64_t>, where_of<float>, where_of<double>, where_of<Half>}};
const RunsByDType cast = {{cast_of<bool>, cast_of<uint8_t>, cast_of<int8_t>, cast_of<int16_t>, cast_of<int32_t>,
                           cast_of<int64_t>, cast_of<float>, cast_of<double>, cast_of<Half>}};

}  // namespace minigrad::reference
