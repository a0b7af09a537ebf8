// Functions that take `out=` besides.
#pragma once

#include "bindings/array.hpp"

namespace minigrad {

// The type of callables made by OutFunction(function, store): a call without the keyword `out` goes straight on to the
// function; one with it calls store(function, out, args, kwargs). nullptr with an exception set.
PyObject* make_out_function_type();

}  // namespace minigrad
