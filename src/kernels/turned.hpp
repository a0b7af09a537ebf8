// Blocks of large matrices turned, rows to columns.
#pragma once

#include <cstdint>

namespace minigrad {

// Bytes of a block that is turned at once, at the most.
constexpr int64_t kTurnedBytes = 16384;

// Whether rows that begin so many bytes apart fall into few sets of the nearest cache.
static constexpr bool few_sets(int64_t row_bytes) { return row_bytes % 1024 == 0; }

// out[d, i] = x[i, d] for i < rows, d < columns and elements of 4 or 8 bytes, while a block of as many rows and columns
// of the same matrix is asked for, which begins at `next`. `streamed`: past the caches, for whole lines of
// out; other threads see them after stream_end().
void turn_block(uint32_t* out, int64_t out_row, const uint32_t* x, int64_t x_row, int64_t rows, int64_t columns,
                const uint32_t* next, bool streamed);
void turn_block(uint64_t* out, int64_t out_row, const uint64_t* x, int64_t x_row, int64_t rows, int64_t columns,
                const uint64_t* next, bool streamed);

}  // namespace minigrad
