// How the result of an elementwise kernel lies in memory: as its operands do, so that one straight pass reads and
// writes all of them. PyTorch's rule.
#pragma once

#include "core/kernel.hpp"

namespace minigrad {

// Whether the elements fill a piece of memory, each place once, whatever the order of the dimensions.
bool is_dense(const View& x);

// Whether several elements may have one place, as those of windows that overlap.
bool may_share_places(const View& x);

// Writes the strides of the first output. If all inputs have its shape, are dense and have the same strides, these are
// the output's. Otherwise two of its dimensions lie in the order that they have in the first input in which they differ
// in stride and neither is repeated; if there is none, in row-major order.
void keep_layout(Plan& plan);

// The dimensions of more than one element, outermost in memory first.
struct MemoryOrder {
  int count = 0;
  int dims[kMaxRank];

  explicit MemoryOrder(const View& x);

  // x, an operand that broadcasts to `whole`, with those dimensions alone in this order; one without dimensions stays.
  View turned(const View& x, const View& whole) const;
};

}  // namespace minigrad
