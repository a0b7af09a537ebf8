// Arguments of public functions brought to one form, where that is plain; what is unusual, or wrong, is Python's to
// read.
#pragma once

#include "bindings/reference.hpp"

namespace minigrad {

// Adds the functions to the module; false with an exception set.
bool add_argument_functions(PyObject* module);

}  // namespace minigrad
