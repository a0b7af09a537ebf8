#include "bindings/unindex.hpp"

#include "bindings/kernel_type.hpp"
#include "bindings/reference.hpp"

namespace minigrad {
namespace {

// For each dimension where a key starts, how many elements it takes, and by what step.
struct Slices {
  int rank = 0;
  npy_intp extents[kMaxRank], starts[kMaxRank], sizes[kMaxRank], steps[kMaxRank];

  // False with an exception set.
  bool take_shape(PyObject* shape) {
    for (; rank < PyTuple_GET_SIZE(shape); ++rank) {
      extents[rank] = PyLong_AsSsize_t(PyTuple_GET_ITEM(shape, rank));
      starts[rank] = 0;
      sizes[rank] = extents[rank];
      steps[rank] = 1;
    }
    return PyErr_Occurred() == nullptr;
  }

  // Reads a key of integers, slices, None and at most one Ellipsis; false with an exception set.
  bool take_key(PyObject* key) {
    int named = 0, dim = 0;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(key); ++i) {
      PyObject* const part = PyTuple_GET_ITEM(key, i);
      named += part != Py_None && part != Py_Ellipsis ? 1 : 0;
    }
    if (named > rank) return PyErr_SetString(PyExc_IndexError, "unindex: too many indices"), false;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(key); ++i) {
      PyObject* const part = PyTuple_GET_ITEM(key, i);
      if (part == Py_Ellipsis) {
        dim += rank - named;
      } else if (part != Py_None && !take_part(part, dim++)) {
        return false;
      }
    }
    return true;
  }

  bool take_part(PyObject* part, int dim) {
    if (PySlice_Check(part)) {
      Py_ssize_t stop;
      if (PySlice_Unpack(part, &starts[dim], &stop, &steps[dim]) < 0) return false;
      sizes[dim] = PySlice_AdjustIndices(extents[dim], &starts[dim], &stop, steps[dim]);
      return true;
    }
    const Py_ssize_t place = PyNumber_AsSsize_t(part, PyExc_IndexError);
    starts[dim] = place < 0 ? place + extents[dim] : place;
    sizes[dim] = 1;
    return place != -1 || PyErr_Occurred() == nullptr;
  }

  Reference tuple(const npy_intp* numbers) const {
    Reference tuple(PyTuple_New(rank));
    for (int d = 0; tuple != nullptr && d < rank; ++d) {
      PyTuple_SET_ITEM(tuple.get(), d, PyLong_FromSsize_t(numbers[d]));
    }
    return PyErr_Occurred() == nullptr ? std::move(tuple) : nullptr;
  }
};

// unindex(g, key, shape): zeros of a shape, but the elements of g where the key says.
PyObject* unindex(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count == 3 && is_batched(args[0])) Py_RETURN_NOTIMPLEMENTED;
  if (count != 3 || !PyArray_Check(args[0]) || !PyTuple_Check(args[1]) || !PyTuple_Check(args[2])) {
    return PyErr_Format(PyExc_TypeError, "unindex: takes an array, a key and a shape, both tuples");
  }
  if (PyTuple_GET_SIZE(args[2]) > kMaxRank) {
    return PyErr_Format(PyExc_RuntimeError, "unindex: the shape has more than %d dimensions", kMaxRank);
  }
  static PyObject* const unslice = kernel_named("unslice");
  Slices slices;
  if (unslice == nullptr || !slices.take_shape(args[2]) || !slices.take_key(args[1])) return nullptr;
  PyArray_Dims sizes = {slices.sizes, slices.rank};
  const Reference g(PyArray_Newshape(as_array(args[0]), &sizes, NPY_CORDER));
  const Reference starts = slices.tuple(slices.starts), steps = slices.tuple(slices.steps);
  if (g == nullptr || starts == nullptr || steps == nullptr) return nullptr;
  PyObject* const arguments[] = {g.get(), args[2], starts.get(), steps.get()};
  return call_python(unslice, arguments, 4, nullptr);
}

PyMethodDef kFunctions[] = {
    {"unindex", fastcall(unindex), METH_FASTCALL, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

bool add_unindex_function(PyObject* module) { return PyModule_AddFunctions(module, kFunctions) == 0; }

}  // namespace minigrad
