// What this machine can do at the most, measured in the run whose figures are held against it.
#pragma once

#include <memory>

#include "kernels/table.hpp"

namespace minigrad::bench {

// Its clock moves within a millisecond and other processes share its memory: a figure belongs beside a limit that was
// measured just before and just after it, and for about as long.
class Machine {
 public:
  // Measures all rates once, with `threads` threads, on the vector unit that `isa` uses. Takes about a second.
  Machine(Isa isa, int threads);
  ~Machine();

  // Independent fused multiply-adds in registers, two operations each; the best of the constructor's.
  double gflops(DType dtype) const;
  // 1e9 bytes a second to and from memory, beyond what caches hold; the best of the constructor's. A copy counts what
  // it reads and what it writes.
  double copy_gbs() const;
  double read_gbs() const;
  double write_gbs() const;

  // The seconds that so many operations take at the least, measured now.
  double time_of_operations(double operations, DType dtype) const;
  // The seconds after which so many bytes can have been read and written, measured now: as much as both of them go as
  // in a copy, the rest as it is read or written alone.
  double time_of_bytes(double read, double written);

 private:
  struct Probes;
  std::unique_ptr<Probes> probes_;
};

}  // namespace minigrad::bench
