// What the kernels that take indices share: bounds, and an array without one of its dimensions.
//
// Included by files compiled once; everything here has internal linkage all the same.
#pragma once

#include <atomic>
#include <type_traits>

#include "core/plans.hpp"
#include "core/wide.hpp"
#include "kernels/moves.hpp"

namespace minigrad {
namespace {

// Whether any worker met an index out of range.
class Failure {
 public:
  void report() { failed_.store(true, std::memory_order_relaxed); }
  bool reported() const { return failed_.load(std::memory_order_relaxed); }
  Status status() const { return reported() ? Status::index_out_of_range : Status::ok; }

 private:
  std::atomic<bool> failed_{false};
};

inline bool in_range(int64_t i, int64_t extent) { return static_cast<uint64_t>(i) < static_cast<uint64_t>(extent); }

MINIGRAD_WIDE inline bool neighbours_in_range(const int64_t* index, int64_t count, int64_t extent) {
  int64_t bits = 0;
  for (int64_t i = 0; i < count; ++i) bits |= index[i] | (extent - 1 - index[i]);
  return bits >= 0;
}

// Whether `count` indices, `step` apart, are in range: one sign bit tells, so that the loop has no branch.
inline bool all_in_range(const int64_t* index, int64_t count, int64_t step, int64_t extent) {
  if (step == 1 && has_wide()) return neighbours_in_range(index, count, extent);
  int64_t bits = 0;
  for (int64_t i = 0; i < count; ++i) bits |= index[i * step] | (extent - 1 - index[i * step]);
  return bits >= 0;
}

// Whether every index is in range; those that a broadcast array repeats are looked at once.
inline bool every_index_in_range(const View& index, int64_t extent) {
  View own = index;
  for (int d = 0; d < own.rank; ++d) {
    if (own.stride[d] == 0 && own.shape[d] > 1) own.shape[d] = 1;
  }
  const View* const operands[] = {&own};
  const Nest<1> nest = make_nest(operands);
  const int64_t step = nest.stride[0][nest.rank - 1];
  bool good = true;
  for_rows(nest, 0, nest.size, [&](const int64_t* offset, int64_t count) {
    good &= all_in_range(index.as<int64_t>() + offset[0], count, step, extent);
  });
  return good;
}

// i counted from the end where negative.
inline int64_t wrapped(int64_t i, int64_t extent) { return i < 0 ? i + extent : i; }

// x with the sizes of `shape` and without dimension `dim`.
inline View without_dim(const View& x, const View& shape, int dim) {
  View out;
  out.data = x.data;
  out.dtype = x.dtype;
  out.rank = 0;
  for (int d = 0; d < shape.rank; ++d) {
    if (d == dim) continue;
    out.shape[out.rank] = shape.shape[d];
    out.stride[out.rank++] = x.stride[d];
  }
  return out;
}

// ---------------------------------------------------------------------------------------------------------------------
// Panels: neighbouring columns of a matrix, copied into a buffer without gaps. Rows are often a power of two apart, and
// then few of them fit into a cache at once. Columns that are visited in no order are visited faster in the copy.

constexpr int64_t kPanel = 16;                        // columns
constexpr int64_t kFewRows = 16;                      // which do without panels
constexpr int64_t kPanelBytes = int64_t{1} << 20;     // of the largest panel
constexpr int64_t kWithoutPanels = int64_t{1} << 19;  // bytes of a matrix that fits into a cache as it is
constexpr int64_t kPanelAhead = 8;                    // how many rows before its turn a row is fetched into the cache

using WholePanel = std::integral_constant<int64_t, kPanel>;

// How the rows of a panel's indices and of its part of the output are walked.
struct PanelSteps {
  int64_t out_row, index_row;
  int64_t extent;
  bool streamed;
};

// The bytes of a panel of an array with `extent` places along a dim; 0 where there is no use for panels.
inline size_t panel_bytes(const View& x, int64_t extent) {
  const int64_t item = item_size(x.dtype), bytes = extent * kPanel * item;
  return extent >= kFewRows && bytes <= kPanelBytes && x.size() * item > kWithoutPanels ? static_cast<size_t>(bytes)
                                                                                        : 0;
}

inline void prefetch_piece(const void* x, int64_t bytes) {
  for (int64_t b = 0; b < bytes; b += 64) __builtin_prefetch(static_cast<const char*>(x) + b);
}

template <class T>
void pack_panel(T* panel, const T* x, int64_t rows, int64_t row_step, int64_t width) {
  for (int64_t r = 0; r < rows; ++r, x += row_step, panel += kPanel) {
    prefetch_piece(x + kPanelAhead * row_step, width * static_cast<int64_t>(sizeof(T)));
    for (int64_t j = 0; j < width; ++j) panel[j] = x[j];
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Pieces of rows, combined: out[i] = combine(out[i], x[i]).

struct Sum {
  template <class T>
  static T combine(T x, T y) {
    return static_cast<T>(x + y);
  }
};

template <class Op, class T>
MINIGRAD_WIDE void combine_wide(T* out, const T* x, int64_t count) {
  constexpr int64_t kRegister = 32 / sizeof(T), kTogether = 4 * kRegister;
  const auto registers = [&](int64_t number) __attribute__((always_inline)) {
#pragma GCC unroll 4
    for (int64_t r = 0; r < number; ++r, out += kRegister, x += kRegister) {
#pragma omp simd
      for (int64_t i = 0; i < kRegister; ++i) out[i] = Op::combine(out[i], x[i]);
    }
  };
  for (; count >= kTogether; count -= kTogether) registers(4);
  for (; count >= kRegister; count -= kRegister) registers(1);
  for (; count > 0; --count, ++out, ++x) {
    *out = Op::combine(*out, *x);
    asm volatile("" : "+r"(count));  // or the compiler would make vector code of this as well
  }
}

template <class Op, class T>
void combine_piece(T* out, const T* x, int64_t count, int64_t out_step, int64_t x_step) {
  if (out_step == 1 && x_step == 1 && has_wide()) return combine_wide<Op>(out, x, count);
  for (int64_t i = 0; i < count; ++i) out[i * out_step] = Op::combine(out[i * out_step], x[i * x_step]);
}

// `dim` as a run gets it: counted from the end where negative.
inline int axis_of(const Attribute& dim, int rank) {
  return static_cast<int>(dim.integer() < 0 ? dim.integer() + rank : dim.integer());
}

}  // namespace
}  // namespace minigrad
