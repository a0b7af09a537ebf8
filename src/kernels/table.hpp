// All kernels, and which of their runs this machine uses.
#pragma once

#include "core/kernel.hpp"

namespace minigrad {

// Each family of kernels stands in `kernels/<family>.cpp`, which defines its rows, compiled once. Its runs in floating
// point stand in `kernels/<family>.isa.cpp`, compiled once for each instruction set; runs that need no vector unit of a
// special kind (integers, booleans, indices) stand beside the rows.
enum class Isa : uint8_t { v2, v3, v4, neon };
constexpr int kIsaCount = 4;
constexpr const char* kIsaNames[kIsaCount] = {"x86-64-v2", "x86-64-v3", "x86-64-v4", "aarch64"};

bool isa_built(Isa isa);
bool isa_supported(Isa isa);      // built, and this machine can run it
bool isa_promised_bits(Isa isa);  // it has a fused multiply-add, so its results are the ones that are promised
Isa best_isa();

// The n-th kernel; nullptr behind the last one.
const Kernel* kernel_at(int n);

// The run of `kernel` for `dtype`, or nullptr where it takes no such dtype.
RunFunction find_run(const Kernel& kernel, DType dtype, Isa isa);

// The naive version, from src/reference.
const RunsByDType& find_reference(const Kernel& kernel);

}  // namespace minigrad
