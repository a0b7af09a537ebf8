#include "bindings/parameters.hpp"

#include <vector>

#include "bindings/objects.hpp"

namespace minigrad {
namespace {

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
    if (!is_tensor(parameter)) return PyErr_Format(PyExc_TypeError, "gather: takes tensors"), false;
    const Reference grad = share(gradient_of(tensor_in(parameter)));
    return grad == nullptr || (PyList_Append(found_.get(), parameter) == 0 && append(0, parameter) &&
                               append(1, grad.get()) && add_remembered(parameter));
  }

  // (function, *lists, *settings); the list of parameters found where there are none or something is missing.
  PyObject* result(PyObject* function, PyObject* settings) {
    const Py_ssize_t found = PyList_GET_SIZE(found_.get());
    if (!complete_ || found == 0) return found_.release();
    for (Py_ssize_t i = 0; i < found; ++i) {
      Cell* const cell = cell_of(tensor_in(PyList_GET_ITEM(found_.get(), i)));
      if (cell == nullptr) return nullptr;
      ++cell->version;
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
    PyObject* const array = is_tensor(tensor) ? tensor_in(tensor)->array : nullptr;
    if (array == nullptr) return PyErr_Format(PyExc_TypeError, "gather: takes tensors"), false;
    if (PyList_Append(lists_[list].get(), array) < 0) return false;
    if (list == 0 && PyArray_Check(array)) {
      const int type = PyArray_TYPE(as_array(array));
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

// gather(function, params, state, names, settings): a call of the function, as a tuple: lists of the arrays of the
// parameters that have gradients, of their gradients' and of those that state[p] has under each name (no list for
// None), then the settings; their versions are raised. Where there is nothing to do, something is missing or dtypes
// differ: the list of those parameters.
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

bool is_of_any(PyObject* value, PyObject* types) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(types); ++i) {
    if (PyObject_TypeCheck(value, reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(types, i)))) return true;
  }
  return false;
}

// members(namespace, types): pairs of the names and values in a dict that are objects of one of the types.
PyObject* members(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 2 || !PyDict_Check(args[0]) || !PyTuple_Check(args[1])) {
    return PyErr_Format(PyExc_TypeError, "members: takes a dict and a tuple of types");
  }
  Reference found(PyList_New(0));
  PyObject *name, *value;
  for (Py_ssize_t i = 0; found != nullptr && PyDict_Next(args[0], &i, &name, &value);) {
    if (!is_of_any(value, args[1])) continue;
    const Reference member(pair(name, Py_NewRef(value)));
    if (member == nullptr || PyList_Append(found.get(), member.get()) < 0) return nullptr;
  }
  return found.release();
}

PyMethodDef kFunctions[] = {
    {"gather", fastcall(gather), METH_FASTCALL, nullptr},
    {"members", fastcall(members), METH_FASTCALL, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

bool add_parameter_functions(PyObject* module) { return PyModule_AddFunctions(module, kFunctions) == 0; }

}  // namespace minigrad
