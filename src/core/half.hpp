// float16 as it is stored: IEEE 754 binary16. Kernels move and convert such elements; arithmetic runs in float32.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

namespace minigrad {

// Conversions are exact towards float, and round to nearest even from it. A double goes through float, as PyTorch's
// does. NaN stays NaN; what is larger than 65504 by half a step or more becomes infinite.
struct Half {
  uint16_t bits;

  Half() = default;

  template <class T, class = std::enable_if_t<std::is_arithmetic_v<T>>>
  [[gnu::always_inline]] Half(T x) : bits(from_float(static_cast<float>(x))) {}

  [[gnu::always_inline]] operator float() const { return to_float(bits); }

 private:
  [[gnu::always_inline]] static uint32_t bits_of(float x) {
    uint32_t out;
    std::memcpy(&out, &x, sizeof out);
    return out;
  }

  [[gnu::always_inline]] static float float_of(uint32_t x) {
    float out;
    std::memcpy(&out, &x, sizeof out);
    return out;
  }

  [[gnu::always_inline]] static float to_float(uint16_t half) {
    const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
    const uint32_t magnitude = static_cast<uint32_t>(half & 0x7fff) << 13;
    // The exponent's bias is 15 here and 127 there: a product with 2^112 shifts it, for subnormal numbers too.
    const float shifted = float_of(magnitude) * 0x1p112f;
    const bool finite = (half & 0x7c00) != 0x7c00;
    return float_of(sign | (finite ? bits_of(shifted) : magnitude | 0x7f800000));
  }

  [[gnu::always_inline]] static uint16_t from_float(float x) {
    const uint16_t sign = static_cast<uint16_t>(bits_of(x) >> 16 & 0x8000);
    const float magnitude = __builtin_fabsf(x);
    if (magnitude != magnitude) return sign | 0x7e00;
    if (magnitude >= 65520.0f) return sign | 0x7c00;
    if (magnitude < 0x1p-14f) {
      // Subnormal: steps of 2^-24, which are the last bit of a float near 1/2; the addition rounds.
      return sign | static_cast<uint16_t>(bits_of(magnitude + 0.5f) - bits_of(0.5f));
    }
    const uint32_t wide = bits_of(magnitude) - (112u << 23);
    const uint32_t odd = wide >> 13 & 1;
    return sign | static_cast<uint16_t>((wide + 0xfff + odd) >> 13);
  }
};

static_assert(sizeof(Half) == 2);

}  // namespace minigrad
