#include "bindings/modes.hpp"

#include <cstddef>
#include <utility>
#include <vector>

#include "bindings/objects.hpp"

namespace minigrad {
namespace {

PyObject* grad_enabled(PyObject*, PyObject*) { return PyBool_FromLong(is_recording()); }

// NumPy's own functions allocate as they do otherwise; what they make is known by the handler's name.
void* counted(void* buffer) {
  if (buffer != nullptr) ++g_inference_arrays;
  return buffer;
}

void* plain_malloc(void*, size_t bytes) { return counted(std::malloc(bytes)); }
void* plain_calloc(void*, size_t count, size_t size) { return counted(std::calloc(count, size)); }
void* plain_realloc(void*, void* buffer, size_t bytes) {
  return buffer == nullptr ? counted(std::realloc(buffer, bytes)) : std::realloc(buffer, bytes);
}
void plain_free(void*, void* buffer, size_t) {
  if (buffer != nullptr) --g_inference_arrays;
  std::free(buffer);
}

PyObject* numpy_handler() {
  static PyDataMem_Handler handler = {
      "minigrad_inference", 1, {nullptr, plain_malloc, plain_calloc, plain_realloc, plain_free}};
  static PyObject* const capsule = PyCapsule_New(&handler, "mem_handler", nullptr);
  return capsule;
}

// ---------------------------------------------------------------------------------------------------------------------
// What contexts set and put back. This is C++ because Python raises KeyboardInterrupt between any two of its
// instructions: in the middle of an `__enter__` or `__exit__` written in Python it would leave a mode set.
//
// A context may make further changes. Its method `_changes` describes them before anything is set: what `as` names, the
// calls that make the changes, and those that undo them. The calls are lists of tuples, each a C function and its
// arguments, so that no Python instruction runs between the first and the last.

enum class Change : char { none, off, on };

// What was set before a context was entered. `handler` is there if the context changes inference mode, `undo` if it
// makes further changes; both are owned.
struct Before {
  bool grad, inference;
  PyObject* handler;
  PyObject* undo;
};

struct ModeObject {
  PyObject head;
  Change grad;
  Change inference;
  bool changes;                 // whether there is a method `_changes`
  Change at_call;               // what `_set_now` found
  std::vector<Before>* before;  // one for each time that it was entered and not left
};

ModeObject& mode_in(PyObject* object) { return *reinterpret_cast<ModeObject*>(object); }

Change change_to(PyObject* mode) {
  return mode == Py_None ? Change::none : PyObject_IsTrue(mode) == 1 ? Change::on : Change::off;
}

int initialise(PyObject* self, PyObject* args, PyObject*) {
  PyObject* inference = Py_None;
  PyObject* grad = nullptr;
  int changes = 0;
  if (!PyArg_ParseTuple(args, "O|Op", &grad, &inference, &changes)) return -1;
  mode_in(self).grad = change_to(grad);
  mode_in(self).inference = change_to(inference);
  mode_in(self).changes = changes != 0;
  return 0;
}

bool set_handler(PyObject* handler) {
  const Reference before(PyDataMem_SetHandler(handler));
  return before != nullptr;
}

PyObject* set_now(PyObject* self, PyObject*) {
  mode_in(self).at_call = t_grad_enabled ? Change::on : Change::off;
  t_grad_enabled = mode_in(self).grad == Change::on;
  Py_RETURN_NONE;
}

PyObject* put_back(PyObject* self, PyObject*) {
  const Change found = std::exchange(mode_in(self).at_call, Change::none);
  if (found != Change::none) t_grad_enabled = found == Change::on;
  Py_RETURN_NONE;
}

// Makes all calls of a list; false with the first exception set that one of them raised.
bool make_calls(PyObject* calls) {
  bool fine = true;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(calls); ++i) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject* const call = PyList_GET_ITEM(calls, i);
    const Reference arguments(PyTuple_GetSlice(call, 1, PyTuple_GET_SIZE(call)));
    const bool done = Reference(PyObject_CallObject(PyTuple_GET_ITEM(call, 0), arguments.get())) != nullptr;
    if (fine && !done) {
      fine = false;
    } else {
      PyErr_Restore(type, value, traceback);
    }
  }
  return fine;
}

PyObject* enter(PyObject* self, PyObject*) {
  ModeObject& mode = mode_in(self);
  PyObject* handler = nullptr;
  PyObject *named = Py_None, *calls = nullptr, *undo = nullptr;
  const Reference changes(mode.changes ? call_method(self, "_changes") : Reference(Py_NewRef(Py_None)));
  if (changes == nullptr) return nullptr;
  if (mode.changes && !PyArg_ParseTuple(changes.get(), "OO!O!", &named, &PyList_Type, &calls, &PyList_Type, &undo)) {
    return nullptr;
  }
  if (calls != nullptr && !make_calls(calls)) {
    make_calls(undo);
    return nullptr;
  }
  if (mode.inference != Change::none) {
    handler = PyDataMem_SetHandler(mode.inference == Change::on ? numpy_handler() : nullptr);
    if (handler == nullptr) return nullptr;
  }
  if (mode.before == nullptr) mode.before = new std::vector<Before>;
  Py_DECREF(put_back(self, nullptr));
  mode.before->push_back({t_grad_enabled, t_inference, handler, Py_XNewRef(undo)});
  if (mode.grad != Change::none) t_grad_enabled = mode.grad == Change::on;
  if (mode.inference != Change::none) t_inference = mode.inference == Change::on;
  return Py_NewRef(named);
}

