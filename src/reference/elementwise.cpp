#include <cmath>
#include <type_traits>

#include "reference/map.hpp"

namespace minigrad::reference {
namespace {

template <class W>
Status where_of(const Call& call) {
  const View& out = call.out[0];
  for_each(out, [&](const Position& p) {
    const int chosen = element<int64_t>(call.in[0], p, out.rank) != 0 ? 1 : 2;
    element<W>(out, p, out.rank) = element<W>(call.in[chosen], p, out.rank);
  });
  return Status::ok;
}

Status cast_of(const Call& call) {
  convert(call.out[0], call.in[0]);
  return Status::ok;
}

constexpr RunsByDType with(RunsByDType runs, DType dtype, RunFunction run) {
  runs.of[static_cast<int>(dtype)] = run;
  return runs;
}

template <auto f, int... i>
constexpr RunsByDType map_all() {
  return for_all<map_of<int64_t, int64_t, f, i...>, map_of<double, double, f, i...>>();
}

template <auto f>
constexpr RunsByDType any1() {
  return map_all<f, 0>();
}

template <auto f>
constexpr RunsByDType any2() {
  return map_all<f, 0, 1>();
}

template <auto f>
constexpr RunsByDType compare2() {
  return for_all<map_of<int64_t, int64_t, f, 0, 1>, map_of<double, int64_t, f, 0, 1>>();
}

template <auto f, int... i>
constexpr RunsByDType integer_map() {
  constexpr RunFunction run = widened<map_of<int64_t, int64_t, f, i...>, 1>;
  return {{run, run, run, run, run, run}};
}

// A rounding of floats, which leaves integers as they are.
template <auto f>
constexpr RunsByDType rounding() {
  return any1<[](auto x) {
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

// The cotangent of argument 0, 1 or 2 of clamp: it goes to the one that clamp returns.
double clamp_cotangent(Attributes a, double g, double x, double lower, double upper) {
  const bool returned[] = {x >= lower && x <= upper, x < lower && lower<upper, x> upper || upper < lower};
  return returned[a[0].integer()] ? g : 0;
}

// Shifted by one bit, y times.
int64_t shifted_left(int64_t x, int64_t y) {
  if (y < 0) return 0;
  for (int64_t n = 0; n < y && x != 0; ++n) x *= 2;
  return x;
}

int64_t shifted_right(int64_t x, int64_t y) {
  if (y < 0) return x < 0 ? -1 : 0;
  for (int64_t n = 0; n < y && x != 0 && x != -1; ++n) x >>= 1;
  return x;
}

// x / y towards 0 and what is left; of integers over 0, which runs refuse, 0 and 0.
template <class T>
T truncated(T x, T y) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::trunc(x / y);
  } else {
    if (y == 0) return 0;
    return y == -1 ? -x : x / y;
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

// What is left of x^y without its fraction, modulo 2^64.
int64_t whole_power(int64_t x, int64_t y) {
  if (x == 1 || x == -1) return x == 1 || y % 2 == 0 ? 1 : -1;
  int64_t power = y < 0 ? 0 : 1;
  for (int64_t i = 0; i < y && power != 0; ++i) power *= x;
  return power;
}

// By Euclid's algorithm, of the numbers without their signs.
uint64_t common_divisor(int64_t x, int64_t y) {
  uint64_t a = static_cast<uint64_t>(x < 0 ? -x : x), b = static_cast<uint64_t>(y < 0 ? -y : y);
  while (b != 0) {
    const uint64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

int64_t common_multiple(int64_t x, int64_t y) {
  const uint64_t divisor = common_divisor(x, y);
  const uint64_t a = static_cast<uint64_t>(x < 0 ? -x : x), b = static_cast<uint64_t>(y < 0 ? -y : y);
  return divisor == 0 ? 0 : static_cast<int64_t>(a / divisor * b);
}

double numbers_only(double x, double nan, double above, double below) {
  if (x != x) return nan;
  return std::isinf(x) ? (x > 0 ? above : below) : x;
}

// Each line is the definition of one kernel.
constexpr Run kRows[] = {
    {"copy", any1<[](auto x) { return x; }>()},
    {"clone", any1<[](auto x) { return x; }>()},
    {"neg", any1<[](auto x) { return -x; }>()},
    {"abs", any1<[](auto x) { return x < 0 ? -x : (x == 0 ? x * x : x); }>()},
    {"sign", any1<[](auto x) { return decltype(x)((0 < x) - (x < 0)); }>()},
    {"relu", any1<[](auto x) { return x <= 0 ? decltype(x)(0) : x; }>()},
    {"sqrt", float1<[](double x) { return std::sqrt(x); }>()},
    {"exp", float1<[](double x) { return std::exp(x); }>()},
    {"log", float1<[](double x) { return std::log(x); }>()},
    {"sin", float1<[](double x) { return std::sin(x); }>()},
    {"cos", float1<[](double x) { return std::cos(x); }>()},
    {"tanh", float1<[](double x) { return std::tanh(x); }>()},
    {"sigmoid", float1<[](double x) { return 1 / (1 + std::exp(-x)); }>()},
    {"add", any2<[](auto x, auto y) { return x + y; }>()},
    {"sub", any2<[](auto x, auto y) { return x - y; }>()},
    {"mul", any2<[](auto x, auto y) { return x * y; }>()},
    {"div", float2<[](double x, double y) { return x / y; }>()},
    {"safe_mul", float2<[](double x, double y) { return x == 0 || y == 0 ? 0 : x * y; }>()},
    {"safe_div", float2<[](double x, double y) { return x == 0 ? 0 : x / y; }>()},
    {"safe_product",
     float_map<[](double x, double y, double z) { return x == 0 || y == 0 || z == 0 ? 0 : x * y * z; }, 0, 1, 2>()},
    {"safe_quotient", float_map<[](double x, double y, double z) { return x == 0 ? 0 : x / (y * z); }, 0, 1, 2>()},
    {"times_sign", float2<[](double x, double y) { return x == 0 || y == 0 || y != y ? 0
                                                          : y < 0                    ? -x
                                                                                     : x; }>()},
    {"logit_grad", float2<[](double x, double y) { return x == 0 ? 0 : x / (y * (1 - y)); }>()},
    {"pow", for_all<map_of<int64_t, int64_t, whole_power, 0, 1>,
                    map_of<double, double, [](double x, double y) { return std::pow(x, y); }, 0, 1>>()},
    {"floor_divide", any2<[](auto x, auto y) { return floored(x, y); }>()},
    {"trunc_divide", with(any2<[](auto x, auto y) { return truncated(x, y); }>(), DType::float32,
                          map_of<float, float, truncated<float>, 0, 1>)},
    {"fmod", any2<[](auto x, auto y) { return rest(x, y); }>()},
    {"remainder", any2<[](auto x, auto y) { return signs_differ(rest(x, y), y) ? rest(x, y) + y : rest(x, y); }>()},
    {"maximum", any2<[](auto x, auto y) { return y < x || x != x ? x : y; }>()},
    {"minimum", any2<[](auto x, auto y) { return x < y || x != x ? x : y; }>()},
    {"maximum_share", float2<[](double x, double y) { return x < y ? 0 : (x == y ? 0.5 : 1); }>()},
    {"floor", rounding<[](double x) { return std::floor(x); }>()},
    {"ceil", rounding<[](double x) { return std::ceil(x); }>()},
    {"trunc", rounding<[](double x) { return std::trunc(x); }>()},
    {"round", rounding<[](double x) { return std::nearbyint(x); }>()},
    {"square", float1<[](double x) { return x * x; }>()},
    {"cube", float1<[](double x) { return x * x * x; }>()},
    {"inverse_square", float1<[](double x) { return 1 / (x * x); }>()},
    {"frac", float1<[](double x) { return x - std::trunc(x); }>()},
    {"copysign", float2<[](double x, double y) { return std::copysign(x, y); }>()},
    {"heaviside", any2<[](auto x, auto y) { return x == 0 ? y : decltype(y)(0 < x); }>()},
    {"fmax", float2<[](double x, double y) { return y != y || x >= y ? x : y; }>()},
    {"fmin", float2<[](double x, double y) { return y != y || x <= y ? x : y; }>()},
    {"bitwise_not", with(integer_map<[](int64_t x) { return ~x; }, 0>(), DType::boolean,
                         widened<map_of<int64_t, int64_t, [](int64_t x) { return x == 0; }, 0>, 1>)},
    {"bitwise_and", integer_map<[](int64_t x, int64_t y) { return x & y; }, 0, 1>()},
    {"bitwise_or", integer_map<[](int64_t x, int64_t y) { return x | y; }, 0, 1>()},
    {"bitwise_xor", integer_map<[](int64_t x, int64_t y) { return x ^ y; }, 0, 1>()},
    {"bitwise_left_shift", integer_map<shifted_left, 0, 1>()},
    {"bitwise_right_shift", integer_map<shifted_right, 0, 1>()},
    {"gcd", integer_map<[](int64_t x, int64_t y) { return static_cast<int64_t>(common_divisor(x, y)); }, 0, 1>()},
    {"lcm", integer_map<common_multiple, 0, 1>()},
    {"clamp", map_all<[](auto x, auto lower, auto upper) { return clamped(x, lower, upper); }, 0, 1, 2>()},
    {"clamp_grad", float_map<clamp_cotangent, 0, 1, 2, 3>()},
    {"lerp", float_map<[](double x, double y, double w) { return x + w * (y - x); }, 0, 1, 2>()},
    {"prelu", float_map<[](double y, double x, double w) { return 0 < x ? y : w * y; }, 0, 1, 2>()},
    {"addcmul", float_map<[](double x, double y, double z, double value) { return x + value * y * z; }, 0, 1, 2, 3>()},
    {"addcdiv", float_map<[](double x, double y, double z, double value) { return x + value * y / z; }, 0, 1, 2, 3>()},
    {"nan_to_num", float_map<numbers_only, 0, 1, 2, 3>()},
    {"relu_grad", float2<[](double g, double out) { return out <= 0 ? 0 : g; }>()},
    {"tanh_grad", float2<[](double g, double out) { return g == 0 || out * out == 1 ? 0 : g * (1 - out * out); }>()},
    {"sigmoid_grad", float2<[](double g, double out) { return g * (1 - out) * out == 0 ? 0 : g * out * (1 - out); }>()},
    {"eq", compare2<[](auto x, auto y) { return x == y; }>()},
    {"ne", compare2<[](auto x, auto y) { return x != y; }>()},
    {"lt", compare2<[](auto x, auto y) { return x < y; }>()},
    {"le", compare2<[](auto x, auto y) { return x <= y; }>()},
    {"gt", compare2<[](auto x, auto y) { return y < x; }>()},
    {"ge", compare2<[](auto x, auto y) { return y <= x; }>()},
    {"logical_and", compare2<[](auto x, auto y) { return x != 0 && y != 0; }>()},
    {"logical_or", compare2<[](auto x, auto y) { return x != 0 || y != 0; }>()},
    {"logical_xor", compare2<[](auto x, auto y) { return (x != 0) != (y != 0); }>()},
    {"where", for_all<where_of<int64_t>, where_of<double>>()},
    {"cast", {{cast_of, cast_of, cast_of, cast_of, cast_of, cast_of, cast_of, cast_of, cast_of}}},
};

}  // namespace

extern const Runs elementwise_runs;
const Runs elementwise_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::reference
