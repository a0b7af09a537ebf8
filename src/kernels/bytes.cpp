#include "kernels/bytes.hpp"

#include <algorithm>
#include <cstring>

#include "core/parallel.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace minigrad {
namespace {

// Between these numbers of bytes the C library's memcpy uses an instruction that is slow to start.
constexpr int64_t kLoop = 128, kLibrary = 65536;

// Rows at least so long are picked by calls of what copies them.
constexpr int64_t kPicked = 1024;

alignas(32) constexpr uint8_t kZeros[32] = {};

// The rows of an array, `row` bytes apart, that indices say.
struct Picks {
  const uint8_t* x;
  const int64_t* index;
  int64_t count, bytes, row, extent;

  // Where row index[n] begins; nullptr: nowhere.
  [[gnu::always_inline]] const uint8_t* at(int64_t n) const {
    const int64_t i = wrapped(n);
    return static_cast<uint64_t>(i) < static_cast<uint64_t>(extent) ? x + i * row : nullptr;
  }

  // The same, while one that comes soon is fetched into the cache, wherever that may be.
  [[gnu::always_inline]] const uint8_t* at_before_others(int64_t n) const {
    constexpr int64_t kSoon = 8, kFetched = 512;  // how many rows ahead, and how many bytes of a row
    if (n + kSoon < count) {
      const auto next = reinterpret_cast<uintptr_t>(x) + static_cast<uint64_t>(wrapped(n + kSoon)) * row;
      for (int64_t b = 0; b < bytes && b < kFetched; b += 64) __builtin_prefetch(reinterpret_cast<void*>(next + b));
    }
    return at(n);
  }

  [[gnu::always_inline]] int64_t wrapped(int64_t n) const { return index[n] < 0 ? index[n] + extent : index[n]; }
};

#if defined(__x86_64__)
const bool g_wide = __builtin_cpu_supports("avx2");

// Registers are half a line of memory. Loops take whole lines at a time: measured on Zen 4, rows of 256 bytes that
// indices name come in an eighth less time.

// A multiple of 128 bytes.
[[gnu::target("avx2")]] void copy_wide(uint8_t* out, const uint8_t* x, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += 128) {
    const auto* const from = reinterpret_cast<const __m256i*>(x + i);
    auto* const to = reinterpret_cast<__m256i*>(out + i);
    const __m256i a = _mm256_loadu_si256(from), b = _mm256_loadu_si256(from + 1);
    const __m256i c = _mm256_loadu_si256(from + 2), d = _mm256_loadu_si256(from + 3);
    _mm256_storeu_si256(to, a);
    _mm256_storeu_si256(to + 1, b);
    _mm256_storeu_si256(to + 2, c);
    _mm256_storeu_si256(to + 3, d);
  }
}

[[gnu::target("avx2")]] inline void copy_32(uint8_t* out, const uint8_t* x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x)));
}

// Rows of at least 32 bytes; each is fetched into the cache `ahead` bytes before its turn.
[[gnu::target("avx2")]] void copy_rows_wide(uint8_t* out, const uint8_t* x, int64_t rows, int64_t bytes,
                                            int64_t out_row, int64_t x_row, int64_t ahead) {
  const int64_t last = bytes - 32;
  for (int64_t r = 0; r < rows; ++r, out += out_row, x += x_row) {
#pragma GCC unroll 4
    for (int64_t i = 0; i < last; i += 32) {
      __builtin_prefetch(x + ahead + i);
      copy_32(out + i, x + i);
    }
    __builtin_prefetch(x + ahead + last);
    copy_32(out + last, x + last);
  }
}

// The same for rows that indices say, one behind the other.
[[gnu::target("avx2")]] bool pick_rows_wide(uint8_t* out, const Picks& rows) {
  const int64_t last = rows.bytes - 32;
  for (int64_t n = 0; n < rows.count; ++n, out += rows.bytes) {
    const uint8_t* const x = rows.at_before_others(n);
    if (x == nullptr) return false;
#pragma GCC unroll 4
    for (int64_t i = 0; i < last; i += 32) copy_32(out + i, x + i);
    copy_32(out + last, x + last);
  }
  return true;
}

