// Loops over elements: out[i] = op(x[i], y[i], ...).
//
// An operation is a struct with a static `apply` on scalars and `kNanoseconds`, its cost for an element, or
// `kNanosecondsPerByte` read and written. There is one
// loop for each operation and dtype, over neighbours and repeated elements, which the compiler vectorises; how operands
// lie is the business of the walk (elementwise_walk.hpp). An element's result depends on that element's operands alone,
// so neither vector width nor position nor threads can change a bit of it.
//
// Included by files compiled once per instruction set: everything here has internal linkage.
#pragma once

#if defined(__AVX__)
#include <immintrin.h>
#endif

#include <type_traits>

#include "core/kernel.hpp"
#include "kernels/elementwise_ops.hpp"
#include "kernels/elementwise_walk.hpp"

namespace minigrad {

// What makes numbers of booleans, by their dtype. What is compiled once has no loops that write booleans.
#ifdef MINIGRAD_ISA
namespace MINIGRAD_ISA {
extern const MapLoop numbers_of_flags[kDTypeCount];
}
using MINIGRAD_ISA::numbers_of_flags;
#else
constexpr const MapLoop* numbers_of_flags = nullptr;
#endif

namespace {

template <int... i>
struct Numbers {};

template <class Op, class Out, class... Xs>
[[gnu::always_inline]] inline void map_block(Out* out, int64_t size, const Xs*... x) {
#pragma omp simd
  for (int64_t i = 0; i < size; ++i) {
    if constexpr (std::is_same_v<decltype(Op::apply(x[i]...)), bool> && !std::is_same_v<Out, bool>) {
      out[i] = Op::apply(x[i]...) ? Out{1} : Out{0};  // which the compiler vectorises for floats too
    } else {
      out[i] = Op::apply(x[i]...);
    }
  }
}

// Whether a loop writes past the caches, where it is told to, from registers.
#if defined(__AVX__)
template <class Out>
constexpr bool kStreams = std::is_floating_point_v<Out>;

template <class Out>
[[gnu::always_inline]] inline void put_lanes(Out* out, const Out* lanes, bool past) {
#if defined(__AVX512F__)
  auto* const to = reinterpret_cast<__m512i*>(out);
  const auto* const from = reinterpret_cast<const __m512i*>(lanes);
  for (size_t i = 0; i < kLanes * sizeof(Out) / sizeof(__m512i); ++i) {
    const __m512i x = _mm512_loadu_si512(from + i);
    past ? _mm512_stream_si512(to + i, x) : _mm512_storeu_si512(to + i, x);
  }
#else
  auto* const to = reinterpret_cast<__m256i*>(out);
  const auto* const from = reinterpret_cast<const __m256i*>(lanes);
  for (size_t i = 0; i < kLanes * sizeof(Out) / sizeof(__m256i); ++i) {
    const __m256i x = _mm256_loadu_si256(from + i);
    past ? _mm256_stream_si256(to + i, x) : _mm256_storeu_si256(to + i, x);
  }
#endif
}
#else
template <class>
constexpr bool kStreams = false;
#endif

// As map_block, where all operands but the first are single numbers, which stay in registers.
template <class Op, class Out, class X, class... Numbers>
[[gnu::always_inline]] inline void map_with_numbers(Out* out, int64_t size, const X* x, Numbers... numbers) {
  constexpr int64_t kWide = sizeof(Out) == 1 ? 4 * kLanes : kLanes;
  int64_t i = 0;
  for (; i + kWide <= size; i += kWide) {
    Out* const to = out + i;
    const X* const from = x + i;
#pragma omp simd
    for (int64_t j = 0; j < kWide; ++j) to[j] = Op::apply(from[j], numbers...);
  }
  for (; i < size; ++i) {
    out[i] = Op::apply(x[i], numbers...);
    asm volatile("" : "+r"(i));  // or the compiler would make vector code for at most 15 elements
  }
}

// Whether the loop of an operation takes several rows at a time.
template <class Op, class Out>
constexpr bool kTakesMatrices = kStreams<Out> && requires { Op::kTakesMatrices; };

template <class T>
[[gnu::always_inline]] inline T* row_of(T* first, int64_t bytes) {
  return reinterpret_cast<T*>(reinterpret_cast<uintptr_t>(first) + static_cast<uintptr_t>(bytes));
}

// A row of input k: where it lies, or its one element repeated in `equal`.
template <class T, int k>
[[gnu::always_inline]] inline const T* operand(T* equal, const Neighbours& in, int64_t row) {
  const T* const x = row_of(static_cast<const T*>(in.x[k]), row * in.row[k]);
  if (in.mask[k] != 0) return x;
  const T first = *x;
#pragma omp simd
  for (int64_t i = 0; i < kLanes; ++i) equal[i] = first;
  return equal;
}

// A row: kLanes elements at a time, then one by one.
template <class Op, class Out, class... Xs, int... k>
[[gnu::always_inline]] inline void map_row(Out* out, int64_t size, const Neighbours& in, Numbers<k...>,
                                           const Xs*... x) {
  int64_t i = 0;
  const int64_t step[] = {kLanes & in.mask[k]...};  // in registers: what is written might be `in`, to the compiler
  int past = in.past;
  if constexpr (sizeof(Out) == 1) {  // of which kLanes are few
    constexpr int64_t kBytes = 4 * kLanes;
    for (; i + kBytes <= size; i += kBytes) {
      map_block<Op>(out + i, kBytes, x...);
      ((x += 4 * step[k]), ...);
    }
  }
  for (; i + kLanes <= size; i += kLanes) {
    if constexpr (kStreams<Out>) {
      asm volatile("" : "+r"(past));  // or the compiler would make two loops of it
      Out lanes[kLanes];
      map_block<Op>(lanes, kLanes, x...);
      if (past != 0) [[unlikely]] {
        for (int64_t line = 0; line < static_cast<int64_t>(sizeof lanes); line += 64) {
          (__builtin_prefetch(reinterpret_cast<const char*>(x) + line + in.ahead[k], 0, 0), ...);
        }
      }
      put_lanes(out + i, lanes, past != 0);
    } else {
      map_block<Op>(out + i, kLanes, x...);
    }
    ((x += step[k]), ...);
  }
  for (; i < size; ++i) {
    out[i] = Op::apply(*x...);
    ((x += 1 & in.mask[k]), ...);
    asm volatile("" : "+r"(i));  // or the compiler would make vector code for at most 15 elements
  }
}

// An operation with its two operands the other way round.
template <class Op>
struct Swapped : Op {
  template <class X>
  static auto apply(X x, X y) {
    return Op::apply(y, x);
  }
};

// Rows of which each has one number for an operand, the other one than `own`, which goes to a register.
template <class Op, class X>
[[gnu::always_inline]] inline void map_rows_with_numbers(X* out, int64_t size, const Neighbours& in, int own,
                                                         const X* x, const X* y) {
  const X* row = own == 0 ? x : y;
  const X* number = own == 0 ? y : x;
  const int64_t rows = in.rows, out_step = in.out_row, row_step = in.row[own], number_step = in.row[1 - own];
  for (int64_t r = 0; r < rows; ++r) {
    map_with_numbers<Op>(out, size, row, *number);
    out = row_of(out, out_step);
    row = row_of(row, row_step);
    number = row_of(number, number_step);
  }
}

// The loop of an operation.
template <class Op, class Out, class... Xs, int... k>
[[gnu::always_inline]] inline void map_lanes(Out* out, int64_t size, const Neighbours& in, Numbers<k...> numbers) {
  if constexpr (sizeof...(Xs) > 2) {
    if (!in.past && in.mask[0] != 0 && (in.mask[1] | in.mask[2] | in.mask[sizeof...(Xs) - 1]) == 0) {
      return [&]<class X, class... Ys>(const X* x, const Ys*... y) __attribute__((always_inline)) {
        map_with_numbers<Op>(out, size, x, *y...);
      }(static_cast<const Xs*>(in.x[k])...);
    }
  }
  if constexpr (kTakesMatrices<Op, Out>) {
    if (!in.past && in.mask[0] != in.mask[1]) {
      return in.mask[0] == 0 ? map_rows_with_numbers<Swapped<Op>>(out, size, in, 1, static_cast<const Xs*>(in.x[k])...)
                             : map_rows_with_numbers<Op>(out, size, in, 0, static_cast<const Xs*>(in.x[k])...);
    }
    alignas(64) Out equal[sizeof...(Xs)][kLanes];
    const int64_t rows = in.rows;
    for (int64_t r = 0; r < rows; ++r) {
      map_row<Op>(row_of(out, r * in.out_row), size, in, numbers, operand<Out, k>(equal[k], in, r)...);
    }
  } else {
    map_row<Op>(out, size, in, numbers, static_cast<const Xs*>(in.x[k])...);
  }
}

template <class Op>
constexpr double nanoseconds_of(size_t bytes) {
  if constexpr (requires { Op::kNanosecondsPerByte; }) {
    return Op::kNanosecondsPerByte * static_cast<double>(bytes);
  } else {
    return Op::kNanoseconds;
  }
}

// Where bytes meet floats, kLanes of them are too few for good code: such a loop gets neighbours only, and so does one
// that takes much longer than memory.
template <class Op, class Out, class K, class... Xs>
struct Loop;

template <class Op, class Out, class... Xs, int... k>
struct Loop<Op, Out, Numbers<k...>, Xs...> {
  static constexpr bool kInLanes = ((sizeof(Xs) == sizeof(Out)) && ...) && !requires { Op::kNanoseconds; };
  [[gnu::noinline]] static void run(const void*, void* out, int64_t size, const Neighbours& in) {
    if constexpr (kInLanes) {
      map_lanes<Op, Out, Xs...>(static_cast<Out*>(out), size, in, Numbers<k...>{});
    } else {
      map_block<Op>(static_cast<Out*>(out), size, static_cast<const Xs*>(in.x[k])...);
    }
  }
};

// By the same code.
template <class Op, class Out, class X>
struct Loop<Swapped<Op>, Out, Numbers<0, 1>, X, X> : Loop<Op, Out, Numbers<0, 1>, X, X> {
  static void run(const void*, void* out, int64_t size, const Neighbours& in) {
    const Neighbours turned = {.x = {in.x[1], in.x[0]}, .mask = {in.mask[1], in.mask[0]}};
    Loop<Op, Out, Numbers<0, 1>, X, X>::run(nullptr, out, size, turned);
  }
};

// The loop of a comparison that writes numbers of its operands' dtype.
template <class Op, class Out, class N, class X, class... Xs>
constexpr MapLoop alike_loop() {
  if constexpr (std::is_same_v<Out, bool> && sizeof(X) >= 2) {
    return Loop<Op, X, N, X, Xs...>::run;
  } else {
    return nullptr;
  }
}

template <class Op, class Out, class... Xs, int... k>
Status run_map_of(const Call& call, Numbers<k...>) {
  using L = Loop<Op, Out, Numbers<k...>, Xs...>;
  static constexpr Map kMap = {.inputs = sizeof...(Xs),
                               .nanoseconds = nanoseconds_of<Op>((sizeof(Out) + ... + sizeof(Xs))),
                               .loop = L::run,
                               .limit = L::kInLanes ? 0 : kMapBlock,
                               .numbers = std::is_same_v<Out, bool> ? numbers_of_flags : nullptr,
                               .alike = alike_loop<Op, Out, Numbers<k...>, Xs...>(),
                               .copies = requires { Op::kCopies; },
                               .streams = L::kInLanes && kStreams<Out>,
                               .matrices = kTakesMatrices<Op, Out>};
  return walk(call, kMap);
}

template <class Op, class X, class Out = X>
Status run_unary(const Call& call) {
  return run_map_of<Op, Out, X>(call, Numbers<0>{});
}

template <class Op, class X, class Out = X>
Status run_binary(const Call& call) {
  return run_map_of<Op, Out, X, X>(call, Numbers<0, 1>{});
}

// Logic of two operands: whether each is true, as `context` tells by unequal numbers, and then of the bytes that say
// so.
template <class Op>
void logic_loop(const void* context, void* out, int64_t size, const Neighbours& in) {
  alignas(64) static constexpr int64_t kZeros[kFlags] = {};
  alignas(64) uint8_t truth[2][kFlags];
  for (int i = 0; i < 2; ++i) {
    const Neighbours x = {.x = {in.x[i], kZeros}, .mask = {-1, -1}};
    (*static_cast<const MapLoop*>(context))(nullptr, truth[i], size, x);
  }
  map_block<Op>(static_cast<uint8_t*>(out), size, truth[0], truth[1]);
}

template <class Op, class T>
Status run_logic(const Call& call) {
  static constexpr MapLoop kUnequal = Loop<Ne, bool, Numbers<0, 1>, T, T>::run;
  static constexpr Map kMap = {.inputs = 2,
                               .nanoseconds = nanoseconds_of<Op>(1 + 2 * sizeof(T)),
                               .loop = logic_loop<Op>,
                               .context = &kUnequal,
                               .limit = kFlags,
                               .numbers = numbers_of_flags};
  return walk(call, kMap);
}

template <class Op, class Out, class X, class Y, class Z>
Status run_map(const Call& call) {
  return run_map_of<Op, Out, X, Y, Z>(call, Numbers<0, 1, 2>{});
}

template <class Op, class Out, class X, class Y, class Z, class W>
Status run_map(const Call& call) {
  return run_map_of<Op, Out, X, Y, Z, W>(call, Numbers<0, 1, 2, 3>{});
}

}  // namespace
}  // namespace minigrad
