// Views of arrays' memory that NumPy does not make, or not quickly, and digests of what memory holds.
#pragma once

#include "bindings/array.hpp"

namespace minigrad {

// Adds the functions to the module; false with an exception set.
bool add_view_functions(PyObject* module);

}  // namespace minigrad
