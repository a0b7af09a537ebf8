// Naive scans.
#pragma once

#include "core/kernel.hpp"

namespace minigrad::reference {

extern const RunsByDType cumsum, cumprod, logcumsumexp, linear_recurrence, shift;

}  // namespace minigrad::reference
