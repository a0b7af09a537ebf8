#include "reference/elementwise.hpp"

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

double numbers_only(double x, double nan, double above, double below) {
  if (x != x) return nan;
  return std::isinf(x) ? (x > 0 ? above : below) : x;
}

}  // namespace

// Each line is the definition of one kernel.
const RunsByDType copy = any1<[](auto x) { return x; }>();
const RunsByDType neg = any1<[](auto x) { return -x; }>();
const RunsByDType abs = any1<[](auto x) { return x < 0 ? -x : (x == 0 ? x * x : x); }>();
const RunsByDType sign = any1<[](auto x) { return decltype(x)((0 < x) - (x < 0)); }>();
const RunsByDType relu = any1<[](auto x) { return x <= 0 ? decltype(x)(0) : x; }>();
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
const RunsByDType floor_divide = any2<[](auto x, auto y) { return floored(x, y); }>();
const RunsByDType trunc_divide = with(any2<[](auto x, auto y) { return truncated(x, y); }>(), DType::float32,
                                      map_of<float, float, truncated<float>, 0, 1>);
const RunsByDType fmod = any2<[](auto x, auto y) { return rest(x, y); }>();
const RunsByDType remainder =
    any2<[](auto x, auto y) { return signs_differ(rest(x, y), y) ? rest(x, y) + y : rest(x, y); }>();
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

const RunsByDType bitwise_not = with(integer_map<[](int64_t x) { return ~x; }, 0>(), DType::boolean,
                                     widened<map_of<int64_t, int64_t, [](int64_t x) { return x == 0; }, 0>, 1>);
const RunsByDType bitwise_and = integer_map<[](int64_t x, int64_t y) { return x & y; }, 0, 1>();
const RunsByDType bitwise_or = integer_map<[](int64_t x, int64_t y) { return x | y; }, 0, 1>();
const RunsByDType bitwise_xor = integer_map<[](int64_t x, int64_t y) { return x ^ y; }, 0, 1>();
const RunsByDType bitwise_left_shift = integer_map<shifted_left, 0, 1>();
const RunsByDType bitwise_right_shift = integer_map<shifted_right, 0, 1>();

const RunsByDType clamp = map_all<[](auto x, auto lower, auto upper) { return clamped(x, lower, upper); }, 0, 1, 2>();
const RunsByDType clamp_grad = float_map<clamp_cotangent, 0, 1, 2, 3>();
const RunsByDType lerp = float_map<[](double x, double y, double w) { return x + w * (y - x); }, 0, 1, 2>();
const RunsByDType prelu = float_map<[](double y, double x, double w) { return 0 < x ? y : w * y; }, 0, 1, 2>();
const RunsByDType addcmul =
    float_map<[](double x, double y, double z, double value) { return x + value * y * z; }, 0, 1, 2, 3>();
const RunsByDType addcdiv =
    float_map<[](double x, double y, double z, double value) { return x + value * y / z; }, 0, 1, 2, 3>();
const RunsByDType nan_to_num = float_map<numbers_only, 0, 1, 2, 3>();

const RunsByDType relu_grad = float2<[](double g, double out) { return out <= 0 ? 0 : g; }>();
const RunsByDType tanh_grad = float2<[](double g, double out) { return g == 0 ? 0 : g * (1 - out * out); }>();
const RunsByDType sigmoid_grad = float2<[](double g, double out) { return g == 0 ? 0 : g * out * (1 - out); }>();

const RunsByDType eq = compare2<[](auto x, auto y) { return x == y; }>();
const RunsByDType ne = compare2<[](auto x, auto y) { return x != y; }>();
const RunsByDType lt = compare2<[](auto x, auto y) { return x < y; }>();
const RunsByDType le = compare2<[](auto x, auto y) { return x <= y; }>();
const RunsByDType gt = compare2<[](auto x, auto y) { return y < x; }>();
const RunsByDType ge = compare2<[](auto x, auto y) { return y <= x; }>();

const RunsByDType where = for_all<where_of<int64_t>, where_of<double>>();
const RunsByDType cast = {{cast_of, cast_of, cast_of, cast_of, cast_of, cast_of, cast_of, cast_of, cast_of}};

}  // namespace minigrad::reference
