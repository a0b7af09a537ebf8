// Rows of the elementary functions that elementwise.cpp does not have.
#include "kernels/elementwise_rows.hpp"

namespace minigrad {
namespace {

constexpr Kernel kRows[] = {
    unary("tan"),    unary("asin"),   unary("acos"),       unary("atan"),   unary("sinh"),        unary("cosh"),
    unary("asinh"),  unary("acosh"),  unary("atanh"),      unary("exp2"),   unary("expm1"),       unary("log1p"),
    unary("log2"),   unary("log10"),  unary("rsqrt"),      unary("erf"),    unary("erfc"),        unary("erfinv"),
    binary("atan2"), binary("hypot"), binary("logaddexp"), binary("xlogy"), binary("difference"),
};

}  // namespace

extern const Kernels functions_kernels;
const Kernels functions_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

}  // namespace minigrad
