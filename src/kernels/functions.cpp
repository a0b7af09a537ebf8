// Rows of the elementary functions that elementwise.cpp does not have.
#include "reference/functions.hpp"
#include "kernels/elementwise_rows.hpp"

namespace minigrad {
namespace {

constexpr Kernel kRows[] = {
    unary("tan", &reference::tan),
    unary("asin", &reference::asin),
    unary("acos", &reference::acos),
    unary("atan", &reference::atan),
    unary("sinh", &reference::sinh),
    unary("cosh", &reference::cosh),
    unary("asinh", &reference::asinh),
    unary("acosh", &reference::acosh),
    unary("atanh", &reference::atanh),
    unary("exp2", &reference::exp2),
    unary("expm1", &reference::expm1),
    unary("log1p", &reference::log1p),
    unary("log2", &reference::log2),
    unary("log10", &reference::log10),
    unary("rsqrt", &reference::rsqrt),
    unary("erf", &reference::erf),
    binary("atan2", &reference::atan2),
    binary("hypot", &reference::hypot),
    binary("logaddexp", &reference::logaddexp),
    binary("xlogy", &reference::xlogy),
    binary("difference", &reference::difference),
};

}  // namespace

extern const Kernels functions_kernels;
const Kernels functions_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

}  // namespace minigrad
