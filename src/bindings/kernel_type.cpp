// Calls from Python into the kernel table: one generic layer for all kernels.
//
// A call takes the inputs and then the attributes, all by position: `sum(x, (0,), True)`. It reads the arrays as views,
// plans, allocates the outputs, runs, and returns one array or a tuple. It returns NotImplemented, which costs the
// caller one comparison, where the kernel does not take these dtypes as they are: promotion is the Python layer's.
#include "bindings/kernel_type.hpp"

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "core/half.hpp"
#include "core/parallel.hpp"
#include "core/plans.hpp"

namespace minigrad {
namespace {

struct KernelObject {
  PyObject head;
  vectorcallfunc vectorcall;
  const Kernel* kernel;
  RunsByDType runs;
  Isa isa;
  int input_count;
  int output_count;
  int attribute_count;
};

PyObject* g_kernel_type = nullptr;

// Work beyond this, in nanoseconds, releases Python's lock: taking it again may mean to wait for another thread.
constexpr double kReleaseLock = 50e3;

// Errors of a run arise behind a released lock, so they travel as a status.
constexpr const char* kStatusTexts[] = {"", "index out of range", "integer division by zero"};

PyObject* python_type(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::index:
      return PyExc_IndexError;
    case ErrorKind::type:
      return PyExc_TypeError;
    case ErrorKind::value:
      return PyExc_ValueError;
    case ErrorKind::memory:
      return PyExc_MemoryError;
    case ErrorKind::runtime:
      break;
  }
  return PyExc_RuntimeError;
}

// ---------------------------------------------------------------------------------------------------------------------
// Inputs.

enum class Taken : uint8_t { ok, not_implemented, error };

// A Python number among the inputs, until the dtype of the others is known.
struct Immediate {
  int input;
  PyObject* number;
};

// The inputs of one call. Lives on the stack: almost every call has few inputs.
class Inputs {
 public:
  explicit Inputs(const KernelObject& self) : self_(self) {}

  ~Inputs() {
    for (int i = 0; i < copy_count_; ++i) Py_DECREF(copies_[i]);
  }
  Inputs(const Inputs&) = delete;
  Inputs& operator=(const Inputs&) = delete;

  const View* views() const { return many_.empty() ? few_ : many_.data(); }
  int count() const { return many_.empty() ? self_.input_count : static_cast<int>(many_.size()); }
  int key() const { return key_; }  // the dtype that the T inputs share; kNoDType where there are none

  Taken take(PyObject* const* args) { return self_.kernel->variadic ? take_sequences(args) : take_arrays(args); }

 private:
  Taken take_arrays(PyObject* const* args) {
    for (int i = 0; i < self_.input_count; ++i) {
      const Taken taken = take_one(args[i], i, few_[i]);
      if (taken != Taken::ok) return taken;
    }
    for (int n = 0; n < immediate_count_; ++n) {
      const Taken taken = place_immediate(immediates_[n], few_[immediates_[n].input]);
      if (taken != Taken::ok) return taken;
    }
    return Taken::ok;
  }

  Taken take_sequences(PyObject* const* args) {
    many_.reserve(64);
    Py_ssize_t length = -1;
    for (int i = 0; i < self_.input_count; ++i) {
      if (is_sequence(self_.kernel->types[i])) {
        const Taken taken = take_sequence(args[i], i, length);
        if (taken != Taken::ok) return taken;
        continue;
      }
      many_.emplace_back();
      const Taken taken = take_one(args[i], i, many_.back());
      if (taken != Taken::ok) return taken;
    }
    // A scalar's view points into storage_, which never moves; the vector's own moves do no harm to it.
    for (int n = 0; n < immediate_count_; ++n) {
      View& view = many_[many_.size() - static_cast<size_t>(self_.input_count - immediates_[n].input)];
      const Taken taken = place_immediate(immediates_[n], view);
      if (taken != Taken::ok) return taken;
    }
    return Taken::ok;
  }

