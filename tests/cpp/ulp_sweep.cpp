// The error of minigrad's elementary functions in units of the last place (ulp), and a digest of their results.
//
//   ulp_sweep [--stride N] [--draws N] [--threads N] [--only NAME]
//
// Float functions are run on every N-th bit pattern (1 runs all 2^32) and held against libm in double; double functions
// and pow on drawn arguments, held against libm in long double (64 bits of precision on x86-64, 113 on aarch64). One
// line a function: name, type, worst error in ulp, the argument where it was met, digest. The digest (FNV-1a over the
// result words, every NaN counting as the same one) must not depend on the instruction set, provided that it has fused
// multiply-add, on the compiler or on the number of threads. The exit code is 1 where an error exceeds 2 ulp, a special
// value or the sign of a zero is wrong, or a result depends on its place in the array.
//
// Compiled once per instruction set, with the flags of the kernels and -DMINIGRAD_ISA=<name>.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "isa/math.hpp"
#include "isa/math_erfc.hpp"
#include "kernels/activation_ops.hpp"
#include "kernels/register_loops.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

constexpr double kLargestError = 2.0;
constexpr int64_t kBlock = 1 << 14;

struct Options {
  uint64_t stride = 127;
  uint64_t draws = 2'000'000;
  int threads = 2;
  std::string only;
};

// ---- What a function is held against: the reference works in double for float, in long double for double.

template <class T>
using Reference = std::conditional_t<sizeof(T) == 4, double, long double>;

#define MINIGRAD_CASE(Name, name, expression)                            \
  template <class T>                                                     \
  struct Name##Case {                                                    \
    using Function = functions::Name<T>;                                 \
    static constexpr const char* kName = name;                           \
    static Reference<T> reference(Reference<T> x) { return expression; } \
  }

template <class R>
R reference_sigmoid(R x) {
  return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
}

MINIGRAD_CASE(Exp, "exp", std::exp(x));
MINIGRAD_CASE(Log, "log", std::log(x));
MINIGRAD_CASE(Sin, "sin", std::sin(x));
MINIGRAD_CASE(Cos, "cos", std::cos(x));
MINIGRAD_CASE(Tanh, "tanh", std::tanh(x));
MINIGRAD_CASE(Sigmoid, "sigmoid", reference_sigmoid(x));
MINIGRAD_CASE(Sqrt, "sqrt", std::sqrt(x));
MINIGRAD_CASE(Erf, "erf", std::erf(x));
MINIGRAD_CASE(Expm1, "expm1", std::expm1(x));
MINIGRAD_CASE(Log1p, "log1p", std::log1p(x));
MINIGRAD_CASE(Tan, "tan", std::tan(x));
MINIGRAD_CASE(Asin, "asin", std::asin(x));
MINIGRAD_CASE(Acos, "acos", std::acos(x));
MINIGRAD_CASE(Atan, "atan", std::atan(x));
MINIGRAD_CASE(Sinh, "sinh", std::sinh(x));
MINIGRAD_CASE(Cosh, "cosh", std::cosh(x));
MINIGRAD_CASE(Asinh, "asinh", std::asinh(x));
MINIGRAD_CASE(Acosh, "acosh", std::acosh(x));
MINIGRAD_CASE(Atanh, "atanh", std::atanh(x));
MINIGRAD_CASE(Exp2, "exp2", std::exp2(x));
MINIGRAD_CASE(Log2, "log2", std::log2(x));
MINIGRAD_CASE(Log10, "log10", std::log10(x));
MINIGRAD_CASE(Rsqrt, "rsqrt", 1 / std::sqrt(x));
#undef MINIGRAD_CASE

// The zero of erfc(y) - (1 - |x|) by Newton's method from above the greatest one; near 0 that of erf(y) - |x|.
template <class R>
R reference_erfinv(R x) {
  const R a = std::fabs(x), slope = R{1.12837916709551257389615890312154517L};
  if (!(a < 1))
    return a == 1 ? std::copysign(std::numeric_limits<R>::infinity(), x) : std::numeric_limits<R>::quiet_NaN();
  R y = std::sqrt(-std::log1p(-a * a)) * R{0.9};
  for (int i = 0; i < 60; ++i) {
    const R above = a < 0.5 ? std::erf(y) - a : (1 - a) - std::erfc(y);
    y -= above / (slope * std::exp(-y * y));
  }
  return std::copysign(a < 1e-8 ? a / slope : y, x);
}

