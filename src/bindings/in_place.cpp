#include "bindings/in_place.hpp"

#include <cstring>

#include "bindings/commons.hpp"
#include "bindings/function_type.hpp"
#include "bindings/kernel_type.hpp"
#include "bindings/modes.hpp"
#include "core/layout.hpp"
#include "kernels/moves.hpp"

namespace minigrad {
namespace {

struct Extent {
  const char* begin;
  const char* end;
};

// Where the elements of a view begin and end in memory.
Extent extent_of(const View& x) {
  const char* const data = static_cast<const char*>(x.data);
  const int64_t item = item_size(x.dtype);
  Extent extent = {data, data + item};
  for (int d = 0; d < x.rank; ++d) {
    if (x.shape[d] == 0) return {data, data};
    const int64_t reach = (x.shape[d] - 1) * x.stride[d] * item;
    (reach < 0 ? extent.begin : extent.end) += reach;
  }
  return extent;
}

// Whether an operand can be read while `own`, the view of an array, is written: a number or flag, or a tensor that
// wants no gradient recorded and is in other memory, or has that array itself.
bool is_readable(PyObject* operand, PyObject* array, const View& own) {
  View view;
  if (!is_tensor(operand)) return PyFloat_CheckExact(operand) || PyLong_CheckExact(operand) || PyBool_Check(operand);
  return is_free_to_read(tensor_in(operand), view) && (tensor_in(operand)->array == array || !overlap(view, own));
}

enum class Written : int8_t { error = -1, no, yes };

// Whether an exception says that the kernel does not take these operands. The usual way then goes on, or raises a
// better one.
bool is_refusal() {
  return PyErr_ExceptionMatches(PyExc_ValueError) || PyErr_ExceptionMatches(PyExc_RuntimeError) ||
         PyErr_ExceptionMatches(PyExc_TypeError);
}

// Calls kernel.into(array, ...) for the array of `tensor`, which is a change of the tensor; `into` is the array and
// what follows.
Written write_into(TensorObject* tensor, PyObject* kernel, PyObject* const* into, Py_ssize_t count) {
  Cell* const cell = cell_of(tensor);
  if (cell == nullptr) return Written::error;
  const Reference done(kernel_into(kernel, into, count));
  if (done == nullptr && !is_refusal()) return Written::error;
  if (done == nullptr) PyErr_Clear();
  if (done == nullptr || done.get() == Py_NotImplemented) return Written::no;
  ++cell->version;
  return Written::yes;
}

// Lets a kernel whose output may be its input write its result into a tensor's memory. Cases in which anything else has
// to be considered are left to Python. Kernels that fill, such as `full`, get the tensor's shape and dtype as well.
Written compute(PyObject* kernel, PyObject* object, PyObject* const* operands, Py_ssize_t count) {
  TensorObject* const tensor = tensor_in(object);
  if (Reference(own_memory(object, nullptr)) == nullptr) return Written::error;
  View own;
  if (!is_free_to_write(tensor, own) || !is_dense(own) || count > kMaxInputs) return Written::no;
  PyObject* into[1 + kMaxInputs + 2] = {tensor->array};
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (!is_readable(operands[i], tensor->array, own)) return Written::no;
    into[1 + i] = is_tensor(operands[i]) ? tensor_in(operands[i])->array : operands[i];
  }
  if (!takes_shape(kernel)) return write_into(tensor, kernel, into, 1 + count);
  const Reference shape(shape_of(tensor->array)), code(PyLong_FromLong(static_cast<int>(own.dtype)));
  if (shape == nullptr || code == nullptr) return Written::error;
  into[1 + count] = shape.get();
  into[2 + count] = code.get();
  return write_into(tensor, kernel, into, 3 + count);
}

PyObject* to_python(Written written) {
  return written == Written::error ? nullptr : PyBool_FromLong(written == Written::yes);
}

// compute_into(kernel, tensor, operands): lets an elementwise kernel write its result into the tensor's own memory;
// False, with nothing done, where there is more to consider.
PyObject* compute_into(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 3 || !is_kernel(args[0]) || !is_tensor(args[1]) || !PyTuple_Check(args[2])) {
    return PyErr_Format(PyExc_TypeError, "compute_into: takes a kernel, a tensor and a tuple");
  }
  return to_python(compute(args[0], args[1], PySequence_Fast_ITEMS(args[2]), PyTuple_GET_SIZE(args[2])));
}

