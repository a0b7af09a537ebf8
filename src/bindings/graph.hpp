// What the graph layer asks of C++ because Python would be too slow at it: the thread's grad mode and views.
#pragma once

#include "bindings/array.hpp"

namespace minigrad {

// Adds the functions to the module; false with an exception set.
bool add_graph_functions(PyObject* module);

}  // namespace minigrad