  Taken take_sequence(PyObject* sequence, int input, Py_ssize_t& length) {
    if (!PyList_Check(sequence) && !PyTuple_Check(sequence)) {
      PyErr_Format(PyExc_TypeError, "%s: %s must be a list or tuple of arrays, got %s", self_.kernel->name,
                   self_.kernel->inputs[input], Py_TYPE(sequence)->tp_name);
      return Taken::error;
    }
    const Py_ssize_t count = PySequence_Fast_GET_SIZE(sequence);
    if (count == 0 && self_.kernel->types[input] == 't') {
      for (Py_ssize_t i = 0; i < length; ++i) many_.emplace_back();
      return Taken::ok;
    }
    if (length >= 0 && count != length) {
      PyErr_Format(PyExc_ValueError, "%s: %s has %zd arrays where the others have %zd", self_.kernel->name,
                   self_.kernel->inputs[input], count, length);
      return Taken::error;
    }
    length = count;
    for (Py_ssize_t i = 0; i < count; ++i) {
      many_.emplace_back();
      const Taken taken = take_one(PySequence_Fast_GET_ITEM(sequence, i), input, many_.back());
      if (taken != Taken::ok) return taken;
    }
    return Taken::ok;
  }

  Taken take_one(PyObject* object, int input, View& view) {
    switch (view_array(object, view)) {
      case ArrayKind::usable:
        return check_dtype(object, input, view);
      case ArrayKind::needs_copy:
        return take_copy(object, input, view);
      case ArrayKind::no_array:
        return take_number(object, input);
      case ArrayKind::unknown_dtype:
        return Taken::not_implemented;
      case ArrayKind::too_many_dimensions:
        break;
    }
    PyErr_Format(PyExc_RuntimeError, "%s: %s has more than %d dimensions", self_.kernel->name,
                 self_.kernel->inputs[input], kMaxRank);
    return Taken::error;
  }

  Taken check_dtype(PyObject* object, int input, const View& view) {
    const int dtype = static_cast<int>(view.dtype);
    const char type = self_.kernel->types[input];
    if (type == 'T' || type == 't') {
      if (key_ == kNoDType) key_ = dtype;
      if (key_ != dtype) return Taken::not_implemented;
    } else if (view.dtype != fixed_dtype(type)) {
      return wrong_dtype(input, kDTypeNames[dtype]);
    }
    if ((self_.kernel->mutates >> input & 1) && !is_writable(object)) {
      PyErr_Format(PyExc_ValueError, "%s: %s is read-only", self_.kernel->name, self_.kernel->inputs[input]);
      return Taken::error;
    }
    return Taken::ok;
  }

  // A misaligned or byte-swapped array is read through a copy; writing to one would be lost.
  Taken take_copy(PyObject* object, int input, View& view) {
    if (self_.kernel->mutates >> input & 1) {
      PyErr_Format(PyExc_ValueError, "%s: %s is misaligned or in foreign byte order and cannot be written",
                   self_.kernel->name, self_.kernel->inputs[input]);
      return Taken::error;
    }
    if (copy_count_ == kMaxInputs) return Taken::not_implemented;
    PyObject* const copy = behaved_copy(object);
    if (copy == nullptr) return Taken::error;
    copies_[copy_count_++] = copy;
    return take_one(copy, input, view);
  }

  Taken take_number(PyObject* object, int input) {
    const char type = self_.kernel->types[input];
    const bool number = is_real(object) || is_integer(object);
    if (!number && is_batched(object)) return Taken::not_implemented;
    if (!number || (type != 'T' && type != 'd')) {
      PyErr_Format(PyExc_TypeError, "%s: %s must be an array%s, got %s%s", self_.kernel->name,
                   self_.kernel->inputs[input], type == 'T' || type == 'd' ? " or a number" : "",
                   Py_TYPE(object)->tp_name,
                   object == Py_None ? "; the grad of a tensor is None until a backward pass has reached it" : "");
      return Taken::error;
    }
    immediates_[immediate_count_++] = {input, object};
    return Taken::ok;
  }

