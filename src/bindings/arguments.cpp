#include "bindings/arguments.hpp"

#include <utility>

#include "bindings/kernel_type.hpp"
#include "bindings/modes.hpp"
#include "bindings/objects.hpp"

namespace minigrad {
namespace {

// The tuple of the integers that are given one by one or as one sequence. Null, without an exception, for other
// arguments.
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

// viewed_sizes(tensor, args): what the arguments of reshape mean, a tuple of sizes, where it is plain that they fit and
// that the result is a view; None otherwise.
PyObject* viewed_sizes(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 2 || !PyTuple_Check(args[1]))
    return PyErr_Format(PyExc_TypeError, "viewed_sizes: takes a tensor and a tuple");
  PyObject* const given = is_tensor(args[0]) ? tensor_in(args[0])->array : Py_None;
  if (!PyArray_Check(given)) Py_RETURN_NONE;
  PyArrayObject* const array = reinterpret_cast<PyArrayObject*>(given);
  const Reference plain = PyArray_IS_C_CONTIGUOUS(array) ? plain_integers(args[1]) : nullptr;
  PyObject* const sizes = plain == nullptr ? nullptr : completed(plain.get(), PyArray_SIZE(array));
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
    const bool fits = given != -1 || PyErr_Occurred() == nullptr;
    if (!fits || dim < 0 || dim >= rank || dim > 63 || (seen >> dim & 1) != 0) {
      PyErr_Clear();
      Py_RETURN_NONE;
    }
    seen |= uint64_t{1} << dim;
    PyTuple_SET_ITEM(dims.get(), i, PyLong_FromSsize_t(dim));
  }
  if (dims == nullptr && PyErr_Occurred() == nullptr) Py_RETURN_NONE;
  return dims.release();
}

// The number of a tensor of signed integers without dimensions; null for other objects.
Reference index_in(PyObject* object) {
  PyObject* const array = is_tensor(object) ? tensor_in(object)->array : nullptr;
  const int code = native_dtype_code(array);
  const bool whole = code >= static_cast<int>(DType::int8) && code <= static_cast<int>(DType::int64);
  if (!whole || PyArray_NDIM(reinterpret_cast<PyArrayObject*>(array)) != 0) return nullptr;
  return call_method(array, "item");
}

// A bound of a slice that nobody can change: None or an integer.
bool is_fixed(PyObject* bound) { return bound == Py_None || PyLong_CheckExact(bound); }

// A part of a key if it is an integer, a slice of integers with a positive step, None, or the key's first Ellipsis;
// null for others.
Reference basic_part(PyObject* part, bool& filled) {
  if (PyLong_CheckExact(part) || part == Py_None) return share(part);
  if (part == Py_Ellipsis) return std::exchange(filled, true) ? nullptr : share(part);
  if (PyArray_IsScalar(part, Integer)) return Reference(PyNumber_Index(part));
  if (!PySlice_Check(part)) return index_in(part);
  const PySliceObject& slice = *reinterpret_cast<PySliceObject*>(part);
  const bool steps = slice.step == Py_None || (PyLong_CheckExact(slice.step) && PyLong_AsLong(slice.step) > 0);
  return steps && is_fixed(slice.start) && is_fixed(slice.stop) ? share(part) : nullptr;
}

bool has_dimensions(PyObject* array) {
  if (PyArray_Check(array)) return PyArray_NDIM(reinterpret_cast<PyArrayObject*>(array)) > 0;
  const Reference rank(PyObject_GetAttrString(array, "ndim"));  // of a batch
  return rank != nullptr && PyLong_AsLong(rank.get()) > 0;
}

// basic_key(key, tensor): a key that makes a view of a tensor with dimensions, as a tuple that ends in an Ellipsis or
// has one in it, so that NumPy returns a view without dimensions where it would return a number; None for other keys.
PyObject* basic_key(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 2 || !is_tensor(args[1])) return PyErr_Format(PyExc_TypeError, "basic_key: takes a key and a tensor");
  if (!has_dimensions(tensor_in(args[1])->array)) Py_RETURN_NONE;
  const bool several = PyTuple_CheckExact(args[0]);
  PyObject* const* const parts = several ? PySequence_Fast_ITEMS(args[0]) : args;
  const Py_ssize_t n = several ? PyTuple_GET_SIZE(args[0]) : 1;
  Reference key(PyTuple_New(n + 1));
  bool plain = key != nullptr, filled = false;
  for (Py_ssize_t i = 0; plain && i < n; ++i) {
    Reference part = basic_part(parts[i], filled);
    plain = part != nullptr;
    PyTuple_SET_ITEM(key.get(), i, part.release());
  }
  PyErr_Clear();  // of numbers that are too large
  if (!plain) Py_RETURN_NONE;
  if (filled) return PyTuple_GetSlice(key.get(), 0, n);
  PyTuple_SET_ITEM(key.get(), n, Py_NewRef(Py_Ellipsis));
  return key.release();
}

