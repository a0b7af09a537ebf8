#include "bindings/gather.hpp"

#include <memory>
#include <vector>

namespace minigrad {
namespace {

struct Release {
  void operator()(PyObject* object) const { Py_DECREF(object); }
};
using Reference = std::unique_ptr<PyObject, Release>;

// An attribute that lies in a slot: where, in objects of the class that was met last.
class Slot {
 public:
  explicit Slot(const char* name) : name_(PyUnicode_InternFromString(name)) {}

  // The attribute; null with an exception set.
  Reference of(PyObject* object) {
    if (Py_TYPE(object) != type_ && !find(Py_TYPE(object))) return Reference(PyObject_GetAttr(object, name_));
    PyObject* const value = *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(object) + offset_);
    return Reference(value != nullptr ? Py_NewRef(value) : PyObject_GetAttr(object, name_));
  }

 private:
  bool find(PyTypeObject* type) {
    const Reference descriptor(PyObject_GetAttr(reinterpret_cast<PyObject*>(type), name_));
    if (descriptor == nullptr) PyErr_Clear();
    if (descriptor == nullptr || Py_TYPE(descriptor.get()) != &PyMemberDescr_Type) return false;
    const PyMemberDef* const member = reinterpret_cast<PyMemberDescrObject*>(descriptor.get())->d_member;
    if (member->type != T_OBJECT_EX) return false;
    Py_INCREF(type);
    Py_XDECREF(type_);
    type_ = type;
    offset_ = member->offset;
    return true;
  }

  PyObject* name_;
  PyTypeObject* type_ = nullptr;  // kept alive, so that no other class comes to lie there
  Py_ssize_t offset_ = 0;
};

struct Slots {
  Slot edge{"_edge"}, grad{"grad"}, cell{"_cell"};
  Slot array_of_parameter{"_array"}, array{"_array"};
  PyObject* one = PyLong_FromLong(1);
};

Slots& slots() {
  static Slots made;
  return made;
}

// The gradient of a tensor; null where it has none, or with an exception set.
Reference gradient_of(PyObject* tensor) {
  const Reference edge = slots().edge.of(tensor);
  if (edge == nullptr || !PyTuple_Check(edge.get())) return nullptr;
  Reference grad = slots().grad.of(PyTuple_GET_ITEM(edge.get(), 0));
  if (grad.get() == Py_None) grad.reset();
  return grad;
}

bool raise_version(PyObject* tensor) {
  const Reference cell = slots().cell.of(tensor);
  if (cell == nullptr) return false;
  if (!PyList_Check(cell.get())) return PyErr_Format(PyExc_TypeError, "gather: a version cell must be a list"), false;
  PyObject* const next = PyNumber_Add(PyList_GET_ITEM(cell.get(), 0), slots().one);
  return next != nullptr && PyList_SetItem(cell.get(), 0, next) == 0;
}

class Gathering {
 public:
  Gathering(PyObject* state, PyObject* names) : state_(state), names_(names), found_(PyList_New(0)) {
    lists_.reserve(8);
    const Py_ssize_t remembered = PyTuple_GET_SIZE(names);
    for (Py_ssize_t i = 0; i < 2 + remembered; ++i) {
      const bool absent = i >= 2 && PyTuple_GET_ITEM(names, i - 2) == Py_None;
      lists_.emplace_back(absent ? PyTuple_New(0) : PyList_New(0));
    }
  }

  // Takes a parameter in, if it has a gradient; false with an exception set.
  bool add(PyObject* parameter) {
    const Reference grad = gradient_of(parameter);
    if (grad == nullptr) return PyErr_Occurred() == nullptr;
    return PyList_Append(found_.get(), parameter) == 0 && append(0, parameter) && append(1, grad.get()) &&
           add_remembered(parameter);
  }

