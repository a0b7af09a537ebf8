// Naive reductions.
#pragma once

#include "core/kernel.hpp"

namespace minigrad::reference {

extern const RunsByDType sum, mean, prod, max, min, sum_to;
extern const RunsByDType argmax, argmin, max_with_index, min_with_index;

}  // namespace minigrad::reference
