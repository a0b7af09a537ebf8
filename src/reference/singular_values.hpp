// Naive singular values.
#pragma once

#include "core/kernel.hpp"

namespace minigrad::reference {

extern const RunsByDType singular_values;

}  // namespace minigrad::reference
