// What the plans and the runs of arg_reduce share.
//
// Included by files compiled once per instruction set: everything here has internal linkage.
#pragma once

#include "kernels/reduce_layout.hpp"

namespace minigrad {
namespace {

constexpr double kArgNanoseconds = 0.1;  // for an element

// The set of the one dimension that an integer attribute names.
inline DimMask single_dim(const View& x, const Attribute& dim) {
  Attribute dims;
  dims.count = 1;
  dims.integers[0] = dim.integer();
  return listed_dims(x, dims);
}

// A single result of many elements is found in chunks of them.
constexpr int64_t kArgChunks = 64;

inline bool arg_in_chunks(const Reduction& form) { return form.kept == 1 && form.reduced >= 1 << 17; }

}  // namespace
}  // namespace minigrad
