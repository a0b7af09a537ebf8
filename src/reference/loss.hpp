// Naive losses.
#pragma once

#include "core/kernel.hpp"

namespace minigrad::reference {

extern const RunsByDType cross_entropy, cross_entropy_grad, nll_loss, nll_loss_grad;

}  // namespace minigrad::reference
