#include "bindings/promotion.hpp"

#include <algorithm>

#include "bindings/inputs.hpp"
#include "bindings/kernel_type.hpp"

namespace minigrad {
namespace {

// The ranks of operands, in the order in which they decide: PyTorch's rules of promotion.
enum Rank : int { kWithDimensions, kWithoutDimensions, kNumber, kRanks };

// bool, integer, float.
int category(DType dtype) { return is_floating(dtype) ? 2 : static_cast<int>(dtype != DType::boolean); }

// The smallest dtype that both are promoted to.
DType higher(DType a, DType b) {
  if (is_floating(a) != is_floating(b)) return is_floating(a) ? a : b;
  if (is_floating(a)) return item_size(a) >= item_size(b) ? a : b;
  const DType least = std::min(a, b), most = std::max(a, b);
  return least == DType::uint8 && most == DType::int8 ? DType::int16 : most;
}

int default_code() {
  for (int code = 0; code < kDTypeCount; ++code) {
    if (PyTuple_GET_ITEM(g_connections.dtypes, code) == g_connections.default_dtype) return code;
  }
  return kNoDType;
}

PyObject* array_in(PyObject* object) { return is_tensor(object) ? tensor_in(object)->array : object; }

// The dtype of a tensor, an array or a number, and its rank; kNoDType for what is none of them, or needs a closer look.
int code_of(PyObject* operand, Rank& rank) {
  rank = kNumber;
  if (PyBool_Check(operand)) return static_cast<int>(DType::boolean);
  if (PyLong_CheckExact(operand)) return static_cast<int>(DType::int64);
  if (PyFloat_CheckExact(operand)) return default_code();
  PyObject* const array = array_in(operand);
  const int code = native_dtype_code(array);
  if (code == kNoDType) return kNoDType;
  rank = PyArray_NDIM(as_array(array)) > 0 ? kWithDimensions : kWithoutDimensions;
  return code;
}

// The dtype that an operation on operands computes in. One of a lower rank counts only where it is of a higher category
// than all of higher ranks.
class CommonDType {
 public:
  // False for what needs a closer look.
  bool add(PyObject* operand) {
    Rank rank;
    const int code = code_of(operand, rank);
    if (code == kNoDType) return false;
    const DType dtype = static_cast<DType>(code);
    of_[rank] = known_[rank] ? higher(of_[rank], dtype) : dtype;
    known_[rank] = true;
    return true;
  }

  int code() const {
    int chosen = kNoDType;
    for (int rank = 0; rank < kRanks; ++rank) {
      if (!known_[rank]) continue;
      if (chosen == kNoDType || category(of_[rank]) > category(static_cast<DType>(chosen))) {
        chosen = static_cast<int>(of_[rank]);
      }
    }
    return chosen;
  }

 private:
  DType of_[kRanks];
  bool known_[kRanks] = {};
};

// A tensor or an array in another dtype.
Reference convert(PyObject* x, DType from, int code) {
  const Reference target(PyLong_FromLong(code)), source(PyLong_FromLong(static_cast<int>(from)));
  if (target == nullptr || source == nullptr) return nullptr;
  const bool differentiable = is_floating(from) && is_floating(static_cast<DType>(code));
  PyObject* const args[] = {x, target.get(), source.get()};
  return Reference(differentiable ? call_python(g_connections.cast, args, 3, nullptr)
                                  : call_python(g_connections.convert, args, 2, nullptr));
}

// The dtype that inputs of a kernel are brought to; kNoDType where there is more to consider.
int target_of(const KernelObject& kernel, PyObject* const* inputs, int count, bool floating) {
  CommonDType common;
  for (int i = 0; i < count; ++i) {
    if (kernel.kernel->types[i] == 'T' && !common.add(inputs[i])) return kNoDType;
  }
  int code = common.code();
  if (floating && code != kNoDType && !is_floating(static_cast<DType>(code))) code = default_code();
  return code != kNoDType && kernel.runs.of[code] != nullptr ? code : kNoDType;
}

// result_type(*operands): the dtype that an operation on tensors, arrays and numbers computes in; None where there is
// more to consider.
PyObject* result_type(PyObject*, PyObject* const* args, Py_ssize_t count) {
  CommonDType common;
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (!common.add(args[i])) Py_RETURN_NONE;
  }
  const int code = common.code();
  return Py_NewRef(code == kNoDType ? Py_None : PyTuple_GET_ITEM(g_connections.dtypes, code));
}

PyMethodDef kFunctions[] = {
    {"result_type", fastcall(result_type), METH_FASTCALL, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

bool bring_to_one_dtype(PyObject* kernel, PyObject* const* inputs, int count, bool floating, Reference* brought) {
  if (!is_kernel(kernel)) return false;
  const KernelObject& self = *reinterpret_cast<KernelObject*>(kernel);
  const int code = self.kernel->variadic ? kNoDType : target_of(self, inputs, count, floating);
  bool changed = false;
  for (int i = 0; code != kNoDType && i < count; ++i) {
    Rank rank;
    const int own = self.kernel->types[i] == 'T' ? code_of(inputs[i], rank) : code;
    if (self.kernel->no_flags && own == static_cast<int>(DType::boolean)) return false;
    const bool stays = own == code || !is_array(array_in(inputs[i]));
    brought[i] = stays ? share(inputs[i]) : convert(inputs[i], static_cast<DType>(own), code);
    if (brought[i] == nullptr) return false;
    changed |= !stays;
  }
  return changed;
}

bool add_promotion_functions(PyObject* module) { return PyModule_AddFunctions(module, kFunctions) == 0; }

}  // namespace minigrad
