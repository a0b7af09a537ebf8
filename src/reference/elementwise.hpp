// Naive elementwise kernels.
#pragma once

#include "core/kernel.hpp"

namespace minigrad::reference {

extern const RunsByDType copy, neg, abs, sign, sqrt, exp, log, sin, cos, tanh, sigmoid, relu;
extern const RunsByDType add, sub, mul, safe_mul, div, safe_div, pow, maximum, minimum, maximum_share;
extern const RunsByDType floor_divide, trunc_divide, remainder, fmod;
extern const RunsByDType floor, ceil, trunc, round, frac, cube, inverse_square, copysign, heaviside, fmax, fmin;
extern const RunsByDType bitwise_not, bitwise_and, bitwise_or, bitwise_xor, bitwise_left_shift, bitwise_right_shift;
extern const RunsByDType clamp, clamp_grad, lerp, prelu, addcmul, addcdiv, nan_to_num;
extern const RunsByDType relu_grad, tanh_grad, sigmoid_grad;
extern const RunsByDType eq, ne, lt, le, gt, ge, where, cast;

}  // namespace minigrad::reference
