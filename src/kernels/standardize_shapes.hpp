// How much of a matrix the kernels of normalisation take at once: plans and runs agree on it.
#pragma once

#include <cstdint>

namespace minigrad {

// Columns that are summed over rows at once: where rows are contiguous, so many that whole pages of memory are read
// from end to end; otherwise as many as are packed, 64 rows at a time.
constexpr int64_t kStripColumns = 1024, kPackedColumns = 128;

// The scratch for a strip: two packed blocks and the levels of the tree over blocks, of two sums at once.
static inline int64_t strip_elements(int64_t rows) {
  int64_t levels = 1;
  for (int64_t blocks = rows / 64 + 1; blocks > 0; blocks /= 2) ++levels;
  return 2 * 64 * kPackedColumns + 2 * levels * kStripColumns;
}

}  // namespace minigrad
