// The walk that all elementwise kernels share: broadcasting, any strides, threads. Compiled once, for all operations,
// dtypes and instruction sets; what an operation brings is a loop over neighbours.
#pragma once

#include "core/kernel.hpp"

namespace minigrad {

constexpr int kMaxMapped = 4;  // inputs of an elementwise kernel

// An operand that is repeated is handed over as this many equal elements, of at least 64 bytes, and a mask of 0.
constexpr int64_t kLanes = 16;

// What a loop reads: element i of input k is x[k][i & mask[k]] for i % kLanes = 0, and the ones behind it are its
// neighbours, up to the next multiple of kLanes.
struct Neighbours {
  const void* x[kMaxMapped];
  int64_t mask[kMaxMapped];  // -1, or 0 where the operand is repeated
  // Whether a loop that streams writes past the caches, from the beginning of a line. It then asks for what lies so
  // many bytes ahead of what it reads, because a processor that writes so foresees little.
  bool past = false;
  int64_t ahead[kMaxMapped];
  // For a loop that takes matrices: rows, and bytes from one to the next. Of a repeated operand it needs one element.
  int64_t rows = 1, out_row = 0, row[kMaxMapped] = {};
};

// Writes `size` neighbours of each row. The output may be one of the inputs.
using MapLoop = void (*)(const void* context, void* out, int64_t size, const Neighbours& in);

struct Map {
  int inputs;
  double nanoseconds;  // for an element
  MapLoop loop;
  const void* context = nullptr;
  // Not 0 for a loop that never gets repeated operands; below kMapBlock, how many elements it takes at a time.
  int64_t limit = 0;
  // Of a loop that writes booleans: what makes numbers of them, by the dtype that the output may have instead.
  const MapLoop* numbers = nullptr;
  MapLoop alike = nullptr;  // does so itself where that dtype is the inputs'
  bool copies = false;      // whether the loop only copies: what does not lie flat is then left to copy_all
  bool streams = false;     // whether the loop can write past the caches itself; others do it by way of a buffer
  bool matrices = false;    // whether it takes several rows at a time
};

// Elements that pass through a buffer at a time.
constexpr int64_t kMapBlock = 1024;

// As many booleans on the way to something else; below kMapBlock.
constexpr int64_t kFlags = 512;

// Runs the loop over a call's first output and its first inputs.
Status walk(const Call& call, const Map& map);

// Writes zeros whatever the inputs are.
Status run_zeros(const Call& call);

}  // namespace minigrad
