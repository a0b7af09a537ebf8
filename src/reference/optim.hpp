// Naive optimiser updates.
#pragma once

#include "core/kernel.hpp"

namespace minigrad::reference {

extern const RunsByDType adam, sgd, sgd_plain;

}  // namespace minigrad::reference
