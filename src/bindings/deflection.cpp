#include "bindings/deflection.hpp"

#include "bindings/function_type.hpp"

namespace minigrad {
namespace {

struct Deflection {
  PyObject head;
  PyObject* function;
  PyObject* keywords;  // a tuple of names
  PyObject* handler;
  PyObject* dictionary;  // name, docstring and whatever else is set
  vectorcallfunc vectorcall;
};

Deflection& of(PyObject* object) { return *reinterpret_cast<Deflection*>(object); }

bool contains(PyObject* names, PyObject* name) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); ++i) {
    PyObject* const one = PyTuple_GET_ITEM(names, i);
    if (one == name || PyUnicode_Compare(one, name) == 0) return true;
  }
  return false;
}

bool is_deflected(const Deflection& self, PyObject* given) {
  const Py_ssize_t count = given == nullptr ? 0 : PyTuple_GET_SIZE(given);
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (contains(self.keywords, PyTuple_GET_ITEM(given, i))) return true;
  }
  return false;
}

// handler(function, args, kwargs)
PyObject* deflect(const Deflection& self, PyObject* const* args, Py_ssize_t count, PyObject* given) {
  const Reference positional(PyTuple_New(count));
  const Reference named(PyDict_New());
  if (positional == nullptr || named == nullptr) return nullptr;
  for (Py_ssize_t i = 0; i < count; ++i) PyTuple_SET_ITEM(positional.get(), i, Py_NewRef(args[i]));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(given); ++i) {
    if (PyDict_SetItem(named.get(), PyTuple_GET_ITEM(given, i), args[count + i]) < 0) return nullptr;
  }
  return PyObject_CallFunctionObjArgs(self.handler, self.function, positional.get(), named.get(), nullptr);
}

PyObject* call(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* given) {
  if (!is_deflected(of(self), given)) return call_python(of(self).function, args, nargsf, given);
  return deflect(of(self), args, PyVectorcall_NARGS(nargsf), given);
}

PyObject* make(PyTypeObject* type, PyObject* args, PyObject*) {
  PyObject *function, *keywords, *handler;
  if (!PyArg_ParseTuple(args, "OO!O:Deflection", &function, &PyTuple_Type, &keywords, &handler)) return nullptr;
  PyObject* const self = type->tp_alloc(type, 0);
  if (self == nullptr) return nullptr;
  of(self).function = Py_NewRef(function);
  of(self).keywords = Py_NewRef(keywords);
  of(self).handler = Py_NewRef(handler);
  of(self).vectorcall = call;
  return self;
}

using DeflectionType = FunctionType<Deflection, &Deflection::function, &Deflection::keywords, &Deflection::handler>;

}  // namespace

PyObject* make_deflection_type(bool binds) {
  return DeflectionType::type(binds ? "minigrad._core.MethodDeflection" : "minigrad._core.Deflection", make, binds);
}

}  // namespace minigrad
