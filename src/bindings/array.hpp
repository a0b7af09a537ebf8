// NumPy arrays as views, and new arrays from the pool. The one file that touches NumPy's C structures.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#define NPY_TARGET_VERSION NPY_2_0_API_VERSION
// NumPy's function table is one pointer for the whole module, defined by the file that imports NumPy.
#define PY_ARRAY_UNIQUE_SYMBOL minigrad_numpy_api
#ifndef MINIGRAD_IMPORTS_NUMPY
#define NO_IMPORT_ARRAY
#endif
#include <numpy/arrayobject.h>
#include <structmember.h>

#include <atomic>
#include <cstdint>
#include <cstring>

#include "core/kernel.hpp"
#include "core/pool.hpp"

namespace minigrad {

// METH_FASTCALL functions have another signature than the field of PyMethodDef that they are stored in.
using FastCall = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t);

static inline PyCFunction fastcall(FastCall function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

// ---------------------------------------------------------------------------------------------------------------------
// Dtypes.

constexpr int kNoDType = -1;

static inline int dtype_code(int type_num) {
  switch (type_num) {
    case NPY_BOOL:
      return static_cast<int>(DType::boolean);
    case NPY_UBYTE:
      return static_cast<int>(DType::uint8);
    case NPY_BYTE:
      return static_cast<int>(DType::int8);
    case NPY_SHORT:
      return static_cast<int>(DType::int16);
    case NPY_INT:
      return static_cast<int>(DType::int32);
    case NPY_LONG:
      return static_cast<int>(sizeof(long) == 8 ? DType::int64 : DType::int32);
    case NPY_LONGLONG:
      return static_cast<int>(DType::int64);
    case NPY_FLOAT:
      return static_cast<int>(DType::float32);
    case NPY_HALF:
      return static_cast<int>(DType::float16);
    case NPY_DOUBLE:
      return static_cast<int>(DType::float64);
    default:
      return kNoDType;
  }
}

static inline PyArrayObject* as_array(PyObject* object) { return reinterpret_cast<PyArrayObject*>(object); }

// The dtype of an array in native byte order; kNoDType for anything else.
static inline int native_dtype_code(PyObject* object) {
  if (object == nullptr || !PyArray_Check(object)) return kNoDType;
  PyArrayObject* const array = as_array(object);
  return PyArray_ISNOTSWAPPED(array) ? dtype_code(PyArray_TYPE(array)) : kNoDType;
}

static inline int numpy_type(DType dtype) {
  constexpr int kTypes[kDTypeCount] = {NPY_BOOL,  NPY_UINT8,   NPY_INT8,    NPY_INT16,  NPY_INT32,
                                       NPY_INT64, NPY_FLOAT32, NPY_FLOAT64, NPY_FLOAT16};
  return kTypes[static_cast<int>(dtype)];
}

// ---------------------------------------------------------------------------------------------------------------------
// Arrays taken in.

// What an object is to a kernel: an array that it can read as it lies, one that has to be copied first (misaligned,
// foreign byte order), one of a dtype that no kernel takes, or no array.
enum class ArrayKind : uint8_t { usable, needs_copy, unknown_dtype, too_many_dimensions, no_array };

static inline ArrayKind view_array(PyObject* object, View& view) {
  if (!PyArray_Check(object)) return ArrayKind::no_array;
  PyArrayObject* array = as_array(object);
  const int dtype = dtype_code(PyArray_TYPE(array));
  if (dtype == kNoDType) return ArrayKind::unknown_dtype;
  if (!PyArray_ISALIGNED(array) || !PyArray_ISNOTSWAPPED(array)) return ArrayKind::needs_copy;
  const int rank = PyArray_NDIM(array);
  if (rank > kMaxRank) return ArrayKind::too_many_dimensions;
  view.data = PyArray_DATA(array);
  view.dtype = static_cast<DType>(dtype);
  view.rank = rank;
  const npy_intp* shape = PyArray_DIMS(array);
  const npy_intp* stride = PyArray_STRIDES(array);
  const int shift = __builtin_ctzll(static_cast<unsigned long long>(item_size(view.dtype)));
  for (int d = 0; d < rank; ++d) {
    view.shape[d] = shape[d];
    view.stride[d] = stride[d] >> shift;  // exact: aligned elements lie whole elements apart
  }
  return ArrayKind::usable;
}

// Whether an object stands for the arrays of several examples (batching.py). No function here takes one; the caller
// goes on with a batching rule.
static inline bool is_batched(PyObject* object) {
  return PyObject_HasAttrString(reinterpret_cast<PyObject*>(Py_TYPE(object)), "__batched__") != 0;
}

static inline bool is_writable(PyObject* array) { return PyArray_ISWRITEABLE(as_array(array)); }

// A new reference to a copy in native byte order, aligned; nullptr with a Python exception set.
static inline PyObject* behaved_copy(PyObject* array) {
  PyArray_Descr* native = PyArray_DescrNewByteorder(PyArray_DESCR(as_array(array)), NPY_NATIVE);
  if (native == nullptr) return nullptr;
  return PyArray_FromAny(array, native, 0, 0, NPY_ARRAY_ALIGNED | NPY_ARRAY_ENSURECOPY, nullptr);
}

// Copies src's elements into dst; false with an exception set where shape or dtype differ or dst cannot be written.
static inline bool copy_elements(PyObject* dst, PyObject* src, const char* name) {
  PyArrayObject* const to = as_array(dst);
  PyArrayObject* const from = as_array(src);
  if (!is_writable(dst) || PyArray_TYPE(to) != PyArray_TYPE(from) || !PyArray_SAMESHAPE(to, from)) {
    PyErr_Format(PyExc_ValueError, "%s: out must be a writable, aligned array of the result's shape and dtype", name);
    return false;
  }
  return PyArray_CopyInto(to, from) == 0;
}

// ---------------------------------------------------------------------------------------------------------------------
// Numbers: Python's, and NumPy's scalars.

static inline bool is_boolean(PyObject* object) { return PyBool_Check(object) || PyArray_IsScalar(object, Bool); }
static inline bool is_real(PyObject* object) { return PyFloat_Check(object) || PyArray_IsScalar(object, Floating); }
static inline bool is_integer(PyObject* object) {
  return PyLong_Check(object) || PyArray_IsScalar(object, Integer) || is_boolean(object);
}

// ---------------------------------------------------------------------------------------------------------------------
// New arrays, whose memory comes from the pool and goes back to it.

static inline void* handler_malloc(void*, size_t bytes) { return pool_allocate(bytes); }

static inline void* handler_calloc(void*, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) return nullptr;
  void* const buffer = pool_allocate(bytes);
  if (buffer != nullptr) std::memset(buffer, 0, bytes);
  return buffer;
}

