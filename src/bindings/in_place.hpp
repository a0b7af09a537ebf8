// In-place forms: elementwise functions that write into their first operand's memory.
#pragma once

#include "bindings/objects.hpp"

namespace minigrad {

constexpr npy_intp kMany = 1 << 16;  // elements: to copy so many, Python's lock is released

// Whether two views may have memory in common, by where it begins and ends.
bool overlap(const View& a, const View& b);

// Whether a tensor's memory may be written to with nobody to be told but its version cell; fills in the view.
bool is_free_to_write(const TensorObject* tensor, View& view);

// Whether a tensor's elements can be read as they lie, with no gradient to be recorded; fills in the view.
bool is_free_to_read(const TensorObject* tensor, View& view);

// Adds the functions and the type to the module; false with an exception set.
bool add_in_place_functions(PyObject* module);

}  // namespace minigrad