  // Turns a number into a view without dimensions, in the dtype that the other inputs have.
  Taken place_immediate(const Immediate& immediate, View& view) {
    const bool real = is_real(immediate.number);
    const int dtype = self_.kernel->types[immediate.input] == 'd' ? static_cast<int>(DType::float64) : key_;
    if (dtype == kNoDType) return Taken::not_implemented;
    view.dtype = static_cast<DType>(dtype);
    view.rank = 0;
    view.data = &storage_[immediate.input];
    if (is_floating(view.dtype)) return place_real(immediate.number, view);
    if (real || (view.dtype == DType::boolean && !is_boolean(immediate.number))) return Taken::not_implemented;
    return place_integer(immediate.number, view);
  }

  Taken place_real(PyObject* number, View& view) {
    const double value = PyFloat_AsDouble(number);
    if (value == -1.0 && PyErr_Occurred()) return Taken::error;
    if (view.dtype == DType::float32) {
      *view.as<float>() = static_cast<float>(value);
    } else if (view.dtype == DType::float16) {
      *view.as<Half>() = value;
    } else {
      *view.as<double>() = value;
    }
    return Taken::ok;
  }

  // An integer that is too large for the dtype wraps around.
  Taken place_integer(PyObject* number, View& view) {
    const long long value = is_boolean(number) ? PyObject_IsTrue(number) : PyLong_AsLongLong(number);
    if (value == -1 && PyErr_Occurred()) return Taken::error;
    std::memcpy(view.data, &value, static_cast<size_t>(item_size(view.dtype)));  // the low bytes: little-endian
    return Taken::ok;
  }

  static bool is_sequence(char type) { return type == 'T' || type == 't' || type == 'D'; }

  static DType fixed_dtype(char type) {
    return type == 'i' ? DType::int64 : (type == 'b' ? DType::boolean : DType::float64);
  }

  Taken wrong_dtype(int input, const char* got) {
    PyErr_Format(PyExc_TypeError, "%s: %s must have dtype %s, got %s", self_.kernel->name, self_.kernel->inputs[input],
                 kDTypeNames[static_cast<int>(fixed_dtype(self_.kernel->types[input]))], got);
    return Taken::error;
  }

  const KernelObject& self_;
  int key_ = kNoDType;
  int copy_count_ = 0;
  int immediate_count_ = 0;
  View few_[kMaxInputs];
  Immediate immediates_[kMaxInputs];
  PyObject* copies_[kMaxInputs];
  int64_t storage_[kMaxInputs];
  std::vector<View> many_;
};

// ---------------------------------------------------------------------------------------------------------------------
// Attributes.

bool take_integers(const KernelObject& self, const AttributeSpec& spec, PyObject* value, Attribute& attribute) {
  if (!PyTuple_Check(value) || PyTuple_GET_SIZE(value) > kMaxRank) {
    PyErr_Format(PyExc_TypeError, "%s: %s must be a tuple of at most %d integers", self.kernel->name, spec.name,
                 kMaxRank);
    return false;
  }
  attribute.count = static_cast<int>(PyTuple_GET_SIZE(value));
  for (int i = 0; i < attribute.count; ++i) {
    attribute.integers[i] = PyLong_AsLongLong(PyTuple_GET_ITEM(value, i));
    if (attribute.integers[i] == -1 && PyErr_Occurred()) return false;
  }
  return true;
}

bool take_attribute(const KernelObject& self, const AttributeSpec& spec, PyObject* value, Attribute& attribute) {
  switch (spec.kind) {
    case AttributeKind::integers:
      return take_integers(self, spec, value, attribute);
    case AttributeKind::flag:
      attribute.integers[0] = PyObject_IsTrue(value);
      break;
    case AttributeKind::integer:
      attribute.integers[0] = PyLong_AsLongLong(value);
      break;
    case AttributeKind::real:
      attribute.real = PyFloat_AsDouble(value);
      break;
    case AttributeKind::none:
      break;
  }
  if (!PyErr_Occurred()) return true;
  if (PyErr_ExceptionMatches(PyExc_TypeError)) {
    PyErr_Format(PyExc_TypeError, "%s: %s must be a number, got %s", self.kernel->name, spec.name,
                 Py_TYPE(value)->tp_name);
  }
  return false;
}

bool take_attributes(const KernelObject& self, PyObject* const* args, Attribute* attributes) {
  for (int i = 0; i < self.attribute_count; ++i) {
    if (!take_attribute(self, self.kernel->attributes[i], args[i], attributes[i])) return false;
  }
  return true;
}

// ---------------------------------------------------------------------------------------------------------------------
// Outputs.

// The arrays that a run writes: new ones, or the one that the caller gave.
class Outputs {
 public:
  explicit Outputs(const KernelObject& self) : self_(self) {}
  ~Outputs() { drop(); }
  Outputs(const Outputs&) = delete;
  Outputs& operator=(const Outputs&) = delete;