static inline void handler_free(void*, void* buffer, size_t bytes) {
  if (buffer != nullptr) pool_free(buffer, bytes);
}

// NumPy does not say how large the old buffer was, so its contents cannot be moved: ndarray.resize, the only caller,
// raises a MemoryError and leaves the array as it was.
static inline void* handler_realloc(void*, void*, size_t) { return nullptr; }

constexpr char kPoolMemory[] = "minigrad_pool";

// The capsule through which NumPy finds the functions above; made once.
static inline PyObject* pool_handler() {
  static PyDataMem_Handler handler = {
      "minigrad_pool", 1, {nullptr, handler_malloc, handler_calloc, handler_realloc, handler_free}};
  static PyObject* const capsule = PyCapsule_New(&handler, "mem_handler", nullptr);
  return capsule;
}

// The same under another name, for memory whose address somebody asked for: see keep_apart in commons.cpp.
static inline PyObject* known_handler() {
  static PyDataMem_Handler handler = {
      "minigrad_known", 1, {nullptr, handler_malloc, handler_calloc, handler_realloc, handler_free}};
  static PyObject* const capsule = PyCapsule_New(&handler, "mem_handler", nullptr);
  return capsule;
}

// Inference mode: arrays made in it are told by their memory handler. How many of them live is counted, so that nobody
// looks for them while there are none.
constexpr char kInferenceMemory[] = "minigrad_inference";
inline thread_local bool t_inference = false;
inline std::atomic<int64_t> g_inference_arrays{0};

