#include "bindings/modes.hpp"

#include <cstddef>
#include <utility>
#include <vector>

#include "bindings/reference.hpp"

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
// What contexts set and put back. In C++, because Python raises KeyboardInterrupt between its own instructions: one
// amid an `__enter__` or `__exit__` of Python would leave the mode as it is inside.

enum class Change : char { none, off, on };

// What was set before a context; the handler, which is owned, where it changes inference mode.
struct Before {
  bool grad, inference;
  PyObject* handler;
};

struct ModeObject {
  PyObject head;
  bool grad;
  Change inference;
  Change at_call;               // what `_set_now` found
  std::vector<Before>* before;  // one for each time that it was entered and not left
};

ModeObject& mode_in(PyObject* object) { return *reinterpret_cast<ModeObject*>(object); }

int initialise(PyObject* self, PyObject* args, PyObject*) {
  int grad = 0;
  PyObject* inference = Py_None;
  if (!PyArg_ParseTuple(args, "p|O", &grad, &inference)) return -1;
  mode_in(self).grad = grad != 0;
  mode_in(self).inference = inference == Py_None ? Change::none : inference == Py_True ? Change::on : Change::off;
  return 0;
}

bool set_handler(PyObject* handler) {
  const Reference before(PyDataMem_SetHandler(handler));
  return before != nullptr;
}

PyObject* set_now(PyObject* self, PyObject*) {
  mode_in(self).at_call = t_grad_enabled ? Change::on : Change::off;
  t_grad_enabled = mode_in(self).grad;
  Py_RETURN_NONE;
}

PyObject* put_back(PyObject* self, PyObject*) {
  const Change found = std::exchange(mode_in(self).at_call, Change::none);
  if (found != Change::none) t_grad_enabled = found == Change::on;
  Py_RETURN_NONE;
}

PyObject* enter(PyObject* self, PyObject*) {
  ModeObject& mode = mode_in(self);
  PyObject* handler = nullptr;
  if (mode.inference != Change::none) {
    handler = PyDataMem_SetHandler(mode.inference == Change::on ? numpy_handler() : nullptr);
    if (handler == nullptr) return nullptr;
  }
  if (mode.before == nullptr) mode.before = new std::vector<Before>;
  Py_DECREF(put_back(self, nullptr));
  mode.before->push_back({t_grad_enabled, t_inference, handler});
  t_grad_enabled = mode.grad;
  if (mode.inference != Change::none) t_inference = mode.inference == Change::on;
  Py_RETURN_NONE;
}

PyObject* leave(PyObject* self, PyObject* const*, Py_ssize_t) {
  ModeObject& mode = mode_in(self);
  if (mode.before == nullptr || mode.before->empty()) {
    return PyErr_Format(PyExc_RuntimeError, "%s: left without having been entered", Py_TYPE(self)->tp_name);
  }
  const Before before = mode.before->back();
  mode.before->pop_back();
  t_grad_enabled = before.grad;
  if (before.handler == nullptr) Py_RETURN_NONE;
  t_inference = before.inference;
  const Reference handler(before.handler);
  if (!set_handler(handler.get())) return nullptr;
  Py_RETURN_NONE;
}

void deallocate(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  if (mode_in(self).before != nullptr) {
    for (const Before& before : *mode_in(self).before) Py_XDECREF(before.handler);
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

PyMemberDef kModeMembers[] = {
    {"_mode", T_BOOL, offsetof(ModeObject, grad), READONLY, "Whether it records."},
    {nullptr, 0, 0, 0, nullptr},
};

// ---------------------------------------------------------------------------------------------------------------------

PyObject* inference_enabled(PyObject*, PyObject*) { return PyBool_FromLong(t_inference); }
PyObject* inference_arrays(PyObject*, PyObject*) { return PyLong_FromLongLong(g_inference_arrays); }
PyObject* is_inference(PyObject*, PyObject* array) { return PyBool_FromLong(is_inference_array(array)); }

// check_saved(name, array): raises where an array that a node saves was made in inference mode.
PyObject* check_saved(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 2) return PyErr_Format(PyExc_TypeError, "check_saved: takes a name and an array");
  if (is_out_of_inference(args[1]) && !refuse_to_save(args[0], args[1])) return nullptr;
  Py_RETURN_NONE;
}

PyObject* set_grad_enabled(PyObject*, PyObject* value) {
  const int enabled = PyObject_IsTrue(value);
  if (enabled < 0) return nullptr;
  const bool before = t_grad_enabled;
  t_grad_enabled = enabled != 0;
  return PyBool_FromLong(before);
}

PyMethodDef kFunctions[] = {
    {"check_saved", fastcall(check_saved), METH_FASTCALL,
     "check_saved(name, array): raise where an array that a node saves was made in inference mode."},
    {"grad_enabled", grad_enabled, METH_NOARGS, "Whether this thread records a graph."},
    {"set_grad_enabled", set_grad_enabled, METH_O,
     "Set whether this thread records a graph; return what was set before."},
    {"inference_enabled", inference_enabled, METH_NOARGS, "Whether this thread is in inference mode."},
    {"inference_arrays", inference_arrays, METH_NOARGS, "How many arrays live that were made in inference mode."},
    {"is_inference", is_inference, METH_O, "is_inference(array): whether its memory was made in inference mode."},
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
                                {Py_tp_members, kModeMembers},
                                {0, nullptr}};
  static PyType_Spec spec = {"minigrad._core.ModeBase", static_cast<int>(sizeof(ModeObject)), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  return PyType_FromSpec(&spec);
}

bool add_mode_functions(PyObject* module) { return PyModule_AddFunctions(module, kFunctions) == 0; }

}  // namespace minigrad
