#include "kernels/turned.hpp"

#include "kernels/turn.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace minigrad {
namespace {

#if defined(__x86_64__)
const bool g_wide = __builtin_cpu_supports("avx2");

// The lines of a block, row by row.
template <class T>
struct Lines {
  const T* row;
  int64_t step, columns, at = 0;

  [[gnu::always_inline]] void fetch() {
    __builtin_prefetch(row + at, 0, 2);
    at += 64 / static_cast<int64_t>(sizeof(T));
    if (at < columns) return;
    at = 0;
    row += step;
  }
};

// Registers of 32 bytes: 16 of a row, and 16 of another one further down.
[[gnu::target("avx2"), gnu::always_inline]] inline __m256i two_rows(const void* x, const void* y) {
  const __m128i low = _mm_loadu_si128(static_cast<const __m128i*>(x));
  return _mm256_inserti128_si256(_mm256_castsi128_si256(low), _mm_loadu_si128(static_cast<const __m128i*>(y)), 1);
}

template <bool kStreamed>
[[gnu::target("avx2"), gnu::always_inline]] inline void put(void* out, __m256i x) {
  kStreamed ? _mm256_stream_si256(static_cast<__m256i*>(out), x) : _mm256_storeu_si256(static_cast<__m256i*>(out), x);
}

// Of eight rows the first four columns, or of four rows two.
[[gnu::target("avx2"), gnu::always_inline]] inline void turn_wide(__m256i (&out)[4], const uint32_t* x, int64_t row) {
  const __m256i r0 = two_rows(x, x + 4 * row), r1 = two_rows(x + row, x + 5 * row);
  const __m256i r2 = two_rows(x + 2 * row, x + 6 * row), r3 = two_rows(x + 3 * row, x + 7 * row);
  const __m256i even = _mm256_unpacklo_epi32(r0, r2), odd = _mm256_unpacklo_epi32(r1, r3);
  const __m256i even_high = _mm256_unpackhi_epi32(r0, r2), odd_high = _mm256_unpackhi_epi32(r1, r3);
  out[0] = _mm256_unpacklo_epi32(even, odd);
  out[1] = _mm256_unpackhi_epi32(even, odd);
  out[2] = _mm256_unpacklo_epi32(even_high, odd_high);
  out[3] = _mm256_unpackhi_epi32(even_high, odd_high);
}

[[gnu::target("avx2"), gnu::always_inline]] inline void turn_wide(__m256i (&out)[2], const uint64_t* x, int64_t row) {
  const __m256i even = two_rows(x, x + 2 * row), odd = two_rows(x + row, x + 3 * row);
  out[0] = _mm256_unpacklo_epi64(even, odd);
  out[1] = _mm256_unpackhi_epi64(even, odd);
}

[[gnu::target("avx2")]] inline void copy_row(void* out, const void* x, int64_t bytes) {
  auto* const to = static_cast<char*>(out);
  const auto* const from = static_cast<const char*>(x);
  int64_t i = 0;
#pragma GCC unroll 4
  for (; i + 64 <= bytes; i += 64) {
    const __m256i front = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i));
    const __m256i back = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i + 32));
    put<false>(to + i, front);
    put<false>(to + i + 32, back);
  }
  std::memcpy(to + i, from + i, static_cast<size_t>(bytes - i));
}

// Line by line along a few rows of out, as many as there are whole lines.
template <bool kStreamed, class T>
[[gnu::target("avx2"), gnu::noinline]] void turn_tiles(T* out, int64_t out_row, const T* x, int64_t x_row, int64_t rows,
                                                       int64_t columns, const T* next, int64_t next_row) {
  constexpr int64_t kAcross = kWidth<T>, kDown = 4 * kAcross;
  Lines<T> ahead{next, next_row, columns};
  for (int64_t d = 0; d + kAcross <= columns; d += kAcross) {
    for (int64_t i = 0; i + kDown <= rows; i += kDown) {
#pragma GCC unroll 4
      for (int64_t k = 0; k < kAcross; ++k) ahead.fetch();
      __m256i front[kAcross], back[kAcross];
      turn_wide(front, x + i * x_row + d, x_row);
      turn_wide(back, x + (i + kDown / 2) * x_row + d, x_row);
#pragma GCC unroll 4
      for (int64_t k = 0; k < kAcross; ++k) {
        T* const line = out + (d + k) * out_row + i;
        put<kStreamed>(line, front[k]);
        put<kStreamed>(line + kDown / 2, back[k]);
      }
    }
  }
}

// By way of a copy where x's rows fall into few sets of the cache: there a line would be gone when it is read again.
// The copy is small where the results stay in that cache, too.
template <class T>
void turn_in_tiles(T* out, int64_t out_row, const T* x, int64_t x_row, int64_t rows, int64_t columns, const T* next,
                   bool streamed) {
  constexpr int64_t kItem = sizeof(T), kLine = 64 / kItem, kDown = 4 * kWidth<T>;
  alignas(64) T copy[kTurnedBytes / kItem * 2];
  const bool copied = few_sets(x_row * kItem);
  const int64_t step = copied ? (columns + kLine - 1) / kLine * kLine + kLine : x_row;
  const int64_t high = copied && !streamed && !few_sets(out_row * kItem) ? kDown : rows;
  const int64_t across = columns / kWidth<T> * kWidth<T>;
  for (int64_t i = 0; i < rows; i += high, x += high * x_row, next += high * x_row, out += high) {
    const int64_t count = high < rows - i ? high : rows - i, down = count / kDown * kDown;
    for (int64_t k = 0; copied && k < count; ++k) copy_row(copy + k * step, x + k * x_row, columns * kItem);
    const T* const from = copied ? copy : x;
    (streamed ? turn_tiles<true, T> : turn_tiles<false, T>)(out, out_row, from, step, count, columns, next, x_row);
    turn(out + down, out_row, from + down * step, step, count - down, columns);
    turn(out + across * out_row, out_row, from + across, step, down, columns - across);
  }
}
#endif

template <class T>
void turn_any(T* out, int64_t out_row, const T* x, int64_t x_row, int64_t rows, int64_t columns, const T* next,
              bool streamed) {
#if defined(__x86_64__)
  if (g_wide) return turn_in_tiles(out, out_row, x, x_row, rows, columns, next, streamed);
#endif
  turn(out, out_row, x, x_row, rows, columns);
}

}  // namespace

void turn_block(uint32_t* out, int64_t out_row, const uint32_t* x, int64_t x_row, int64_t rows, int64_t columns,
                const uint32_t* next, bool streamed) {
  turn_any(out, out_row, x, x_row, rows, columns, next, streamed);
}

void turn_block(uint64_t* out, int64_t out_row, const uint64_t* x, int64_t x_row, int64_t rows, int64_t columns,
                const uint64_t* next, bool streamed) {
  turn_any(out, out_row, x, x_row, rows, columns, next, streamed);
}

}  // namespace minigrad
