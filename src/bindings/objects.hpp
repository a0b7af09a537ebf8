// The objects of the graph as C++ sees them: the fields of tensors, nodes and leaves.
//
// Their classes are Python's (tensor.py, graph.py), which derive from the types here and add what users call. Fields
// that every operation touches are laid out here, so that an eager call and a step of the sweep look nothing up by
// name.
#pragma once

#include "bindings/reference.hpp"

namespace minigrad {

struct Loan;

// How often memory was written to. All tensors that share the memory share it.
struct Cell {
  PyObject head;
  long long version;
  PyObject* line;  // which line of code wrote last; noted only while anomalies are looked for
  Loan* loans;     // the arrays outside that share the memory: see lending.cpp
};

// Output `output` of a node or a leaf; null where no gradient is wanted. Python sees a pair, or None.
struct Edge {
  PyObject* node;
  int output;
};

// A field may be null, which Python sees as no attribute.
struct TensorObject {
  PyObject head;
  PyObject* array;  // the elements
  PyObject* node;   // what computed them; with `output` the edge, `_edge`; see update_origin
  PyObject* cell;   // made when it is first asked for: see cell_of
  PyObject* base;   // of a view: whose memory it is; see set_base
  PyObject* steps;  // of a view: what makes it from there, `Steps` in _views.py
  PyObject* leaf;   // where its gradient and its hooks are, whatever its edge is by now; null while there are none
  PyObject* weak_references;
  TensorObject* views;            // of a base: the last one made of its views, which hang together
  TensorObject *older, *younger;  // of a view: those made before it and after it
  int output;
  long long writes;  // of a base: how many writes to its memory its origin stands for; of a view: how many its own does
};

// An array of a node's things: its edges, saved values or versions. (Python tuples would cost more, and in a long graph
// the cycle collector would visit all of them again and again.)
template <class Thing>
struct Several {
  Thing* things;
  int count;

  // Room for `n`, all null; false with an exception set.
  bool allocate(int n) {
    things = n == 0 ? nullptr : static_cast<Thing*>(PyMem_Calloc(static_cast<size_t>(n), sizeof(Thing)));
    count = things == nullptr ? 0 : n;
    return count == n || PyErr_NoMemory() != nullptr;
  }
  Thing* begin() const { return things; }
  Thing* end() const { return things + count; }
  Thing& operator[](Py_ssize_t i) const { return things[i]; }
};

// What a saved array's memory was like when the array was saved: how often it had been written to and, if arrays
// outside share it, a digest of the elements (see sharing.py).
struct Version {
  PyObject* cell;  // null: nothing
  long long number;
  uint64_t digest;
  bool digested;
};

struct NodeObject {
  PyObject head;
  PyObject* primitive;  // the record of what was run
  PyObject* operation;  // its eager call, which knows the rules; null where the record has rules of its own
  PyObject* shapes;     // a tuple of the inputs' shapes; null where broadcasting changed none
  PyObject* hooks;
  PyObject* notes;
  Several<Edge> edges;        // the inputs'
  Several<PyObject*> saved;   // what rules may read, in the order of the record's slots; null where it is not kept
  Several<Version> versions;  // of what is saved
  long long sequence;
  int outputs;
  bool freed;  // a sweep has let go of what was saved
};

struct LeafObject {
  PyObject head;
  PyObject* array;  // the tensor's; None while that one requires no gradient: then none accumulates
  PyObject* grad;
  PyObject* hooks;
  long long sequence;
  PyObject* weak_references;
};

// Objects of the Python part that C++ uses. The Python part hands them over at import: connect(name=object).
struct Connections {
  PyObject* tensor;  // the classes
  PyObject* node;
  PyObject* leaf;
  PyObject* size;
  PyObject* batched;
  PyObject* dtypes;  // a tuple, by their codes
  PyObject* default_dtype;
  PyObject* cast;  // (x, code, source), (x, code): a tensor or an array in another dtype, the former between floats
  PyObject* convert;
  PyObject* promote;  // (primitive, inputs, attributes): the call where the kernel does not take the inputs as they are
  PyObject* name_error;  // (function, exception): lets it open with the function that was called
  PyObject* observers;   // the list of those who watch nodes being recorded
  PyObject* levels;      // a list that is empty unless vmap runs
  PyObject* leaf_hooks;  // a dict that is empty while no leaf has a hook
  PyObject* observe;     // (node, outputs, inputs): shows them a new node
  PyObject* add;
  PyObject* copy;             // of an array
  PyObject* give_own_memory;  // (tensor, addend or None): gives a tensor that holds memory in common, and is no view,
                              // memory of its own, with the addend added
  PyObject* add_into;         // (out, x, y), of arrays
  PyObject* refresh;          // (view, edge): makes a view's origin, so far that edge, again from its base's
  PyObject* sum_to;
};
extern Connections g_connections;

// What a call of a function that users call returns where it has failed: null, with an exception that names it.
[[gnu::cold]] PyObject* failed_in(PyObject* function);

static inline TensorObject* tensor_in(PyObject* object) { return reinterpret_cast<TensorObject*>(object); }
static inline NodeObject* node_in(PyObject* object) { return reinterpret_cast<NodeObject*>(object); }
static inline LeafObject* leaf_in(PyObject* object) { return reinterpret_cast<LeafObject*>(object); }

// What errors call an object that was given in the place of a tensor.
const char* kind_of(PyObject* object);

// Makes a tensor a view of a base, a reference that the caller hands over, or null: no view.
void set_base(TensorObject* view, PyObject* base);

// body(view) for each view of a base, those excepted that are just being deallocated; it must not run Python code.
template <class Body>
static inline void for_views(const TensorObject* base, Body&& body) {
  for (TensorObject* view = base->views; view != nullptr; view = view->older) {
    if (Py_REFCNT(view) > 0) body(view);
  }
}

static inline bool is_tensor(PyObject* object) {
  return PyObject_TypeCheck(object, reinterpret_cast<PyTypeObject*>(g_connections.tensor));
}

// Whether an object is of a class itself, not of one derived from it.
static inline bool is_just(PyObject* object, PyObject* type) {
  return reinterpret_cast<PyObject*>(Py_TYPE(object)) == type;
}

// A new object of one of the classes; null with an exception set.
static inline PyObject* new_object(PyObject* type) {
  PyTypeObject* const made = reinterpret_cast<PyTypeObject*>(type);
  return made->tp_alloc(made, 0);
}

static inline bool anybody_observes() { return PyList_GET_SIZE(g_connections.observers) > 0; }

// Whether there are observers, or vmap runs.
static inline bool is_anything_watching() { return anybody_observes() || PyList_GET_SIZE(g_connections.levels) > 0; }

// Calls a method by its name; null with an exception set.
template <class... Arguments>
static Reference call_method(PyObject* object, const char* method, Arguments... arguments) {
  const Reference name(PyUnicode_InternFromString(method));
  if (name == nullptr) return nullptr;
  return Reference(outlive([&] { return PyObject_CallMethodObjArgs(object, name.get(), arguments..., nullptr); }));
}

// Whether a view's base has another origin by now than the one that the view's own was made from.
static inline bool is_outdated(const TensorObject* tensor) {
  return tensor->base != nullptr && tensor_in(tensor->base)->writes != tensor->writes;
}

// Whether a tensor has an origin, or may have one once it is brought up to date.
static inline bool has_origin(const TensorObject* tensor) { return tensor->node != nullptr || is_outdated(tensor); }

// Sets a field to a reference that the caller hands over, and lets go of the old one.
static inline void fill(PyObject*& field, PyObject* value) {
  PyObject* const before = field;
  field = value;
  Py_XDECREF(before);
}

// Whether an object is an array, or a BatchedArray, which stands for the arrays of several examples.
static inline bool is_array(PyObject* object) {
  return PyArray_Check(object) || is_just(object, g_connections.batched);
}

static inline bool is_leaf(PyObject* node) {
  return PyObject_TypeCheck(node, reinterpret_cast<PyTypeObject*>(g_connections.leaf));
}

// The sequence number of a leaf or a node.
static inline long long sequence_of(PyObject* node) {
  return is_leaf(node) ? leaf_in(node)->sequence : node_in(node)->sequence;
}

// What the cycle collector needs of a type whose objects refer to others by these fields.
template <class Object, PyObject* Object::*... kFields>
struct Collected {
  static Object* in(PyObject* self) { return reinterpret_cast<Object*>(self); }

