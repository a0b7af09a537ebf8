// What optimisers and modules ask of C++ because Python would be too slow at it: the arrays of many parameters, and the
// members of a module.
#pragma once

#include "bindings/array.hpp"

namespace minigrad {

// Adds the functions to the module; false with an exception set.
bool add_parameter_functions(PyObject* module);

}  // namespace minigrad