// ---------------------------------------------------------------------------------------------------------------------
// In-place forms.

// A function that changes its first argument, a tensor, and the forms of call that a kernel can do alone.
struct InPlaceForm {
  PyObject head;
  PyObject* function;
  PyObject* plain;       // the function that computes what it writes and changes nothing; None where there is none
  PyObject* calls;       // a tuple; see KernelCall
  PyObject* dictionary;  // name, docstring and whatever else is set
  vectorcallfunc vectorcall;
};

InPlaceForm& form_in(PyObject* object) { return *reinterpret_cast<InPlaceForm*>(object); }

// A form of call that a kernel can do alone, as kernel_call in _methods.py describes it: a tuple of
//
//   the kernel;
//   its operands, each the number of an argument, or a float or flag as it is;
//   the names of the arguments, of which the call must have all and no others;
//   a letter for each argument: t a tensor, n a number, k a number given by keyword, a or b a tensor or a number. Since
//   integers must not wrap around, n is for float tensors only, and b for integers in the tensor's range as well.
struct KernelCall {
  PyObject* kernel;
  PyObject* operands;
  PyObject* names;
  const char* kinds;

  explicit KernelCall(PyObject* tuple)
      : kernel(PyTuple_GET_ITEM(tuple, 0)),
        operands(PyTuple_GET_ITEM(tuple, 1)),
        names(PyTuple_GET_ITEM(tuple, 2)),
        kinds(PyUnicode_AsUTF8(PyTuple_GET_ITEM(tuple, 3))) {}

  Py_ssize_t arguments() const { return PyTuple_GET_SIZE(names); }
};

bool is_constant(PyObject* operand) { return PyFloat_CheckExact(operand) || PyBool_Check(operand); }

// Flags given by the caller are of no kind.
bool is_of_kind(char kind, PyObject* argument) {
  if (PyBool_Check(argument)) return false;
  return kind == 'a' || kind == 'b' || (kind == 't') == is_tensor(argument);
}

Py_ssize_t position_of(PyObject* names, PyObject* name) {
  Py_ssize_t i = PyTuple_GET_SIZE(names) - 1;
  while (i >= 0 && PyTuple_GET_ITEM(names, i) != name && PyUnicode_Compare(PyTuple_GET_ITEM(names, i), name) != 0) --i;
  return i;
}

// Puts the arguments into the order of their names; false if the call has another form.
bool bind(const KernelCall& call, PyObject* const* args, Py_ssize_t count, PyObject* keywords, PyObject** bound) {
  const Py_ssize_t named = keywords == nullptr ? 0 : PyTuple_GET_SIZE(keywords);
  if (count == 0 || count + named != call.arguments()) return false;
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (call.kinds[i] == 'k') return false;
    bound[i] = args[i];
  }
  for (Py_ssize_t k = 0; k < named; ++k) {
    const Py_ssize_t at = position_of(call.names, PyTuple_GET_ITEM(keywords, k));
    if (at < count) return false;
    bound[at] = args[count + k];
  }
  for (Py_ssize_t i = 0; i < count + named; ++i) {
    if (!is_of_kind(call.kinds[i], bound[i])) return false;
  }
  return true;
}

// Whether an array of integers holds a Python number as it is.
bool holds(PyArrayObject* array, PyObject* number) {
  if (!PyLong_CheckExact(number)) return false;
  int beyond;
  const long long value = PyLong_AsLongLongAndOverflow(number, &beyond);
  const int bits = 8 * static_cast<int>(PyArray_ITEMSIZE(array));
  if (PyArray_ISUNSIGNED(array)) return beyond == 0 && value >= 0 && value >> bits == 0;
  return beyond == 0 && value >> (bits - 1) == (value < 0 ? -1 : 0);
}

// Whether a tensor can hold the numbers of a call: one of floats can hold any, one of integers those `b` in its range.
bool holds_numbers(const char* kinds, PyObject* const* bound) {
  PyObject* const object = tensor_in(bound[0])->array;
  if (std::strpbrk(kinds, "nb") == nullptr) return true;
  if (!PyArray_CheckExact(object)) return false;
  PyArrayObject* const array = as_array(object);
  if (PyArray_ISFLOAT(array)) return true;
  for (int i = 1; kinds[i] != 0; ++i) {
    if (kinds[i] == 'n' || (kinds[i] == 'b' && !is_tensor(bound[i]) && !holds(array, bound[i]))) return false;
  }
  return PyArray_ISINTEGER(array);
}

