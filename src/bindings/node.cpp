// Nodes: what they kept, and the way back through them.
#include "bindings/node.hpp"

#include "bindings/operation.hpp"

namespace minigrad {
namespace {

using CollectedNode =
    Collected<NodeObject, &NodeObject::primitive, &NodeObject::operation, &NodeObject::edges, &NodeObject::saved,
              &NodeObject::versions, &NodeObject::shapes, &NodeObject::hooks, &NodeObject::notes>;

bool is_freed(const NodeObject* node) { return node->saved == nullptr || node->saved == Py_None; }

// ---------------------------------------------------------------------------------------------------------------------
// Reading.

PyObject* refuse_freed(const NodeObject* node) {
  const Reference name(PyObject_GetAttrString(node->primitive, "name"));
  if (name == nullptr) return nullptr;
  return PyErr_Format(PyExc_RuntimeError,
                      "%U: the graph was freed by an earlier backward pass; to go through it again, call "
                      "backward(retain_graph=True) the first time, or detach() what is carried over from there",
                      name.get());
}

// Whether the memory that `kept` is of, a pair of a cell and its version then, has that version still. Of memory that
// arrays outside share, what is known is more than a number, and the answer is no: Python looks at it.
bool is_unchanged(PyObject* kept) {
  if (kept == Py_None) return true;
  PyObject* const then = PyTuple_GET_ITEM(kept, 1);
  return PyLong_CheckExact(then) &&
         PyLong_AsLongLong(then) == reinterpret_cast<const Cell*>(PyTuple_GET_ITEM(kept, 0))->version;
}

// ---------------------------------------------------------------------------------------------------------------------
// The way back.

// Whether a cotangent, an array or a tensor, has the shape; -1 with an exception set.
int has_shape(PyObject* g, PyObject* shape) {
  if (PyArray_Check(g)) {
    PyArrayObject* const array = reinterpret_cast<PyArrayObject*>(g);
    bool same = PyArray_NDIM(array) == PyTuple_GET_SIZE(shape);
    for (int d = 0; same && d < PyArray_NDIM(array); ++d) {
      same = PyArray_DIM(array, d) == PyLong_AsSsize_t(PyTuple_GET_ITEM(shape, d));
    }
    return same;
  }
  const Reference own(PyObject_GetAttrString(g, "shape"));
  return own == nullptr ? -1 : PyObject_RichCompareBool(own.get(), shape, Py_EQ);
}

// A cotangent of what was broadcast from `shape`: summed, where it was.
Reference unbroadcast(Reference g, PyObject* shape) {
  if (g == nullptr || g.get() == Py_None) return g;
  const int same = has_shape(g.get(), shape);
  if (same != 0) return same < 0 ? nullptr : std::move(g);
  PyObject* const args[] = {g.get(), shape};
  return Reference(PyObject_Vectorcall(g_connections.sum_to, args, 2, nullptr));
}

// read(): what was kept, having checked that nobody has changed it since.
PyObject* read(PyObject* self, PyObject*) { return read_node(node_in(self)); }

// pullback(g, values): the inputs' cotangents, None where an input needs none.
PyObject* pullback(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (count != 2) return PyErr_Format(PyExc_TypeError, "pullback: takes a cotangent and what was kept");
  return pull_node(node_in(self), args[0], args[1]);
}

// free(): lets go of the arrays that were kept.
PyObject* free_of_python(PyObject* self, PyObject*) {
  free_node(node_in(self));
  Py_RETURN_NONE;
}

PyMethodDef kMethods[] = {
    {"free", free_of_python, METH_NOARGS, "Let go of the arrays that were kept. A node that kept none stays usable."},
    {"read", read, METH_NOARGS, "Return what was kept, having checked that nobody has changed it since."},
    {"pullback", fastcall(pullback), METH_FASTCALL,
     "pullback(g, values): the inputs' cotangents, None where an input needs none, given the output's and what was "
     "kept."},
    {nullptr, nullptr, 0, nullptr},
};

PyMemberDef kMembers[] = {
    {"primitive", T_OBJECT_EX, offsetof(NodeObject, primitive), 0, nullptr},
    {"operation", T_OBJECT, offsetof(NodeObject, operation), 0, nullptr},
    {"edges", T_OBJECT_EX, offsetof(NodeObject, edges), 0, nullptr},
    {"saved", T_OBJECT, offsetof(NodeObject, saved), 0, nullptr},
    {"versions", T_OBJECT_EX, offsetof(NodeObject, versions), 0, nullptr},
    {"shapes", T_OBJECT, offsetof(NodeObject, shapes), 0, nullptr},
    {"hooks", T_OBJECT_EX, offsetof(NodeObject, hooks), 0, nullptr},
    {"notes", T_OBJECT_EX, offsetof(NodeObject, notes), 0, nullptr},
    {"sequence", T_LONGLONG, offsetof(NodeObject, sequence), 0, nullptr},
    {"outputs", T_INT, offsetof(NodeObject, outputs), 0, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

}  // namespace

PyObject* read_node(NodeObject* node) {
  if (is_freed(node)) return refuse_freed(node);
  const Py_ssize_t count = node->versions == nullptr ? 0 : PyTuple_GET_SIZE(node->versions);
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (is_unchanged(PyTuple_GET_ITEM(node->versions, i))) continue;
    if (call_method(reinterpret_cast<PyObject*>(node), "_refuse_changed") == nullptr) return nullptr;
    break;
  }
  return Py_NewRef(node->saved);
}

PyObject* pull_node(NodeObject* node, PyObject* g, PyObject* values) {
  if (node->operation == nullptr || node->operation == Py_None) {
    return PyObject_CallMethod(node->primitive, "pullback", "OOO", g, node->edges, values);
  }
  const Py_ssize_t inputs = PyTuple_GET_SIZE(node->edges);
  Reference cotangents(PyTuple_New(inputs));
  if (cotangents == nullptr) return nullptr;
  const bool broadcast = node->shapes != nullptr && node->shapes != Py_None;
  for (Py_ssize_t i = 0; i < inputs; ++i) {
    Reference gx =
        PyTuple_GET_ITEM(node->edges, i) == Py_None ? share(Py_None) : apply_rule(node->operation, i, g, values);
    if (broadcast) gx = unbroadcast(std::move(gx), PyTuple_GET_ITEM(node->shapes, i));
    if (gx == nullptr) return nullptr;
    PyTuple_SET_ITEM(cotangents.get(), i, gx.release());
  }
  return cotangents.release();
}

void free_node(NodeObject* node) {
  if (is_freed(node)) return;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(node->saved); ++i) {
    if (!is_array(PyTuple_GET_ITEM(node->saved, i))) continue;
    fill(node->saved, nullptr);
    fill(node->versions, PyTuple_New(0));
    return;
  }
}

PyObject* make_node_type() {
  static PyType_Slot slots[] = {
      {Py_tp_traverse, reinterpret_cast<void*>(CollectedNode::traverse)},
      {Py_tp_clear, reinterpret_cast<void*>(CollectedNode::clear)},
      {Py_tp_dealloc, reinterpret_cast<void*>(CollectedNode::deallocate)},
      {Py_tp_members, kMembers},
      {Py_tp_methods, kMethods},
      {0, nullptr},
  };
  static PyType_Spec spec = {"minigrad._core.NodeBase", static_cast<int>(sizeof(NodeObject)), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};
  return PyType_FromSpec(&spec);
}

}  // namespace minigrad
