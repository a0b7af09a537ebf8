// The Python type of a kernel.
#pragma once

#include "bindings/array.hpp"
#include "kernels/table.hpp"

namespace minigrad {

// Makes the type; call once. A new reference, or nullptr with an exception set.
PyObject* make_kernel_type();

// The kernel as an object of that type, with the runs of `isa`. A new reference, or nullptr with an exception set.
PyObject* new_kernel_object(const Kernel& kernel, Isa isa);

}  // namespace minigrad
