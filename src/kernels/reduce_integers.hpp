// What combines integers, and booleans as the bytes 0 and 1 that they are. The order of operations does not matter:
// they are exact, or wrap around (the build sets -fwrapv).
#pragma once

#include <cstdint>

#include "core/kernel.hpp"

namespace minigrad {

// What combines integers of one dtype.
struct IntegerLoops {
  // Makes n elements those that change nothing.
  void (*begin)(void* out, int64_t n);
  // Combines n elements, `step` elements apart, into each of `count` results; `fresh`: into those that change nothing.
  void (*row)(void* out, int64_t out_step, const void* x, int64_t x_step, int64_t step, int64_t n, int64_t count,
              bool fresh);
  // Combines rows, `step` elements apart, into out; see combine_columns.
  void (*rows)(void* out, const void* x, int64_t step, int64_t rows, int64_t cols, bool far);
};

// The reduction of the first input over the dims that the first attribute lists.
Status run_integers(const Call& call, const IntegerLoops& loops);

namespace {

struct IntegerSum {
  template <class T>
  static T identity() {
    return 0;
  }
  template <class T>
  static T combine(T x, T y) {
    return x + y;
  }
};

struct IntegerProduct {
  template <class T>
  static T identity() {
    return 1;
  }
  template <class T>
  static T combine(T x, T y) {
    return x * y;
  }
};

constexpr bool is_signed(uint8_t) { return false; }
template <class T>
constexpr bool is_signed(T) {
  return true;
}

template <class T>
constexpr T lowest() {
  return is_signed(T{}) ? static_cast<T>(uint64_t{1} << (8 * sizeof(T) - 1)) : T{0};
}

template <class T>
constexpr T highest() {
  return static_cast<T>(~lowest<T>());
}

struct IntegerLargest {
  template <class T>
  static T identity() {
    return lowest<T>();
  }
  template <class T>
  static T combine(T x, T y) {
    return x > y ? x : y;
  }
};

struct IntegerSmallest {
  template <class T>
  static T identity() {
    return highest<T>();
  }
  template <class T>
  static T combine(T x, T y) {
    return x < y ? x : y;
  }
};

// A register, which what is compiled once takes of the size that every machine has.
#if defined(__AVX2__)
constexpr int kPieceBytes = 32;
#else
constexpr int kPieceBytes = 16;
#endif

template <class T, int kBytes = kPieceBytes>
struct Piece {
  typedef T Vector __attribute__((vector_size(kBytes)));
  typedef T Unaligned __attribute__((vector_size(kBytes), aligned(sizeof(T)), may_alias));
  static constexpr int kLanes = kBytes / static_cast<int>(sizeof(T));