PyObject* leave(PyObject* self, PyObject* const*, Py_ssize_t) {
  ModeObject& mode = mode_in(self);
  if (mode.before == nullptr || mode.before->empty()) {
    return PyErr_Format(PyExc_RuntimeError, "%s: left without having been entered", Py_TYPE(self)->tp_name);
  }
  const Before before = mode.before->back();
  mode.before->pop_back();
  if (mode.grad != Change::none) t_grad_enabled = before.grad;
  if (mode.inference != Change::none) t_inference = before.inference;
  const Reference handler(before.handler), undo(before.undo);
  const bool undone = undo == nullptr || make_calls(undo.get());
  if (!undone || (handler != nullptr && !set_handler(handler.get()))) return nullptr;
  Py_RETURN_NONE;
}

void deallocate(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  if (mode_in(self).before != nullptr) {
    for (const Before& before : *mode_in(self).before) {
      Py_XDECREF(before.handler);
      Py_XDECREF(before.undo);
    }
    delete mode_in(self).before;
  }
  type->tp_free(self);
  Py_DECREF(type);
}

PyMethodDef kModeMethods[] = {
    {"__enter__", enter, METH_NOARGS, "Set the modes."},
    {"__exit__", fastcall(leave), METH_FASTCALL, "Put the modes back."},
    {"_set_now", set_now, METH_NOARGS, "Set whether to record from now on, until a context begins or `_put_back`."},
    {"_put_back", put_back, METH_NOARGS, "Undo `_set_now`."},
    {nullptr, nullptr, 0, nullptr},
};

PyObject* get_mode(PyObject* self, void*) { return PyBool_FromLong(mode_in(self).grad == Change::on); }

PyGetSetDef kModeGetters[] = {
    {"_mode", get_mode, nullptr, "Whether it records.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

// ---------------------------------------------------------------------------------------------------------------------

PyObject* inference_enabled(PyObject*, PyObject*) { return PyBool_FromLong(t_inference); }
PyObject* inference_arrays(PyObject*, PyObject*) { return PyLong_FromLongLong(g_inference_arrays); }
PyObject* is_inference(PyObject*, PyObject* array) { return PyBool_FromLong(is_inference_array(array)); }
PyObject* is_out_of_inference_for_python(PyObject*, PyObject* array) {
  return PyBool_FromLong(is_out_of_inference(array));
}

// check_saved(name, array): raises where an array that a node saves was made in inference mode.
PyObject* check_saved(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 2) return PyErr_Format(PyExc_TypeError, "check_saved: takes a name and an array");
  if (is_out_of_inference(args[1]) && !refuse_to_save(args[0], args[1])) return nullptr;
  Py_RETURN_NONE;
}

// set_grad_enabled(flag): sets whether this thread records a graph; returns what was set before.
PyObject* set_grad_enabled(PyObject*, PyObject* value) {
  const int enabled = PyObject_IsTrue(value);
  if (enabled < 0) return nullptr;
  const bool before = t_grad_enabled;
  t_grad_enabled = enabled != 0;
  return PyBool_FromLong(before);
}

// drop(list, item): takes the last place of the item itself out of the list, if it is there.
PyObject* drop(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 2 || !PyList_Check(args[0])) return PyErr_Format(PyExc_TypeError, "drop: takes a list and an item");
  for (Py_ssize_t i = PyList_GET_SIZE(args[0]) - 1; i >= 0; --i) {
    if (PyList_GET_ITEM(args[0], i) != args[1]) continue;
    if (PyList_SetSlice(args[0], i, i + 1, nullptr) < 0) return nullptr;
    break;
  }
  Py_RETURN_NONE;
}

PyMethodDef kFunctions[] = {
    {"drop", fastcall(drop), METH_FASTCALL, nullptr},
    {"check_saved", fastcall(check_saved), METH_FASTCALL, nullptr},
    {"grad_enabled", grad_enabled, METH_NOARGS, nullptr},
    {"set_grad_enabled", set_grad_enabled, METH_O, nullptr},
    {"inference_enabled", inference_enabled, METH_NOARGS, nullptr},
    {"inference_arrays", inference_arrays, METH_NOARGS, nullptr},
    {"is_inference", is_inference, METH_O, nullptr},
    {"is_out_of_inference", is_out_of_inference_for_python, METH_O, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

bool refuse_to_save(PyObject* name, PyObject* array) {
  const Reference shape(PyObject_GetAttrString(array, "shape"));
  if (name == nullptr || shape == nullptr) return false;
  PyErr_Format(
      PyExc_RuntimeError,
      "%U: a tensor of shape %S that was made in inference_mode() cannot be saved for the backward pass; use a "
      "clone() of it, or no_grad() in place of inference_mode()",
      name, shape.get());
  return false;
}

PyObject* make_mode_type() {
  static PyType_Slot slots[] = {{Py_tp_init, reinterpret_cast<void*>(initialise)},
                                {Py_tp_dealloc, reinterpret_cast<void*>(deallocate)},
                                {Py_tp_methods, kModeMethods},
                                {Py_tp_getset, kModeGetters},
                                {0, nullptr}};
  static PyType_Spec spec = {"minigrad._core.ModeBase", static_cast<int>(sizeof(ModeObject)), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  return PyType_FromSpec(&spec);
}

bool add_mode_functions(PyObject* module) { return PyModule_AddFunctions(module, kFunctions) == 0; }

}  // namespace minigrad
