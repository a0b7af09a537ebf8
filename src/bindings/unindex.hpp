// The adjoint of indexing by integers and slices.
#pragma once

#include "bindings/array.hpp"

namespace minigrad {

// Adds the function to the module; false with an exception set.
bool add_unindex_function(PyObject* module);

}  // namespace minigrad
