// Nodes: what they kept, and the way back through them.
#include "bindings/node.hpp"

#include <vector>

#include "bindings/lending.hpp"
#include "bindings/operation.hpp"

namespace minigrad {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// What a node holds.

// When a node ends, it may be the last holder of the nodes before it, and these of the nodes before them: their ends
// are nested. How deeply Python nests ends differs between its versions (10,000 in 3.13), and a thread's stack may have
// no room for that. So only a few are nested here; further nodes wait until the outermost end is done.
struct Chain {
  int depth = 0;
  std::vector<PyObject*> waiting;
};
thread_local Chain t_chain;

void end(PyObject* node) {
  ++t_chain.depth;
  Py_DECREF(node);
  --t_chain.depth;
}

void release(Several<Edge>& edges) {
  constexpr int kMostNested = 16;
  for (const Edge& edge : edges) {
    if (edge.node == nullptr) continue;
    const bool waits = t_chain.depth >= kMostNested && Py_REFCNT(edge.node) == 1;
    waits ? t_chain.waiting.push_back(edge.node) : end(edge.node);
  }
  while (t_chain.depth == 0 && !t_chain.waiting.empty()) {
    PyObject* const node = t_chain.waiting.back();
    t_chain.waiting.pop_back();
    end(node);
  }
}

void release(Several<PyObject*>& saved) {
  for (PyObject* const value : saved) Py_XDECREF(value);
}

void release(Several<Version>& versions) {
  for (const Version& version : versions) Py_XDECREF(version.cell);
}

// Takes things out of a node before letting go of them: that may run code which looks at the node.
template <class Thing>
void drop(Several<Thing>& things) {
  Several<Thing> held = things;
  things = {};
  release(held);
  PyMem_Free(held.things);
}

int traverse(PyObject* self, visitproc visit, void* arg) {
  const NodeObject* const node = node_in(self);
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(node->hooks);
  Py_VISIT(node->notes);
  for (const Edge& edge : node->edges) Py_VISIT(edge.node);
  for (PyObject* const value : node->saved) Py_VISIT(value);
  return 0;
}

int clear(PyObject* self) {
  NodeObject* const node = node_in(self);
  drop(node->edges);
  drop(node->saved);
  drop(node->versions);
  for (PyObject** const field : {&node->primitive, &node->operation, &node->shapes, &node->hooks, &node->notes}) {
    fill(*field, nullptr);
  }
  return 0;
}

void deallocate(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  clear(self);
  type->tp_free(self);
  Py_DECREF(type);
}

PyObject* or_none(PyObject* value) { return Py_NewRef(value == nullptr ? Py_None : value); }

template <class Thing, class ToPython>
PyObject* tuple_from(const Several<Thing>& things, ToPython to_python) {
  Reference tuple(PyTuple_New(things.count));
  for (int i = 0; tuple != nullptr && i < things.count; ++i) {
    PyObject* const item = to_python(things[i]);
    if (item == nullptr) return nullptr;
    PyTuple_SET_ITEM(tuple.get(), i, item);
  }
  return tuple.release();
}

// Reads a tuple of things; -1 with an exception set.
template <class Thing, class FromPython>
int take_tuple(PyObject* tuple, Several<Thing>& things, FromPython from_python) {
  if (tuple == nullptr || !PyTuple_Check(tuple)) return PyErr_SetString(PyExc_TypeError, "node: needs a tuple"), -1;
  Several<Thing> taken;
  if (!taken.allocate(static_cast<int>(PyTuple_GET_SIZE(tuple)))) return -1;
  bool good = true;
  for (int i = 0; good && i < taken.count; ++i) good = from_python(PyTuple_GET_ITEM(tuple, i), taken[i]);
  drop(things);
  things = taken;
  return good ? 0 : -1;
}

PyObject* get_edges(PyObject* self, void*) { return tuple_from(node_in(self)->edges, edge_to_python); }

int set_edges(PyObject* self, PyObject* value, void*) {
  return take_tuple(value, node_in(self)->edges, [](PyObject* item, Edge& edge) {
    const bool good = edge_from_python(item, edge);
    Py_XINCREF(edge.node);
    return good;
  });
}

PyObject* get_saved(PyObject* self, void*) {
  const NodeObject* const node = node_in(self);
  return node->freed ? Py_NewRef(Py_None) : tuple_from(node->saved, or_none);
}

int set_saved(PyObject* self, PyObject* value, void*) {
  NodeObject* const node = node_in(self);
  node->freed = value == Py_None;
  if (node->freed) return drop(node->saved), 0;
  return take_tuple(value, node->saved, [](PyObject* item, PyObject*& place) {
    place = item == Py_None ? nullptr : Py_NewRef(item);
    return true;
  });
}

PyObject* get_versions(PyObject* self, void*) {
  return tuple_from(node_in(self)->versions, [](const Version& version) {
    if (version.cell == nullptr) return Py_NewRef(Py_None);
    return pair(version.cell, object_of(version));
  });
}

int set_versions(PyObject* self, PyObject* value, void*) {
  if (value == nullptr || !PyTuple_Check(value) || PyTuple_GET_SIZE(value) > 0) {
    return PyErr_SetString(PyExc_TypeError, "versions: can only be emptied"), -1;
  }
  drop(node_in(self)->versions);
  return 0;
}

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

// ---------------------------------------------------------------------------------------------------------------------
// The way back.

// Whether a cotangent, an array or a tensor, has the shape; -1 with an exception set.
int has_shape(PyObject* g, PyObject* shape) {
  if (PyArray_Check(g)) {
    PyArrayObject* const array = as_array(g);
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
  return Reference(call_python(g_connections.sum_to, args, 2, nullptr));
}

// Of a node whose record has rules of its own: see Variadic in primitive.py.
PyObject* pull_by_record(NodeObject* node, PyObject* g, PyObject* values) {
  PyObject* const self = reinterpret_cast<PyObject*>(node);
  const Reference kept(values == nullptr ? get_saved(self, nullptr) : Py_NewRef(values));
  const Reference edges(get_edges(self, nullptr));
  if (kept == nullptr || edges == nullptr) return nullptr;
  return call_method(node->primitive, "pullback", g, edges.get(), kept.get()).release();
}

// The cotangents of the inputs that want one by the rule for that; anything but a tuple where there is none or it
// declines; null with an exception set.
Reference pull_at_once(const NodeObject* node, PyObject* g, PyObject* const* kept) {
  unsigned wanted = 0;
  for (int i = 0; i < node->edges.count; ++i) wanted |= node->edges[i].node != nullptr ? 1u << i : 0u;
  return apply_joint_rule(node->operation, g, wanted, kept);
}

// The cotangent of input `i`: of one that was broadcast, by the rule for that, if there is one.
Reference pull_one(const NodeObject* node, Py_ssize_t i, PyObject* g, PyObject* const* kept) {
  if (node->shapes != nullptr && has_summing_rule(node->operation, i)) {
    PyObject* const shape = PyTuple_GET_ITEM(node->shapes, i);
    const int same = has_shape(g, shape);
    if (same <= 0) return same < 0 ? nullptr : apply_summing_rule(node->operation, i, g, shape, kept);
  }
  return apply_rule(node->operation, i, g, kept);
}

// read(): what was kept, having checked that nobody has changed it since.
PyObject* read(PyObject* self, PyObject*) { return check_node(node_in(self)) ? get_saved(self, nullptr) : nullptr; }

// pullback(g, values): the inputs' cotangents, None where an input needs none.
PyObject* pullback(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (count != 2 || !PyTuple_Check(args[1])) {
    return PyErr_Format(PyExc_TypeError, "pullback: takes a cotangent and a tuple of what was kept");
  }
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
    {"shapes", T_OBJECT, offsetof(NodeObject, shapes), 0, nullptr},
    {"hooks", T_OBJECT_EX, offsetof(NodeObject, hooks), 0, nullptr},
    {"notes", T_OBJECT_EX, offsetof(NodeObject, notes), 0, nullptr},
    {"sequence", T_LONGLONG, offsetof(NodeObject, sequence), 0, nullptr},
    {"outputs", T_INT, offsetof(NodeObject, outputs), 0, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

PyGetSetDef kGetters[] = {
    {"edges", get_edges, set_edges, "For each input its edge, or None where it needs no gradient.", nullptr},
    {"saved", get_saved, set_saved, "What the rules may read; None once a sweep has freed it.", nullptr},
    {"versions", get_versions, set_versions, "For what was kept its version cell and the version it then had.",
     nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

}  // namespace

bool check_node(NodeObject* node) {
  if (node->freed) return refuse_freed(node), false;
  int changed = 0;
  for (int i = 0; changed == 0 && i < node->versions.count; ++i) {
    const Version version = node->versions[i];
    if (version.cell != nullptr) changed = is_changed(version, node->saved[i]);
  }
  if (changed > 0) return call_method(reinterpret_cast<PyObject*>(node), "_refuse_changed") != nullptr;
  return changed == 0;
}

PyObject* pull_node(NodeObject* node, PyObject* g, PyObject* values) {
  if (node->operation == nullptr || node->operation == Py_None) return pull_by_record(node, g, values);
  Reference cotangents(PyTuple_New(node->edges.count));
  if (cotangents == nullptr) return nullptr;
  Reference all;
  for (int i = 0; i < node->edges.count; ++i) {
    if (values == nullptr && node->freed) return refuse_freed(node);  // another thread went through the same graph
    PyObject* const* const kept = values == nullptr ? node->saved.things : &PyTuple_GET_ITEM(values, 0);
    if (i == 0 && (all = pull_at_once(node, g, kept)) == nullptr) return nullptr;
    Reference gx = share(Py_None);
    if (node->edges[i].node != nullptr) {
      gx = PyTuple_Check(all.get()) ? share(PyTuple_GET_ITEM(all.get(), i)) : share(Py_NotImplemented);
      if (gx.get() == Py_NotImplemented) gx = pull_one(node, i, g, kept);
    }
    if (node->shapes != nullptr) gx = unbroadcast(std::move(gx), PyTuple_GET_ITEM(node->shapes, i));
    if (gx == nullptr) return nullptr;
    PyTuple_SET_ITEM(cotangents.get(), i, gx.release());
  }
  return cotangents.release();
}

void free_node(NodeObject* node) {
  for (PyObject* const value : node->saved) {
    if (value == nullptr || !is_array(value)) continue;
    node->freed = true;
    drop(node->saved);
    drop(node->versions);
    return;
  }
}

PyObject* make_node_type() {
  static PyType_Slot slots[] = {
      {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
      {Py_tp_clear, reinterpret_cast<void*>(clear)},
      {Py_tp_dealloc, reinterpret_cast<void*>(deallocate)},
      {Py_tp_members, kMembers},
      {Py_tp_methods, kMethods},
      {Py_tp_getset, kGetters},
      {0, nullptr},
  };
  static PyType_Spec spec = {"minigrad._core.NodeBase", static_cast<int>(sizeof(NodeObject)), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};
  return PyType_FromSpec(&spec);
}

}  // namespace minigrad
