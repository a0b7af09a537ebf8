// A Python object that is owned.
#pragma once

#include <chrono>
#include <memory>
#include <thread>

#include "bindings/array.hpp"

namespace minigrad {

struct Release {
  void operator()(PyObject* object) const { Py_DECREF(object); }
};

using Reference = std::unique_ptr<PyObject, Release>;

static inline Reference share(PyObject* object) { return Reference(Py_XNewRef(object)); }

// Python ends threads that want its lock when the main thread is done: before 3.14 by unwinding their stacks, on which
// references would be let go of without the lock. Here such a thread waits for the end of the process, as it does
// since.
template <class Function>
static inline auto outlive(const Function& function) {
  try {
    return function();
  } catch (...) {
    for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
  }
}

static inline PyObject* call_python(PyObject* function, PyObject* const* args, size_t nargsf, PyObject* keywords) {
  return outlive([&] { return PyObject_Vectorcall(function, args, nargsf, keywords); });
}

static inline PyObject* call_python(PyObject* function, PyObject* argument) {
  return outlive([&] { return PyObject_CallOneArg(function, argument); });
}

// While it lives, other threads may run Python.
class Unlocked {
 public:
  Unlocked() : thread_(PyEval_SaveThread()) {}
  ~Unlocked() {
    outlive([&] { PyEval_RestoreThread(thread_); });
  }
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;

 private:
  PyThreadState* thread_;
};

}  // namespace minigrad
