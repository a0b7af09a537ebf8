// What this machine can do at the most, measured in the run whose figures are held against it.
#pragma once

#include "kernels/table.hpp"

namespace minigrad::bench {

struct Machine {
  double float32_gflops;  // independent fused multiply-adds in registers, two operations each
  double float64_gflops;
  // 1e9 bytes a second to and from memory, beyond what caches hold. A copy counts what it reads and what it writes.
  double copy_gbs, read_gbs, write_gbs;

  // The time in nanoseconds after which so many bytes can have been read and written: as much as both of them go as in
  // a copy, the rest as it is read or written alone.
  double memory_time(double read, double written) const;
};

// Measured with `threads` threads at once, on the vector unit that `isa` uses. Takes about a second.
Machine measure_machine(Isa isa, int threads);

}  // namespace minigrad::bench
