// Functions that take keywords besides their own: out=, and NumPy's names.
#pragma once

#include "bindings/array.hpp"

namespace minigrad {

// The type of callables made by Deflection(function, keywords, handler): a call without any of the keywords goes
// straight to the function; one with some calls handler(function, args, kwargs). One that binds, as an attribute of a
// class, is a method. nullptr with an exception set.
PyObject* make_deflection_type(bool binds);

}  // namespace minigrad
