// One call of a kernel, from its arguments to its results.
#pragma once

#include "bindings/inputs.hpp"
#include "core/layout.hpp"
#include "core/parallel.hpp"
#include "core/plans.hpp"
#include "kernels/moves.hpp"

namespace minigrad {

// Errors of a run arise behind a released lock, so they travel as a status.
constexpr const char* kStatusTexts[] = {"", "index out of range", "integer division by zero"};

static inline PyObject* python_type(ErrorKind kind) {
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
// Attributes.

static inline bool take_integers(const KernelObject& self, const AttributeSpec& spec, PyObject* value,
                                 Attribute& attribute) {
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

static inline bool take_attribute(const KernelObject& self, const AttributeSpec& spec, PyObject* value,
                                  Attribute& attribute) {
  switch (spec.kind) {
    case AttributeKind::integers:
      return take_integers(self, spec, value, attribute);
    case AttributeKind::flag:
      if (!is_boolean(value)) {
        PyErr_Format(PyExc_TypeError, "%s: %s must be True or False, got %s", self.kernel->name, spec.name,
                     Py_TYPE(value)->tp_name);
        return false;
      }
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

static inline bool take_attributes(const KernelObject& self, PyObject* const* args, Attribute* attributes) {
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

  // The one output of an elementwise kernel, as the inputs lie.
  [[gnu::noinline]] bool allocate_alike(Plan& plan) {
    keep_layout(plan);
    if (plan.out[0].contiguous()) plan.layout = InputLayout::any;
    PyObject* const array = new_array_as(plan.out[0], self_.kernel->name);
    if (array != nullptr) arrays_[count_++] = array;
    return array != nullptr;
  }

  void drop() {
    while (count_ > 0) Py_DECREF(arrays_[--count_]);
  }

  // Lets the run write into `array`, if that can take the planned output as it lies. Runs write row by row into memory
  // without gaps, but for elementwise ones, whose rows may lie along any dimension.
  bool use(PyObject* array, Plan& plan) {
    View view;
    if (view_array(array, view) != ArrayKind::usable || !is_writable(array) ||
        (view.dtype != plan.out[0].dtype && !plan.any_dtype) || !view.same_shape(plan.out[0]) ||
        !(view.contiguous() || (plan.layout == InputLayout::alike && is_dense(view)))) {
      PyErr_Format(PyExc_ValueError, "%s: out must be a writable, aligned array of the result's shape and dtype",
                   self_.kernel->name);
      return false;
    }
    if (view.contiguous() && plan.layout == InputLayout::alike) plan.layout = InputLayout::any;
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

static inline bool make_plan(const KernelObject& self, Plan& plan) {
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
static inline size_t aligned(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

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
    plan_.layout = self_.kernel->layout;
    plan_.in = inputs_.views();
    plan_.in_count = inputs_.count();
    plan_.attributes = attributes_;
    if (!make_plan(self_, plan_)) return Taken::error;
    const bool by_output = inputs_.key() == kNoDType && self_.output_count > 0;
    const int key = by_output ? static_cast<int>(plan_.out[0].dtype) : inputs_.key();
    if (key == kNoDType || runs.of[key] == nullptr) return Taken::not_implemented;
    run_ = runs.of[key];
    if (plan_.layout == InputLayout::alike && out == nullptr) {
      if (!inputs_.are_row_major()) return outputs_.allocate_alike(plan_) ? Taken::ok : Taken::error;
      plan_.layout = InputLayout::any;
    }
    return (out != nullptr ? outputs_.use(out, plan_) : outputs_.allocate(plan_)) ? Taken::ok : Taken::error;
  }

  double nanoseconds() const { return plan_.nanoseconds; }
  void drop_outputs() { outputs_.drop(); }

  // The run itself, which knows nothing of Python.
  void run() {
    const size_t shared = aligned(plan_.scratch_shared);
    const size_t each = aligned(plan_.scratch_per_worker);
    const size_t workers = each * static_cast<size_t>(each > 0 ? get_num_threads() : 0);
    const bool any = plan_.layout == InputLayout::any;
    const ScratchBuffer scratch(shared + workers + (any ? 0 : bytes_to_copy()));
    no_memory_ = scratch.failed();
    if (no_memory_) return;
    View laid[kMaxInputs];
    if (!any) lay_out(laid, scratch.data() + shared + workers);
    const View* const in = any ? plan_.in : laid;
    status_ = run_({in, plan_.in_count, plan_.out, plan_.attributes, scratch.data(), scratch.data() + shared, each});
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
  // Whether an input's layout is one that the kernel does not take.
  bool is_to_be_copied(const View& x) const {
    if (plan_.layout == InputLayout::alike) return false;
    if (plan_.layout == InputLayout::contiguous) return !x.contiguous();
    return plan_.layout == InputLayout::packed ? !is_packed(x) : is_turned(x);
  }

  size_t bytes_to_copy() const {
    size_t bytes = 0;
    for (int i = 0; i < plan_.in_count; ++i) {
      if (is_to_be_copied(plan_.in[i])) bytes += copied_bytes(plan_.in[i]);
    }
    return bytes;
  }

  // The bytes of a copy, in which elements that a stride of 0 repeats are written out.
  static size_t copied_bytes(const View& x) { return aligned(static_cast<size_t>(x.size() * item_size(x.dtype))); }

  // Output and inputs of an elementwise kernel with their dimensions in the order in which the output lies row-major.
  [[gnu::noinline]] void lay_straight(View* laid) {
    View& out = plan_.out[0];
    const MemoryOrder order(out);
    for (int i = 0; i < plan_.in_count; ++i) laid[i] = order.turned(plan_.in[i], out);
    out = order.turned(out, out);
  }

  // The inputs as they are, or copies.
  void lay_out(View* laid, char* memory) {
    if (plan_.layout == InputLayout::alike) return lay_straight(laid);
    for (int i = 0; i < plan_.in_count; ++i) {
      const bool copied = is_to_be_copied(plan_.in[i]);
      laid[i] = copied ? copy_in_order(plan_.in[i], memory) : plan_.in[i];
      if (copied) memory += copied_bytes(laid[i]);
    }
  }

  const KernelObject& self_;
  Inputs inputs_;
  Attribute attributes_[kMaxAttributes];
  Plan plan_;
  Outputs outputs_;
  RunFunction run_ = nullptr;
  Status status_ = Status::ok;
  bool no_memory_ = false;
};

}  // namespace minigrad
