// Elementwise functions that write into their first operand's memory.
#pragma once

#include "bindings/array.hpp"

namespace minigrad {

// Adds the function to the module; false with an exception set.
bool add_in_place_function(PyObject* module);

}  // namespace minigrad
