// The Python type of a kernel.
#pragma once

#include "bindings/array.hpp"
#include "kernels/table.hpp"

namespace minigrad {

// Makes the type; call once. A new reference, or nullptr with an exception set.
PyObject* make_kernel_type();

// The kernel as an object of that type, with the runs of `isa`. A new reference, or nullptr with an exception set.
PyObject* new_kernel_object(const Kernel& kernel, Isa isa);

bool is_kernel(PyObject* object);

// The kernel of that name among those that are used, borrowed; nullptr with an exception set.
PyObject* kernel_named(const char* name);

// Whether the output's shape and dtype are the kernel's attributes.
bool takes_shape(PyObject* kernel);

// kernel.into(out, *args): writes the only output into the array `out`, the first of `args`. NotImplemented as calls
// do.
PyObject* kernel_into(PyObject* kernel, PyObject* const* args, Py_ssize_t count);

}  // namespace minigrad