  bool allocate(Plan& plan) {
    for (int i = 0; i < self_.output_count; ++i) {
      PyObject* const array = new_array(plan.out[i], self_.kernel->name);
      if (array == nullptr) return false;
      arrays_[count_++] = array;
    }
    return true;
  }

  void drop() {
    while (count_ > 0) Py_DECREF(arrays_[--count_]);
  }

  // Checks that `array` can take the planned output as it lies.
  bool use(PyObject* array, Plan& plan) {
    View view;
    if (view_array(array, view) != ArrayKind::usable || !is_writable(array) || view.dtype != plan.out[0].dtype ||
        !view.same_shape(plan.out[0])) {
      PyErr_Format(PyExc_ValueError, "%s: out must be a writable, aligned array of the result's shape and dtype",
                   self_.kernel->name);
      return false;
    }
    plan.out[0] = view;
    arrays_[count_++] = Py_NewRef(array);
    return true;
  }

  PyObject* result() {
    if (count_ == 0) Py_RETURN_NONE;
    if (count_ == 1) return arrays_[--count_];
    PyObject* const tuple = PyTuple_New(count_);
    if (tuple == nullptr) return nullptr;
    while (count_ > 0) {
      --count_;
      PyTuple_SET_ITEM(tuple, count_, arrays_[count_]);
    }
    return tuple;
  }

