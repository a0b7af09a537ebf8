// Arrays that tensors give out, and digests of what memory holds.
#pragma once

#include "bindings/objects.hpp"

namespace minigrad {

// What versions of memory that arrays outside share are counted from.
constexpr long long kShared = -(1LL << 62);

// What is to be remembered of the memory of version.cell, where the elements of `array` lie; false with an exception
// set.
bool look(Version& version, PyObject* array);

// Whether the elements are no longer what they were; -1 with an exception set.
int is_changed(const Version& version, PyObject* array);

// As Python sees it: the number, or a pair of it and the digest.
PyObject* object_of(const Version& version);

// For each array outside that shows the memory of a cell, whether something saved depends on what it showed: a tuple.
PyObject* watched_loans(const Cell* cell);

// Where one of them was given out, as a text; None where nobody asked.
PyObject* place_of_loan(const Cell* cell);

// Adds the functions to the module; false with an exception set.
bool add_lending_functions(PyObject* module);

}  // namespace minigrad
