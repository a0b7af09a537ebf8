#include "bindings/graph.hpp"

#include "bindings/out_function.hpp"

namespace minigrad {
namespace {

thread_local bool t_grad_enabled = true;

PyObject* grad_enabled(PyObject*, PyObject*) { return PyBool_FromLong(t_grad_enabled && !t_inference); }

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

// A view of the array's memory: `sizes` elements, `strides` bytes apart, from `data` on. `base` keeps the memory alive.
PyObject* view_of(PyArrayObject* array, int rank, const npy_intp* sizes, const npy_intp* strides, char* data,
                  PyObject* base) {
  PyArray_Descr* const dtype = PyArray_DESCR(array);
  Py_INCREF(dtype);
  PyObject* const view = PyArray_NewFromDescr(&PyArray_Type, dtype, rank, sizes, strides, data,
                                              PyArray_FLAGS(array) & NPY_ARRAY_WRITEABLE, nullptr);
  if (view == nullptr) return nullptr;
  PyArray_UpdateFlags(reinterpret_cast<PyArrayObject*>(view), NPY_ARRAY_UPDATE_ALL);
  if (PyArray_SetBaseObject(reinterpret_cast<PyArrayObject*>(view), Py_NewRef(base)) < 0) {
    Py_DECREF(view);
    return nullptr;
  }
  return view;
}

// broadcast_view(array, shape): the array repeated to `shape` without copying: stride 0 along repeated dimensions.
PyObject* broadcast_view(PyObject*, PyObject* const* args, Py_ssize_t count) {
  View shape;
  if (count != 2 || !PyArray_Check(args[0])) {
    if (count == 2 && is_batched(args[0])) Py_RETURN_NOTIMPLEMENTED;
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
  return view_of(array, shape.rank, sizes, strides, PyArray_BYTES(array), args[0]);
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
    if (count == 4 && is_batched(args[0])) Py_RETURN_NOTIMPLEMENTED;
    return PyErr_Format(PyExc_TypeError, "strided_view: takes an array, a shape, strides and an offset");
  }
  if (!take_numbers(args[1], sizes, rank) || !take_numbers(args[2], strides, stride_count)) return nullptr;
  const Py_ssize_t offset = PyLong_AsSsize_t(args[3]);
  if (PyErr_Occurred()) return nullptr;
  if (rank != stride_count) return PyErr_Format(PyExc_TypeError, "strided_view: needs a stride for each size");
  PyArrayObject* const array = reinterpret_cast<PyArrayObject*>(args[0]);
  return view_of(array, rank, sizes, strides, PyArray_BYTES(array) + offset, args[0]);
}

// lent_view(array): the same memory as another array, on which every array made from it depends. (Otherwise NumPy makes
// the owner of the memory the base of all of them; what is no array stops it.)
PyObject* lent_view(PyObject*, PyObject* object) {
  if (!PyArray_Check(object)) return PyErr_Format(PyExc_TypeError, "lent_view: takes an array");
  PyArrayObject* const array = reinterpret_cast<PyArrayObject*>(object);
  PyObject* const base = PyTuple_Pack(1, object);
  if (base == nullptr) return nullptr;
  PyObject* const view =
      view_of(array, PyArray_NDIM(array), PyArray_DIMS(array), PyArray_STRIDES(array), PyArray_BYTES(array), base);
  Py_DECREF(base);
  return view;
}

// ---------------------------------------------------------------------------------------------------------------------
// Digests.

__extension__ using Wide = unsigned __int128;

uint64_t fold(uint64_t a, uint64_t b) {
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

constexpr int kDigestLanes = 4;
constexpr size_t kDigestBlock = kDigestLanes * 16;

// Takes a block in: each lane multiplies one word with another and what it was, so that order counts.
void digest_block(const char* data, uint64_t* lanes) {
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;  // 2^64 by the golden ratio
  for (int i = 0; i < kDigestLanes; ++i) {
    uint64_t words[2];
    std::memcpy(words, data + 16 * i, 16);
    lanes[i] = fold(words[0] ^ (kOdd * static_cast<uint64_t>(2 * i + 3)), words[1] ^ lanes[i]);
  }
}

// 64 bits of all bytes and their order. Other bytes give others, but for one chance in about 2^64; within a process
// only.
uint64_t digest_bytes(const char* data, size_t bytes) {
  uint64_t lanes[kDigestLanes] = {0x2545f4914f6cdd1d, 0x5851f42d4c957f2d, 0xda942042e4dd58b5, 0x14057b7ef767814f};
  size_t at = 0;
  for (; at + kDigestBlock <= bytes; at += kDigestBlock) digest_block(data + at, lanes);
  char rest[kDigestBlock] = {};
  std::memcpy(rest, data + at, bytes - at);
  digest_block(rest, lanes);
  uint64_t digest = bytes;
  for (const uint64_t lane : lanes) digest = fold(digest ^ lane, 0xbf58476d1ce4e5b9);
  return digest;
}

// digest(array): an integer that tells whether the elements are what they were.
PyObject* digest(PyObject*, PyObject* object) {
  if (!PyArray_Check(object)) return PyErr_Format(PyExc_TypeError, "digest: takes an array");
  PyArrayObject* array = reinterpret_cast<PyArrayObject*>(object);
  const bool lies_whole = PyArray_IS_C_CONTIGUOUS(array) || PyArray_IS_F_CONTIGUOUS(array);
  if (lies_whole) {
    Py_INCREF(array);
  } else {
    array = reinterpret_cast<PyArrayObject*>(PyArray_NewCopy(array, NPY_CORDER));
    if (array == nullptr) return nullptr;
  }
  const char* const data = PyArray_BYTES(array);
  const size_t bytes = static_cast<size_t>(PyArray_NBYTES(array));
  uint64_t out;
  Py_BEGIN_ALLOW_THREADS;
  out = bytes == 0 ? 0 : digest_bytes(data, bytes);
  Py_END_ALLOW_THREADS;
  Py_DECREF(array);
  return PyLong_FromUnsignedLongLong(out);
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

// ---------------------------------------------------------------------------------------------------------------------
// Views as tensors. A tensor's attributes are slots, which may be empty; Python would need an exception to see that.

// Where a slot lies in the objects of a class; -1 with an exception set.
Py_ssize_t slot_offset(PyTypeObject* type, const char* name) {
  PyObject* const slot = PyObject_GetAttrString(reinterpret_cast<PyObject*>(type), name);
  if (slot == nullptr) return -1;
  const bool good = Py_TYPE(slot) == &PyMemberDescr_Type;
  const Py_ssize_t offset = good ? reinterpret_cast<PyMemberDescrObject*>(slot)->d_member->offset : -1;
  Py_DECREF(slot);  // its class keeps it
  if (!good) PyErr_Format(PyExc_TypeError, "link_view: %s is no slot", name);
  return offset;
}

struct Slots {
  Py_ssize_t cell, base, steps, views;
};

bool find_slots(PyTypeObject* type, Slots& slots) {
  slots = {slot_offset(type, "_cell"), 0, 0, 0};
  if (slots.cell >= 0) slots.base = slot_offset(type, "_base");
  if (slots.base >= 0) slots.steps = slot_offset(type, "_steps");
  if (slots.steps >= 0) slots.views = slot_offset(type, "_views");
  return !PyErr_Occurred();
}

PyObject*& slot(PyObject* object, Py_ssize_t offset) {
  return *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(object) + offset);
}

// Puts what the caller owns into a slot.
void fill_slot(PyObject* object, Py_ssize_t offset, PyObject* value) {
  PyObject* const before = slot(object, offset);
  slot(object, offset) = value;
  Py_XDECREF(before);
}

// The steps that lead to `source`, if it is a view itself, and one more.
PyObject* steps_to(PyObject* before, PyObject* primitive, PyObject* attributes) {
  const Py_ssize_t known = before == nullptr ? 0 : PyTuple_GET_SIZE(before);
  PyObject* const steps = PyTuple_New(known + 1);
  PyObject* const step = PyTuple_Pack(2, primitive, attributes);
  if (steps == nullptr || step == nullptr) {
    Py_XDECREF(steps);
    Py_XDECREF(step);
    return nullptr;
  }
  for (Py_ssize_t i = 0; i < known; ++i) PyTuple_SET_ITEM(steps, i, Py_NewRef(PyTuple_GET_ITEM(before, i)));
  PyTuple_SET_ITEM(steps, known, step);
  return steps;
}

// Whether `view` now is among the views that `base` knows of.
bool add_view(PyObject*& views, PyObject* view) {
  if (views == nullptr) views = PyList_New(0);
  PyObject* const reference = PyWeakref_NewRef(view, nullptr);
  const bool good = views != nullptr && reference != nullptr && PyList_Append(views, reference) == 0;
  Py_XDECREF(reference);
  return good;
}

// link_view(view, source, primitive, attributes) makes `view` known as what `primitive` made of `source`, and returns
// how many views the base has had.
PyObject* link_view(PyObject*, PyObject* const* args, Py_ssize_t count) {
  static Slots slots;
  static bool found = false;
  if (count != 4) return PyErr_Format(PyExc_TypeError, "link_view: takes two tensors, a primitive and its attributes");
  if (!found && !(found = find_slots(Py_TYPE(args[0]), slots))) return nullptr;
  PyObject *const view = args[0], *const source = args[1];
  PyObject* const own_base = slot(source, slots.base);
  PyObject* const base = own_base == nullptr ? source : own_base;
  PyObject* const steps = steps_to(slot(source, slots.steps), args[2], args[3]);
  if (steps == nullptr) return nullptr;
  fill_slot(view, slots.steps, steps);
  fill_slot(view, slots.cell, Py_XNewRef(slot(source, slots.cell)));
  fill_slot(view, slots.base, Py_NewRef(base));
  if (!add_view(slot(base, slots.views), view)) return nullptr;
  return PyLong_FromSsize_t(PyList_GET_SIZE(slot(base, slots.views)));
}

// ---------------------------------------------------------------------------------------------------------------------
// The buffer protocol, which Python classes cannot speak before 3.12.

// Lends what the object's method numpy() returns.
int get_buffer(PyObject* self, Py_buffer* view, int flags) {
  PyObject* const array = PyObject_CallMethod(self, "numpy", nullptr);
  if (array == nullptr) {
    view->obj = nullptr;
    return -1;
  }
  const int status = PyObject_GetBuffer(array, view, flags);
  Py_DECREF(array);
  return status;
}

PyObject* make_lender_type() {
  static PyType_Slot slots[] = {{Py_bf_getbuffer, reinterpret_cast<void*>(get_buffer)}, {0, nullptr}};
  static PyType_Spec spec = {"minigrad._core.Lender", static_cast<int>(sizeof(PyObject)), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  return PyType_FromSpec(&spec);
}

PyMethodDef kFunctions[] = {
    {"grad_enabled", grad_enabled, METH_NOARGS, "Whether this thread records a graph."},
    {"set_grad_enabled", set_grad_enabled, METH_O,
     "Set whether this thread records a graph; return what was set before."},
    {"set_inference", fastcall(set_inference), METH_FASTCALL,
     "set_inference(flag, handler): enter or leave inference mode; return what was before, and NumPy's handler."},
    {"inference_enabled", inference_enabled, METH_NOARGS, "Whether this thread is in inference mode."},
    {"inference_arrays", inference_arrays, METH_NOARGS, "How many arrays live that were made in inference mode."},
    {"is_inference", is_inference, METH_O, "is_inference(array): whether its memory was made in inference mode."},
    {"broadcast_view", fastcall(broadcast_view), METH_FASTCALL,
     "broadcast_view(array, shape): the array repeated to shape, without copying."},
    {"strided_view", fastcall(strided_view), METH_FASTCALL,
     "strided_view(array, shape, strides, offset): elements of the array's memory by strides in bytes; unchecked."},
    {"lent_view", lent_view, METH_O, "The same memory as an array on which every array made from it depends."},
    {"digest", digest, METH_O, "An integer that tells whether an array's elements are what they were."},
    {"link_view", fastcall(link_view), METH_FASTCALL,
     "link_view(view, source, primitive, attributes): make it known what a view was made of; return how many views its "
     "base has had."},
    {"same_shape", fastcall(same_shape), METH_FASTCALL,
     "same_shape(*arrays): None where all shapes are equal, otherwise the tuple of them."},
    {nullptr, nullptr, 0, nullptr},
};

// Adds what was made, if it was, and lets go of it.
bool add_type(PyObject* module, const char* name, PyObject* type) {
  const bool added = type != nullptr && PyModule_AddObjectRef(module, name, type) == 0;
  Py_XDECREF(type);
  return added;
}

}  // namespace

bool add_graph_functions(PyObject* module) {
  return add_type(module, "Lender", make_lender_type()) && add_type(module, "OutFunction", make_out_function_type()) &&
         PyModule_AddFunctions(module, kFunctions) == 0;
}

}  // namespace minigrad