static inline void inference_free(void*, void* buffer, size_t bytes) {
  if (buffer == nullptr) return;
  pool_free(buffer, bytes);
  --g_inference_arrays;
}

// For arrays from kernels: `new_array` takes their memory from the pool, and counts it.
static inline PyObject* inference_handler() {
  static PyDataMem_Handler handler = {
      "minigrad_inference", 1, {nullptr, handler_malloc, handler_calloc, handler_realloc, inference_free}};
  static PyObject* const capsule = PyCapsule_New(&handler, "mem_handler", nullptr);
  return capsule;
}

// Whether an array owns its memory, by the handler of that name.
static inline bool owns_memory_of(PyArrayObject* array, const char* name) {
  PyObject* const capsule = PyArray_HANDLER(array);
  if (capsule == nullptr) return false;
  const void* const handler = PyCapsule_GetPointer(capsule, "mem_handler");
  return std::strcmp(static_cast<const PyDataMem_Handler*>(handler)->name, name) == 0;
}

// The owner of an object's memory: an array, or whatever object NumPy got the memory from.
static inline PyObject* memory_of(PyObject* object) {
  while (PyArray_Check(object)) {
    PyObject* const base = PyArray_BASE(as_array(object));
    if (base == nullptr) break;
    object = base;
  }
  return object;
}

static inline bool is_inference_array(PyObject* object) {
  PyObject* const memory = memory_of(object);
  return PyArray_Check(memory) && owns_memory_of(as_array(memory), kInferenceMemory);
}

// The bytes that `view` takes laid out row-major, or -1 where that is more than there can be.
static inline int64_t byte_count(const View& view) {
  int64_t bytes = item_size(view.dtype);
  bool empty = false;
  for (int d = 0; d < view.rank; ++d) empty |= view.shape[d] == 0;
  if (empty) return 0;
  for (int d = 0; d < view.rank; ++d) {
    if (__builtin_mul_overflow(bytes, view.shape[d], &bytes)) return -1;
  }
  return bytes <= PTRDIFF_MAX / 2 ? bytes : -1;
}

// A new array of view's shape and dtype, uninitialised; fills in view's data and strides. nullptr with an exception
// set.
[[gnu::always_inline]] static inline PyObject* new_array(View& view, const char* name) {
  const int64_t bytes = byte_count(view);
  if (bytes < 0) {
    return PyErr_Format(PyExc_RuntimeError, "%s: the result would have more elements than memory can address", name);
  }
  view.data = pool_allocate(static_cast<size_t>(bytes));
  if (view.data == nullptr) {
    return PyErr_Format(PyExc_MemoryError, "%s: no memory for a result of %lld bytes", name,
                        static_cast<long long>(bytes));
  }
  npy_intp shape[kMaxRank];
  int64_t stride = 1;
  for (int d = view.rank - 1; d >= 0; --d) {
    shape[d] = view.shape[d];
    view.stride[d] = stride;
    stride *= view.shape[d];
  }
  PyObject* const array = PyArray_NewFromDescr(&PyArray_Type, PyArray_DescrFromType(numpy_type(view.dtype)), view.rank,
                                               shape, nullptr, view.data, NPY_ARRAY_CARRAY, nullptr);
  if (array == nullptr) {
    pool_free(view.data, static_cast<size_t>(bytes));
    return nullptr;
  }
  PyArray_ENABLEFLAGS(as_array(array), NPY_ARRAY_OWNDATA);
  if (t_inference) ++g_inference_arrays;
  reinterpret_cast<PyArrayObject_fields*>(array)->mem_handler =
      Py_NewRef(t_inference ? inference_handler() : pool_handler());
  return array;
}

// The same with the strides that view has, those of dense memory.
static inline PyObject* new_array_as(View& view, const char* name) {
  View plain = view;
  PyObject* const array = new_array(plain, name);
  if (array == nullptr) return nullptr;
  view.data = plain.data;
  PyArrayObject* const turned = as_array(array);
  for (int d = 0; d < view.rank; ++d) PyArray_STRIDES(turned)[d] = view.stride[d] * item_size(view.dtype);
  PyArray_UpdateFlags(turned, NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_F_CONTIGUOUS);
  return array;
}

}  // namespace minigrad
