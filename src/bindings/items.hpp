// x[key] = value, and x[key] where indices or masks pick: what needs no graph and is short.
#pragma once

#include "bindings/array.hpp"

namespace minigrad {

// Adds the functions to the module; false with an exception set.
bool add_item_functions(PyObject* module);

}  // namespace minigrad
