// How much of a matrix the kernels of normalisation take at once: plans and runs agree on it.
#pragma once

#include <cstdint>

namespace minigrad {

// Columns that are summed over rows at once, and the scratch for that: two packed blocks of 64 rows and the levels of
// the tree over blocks.
constexpr int64_t kStripColumns = 128;

static inline int64_t strip_elements(int64_t rows) {
  int64_t levels = 1;
  for (int64_t blocks = rows / 64 + 1; blocks > 0; blocks /= 2) ++levels;
  return (2 * 64 + levels) * kStripColumns;
}

}  // namespace minigrad
