// What optimisers ask of C++ because Python would be too slow at it: the arrays of many parameters.
#pragma once

#include "bindings/array.hpp"

namespace minigrad {

// Adds the function to the module; false with an exception set.
bool add_gather_function(PyObject* module);

}  // namespace minigrad
