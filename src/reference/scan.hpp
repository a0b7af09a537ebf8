// Naive scans.
#pragma once

#include "core/kernel.hpp"

namespace minigrad::reference {

extern const RunsByDType cumsum, cumprod, linear_recurrence, shift;

}  // namespace minigrad::reference
