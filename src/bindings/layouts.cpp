#include "bindings/layouts.hpp"

#include "bindings/commons.hpp"
#include "core/layout.hpp"
#include "core/plans.hpp"
#include "kernels/moves.hpp"

namespace minigrad {
namespace {

bool is_row_major(PyObject* array) { return PyArray_IS_C_CONTIGUOUS(as_array(array)); }

// Whether a leaf's array says how `x` should lie: another way than row-major. It is read as `own`.
bool lies_turned(PyObject* leaf, View& own, const View& x) {
  return view_array(leaf, own) == ArrayKind::usable && !own.contiguous() && is_dense(own) && own.same_shape(x);
}

// empty_like(array, code): a new array that lies as the array does, of the dtype of that code.
PyObject* empty_like(PyObject*, PyObject* const* args, Py_ssize_t count) {
  View view;
  Plan plan;
  if (count != 2 || !PyLong_Check(args[1]) || view_array(args[0], view) != ArrayKind::usable) {
    return PyErr_Format(PyExc_TypeError, "empty_like: takes an aligned array and the code of a dtype");
  }
  plan.in = &view;
  plan.in_count = 1;
  copy_shape(view, static_cast<DType>(PyLong_AsLong(args[1])), plan.out[0]);
  keep_layout(plan);
  return new_array_as(plan.out[0], "empty_like");
}

PyMethodDef kFunctions[] = {
    {"empty_like", fastcall(empty_like), METH_FASTCALL, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

bool lies_as(PyObject* leaf, PyObject* array) {
  if (is_row_major(array) && PyArray_Check(leaf) && is_row_major(leaf)) return true;
  View own, x;
  if (view_array(array, x) != ArrayKind::usable || !lies_turned(leaf, own, x)) return is_row_major(array);
  for (int d = 0; d < x.rank; ++d) {
    if (x.shape[d] != 1 && x.stride[d] != own.stride[d]) return false;
  }
  return true;
}

PyObject* copy_as(PyObject* leaf, PyObject* array) {
  View own, x;
  if (!PyArray_Check(array)) return PyErr_Format(PyExc_TypeError, "backward: a gradient must be an array");
  if (view_array(array, x) != ArrayKind::usable) {
    return PyArray_NewCopy(as_array(array), NPY_CORDER);
  }
  View out = x;
  const bool turned = lies_turned(leaf, own, x);
  for (int d = 0; turned && d < x.rank; ++d) out.stride[d] = own.stride[d];
  PyObject* const copy = turned ? new_array_as(out, "backward") : new_array(out, "backward");
  if (copy == nullptr) return nullptr;
  if (x.size() <= kSmall) return copy_all(out, x), copy;
  {
    const Unlocked unlocked;
    copy_all(out, x);
  }
  return copy;
}

bool add_layout_functions(PyObject* module) { return PyModule_AddFunctions(module, kFunctions) == 0; }

}  // namespace minigrad