  // (function, *lists, *settings); the list of parameters found where there are none or something is missing.
  PyObject* result(PyObject* function, PyObject* settings) {
    const Py_ssize_t found = PyList_GET_SIZE(found_.get());
    if (!complete_ || found == 0) return found_.release();
    for (Py_ssize_t i = 0; i < found; ++i) {
      if (!raise_version(PyList_GET_ITEM(found_.get(), i))) return nullptr;
    }
    const Py_ssize_t lists = static_cast<Py_ssize_t>(lists_.size());
    PyObject* const call = PyTuple_New(1 + lists + PyTuple_GET_SIZE(settings));
    if (call == nullptr) return nullptr;
    PyTuple_SET_ITEM(call, 0, Py_NewRef(function));
    for (Py_ssize_t i = 0; i < lists; ++i) {
      PyTuple_SET_ITEM(call, 1 + i, lists_[static_cast<size_t>(i)].release());
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(settings); ++i) {
      PyTuple_SET_ITEM(call, 1 + lists + i, Py_NewRef(PyTuple_GET_ITEM(settings, i)));
    }
    return call;
  }

 private:
  bool add_remembered(PyObject* parameter) {
    PyObject* const kept = PyDict_GetItemWithError(state_, parameter);
    for (size_t i = 2; i < lists_.size(); ++i) {
      PyObject* const name = PyTuple_GET_ITEM(names_, static_cast<Py_ssize_t>(i) - 2);
      if (name == Py_None) continue;
      PyObject* const tensor = kept == nullptr || !PyDict_Check(kept) ? nullptr : PyDict_GetItemWithError(kept, name);
      if (tensor == nullptr) {
        complete_ = false;
        return PyErr_Occurred() == nullptr;
      }
      if (!append(i, tensor)) return false;
    }
    return PyErr_Occurred() == nullptr;
  }

  // Appends a tensor's array to a list. Parameters of several dtypes do not make a list, nor do those of other dtypes
  // than float32 and float64.
  bool append(size_t list, PyObject* tensor) {
    const Reference array = (list == 0 ? slots().array_of_parameter : slots().array).of(tensor);
    if (array == nullptr || PyList_Append(lists_[list].get(), array.get()) < 0) return false;
    if (list == 0 && PyArray_Check(array.get())) {
      const int type = PyArray_TYPE(reinterpret_cast<PyArrayObject*>(array.get()));
      complete_ = complete_ && (type_ < 0 || type_ == type) && (type == NPY_FLOAT || type == NPY_DOUBLE);
      type_ = type;
    }
    return true;
  }

  PyObject* state_;
  PyObject* names_;
  Reference found_;
  std::vector<Reference> lists_;
  bool complete_ = true;
  int type_ = -1;
};

// gather(function, params, state, names, settings): see the table below.
PyObject* gather(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 5 || !PyList_Check(args[1]) || !PyDict_Check(args[2]) || !PyTuple_Check(args[3]) ||
      !PyTuple_Check(args[4])) {
    return PyErr_Format(PyExc_TypeError, "gather: takes a function, a list, a dict and two tuples");
  }
  Gathering gathering(args[2], args[3]);
  if (PyErr_Occurred()) return nullptr;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(args[1]); ++i) {
    const Reference parameter(Py_NewRef(PyList_GET_ITEM(args[1], i)));
    if (!gathering.add(parameter.get())) return nullptr;
  }
  return gathering.result(args[0], args[4]);
}

PyMethodDef kFunctions[] = {
    {"gather", fastcall(gather), METH_FASTCALL,
     "gather(function, params, state, names, settings): a call of the function, as a tuple: lists of the arrays of the "
     "parameters that have gradients, of their gradients' and of those that state[p] has under each name (no list for "
     "None), then the settings; their versions are raised. Where there is nothing to do, something is missing or "
     "dtypes "
     "differ: the list of those parameters."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

bool add_gather_function(PyObject* module) { return PyModule_AddFunctions(module, kFunctions) == 0; }

}  // namespace minigrad