  static Vector load(const T* x) { return *reinterpret_cast<const Unaligned*>(x); }
  static void store(T* x, Vector v) { *reinterpret_cast<Unaligned*>(x) = v; }
};

// The sum of a register's elements, in which neighbours are added in ever wider ones.
template <class Element>
int64_t sum_lanes(typename Piece<Element>::Vector x) {
  static_assert(sizeof x == 16);
  auto sums = reinterpret_cast<Piece<uint64_t>::Vector>(x);
  const auto fold = [&](int bits, uint64_t low) { sums = (sums & low) + ((sums >> bits) & low); };
  if (sizeof(Element) < 2) fold(8, 0x00ff00ff00ff00ff);
  if (sizeof(Element) < 4) fold(16, 0x0000ffff0000ffff);
  if (sizeof(Element) < 8) fold(32, 0x00000000ffffffff);
  return static_cast<int64_t>(sums[0] + sums[1]);
}

// n contiguous elements; many of them in four vectors, so that no operation waits for the one before it.
template <class Op, class T>
T combine_contiguous(const T* x, int64_t n) {
  constexpr int kLanes = Piece<T>::kLanes;
  T total = Op::template identity<T>();
  int64_t i = 0;
  if (n >= 8 * kLanes) {
    const auto load = [x](int64_t at) { return Piece<T>::load(x + at); };
    auto a = load(0), b = load(kLanes), c = load(2 * kLanes), d = load(3 * kLanes);
    for (i = 4 * kLanes; i + 4 * kLanes <= n; i += 4 * kLanes) {
      a = Op::combine(a, load(i));
      b = Op::combine(b, load(i + kLanes));
      c = Op::combine(c, load(i + 2 * kLanes));
      d = Op::combine(d, load(i + 3 * kLanes));
    }
    const auto all = Op::combine(Op::combine(a, b), Op::combine(c, d));
    for (int l = 0; l < kLanes; ++l) total = Op::combine(total, static_cast<T>(all[l]));
  }
  for (; i < n; ++i) total = Op::combine(total, x[i]);
  return total;
}

// out[j] = out[j] combined with x[j], x[step + j], ..., `rows` rows, from column j on while kPieces registers are full;
// returns the column behind them. Where they are `far`, as many rows that come next are asked for, if they lie without
// gaps in the order of memory: of so many streams the processor foresees little.
template <class Op, int kPieces, int kBytes = kPieceBytes, class T>
int64_t combine_columns(T* out, const T* x, int64_t step, int64_t rows, int64_t cols, int64_t j, bool far) {
  using P = Piece<T, kBytes>;
  constexpr int kLanes = P::kLanes;
  const int64_t line = step == cols ? kPieces * kLanes : step, ahead = step == cols ? rows : 1;
  for (; j + kPieces * kLanes <= cols; j += kPieces * kLanes) {
    typename P::Vector total[kPieces];
#pragma GCC unroll 4
    for (int i = 0; i < kPieces; ++i) total[i] = P::load(out + j + i * kLanes);
    for (int64_t r = 0; far && r < rows; ++r) __builtin_prefetch(x + rows * step + ahead * j + r * line, 0, 2);
#pragma GCC unroll 1
    for (int64_t r = 0; r < rows; ++r) {
#pragma GCC unroll 4
      for (int i = 0; i < kPieces; ++i) {
        total[i] = Op::combine(total[i], P::load(x + r * step + j + i * kLanes));
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < kPieces; ++i) P::store(out + j + i * kLanes, total[i]);
  }
  return j;
}

template <class Op, class T>
void combine_rows(T* out, const T* x, int64_t step, int64_t rows, int64_t cols, bool far) {
  const int64_t most = combine_columns<Op, 4>(out, x, step, rows, cols, 0, far);
  int64_t done = combine_columns<Op, 1>(out, x, step, rows, cols, most, false);
  if constexpr (kPieceBytes > 16) done = combine_columns<Op, 1, 16>(out, x, step, rows, cols, done, false);
  for (int64_t j = done; j < cols; ++j) {
    T total = out[j];
    for (int64_t r = 0; r < rows; ++r) total = Op::combine(total, x[r * step + j]);
    out[j] = total;
  }
}

// Whether so many bytes come from memory that no near cache holds them.
inline bool is_far(int64_t bytes) { return bytes >= int64_t{8} << 20; }

template <class Op, class T>
struct LoopsOf {
  static void begin(void* out, int64_t n) {
    for (int64_t i = 0; i < n; ++i) static_cast<T*>(out)[i] = Op::template identity<T>();
  }
  static void row(void* out, int64_t out_step, const void* x, int64_t x_step, int64_t step, int64_t n, int64_t count,
                  bool fresh) {
    for (int64_t i = 0; i < count; ++i) {
      T* const total = static_cast<T*>(out) + i * out_step;
      const T* const from = static_cast<const T*>(x) + i * x_step;
      T all = fresh ? Op::template identity<T>() : *total;
      if (step == 1) {
        all = Op::combine(all, combine_contiguous<Op>(from, n));
      } else {
        for (int64_t k = 0; k < n; ++k) all = Op::combine(all, from[k * step]);
      }
      *total = all;
    }
  }
  static void rows(void* out, const void* x, int64_t step, int64_t rows, int64_t cols, bool far) {
    combine_rows<Op>(static_cast<T*>(out), static_cast<const T*>(x), step, rows, cols, far);
  }
  static constexpr IntegerLoops kLoops = {begin, row, rows};
};

}  // namespace
}  // namespace minigrad
