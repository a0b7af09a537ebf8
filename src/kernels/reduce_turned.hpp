// All elements of a matrix whose columns are contiguous, summed without a copy (see is_turned_matrix). A group of its
// columns lies side by side for some hundred rows, so that the lanes of all their blocks grow together.
#pragma once

#include "kernels/reduce_operation.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

template <class T>
class TurnedMatrix {
 public:
  // Element j of row i stands at x + i + j * step.
  TurnedMatrix(const Operation<T>& op, const T* x, int64_t rows, int64_t cols, int64_t step)
      : op_(op), x_(x), rows_(rows), cols_(cols), step_(step) {}

  // The tree over `count` blocks, in row-major order, from block `first` on.
  void combine(T* levels, int64_t first, int64_t count) {
    combine_blocks(levels, kVirtualLanes<T>, count, op_.merge, [&](int64_t b, T* to) {
      if (first + b >= end_) fill(first + b, first + count);
      copy(to, lanes_ + (first + b - begin_) * kVirtualLanes<T>, kVirtualLanes<T>);
    });
  }

 private:
  static constexpr int64_t kMostBlocks = 1024, kGroup = 4 * kVirtualLanes<T>;

  // Asks for a group of columns, `rows` elements of each.
  [[gnu::always_inline]] void fetch_columns(const T* from, int64_t rows) const {
    constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(T));
    for (int64_t j = 0; j < kGroup; ++j, from += step_) {
      for (int64_t l = 0; l < rows; l += kLine) __builtin_prefetch(from + l, 0, 2);
    }
  }

  // Block b and the next ones, at most up to `end`: some rows at a time, a block of each, or blocks that begin in each.
  // Where a block has `many` rows, the lanes of each go on, one place further, with the next row, and the results of
  // every many-th are taken.
  void fill(int64_t b, int64_t end) {
    constexpr int64_t kRows = 256, kBlock = kBlockVectors * kVirtualLanes<T>;
    const int64_t n = smaller(cols_, kBlock), many = kBlock / n, in_row = cols_ / n;
    const int64_t row = b / in_row * many, wanted = (divide_up(end, in_row) - b / in_row) * many;
    const int64_t rows = smaller(smaller(kRows, kMostBlocks / in_row), smaller(rows_ - row, wanted));
    alignas(64) T memory[kVirtualLanes<T> * (1 + kRows)];
    T* const lanes = memory + kVirtualLanes<T>;
    for (int64_t k = 0; k < in_row; ++k) {
      const T* const x = x_ + row + k * n * step_;
      for (int64_t j = 1 - many; j < kVirtualLanes<T> * rows; ++j) lanes[j] = op_.identity;
      for (int64_t next = 0; next < many; ++next) {
        for (int64_t i = 0; i < n; i += kGroup) {
          const T* const group = x + i * step_;
          if (many == 1) fetch_columns(group + kGroup * step_, rows);
          op_.lane_group(lanes - next, rows, group, step_, kGroup);
        }
      }
      pack(lanes_ + k * kVirtualLanes<T>, in_row * kVirtualLanes<T>, lanes, many, rows, rows / many, kVirtualLanes<T>);
    }
    begin_ = b / in_row * in_row;
    end_ = begin_ + rows / many * in_row;
  }

  const Operation<T>& op_;
  const T* x_;
  int64_t rows_, cols_, step_;
  int64_t begin_ = 0, end_ = 0;  // the blocks whose lanes are ready
  alignas(64) T lanes_[kMostBlocks * kVirtualLanes<T>];
};

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
