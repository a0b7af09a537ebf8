// Calls from Python into the kernel table: one generic layer for all kernels.
//
// A call takes the inputs and then the attributes, all by position: `sum(x, (0,), True)`. It reads the arrays as views,
// plans, allocates the outputs, runs, and returns one array or a tuple. It returns NotImplemented, which costs the
// caller one comparison, where the kernel does not take these dtypes as they are: promotion is the Python layer's.
#include "bindings/kernel_type.hpp"

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "bindings/invocation.hpp"
#include "bindings/reference.hpp"

namespace minigrad {
namespace {

PyObject* g_kernel_type = nullptr;

// Work beyond this, in nanoseconds, releases Python's lock: taking it again may mean to wait for another thread.
constexpr double kReleaseLock = 50e3;

// ---------------------------------------------------------------------------------------------------------------------
// Long runs, which the user may interrupt.

// Work beyond this, in nanoseconds of one thread, runs on a thread of its own, while the main thread listens for
// signals. A signal handler that raises ends the call at once; the run goes on to its end, and its results are dropped.
// What takes 100 ms lies beyond it, for a plan's estimate is right to a factor of five.
constexpr double kInterruptible = 20e6;
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
    {
      const Unlocked unlocked;
      done = job.wait();
    }
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
  {
    const Unlocked unlocked;
    invocation.run();
  }
  return invocation.result();
}

PyObject* kernel_vectorcall(PyObject* object, PyObject* const* args, size_t nargsf, PyObject* keywords) {
  const KernelObject& self = *reinterpret_cast<KernelObject*>(object);
  if (keywords != nullptr && PyTuple_GET_SIZE(keywords) > 0) {
    return PyErr_Format(PyExc_TypeError, "%s: takes no keyword arguments", self.kernel->name);
  }
  return call_kernel(self, self.runs, args, PyVectorcall_NARGS(nargsf), nullptr);
}

// reference(*args): the same by the naive version.
PyObject* kernel_reference(PyObject* object, PyObject* const* args, Py_ssize_t count) {
  const KernelObject& self = *reinterpret_cast<KernelObject*>(object);
  return call_kernel(self, find_reference(*self.kernel), args, count, nullptr);
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
     "that may be left out, D a sequence of float64.",
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

bool is_kernel(PyObject* object) { return Py_TYPE(object) == reinterpret_cast<PyTypeObject*>(g_kernel_type); }

PyObject* kernel_named(const char* name) {
  const Reference module(PyImport_ImportModule("minigrad._core"));
  const Reference kernels(module == nullptr ? nullptr : PyObject_GetAttrString(module.get(), "kernels"));
  PyObject* const kernel = kernels == nullptr ? nullptr : PyDict_GetItemString(kernels.get(), name);
  if (kernel == nullptr && PyErr_Occurred() == nullptr) PyErr_Format(PyExc_KeyError, "no kernel %s", name);
  return kernel;
}

bool takes_shape(PyObject* kernel) {
  const AttributeSpec& first = kernel_of(kernel).kernel->attributes[0];
  return kernel_of(kernel).attribute_count == 2 && std::strcmp(first.name, "shape") == 0;
}

PyObject* kernel_into(PyObject* object, PyObject* const* args, Py_ssize_t count) {
  const KernelObject& self = *reinterpret_cast<KernelObject*>(object);
  if (count < 1 || self.output_count != 1) {
    return PyErr_Format(PyExc_TypeError, "%s: into() takes the one output and the arguments", self.kernel->name);
  }
  PyObject* const done = call_kernel(self, self.runs, args + 1, count - 1, args[0]);
  View view;
  const bool refused = done == nullptr && PyErr_ExceptionMatches(PyExc_ValueError);
  if (!refused || view_array(args[0], view) != ArrayKind::usable || view.contiguous()) return done;
  PyErr_Clear();  // an array of another layout gets the result by a copy
  PyObject* const result = call_kernel(self, self.runs, args + 1, count - 1, nullptr);
  if (result == nullptr || result == Py_NotImplemented) return result;
  const bool copied = copy_elements(args[0], result, self.kernel->name);
  Py_DECREF(result);
  return copied ? Py_NewRef(args[0]) : nullptr;
}

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
