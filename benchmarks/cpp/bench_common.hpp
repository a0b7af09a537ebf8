// What the micro-benchmarks share: operands, a prepared call of any kernel, the figures beside the machine's own.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/half.hpp"
#include "core/parallel.hpp"
#include "core/plans.hpp"
#include "core/pool.hpp"
#include "kernels/table.hpp"
#include "machine.hpp"
#include "numbers.hpp"

namespace minigrad::bench {

// ---------------------------------------------------------------------------------------------------------------------
// Operands.

struct Free {
  size_t bytes = 0;
  void operator()(char* memory) const { pool_free(memory, bytes); }
};
using Memory = std::unique_ptr<char, Free>;

// From the pool, where users' arrays come from, and written once, so that no benchmark pays for page faults.
inline Memory make_memory(size_t bytes) {
  const size_t rounded = bytes + 64;
  char* const memory = static_cast<char*>(pool_allocate(rounded));
  if (memory == nullptr) throw std::bad_alloc();
  std::memset(memory, 0, rounded);
  return Memory(memory, Free{rounded});
}

// An array that owns its memory, row-major.
struct Array {
  View view;
  Memory memory;

  Array(DType dtype, const std::vector<int64_t>& shape) {
    view.dtype = dtype;
    view.rank = static_cast<int>(shape.size());
    std::copy(shape.begin(), shape.end(), view.shape);
    int64_t stride = 1;
    for (int d = view.rank - 1; d >= 0; --d) {
      view.stride[d] = stride;
      stride *= view.shape[d];
    }
    memory = make_memory(static_cast<size_t>(view.size() * item_size(dtype)));
    view.data = memory.get();
  }