// A function that is computed in double, for float as well.
#define MINIGRAD_IN_DOUBLE(Name, name, expression)                       \
  template <class T>                                                     \
  struct Name##Case {                                                    \
    struct Function : functions::OnRegisters {                           \
      static constexpr bool kOnRegisters = sizeof(T) == 8;               \
      template <class V>                                                 \
      static V fast(V x) {                                               \
        if constexpr (sizeof(T) == 8) {                                  \
          return math::name(x);                                          \
        } else {                                                         \
          return static_cast<T>(math::name##_for_float(double{x}));      \
        }                                                                \
      }                                                                  \
    };                                                                   \
    static constexpr const char* kName = #name;                          \
    static Reference<T> reference(Reference<T> x) { return expression; } \
  }

MINIGRAD_IN_DOUBLE(Erfc, erfc, std::erfc(x));
MINIGRAD_IN_DOUBLE(Erfinv, erfinv, reference_erfinv(x));
#undef MINIGRAD_IN_DOUBLE

// An activation with its options, as a function.
template <template <class> class Op, class T, auto... options>
struct Activation : functions::OnRegisters {
  template <class V>
  [[gnu::always_inline]] static inline V fast(V x) {
    const double given[] = {options..., 0.0};
    Attribute attributes[sizeof...(options) + 1] = {};
    for (size_t i = 0; i < sizeof...(options); ++i) attributes[i].real = given[i];
    return Op<T>(attributes)(x);
  }
};

#define MINIGRAD_ACTIVATION(Name, name, expression, ...) \
  template <class T>                                     \
  struct Name##Case {                                    \
    using Function = Activation<__VA_ARGS__>;            \
    static constexpr const char* kName = name;           \
    static Reference<T> reference(Reference<T> x) {      \
      using R = Reference<T>;                            \
      return expression;                                 \
    }                                                    \
  }

// x f(x) for an f that is 0 at -inf.
template <class R>
R gated(R x, R (*f)(R)) {
  return x < -20000 ? R{-0.0} : x * f(x);
}

template <class R>
R reference_normal(R x) {
  return std::erfc(-x * R{0.707106781186547524400844362104849039L}) / 2;
}

template <class R>
R reference_gate(R x) {
  constexpr R kA = 1.59576912160573071175978423973773762L, kB = 0.07135481627260024877633875227986L;
  return reference_sigmoid(x * (kA + kB * x * x));
}

template <class R>
R reference_tanh_softplus(R x) {
  const R e = std::exp(x < 40 ? x : R{40}), n = e * (e + 2);
  return n / (n + 2);
}

template <class R>
R reference_softplus(R x) {
  return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}

constexpr double kSeluScale = 1.0507009873554804934193349852946, kSeluAlpha = 1.6732632423543772848170429916717;
constexpr double kSeluBelow = kSeluAlpha * kSeluScale;

MINIGRAD_ACTIVATION(Silu, "silu", gated(x, reference_sigmoid<R>), Silu, T);
MINIGRAD_ACTIVATION(Gelu, "gelu", gated(x, reference_normal<R>), Gelu, T);
MINIGRAD_ACTIVATION(GeluTanh, "gelu_tanh", gated(x, reference_gate<R>), GeluTanh, T);
MINIGRAD_ACTIVATION(Mish, "mish", gated(x, reference_tanh_softplus<R>), Mish, T);
MINIGRAD_ACTIVATION(Softsign, "softsign", std::isinf(x) ? std::copysign(R{1}, x) : x / (1 + std::fabs(x)), Softsign, T);
MINIGRAD_ACTIVATION(Softplus, "softplus", x > 20 ? x : reference_softplus(x), Softplus, T, 1.0, 20.0);
MINIGRAD_ACTIVATION(Logsigmoid, "logsigmoid", -reference_softplus(-x), Softplus, T, -1.0, 1e300);
MINIGRAD_ACTIVATION(Elu, "elu", x > 0 ? x : std::expm1(x), Elu, T, 1.0, 1.0, 1.0);
MINIGRAD_ACTIVATION(Selu, "selu",
                    x > 0 ? R{static_cast<T>(kSeluScale)} * x : R{static_cast<T>(kSeluBelow)} * std::expm1(x), Elu, T,
                    kSeluBelow, kSeluScale, 1.0);
