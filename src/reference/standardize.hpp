// Naive normalisation of rows or columns.
#pragma once

#include "core/kernel.hpp"

namespace minigrad::reference {

extern const RunsByDType moments, standardize, standardize_grad, standardize_weight_grad;

}  // namespace minigrad::reference
