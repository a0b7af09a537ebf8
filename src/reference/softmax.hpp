// Naive softmax.
#pragma once

#include "core/kernel.hpp"

namespace minigrad::reference {

extern const RunsByDType softmax, log_softmax, softmax_grad, log_softmax_grad;

}  // namespace minigrad::reference
