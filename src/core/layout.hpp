// How the result of an elementwise kernel lies in memory: as its operands do, so that one straight pass reads and
// writes all of them. PyTorch's rule.
#pragma once

#include "core/kernel.hpp"

namespace minigrad {

// Whether the elements fill a piece of memory, each place once, whatever the order of the dimensions.
bool is_dense(const View& x);

// Writes the strides of the first output: those that all inputs have, where these are of its shape and dense. Otherwise
// its dimensions lie in the order of the first input in which two of them differ in stride, those that it repeats left
// out; where none tells, in row-major order.
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