#undef MINIGRAD_ACTIVATION

// ---- Errors and digests.

// The distance between neighbouring T around a finite `exact`.
template <class T, class R>
R ulp_at(R exact) {
  int exponent = 0;
  std::frexp(exact, &exponent);
  const int least = std::numeric_limits<T>::min_exponent, greatest = std::numeric_limits<T>::max_exponent;
  const int clamped = exact == 0 ? least : std::clamp(exponent, least, greatest);
  return std::ldexp(R{1}, clamped - std::numeric_limits<T>::digits);
}

// |got - exact| in ulp; infinite for NaN in place of a number, a number in place of NaN, a wrong sign (of zero too),
// and for a number in place of an infinity that is exact. Infinity in place of a number counts as 2^(largest exponent +
// 1).
template <class T, class R>
double error_in_ulp(T got, R exact) {
  constexpr double kWrong = std::numeric_limits<double>::infinity();
  if (std::isnan(got) || std::isnan(exact)) return std::isnan(got) && std::isnan(exact) ? 0.0 : kWrong;
  if (std::signbit(got) != std::signbit(exact)) return kWrong;
  if (std::isinf(exact)) return std::isinf(got) ? 0.0 : kWrong;
  if (std::isinf(got) && std::isinf(static_cast<T>(exact))) return 0.0;
  const R overflow = std::copysign(std::ldexp(R{1}, std::numeric_limits<T>::max_exponent), exact);
  const R value = std::isinf(got) ? overflow : static_cast<R>(got);
  return static_cast<double>(std::fabs(value - exact) / ulp_at<T>(exact));
}

struct Digest {
  uint64_t value = 0xcbf29ce484222325u;
  void add(uint64_t word) { value = (value ^ word) * 0x100000001b3u; }
};

template <class T>
uint64_t canonical_bits(T x) {
  return math::bits(std::isnan(x) ? math::kNaN<T> : x);
}

struct Outcome {
  double worst = 0.0;
  double x = 0.0, y = 0.0;
  bool same_in_any_place = true;
  Digest digest;
};

void merge(Outcome& into, const Outcome& part) {
  if (part.worst > into.worst) into.worst = part.worst, into.x = part.x, into.y = part.y;
  into.same_in_any_place = into.same_in_any_place && part.same_in_any_place;
  into.digest.add(part.digest.value);
}

// Runs work(part) for part = 0 .. parts - 1 and merges in this order, so that nothing depends on the threads.
template <class Work>
Outcome run_parts(int64_t parts, int threads, Work work) {
  std::vector<Outcome> outcomes(static_cast<size_t>(parts));
  std::vector<std::thread> pool;
  for (int t = 0; t < threads; ++t) {
    pool.emplace_back([&, t] {
      for (int64_t part = t; part < parts; part += threads) outcomes[static_cast<size_t>(part)] = work(part);
    });
  }
  for (std::thread& thread : pool) thread.join();
  Outcome total;
  for (const Outcome& outcome : outcomes) merge(total, outcome);
  return total;
}

// ---- Arguments. Drawn ones depend on their index alone.

