// What elementwise loops read and write where their operands do not lie as neighbours: elements gathered into a buffer
// and scattered from it, and elements that are repeated. They are moved by their size, whatever they are.
//
// Included by files compiled once; everything here has internal linkage all the same.
#pragma once

#include "kernels/elementwise_walk.hpp"
#include "kernels/moves.hpp"
#include "kernels/turn.hpp"
#include "kernels/turned.hpp"

namespace minigrad {
namespace {

template <class Bits>
[[gnu::noinline]] void gather(char* to, const char* from, int64_t step, int64_t count) {
  auto* const out = reinterpret_cast<Bits*>(to);
  const auto* const x = reinterpret_cast<const Bits*>(from);
  if (step == -1) {  // a loop of its own, which the compiler vectorises
    for (int64_t i = 0; i < count; ++i) out[i] = x[-i];
  } else {
    gather_row(out, x, count, step);
  }
}

template <class Bits>
[[gnu::noinline]] void scatter(char* to, const char* from, int64_t step, int64_t count) {
  auto* const out = reinterpret_cast<Bits*>(to);
  const auto* const x = reinterpret_cast<const Bits*>(from);
  for (int64_t i = 0; i < count; ++i) out[i * step] = x[i];
}

// Bits in a register of 16 bytes, which may lie anywhere.
template <class Bits>
struct PieceOf {
  typedef Bits type __attribute__((vector_size(16), aligned(1), may_alias));
};

// `bytes` bytes of the element over and over, and up to 63 more.
template <class Bits>
void fill(char* to, const char* from, int64_t bytes) {
  using Piece = typename PieceOf<Bits>::type;
  const Piece equal = Piece{} + *reinterpret_cast<const Bits*>(from);
  for (int64_t b = 0; b < bytes; b += 4 * sizeof(Piece)) {
    for (int64_t k = 0; k < 4; ++k) reinterpret_cast<Piece*>(to + b)[k] = equal;
  }
}

// `count` times the element; up to 63 bytes behind the last one are overwritten.
[[gnu::noinline]] inline void fill_equal(char* to, const char* from, int64_t item, int64_t count) {
  with_bits(item, [&](auto bits) { fill<decltype(bits)>(to, from, item * count); });
}

// What loops read of operands that are repeated, by number.
struct EqualBuffer {
  alignas(64) char of[kMaxMapped + 1][kMapBlock * 8];
  char* operator[](int i) { return of[i]; }
  const char* operator[](int i) const { return of[i]; }
};

// Rows of `bytes` bytes behind one another, all of an element that is repeated in its row. Up to 63 bytes behind the
// last row are overwritten.
template <class Bits>
void fill_rows(char* to, const Bits* x, int64_t rows, int64_t row, int64_t bytes) {
  for (int64_t r = 0; r < rows; ++r, x += row, to += bytes) fill<Bits>(to, reinterpret_cast<const char*>(x), bytes);
}

// Rows of at least 16 bytes behind one another: the last piece of each overlaps the one before.
inline void copy_pieces(char* to, const char* from, int64_t rows, int64_t row, int64_t bytes) {
  using Piece = PieceOf<char>::type;
  constexpr int64_t kPiece = sizeof(Piece);
  for (int64_t r = 0; r < rows; ++r, from += row, to += bytes) {
    int64_t b = 0;
    for (; b + 4 * kPiece <= bytes; b += 4 * kPiece) std::memcpy(to + b, from + b, 4 * kPiece);
    for (; b < bytes; b += kPiece) {
      const int64_t at = b + kPiece <= bytes ? b : bytes - kPiece;
      *reinterpret_cast<Piece*>(to + at) = *reinterpret_cast<const Piece*>(from + at);
    }
  }
}

// The row at `from` over and over. Up to 15 bytes behind the last one are overwritten.
inline void repeat_row(char* to, const char* from, int64_t rows, int64_t bytes) {
  using Piece = PieceOf<char>::type;
  const char* const first = to;
  std::memcpy(to, from, static_cast<size_t>(bytes));
  for (int64_t r = 1; r < rows; ++r) {
    to += bytes;
    for (int64_t b = 0; b < bytes; b += sizeof(Piece)) {
      *reinterpret_cast<Piece*>(to + b) = *reinterpret_cast<const Piece*>(first + b);
    }
  }
}

// Rows of `count` elements behind one another, from rows that are `row` apart; behind the last one there is room for 63
// bytes more.
template <class Bits>
[[gnu::noinline]] void gather_rows(char* to, const char* from, int64_t rows, int64_t row, int64_t count, int64_t step) {
  auto* out = reinterpret_cast<Bits*>(to);
  const auto* x = reinterpret_cast<const Bits*>(from);
  const int64_t bytes = count * static_cast<int64_t>(sizeof(Bits));
  if (step == 0) return fill_rows(to, x, rows, row, bytes);
  if (step == 1 && row == 0) return repeat_row(to, from, rows, bytes);
  if (step == 1 && bytes >= 16) return copy_pieces(to, from, rows, row * static_cast<int64_t>(sizeof(Bits)), bytes);
  for (int64_t r = 0; r < rows; ++r, x += row, out += count) {
#pragma GCC unroll 4
    for (int64_t i = 0; i < count; ++i) out[i] = x[i * step];
  }
}

// A panel: rows that are gathered together, because their elements are neighbours across the rows (a transposed
// operand), and the elements of each that fit into the buffer: of 4 bytes, 4 lines of memory from each place.
constexpr int64_t kPanelColumns = 64, kPanelBytes = 16384;

// A panel's rows, out[r, j] = x[j, r]; where x's rows do not lie beside each other, element by element. `more`: whether
// a panel comes behind this one.
template <class Bits>
[[gnu::noinline]] void gather_panel(char* to, const char* from, int64_t rows, int64_t row, int64_t size, int64_t step,
                                    bool more) {
  auto* const out = reinterpret_cast<Bits*>(to);
  const auto* const x = reinterpret_cast<const Bits*>(from);
  if constexpr (sizeof(Bits) >= 4) {
    if (row == 1) return turn_block(out, kPanelColumns, x, step, size, rows, more ? x + size * step : x, false);
  } else {
    if (row == 1) return turn(out, kPanelColumns, x, step, size, rows);
  }
  for (int64_t j = 0; j < size; ++j) {
    for (int64_t r = 0; r < rows; ++r) out[r * kPanelColumns + j] = x[j * step + r * row];
  }
}

}  // namespace
}  // namespace minigrad