  static int traverse(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    for (PyObject* const held : {in(self)->*kFields...}) Py_VISIT(held);
    return 0;
  }

  static int clear(PyObject* self) {
    (fill(in(self)->*kFields, nullptr), ...);
    return 0;
  }

  static void deallocate(PyObject* self) {
    PyTypeObject* const type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (type->tp_weaklistoffset > 0) PyObject_ClearWeakRefs(self);
    clear(self);
    type->tp_free(self);
    Py_DECREF(type);
  }
};

bool is_cell(PyObject* object);

// An edge as Python sees it: a pair, or None; null with an exception set.
PyObject* edge_to_python(const Edge& edge);

// Reads an edge; false with an exception set. The node is borrowed.
bool edge_from_python(PyObject* object, Edge& edge);

// The tuple (first, second), which takes over the reference to `second`; null, with an exception set, if that is null.
PyObject* pair(PyObject* first, PyObject* second);

// The shape of an array, a BatchedArray or a number, as a new tuple.
PyObject* shape_of(PyObject* object);

// The number of the next node.
long long next_sequence();

// A new tensor, which takes over the reference to `array`; null, with an exception set, if that is null.
PyObject* new_tensor(PyObject* array);

// Makes the origin of an outdated view again. To be called before `node` and `output` are read by those who record, or
// answer users; false with an exception set.
[[gnu::cold]] bool make_origin(TensorObject* view);
static inline bool update_origin(TensorObject* tensor) { return !is_outdated(tensor) || make_origin(tensor); }

// The gradient of a tensor, borrowed; null where it has none.
PyObject* gradient_of(const TensorObject* tensor);

// The version cell of a tensor's memory, borrowed; null with an exception set.
Cell* cell_of(TensorObject* tensor);

// Records that `primitive` made `view` of `source`, so that a write to either is seen by the other; false with an
// exception set.
bool link_view(TensorObject* view, TensorObject* source, PyObject* primitive, PyObject* attributes);

// Adds a new type to the module and lets go of it; false, with an exception set, also if there is no type.
static inline bool add_type(PyObject* module, const char* name, PyObject* type) {
  const bool added = type != nullptr && PyModule_AddObjectRef(module, name, type) == 0;
  Py_XDECREF(type);
  return added;
}

// Adds the types and functions to the module; false with an exception set.
bool add_object_types(PyObject* module);

}  // namespace minigrad