[[gnu::target("avx2")]] void fill_wide(uint8_t* out, const uint8_t* pattern, int64_t bytes) {
  const __m256i all = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(pattern));
#pragma GCC unroll 4
  for (int64_t i = 0; i < bytes; i += 32) _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i), all);
}

// The last elements of each row, a multiple of 8, to its beginning in reverse order.
[[gnu::target("avx2")]] void reverse_wide(uint32_t* out, const uint32_t* x, int64_t rows, int64_t count,
                                          int64_t out_row, int64_t x_row) {
  const __m256i order = _mm256_setr_epi32(7, 6, 5, 4, 3, 2, 1, 0);
  for (int64_t r = 0; r < rows; ++r, out += out_row, x += x_row) {
#pragma GCC unroll 4
    for (int64_t i = 0; i < count; i += 8) {
      const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + i));
      auto* const to = reinterpret_cast<__m256i*>(out + count - 8 - i);
      _mm256_storeu_si256(to, _mm256_permutevar8x32_epi32(a, order));
    }
  }
}

[[gnu::target("avx2")]] inline void stream_line(uint8_t* out, const uint8_t* x) {
  const auto* const from = reinterpret_cast<const __m256i*>(x);
  auto* const to = reinterpret_cast<__m256i*>(out);
  const __m256i a = _mm256_loadu_si256(from), b = _mm256_loadu_si256(from + 1);
  _mm256_stream_si256(to, a);
  _mm256_stream_si256(to + 1, b);
}

[[gnu::target("avx2")]] void stream_wide(uint8_t* out, const uint8_t* x, int64_t bytes) {
#pragma GCC unroll 4
  for (int64_t i = 0; i < bytes; i += 64) stream_line(out + i, x + i);
}

void end_stream() { _mm_sfence(); }
#else
constexpr bool g_wide = false;

void copy_wide(uint8_t*, const uint8_t*, int64_t) {}
void copy_rows_wide(uint8_t*, const uint8_t*, int64_t, int64_t, int64_t, int64_t, int64_t) {}
bool pick_rows_wide(uint8_t*, const Picks&) { return false; }
void fill_wide(uint8_t*, const uint8_t*, int64_t) {}
void reverse_wide(uint32_t*, const uint32_t*, int64_t, int64_t, int64_t, int64_t) {}
void stream_wide(uint8_t*, const uint8_t*, int64_t) {}
void end_stream() {}
#endif

// Fewer than 16.
void copy_few(uint8_t* out, const uint8_t* x, int64_t bytes) {
  if (bytes >= 8) {
    std::memcpy(out, x, 8);
    std::memcpy(out + bytes - 8, x + bytes - 8, 8);
  } else if (bytes >= 4) {
    std::memcpy(out, x, 4);
    std::memcpy(out + bytes - 4, x + bytes - 4, 4);
  } else {
    for (int64_t i = 0; i < bytes; ++i) out[i] = x[i];
  }
}

// A row that passes through a register, or through two, the second of which may overlap the first.
template <class Register>
struct InOne {
  static void copy(uint8_t* out, const uint8_t* x, int64_t) { std::memcpy(out, x, sizeof(Register)); }
};

template <class Register>
struct InTwo {
  static void copy(uint8_t* out, const uint8_t* x, int64_t bytes) {
    const int64_t second = bytes - static_cast<int64_t>(sizeof(Register));
    Register first, last;
    std::memcpy(&first, x, sizeof(first));
    std::memcpy(&last, x + second, sizeof(last));
    std::memcpy(out, &first, sizeof(first));
    std::memcpy(out + second, &last, sizeof(last));
  }
};

template <class Row>
void copy_rows_of(uint8_t* out, const uint8_t* x, int64_t rows, int64_t bytes, int64_t out_row, int64_t x_row) {
  for (int64_t r = 0; r < rows; ++r, out += out_row, x += x_row) Row::copy(out, x, bytes);
}

