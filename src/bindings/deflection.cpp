#include "bindings/deflection.hpp"

#include "bindings/objects.hpp"

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
  if (!is_deflected(of(self), given)) return PyObject_Vectorcall(of(self).function, args, nargsf, given);
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

// As an attribute of a class it binds nothing. Having this, it passes for a function with those who inspect it.
PyObject* get(PyObject* self, PyObject*, PyObject*) { return Py_NewRef(self); }

// That of methods is bound to its object, as functions are.
PyObject* get_bound(PyObject* self, PyObject* object, PyObject*) {
  return object == nullptr ? Py_NewRef(self) : PyMethod_New(self, object);
}

using CollectedDeflection =
    Collected<Deflection, &Deflection::function, &Deflection::keywords, &Deflection::handler, &Deflection::dictionary>;

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
    {"__dictoffset__", T_PYSSIZET, offsetof(Deflection, dictionary), READONLY, nullptr},
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Deflection, vectorcall), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

PyGetSetDef kDict[] = {{"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
                       {nullptr, nullptr, nullptr, nullptr, nullptr}};

}  // namespace

PyObject* make_deflection_type(bool binds) {
  PyType_Slot slots[] = {
      {Py_tp_new, reinterpret_cast<void*>(make)},
      {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
      {Py_tp_descr_get, reinterpret_cast<void*>(binds ? get_bound : get)},
      {Py_tp_repr, reinterpret_cast<void*>(text)},
      {Py_tp_traverse, reinterpret_cast<void*>(CollectedDeflection::traverse)},
      {Py_tp_clear, reinterpret_cast<void*>(CollectedDeflection::clear)},
      {Py_tp_dealloc, reinterpret_cast<void*>(CollectedDeflection::deallocate)},
      {Py_tp_methods, kMethods},
      {Py_tp_members, kMembers},
      {Py_tp_getset, kDict},
      {0, nullptr},
  };
  const unsigned long flags =
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | (binds ? Py_TPFLAGS_METHOD_DESCRIPTOR : 0);
  PyType_Spec spec = {binds ? "minigrad._core.MethodDeflection" : "minigrad._core.Deflection",
                      static_cast<int>(sizeof(Deflection)), 0, static_cast<unsigned>(flags), slots};
  return PyType_FromSpec(&spec);
}

}  // namespace minigrad
