// Naive kernels of elementary functions.
#pragma once

#include "core/kernel.hpp"

namespace minigrad::reference {

extern const RunsByDType tan, asin, acos, atan, sinh, cosh, asinh, acosh, atanh;
extern const RunsByDType exp2, expm1, log1p, log2, log10, rsqrt, erf;
extern const RunsByDType atan2, hypot, logaddexp, xlogy, difference;

}  // namespace minigrad::reference
