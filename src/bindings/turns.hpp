// When a backward sweep visits leaves that have hooks.
#pragma once

#include <map>
#include <vector>

#include "bindings/objects.hpp"

namespace minigrad {

// For each leaf with hooks the number at which the sweep visits it: just below that of the last node that reads it. By
// their own numbers leaves would come last, but their hooks are to see a gradient as soon as it is whole.
using Turns = std::map<PyObject*, double>;

// Whether users have hung hooks on a node or a leaf.
bool is_hooked(PyObject* node);

// The turns of the hooked leaves among what the roots depend on.
Turns turns_of_hooked_leaves(const std::vector<PyObject*>& roots);

}  // namespace minigrad
