// New arrays that lie in memory as others do.
#pragma once

#include "bindings/array.hpp"

namespace minigrad {

// Whether an array can be a leaf's gradient as it lies: as the leaf's array does, or row-major where that has gaps.
bool lies_as(PyObject* leaf, PyObject* array);

// A copy of an array that lies so; nullptr with an exception set.
PyObject* copy_as(PyObject* leaf, PyObject* array);

// Adds the functions to the module; false with an exception set.
bool add_layout_functions(PyObject* module);

}  // namespace minigrad