 private:
  const KernelObject& self_;
  int count_ = 0;
  PyObject* arrays_[kMaxOutputs];
};

// ---------------------------------------------------------------------------------------------------------------------
// The call.

bool make_plan(const KernelObject& self, Plan& plan) {
  try {
    self.kernel->plan(plan);
    return true;
  } catch (const Error& error) {
    PyErr_SetString(python_type(error.kind()), error.what());
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  }
  return false;
}

// Every worker's scratch starts on a cache line of its own.
size_t aligned(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// One call, from arguments to results. Arguments have to outlive it.
class Invocation {
 public:
  explicit Invocation(const KernelObject& self) : self_(self), inputs_(self), outputs_(self) {}
  Invocation(const Invocation&) = delete;
  Invocation& operator=(const Invocation&) = delete;

  // Everything before the run: arrays to views, the plan, memory for the outputs.
  Taken prepare(const RunsByDType& runs, PyObject* const* args, PyObject* out) {
    const Taken taken = inputs_.take(args);
    if (taken != Taken::ok) return taken;
    if (!take_attributes(self_, args + self_.input_count, attributes_)) return Taken::error;
    if (inputs_.key() != kNoDType && runs.of[inputs_.key()] == nullptr) return Taken::not_implemented;
    plan_.name = self_.kernel->name;
    plan_.in = inputs_.views();
    plan_.in_count = inputs_.count();
    plan_.attributes = attributes_;
    if (!make_plan(self_, plan_)) return Taken::error;
    const bool by_output = inputs_.key() == kNoDType && self_.output_count > 0;
    const int key = by_output ? static_cast<int>(plan_.out[0].dtype) : inputs_.key();
    if (key == kNoDType || runs.of[key] == nullptr) return Taken::not_implemented;
    run_ = runs.of[key];
    return (out != nullptr ? outputs_.use(out, plan_) : outputs_.allocate(plan_)) ? Taken::ok : Taken::error;
  }

  double nanoseconds() const { return plan_.nanoseconds; }
  void drop_outputs() { outputs_.drop(); }

  // The run itself, which knows nothing of Python.
  void run() {
    const size_t shared = aligned(plan_.scratch_shared);
    const size_t each = aligned(plan_.scratch_per_worker);
    const ScratchBuffer scratch(shared + each * static_cast<size_t>(each > 0 ? get_num_threads() : 0));
    no_memory_ = scratch.failed();
    if (no_memory_) return;
    status_ =
        run_({plan_.in, plan_.in_count, plan_.out, plan_.attributes, scratch.data(), scratch.data() + shared, each});
  }

  // What was computed; nullptr with an exception set.
  PyObject* result() {
    if (no_memory_) return PyErr_NoMemory();
    if (status_ == Status::ok) return outputs_.result();
    PyObject* const type = status_ == Status::index_out_of_range ? PyExc_IndexError : PyExc_ZeroDivisionError;
    std::string shapes;
    for (int i = 0; i < plan_.in_count; ++i) shapes += (i > 0 ? ", " : "") + shape_text(plan_.in[i]);
    return PyErr_Format(type, "%s: %s, got shapes %s", self_.kernel->name, kStatusTexts[static_cast<int>(status_)],
                        shapes.c_str());
  }

 private:
  const KernelObject& self_;
  Inputs inputs_;
  Attribute attributes_[kMaxAttributes];
  Plan plan_;
  Outputs outputs_;
  RunFunction run_ = nullptr;
  Status status_ = Status::ok;
  bool no_memory_ = false;
};

// ---------------------------------------------------------------------------------------------------------------------
// Long runs, which the user may interrupt.

// Work beyond this, in nanoseconds of one thread, runs on a thread of its own, while the main thread listens for
// signals. A signal handler that raises ends the call at once; the run goes on to its end, and its results are dropped.
constexpr double kInterruptible = 50e6;
constexpr auto kListen = std::chrono::milliseconds(10);

const unsigned long g_main_thread = PyThread_get_thread_ident();

bool is_finalizing() {
#if PY_VERSION_HEX >= 0x030D0000
  return Py_IsFinalizing();
#else
  return _Py_IsFinalizing();
#endif
}

// A call with the arguments that it needs, so that it can outlive its caller.
class Job {
 public:
  Job(const KernelObject& self, PyObject* const* args, Py_ssize_t count) : invocation_(self) {
    for (Py_ssize_t i = 0; i < count; ++i) {  // of a list the elements, which it might lose
      args_.push_back(PyList_Check(args[i]) ? PyList_AsTuple(args[i]) : Py_NewRef(args[i]));
    }
  }
  ~Job() {
    for (PyObject* const arg : args_) Py_XDECREF(arg);
  }
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  bool prepare(const RunsByDType& runs) { return invocation_.prepare(runs, args_.data(), nullptr) == Taken::ok; }
  PyObject* result() { return invocation_.result(); }

  // Runs on this thread. Whoever comes last, this or `leave`, has to delete the job; this does it itself.
  void run() {
    invocation_.run();
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      done_ = true;
      if (!left_) {
        finished_.notify_one();
        return;
      }
    }
    if (is_finalizing()) return;  // nobody can take Python's lock any more
    const PyGILState_STATE state = PyGILState_Ensure();
    delete this;
    PyGILState_Release(state);
  }

  // Whether it is done within a while.
  bool wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    return finished_.wait_for(lock, kListen, [this] { return done_; });
  }

  // Goes away; false where the run was done already and the job is the caller's.
  bool leave() {
    const std::lock_guard<std::mutex> lock(mutex_);
    left_ = !done_;
    return left_;
  }

 private:
  std::vector<PyObject*> args_;
  Invocation invocation_;
  std::mutex mutex_;
  std::condition_variable finished_;
  bool done_ = false;
  bool left_ = false;
};

// Waits for a job's end or for a signal whose handler raises; false for the latter.
bool listen(Job& job) {
  for (;;) {
    bool done;
    Py_BEGIN_ALLOW_THREADS;
    done = job.wait();
    Py_END_ALLOW_THREADS;
    if (done) return true;
    if (PyErr_CheckSignals() != 0) return false;
  }
}

PyObject* call_interruptibly(const KernelObject& self, const RunsByDType& runs, PyObject* const* args,
                             Py_ssize_t count) {
  std::unique_ptr<Job> job = std::make_unique<Job>(self, args, count);
  if (!job->prepare(runs)) return PyErr_Occurred() != nullptr ? nullptr : PyErr_NoMemory();
  try {
    std::thread(&Job::run, job.get()).detach();
  } catch (const std::system_error&) {  // no thread to be had
    job->run();
    return job->result();
  }
  if (listen(*job)) return job->result();
  if (job->leave()) job.release();
  return nullptr;
}

