#include "bindings/commons.hpp"

#include "bindings/modes.hpp"

namespace minigrad {
namespace {

constexpr npy_intp kSmall = 4096;  // elements: to copy them costs less than to keep watch over them
constexpr npy_intp kMostKept = 8;  // a gradient keeps at most so many times its own bytes alive

PyArrayObject* array_in(PyObject* object) { return reinterpret_cast<PyArrayObject*>(object); }

// The array that owns the memory of an array; null where that is not the pool's memory, or not an array.
PyArrayObject* owner_of(PyObject* object) {
  if (object == nullptr || !PyArray_CheckExact(object)) return nullptr;
  PyObject* const base = PyArray_BASE(array_in(object));
  PyObject* const owner = base == nullptr ? object : base;
  if (!PyArray_CheckExact(owner) || PyArray_BASE(array_in(owner)) != nullptr) return nullptr;
  return owns_memory_of(array_in(owner), kPoolMemory) ? array_in(owner) : nullptr;
}

bool is_common(PyObject* object) {
  return object != nullptr && PyArray_CheckExact(object) && !is_writable(object) && owner_of(object) != nullptr;
}

bool is_fit(PyArrayObject* array, PyArrayObject* owner) {
  return PyArray_IS_C_CONTIGUOUS(array) && PyArray_SIZE(array) > kSmall &&
         PyArray_NBYTES(array) >= PyArray_NBYTES(owner) / kMostKept;
}

// Whether nobody holds `owner` but the giver and the items of the tuple, of which nobody holds those that are views.
bool are_holders_known(PyArrayObject* owner, PyObject* cotangents, const TensorObject* giver) {
  PyObject* const memory = reinterpret_cast<PyObject*>(owner);
  Py_ssize_t known = giver != nullptr && giver->array == memory;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(cotangents); ++i) {
    PyObject* const item = PyTuple_GET_ITEM(cotangents, i);
    if (owner_of(item) != owner) continue;
    if (item != memory && Py_REFCNT(item) != 1) return false;
    ++known;
  }
  return Py_REFCNT(memory) == known;
}

// is_common(array): whether its memory is held in common.
PyObject* is_common_for_python(PyObject*, PyObject* array) { return PyBool_FromLong(is_common(array)); }

// own_array(tensor): the array that a tensor is to have in place of one that is held in common: a copy, or the same one
// where nobody else holds it any more.
PyObject* own_array(PyObject*, PyObject* object) {
  if (!is_tensor(object)) return PyErr_Format(PyExc_TypeError, "own_array: takes a tensor");
  const Reference array = share(tensor_in(object)->array);
  PyArrayObject* const owner = owner_of(array.get());
  if (owner == nullptr) return PyErr_Format(PyExc_TypeError, "own_array: takes a tensor with memory in common");
  const bool last = Py_REFCNT(array.get()) == 2 && (owner == array_in(array.get()) || Py_REFCNT(owner) == 1);
  const OutsideInference ordinary;
  if (!last) return PyObject_CallOneArg(g_connections.copy, array.get());
  PyArray_ENABLEFLAGS(owner, NPY_ARRAY_WRITEABLE);
  PyArray_ENABLEFLAGS(array_in(array.get()), NPY_ARRAY_WRITEABLE);
  return Py_NewRef(array.get());
}

PyMethodDef kFunctions[] = {
    {"is_common", is_common_for_python, METH_O, "Whether an array's memory is held in common."},
    {"own_array", own_array, METH_O,
     "own_array(tensor): the array that it is to have in place of one held in common: a copy, or the same one where "
     "nobody else holds it any more."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

bool is_common_gradient(PyObject* array) { return is_common(array) && is_fit(array_in(array), owner_of(array)); }

void hold_in_common(PyObject* array, PyObject* cotangents, const TensorObject* giver) {
  PyArrayObject* const owner = owner_of(array);
  if (owner == nullptr || !PyArray_ISWRITEABLE(owner) || !is_fit(array_in(array), owner)) return;
  if (!are_holders_known(owner, cotangents, giver)) return;
  PyArray_CLEARFLAGS(owner, NPY_ARRAY_WRITEABLE);
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(cotangents); ++i) {
    PyObject* const item = PyTuple_GET_ITEM(cotangents, i);
    if (owner_of(item) == owner) PyArray_CLEARFLAGS(array_in(item), NPY_ARRAY_WRITEABLE);
  }
}

PyObject* own_memory(PyObject* tensor, PyObject*) {
  PyObject* const base = tensor_in(tensor)->base;
  PyObject* const holder = base == nullptr ? tensor : base;
  if (!is_common(tensor_in(holder)->array)) Py_RETURN_FALSE;
  return PyObject_CallOneArg(g_connections.part, holder);
}

PyObject* alias_memory(PyObject* tensor, PyObject*) {
  const Reference owned(own_memory(tensor, nullptr));
  Cell* const cell = owned == nullptr ? nullptr : cell_of(tensor_in(tensor));
  PyObject* const other = cell == nullptr ? nullptr : new_tensor(Py_XNewRef(tensor_in(tensor)->array));
  if (other != nullptr) tensor_in(other)->cell = Py_NewRef(reinterpret_cast<PyObject*>(cell));
  return other;
}

bool add_commons_functions(PyObject* module) { return PyModule_AddFunctions(module, kFunctions) == 0; }

}  // namespace minigrad
