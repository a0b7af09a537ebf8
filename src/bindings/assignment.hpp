// x[key] = value for keys of integers, slices and Ellipsis.
#pragma once

#include "bindings/array.hpp"

namespace minigrad {

// Adds the function to the module; false with an exception set.
bool add_assignment_function(PyObject* module);

}  // namespace minigrad
