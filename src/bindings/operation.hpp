// The eager call: run a primitive now and, where a gradient is wanted, record a node.
#pragma once

#include "bindings/objects.hpp"

namespace minigrad {

// The cotangent of input `i` by its rule, given the output's and what the node kept, null where it did not. None
// without a rule; null with an exception set.
Reference apply_rule(PyObject* operation, Py_ssize_t i, PyObject* g, PyObject* const* values);

// A tuple of the cotangents of the inputs that are `wanted`, a set of bits, by the rule for that; with NotImplemented
// for those, or in place of it, that it leaves to their own.
Reference apply_joint_rule(PyObject* operation, PyObject* g, unsigned wanted, PyObject* const* values);

// Whether there is a rule for input `i` where it was broadcast, and its cotangent by that.
bool has_summing_rule(PyObject* operation, Py_ssize_t i);
Reference apply_summing_rule(PyObject* operation, Py_ssize_t i, PyObject* g, PyObject* shape, PyObject* const* values);

// The type of eager calls; a new reference, or null with an exception set.
PyObject* make_operation_type();

}  // namespace minigrad
