#include "bindings/arguments.hpp"

namespace minigrad {
namespace {

// The integers given one by one, or as one sequence: a tuple without anything else in it. Null, without an exception,
// for other arguments.
Reference plain_integers(PyObject* args) {
  PyObject* const first = PyTuple_GET_SIZE(args) == 1 ? PyTuple_GET_ITEM(args, 0) : nullptr;
  const bool listed = first != nullptr && (PyTuple_Check(first) || PyList_CheckExact(first));
  PyObject* const given = listed ? first : args;
  const Py_ssize_t count = PySequence_Fast_GET_SIZE(given);
  for (Py_ssize_t d = 0; d < count; ++d) {
    if (!PyLong_CheckExact(PySequence_Fast_GET_ITEM(given, d))) return nullptr;
  }
  if (count > kMaxRank) return nullptr;
  return Reference(PyList_Check(given) ? PyList_AsTuple(given) : PyTuple_GetSlice(given, 0, count));
}

// Sizes with a -1 among them replaced by what is left of `total`; null where that does not fit, or with an exception
// set.
PyObject* completed(PyObject* sizes, npy_intp total) {
  npy_intp known = 1;
  Py_ssize_t open = -1;
  for (Py_ssize_t d = 0; d < PyTuple_GET_SIZE(sizes); ++d) {
    const Py_ssize_t n = PyLong_AsSsize_t(PyTuple_GET_ITEM(sizes, d));
    if (n == -1 && open < 0 && PyErr_Occurred() == nullptr) {
      open = d;
    } else if (n < 0 || __builtin_mul_overflow(known, n, &known)) {
      return nullptr;
    }
  }
  if (open < 0) return known == total ? Py_NewRef(sizes) : nullptr;
  if (known == 0 || total % known != 0) return nullptr;
  PyObject* const whole = PyTuple_New(PyTuple_GET_SIZE(sizes));
  for (Py_ssize_t d = 0; whole != nullptr && d < PyTuple_GET_SIZE(sizes); ++d) {
    PyTuple_SET_ITEM(whole, d, d == open ? PyLong_FromSsize_t(total / known) : Py_NewRef(PyTuple_GET_ITEM(sizes, d)));
  }
  return whole;
}

// viewed_sizes(array, args): what the arguments of reshape mean, a tuple of sizes, where it is plain that they fit and
// that the result is a view; None otherwise.
PyObject* viewed_sizes(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 2 || !PyTuple_Check(args[1]))
    return PyErr_Format(PyExc_TypeError, "viewed_sizes: takes an array and a tuple");
  if (!PyArray_Check(args[0]) || !PyArray_IS_C_CONTIGUOUS(reinterpret_cast<PyArrayObject*>(args[0]))) Py_RETURN_NONE;
  const Reference plain = plain_integers(args[1]);
  PyObject* const sizes =
      plain == nullptr ? nullptr : completed(plain.get(), PyArray_SIZE(reinterpret_cast<PyArrayObject*>(args[0])));
  if (sizes != nullptr) return sizes;
  PyErr_Clear();  // Python says what is wrong
  Py_RETURN_NONE;
}

// sizes_of(args): the integers given one by one, or as one sequence, as a tuple; None for anything else.
PyObject* sizes_of(PyObject*, PyObject* args) {
  if (!PyTuple_Check(args)) return PyErr_Format(PyExc_TypeError, "sizes_of: takes a tuple");
  Reference sizes = plain_integers(args);
  if (sizes == nullptr && PyErr_Occurred() == nullptr) Py_RETURN_NONE;
  return sizes.release();
}

// dims_of(dims, rank): different dims of so many, given as a tuple or list of integers, counted from the front; None
// for anything else.
PyObject* dims_of(PyObject*, PyObject* const* args, Py_ssize_t count) {
  const Py_ssize_t rank = count == 2 ? PyLong_AsSsize_t(args[1]) : -1;
  if (rank < 0) return PyErr_Format(PyExc_TypeError, "dims_of: takes dims and a rank");
  const Reference args_of(PyTuple_Pack(1, args[0]));
  const Reference plain = args_of == nullptr ? nullptr : plain_integers(args_of.get());
  Reference dims(plain == nullptr ? nullptr : PyTuple_New(PyTuple_GET_SIZE(plain.get())));
  uint64_t seen = 0;
  for (Py_ssize_t i = 0; dims != nullptr && i < PyTuple_GET_SIZE(dims.get()); ++i) {
    const Py_ssize_t given = PyLong_AsSsize_t(PyTuple_GET_ITEM(plain.get(), i)), dim = given < 0 ? given + rank : given;
    if (dim < 0 || dim >= rank || dim > 63 || (seen >> dim & 1) != 0) {
      PyErr_Clear();
      Py_RETURN_NONE;
    }
    seen |= uint64_t{1} << dim;
    PyTuple_SET_ITEM(dims.get(), i, PyLong_FromSsize_t(dim));
  }
  if (dims == nullptr && PyErr_Occurred() == nullptr) Py_RETURN_NONE;
  return dims.release();
}

PyMethodDef kFunctions[] = {
    {"viewed_sizes", fastcall(viewed_sizes), METH_FASTCALL,
     "viewed_sizes(array, args): what the arguments of reshape mean, where it is plain that they fit and that the "
     "result is a view; None otherwise."},
    {"sizes_of", sizes_of, METH_O,
     "sizes_of(args): the integers given one by one, or as one sequence, as a tuple; None for anything else."},
    {"dims_of", fastcall(dims_of), METH_FASTCALL,
     "dims_of(dims, rank): different dims, counted from the front, as a tuple; None for anything else."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

bool add_argument_functions(PyObject* module) { return PyModule_AddFunctions(module, kFunctions) == 0; }

}  // namespace minigrad
