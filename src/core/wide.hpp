// Single loops of files compiled for the baseline that are worth wider registers: a function marked MINIGRAD_WIDE is
// compiled for AVX2, and called where has_wide(). Its bits have to be those of any other registers: no fused
// multiply-add, nothing whose order depends on their width. So MINIGRAD_WIDEST for AVX-512, and has_widest().
#pragma once

namespace minigrad {

#if defined(__x86_64__)
#define MINIGRAD_WIDE [[gnu::target("avx2")]]
#define MINIGRAD_WIDEST [[gnu::target("avx512f")]]
static inline bool has_wide() { return __builtin_cpu_supports("avx2"); }
[[maybe_unused]] static inline bool has_widest() { return __builtin_cpu_supports("avx512f"); }
#else
#define MINIGRAD_WIDE
#define MINIGRAD_WIDEST
static inline bool has_wide() { return true; }
[[maybe_unused]] static inline bool has_widest() { return false; }
#endif

}  // namespace minigrad
