// Nodes: what they kept, and the way back through them.
#pragma once

#include "bindings/objects.hpp"

namespace minigrad {

// What a node kept, a tuple, having checked that nobody has changed it since; null with an exception set.
PyObject* read_node(NodeObject* node);

// A tuple of the inputs' cotangents, None where an input needs none, given the output's (a tuple of them where there
// are several) and what the node kept; null with an exception set.
PyObject* pull_node(NodeObject* node, PyObject* g, PyObject* values);

// Lets go of the arrays that a node kept. One that kept none stays usable.
void free_node(NodeObject* node);

// The type that nodes derive from: a new reference, or null with an exception set.
PyObject* make_node_type();

}  // namespace minigrad
