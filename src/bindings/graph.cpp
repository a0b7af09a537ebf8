#include "bindings/graph.hpp"

namespace minigrad {
namespace {

thread_local bool t_grad_enabled = true;

PyObject* grad_enabled(PyObject*, PyObject*) { return PyBool_FromLong(t_grad_enabled); }

PyObject* set_grad_enabled(PyObject*, PyObject* value) {
  const int enabled = PyObject_IsTrue(value);
  if (enabled < 0) return nullptr;
  const bool before = t_grad_enabled;
  t_grad_enabled = enabled != 0;
  return PyBool_FromLong(before);
}

// Reads a tuple of sizes; false with an exception set.
bool take_shape(PyObject* tuple, View& view) {
  if (!PyTuple_Check(tuple) || PyTuple_GET_SIZE(tuple) > kMaxRank) {
    PyErr_Format(PyExc_TypeError, "expand: the shape must be a tuple of at most %d sizes", kMaxRank);
    return false;
  }
  view.rank = static_cast<int>(PyTuple_GET_SIZE(tuple));
  for (int d = 0; d < view.rank; ++d) {
    view.shape[d] = PyLong_AsLongLong(PyTuple_GET_ITEM(tuple, d));
    if (view.shape[d] == -1 && PyErr_Occurred()) return false;
  }
  return true;
}

// A view of the array's memory: `sizes` elements, `strides` bytes apart, from `data` on.
PyObject* view_of(PyArrayObject* array, int rank, const npy_intp* sizes, const npy_intp* strides, char* data) {
  PyArray_Descr* const dtype = PyArray_DESCR(array);
  Py_INCREF(dtype);
  PyObject* const view = PyArray_NewFromDescr(&PyArray_Type, dtype, rank, sizes, strides, data,
                                              PyArray_FLAGS(array) & NPY_ARRAY_WRITEABLE, nullptr);
  if (view == nullptr) return nullptr;
  PyArray_UpdateFlags(reinterpret_cast<PyArrayObject*>(view), NPY_ARRAY_UPDATE_ALL);
  if (PyArray_SetBaseObject(reinterpret_cast<PyArrayObject*>(view), Py_NewRef(reinterpret_cast<PyObject*>(array))) <
      0) {
    Py_DECREF(view);
    return nullptr;
  }
  return view;
}

// broadcast_view(array, shape): the array repeated to `shape` without copying: stride 0 along repeated dimensions.
PyObject* broadcast_view(PyObject*, PyObject* const* args, Py_ssize_t count) {
  View shape;
  if (count != 2 || !PyArray_Check(args[0])) {
    return PyErr_Format(PyExc_TypeError, "expand: takes an array and a shape");
  }
  if (!take_shape(args[1], shape)) return nullptr;
  PyArrayObject* const array = reinterpret_cast<PyArrayObject*>(args[0]);
  const int added = shape.rank - PyArray_NDIM(array);
  npy_intp sizes[kMaxRank];
  npy_intp strides[kMaxRank];
  bool fits = added >= 0;
  for (int d = 0; fits && d < shape.rank; ++d) {
    const npy_intp own = d < added ? 1 : PyArray_DIM(array, d - added);
    sizes[d] = shape.shape[d];
    strides[d] = own == 1 ? 0 : PyArray_STRIDE(array, d - added);
    fits = sizes[d] >= 0 && (own == 1 || own == sizes[d]);
  }
  if (!fits) {
    PyObject* const own = PyObject_GetAttrString(args[0], "shape");
    PyErr_Format(PyExc_RuntimeError, "expand: shape %S does not broadcast to %S", own, args[1]);
    Py_XDECREF(own);
    return nullptr;
  }
  return view_of(array, shape.rank, sizes, strides, PyArray_BYTES(array));
}

// Reads a tuple of numbers; false with an exception set.
bool take_numbers(PyObject* tuple, npy_intp* numbers, int& count) {
  if (!PyTuple_Check(tuple) || PyTuple_GET_SIZE(tuple) > kMaxRank) {
    PyErr_Format(PyExc_TypeError, "strided_view: needs tuples of at most %d numbers", kMaxRank);
    return false;
  }
  count = static_cast<int>(PyTuple_GET_SIZE(tuple));
  for (int d = 0; d < count; ++d) {
    numbers[d] = PyLong_AsSsize_t(PyTuple_GET_ITEM(tuple, d));
    if (PyErr_Occurred()) return false;
  }
  return true;
}

// strided_view(array, shape, strides, offset): the elements at offset + i * strides, counted in bytes from the array's
// first one. The caller answers for their lying in its memory.
PyObject* strided_view(PyObject*, PyObject* const* args, Py_ssize_t count) {
  npy_intp sizes[kMaxRank], strides[kMaxRank];
  int rank = 0, stride_count = 0;
  if (count != 4 || !PyArray_Check(args[0])) {
    return PyErr_Format(PyExc_TypeError, "strided_view: takes an array, a shape, strides and an offset");
  }
  if (!take_numbers(args[1], sizes, rank) || !take_numbers(args[2], strides, stride_count)) return nullptr;
  const Py_ssize_t offset = PyLong_AsSsize_t(args[3]);
  if (PyErr_Occurred()) return nullptr;
  if (rank != stride_count) return PyErr_Format(PyExc_TypeError, "strided_view: needs a stride for each size");
  PyArrayObject* const array = reinterpret_cast<PyArrayObject*>(args[0]);
  return view_of(array, rank, sizes, strides, PyArray_BYTES(array) + offset);
}

PyObject* shape_tuple(PyObject* object) {
  if (!PyArray_Check(object)) return PyTuple_New(0);
  PyArrayObject* const array = reinterpret_cast<PyArrayObject*>(object);
  PyObject* const shape = PyTuple_New(PyArray_NDIM(array));
  for (int d = 0; shape != nullptr && d < PyArray_NDIM(array); ++d) {
    PyTuple_SET_ITEM(shape, d, PyLong_FromLongLong(PyArray_DIM(array, d)));
  }
  return shape;
}

// same_shape(*arrays): None where all arrays among the arguments have one shape, so that nothing is broadcast;
// otherwise the tuple of their shapes, () for numbers.
PyObject* same_shape(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject* first = nullptr;
  bool same = true;
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (!PyArray_Check(args[i])) continue;
    PyArrayObject* const array = reinterpret_cast<PyArrayObject*>(args[i]);
    if (first == nullptr) first = array;
    same = same && PyArray_SAMESHAPE(first, array);
  }
  if (same) Py_RETURN_NONE;
  PyObject* const shapes = PyTuple_New(count);
  for (Py_ssize_t i = 0; shapes != nullptr && i < count; ++i) PyTuple_SET_ITEM(shapes, i, shape_tuple(args[i]));
  return shapes;
}

PyMethodDef kFunctions[] = {
    {"grad_enabled", grad_enabled, METH_NOARGS, "Whether this thread records a graph."},
    {"set_grad_enabled", set_grad_enabled, METH_O,
     "Set whether this thread records a graph; return what was set before."},
    {"broadcast_view", fastcall(broadcast_view), METH_FASTCALL,
     "broadcast_view(array, shape): the array repeated to shape, without copying."},
    {"strided_view", fastcall(strided_view), METH_FASTCALL,
     "strided_view(array, shape, strides, offset): elements of the array's memory by strides in bytes; unchecked."},
    {"same_shape", fastcall(same_shape), METH_FASTCALL,
     "same_shape(*arrays): None where all shapes are equal, otherwise the tuple of them."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

bool add_graph_functions(PyObject* module) { return PyModule_AddFunctions(module, kFunctions) == 0; }

}  // namespace minigrad
