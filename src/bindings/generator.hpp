// What random generators consist of.
#pragma once

#include "bindings/reference.hpp"

namespace minigrad {

// The type with a generator's state, from which Python's class is derived; null with an exception set.
PyObject* make_generator_type();

}  // namespace minigrad
