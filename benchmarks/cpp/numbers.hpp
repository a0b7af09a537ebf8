// Numbers for operands and streams.
#pragma once

#include <cstdint>

namespace minigrad::bench {

// Numbers that look random and are the same in every run (a multiplicative generator modulo 2^64).
class Numbers {
 public:
  uint64_t next() { return (state_ = state_ * 6364136223846793005u + 1442695040888963407u) >> 33; }
  double uniform() { return static_cast<double>(next()) * 0x1p-31; }

 private:
  uint64_t state_ = 1;
};

}  // namespace minigrad::bench
