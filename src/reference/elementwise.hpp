// Naive elementwise kernels.
#pragma once

#include "core/kernel.hpp"

namespace minigrad::reference {

extern const RunsByDType copy, neg, abs, sign, sqrt, exp, log, sin, cos, tanh, sigmoid, relu;
extern const RunsByDType add, sub, mul, safe_mul, div, safe_div, pow, maximum, minimum, maximum_share;
extern const RunsByDType floor_divide, trunc_divide, remainder, fmod;
extern const RunsByDType relu_grad, tanh_grad, sigmoid_grad;
extern const RunsByDType eq, ne, lt, le, gt, ge, where, cast;

}  // namespace minigrad::reference