// Indices: a tensor of int64 with dimensions as it is; signed integers in other tensors, arrays and lists as a new
// array, which nobody can change. Null for others.
Reference indices_in(PyObject* part) {
  PyObject* const given = is_tensor(part) ? tensor_in(part)->array : part;
  const int code = native_dtype_code(given);
  if (code >= static_cast<int>(DType::int8) && code <= static_cast<int>(DType::int64)) {
    PyArrayObject* const array = reinterpret_cast<PyArrayObject*>(given);
    if (PyArray_NDIM(array) == 0) return nullptr;
    const bool own = is_tensor(part) && code == static_cast<int>(DType::int64);
    return own ? share(part)
               : Reference(PyArray_FromArray(array, PyArray_DescrFromType(NPY_INT64), NPY_ARRAY_ENSURECOPY));
  }
  npy_intp count = PyList_CheckExact(part) ? PyList_GET_SIZE(part) : 0;
  Reference array(count == 0 ? nullptr : PyArray_SimpleNew(1, &count, NPY_INT64));
  for (npy_intp i = 0; array != nullptr && i < count; ++i) {
    PyObject* const number = PyList_GET_ITEM(part, i);
    const long long index = PyLong_CheckExact(number) ? PyLong_AsLongLong(number) : -1;
    if (!PyLong_CheckExact(number) || (index == -1 && PyErr_Occurred() != nullptr)) return nullptr;
    static_cast<int64_t*>(PyArray_DATA(reinterpret_cast<PyArrayObject*>(array.get())))[i] = index;
  }
  return array;
}

bool is_everything(PyObject* part) {
  if (!PySlice_Check(part)) return part == Py_Ellipsis;
  const PySliceObject& slice = *reinterpret_cast<PySliceObject*>(part);
  return slice.start == Py_None && slice.stop == Py_None && slice.step == Py_None;
}

// A key with indices for one dim among integers, slices, None and an Ellipsis.
class LoneIndex {
 public:
  // Whether a tuple is one, for a tensor of so many dimensions.
  bool take(PyObject* parts, Py_ssize_t rank) {
    key_.reset(PyTuple_New(PyTuple_GET_SIZE(parts) + 1));
    Py_ssize_t left = rank;  // dims that no part speaks of
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(parts); ++i) {
      left -= PyTuple_GET_ITEM(parts, i) != Py_None && PyTuple_GET_ITEM(parts, i) != Py_Ellipsis ? 1 : 0;
    }
    for (Py_ssize_t i = 0; key_ != nullptr && i < PyTuple_GET_SIZE(parts); ++i) {
      if (!take_part(PyTuple_GET_ITEM(parts, i), i, left)) return false;
    }
    return key_ != nullptr && indices_ != nullptr && left >= 0;
  }

  // The key without the indices, None where it means everything; the indices; the dim that they count along, in the
  // view that the key makes and in the tensor.
  PyObject* result() {
    const Py_ssize_t last = PyTuple_GET_SIZE(key_.get()) - 1;
    if (filled_ && !everything_) key_.reset(PyTuple_GetSlice(key_.get(), 0, last));
    if (!filled_) PyTuple_SET_ITEM(key_.get(), last, Py_NewRef(Py_Ellipsis));
    if (everything_) key_ = share(Py_None);
    return key_ == nullptr ? nullptr : Py_BuildValue("OOnn", key_.get(), indices_.get(), dim_, own_);
  }

 private:
  bool take_part(PyObject* part, Py_ssize_t i, Py_ssize_t left) {
    Reference indices = indices_ == nullptr ? indices_in(part) : nullptr;
    if (PyErr_Occurred() != nullptr) return false;
    const bool counted = indices == nullptr && indices_ == nullptr;  // dims before the indices
    Reference basic =
        indices != nullptr ? Reference(PySlice_New(nullptr, nullptr, nullptr)) : basic_part(part, filled_);
    if (basic == nullptr) return false;
    if (indices != nullptr) indices_ = std::move(indices);
    everything_ &= is_everything(basic.get());
    const Py_ssize_t width = part == Py_Ellipsis ? left : 1;
    if (counted) dim_ += PySlice_Check(basic.get()) || part == Py_None || part == Py_Ellipsis ? width : 0;
    if (counted) own_ += part == Py_None ? 0 : width;
    PyTuple_SET_ITEM(key_.get(), i, basic.release());
    return true;
  }

  Reference key_, indices_;
  Py_ssize_t dim_ = 0, own_ = 0;
  bool filled_ = false, everything_ = true;
};

// lone_index(key, rank): what a key with indices for one dim means: see LoneIndex; None for other keys.
PyObject* lone_index(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 2) return PyErr_Format(PyExc_TypeError, "lone_index: takes a key and a rank");
  LoneIndex key;
  if (PyTuple_CheckExact(args[0]) && key.take(args[0], PyLong_AsSsize_t(args[1]))) return key.result();
  PyErr_Clear();  // of numbers that are too large
  Py_RETURN_NONE;
}

