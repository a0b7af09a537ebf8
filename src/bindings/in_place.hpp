// In-place forms: elementwise functions that write into their first operand's memory.
#pragma once

#include "bindings/array.hpp"

namespace minigrad {

// Adds the functions and the type to the module; false with an exception set.
bool add_in_place_functions(PyObject* module);

}  // namespace minigrad
