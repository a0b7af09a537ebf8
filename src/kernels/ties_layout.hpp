// What the plan and the runs of ties share.
//
// Included by files compiled once per instruction set: everything here has internal linkage.
#pragma once

#include "kernels/reduce_layout.hpp"

namespace minigrad {
namespace {

// A single result's ties are counted in chunks of the elements.
constexpr int64_t kTieChunks = 64;

}  // namespace
}  // namespace minigrad
