#include "bindings/modes.hpp"

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

// set_inference(flag, handler): enters or leaves inference mode; returns what was set before, and NumPy's handler. The
// handler is the one to go back to, None for that of the new mode.
PyObject* set_inference(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 2) return PyErr_Format(PyExc_TypeError, "set_inference: takes a flag and a handler");
  const int flag = PyObject_IsTrue(args[0]);
  if (flag < 0) return nullptr;
  PyObject* handler = args[1];
  if (handler == Py_None) handler = flag ? numpy_handler() : nullptr;
  PyObject* const before = PyDataMem_SetHandler(handler);
  if (before == nullptr) return nullptr;
  PyObject* const result = Py_BuildValue("ON", t_inference ? Py_True : Py_False, before);
  t_inference = flag != 0;
  return result;
}

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
    {"set_inference", fastcall(set_inference), METH_FASTCALL,
     "set_inference(flag, handler): enter or leave inference mode; return what was before, and NumPy's handler."},
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

bool add_mode_functions(PyObject* module) { return PyModule_AddFunctions(module, kFunctions) == 0; }

}  // namespace minigrad