// arrays_of(tensors): the arrays of a tuple or list of tensors of one dtype, as a list; None for anything else.
PyObject* arrays_of(PyObject*, PyObject* tensors) {
  if (!PyTuple_CheckExact(tensors) && !PyList_CheckExact(tensors)) Py_RETURN_NONE;
  const Py_ssize_t count = PySequence_Fast_GET_SIZE(tensors);
  Reference arrays(PyList_New(count));
  int code = kNoDType;
  for (Py_ssize_t i = 0; arrays != nullptr && i < count; ++i) {
    PyObject* const tensor = PySequence_Fast_GET_ITEM(tensors, i);
    const int own = is_tensor(tensor) ? native_dtype_code(tensor_in(tensor)->array) : kNoDType;
    code = i == 0 ? own : code;
    if (own == kNoDType || own != code) Py_RETURN_NONE;
    PyList_SET_ITEM(arrays.get(), i, Py_NewRef(tensor_in(tensor)->array));
  }
  if (count == 0) Py_RETURN_NONE;
  return arrays.release();
}

// A node of a record that keeps the shapes of some tensors, a dim and a flag; null with an exception set.
Reference node_of(PyObject* record, PyObject* tensors, PyObject* dim, PyObject* flag) {
  const Py_ssize_t count = PySequence_Fast_GET_SIZE(tensors);
  Reference made(new_object(g_connections.node)), shapes(PyTuple_New(count));
  if (made == nullptr || shapes == nullptr) return nullptr;
  NodeObject* const node = node_in(made.get());
  if (!node->edges.allocate(static_cast<int>(count)) || !node->saved.allocate(3)) return nullptr;
  for (Py_ssize_t i = 0; i < count; ++i) {
    TensorObject* const tensor = tensor_in(PySequence_Fast_GET_ITEM(tensors, i));
    if (!update_origin(tensor)) return nullptr;
    if (tensor->node != nullptr) node->edges[static_cast<int>(i)] = {Py_NewRef(tensor->node), tensor->output};
    PyObject* const shape = shape_of(tensor->array);
    if (shape == nullptr) return nullptr;
    PyTuple_SET_ITEM(shapes.get(), i, shape);
  }
  node->saved[0] = shapes.release();
  node->saved[1] = Py_NewRef(dim);
  node->saved[2] = Py_NewRef(flag);
  node->primitive = Py_NewRef(record);
  node->outputs = 1;
  node->sequence = next_sequence();
  return made;
}

// joined(tensors, dim, stacked, record): tensors of one dtype as the kernel joins them, with a node of the record where
// a graph has to know; None for anything else, and where the node is observed.
PyObject* joined(PyObject*, PyObject* const* args, Py_ssize_t count) {
  static PyObject* const cat = kernel_named("cat");
  if (count != 4) return PyErr_Format(PyExc_TypeError, "joined: takes tensors, a dim, a flag and a record");
  const Reference arrays(arrays_of(nullptr, args[0]));
  if (cat == nullptr || arrays == nullptr) return nullptr;
  if (arrays.get() == Py_None) Py_RETURN_NONE;
  bool graph = false;
  for (Py_ssize_t i = 0; is_recording() && i < PyList_GET_SIZE(arrays.get()); ++i) {
    graph |= has_origin(tensor_in(PySequence_Fast_GET_ITEM(args[0], i)));
  }
  if (graph && anybody_observes()) Py_RETURN_NONE;
  PyObject* const arguments[] = {arrays.get(), args[1], args[2]};
  Reference out(new_tensor(call_python(cat, arguments, 3, nullptr)));
  if (out == nullptr || !graph) return out.release();
  Reference node = node_of(args[3], args[0], args[1], args[2]);
  if (node == nullptr) return nullptr;
  tensor_in(out.get())->node = node.release();
  return out.release();
}

PyMethodDef kFunctions[] = {
    {"viewed_sizes", fastcall(viewed_sizes), METH_FASTCALL,
     "viewed_sizes(tensor, args): what the arguments of reshape mean, where it is plain that they fit and that the "
     "result is a view; None otherwise."},
    {"sizes_of", sizes_of, METH_O,
     "sizes_of(args): the integers given one by one, or as one sequence, as a tuple; None for anything else."},
    {"dims_of", fastcall(dims_of), METH_FASTCALL,
     "dims_of(dims, rank): different dims, counted from the front, as a tuple; None for anything else."},
    {"basic_key", fastcall(basic_key), METH_FASTCALL,
     "basic_key(key, tensor): a key that makes a view, as a tuple with an Ellipsis; None for other keys."},
    {"lone_index", fastcall(lone_index), METH_FASTCALL,
     "lone_index(key, rank): a key with indices for one dim as the key of a view, the indices, a tensor or an array, "
     "and the dim's number in the view and in the tensor; None for other keys."},
    {"arrays_of", arrays_of, METH_O,
     "arrays_of(tensors): the arrays of a tuple or list of tensors of one dtype, as a list; None for anything else."},
    {"joined", fastcall(joined), METH_FASTCALL,
     "joined(tensors, dim, stacked, record): tensors of one dtype, joined, with a node of the record where a graph has "
     "to know; None for anything else, and where the node is observed."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

bool add_argument_functions(PyObject* module) { return PyModule_AddFunctions(module, kFunctions) == 0; }

}  // namespace minigrad
