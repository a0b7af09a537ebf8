#include "bindings/views.hpp"

#include <algorithm>

#include "bindings/array.hpp"
#include "bindings/objects.hpp"
#include "kernels/moves.hpp"

namespace minigrad {
namespace {

// Reads a tuple of numbers; false with an exception set.
bool take_numbers(PyObject* tuple, npy_intp* numbers, int& count) {
  if (!PyTuple_Check(tuple) || PyTuple_GET_SIZE(tuple) > kMaxRank) {
    PyErr_Format(PyExc_TypeError, "view: needs tuples of at most %d numbers", kMaxRank);
    return false;
  }
  count = static_cast<int>(PyTuple_GET_SIZE(tuple));
  for (int d = 0; d < count; ++d) {
    numbers[d] = PyLong_AsSsize_t(PyTuple_GET_ITEM(tuple, d));
    if (PyErr_Occurred()) return false;
  }
  return true;
}

// What a function returns that was not given an array and what else it takes: a BatchedArray is left to `vmap`.
PyObject* decline(PyObject* const* args, bool complete, const char* name, const char* taken) {
  if (complete && is_batched(args[0])) Py_RETURN_NOTIMPLEMENTED;
  return PyErr_Format(PyExc_TypeError, "%s: takes an array and %s", name, taken);
}

// broadcast_view(array, shape): the array repeated to `shape` without copying: stride 0 along repeated dimensions.
PyObject* broadcast_view(PyObject*, PyObject* const* args, Py_ssize_t count) {
  npy_intp sizes[kMaxRank], strides[kMaxRank];
  int rank = 0;
  if (count != 2 || !PyArray_Check(args[0])) return decline(args, count == 2, "expand", "a shape");
  if (!take_numbers(args[1], sizes, rank)) return nullptr;
  PyArrayObject* const array = as_array(args[0]);
  const int added = rank - PyArray_NDIM(array);
  bool fits = added >= 0;
  for (int d = 0; fits && d < rank; ++d) {
    const npy_intp own = d < added ? 1 : PyArray_DIM(array, d - added);
    strides[d] = own == 1 ? 0 : PyArray_STRIDE(array, d - added);
    fits = sizes[d] >= 0 && (own == 1 || own == sizes[d]);
  }
  if (!fits) {
    const Reference own(shape_of(args[0]));
    return own == nullptr
               ? nullptr
               : PyErr_Format(PyExc_RuntimeError, "expand: shape %S does not broadcast to %S", own.get(), args[1]);
  }
  return view_of(array, rank, sizes, strides, PyArray_BYTES(array), args[0]);
}

// strided_view(array, shape, strides, offset): the elements at offset + i * strides, counted in bytes from the array's
// first one. The caller answers for their lying in its memory.
PyObject* strided_view(PyObject*, PyObject* const* args, Py_ssize_t count) {
  npy_intp sizes[kMaxRank], strides[kMaxRank];
  int rank = 0, stride_count = 0;
  if (count != 4 || !PyArray_Check(args[0])) {
    return decline(args, count == 4, "strided_view", "a shape, strides and an offset");
  }
  if (!take_numbers(args[1], sizes, rank) || !take_numbers(args[2], strides, stride_count)) return nullptr;
  const Py_ssize_t offset = PyLong_AsSsize_t(args[3]);
  if (PyErr_Occurred()) return nullptr;
  if (rank != stride_count) return PyErr_Format(PyExc_TypeError, "strided_view: needs a stride for each size");
  PyArrayObject* const array = as_array(args[0]);
  return view_of(array, rank, sizes, strides, PyArray_BYTES(array) + offset, args[0]);
}

// diagonal_view(array, offset, dims): the elements x[..., i, ..., i + offset, ...], i along dims[0]; they become the
// last dimension. The caller answers for the two dims.
PyObject* diagonal_view(PyObject*, PyObject* const* args, Py_ssize_t count) {
  npy_intp dims[kMaxRank], sizes[kMaxRank], strides[kMaxRank];
  int two = 0, rank = 0;
  if (count != 3 || !PyArray_Check(args[0])) return decline(args, count == 3, "diagonal", "an offset and two dims");
  PyArrayObject* const array = as_array(args[0]);
  if (PyArray_NDIM(array) > kMaxRank) {
    return PyErr_Format(PyExc_RuntimeError, "diagonal: input has more than %d dimensions", kMaxRank);
  }
  if (!PyIndex_Check(args[1])) {
    return PyErr_Format(PyExc_TypeError, "diagonal: the offset must be an integer, got %s", Py_TYPE(args[1])->tp_name);
  }
  constexpr npy_intp kFar = npy_intp{1} << 62;
  const npy_intp offset = std::clamp(PyNumber_AsSsize_t(args[1], nullptr), -kFar, kFar);
  if (PyErr_Occurred() || !take_numbers(args[2], dims, two)) return nullptr;
  for (int d = 0; d < PyArray_NDIM(array); ++d) {
    if (d == dims[0] || d == dims[1]) continue;
    sizes[rank] = PyArray_DIM(array, d);
    strides[rank++] = PyArray_STRIDE(array, d);
  }
  const int row = static_cast<int>(dims[0]), column = static_cast<int>(dims[1]);
  const npy_intp below = std::max<npy_intp>(-offset, 0), beside = std::max<npy_intp>(offset, 0);
  const npy_intp length = std::min(PyArray_DIM(array, row) - below, PyArray_DIM(array, column) - beside);
  sizes[rank] = std::max<npy_intp>(length, 0);
  strides[rank++] = PyArray_STRIDE(array, row) + PyArray_STRIDE(array, column);
  const npy_intp first = below * PyArray_STRIDE(array, row) + beside * PyArray_STRIDE(array, column);
  return view_of(array, rank, sizes, strides, PyArray_BYTES(array) + (length > 0 ? first : 0), args[0]);
}

// What `make` makes of the arguments, an array and a tuple of numbers.
template <class Make>
PyObject* view_by_numbers(const char* name, PyObject* const* args, Py_ssize_t count, Make make) {
  npy_intp numbers[kMaxRank];
  PyArray_Dims dims = {numbers, 0};
  if (count != 2 || !PyArray_Check(args[0])) return decline(args, count == 2, name, "a tuple of numbers");
  if (!take_numbers(args[1], numbers, dims.len)) return nullptr;
  return make(as_array(args[0]), &dims);
}

// Whether an array's memory, as it lies, can be read in another shape: whether each of the sizes is part of one piece
// of neighbouring dimensions that lie evenly.
bool lies_in(PyArrayObject* array, const PyArray_Dims& sizes) {
  npy_intp pieces[kMaxRank], steps[kMaxRank], left = 1;
  int count = 0;
  for (int d = 0; d < PyArray_NDIM(array); ++d) {
    const npy_intp n = PyArray_DIM(array, d), step = PyArray_STRIDE(array, d);
    if (count > 0 && steps[count - 1] == n * step) {
      pieces[count - 1] *= n;
      steps[count - 1] = step;
    } else if (n != 1) {
      pieces[count] = n;
      steps[count++] = step;
    }
  }
  for (int d = sizes.len - 1; d >= 0; --d) {
    const npy_intp n = sizes.ptr[d];
    if (n == 1) continue;
    if (left == 1 && count > 0) left = pieces[--count];
    if (n <= 0 || left % n != 0) return false;
    left /= n;
  }
  return true;
}

// is_viewable(array, sizes): whether reshape_view, which is given as many elements, returns a view.
PyObject* is_viewable(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return view_by_numbers("reshape", args, count, [](PyArrayObject* array, PyArray_Dims* sizes) {
    return PyBool_FromLong(PyArray_IS_C_CONTIGUOUS(array) || lies_in(array, *sizes));
  });
}

// A copy without gaps, by our own means where they serve: NumPy's take ten times as long where the array is turned.
PyObject* copy_of(PyArrayObject* array) {
  View view;
  if (view_array(reinterpret_cast<PyObject*>(array), view) != ArrayKind::usable) {
    return PyArray_NewCopy(array, NPY_CORDER);
  }
  View copy = view;
  PyObject* const out = new_array(copy, "reshape");
  if (out != nullptr) copy_all(copy, view);
  return out;
}

// reshape_view(array, sizes): the elements, in row-major order, in another shape; a copy where the layout does not
// allow a view.
PyObject* reshape_view(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return view_by_numbers("reshape", args, count, [](PyArrayObject* array, PyArray_Dims* sizes) -> PyObject* {
    if (PyArray_IS_C_CONTIGUOUS(array) || lies_in(array, *sizes)) return PyArray_Newshape(array, sizes, NPY_CORDER);
    PyObject* const copy = copy_of(array);
    if (copy == nullptr) return nullptr;
    PyObject* const out = PyArray_Newshape(as_array(copy), sizes, NPY_CORDER);
    Py_DECREF(copy);
    return out;
  });
}

// permute_view(array, dims): the array with its dimensions in another order.
PyObject* permute_view(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return view_by_numbers("permute", args, count,
                         [](PyArrayObject* array, PyArray_Dims* dims) { return PyArray_Transpose(array, dims); });
}

// ---------------------------------------------------------------------------------------------------------------------
// Pieces.

// Pieces of an array or a BatchedArray along `dim`. Where `drop`, each is one slice, without that dimension.
struct Pieces {
  PyObject* whole;
  int dim;
  bool drop;

