#include "bindings/out_function.hpp"

namespace minigrad {
namespace {

struct OutFunction {
  PyObject_HEAD PyObject* function;
  PyObject* store;
  PyObject* attributes;  // __dict__: name, docstring and whatever else is set
  vectorcallfunc vectorcall;
};

OutFunction& of(PyObject* object) { return *reinterpret_cast<OutFunction*>(object); }

// Where `out` stands among the keywords, -1 where it does not.
Py_ssize_t position_of_out(PyObject* keywords) {
  const Py_ssize_t count = keywords == nullptr ? 0 : PyTuple_GET_SIZE(keywords);
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(keywords, i), "out") == 0) return i;
  }
  return -1;
}

// A new dictionary of the keyword arguments but `out`.
PyObject* other_keywords(PyObject* keywords, PyObject* const* values) {
  PyObject* const others = PyDict_New();
  for (Py_ssize_t i = 0; others != nullptr && i < PyTuple_GET_SIZE(keywords); ++i) {
    PyObject* const name = PyTuple_GET_ITEM(keywords, i);
    if (PyUnicode_CompareWithASCIIString(name, "out") == 0) continue;
    if (PyDict_SetItem(others, name, values[i]) < 0) {
      Py_DECREF(others);
      return nullptr;
    }
  }
  return others;
}

PyObject* call(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* keywords) {
  const Py_ssize_t at = position_of_out(keywords);
  if (at < 0) return PyObject_Vectorcall(of(self).function, args, nargsf, keywords);
  const Py_ssize_t count = PyVectorcall_NARGS(nargsf);
  PyObject* const positional = PyTuple_New(count);
  if (positional == nullptr) return nullptr;
  for (Py_ssize_t i = 0; i < count; ++i) PyTuple_SET_ITEM(positional, i, Py_NewRef(args[i]));
  PyObject* const others = other_keywords(keywords, args + count);
  PyObject* const result = others == nullptr
                               ? nullptr
                               : PyObject_CallFunctionObjArgs(of(self).store, of(self).function, args[count + at],
                                                              positional, others, nullptr);
  Py_XDECREF(others);
  Py_DECREF(positional);
  return result;
}

PyObject* make(PyTypeObject* type, PyObject* args, PyObject*) {
  PyObject *function, *store;
  if (!PyArg_ParseTuple(args, "OO:OutFunction", &function, &store)) return nullptr;
  PyObject* const self = type->tp_alloc(type, 0);
  if (self == nullptr) return nullptr;
  of(self).function = Py_NewRef(function);
  of(self).store = Py_NewRef(store);
  of(self).vectorcall = call;
  return self;
}

// As an attribute of a class it binds nothing. Having this, it passes for a function with those who inspect it.
PyObject* get(PyObject* self, PyObject*, PyObject*) { return Py_NewRef(self); }

int traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(of(self).function);
  Py_VISIT(of(self).store);
  Py_VISIT(of(self).attributes);
  return 0;
}

int clear(PyObject* self) {
  Py_CLEAR(of(self).function);
  Py_CLEAR(of(self).store);
  Py_CLEAR(of(self).attributes);
  return 0;
}

void deallocate(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  clear(self);
  type->tp_free(self);
  Py_DECREF(type);
}

// Pickled and copied by name, as functions are.
PyObject* reduce(PyObject* self, PyObject*) { return PyObject_GetAttrString(self, "__name__"); }

PyObject* text(PyObject* self) {
  PyObject* const name = PyObject_GetAttrString(self, "__name__");
  if (name == nullptr) return nullptr;
  PyObject* const out = PyUnicode_FromFormat("<function %U>", name);
  Py_DECREF(name);
  return out;
}

PyMethodDef kMethods[] = {{"__reduce__", reduce, METH_NOARGS, nullptr}, {nullptr, nullptr, 0, nullptr}};

PyMemberDef kMembers[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(OutFunction, attributes), READONLY, nullptr},
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(OutFunction, vectorcall), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

PyGetSetDef kDict[] = {{"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
                       {nullptr, nullptr, nullptr, nullptr, nullptr}};

}  // namespace

PyObject* make_out_function_type() {
  static PyType_Slot slots[] = {
      {Py_tp_new, reinterpret_cast<void*>(make)},
      {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
      {Py_tp_descr_get, reinterpret_cast<void*>(get)},
      {Py_tp_repr, reinterpret_cast<void*>(text)},
      {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
      {Py_tp_clear, reinterpret_cast<void*>(clear)},
      {Py_tp_dealloc, reinterpret_cast<void*>(deallocate)},
      {Py_tp_methods, kMethods},
      {Py_tp_members, kMembers},
      {Py_tp_getset, kDict},
      {0, nullptr},
  };
  static PyType_Spec spec = {"minigrad._core.OutFunction", static_cast<int>(sizeof(OutFunction)), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL, slots};
  return PyType_FromSpec(&spec);
}

}  // namespace minigrad
