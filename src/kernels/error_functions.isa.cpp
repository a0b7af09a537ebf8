// erfc and erfinv, computed in double: floats are widened, a block at a time, and the results rounded.
#include "isa/math_erfc.hpp"

#include "core/kernel.hpp"
#include "isa/isa.hpp"
#include "kernels/elementwise_loops.hpp"
#include "kernels/register_loops.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

struct Erfc {
  template <class V>
  [[gnu::always_inline]] static inline V of(V x) {
    return math::erfc(x);
  }
  template <class V>
  [[gnu::always_inline]] static inline V for_float(V x) {
    return math::erfc_for_float(x);
  }
};

struct Erfinv {
  template <class V>
  [[gnu::always_inline]] static inline V of(V x) {
    return math::erfinv(x);
  }
  template <class V>
  [[gnu::always_inline]] static inline V for_float(V x) {
    return math::erfinv_for_float(x);
  }
};

template <class F>
[[gnu::noinline]] void run_floats(float* out, int64_t size, const float* x) {
  constexpr int64_t kBlock = 256;
  double wide[kBlock];
  for (int64_t first = 0; first < size; first += kBlock) {
    const int64_t n = size - first < kBlock ? size - first : kBlock;
    for (int64_t i = 0; i < n; ++i) wide[i] = x[first + i];
    const auto value = [](auto v) __attribute__((always_inline)) { return F::for_float(v); };
    map_registers(value, wide, n, {.x = {wide}}, Numbers<0>{});
    for (int64_t i = 0; i < n; ++i) out[first + i] = static_cast<float>(wide[i]);
  }
}

template <class F, class T, int cost>
Status run_function(const Call& call) {
  const auto loop = [](const void*, void* out, int64_t size, const Neighbours& in) {
    if constexpr (sizeof(T) == 4) {
      run_floats<F>(static_cast<T*>(out), size, static_cast<const T*>(in.x[0]));
    } else {
      const auto value = [](auto v) __attribute__((always_inline)) { return F::of(v); };
      map_registers(value, static_cast<T*>(out), size, in, Numbers<0>{});
    }
  };
  return walk(call, {1, cost * 1e-3, loop, nullptr, kMapBlock});
}

constexpr Run kRows[] = {
    {"erfc", floats(run_function<Erfc, float, 500>, run_function<Erfc, double, 2000>)},
    {"erfinv", floats(run_function<Erfinv, float, 600>, run_function<Erfinv, double, 3000>)},
};

}  // namespace

extern const Runs error_functions_runs;
const Runs error_functions_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::MINIGRAD_ISA