uint64_t random_bits(uint64_t index) {
  uint64_t z = (index + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

double uniform(uint64_t index, double low, double high) {
  return low + (high - low) * (static_cast<double>(random_bits(index) >> 11) * 0x1p-53);
}

constexpr double kSpecial[] = {0.0,     0.5,      1.0,       1.5,      2.0,      3.0,    5e-324, 0x1p-149,
                               1e-320,  1e-40,    0x1p-1022, 0x1p-126, 1e300,    1e38,   710.0,  0x1p52,
                               0x1p53,  0x1p23,   0x1p24,    0x1p65,   0x1p1023, 1e-300, 745.2,  0.999999999,
                               1048577, 131073.0, 1e22,      INFINITY, NAN,      20.0,   88.8,   103.98};
constexpr uint64_t kSpecials = 2 * std::size(kSpecial);

double special(uint64_t i) { return (i & 1 ? -1.0 : 1.0) * kSpecial[i / 2 % std::size(kSpecial)]; }

// n pi/2 for n < 2^19, moved by up to 2^-36 of itself and often by less than its last bit, where sin or cos is small.
double near_half_pi_multiple(uint64_t i) {
  const long double multiple = std::floor(uniform(i, 1.0, 0x1p19)) * 1.57079632679489661923L;
  return static_cast<double>(multiple *
                             (1 + uniform(i + 1, -1.0, 1.0) * std::ldexp(1.0L, -36 - static_cast<int>(i % 22))));
}

// The special values, then in turn: any bit pattern, an ordinary number, one between the bounds where exp overflows and
// underflows, a number near a multiple of pi / 2, one near 1.
double draw_double(uint64_t i) {
  if (i < kSpecials) return special(i);
  if (i == kSpecials) return 6381956970095103 * 0x1p797;  // The double that comes closest to a multiple of pi/2.
  switch (i % 5) {
    case 0:
      return math::from_bits<double>(random_bits(i));
    case 1:
      return uniform(i, -12.0, 12.0);
    case 2:
      return uniform(i, -750.0, 750.0);
    case 3:
      return near_half_pi_multiple(i);
    default:
      return 1.0 + uniform(i, -1.0, 1.0) * std::ldexp(1.0, -static_cast<int>(i % 53));
  }
}

// ---- Functions of one argument.

template <class Function, class T>
void apply(const T* x, T* out, int64_t n) {
  if constexpr (Function::kOnRegisters) {
    map_registers([](auto v) { return Function::fast(v); }, out, n, x);
  } else {
    for (int64_t i = 0; i < n; ++i) out[i] = Function::fast(x[i]);
  }
  if constexpr (Function::kHasSlowPath) {
    for (int64_t i = 0; i < n; ++i) {
      if (Function::slow(x[i])) out[i] = Function::slow_path(x[i]);
    }
  }
}

template <class T>
bool same_bits(const T* a, const T* b, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    if (canonical_bits(a[i]) != canonical_bits(b[i])) return false;
  }
  return true;
}

template <template <class> class Case, class T>
Outcome check(const std::vector<T>& x) {
  using Function = typename Case<T>::Function;
  const int64_t n = static_cast<int64_t>(x.size());
  std::vector<T> out(x.size()), shifted(x.size());
  apply<Function>(x.data(), out.data(), n);
  Outcome outcome;
  for (int64_t i = 0, length; i < n; i += length) {
    length = std::min<int64_t>(n - i, 1 + i % 37);
    apply<Function>(x.data() + i, shifted.data() + i, length);
  }
  outcome.same_in_any_place = same_bits(out.data(), shifted.data(), n);
  if constexpr (Function::kOnRegisters) {
    for (int64_t i = 0; i < n; ++i) shifted[static_cast<size_t>(i)] = Function::fast(x[static_cast<size_t>(i)]);
    outcome.same_in_any_place = outcome.same_in_any_place && same_bits(out.data(), shifted.data(), n);
  }
  for (int64_t i = 0; i < n; ++i) {
    const size_t k = static_cast<size_t>(i);
    outcome.digest.add(canonical_bits(out[k]));
    const double error = error_in_ulp(out[k], Case<T>::reference(x[k]));
    if (error > outcome.worst) outcome.worst = error, outcome.x = x[k];
  }
  return outcome;
}

template <template <class> class Case>
Outcome sweep_float(const Options& options) {
  const uint64_t count = ((uint64_t{1} << 32) + options.stride - 1) / options.stride;
  const int64_t blocks = static_cast<int64_t>((count + kBlock - 1) / kBlock);
  return run_parts(blocks, options.threads, [&](int64_t block) {
    const uint64_t first = static_cast<uint64_t>(block) * kBlock, last = std::min(count, first + kBlock);
    std::vector<float> x;
    for (uint64_t i = 0; block == 0 && i < kSpecials; ++i) x.push_back(static_cast<float>(special(i)));
    for (uint64_t i = first; i < last; ++i)
      x.push_back(math::from_bits<float>(static_cast<uint32_t>(i * options.stride)));
    return check<Case, float>(x);
  });
}

template <template <class> class Case>
Outcome sweep_double(const Options& options) {
  const int64_t blocks = static_cast<int64_t>((options.draws + kBlock - 1) / kBlock);
  return run_parts(blocks, options.threads, [&](int64_t block) {
    const uint64_t first = static_cast<uint64_t>(block) * kBlock, last = std::min(options.draws, first + kBlock);
    std::vector<double> x;
    for (uint64_t i = first; i < last; ++i) x.push_back(draw_double(i));
    return check<Case, double>(x);
  });
}

// ---- Functions of two arguments.

template <class T>
struct PowCase {
  using Function = functions::Pow<T>;
  static Reference<T> reference(Reference<T> x, Reference<T> y) { return std::pow(x, y); }
};

template <class T>
struct Atan2Case {
  using Function = functions::Atan2<T>;
  static Reference<T> reference(Reference<T> y, Reference<T> x) { return std::atan2(y, x); }
};

template <class T>
struct HypotCase {
  using Function = functions::Hypot<T>;
  static Reference<T> reference(Reference<T> x, Reference<T> y) { return std::hypot(x, y); }
};

// All pairs of special values, then in turn: two bit patterns, a base near 1 and an exponent that makes the power as
// large as it gets, a base below 0 and an integer, ordinary numbers.
template <class T>
std::pair<T, T> draw_pair(uint64_t i) {
  if (i < kSpecials * kSpecials)
    return {static_cast<T>(special(i / kSpecials)), static_cast<T>(special(i % kSpecials))};
  const uint64_t first = random_bits(2 * i), second = random_bits(2 * i + 1);
  const double limit = sizeof(T) == 4 ? 105.0 : 750.0;
  switch (i % 4) {
    case 0:
      return {math::from_bits<T>(static_cast<math::UInt<T>>(first)),
              math::from_bits<T>(static_cast<math::UInt<T>>(second))};
    case 1: {
      const T x =
          static_cast<T>(std::exp(uniform(first, -1.0, 1.0) * std::ldexp(1.0, static_cast<int>(i / 4 % 30) - 23)));
      return {x, static_cast<T>(uniform(second, -limit, limit) / std::log(static_cast<double>(x)))};
    }
    case 2:
      return {static_cast<T>(uniform(first, -8.0, 0.0)), static_cast<T>(std::round(uniform(second, -400.0, 400.0)))};
    default:
      return {static_cast<T>(uniform(first, 0.0, 100.0)), static_cast<T>(uniform(second, -20.0, 20.0))};
  }
}

template <template <class> class Case, class T>
Outcome check_pairs(const std::vector<T>& x, const std::vector<T>& y) {
  const size_t n = x.size();
  std::vector<T> out(n), shifted(n);
  for (size_t i = 0; i < n; ++i) out[i] = Case<T>::Function::fast(x[i], y[i]);
  for (size_t i = 1; i < n; ++i) shifted[i] = Case<T>::Function::fast(x[i], y[i]);
  shifted[0] = Case<T>::Function::fast(x[0], y[0]);
  Outcome outcome;
  outcome.same_in_any_place = same_bits(out.data(), shifted.data(), static_cast<int64_t>(n));
  for (size_t i = 0; i < n; ++i) {
    outcome.digest.add(canonical_bits(out[i]));
    const double error = error_in_ulp(out[i], Case<T>::reference(x[i], y[i]));
    if (error > outcome.worst) outcome.worst = error, outcome.x = x[i], outcome.y = y[i];
  }
  return outcome;
}

template <template <class> class Case, class T>
Outcome sweep_pairs(const Options& options) {
  const int64_t blocks = static_cast<int64_t>((options.draws + kBlock - 1) / kBlock);
  return run_parts(blocks, options.threads, [&](int64_t block) {
    const uint64_t first = static_cast<uint64_t>(block) * kBlock, last = std::min(options.draws, first + kBlock);
    std::vector<T> x, y;
    for (uint64_t i = first; i < last; ++i) {
      const auto [base, exponent] = draw_pair<T>(i);
      x.push_back(base);
      y.push_back(exponent);
    }
    return check_pairs<Case, T>(x, y);
  });
}

// ---- The program.

struct Case {
  const char* name;
  const char* type;
  Outcome (*run)(const Options&);
};

#define MINIGRAD_ROWS(Name)                                       \
  {Name##Case<float>::kName, "float", sweep_float<Name##Case>}, { \
    Name##Case<double>::kName, "double", sweep_double<Name##Case> \
  }

constexpr Case kCases[] = {MINIGRAD_ROWS(Exp),
                           MINIGRAD_ROWS(Log),
                           MINIGRAD_ROWS(Sin),
                           MINIGRAD_ROWS(Cos),
                           MINIGRAD_ROWS(Tanh),
                           MINIGRAD_ROWS(Sigmoid),
                           MINIGRAD_ROWS(Sqrt),
                           MINIGRAD_ROWS(Erf),
                           MINIGRAD_ROWS(Erfc),
                           MINIGRAD_ROWS(Erfinv),
                           MINIGRAD_ROWS(Expm1),
                           MINIGRAD_ROWS(Log1p),
                           MINIGRAD_ROWS(Tan),
                           MINIGRAD_ROWS(Asin),
                           MINIGRAD_ROWS(Acos),
                           MINIGRAD_ROWS(Atan),
                           MINIGRAD_ROWS(Sinh),
                           MINIGRAD_ROWS(Cosh),
                           MINIGRAD_ROWS(Asinh),
                           MINIGRAD_ROWS(Acosh),
                           MINIGRAD_ROWS(Atanh),
                           MINIGRAD_ROWS(Exp2),
                           MINIGRAD_ROWS(Log2),
                           MINIGRAD_ROWS(Log10),
                           MINIGRAD_ROWS(Rsqrt),
                           MINIGRAD_ROWS(Silu),
                           MINIGRAD_ROWS(Gelu),
                           MINIGRAD_ROWS(GeluTanh),
                           MINIGRAD_ROWS(Mish),
                           MINIGRAD_ROWS(Softsign),
                           MINIGRAD_ROWS(Softplus),
                           MINIGRAD_ROWS(Logsigmoid),
                           MINIGRAD_ROWS(Elu),
                           MINIGRAD_ROWS(Selu),
                           {"pow", "float", sweep_pairs<PowCase, float>},
                           {"pow", "double", sweep_pairs<PowCase, double>},
                           {"atan2", "float", sweep_pairs<Atan2Case, float>},
                           {"atan2", "double", sweep_pairs<Atan2Case, double>},
                           {"hypot", "float", sweep_pairs<HypotCase, float>},
                           {"hypot", "double", sweep_pairs<HypotCase, double>}};
#undef MINIGRAD_ROWS

bool report(const Case& row, const Outcome& outcome) {
  const bool good = outcome.worst <= kLargestError && outcome.same_in_any_place;
  std::printf("%-8s %-6s %8.4f ulp at %.17g, %.17g  %016llx%s%s\n", row.name, row.type, outcome.worst, outcome.x,
              outcome.y, static_cast<unsigned long long>(outcome.digest.value), good ? "" : "  WRONG",
              outcome.same_in_any_place ? "" : " (depends on the place in the array)");
  std::fflush(stdout);
  return good;
}

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string key = argv[i];
    const unsigned long long number = std::strtoull(argv[i + 1], nullptr, 10);
    if (key == "--only")
      options.only = argv[i + 1];
    else if (number == 0)
      return false;
    else if (key == "--stride")
      options.stride = number;
    else if (key == "--draws")
      options.draws = number;
    else if (key == "--threads")
      options.threads = static_cast<int>(number);
    else
      return false;
  }
  return argc % 2 == 1;
}

int run(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    std::fprintf(stderr, "usage: ulp_sweep [--stride N] [--draws N] [--threads N] [--only NAME]\n");
    return 2;
  }
  bool good = true, any = false;
  for (const Case& row : kCases) {
    if (!options.only.empty() && options.only != row.name) continue;
    any = true;
    good = report(row, row.run(options)) && good;
  }
  if (!any) std::fprintf(stderr, "no function is called %s\n", options.only.c_str());
  return good && any ? 0 : 1;
}

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA

int main(int argc, char** argv) { return minigrad::MINIGRAD_ISA::run(argc, argv); }
