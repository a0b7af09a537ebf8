// Naive matrix products.
#pragma once

#include "core/kernel.hpp"

namespace minigrad::reference {

extern const RunsByDType matmul, linear;

}  // namespace minigrad::reference
