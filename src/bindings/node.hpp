// Nodes: what they kept, and the way back through them.
#pragma once

#include "bindings/objects.hpp"

namespace minigrad {

// Checks that a node still has what it kept, and that nobody has changed it since; false with an exception set.
bool check_node(NodeObject* node);

// A tuple of the inputs' cotangents, None where an input needs none, given the output's (a tuple of them where there
// are several); null with an exception set. `values`, a tuple, takes the place of what the node kept unless it is null.
PyObject* pull_node(NodeObject* node, PyObject* g, PyObject* values);

// Lets go of the arrays that a node kept. One that kept none stays usable.
void free_node(NodeObject* node);

// The type that nodes derive from: a new reference, or null with an exception set.
PyObject* make_node_type();

}  // namespace minigrad
