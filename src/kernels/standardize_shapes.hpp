// How much of an array the kernels of normalisation take at once: plans and runs agree on it.
#pragma once

#include "core/view.hpp"

namespace minigrad {

// Columns that are summed over samples at once: so many that whole pages of memory are read from end to end.
constexpr int64_t kStripColumns = 1024;

// Elements of a channel in a sample.
static inline int64_t channel_length(const View& x) {
  int64_t length = 1;
  for (int d = 2; d < x.rank; ++d) length *= x.shape[d];
  return length;
}

// Groups' channels of so many elements are long: each is summed by itself.
constexpr int64_t kLongChannel = 16;

// How often weights are repeated in memory: for each element of a short channel.
static inline int64_t weight_repeats(const View& x, int64_t groups) {
  const int64_t length = channel_length(x);
  return groups > 0 && length > 1 && length < kLongChannel ? length : 1;
}

static inline int64_t strip_width(int64_t length) { return length < kStripColumns ? kStripColumns : length; }

// The scratch for a strip, where two things are summed at once: their sums, and the levels of the tree over blocks.
static inline int64_t strip_elements(int64_t samples, int64_t length) {
  int64_t levels = 1;
  for (int64_t blocks = samples / 64 + 1; blocks > 0; blocks /= 2) ++levels;
  return 2 * strip_width(length) + 2 * levels * kStripColumns;
}

// Threads that share the samples of a strip sum so many blocks of them each at a time, so that there are few such runs.
static inline int64_t run_blocks(int64_t samples) {
  int64_t blocks = 1;
  while (samples / 64 > 16 * blocks) blocks *= 2;
  return blocks;
}

// What the runs come to, two things for each column.
static inline int64_t run_elements(int64_t samples) {
  return 2 * (samples / 64 / run_blocks(samples) + 1) * kStripColumns;
}

}  // namespace minigrad