PyObject* call_kernel(const KernelObject& self, const RunsByDType& runs, PyObject* const* args, Py_ssize_t count,
                      PyObject* out) {
  if (count != self.input_count + self.attribute_count) {
    return PyErr_Format(PyExc_TypeError, "%s: takes %d inputs and %d attributes, got %zd arguments", self.kernel->name,
                        self.input_count, self.attribute_count, count);
  }
  Invocation invocation(self);
  const Taken taken = invocation.prepare(runs, args, out);
  if (taken == Taken::error) return nullptr;
  if (taken == Taken::not_implemented) Py_RETURN_NOTIMPLEMENTED;
  if (invocation.nanoseconds() <= kReleaseLock) {
    invocation.run();
    return invocation.result();
  }
  const bool fresh = out == nullptr && self.kernel->mutates == 0;
  if (fresh && invocation.nanoseconds() > kInterruptible && PyThread_get_thread_ident() == g_main_thread) {
    invocation.drop_outputs();
    return call_interruptibly(self, runs, args, count);
  }
  Py_BEGIN_ALLOW_THREADS;
  invocation.run();
  Py_END_ALLOW_THREADS;
  return invocation.result();
}

PyObject* kernel_vectorcall(PyObject* object, PyObject* const* args, size_t nargsf, PyObject* keywords) {
  const KernelObject& self = *reinterpret_cast<KernelObject*>(object);
  if (keywords != nullptr && PyTuple_GET_SIZE(keywords) > 0) {
    return PyErr_Format(PyExc_TypeError, "%s: takes no keyword arguments", self.kernel->name);
  }
  return call_kernel(self, self.runs, args, PyVectorcall_NARGS(nargsf), nullptr);
}

// into(out, *args): writes the only output into the array `out`. Runs write row by row into memory without gaps; an
// array of another layout gets the result by a copy.
PyObject* kernel_into(PyObject* object, PyObject* const* args, Py_ssize_t count) {
  const KernelObject& self = *reinterpret_cast<KernelObject*>(object);
  if (count < 1 || self.output_count != 1) {
    return PyErr_Format(PyExc_TypeError, "%s: into() takes the one output and the arguments", self.kernel->name);
  }
  View view;
  if (view_array(args[0], view) == ArrayKind::usable && !view.contiguous()) {
    PyObject* const result = call_kernel(self, self.runs, args + 1, count - 1, nullptr);
    if (result == nullptr || result == Py_NotImplemented) return result;
    const bool copied = copy_elements(args[0], result, self.kernel->name);
    Py_DECREF(result);
    return copied ? Py_NewRef(args[0]) : nullptr;
  }
  return call_kernel(self, self.runs, args + 1, count - 1, args[0]);
}

// reference(*args): the same by the naive version.
PyObject* kernel_reference(PyObject* object, PyObject* const* args, Py_ssize_t count) {
  const KernelObject& self = *reinterpret_cast<KernelObject*>(object);
  return call_kernel(self, *self.kernel->reference, args, count, nullptr);
}

// ---------------------------------------------------------------------------------------------------------------------
// What a kernel tells of itself.

PyObject* names_tuple(const char* const* names, int count) {
  PyObject* const tuple = PyTuple_New(count);
  for (int i = 0; tuple != nullptr && i < count; ++i) PyTuple_SET_ITEM(tuple, i, PyUnicode_FromString(names[i]));
  return tuple;
}

const KernelObject& kernel_of(PyObject* object) { return *reinterpret_cast<KernelObject*>(object); }

PyObject* get_name(PyObject* self, void*) { return PyUnicode_FromString(kernel_of(self).kernel->name); }
PyObject* get_types(PyObject* self, void*) { return PyUnicode_FromString(kernel_of(self).kernel->types); }
PyObject* get_variadic(PyObject* self, void*) { return PyBool_FromLong(kernel_of(self).kernel->variadic); }
PyObject* get_isa(PyObject* self, void*) {
  return PyUnicode_FromString(kIsaNames[static_cast<int>(kernel_of(self).isa)]);
}

