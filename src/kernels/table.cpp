#include "kernels/table.hpp"

#include <cstring>

// The families of kernels: all of them, those with runs for each instruction set, those with runs for any.
// clang-format off
#define MINIGRAD_FAMILIES(X) \
  X(distance) \
  X(elementwise) \
  X(functions) \
  X(activation) \
  X(matmul) \
  X(optim) \
  X(random) \
  X(reduce) \
  X(gather) \
  X(rows) \
  X(shape) \
  X(unview) \
  X(scatter) \
  X(scatter_backward) \
  X(scan) \
  X(softmax) \
  X(loss) \
  X(pointwise_loss) \
  X(standardize) \
  X(arg_reduce) \
  X(statistics) \
  X(ties) \
  X(others) \
  X(count) \
  X(order) \
  X(running_extrema) \
  X(search) \
  X(unique) \
  X(singular_values)

#define MINIGRAD_ISA_FAMILIES(X) \
  X(elementwise) \
  X(conversion) \
  X(functions) \
  X(activation) \
  X(line) \
  X(matmul) \
  X(optim) \
  X(random) \
  X(reduce) \
  X(scan) \
  X(softmax) \
  X(loss) \
  X(pointwise_loss) \
  X(standardize) \
  X(arg_reduce) \
  X(statistics) \
  X(ties) \
  X(others) \
  X(distance) \
  X(error_functions)

// Those with runs for each instruction set but x86-64-v4, which has the runs of v3.
#define MINIGRAD_WIDE_FAMILIES(X) \
  X(integers)

#define MINIGRAD_COMMON_FAMILIES(X) \
  X(elementwise) \
  X(random) \
  X(reduce) \
  X(gather) \
  X(rows) \
  X(shape) \
  X(unview) \
  X(scatter) \
  X(scatter_backward) \
  X(scan) \
  X(arg_reduce) \
  X(count) \
  X(order) \
  X(running_extrema) \
  X(search) \
  X(unique) \
  X(singular_values)

// The files of src/reference.
#define MINIGRAD_REFERENCES(X) \
  X(activation) \
  X(distance) \
  X(elementwise) \
  X(functions) \
  X(index) \
  X(loss) \
  X(matmul) \
  X(optim) \
  X(order) \
  X(pointwise_loss) \
  X(random) \
  X(reduce) \
  X(scan) \
  X(shape) \
  X(singular_values) \
  X(softmax) \
  X(standardize)
// clang-format on

