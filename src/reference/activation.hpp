// Naive activations.
#pragma once

#include "core/kernel.hpp"

namespace minigrad::reference {

extern const RunsByDType silu, silu_grad, gelu, gelu_grad, gelu_tanh, gelu_tanh_grad, mish, mish_grad;
extern const RunsByDType softsign, softsign_grad;
extern const RunsByDType softplus, softplus_grad, elu, elu_grad, broken_line, broken_line_grad, cut, hardswish,
    hardswish_grad;

}  // namespace minigrad::reference