template <class Row>
bool pick_rows_of(uint8_t* out, const Picks& rows) {
  for (int64_t n = 0; n < rows.count; ++n, out += rows.bytes) {
    const uint8_t* const x = rows.at_before_others(n);
    if (x == nullptr) return false;
    Row::copy(out, x, rows.bytes);
  }
  return true;
}

struct Sixteen {
  uint64_t low, high;
};

// f of how a row of that many bytes, from 4 to 32, is copied.
template <class F>
auto with_row(int64_t bytes, const F& f) {
  if (bytes < 8) return bytes == 4 ? f(InOne<uint32_t>{}) : f(InTwo<uint32_t>{});
  if (bytes < 16) return bytes == 8 ? f(InOne<uint64_t>{}) : f(InTwo<uint64_t>{});
  return bytes == 16 ? f(InOne<Sixteen>{}) : f(InTwo<Sixteen>{});
}

// 16 or more: the last piece overlaps the one before.
void copy_some(uint8_t* out, const uint8_t* x, int64_t bytes) {
  for (int64_t i = 0; i + 16 < bytes; i += 16) std::memcpy(out + i, x + i, 16);
  std::memcpy(out + bytes - 16, x + bytes - 16, 16);
}

// More than a block is asked for block by block: a processor that writes past its caches foresees little of what it
// reads.
void stream(uint8_t* out, const uint8_t* x, int64_t bytes) {
  constexpr int64_t kBlock = 2048;
  if (bytes <= kBlock && ((reinterpret_cast<intptr_t>(out) | bytes) & 63) == 0) return stream_lines(out, x, bytes);
  int64_t i = std::min<int64_t>(bytes, -reinterpret_cast<intptr_t>(out) & 63);
  if (i > 0) copy_bytes(out, x, i);
  for (int64_t lines = 0; (lines = std::min(kBlock, (bytes - i) & ~int64_t{63})) > 0; i += lines) {
    for (int64_t k = 0; bytes > kBlock && k < lines; k += 64) __builtin_prefetch(x + i + k);
    stream_lines(out + i, x + i, lines);
  }
  if (i < bytes) copy_bytes(out + i, x + i, bytes - i);
}

}  // namespace

bool past_caches(int64_t bytes) { return bytes >= (get_num_threads() > 2 ? kStreamed / 4 * 5 : kStreamed); }

void copy_bytes(void* to, const void* from, int64_t bytes, bool streamed) {
  auto* const out = static_cast<uint8_t*>(to);
  const auto* const x = static_cast<const uint8_t*>(from);
  if (streamed) return stream(out, x, bytes);
  if (bytes < 16) return copy_few(out, x, bytes);
  if (bytes < kLoop) return copy_some(out, x, bytes);
  const int64_t wide = g_wide && bytes >= kLoop && bytes < kLibrary ? bytes & ~int64_t{127} : 0;
  copy_wide(out, x, wide);
  if (wide < bytes) std::memcpy(out + wide, x + wide, static_cast<size_t>(bytes - wide));
}

bool copy_rows(void* to, const void* from, int64_t rows, int64_t bytes, int64_t to_row, int64_t from_row) {
  auto* const out = static_cast<uint8_t*>(to);
  const auto* const x = static_cast<const uint8_t*>(from);
  if (bytes < 4 || (!g_wide && bytes > 32)) return false;
  constexpr int64_t kFew = 512, kAhead = 4;  // short rows are fetched so many rows ahead
  if (g_wide && bytes >= 32) {
    copy_rows_wide(out, x, rows, bytes, to_row, from_row, bytes <= kFew ? kAhead * from_row : 0);
  } else {
    with_row(bytes, [&](auto r) { copy_rows_of<decltype(r)>(out, x, rows, bytes, to_row, from_row); });
  }
  return true;
}

void stream_row_before(void* to, const void* from, const void* next, int64_t bytes) {
  constexpr int64_t kBlock = 2048;
  if (next == nullptr) return copy_bytes(to, from, bytes, true);
  for (int64_t i = 0; i < bytes; i += kBlock) {
    const int64_t count = std::min(kBlock, bytes - i);
    for (int64_t k = i; k < i + count; k += 64) __builtin_prefetch(static_cast<const uint8_t*>(next) + k, 0, 2);
    copy_bytes(static_cast<uint8_t*>(to) + i, static_cast<const uint8_t*>(from) + i, count, true);
  }
}