  // The key of `count` slices from `first` on: (:, ..., first:first + count or first, ...).
  Reference key(npy_intp first, npy_intp count) const {
    Reference key(PyTuple_New(dim + 2)), all(PySlice_New(nullptr, nullptr, nullptr)), begin(PyLong_FromSsize_t(first));
    if (key == nullptr || all == nullptr || begin == nullptr) return nullptr;
    for (int d = 0; d < dim; ++d) PyTuple_SET_ITEM(key.get(), d, Py_NewRef(all.get()));
    PyTuple_SET_ITEM(key.get(), dim + 1, Py_NewRef(Py_Ellipsis));
    if (!drop) {
      const Reference end(PyLong_FromSsize_t(first + count));
      begin.reset(end == nullptr ? nullptr : PySlice_New(begin.get(), end.get(), nullptr));
    }
    PyTuple_SET_ITEM(key.get(), dim, begin.release());
    return PyTuple_GET_ITEM(key.get(), dim) == nullptr ? nullptr : std::move(key);
  }

  // What the key means, by the quickest way: there may be many.
  Reference piece(npy_intp first, npy_intp count) const {
    PyArrayObject* const array = as_array(whole);
    if (!PyArray_CheckExact(whole) || PyArray_NDIM(array) > kMaxRank) {
      const Reference at = key(first, count);
      return Reference(at == nullptr ? nullptr : PyObject_GetItem(whole, at.get()));
    }
    npy_intp sizes[kMaxRank], strides[kMaxRank];
    int rank = 0;
    for (int d = 0; d < PyArray_NDIM(array); ++d) {
      if (d == dim && drop) continue;
      sizes[rank] = d == dim ? count : PyArray_DIM(array, d);
      strides[rank++] = PyArray_STRIDE(array, d);
    }
    char* const data = PyArray_BYTES(array) + (count > 0 ? first * PyArray_STRIDE(array, dim) : 0);
    return Reference(view_of(array, rank, sizes, strides, data, whole));
  }

