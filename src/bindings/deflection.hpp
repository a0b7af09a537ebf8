// Functions as users call them: with keywords besides their own (out=, NumPy's names), arguments that are what they are
// declared as, and errors that name them.
#pragma once

#include "bindings/array.hpp"

namespace minigrad {

// The type of callables made by Deflection(function, keywords, handler, parameters=(), kinds=b"", positional=0): a call
// without any of the keywords goes straight to the function; one with some calls handler(function, args, kwargs).
// Arguments for `parameters`, the first `positional` of which may come without names, must be of their kinds: b for a
// flag, i for an integer, f for a number, capitals for those or None, anything else for the rest. One that binds, as an
// attribute of a class, is a method. nullptr with an exception set.
PyObject* make_deflection_type(bool binds);

}  // namespace minigrad
