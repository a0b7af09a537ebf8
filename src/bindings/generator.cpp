// A generator's state: a seed, and the first counter that nobody has used (kernels/random.cpp). It is read and changed
// as a whole under Python's lock, so that threads never draw the same numbers.
#include "bindings/generator.hpp"

#include <cstddef>
#include <cstdint>

#include "bindings/objects.hpp"

namespace minigrad {
namespace {

struct GeneratorObject {
  PyObject head;
  uint64_t seed;
  uint64_t offset;
};

GeneratorObject& generator_in(PyObject* object) { return *reinterpret_cast<GeneratorObject*>(object); }

PyObject* place(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (count != 2) return PyErr_Format(PyExc_TypeError, "_place: takes a seed and a counter");
  const uint64_t seed = PyLong_AsUnsignedLongLong(args[0]), offset = PyLong_AsUnsignedLongLong(args[1]);
  if (PyErr_Occurred() != nullptr) return nullptr;
  generator_in(self).seed = seed;
  generator_in(self).offset = offset;
  Py_RETURN_NONE;
}

PyObject* state(PyObject* self, PyObject*) {
  return Py_BuildValue("KK", static_cast<unsigned long long>(generator_in(self).seed),
                       static_cast<unsigned long long>(generator_in(self).offset));
}

// How many numbers a shape means; 0 where there are too many, of which the kernel's plan tells; -1 where a size is
// negative.
int64_t size_of(PyObject* shape) {
  int64_t size = 1;
  for (Py_ssize_t d = 0; d < PyTuple_GET_SIZE(shape); ++d) {
    int beyond = 0;
    const long long n = PyLong_AsLongLongAndOverflow(PyTuple_GET_ITEM(shape, d), &beyond);
    if (n < 0 && beyond <= 0) return -1;
    if (beyond > 0 || __builtin_mul_overflow(size, n, &size)) return 0;
  }
  return size;
}

PyObject* reserve(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const long long in_a_counter = count == 2 && PyTuple_Check(args[0]) ? PyLong_AsLongLong(args[1]) : 0;
  if (in_a_counter <= 0) return PyErr_Format(PyExc_TypeError, "_reserve: takes a shape and how many a counter gives");
  const int64_t size = size_of(args[0]);
  if (size < 0) Py_RETURN_NONE;
  GeneratorObject& generator = generator_in(self);
  Reference key(PyLong_FromLongLong(static_cast<int64_t>(generator.seed)));
  PyObject* const first = PyLong_FromLongLong(static_cast<int64_t>(generator.offset));
  generator.offset += static_cast<uint64_t>(size / in_a_counter + (size % in_a_counter > 0 ? 1 : 0));
  return key == nullptr ? nullptr : pair(key.get(), first);
}

PyMethodDef kMethods[] = {
    {"_place", fastcall(place), METH_FASTCALL, "_place(seed, counter): go on from a counter of a seed's numbers."},
    {"_state", state, METH_NOARGS, "The seed, and the next counter."},
    {"_reserve", fastcall(reserve), METH_FASTCALL,
     "_reserve(shape, in_a_counter): the key and the first counter for so many numbers; None for negative sizes."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

PyObject* make_generator_type() {
  static PyType_Slot slots[] = {{Py_tp_methods, kMethods}, {0, nullptr}};
  static PyType_Spec spec = {"minigrad._core.GeneratorBase", static_cast<int>(sizeof(GeneratorObject)), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  return PyType_FromSpec(&spec);
}

}  // namespace minigrad
