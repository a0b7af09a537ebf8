#include "bindings/deflection.hpp"

#include <algorithm>

#include "bindings/array.hpp"
#include "bindings/function_type.hpp"

namespace minigrad {
namespace {

struct Deflection {
  PyObject head;
  PyObject* function;
  PyObject* keywords;  // a tuple of names
  PyObject* handler;
  PyObject* parameters;  // a tuple of names, those that are given by name alone behind the others
  PyObject* kinds;       // bytes, a letter for each
  Py_ssize_t positional;
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

bool is_number(PyObject* value) {
  const PyNumberMethods* const methods = Py_TYPE(value)->tp_as_number;
  return methods != nullptr && (methods->nb_float != nullptr || methods->nb_index != nullptr);
}

// Whether an argument is what its parameter is declared as; false with an exception set.
bool fits(const Deflection& self, Py_ssize_t parameter, PyObject* value) {
  char kind = PyBytes_AS_STRING(self.kinds)[parameter];
  const char* wanted = nullptr;
  if (kind >= 'A' && kind <= 'Z') kind = value == Py_None ? '.' : static_cast<char>(kind - 'A' + 'a');
  if (kind == 'b' && !PyBool_Check(value) && !PyArray_IsScalar(value, Bool)) wanted = "True or False";
  if (kind == 'i' && !PyLong_Check(value) && !PyIndex_Check(value)) wanted = "an integer";
  if (kind == 'f' && !PyFloat_Check(value) && !is_number(value)) wanted = "a number";
  if (wanted == nullptr) return true;
  PyErr_Format(PyExc_TypeError, "%U must be %s, got %s", PyTuple_GET_ITEM(self.parameters, parameter), wanted,
               Py_TYPE(value)->tp_name);
  return false;
}

bool fit(const Deflection& self, PyObject* const* args, Py_ssize_t count, PyObject* given) {
  for (Py_ssize_t i = 0; i < std::min(count, self.positional); ++i) {
    if (!fits(self, i, args[i])) return false;
  }
  for (Py_ssize_t i = 0; given != nullptr && i < PyTuple_GET_SIZE(given); ++i) {
    for (Py_ssize_t p = 0; p < PyTuple_GET_SIZE(self.parameters); ++p) {
      const bool meant = PyTuple_GET_ITEM(self.parameters, p) == PyTuple_GET_ITEM(given, i);  // names are interned
      if (meant && !fits(self, p, args[count + i])) return false;
    }
  }
  return true;
}

PyObject* call(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* given) {
  const Py_ssize_t count = PyVectorcall_NARGS(nargsf);
  PyObject* result = nullptr;
  if (is_deflected(of(self), given)) {
    result = deflect(of(self), args, count, given);
  } else if (fit(of(self), args, count, given)) {
    result = call_python(of(self).function, args, nargsf, given);
  }
  return result != nullptr ? result : failed_in(self);
}

// Deflection(function, keywords, handler, parameters=(), kinds=b"", positional=0)
PyObject* make(PyTypeObject* type, PyObject* args, PyObject*) {
  PyObject *function, *keywords, *handler, *parameters = nullptr, *kinds = nullptr;
  Py_ssize_t positional = 0;
  if (!PyArg_ParseTuple(args, "OO!O|O!Sn:Deflection", &function, &PyTuple_Type, &keywords, &handler, &PyTuple_Type,
                        &parameters, &kinds, &positional)) {
    return nullptr;
  }
  const Py_ssize_t declared = parameters == nullptr ? 0 : PyTuple_GET_SIZE(parameters);
  if (positional > declared || (kinds == nullptr ? 0 : PyBytes_GET_SIZE(kinds)) != declared) {
    return PyErr_Format(PyExc_ValueError, "Deflection: a kind for each parameter, please");
  }
  PyObject* const self = type->tp_alloc(type, 0);
  if (self == nullptr) return nullptr;
  of(self).function = Py_NewRef(function);
  of(self).keywords = Py_NewRef(keywords);
  of(self).handler = Py_NewRef(handler);
  of(self).parameters = parameters == nullptr ? PyTuple_New(0) : Py_NewRef(parameters);
  of(self).kinds = kinds == nullptr ? PyBytes_FromString("") : Py_NewRef(kinds);
  of(self).positional = positional;
  of(self).vectorcall = call;
  return self;
}

using DeflectionType = FunctionType<Deflection, &Deflection::function, &Deflection::keywords, &Deflection::handler,
                                    &Deflection::parameters, &Deflection::kinds>;

}  // namespace

PyObject* make_deflection_type(bool binds) {
  return DeflectionType::type(binds ? "minigrad._core.MethodDeflection" : "minigrad._core.Deflection", make, binds);
}

}  // namespace minigrad
