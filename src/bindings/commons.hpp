// Memory that several tensors hold in common until one of them writes. They have the same elements or different parts.
//
// The gradients of joined tensors are parts of one array, those of the terms of a sum are one array. They need no
// copies as long as nobody writes. So such memory is made read-only, for NumPy and kernels alike, and whoever is to
// write to it, or to give it out, gets a copy first: `Tensor._own`. Only memory of which every holder is known can be
// held in common; see docs/architecture.md.
#pragma once

#include "bindings/objects.hpp"

namespace minigrad {

// Elements: with so few, a copy or a sum costs less than keeping watch over memory, or than releasing Python's lock.
constexpr npy_intp kSmall = 4096;

// Whether an object is an array whose memory is held in common.
bool is_common(PyObject* object);

// Whether an array is fit to be a gradient that holds its memory in common: without gaps, not small, and no small part
// of what it would keep alive.
bool is_fit_in_common(PyObject* array);

// Makes the memory of `array`, an item of a list or tuple, held in common with the other items that lie in it, if
// nobody else holds it, who could write to it.
void hold_in_common(PyObject* array, PyObject* sequence);

// Does so for the gradient that a sweep is given: with whatever gradients will lie in its memory.
void hold_given(TensorObject* tensor);

// tensor._own() and tensor._alias(): see tensor.py.
PyObject* own_memory(PyObject* tensor, PyObject*);
PyObject* alias_memory(PyObject* tensor, PyObject*);

// Adds the functions to the module; false with an exception set.
bool add_commons_functions(PyObject* module);

}  // namespace minigrad
