// Naive versions of the optimisers' kernels.
#pragma once

#include "core/kernel.hpp"

namespace minigrad::reference {

extern const RunsByDType sgd, adam, nadam, radam, adamax, adagrad, adadelta, rmsprop, rprop;

}  // namespace minigrad::reference
