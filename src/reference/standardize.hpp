// Naive normalisation of groups or channels.
#pragma once

#include "core/kernel.hpp"

namespace minigrad::reference {

extern const RunsByDType standardize, standardize_given, standardize_grad, standardize_weight_grad, standardize_grads;

}  // namespace minigrad::reference
