#include "bindings/assignment.hpp"

#include <cmath>

#include "bindings/commons.hpp"
#include "bindings/in_place.hpp"
#include "kernels/moves.hpp"

namespace minigrad {
namespace {

// What a key means in a view, whose dimensions its parts speak of one after the other. Keys that are not understood, or
// are wrong, are Python's to read.
class Target {
 public:
  explicit Target(const View& whole) : whole_(whole), out_(whole) { out_.rank = 0; }

  const View& view() const { return out_; }

  bool take(PyObject* key) {
    PyObject** const parts = PyTuple_CheckExact(key) ? PySequence_Fast_ITEMS(key) : &key;
    const Py_ssize_t count = PyTuple_CheckExact(key) ? PyTuple_GET_SIZE(key) : 1;
    Py_ssize_t left = 0;  // parts that speak of a dimension
    for (Py_ssize_t i = 0; i < count; ++i) left += parts[i] != Py_Ellipsis;
    for (Py_ssize_t i = 0; i < count; ++i) {
      if (parts[i] == Py_Ellipsis) {
        keep_all_but(left);
      } else if (dim_ == whole_.rank || !take_part(parts[i])) {
        return false;
      } else {
        --left;
      }
    }
    keep_all_but(0);
    return true;
  }

  // The number of elements, or -1 where several of them have one place.
  int64_t size() const {
    int64_t size = 1;
    bool repeats = false;
    for (int d = 0; d < out_.rank; ++d) {
      size *= out_.shape[d];
      repeats |= out_.stride[d] == 0 && out_.shape[d] > 1;
    }
    return repeats && size > 0 ? -1 : size;
  }

 private:
  void keep_all_but(Py_ssize_t left) {
    while (whole_.rank - dim_ > left) keep(0, whole_.shape[dim_], 1);
  }

  void keep(int64_t first, int64_t count, int64_t step) {
    skip(first);
    out_.shape[out_.rank] = count;
    out_.stride[out_.rank++] = count > 1 ? step * whole_.stride[dim_ - 1] : 0;
  }

  void skip(int64_t first) {
    out_.data = static_cast<char*>(out_.data) + first * whole_.stride[dim_++] * item_size(whole_.dtype);
  }

  bool take_part(PyObject* part) {
    Py_ssize_t first, last, step = 1;
    const int64_t n = whole_.shape[dim_];
    if (PySlice_Check(part)) {
      const PySliceObject* const slice = reinterpret_cast<PySliceObject*>(part);
      for (PyObject* const bound : {slice->start, slice->stop, slice->step}) {
        if (bound != Py_None && !PyLong_CheckExact(bound)) return false;
      }
      if (PySlice_Unpack(part, &first, &last, &step) < 0 || step < 0) return false;
      const Py_ssize_t count = PySlice_AdjustIndices(n, &first, &last, step);
      keep(count > 0 ? first : 0, count, step);
      return true;
    }
    if (!PyLong_CheckExact(part)) return false;
    first = PyLong_AsSsize_t(part);
    if (first == -1 && PyErr_Occurred() != nullptr) return false;
    if (first < 0) first += n;
    if (first < 0 || first >= n) return false;
    skip(first);
    return true;
  }

  const View& whole_;
  View out_;
  int dim_ = 0;
};

// Whether a number becomes an element of `dtype` without a question: integers hold only integers, and what may be too
// large for a float, or too long to be rounded once, is NumPy's.
bool is_plain_number(PyObject* number, DType dtype) {
  const bool is_real = PyFloat_CheckExact(number), is_whole = PyLong_CheckExact(number) || PyBool_Check(number);
  if (!is_floating(dtype)) return is_whole;
  if (!is_real && !is_whole) return false;
  const double value = PyFloat_AsDouble(number);
  const double most = dtype == DType::float16 ? 65504.0 : is_whole ? 0x1p53 : 0x1p127;
  return PyErr_Occurred() == nullptr && !(std::isfinite(value) && std::abs(value) > most);
}

// A value that can be written to `target`: an array's elements, or a number, which gets into `room`.
bool take_value(PyObject* value, PyObject* array, const View& target, int64_t& room, View& x) {
  if (!is_tensor(value)) {
    x = {};
    x.data = &room;
    x.dtype = target.dtype;
    return is_plain_number(value, target.dtype) &&
           PyArray_SETITEM(reinterpret_cast<PyArrayObject*>(array), static_cast<char*>(x.data), value) == 0;
  }
  if (!is_free_to_read(tensor_in(value), x) || x.dtype != target.dtype || x.rank > target.rank) return false;
  for (int d = 0; d < x.rank; ++d) {
    if (x.shape[d] != 1 && x.shape[d] != target.shape[d + target.rank - x.rank]) return false;
  }
  return !overlap(x, target);
}

// set_items(tensor, key, value): writes a number, or a tensor's elements, where a key of integers, slices and Ellipsis
// says; False, with nothing done, where there is more to consider, or something wrong.
PyObject* set_items(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 3 || !is_tensor(args[0])) {
    return PyErr_Format(PyExc_TypeError, "set_items: takes a tensor, a key and a value");
  }
  TensorObject* const tensor = tensor_in(args[0]);
  if (Reference(own_memory(args[0], nullptr)) == nullptr) return nullptr;
  View whole, x;
  int64_t room = 0;
  if (!is_free_to_write(tensor, whole)) Py_RETURN_FALSE;
  Target target(whole);
  const int64_t size = target.take(args[1]) ? target.size() : -1;
  if (size < 0 || size >= kMany || !take_value(args[2], tensor->array, target.view(), room, x)) {
    PyErr_Clear();
    Py_RETURN_FALSE;
  }
  Cell* const cell = cell_of(tensor);
  if (cell == nullptr) return nullptr;
  if (size > 0) copy_all(target.view(), x);
  ++cell->version;
  Py_RETURN_TRUE;
}

PyMethodDef kFunctions[] = {
    {"set_items", fastcall(set_items), METH_FASTCALL,
     "set_items(tensor, key, value): write a number, or a tensor's elements, where a key of integers, slices and "
     "Ellipsis says; False, with nothing done, where there is more to consider."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

bool add_assignment_function(PyObject* module) { return PyModule_AddFunctions(module, kFunctions) == 0; }

}  // namespace minigrad
