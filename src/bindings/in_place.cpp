#include "bindings/in_place.hpp"

#include "bindings/commons.hpp"
#include "bindings/modes.hpp"
#include "bindings/objects.hpp"

namespace minigrad {
namespace {

struct Extent {
  const char* begin;
  const char* end;
};

// Where the elements of an array begin and end in memory.
Extent extent_of(PyArrayObject* array) {
  const char* const data = PyArray_BYTES(array);
  Extent extent = {data, data + PyArray_ITEMSIZE(array)};
  for (int d = 0; d < PyArray_NDIM(array); ++d) {
    if (PyArray_DIM(array, d) == 0) return {data, data};
    const npy_intp reach = (PyArray_DIM(array, d) - 1) * PyArray_STRIDE(array, d);
    (reach < 0 ? extent.begin : extent.end) += reach;
  }
  return extent;
}

bool overlap(PyArrayObject* a, PyArrayObject* b) {
  const Extent one = extent_of(a), other = extent_of(b);
  return one.begin < other.end && other.begin < one.end;
}

// The array of a tensor whose memory may be written to with nobody to be told but its version cell; null otherwise.
PyArrayObject* writable_array(TensorObject* tensor) {
  if (!PyArray_CheckExact(tensor->array) || is_anything_watching() || g_inference_arrays > 0) return nullptr;
  const PyObject* const base = tensor->base;
  const bool has_origin = tensor->node != nullptr || (base != nullptr && tensor_in(tensor->base)->node != nullptr);
  if (has_origin && is_recording()) return nullptr;
  PyArrayObject* const array = reinterpret_cast<PyArrayObject*>(tensor->array);
  return PyArray_ISCARRAY(array) && PyArray_ISFLOAT(array) ? array : nullptr;
}

// Whether an operand can be read while `own` is written: a number, or a tensor that wants no gradient recorded and is
// in other memory, or is `own` itself.
bool is_readable(PyObject* operand, PyArrayObject* own) {
  if (!is_tensor(operand)) return PyFloat_CheckExact(operand) || PyLong_CheckExact(operand);
  const TensorObject* const tensor = tensor_in(operand);
  if ((tensor->node != nullptr && is_recording()) || !PyArray_CheckExact(tensor->array)) return false;
  PyArrayObject* const array = reinterpret_cast<PyArrayObject*>(tensor->array);
  return array == own || !overlap(array, own);
}

// Calls kernel.into(array, ...) for the array of `tensor`, which is a change of the tensor; `into` is the kernel, the
// array and what follows. False, with nothing done, where the kernel does not take that or the shapes do not fit.
PyObject* write_into(TensorObject* tensor, PyObject* const* into, Py_ssize_t count) {
  Cell* const cell = cell_of(tensor);
  static PyObject* const name = PyUnicode_InternFromString("into");
  if (cell == nullptr) return nullptr;
  const Reference done(PyObject_VectorcallMethod(name, into, static_cast<size_t>(count), nullptr));
  if (done == nullptr && !PyErr_ExceptionMatches(PyExc_ValueError) && !PyErr_ExceptionMatches(PyExc_RuntimeError)) {
    return nullptr;
  }
  if (done == nullptr) PyErr_Clear();  // of another shape, which the usual way says
  if (done == nullptr || done.get() == Py_NotImplemented) Py_RETURN_FALSE;
  ++cell->version;
  Py_RETURN_TRUE;
}

// compute_into(kernel, operands): lets the kernel of an elementwise function write its result into the memory of the
// first operand, a tensor. False, with nothing done, where there is anything to consider: that is Python's.
PyObject* compute_into(PyObject*, PyObject* const* args, Py_ssize_t count) {
  constexpr Py_ssize_t kMostOperands = 8;
  if (count != 2 || !PyTuple_Check(args[1]) || PyTuple_GET_SIZE(args[1]) == 0 ||
      !is_tensor(PyTuple_GET_ITEM(args[1], 0))) {
    return PyErr_Format(PyExc_TypeError, "compute_into: takes a kernel and a tuple that begins with a tensor");
  }
  PyObject* const first = PyTuple_GET_ITEM(args[1], 0);
  TensorObject* const tensor = tensor_in(first);
  if (Reference(own_memory(first, nullptr)) == nullptr) return nullptr;
  PyArrayObject* const own = writable_array(tensor);
  const Py_ssize_t operands = PyTuple_GET_SIZE(args[1]);
  if (own == nullptr || operands > kMostOperands) Py_RETURN_FALSE;
  PyObject* into[2 + kMostOperands] = {args[0], tensor->array, tensor->array};
  for (Py_ssize_t i = 1; i < operands; ++i) {
    PyObject* const operand = PyTuple_GET_ITEM(args[1], i);
    if (!is_readable(operand, own)) Py_RETURN_FALSE;
    into[2 + i] = is_tensor(operand) ? tensor_in(operand)->array : operand;
  }
  return write_into(tensor, into, 2 + operands);
}

// fill_into(kernel, tensor, value): lets the kernel `full` write a float into each element of the tensor's own memory,
// or answers False as compute_into does.
PyObject* fill_into(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 3 || !is_tensor(args[1]) || !PyFloat_CheckExact(args[2])) {
    return PyErr_Format(PyExc_TypeError, "fill_into: takes a kernel, a tensor and a float");
  }
  TensorObject* const tensor = tensor_in(args[1]);
  if (Reference(own_memory(args[1], nullptr)) == nullptr) return nullptr;
  PyArrayObject* const own = writable_array(tensor);
  if (own == nullptr) Py_RETURN_FALSE;
  const Reference shape(PyObject_GetAttrString(tensor->array, "shape"));
  const Reference code(PyLong_FromLong(dtype_code(PyArray_TYPE(own))));
  if (shape == nullptr || code == nullptr) return nullptr;
  PyObject* const into[] = {args[0], tensor->array, args[2], shape.get(), code.get()};
  return write_into(tensor, into, 5);
}

PyMethodDef kFunctions[] = {
    {"compute_into", fastcall(compute_into), METH_FASTCALL,
     "compute_into(kernel, operands): let an elementwise kernel write its result into the memory of the first operand; "
     "False, with nothing done, where there is more to consider."},
    {"fill_into", fastcall(fill_into), METH_FASTCALL,
     "fill_into(kernel, tensor, value): let the kernel of full write a float into the tensor's own memory; False, with "
     "nothing done, where there is more to consider."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

bool add_in_place_function(PyObject* module) { return PyModule_AddFunctions(module, kFunctions) == 0; }

}  // namespace minigrad
