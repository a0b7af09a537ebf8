// The inputs of one call of a kernel: arrays as views, numbers in the dtype of the others.
#pragma once

#include <algorithm>
#include <vector>

#include "bindings/array.hpp"
#include "bindings/objects.hpp"
#include "core/half.hpp"
#include "kernels/table.hpp"

namespace minigrad {

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
  bool are_row_major() const { return row_major_; }
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
    many_.reserve(array_count(args));
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

  // How many arrays the arguments are; more where some that may be left out are.
  size_t array_count(PyObject* const* args) const {
    Py_ssize_t longest = 1;
    for (int i = 0; i < self_.input_count; ++i) {
      if (PyList_Check(args[i]) || PyTuple_Check(args[i]))
        longest = std::max(longest, PySequence_Fast_GET_SIZE(args[i]));
    }
    return static_cast<size_t>(longest * self_.input_count);
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
        row_major_ &= PyArray_IS_C_CONTIGUOUS(as_array(object));
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
    if (self_.kernel->no_flags && PyBool_Check(object)) return Taken::not_implemented;
    if (!number && is_batched(object)) return Taken::not_implemented;
    const bool taken = type == 'T' || type == 'd' || (type == 'i' && is_integer(object));
    if (!number || !taken) {
      PyErr_Format(PyExc_TypeError, "%s: %s must be an array%s, got %s%s", self_.kernel->name,
                   self_.kernel->inputs[input], type == 'T' || type == 'd' ? " or a number" : "", kind_of(object),
                   object == Py_None ? "; the grad of a tensor is None until a backward pass has reached it" : "");
      return Taken::error;
    }
    immediates_[immediate_count_++] = {input, object};
    return Taken::ok;
  }

  // Turns a number into a view without dimensions, in the dtype that the other inputs have.
  Taken place_immediate(const Immediate& immediate, View& view) {
    const bool real = is_real(immediate.number);
    const char type = self_.kernel->types[immediate.input];
    const int dtype = type == 'T' ? key_ : static_cast<int>(fixed_dtype(type));
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
  bool row_major_ = true;
  int copy_count_ = 0;
  int immediate_count_ = 0;
  View few_[kMaxInputs];
  Immediate immediates_[kMaxInputs];
  PyObject* copies_[kMaxInputs];
  int64_t storage_[kMaxInputs];
  std::vector<View> many_;
};

}  // namespace minigrad
