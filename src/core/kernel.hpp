// What a kernel is: a name, what it takes and gives, a plan, and by its name a run and a naive reference.
//
// plan(plan)  reads the operands' shapes and the attributes, and writes the outputs' shapes and dtypes, the scratch
// that
//             a run needs and what it will cost. It throws Error, which opens with the operation and quotes the shapes.
// run(call)   computes: views in, views out. It allocates nothing, knows nothing of Python, never throws, and returns
//             a status.
// reference   computes the same naively; tests and benchmarks hold run against it.
//
// The eager call, a recorded program and the micro-benchmarks are each a few lines over the table of these.
#pragma once

#include <stdexcept>
#include <string>

#include "core/view.hpp"

namespace minigrad {

constexpr int kMaxInputs = 12;
constexpr int kMaxOutputs = 3;
constexpr int kMaxAttributes = 6;

// ---------------------------------------------------------------------------------------------------------------------
// Attributes: what is fixed together with the shapes.

enum class AttributeKind : uint8_t { none, flag, integer, real, integers };

struct Attribute {
  double real;
  int count;  // of the integers
  int64_t integers[kMaxRank];

  bool flag() const { return integers[0] != 0; }
  int64_t integer() const { return integers[0]; }
};

// ---------------------------------------------------------------------------------------------------------------------
// Errors: thrown by plans, returned by runs.

enum class ErrorKind : uint8_t { runtime, index, type, value, memory };

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

enum class Status : uint8_t { ok, index_out_of_range, integer_division_by_zero };

// ---------------------------------------------------------------------------------------------------------------------
// The two steps of a call.

// How inputs have to lie. Those that lie otherwise are copied first.
enum class InputLayout : uint8_t {
  any,
  alike,       // any, of elementwise kernels: an element of the only output depends on the inputs' elements in the same
               // place alone, once these are broadcast. So the dimensions of all of them may be put into another order,
               // and the output lies in memory as the inputs do (layout.hpp)
  by_rows,     // not turned: neighbours in memory are not neighbours along another dimension than the last
  packed,      // in order and without gaps, but for those between places along the first dimension
  contiguous,  // in order and without gaps
};

struct Plan {
  const char* name;
  const View* in;
  int in_count;
  const Attribute* attributes;

  // To be written by the plan. `data` and `stride` of the outputs are the caller's: it allocates them row-major.
  View out[kMaxOutputs];
  InputLayout layout;             // the kernel's, unless the plan changes it
  bool any_dtype = false;         // whether the run writes its one output in any dtype that the caller gives it
  size_t scratch_shared = 0;      // bytes that all workers use together
  size_t scratch_per_worker = 0;  // bytes for each worker; neither may depend on the number of threads
  double nanoseconds = 0;         // what one thread will need, about: long runs release Python's lock
};

struct Call {
  const View* in;
  int in_count;
  const View* out;
  const Attribute* attributes;
  char* shared;           // scratch_shared bytes, aligned to 64; uninitialised
  char* private_;         // scratch_per_worker bytes for each of get_num_threads() workers, each aligned to 64
  size_t private_stride;  // bytes from one worker's scratch to the next one's

  [[gnu::always_inline]] char* scratch(int worker) const { return private_ + worker * private_stride; }
};

using PlanFunction = void (*)(Plan&);
using RunFunction = Status (*)(const Call&);

// ---------------------------------------------------------------------------------------------------------------------
// The table.

struct AttributeSpec {
  const char* name;
  AttributeKind kind;
};

// One function for each dtype; nullptr where a kernel does not take the dtype.
struct RunsByDType {
  RunFunction of[kDTypeCount];

  constexpr RunFunction operator[](DType dtype) const { return of[static_cast<int>(dtype)]; }
};

static constexpr RunsByDType floats(RunFunction float32, RunFunction float64) {
  return {{nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, float32, float64}};
}

// `types` has a letter for each input: T the dtype that all such inputs share and that chooses the run; i int64; b
// bool; d float64, which takes Python numbers (step counts, learning rates: what changes from step to step). A kernel
// without T inputs is run for its first output's dtype. A variadic kernel takes, in place of each T input, a sequence
// of arrays, all of them equally long; its plan and its run see the first sequence's views, then the second one's, and
// so on. Two further letters are sequences as well: t may be empty, and then its views have no data; D has float64
// arrays.
struct Kernel {
  const char* name;
  const char* inputs[kMaxInputs + 1];  // ends with nullptr
  const char* types;
  const char* outputs[kMaxOutputs + 1];               // ends with nullptr
  AttributeSpec attributes[kMaxAttributes + 1] = {};  // ends with kind none
  PlanFunction plan;
  bool variadic = false;
  uint32_t mutates = 0;   // bit i: input i is written in place
  bool no_flags = false;  // whether numbers that are True or False are refused
  InputLayout layout = InputLayout::any;
};

struct Kernels {
  const Kernel* rows;
  int count;
};

// The runs of a kernel. Tables of these are constants, never built at start-up: building one would execute code that
// was compiled for an instruction set which this machine may not have.
struct Run {
  const char* kernel;
  RunsByDType run;
};

struct Runs {
  const Run* rows;
  int count;
};

}  // namespace minigrad
