// Views of arrays' memory that NumPy does not make, or not quickly.
#pragma once

#include "bindings/array.hpp"

namespace minigrad {

// A view of the array's memory: `sizes` elements, `strides` bytes apart, from `data` on. `base` keeps the memory alive.
// Null with an exception set.
PyObject* view_of(PyArrayObject* array, int rank, const npy_intp* sizes, const npy_intp* strides, char* data,
                  PyObject* base);

// Adds the functions to the module; false with an exception set.
bool add_view_functions(PyObject* module);

}  // namespace minigrad