  // The same as a tensor, which is known as a view of `source` that `primitive` makes, and as output k of the node.
  Reference tensor(npy_intp first, npy_intp count, TensorObject* source, PyObject* primitive, Edge edge) const {
    Reference made(new_tensor(piece(first, count).release()));
    const Reference at = key(first, count), attributes(at == nullptr ? nullptr : PyTuple_Pack(1, at.get()));
    if (made == nullptr || attributes == nullptr) return nullptr;
    TensorObject* const view = tensor_in(made.get());
    if (edge.node != Py_None) {
      fill(view->node, Py_NewRef(edge.node));
      view->output = edge.output;
    }
    return link_view(view, source, primitive, attributes.get()) ? std::move(made) : nullptr;
  }
};

// pieces(x, sizes, dim, drop, primitive, node): views of neighbouring pieces of a tensor or an array. Those of a
// tensor are outputs of the node, unless that is None. The caller answers for the sizes and for dim.
PyObject* pieces(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 6 || !PyTuple_Check(args[1])) {
    return PyErr_Format(PyExc_TypeError, "pieces: takes a tensor, sizes, dim, drop, a primitive and a node");
  }
  TensorObject* const source = is_tensor(args[0]) ? tensor_in(args[0]) : nullptr;
  const Pieces of = {source == nullptr ? args[0] : source->array, static_cast<int>(PyLong_AsLong(args[2])),
                     args[3] == Py_True};
  Reference out(PyTuple_New(PyTuple_GET_SIZE(args[1])));
  npy_intp first = 0;
  for (Py_ssize_t k = 0; out != nullptr && k < PyTuple_GET_SIZE(args[1]); ++k) {
    const npy_intp n = PyLong_AsSsize_t(PyTuple_GET_ITEM(args[1], k));
    if (PyErr_Occurred()) return nullptr;
    Reference piece =
        source == nullptr ? of.piece(first, n) : of.tensor(first, n, source, args[4], {args[5], static_cast<int>(k)});
    if (piece == nullptr) return nullptr;
    PyTuple_SET_ITEM(out.get(), k, piece.release());
    first += n;
  }
  return out.release();
}

PyMethodDef kFunctions[] = {
    {"broadcast_view", fastcall(broadcast_view), METH_FASTCALL, nullptr},
    {"strided_view", fastcall(strided_view), METH_FASTCALL, nullptr},
    {"diagonal_view", fastcall(diagonal_view), METH_FASTCALL, nullptr},
    {"reshape_view", fastcall(reshape_view), METH_FASTCALL, nullptr},
    {"is_viewable", fastcall(is_viewable), METH_FASTCALL, nullptr},
    {"permute_view", fastcall(permute_view), METH_FASTCALL, nullptr},
    {"pieces", fastcall(pieces), METH_FASTCALL, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

PyObject* view_of(PyArrayObject* array, int rank, const npy_intp* sizes, const npy_intp* strides, char* data,
                  PyObject* base) {
  PyArray_Descr* const dtype = PyArray_DESCR(array);
  Py_INCREF(dtype);
  PyObject* const view = PyArray_NewFromDescr(&PyArray_Type, dtype, rank, sizes, strides, data,
                                              PyArray_FLAGS(array) & NPY_ARRAY_WRITEABLE, nullptr);
  if (view == nullptr) return nullptr;
  PyArray_UpdateFlags(as_array(view), NPY_ARRAY_UPDATE_ALL);
  if (PyArray_SetBaseObject(as_array(view), Py_NewRef(base)) < 0) {
    Py_DECREF(view);
    return nullptr;
  }
  return view;
}

bool add_view_functions(PyObject* module) { return PyModule_AddFunctions(module, kFunctions) == 0; }

}  // namespace minigrad
