// The elementary functions that elementwise.isa.cpp does not have.
#include "kernels/elementwise_ops.hpp"
#include "kernels/function_loops.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// x - y, 0 where both are equal, infinities too.
struct Difference : Streaming {
  template <class T>
  static T apply(T x, T y) {
    return x == y ? T{0} : x - y;
  }
};

constexpr Run kRows[] = {
    {"tan", function<functions::Tan>()},
    {"asin", function<functions::Asin>()},
    {"acos", function<functions::Acos>()},
    {"atan", function<functions::Atan>()},
    {"sinh", function<functions::Sinh>()},
    {"cosh", function<functions::Cosh>()},
    {"asinh", function<functions::Asinh>()},
    {"acosh", function<functions::Acosh>()},
    {"atanh", function<functions::Atanh>()},
    {"exp2", function<functions::Exp2>()},
    {"expm1", function<functions::Expm1>()},
    {"log1p", function<functions::Log1p>()},
    {"log2", function<functions::Log2>()},
    {"log10", function<functions::Log10>()},
    {"rsqrt", function<functions::Rsqrt>()},
    {"erf", function<functions::Erf>()},
    {"atan2", binary_function<functions::Atan2>()},
    {"hypot", binary_function<functions::Hypot>()},
    {"logaddexp", binary_function<functions::Logaddexp>()},
    {"xlogy", binary_function<functions::Xlogy>()},
    {"difference", floats(run_binary<Difference, float>, run_binary<Difference, double>)},
};

}  // namespace

extern const Runs functions_runs;
const Runs functions_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::MINIGRAD_ISA