namespace {

bool stream_rows(uint8_t* out, const Picks& rows) {
  for (int64_t n = 0; n < rows.count; ++n, out += rows.bytes) {
    const uint8_t *const x = rows.at(n), *const next = n + 1 < rows.count ? rows.at(n + 1) : nullptr;
    if (x == nullptr) return false;
    stream_row_before(out, x, next == x + rows.row ? nullptr : next, rows.bytes);
  }
  end_stream();
  return true;
}

}  // namespace

bool pick_rows(void* to, const void* from, const int64_t* index, int64_t count, int64_t bytes, int64_t from_row,
               int64_t extent, bool streamed) {
  auto* const out = static_cast<uint8_t*>(to);
  const Picks rows = {static_cast<const uint8_t*>(from), index, count, bytes, from_row, extent};
  if (streamed) return stream_rows(out, rows);
  if (g_wide && bytes >= 32 && bytes < kPicked) return pick_rows_wide(out, rows);
  if (bytes >= 4 && bytes <= 32) {
    return with_row(bytes, [&](auto r) { return pick_rows_of<decltype(r)>(out, rows); });
  }
  for (int64_t n = 0; n < count; ++n) {
    const uint8_t* const x = rows.at_before_others(n);
    if (x == nullptr) return false;
    copy_bytes(out + n * bytes, x, bytes);
  }
  return true;
}

void move_bytes(void* to, const void* from, int64_t bytes, bool large) {
  auto* const out = static_cast<uint8_t*>(to);
  const auto* const x = static_cast<const uint8_t*>(from);
  if (!large || (out < x + bytes && x < out + bytes)) {
    std::memmove(to, from, static_cast<size_t>(bytes));
  } else {
    stream(out, x, bytes);
    end_stream();
  }
}

void zero_bytes(void* to, int64_t bytes, bool streamed) {
  alignas(64) static constexpr uint8_t kBlock[1024] = {};
  auto* out = static_cast<uint8_t*>(to);
  for (; streamed && bytes > kLoop; out += sizeof(kBlock), bytes -= sizeof(kBlock)) {
    stream(out, kBlock, std::min<int64_t>(bytes, sizeof(kBlock)));
  }
  if (bytes <= 0) return;
  if (!g_wide || bytes < kLoop || bytes >= kLibrary) {
    std::memset(out, 0, static_cast<size_t>(bytes));
  } else {
    fill_wide(out, kZeros, bytes & ~int64_t{31});
    fill_wide(out + bytes - 32, kZeros, 32);
  }
}

int64_t fill_bytes(void* to, const void* pattern, int64_t bytes) {
  // The library may know a way to write zeros without the memory being read before, which is slow to start.
  constexpr int64_t kLarge = int64_t{8} << 20;
  const int64_t wide = g_wide ? bytes & ~int64_t{31} : 0;
  if (wide >= kLarge && std::memcmp(pattern, kZeros, sizeof(kZeros)) == 0) {
    std::memset(to, 0, static_cast<size_t>(wide));
  } else if (wide > 0) {
    fill_wide(static_cast<uint8_t*>(to), static_cast<const uint8_t*>(pattern), wide);
  }
  return wide;
}

int64_t reverse_rows(uint32_t* to, const uint32_t* from, int64_t rows, int64_t count, int64_t to_row,
                     int64_t from_row) {
  const int64_t wide = g_wide ? count & ~int64_t{7} : 0;
  if (wide > 0) reverse_wide(to, from + count - wide, rows, wide, to_row, from_row);
  return wide;
}

void stream_lines(void* to, const void* from, int64_t bytes) {
  if (g_wide) return stream_wide(static_cast<uint8_t*>(to), static_cast<const uint8_t*>(from), bytes);
  std::memcpy(to, from, static_cast<size_t>(bytes));
}

void stream_end() { end_stream(); }

}  // namespace minigrad
