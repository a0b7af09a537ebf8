// What kernels share whose results are places or counts.
//
// What has a size that depends on the data comes in two steps: a kernel counts, and another one is told the count.
#pragma once

#include "core/half.hpp"
#include "core/plans.hpp"

namespace minigrad {
namespace {

constexpr AttributeSpec kCount = {"count", AttributeKind::integer};

inline void plan_number(View& out) {
  out.dtype = DType::int64;
  out.rank = 0;
}

inline void plan_line(View& out, int64_t size) {
  out.dtype = DType::int64;
  out.rank = 1;
  out.shape[0] = size;
}

// Integers are equal, or 0, where their bits are.
template <template <class> class Of>
constexpr RunsByDType by_bits() {
  return {{Of<uint8_t>::run, Of<uint8_t>::run, Of<uint8_t>::run, Of<uint16_t>::run, Of<uint32_t>::run,
           Of<uint64_t>::run, Of<float>::run, Of<double>::run, Of<Half>::run}};
}

}  // namespace
}  // namespace minigrad