Written try_call(const KernelCall& call, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  PyObject* bound[kMaxInputs];
  if (!bind(call, args, count, keywords, bound)) return Written::no;
  if (!holds_numbers(call.kinds, bound)) return Written::no;
  PyObject* operands[kMaxInputs];
  const Py_ssize_t n = PyTuple_GET_SIZE(call.operands);
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* const operand = PyTuple_GET_ITEM(call.operands, i);
    operands[i] = is_constant(operand) ? operand : bound[PyLong_AsSsize_t(operand)];
  }
  return compute(call.kernel, args[0], operands, n);
}

// bool, integer, float: a result can be stored in a dtype of its own kind, or of a later one.
int kind_of(DType dtype) { return is_floating(dtype) ? 2 : static_cast<int>(dtype != DType::boolean); }

// Writes a result into the memory of a tensor, `own`, converted where the dtypes differ.
Written store(PyObject* object, const View& own, PyObject* result) {
  View x;
  if (!is_tensor(result) || !PyArray_CheckExact(tensor_in(result)->array) ||
      view_array(tensor_in(result)->array, x) != ArrayKind::usable || !x.same_shape(own) ||
      kind_of(x.dtype) > kind_of(own.dtype)) {
    return Written::no;
  }
  static PyObject* const cast = kernel_named("cast");
  static PyObject* const clone = kernel_named("clone");
  if (cast == nullptr || clone == nullptr) return Written::error;
  if (x.dtype == own.dtype) return compute(clone, object, &result, 1);
  const Reference code(PyLong_FromLong(static_cast<int>(own.dtype)));
  PyObject* const operands[] = {result, code.get()};
  return code == nullptr ? Written::error : compute(cast, object, operands, 2);
}

// Computes as the plain function does and writes the result, where no graph has to know.
Written compute_and_store(PyObject* plain, PyObject* const* args, size_t nargsf, PyObject* keywords) {
  const Py_ssize_t given = PyVectorcall_NARGS(nargsf);
  const Py_ssize_t count = given + (keywords == nullptr ? 0 : PyTuple_GET_SIZE(keywords));
  View own;
  if (given == 0 || plain == Py_None || !is_tensor(args[0])) return Written::no;
  if (Reference(own_memory(args[0], nullptr)) == nullptr) return Written::error;
  if (!is_free_to_write(tensor_in(args[0]), own) || !is_dense(own)) return Written::no;
  for (Py_ssize_t i = 1; i < count; ++i) {
    if (is_tensor(args[i]) && has_origin(tensor_in(args[i])) && is_recording()) return Written::no;
  }
  const Reference result(call_python(plain, args, nargsf, keywords));
  return result == nullptr ? Written::error : store(args[0], own, result.get());
}

Written try_calls(const InPlaceForm& form, PyObject* const* args, size_t nargsf, PyObject* keywords) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(form.calls); ++i) {
    const KernelCall call(PyTuple_GET_ITEM(form.calls, i));
    const Written written = try_call(call, args, PyVectorcall_NARGS(nargsf), keywords);
    if (written != Written::no) return written;
  }
  return compute_and_store(form.plain, args, nargsf, keywords);
}

PyObject* call_form(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* keywords) {
  const Written written = try_calls(form_in(self), args, nargsf, keywords);
  if (written == Written::yes) return Py_NewRef(args[0]);
  PyObject* const result =
      written == Written::error ? nullptr : call_python(form_in(self).function, args, nargsf, keywords);
  return result != nullptr ? result : failed_in(self);
}

