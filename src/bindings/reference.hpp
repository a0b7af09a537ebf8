// A Python object that is owned.
#pragma once

#include <memory>

#include "bindings/array.hpp"

namespace minigrad {

struct Release {
  void operator()(PyObject* object) const { Py_DECREF(object); }
};

using Reference = std::unique_ptr<PyObject, Release>;

static inline Reference share(PyObject* object) { return Reference(Py_XNewRef(object)); }

}  // namespace minigrad