namespace minigrad {

#define DECLARE_KERNELS(family) extern const Kernels family##_kernels;
MINIGRAD_FAMILIES(DECLARE_KERNELS)
#undef DECLARE_KERNELS

#define DECLARE_RUNS(family) extern const Runs family##_runs;
MINIGRAD_COMMON_FAMILIES(DECLARE_RUNS)
namespace reference {
MINIGRAD_REFERENCES(DECLARE_RUNS)
}
#if defined(__x86_64__)
namespace v2 {
MINIGRAD_ISA_FAMILIES(DECLARE_RUNS)
MINIGRAD_WIDE_FAMILIES(DECLARE_RUNS)
}  // namespace v2
namespace v3 {
MINIGRAD_ISA_FAMILIES(DECLARE_RUNS)
MINIGRAD_WIDE_FAMILIES(DECLARE_RUNS)
}  // namespace v3
namespace v4 {
MINIGRAD_ISA_FAMILIES(DECLARE_RUNS)
}
#elif defined(__aarch64__)
namespace neon {
MINIGRAD_ISA_FAMILIES(DECLARE_RUNS)
MINIGRAD_WIDE_FAMILIES(DECLARE_RUNS)
}  // namespace neon
#else
#error "minigrad is built for x86-64 and aarch64"
#endif
#undef DECLARE_RUNS

namespace {

#define ADDRESS_OF(family) &family##_kernels,
const Kernels* const kFamilies[] = {MINIGRAD_FAMILIES(ADDRESS_OF)};
#undef ADDRESS_OF

#define ADDRESS_OF(family) &family##_runs,
const Runs* const kCommonRuns[] = {MINIGRAD_COMMON_FAMILIES(ADDRESS_OF) nullptr};
#undef ADDRESS_OF

#define ADDRESS_OF(family) &reference::family##_runs,
const Runs* const kReferences[] = {MINIGRAD_REFERENCES(ADDRESS_OF)};
#undef ADDRESS_OF

// A list of the runs of one instruction set, ending with nullptr.
#if defined(__x86_64__)
#define ADDRESS_OF(family) &v2::family##_runs,
const Runs* const kRunsV2[] = {MINIGRAD_ISA_FAMILIES(ADDRESS_OF) MINIGRAD_WIDE_FAMILIES(ADDRESS_OF) nullptr};
#undef ADDRESS_OF
#define ADDRESS_OF(family) &v3::family##_runs,
const Runs* const kRunsV3[] = {MINIGRAD_ISA_FAMILIES(ADDRESS_OF) MINIGRAD_WIDE_FAMILIES(ADDRESS_OF) nullptr};
#undef ADDRESS_OF
#define ADDRESS_OF(family) &v4::family##_runs,
const Runs* const kRunsV4[] = {MINIGRAD_ISA_FAMILIES(ADDRESS_OF) nullptr};
#undef ADDRESS_OF
const Runs* const* const kIsaRuns[kIsaCount] = {kRunsV2, kRunsV3, kRunsV4, nullptr};
#else
#define ADDRESS_OF(family) &neon::family##_runs,
const Runs* const kRunsNeon[] = {MINIGRAD_ISA_FAMILIES(ADDRESS_OF) MINIGRAD_WIDE_FAMILIES(ADDRESS_OF) nullptr};
#undef ADDRESS_OF
const Runs* const* const kIsaRuns[kIsaCount] = {nullptr, nullptr, nullptr, kRunsNeon};
#endif

RunFunction find_in(const Runs* const* tables, const Kernel& kernel, DType dtype) {
  for (; *tables != nullptr; ++tables) {
    for (int i = 0; i < (*tables)->count; ++i) {
      const Run& row = (*tables)->rows[i];
      if (row.run[dtype] != nullptr && std::strcmp(row.kernel, kernel.name) == 0) return row.run[dtype];
    }
  }
  return nullptr;
}

}  // namespace

bool isa_built(Isa isa) { return kIsaRuns[static_cast<int>(isa)] != nullptr; }

bool isa_supported(Isa isa) {
  if (!isa_built(isa)) return false;
#if defined(__x86_64__)
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
  if (isa == Isa::v3) return v3;
  if (isa == Isa::v4) {
    return v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
  }
#endif
  return true;
}

bool isa_promised_bits(Isa isa) { return isa != Isa::v2; }

Isa best_isa() {
  Isa best = Isa::v2;
  for (int i = 0; i < kIsaCount; ++i) {
    if (isa_supported(static_cast<Isa>(i))) best = static_cast<Isa>(i);
  }
  return best;
}

const Kernel* kernel_at(int n) {
  for (const Kernels* family : kFamilies) {
    if (n < family->count) return &family->rows[n];
    n -= family->count;
  }
  return nullptr;
}

const RunsByDType& find_reference(const Kernel& kernel) {
  for (const Runs* table : kReferences) {
    for (int i = 0; i < table->count; ++i) {
      if (std::strcmp(table->rows[i].kernel, kernel.name) == 0) return table->rows[i].run;
    }
  }
  static constexpr RunsByDType kNone = {};
  return kNone;
}

RunFunction find_run(const Kernel& kernel, DType dtype, Isa isa) {
  if (RunFunction run = find_in(kCommonRuns, kernel, dtype); run != nullptr) return run;
  if (!isa_built(isa)) return nullptr;
  const RunFunction run = find_in(kIsaRuns[static_cast<int>(isa)], kernel, dtype);
  return run == nullptr && isa == Isa::v4 ? find_run(kernel, dtype, Isa::v3) : run;
}

}  // namespace minigrad
