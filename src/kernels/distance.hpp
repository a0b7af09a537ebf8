// Distances between the rows of matrices: what plans and runs share.
#pragma once

#include <cstdint>

namespace minigrad {

constexpr int64_t kDistancePanel = 128;  // bytes: of the columns of a result that are made together
constexpr int64_t kDistanceBlock = 128;  // terms that are summed before they join the others
constexpr int64_t kDistanceRows = 256;   // rows of a result that one panel serves

}  // namespace minigrad