PyObject* get_inputs(PyObject* self, void*) {
  return names_tuple(kernel_of(self).kernel->inputs, kernel_of(self).input_count);
}

PyObject* get_outputs(PyObject* self, void*) {
  return names_tuple(kernel_of(self).kernel->outputs, kernel_of(self).output_count);
}

PyObject* get_attributes(PyObject* self, void*) {
  const char* names[kMaxAttributes];
  for (int i = 0; i < kernel_of(self).attribute_count; ++i) names[i] = kernel_of(self).kernel->attributes[i].name;
  return names_tuple(names, kernel_of(self).attribute_count);
}

PyObject* get_dtypes(PyObject* self, void*) {
  const char* names[kDTypeCount];
  int count = 0;
  for (int i = 0; i < kDTypeCount; ++i) {
    if (kernel_of(self).runs.of[i] != nullptr) names[count++] = kDTypeNames[i];
  }
  return names_tuple(names, count);
}

PyObject* kernel_repr(PyObject* self) {
  return PyUnicode_FromFormat("<kernel %s for %s>", kernel_of(self).kernel->name,
                              kIsaNames[static_cast<int>(kernel_of(self).isa)]);
}

PyGetSetDef kGetters[] = {
    {"name", get_name, nullptr, "The kernel's name.", nullptr},
    {"inputs", get_inputs, nullptr, "The names of the inputs.", nullptr},
    {"types", get_types, nullptr,
     "A letter for each input: T the dtype that chooses the run, i int64, b bool, d float64; of variadic kernels t T "
     "that "
     "may be left out, D a sequence of float64.",
     nullptr},
    {"outputs", get_outputs, nullptr, "The names of the outputs.", nullptr},
    {"attributes", get_attributes, nullptr, "The names of the attributes, which follow the inputs.", nullptr},
    {"dtypes", get_dtypes, nullptr, "The dtypes that T may be.", nullptr},
    {"variadic", get_variadic, nullptr, "Whether T inputs are sequences of arrays.", nullptr},
    {"isa", get_isa, nullptr, "The instruction set of the runs.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyMethodDef kMethods[] = {
    {"into", fastcall(kernel_into), METH_FASTCALL, "into(out, *args): write the result into the array out."},
    {"reference", fastcall(kernel_reference), METH_FASTCALL, "reference(*args): the result of the naive version."},
    {nullptr, nullptr, 0, nullptr},
};

PyMemberDef kMembers[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(KernelObject, vectorcall), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

}  // namespace

PyObject* make_kernel_type() {
  static PyType_Slot slots[] = {
      {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
      {Py_tp_repr, reinterpret_cast<void*>(kernel_repr)},
      {Py_tp_methods, kMethods},
      {Py_tp_members, kMembers},
      {Py_tp_getset, kGetters},
      {Py_tp_doc, const_cast<char*>("A compiled kernel: arrays in, new arrays out, attributes after the arrays.")},
      {0, nullptr},
  };
  static PyType_Spec spec = {"minigrad._core.Kernel", sizeof(KernelObject), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                             slots};
  g_kernel_type = PyType_FromSpec(&spec);
  return g_kernel_type;
}

PyObject* new_kernel_object(const Kernel& kernel, Isa isa) {
  KernelObject* const self = PyObject_New(KernelObject, reinterpret_cast<PyTypeObject*>(g_kernel_type));
  if (self == nullptr) return nullptr;
  self->vectorcall = kernel_vectorcall;
  self->kernel = &kernel;
  self->isa = isa;
  for (int i = 0; i < kDTypeCount; ++i) self->runs.of[i] = find_run(kernel, static_cast<DType>(i), isa);
  self->input_count = self->output_count = self->attribute_count = 0;
  while (kernel.inputs[self->input_count] != nullptr) ++self->input_count;
  while (kernel.outputs[self->output_count] != nullptr) ++self->output_count;
  while (kernel.attributes[self->attribute_count].kind != AttributeKind::none) ++self->attribute_count;
  return reinterpret_cast<PyObject*>(self);
}

}  // namespace minigrad
