// Naive random numbers.
#pragma once

#include "core/kernel.hpp"

namespace minigrad::reference {

extern const RunsByDType uniform, normal, randint, permutation, full, ramp, triangle_indices;

}  // namespace minigrad::reference
