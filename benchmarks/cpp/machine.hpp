// What this machine can do at the most, measured in the run whose figures are held against it.
#pragma once

#include "kernels/table.hpp"

namespace minigrad::bench {

struct Machine {
  double float32_gflops;  // independent fused multiply-adds in registers, two operations each
  double float64_gflops;
  double copy_gbs;  // 1e9 bytes a second, read and written together, in a copy that no cache holds
};

// Measured with `threads` threads at once, on the vector unit that `isa` uses. Takes about half a second.
Machine measure_machine(Isa isa, int threads);

}  // namespace minigrad::bench
