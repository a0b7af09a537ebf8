// The backward sweep.
#pragma once

#include "bindings/objects.hpp"

namespace minigrad {

// Adds the function to the module; false with an exception set.
bool add_sweep_function(PyObject* module);

}  // namespace minigrad
