// Naive joining, triangles and the ways back from views.
#pragma once

#include "core/kernel.hpp"

namespace minigrad::reference {

extern const RunsByDType cat, triangle, unstride, fold;

}  // namespace minigrad::reference
