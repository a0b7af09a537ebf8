#include "bindings/commons.hpp"

#include "bindings/modes.hpp"

namespace minigrad {
namespace {

constexpr npy_intp kMostKept = 8;  // a gradient keeps at most so many times its own bytes alive

// The array that owns an array's memory: itself or its base. Null if this is no array, if the memory is not the pool's,
// or if another array lies between, whose holders nobody counts.
PyArrayObject* owner_of(PyObject* object) {
  if (object == nullptr || !PyArray_CheckExact(object)) return nullptr;
  PyObject* const base = PyArray_BASE(as_array(object));
  PyObject* const owner = base == nullptr ? object : base;
  if (!PyArray_CheckExact(owner) || PyArray_BASE(as_array(owner)) != nullptr) return nullptr;
  return owns_memory_of(as_array(owner), kPoolMemory) ? as_array(owner) : nullptr;
}

// The items of a list or tuple.
struct Items {
  PyObject** first;
  Py_ssize_t count;

  explicit Items(PyObject* sequence)
      : first(PySequence_Fast_ITEMS(sequence)), count(PySequence_Fast_GET_SIZE(sequence)) {}
  PyObject** begin() const { return first; }
  PyObject** end() const { return first + count; }
};

// Whether all holders of the memory are among the items: `owner` is held by items alone, and items that are views of it
// by the list alone.
bool are_holders_known(PyArrayObject* owner, const Items& items) {
  PyObject* const memory = reinterpret_cast<PyObject*>(owner);
  Py_ssize_t known = 0;
  for (PyObject* const item : items) {
    if (owner_of(item) != owner) continue;
    if (item != memory && Py_REFCNT(item) != 1) return false;
    ++known;
  }
  return Py_REFCNT(memory) == known;
}

void set_writable(PyArrayObject* array, bool writable) {
  (writable ? PyArray_ENABLEFLAGS : PyArray_CLEARFLAGS)(array, NPY_ARRAY_WRITEABLE);
}

// Whether `tensor` is the only holder of its array, and this the only holder of its owner.
bool is_last_holder(const TensorObject* tensor, const PyArrayObject* owner) {
  PyObject* const array = tensor->array;
  return Py_REFCNT(array) == 1 && (as_array(array) == owner || Py_REFCNT(owner) == 1);
}

// is_common(array): whether an array's memory is held in common.
PyObject* is_common_for_python(PyObject*, PyObject* array) { return PyBool_FromLong(is_common(array)); }

// keep_apart(array): the address of its first element. Since whoever has the address may write there at any time, the
// memory is never held in common from now on. Another memory handler marks it.
PyObject* keep_apart(PyObject*, PyObject* array) {
  if (!PyArray_Check(array)) return PyErr_Format(PyExc_TypeError, "keep_apart: takes an array");
  PyArrayObject* const owner = owner_of(array);
  if (owner != nullptr) {
    fill(reinterpret_cast<PyArrayObject_fields*>(owner)->mem_handler, Py_NewRef(known_handler()));
  }
  return PyLong_FromVoidPtr(PyArray_DATA(as_array(array)));
}

// hold_given(tensor): holds a tensor's memory in common with the gradients to come, if nobody else holds it.
PyObject* hold_given_for_python(PyObject*, PyObject* tensor) {
  if (!is_tensor(tensor)) return PyErr_Format(PyExc_TypeError, "hold_given: takes a tensor");
  hold_given(tensor_in(tensor));
  Py_RETURN_NONE;
}

// shown(array): a tensor by which users see an array that a sweep computes with. It holds the memory in common with the
// sweep, so that it gets memory of its own when it is written to.
PyObject* shown(PyObject*, PyObject* object) {
  PyArrayObject* const owner = owner_of(object);
  if (owner == nullptr || !is_writable(object)) return new_tensor(Py_NewRef(object));
  PyObject* const view = PyArray_View(as_array(object), nullptr, nullptr);
  if (view != nullptr) set_writable(as_array(view), false);
  return new_tensor(view);
}

// own_copy(array, addend): a copy, or the sum with an addend that is not None, in ordinary memory even in inference
// mode.
PyObject* own_copy(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 2) return PyErr_Format(PyExc_TypeError, "own_copy: takes an array and an addend");
  const OutsideInference ordinary;
  if (args[1] == Py_None) return call_python(g_connections.copy, args[0]);
  return call_python(g_connections.add, args, 2, nullptr);
}

// add_to_common(tensor, addend): adds to a tensor that holds memory in common with others and is no view. Copy and sum
// are one pass, after which the tensor has memory of its own. False, with nothing done, for other tensors.
PyObject* add_to_common(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 2 || !is_tensor(args[0])) {
    return PyErr_Format(PyExc_TypeError, "add_to_common: takes a tensor and an array");
  }
  const TensorObject* const tensor = tensor_in(args[0]);
  const bool common = tensor->base == nullptr && is_common(tensor->array);
  if (!common || is_last_holder(tensor, owner_of(tensor->array))) Py_RETURN_FALSE;
  const Reference done(call_python(g_connections.give_own_memory, args, 2, nullptr));
  return done == nullptr ? nullptr : Py_NewRef(Py_True);
}

PyMethodDef kFunctions[] = {
    {"is_common", is_common_for_python, METH_O, nullptr},
    {"keep_apart", keep_apart, METH_O, nullptr},
    {"hold_given", hold_given_for_python, METH_O, nullptr},
    {"shown", shown, METH_O, nullptr},
    {"own_copy", fastcall(own_copy), METH_FASTCALL, nullptr},
    {"add_to_common", fastcall(add_to_common), METH_FASTCALL, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

bool is_common(PyObject* object) {
  return object != nullptr && PyArray_CheckExact(object) && !is_writable(object) && owner_of(object) != nullptr;
}

bool is_fit_in_common(PyObject* object) {
  PyArrayObject* const owner = owner_of(object);
  PyArrayObject* const array = as_array(object);
  return owner != nullptr && PyArray_IS_C_CONTIGUOUS(array) && PyArray_SIZE(array) > kSmall &&
         PyArray_NBYTES(array) >= PyArray_NBYTES(owner) / kMostKept;
}

void hold_in_common(PyObject* array, PyObject* sequence) {
  PyArrayObject* const owner = owner_of(array);
  const Items items(sequence);
  if (owner == nullptr || !PyArray_ISWRITEABLE(owner) || !are_holders_known(owner, items)) return;
  set_writable(owner, false);
  for (PyObject* const item : items) {
    if (owner_of(item) == owner) set_writable(as_array(item), false);
  }
}

void hold_given(TensorObject* tensor) {
  PyArrayObject* const owner = owner_of(tensor->array);
  if (owner != nullptr && is_last_holder(tensor, owner)) set_writable(as_array(tensor->array), false);
}

PyObject* own_memory(PyObject* tensor, PyObject*) {
  PyObject* const base = tensor_in(tensor)->base;
  TensorObject* const holder = tensor_in(base == nullptr ? tensor : base);
  if (!is_common(holder->array)) Py_RETURN_NONE;
  PyArrayObject* const owner = owner_of(holder->array);
  if (!is_last_holder(holder, owner)) {
    return call_python(g_connections.give_own_memory, reinterpret_cast<PyObject*>(holder));
  }
  set_writable(owner, true);
  set_writable(as_array(holder->array), true);
  Py_RETURN_NONE;
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
