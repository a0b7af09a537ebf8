#pragma once

#include "core/kernel.hpp"

namespace minigrad::reference {

extern const RunsByDType cdist, cdist_pull, cdist_push;

}  // namespace minigrad::reference