// Whether a tuple is what KernelCall reads, and within bounds; false with an exception set.
bool is_kernel_call(PyObject* tuple) {
  PyObject *kernel, *operands, *names;
  const char* kinds;
  Py_ssize_t count;
  if (!PyTuple_Check(tuple) ||
      !PyArg_ParseTuple(tuple, "OO!O!s#", &kernel, &PyTuple_Type, &operands, &PyTuple_Type, &names, &kinds, &count)) {
    return false;
  }
  bool right = is_kernel(kernel) && count == PyTuple_GET_SIZE(names) && count > 0 && kinds[0] == 't' &&
               count <= kMaxInputs && PyTuple_GET_SIZE(operands) <= kMaxInputs;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(operands); ++i) {
    PyObject* const operand = PyTuple_GET_ITEM(operands, i);
    if (is_constant(operand)) continue;
    const Py_ssize_t argument = PyLong_AsSsize_t(operand);
    if (PyErr_Occurred() != nullptr) return false;
    right = right && argument >= 0 && argument < count;
  }
  if (!right) PyErr_SetString(PyExc_TypeError, "InPlaceForm: no description of a kernel's call");
  return right;
}

// InPlaceForm(function, calls, plain=None)
PyObject* make_form(PyTypeObject* type, PyObject* args, PyObject*) {
  PyObject *function, *calls, *plain = Py_None;
  if (!PyArg_ParseTuple(args, "OO!|O:InPlaceForm", &function, &PyTuple_Type, &calls, &plain)) return nullptr;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(calls); ++i) {
    if (!is_kernel_call(PyTuple_GET_ITEM(calls, i))) return nullptr;
  }
  PyObject* const self = type->tp_alloc(type, 0);
  if (self == nullptr) return nullptr;
  form_in(self).function = Py_NewRef(function);
  form_in(self).calls = Py_NewRef(calls);
  form_in(self).plain = Py_NewRef(plain);
  form_in(self).vectorcall = call_form;
  return self;
}

using InPlaceFormType = FunctionType<InPlaceForm, &InPlaceForm::function, &InPlaceForm::plain, &InPlaceForm::calls>;

// copy_into(array, value): writes the elements of another array, into the memory of the first one. By NumPy's means,
// which are slow where one of them lies turned, only where there is something to convert, the two share memory, or
// elements share places, of which then the last one counts.
PyObject* copy_into(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 2 || !PyArray_Check(args[0]) || !PyArray_Check(args[1])) {
    return PyErr_Format(PyExc_TypeError, "copy_into: takes two arrays");
  }
  PyArrayObject* const array = as_array(args[0]);
  PyArrayObject* const value = as_array(args[1]);
  View out, x;
  const bool ours = PyArray_TYPE(array) == PyArray_TYPE(value) && PyArray_ISWRITEABLE(array) &&
                    (PyArray_NDIM(value) == 0 || PyArray_SAMESHAPE(array, value)) &&
                    view_array(args[0], out) == ArrayKind::usable && view_array(args[1], x) == ArrayKind::usable &&
                    !overlap(out, x) && !may_share_places(out);
  if (ours && PyArray_SIZE(array) < kMany) {
    copy_all(out, x);
  } else if (ours) {
    {
      const Unlocked unlocked;
      copy_all(out, x);
    }
  } else if (PyArray_CopyInto(array, value) < 0) {
    return nullptr;
  }
  Py_RETURN_NONE;
}

PyMethodDef kFunctions[] = {
    {"compute_into", fastcall(compute_into), METH_FASTCALL, nullptr},
    {"copy_into", fastcall(copy_into), METH_FASTCALL, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

bool overlap(const View& a, const View& b) {
  const Extent one = extent_of(a), other = extent_of(b);
  return one.begin < other.end && other.begin < one.end;
}

bool is_free_to_write(const TensorObject* tensor, View& view) {
  if (!PyArray_CheckExact(tensor->array) || is_anything_watching() || is_out_of_inference(tensor->array)) {
    return false;
  }
  PyObject* const base = tensor->base;
  const bool known = has_origin(tensor) || (base != nullptr && has_origin(tensor_in(base)));
  if (known && is_recording()) return false;
  return view_array(tensor->array, view) == ArrayKind::usable && is_writable(tensor->array);
}

bool is_free_to_read(const TensorObject* tensor, View& view) {
  if ((has_origin(tensor) && is_recording()) || !PyArray_CheckExact(tensor->array)) return false;
  return view_array(tensor->array, view) == ArrayKind::usable;
}

bool add_in_place_functions(PyObject* module) {
  return PyModule_AddFunctions(module, kFunctions) == 0 &&
         add_type(module, "InPlaceForm", InPlaceFormType::type("minigrad._core.InPlaceForm", make_form, true));
}

}  // namespace minigrad