  int64_t bytes() const { return view.size() * item_size(view.dtype); }
};

// Fills an array: floating point uniformly between low and high, integers with 0 ... bound - 1, booleans with both.
inline void fill(Array& array, double low, double high, int64_t bound) {
  Numbers numbers;
  const int64_t size = array.view.size();
  for (int64_t i = 0; i < size; ++i) {
    const double real = low + (high - low) * numbers.uniform();
    const int64_t integer = static_cast<int64_t>(numbers.next() % static_cast<uint64_t>(bound));
    switch (array.view.dtype) {
      case DType::boolean:
        array.view.as<bool>()[i] = integer % 2 != 0;
        break;
      case DType::uint8:
        array.view.as<uint8_t>()[i] = static_cast<uint8_t>(integer);
        break;
      case DType::int8:
        array.view.as<int8_t>()[i] = static_cast<int8_t>(integer);
        break;
      case DType::int16:
        array.view.as<int16_t>()[i] = static_cast<int16_t>(integer);
        break;
      case DType::int32:
        array.view.as<int32_t>()[i] = static_cast<int32_t>(integer);
        break;
      case DType::int64:
        array.view.as<int64_t>()[i] = integer;
        break;
      case DType::float16:
        array.view.as<Half>()[i] = real;
        break;
      case DType::float32:
        array.view.as<float>()[i] = static_cast<float>(real);
        break;
      case DType::float64:
        array.view.as<double>()[i] = real;
        break;
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Attributes.

inline Attribute integers(const std::vector<int64_t>& values) {
  Attribute attribute = {};
  attribute.count = static_cast<int>(values.size());
  std::copy(values.begin(), values.end(), attribute.integers);
  return attribute;
}
inline Attribute integer(int64_t value) { return integers({value}); }
inline Attribute flag(bool value) { return integers({value}); }
inline Attribute real(double value) {
  Attribute attribute = {};
  attribute.real = value;
  return attribute;
}

// ---------------------------------------------------------------------------------------------------------------------
// A call of a kernel, planned and allocated once, run many times.

class PreparedCall {
 public:
  // Takes views that stay valid for as long as the call. Throws Error where the plan does.
  PreparedCall(const Kernel& kernel, std::vector<View> inputs, std::vector<Attribute> attributes)
      : inputs_(std::move(inputs)), attributes_(std::move(attributes)) {
    attributes_.resize(kMaxAttributes);
    plan_.name = kernel.name;
    plan_.in = inputs_.data();
    plan_.in_count = static_cast<int>(inputs_.size());
    plan_.attributes = attributes_.data();
    kernel.plan(plan_);
    for (int i = 0; kernel.outputs[i] != nullptr; ++i) allocate(plan_.out[i]);
    const size_t each = (plan_.scratch_per_worker + 63) / 64 * 64;
    const size_t shared = (plan_.scratch_shared + 63) / 64 * 64;
    scratch_ = make_memory(shared + each * static_cast<size_t>(get_num_threads()));
    call_ = {plan_.in, plan_.in_count, plan_.out, plan_.attributes, scratch_.get(), scratch_.get() + shared, each};
  }
  PreparedCall(const PreparedCall&) = delete;
  PreparedCall& operator=(const PreparedCall&) = delete;

  Status run(RunFunction function) const { return function(call_); }
  const View& output(int i) const { return plan_.out[i]; }

  // What has to be read and written at the least: every input and output once.
  int64_t bytes_read() const {
    int64_t sum = 0;
    for (const View& view : inputs_) sum += view.size() * item_size(view.dtype);
    return sum;
  }
  int64_t bytes_written() const {
    int64_t sum = 0;
    for (const Array& array : outputs_) sum += array.bytes();
    return sum;
  }

 private:
  void allocate(View& out) {
    outputs_.emplace_back(out.dtype, std::vector<int64_t>(out.shape, out.shape + out.rank));
    out = outputs_.back().view;
  }

  std::vector<View> inputs_;
  std::vector<Attribute> attributes_;
  std::vector<Array> outputs_;
  Memory scratch_;
  Plan plan_ = {};
  Call call_ = {};
};

// ---------------------------------------------------------------------------------------------------------------------
// The run.

struct Size {
  int64_t rows, columns;
};

// What all benchmarks of one run share.
struct RunState {
  Isa isa = best_isa();
  bool reference = false;                                        // time the naive versions too
  std::vector<Size> sizes = {{8, 8}, {128, 256}, {1024, 1024}};  // of the kernels' matrices
  bool failed = false;  // something could not be timed: the program's exit code
  std::unique_ptr<Machine> machine;
};

inline RunState& run_state() {
  static RunState instance;
  return instance;
}

// Says what is wrong; the run goes on, and the program's exit code will be 1.
inline void report_failure(const std::string& text) {
  std::fprintf(stderr, "FAILED %s\n", text.c_str());
  run_state().failed = true;
}

inline Isa isa_from_environment() {
  const char* const wanted = std::getenv("MINIGRAD_ISA");
  if (wanted == nullptr || *wanted == '\0') return best_isa();
  for (int i = 0; i < kIsaCount; ++i) {
    if (isa_supported(static_cast<Isa>(i)) && std::strcmp(wanted, kIsaNames[i]) == 0) return static_cast<Isa>(i);
  }
  std::fprintf(stderr, "MINIGRAD_ISA: this machine cannot run '%s'\n", wanted);
  std::exit(2);
}

// Takes --threads=N (1 if not given), --size=ROWSxCOLUMNS, --parallel_threshold=NANOSECONDS and --reference out of the
// arguments.
inline void take_options(int& argc, char** argv) {
  int threads = 1;
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    if (std::sscanf(argv[i], "--threads=%d", &threads) == 1) continue;
    Size size = {};
    if (std::sscanf(argv[i], "--size=%" SCNd64 "x%" SCNd64, &size.rows, &size.columns) == 2) {
      run_state().sizes = {size};
      continue;
    }
    double threshold = 0;
    if (std::sscanf(argv[i], "--parallel_threshold=%lf", &threshold) == 1) {
      set_parallel_threshold(threshold);
    } else if (std::strcmp(argv[i], "--reference") == 0) {
      run_state().reference = true;
    } else {
      argv[kept++] = argv[i];
    }
  }
  argc = kept;
  set_num_threads(threads);
}

inline std::string rounded(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

// Reads the options, measures the machine and writes both at the top of the output. Returns false where an argument is
// unknown.
inline bool begin_run(int argc, char** argv) {
  take_options(argc, argv);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return false;
  RunState& s = run_state();
  s.isa = isa_from_environment();
  s.machine = std::make_unique<Machine>(s.isa, get_num_threads());
  const Machine& machine = *s.machine;
  benchmark::AddCustomContext("instruction set", kIsaNames[static_cast<int>(s.isa)]);
  benchmark::AddCustomContext("threads", std::to_string(get_num_threads()));
  benchmark::AddCustomContext("FMA peak, float32", rounded(machine.gflops(DType::float32)) + " GFLOP/s");
  benchmark::AddCustomContext("FMA peak, float64", rounded(machine.gflops(DType::float64)) + " GFLOP/s");
  benchmark::AddCustomContext("copy, read + written", rounded(machine.copy_gbs()) + " GB/s");
  benchmark::AddCustomContext("read", rounded(machine.read_gbs()) + " GB/s");
  benchmark::AddCustomContext("write", rounded(machine.write_gbs()) + " GB/s");
  return true;
}

// Runs what is registered. Returns the exit code.
inline int end_run() {
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return run_state().failed ? 1 : 0;
}

// One benchmark's name and the work done in one iteration; operations 0 where they are not what matters.
struct Work {
  std::string name;
  double read, written;  // bytes
  double operations;
  DType dtype;

  double bytes() const { return read + written; }
};

// From so many bytes on, caches no longer hold what is read and written.
constexpr double kBeyondCaches = 16 << 20;

// What the machine allows, probed between a benchmark's rounds: a round's part of it is the part of the quicker probe,
// of the two around the round.
class Limit {
 public:
  Limit(const Work& work, int64_t calls) : work_(work), calls_(static_cast<double>(calls)), before_(probe()) {}

  void end_round(double time) {
    const double after = probe();
    parts_.push_back(100 * std::min(before_, after) / time);
    before_ = after;
  }
  // In percent.
  double best() const { return *std::max_element(parts_.begin(), parts_.end()); }
  double median() {
    const auto middle = parts_.begin() + static_cast<std::ptrdiff_t>(parts_.size() / 2);
    std::nth_element(parts_.begin(), middle, parts_.end());
    return *middle;
  }

 private:
  double probe() const {
    Machine& machine = *run_state().machine;
    return work_.operations > 0 ? machine.time_of_operations(calls_ * work_.operations, work_.dtype)
                                : machine.time_of_bytes(calls_ * work_.read, calls_ * work_.written);
  }

  Work work_;
  double calls_;
  double before_;
  std::vector<double> parts_;
};

inline double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Times run(), which returns a Status, in rounds of a millisecond or of one call, and sets the counters: GB/s, and for
// what caches do not hold its part of the rate that memory allows, in the median of the rounds; for products GFLOP/s
// and their part of the FMA peak, in the median and at best.
template <class Function>
void measure(benchmark::State& state, const Work& work, Function&& run) {
  if (run() != Status::ok) {
    report_failure(work.name + ": the run returned an error");
    return state.SkipWithError("the run returned an error");
  }
  constexpr double kRound = 1e-3;
  const int64_t calls = static_cast<int64_t>(kRound / seconds_of(run)) + 1;
  const auto round = [&] {
    for (int64_t call = 0; call < calls; ++call) {
      run();
      benchmark::ClobberMemory();
    }
  };
  std::optional<Limit> limit;
  if (work.operations > 0 || work.bytes() >= kBeyondCaches) limit.emplace(work, calls);
  double total = 0;
  while (state.KeepRunningBatch(calls)) {
    const double time = seconds_of(round);
    total += time;
    state.SetIterationTime(time);
    if (limit) limit->end_round(time);
  }
  const double rate = static_cast<double>(state.iterations()) / total * 1e-9;
  state.counters["GB/s"] = work.bytes() * rate;
  if (work.operations > 0) {
    state.counters["GFLOP/s"] = work.operations * rate;
    state.counters["% of peak"] = limit->median();
    state.counters["best % of peak"] = limit->best();
  } else if (limit) {
    state.counters["% of memory"] = limit->median();
  }
}

}  // namespace minigrad::bench
