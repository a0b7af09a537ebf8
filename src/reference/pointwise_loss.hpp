// Naive losses of single elements.
#pragma once

#include "core/kernel.hpp"

namespace minigrad::reference {

extern const RunsByDType mse_loss, l1_loss, smooth_l1_loss, huber_loss, binary_cross_entropy,
    binary_cross_entropy_with_logits;
extern const RunsByDType mse_loss_grad, l1_loss_grad, smooth_l1_loss_grad, huber_loss_grad, binary_cross_entropy_grad,
    binary_cross_entropy_target_grad, binary_cross_entropy_with_logits_grad;

}  // namespace minigrad::reference
