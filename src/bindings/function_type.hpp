// Types whose objects are called as functions are, and pass for such with those who inspect them.
#pragma once

#include <initializer_list>
#include <vector>

#include "bindings/objects.hpp"

namespace minigrad {

// Of objects with the fields `vectorcall` and `dictionary`, which has the name, the docstring and whatever else is set.
template <class Object, PyObject* Object::*... kFields>
struct FunctionType {
  using Fields = Collected<Object, &Object::dictionary, kFields...>;

  // As an attribute of a class it binds nothing.
  static PyObject* get(PyObject* self, PyObject*, PyObject*) { return Py_NewRef(self); }

  // A method is bound to its object.
  static PyObject* get_bound(PyObject* self, PyObject* object, PyObject*) {
    return object == nullptr ? Py_NewRef(self) : PyMethod_New(self, object);
  }

  // Pickled and copied by name, as functions are.
  static PyObject* reduce(PyObject* self, PyObject*) { return PyObject_GetAttrString(self, "__qualname__"); }

  static PyObject* text(PyObject* self) {
    const Reference name(PyObject_GetAttrString(self, "__name__"));
    return name == nullptr ? nullptr : PyUnicode_FromFormat("<function %U>", name.get());
  }

  // The type, whose objects `make` makes and which have the fields `shown`; null with an exception set.
  static PyObject* type(const char* name, newfunc make, bool binds, std::initializer_list<PyMemberDef> shown = {}) {
    static PyMethodDef methods[] = {{"__reduce__", reduce, METH_NOARGS, nullptr}, {nullptr, nullptr, 0, nullptr}};
    std::vector<PyMemberDef> members(shown);
    members.push_back({"__dictoffset__", T_PYSSIZET, offsetof(Object, dictionary), READONLY, nullptr});
    members.push_back({"__vectorcalloffset__", T_PYSSIZET, offsetof(Object, vectorcall), READONLY, nullptr});
    members.push_back({nullptr, 0, 0, 0, nullptr});
    static PyGetSetDef dict[] = {{"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
                                 {nullptr, nullptr, nullptr, nullptr, nullptr}};
    PyType_Slot slots[] = {
        {Py_tp_new, reinterpret_cast<void*>(make)},
        {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
        {Py_tp_descr_get, reinterpret_cast<void*>(binds ? get_bound : get)},
        {Py_tp_repr, reinterpret_cast<void*>(text)},
        {Py_tp_traverse, reinterpret_cast<void*>(Fields::traverse)},
        {Py_tp_clear, reinterpret_cast<void*>(Fields::clear)},
        {Py_tp_dealloc, reinterpret_cast<void*>(Fields::deallocate)},
        {Py_tp_methods, methods},
        {Py_tp_members, members.data()},  // copied
        {Py_tp_getset, dict},
        {0, nullptr},
    };
    const unsigned long flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
                                (binds ? Py_TPFLAGS_METHOD_DESCRIPTOR : 0);
    PyType_Spec spec = {name, static_cast<int>(sizeof(Object)), 0, static_cast<unsigned>(flags), slots};
    return PyType_FromSpec(&spec);
  }
};

}  // namespace minigrad
