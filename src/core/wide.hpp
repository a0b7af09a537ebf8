// Single loops of files compiled for the baseline that are worth wider registers: a function marked MINIGRAD_WIDE is
// compiled for AVX2, and called where has_wide(). Its bits have to be those of any other registers: no fused
// multiply-add, nothing whose order depends on their width.
#pragma once

namespace minigrad {

#if defined(__x86_64__)
#define MINIGRAD_WIDE [[gnu::target("avx2")]]
static inline bool has_wide() { return __builtin_cpu_supports("avx2"); }
#else
#define MINIGRAD_WIDE
static inline bool has_wide() { return true; }
#endif

}  // namespace minigrad
