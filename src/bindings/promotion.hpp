// Operands of several dtypes brought to one.
#pragma once

#include "bindings/objects.hpp"

namespace minigrad {

// What a kernel gets in place of inputs that it did not take as they are: tensors and arrays in the dtype of the
// result, a floating-point one where `floating`, by operations that the graph knows of. Numbers stay. False where there
// is more to consider, with an exception set only where a conversion failed.
bool bring_to_one_dtype(PyObject* kernel, PyObject* const* inputs, int count, bool floating, Reference* brought);

// Adds the functions to the module; false with an exception set.
bool add_promotion_functions(PyObject* module);

}  // namespace minigrad
