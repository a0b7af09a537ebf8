// The backward sweep: cotangents go from the roots along the edges to the leaves, or to targets.
//
// Nodes are numbered as they are made, so a node's number is higher than those of all nodes that it depends on. Taking
// the pending node with the highest number first is therefore a topological order, found without a search, without
// recursion, and with one visit for each node.
#include "bindings/sweep.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "bindings/commons.hpp"
#include "bindings/layouts.hpp"
#include "bindings/modes.hpp"
#include "bindings/node.hpp"
#include "bindings/turns.hpp"

namespace minigrad {
namespace {

// Whether nobody else refers to an array, or to its memory.
bool is_sole(PyObject* array) { return Py_REFCNT(array) == 1 && PyArray_BASE(as_array(array)) == nullptr; }

// The same for a tensor: then whoever holds it may change it. (Nodes hold no tensors.)
bool is_sole_tensor(PyObject* tensor) {
  const PyObject* const base = tensor_in(tensor)->base;
  return Py_REFCNT(tensor) == 1 && (base == nullptr || Py_REFCNT(base) == 1);
}

// What Python asks for; see graph.py.
struct Request {
  PyObject* relevant;  // the set of nodes that lead to targets; None: all, and leaves accumulate
  PyObject* wanted;    // for each node that is a target, pairs of an output and its place among the results
  PyObject* found;     // the list of results
  PyObject* failed;    // a list whose only item becomes the node where the sweep failed
  bool retain_graph, create_graph;

  bool has_targets() const { return relevant != Py_None; }
};

class Sweep {
 public:
  Sweep(const Request& request, const std::vector<PyObject*>& roots)
      : request_(request), turns_(turns_of_hooked_leaves(roots)) {}

  // Sends the cotangent of a root. Its array is the caller's, too.
  bool begin(const Edge& edge, PyObject* g) {
    if (PyArray_CheckExact(g) && is_writable(g)) given_.push_back(memory_of(g));
    return send(edge, share(g));
  }

  // Adds a cotangent to what is pending at an edge.
  bool send(const Edge& edge, Reference g) {
    PyObject* const node = edge.node;
    const auto [at, first] = pending_.try_emplace(turn_of(node));
    Pending& entry = at->second;
    const int outputs = is_leaf(node) ? 1 : node_in(node)->outputs;
    if (first) entry = {share(node), outputs == 1 ? std::move(g) : all_absent(outputs)};
    if (outputs == 1) return first || add_to(entry.g, g.get());
    return entry.g != nullptr && put(entry.g.get(), edge.output, std::move(g));
  }

  bool run() {
    while (!pending_.empty()) {
      Pending next = std::move(pending_.begin()->second);
      pending_.erase(pending_.begin());
      if (visit(next.node.get(), std::move(next.g))) continue;
      PyList_SetItem(request_.failed, 0, next.node.release());
      return false;
    }
    return true;
  }

 private:
  struct Pending {
    Reference node;
    Reference g;  // of a node with several outputs a tuple, None for those that have none
  };

  double turn_of(PyObject* node) const {
    const auto turn = turns_.empty() ? turns_.end() : turns_.find(node);
    return turn == turns_.end() ? static_cast<double>(sequence_of(node)) : turn->second;
  }

  // Adds in place where the sum so far is an array that nobody else can see.
  static bool add_to(Reference& known, PyObject* g) {
    PyObject* const args[] = {known.get(), known.get(), g};
    if (is_own(known.get()) && PyArray_CheckExact(g)) {
      return Reference(call_python(g_connections.add_into, args, 3, nullptr)) != nullptr;
    }
    known.reset(call_python(g_connections.add, args + 1, 2, nullptr));
    return known != nullptr;
  }

  static bool is_own(PyObject* array) {
    return PyArray_CheckExact(array) && is_sole(array) && PyArray_ISCARRAY(as_array(array));
  }

  static Reference all_absent(Py_ssize_t outputs) {
    PyObject* const gs = PyTuple_New(outputs);
    for (Py_ssize_t k = 0; gs != nullptr && k < outputs; ++k) PyTuple_SET_ITEM(gs, k, Py_NewRef(Py_None));
    return Reference(gs);
  }

  // Adds to item `index` of a tuple that is this sweep's alone.
  static bool put(PyObject* gs, Py_ssize_t index, Reference g) {
    Reference known(PyTuple_GET_ITEM(gs, index));
    PyTuple_SET_ITEM(gs, index, nullptr);
    if (known.get() != Py_None && !add_to(known, g.get()))
      return PyTuple_SET_ITEM(gs, index, Py_NewRef(Py_None)), false;
    PyTuple_SET_ITEM(gs, index, known.get() == Py_None ? g.release() : known.release());
    return true;
  }

  // Handles a node whose cotangent is complete: sends cotangents on to what it was computed from.
  bool visit(PyObject* node, Reference g) {
    if (PyErr_CheckSignals() < 0) return false;
    const bool plain = is_just(node, g_connections.node);
    if (!plain && !given_.empty()) g = apart_from_given(std::move(g));
    if (g == nullptr) return false;
    if (!plain && is_hooked(node)) g = call_method(node, "before", g.get());
    if (g == nullptr || PyErr_Occurred() != nullptr) return false;
    if (request_.has_targets() && !note_target(node, g.get())) return false;
    // A leaf that is visited in its turn, as those with hooks are, accumulates a copy: the array may be the caller's.
    if (is_leaf(node)) return request_.has_targets() || call_method(node, "accumulate", g.get()) != nullptr;
    const Reference cotangents = plain ? pull_plain(node, g.get()) : pull_other(node, g.get());
    g.reset();
    if (cotangents == nullptr || !deliver(node_in(node), cotangents.get())) return false;
    if (request_.retain_graph) return true;
    if (!plain) return call_method(node, "free") != nullptr;
    free_node(node_in(node));
    return true;
  }

  // The cotangent, or a copy if it lies in memory that the caller gave: others may write there while users see it.
  Reference apart_from_given(Reference g) const {
    if (PyTuple_CheckExact(g.get())) {
      Reference parts(PyTuple_New(PyTuple_GET_SIZE(g.get())));
      for (Py_ssize_t k = 0; parts != nullptr && k < PyTuple_GET_SIZE(g.get()); ++k) {
        Reference part = apart_from_given(share(PyTuple_GET_ITEM(g.get(), k)));
        if (part == nullptr) return part;
        PyTuple_SET_ITEM(parts.get(), k, part.release());
      }
      return parts;
    }
    if (!PyArray_CheckExact(g.get())) return g;
    const bool given = std::find(given_.begin(), given_.end(), memory_of(g.get())) != given_.end();
    return given ? Reference(call_python(g_connections.copy, g.get())) : std::move(g);
  }

  bool note_target(PyObject* node, PyObject* g) {
    PyObject* const places = PyDict_GetItemWithError(request_.wanted, node);
    if (places == nullptr) return PyErr_Occurred() == nullptr;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(places); ++i) {
      Py_ssize_t index, place;
      if (!PyArg_ParseTuple(PyList_GET_ITEM(places, i), "nn", &index, &place)) return false;
      PyObject* const one = PyTuple_CheckExact(g) ? PyTuple_GET_ITEM(g, index) : g;
      if (PyList_SetItem(request_.found, place, Py_NewRef(one)) < 0) return false;
    }
    return true;
  }

  Reference pull_plain(PyObject* node, PyObject* g) const {
    if (!request_.create_graph) {
      return Reference(check_node(node_in(node)) ? pull_node(node_in(node), g, nullptr) : nullptr);
    }
    const Reference values = call_method(node, "read_tensors");
    return Reference(values == nullptr ? nullptr : pull_node(node_in(node), g, values.get()));
  }

  // For a node of another class: a user's function, or a node with hooks.
  Reference pull_other(PyObject* node, PyObject* g) const {
    const Reference values = call_method(node, request_.create_graph ? "read_tensors" : "read");
    return values == nullptr ? nullptr : call_method(node, "pullback", g, values.get());
  }

  bool deliver(NodeObject* node, PyObject* cotangents) {
    const bool sole = Py_REFCNT(cotangents) == 1;
    if (sole && !request_.has_targets()) hold_gradients(node, cotangents);
    for (int i = 0; i < node->edges.count && i < PyTuple_GET_SIZE(cotangents); ++i) {
      const Edge edge = node->edges[i];
      Reference g = share(PyTuple_GET_ITEM(cotangents, i));
      if (edge.node == nullptr || g.get() == Py_None) continue;
      if (sole) PyTuple_SetItem(cotangents, i, Py_NewRef(Py_None));  // so that a leaf may take it as it is
      if (!deliver_one(edge, std::move(g))) return false;
    }
    return true;
  }

  // Where cotangents of leaves without a gradient are parts of one array, makes them hold it in common, so that they
  // become the gradients without copies. This comes before any is delivered: as long as all of them are in the tuple,
  // all holders of the array are known.
  void hold_gradients(NodeObject* node, PyObject* cotangents) const {
    for (int i = 0; i < node->edges.count && i < PyTuple_GET_SIZE(cotangents); ++i) {
      PyObject* const leaf = node->edges[i].node;
      if (leaf == nullptr || !is_just(leaf, g_connections.leaf) || !is_first(leaf_in(leaf))) continue;
      PyObject* const g = PyTuple_GET_ITEM(cotangents, i);
      if (PyArray_CheckExact(g) && !is_sole(g) && is_fit_in_common(g)) hold_in_common(g, cotangents);
    }
  }

  // Whether there is no gradient yet.
  static bool is_first(const LeafObject* leaf) { return leaf->grad == nullptr || leaf->grad == Py_None; }

  bool deliver_one(const Edge& edge, Reference g) {
    if (request_.has_targets()) {
      const int leads = PySet_Contains(request_.relevant, edge.node);
      if (leads <= 0) return leads == 0;
    } else if (is_just(edge.node, g_connections.leaf)) {
      return accumulate(leaf_in(edge.node), std::move(g));  // at once, not in its turn: nothing depends on it
    }
    return send(edge, std::move(g));
  }

  // Whether adding `g` to the gradient is so short that it does not release Python's lock. No other thread can come
  // between then, and no lock of ours is needed.
  static bool is_small_sum(const LeafObject* leaf, PyObject* g) {
    if (leaf->grad == nullptr || !is_tensor(leaf->grad) || has_origin(tensor_in(leaf->grad))) return false;
    PyObject* const grad = tensor_in(leaf->grad)->array;
    return PyArray_CheckExact(g) && PyArray_CheckExact(grad) && is_writable(grad) &&
           PyArray_SIZE(as_array(g)) <= kSmall;
  }

  static bool add_into(LeafObject* leaf, PyObject* g) {
    TensorObject* const grad = tensor_in(leaf->grad);
    PyObject* const args[] = {grad->array, grad->array, g};
    Cell* const cell = cell_of(grad);
    if (cell == nullptr || Reference(call_python(g_connections.add_into, args, 3, nullptr)) == nullptr) return false;
    ++cell->version;
    return true;
  }

  static bool make_gradient(LeafObject* leaf, Reference g) {
    PyObject* const tensor = new_tensor(g.release());
    if (tensor != nullptr) fill(leaf->grad, tensor);
    return tensor != nullptr;
  }

  static bool is_own_or_common(PyObject* g) { return is_sole(g) || (is_common(g) && is_fit_in_common(g)); }

  // The first array becomes the gradient as it is if nobody else refers to it, or it is held in common, and it lies as
  // the leaf does; otherwise a copy.
  static bool accumulate(LeafObject* leaf, Reference g) {
    if (leaf->array == Py_None) return true;
    if (is_first(leaf) && PyArray_CheckExact(g.get())) {
      const bool fits = is_own_or_common(g.get()) && lies_as(leaf->array, g.get());
      if (!fits) g.reset(copy_as(leaf->array, g.get()));
      if (g == nullptr) return false;
      if (is_first(leaf)) return make_gradient(leaf, std::move(g));  // no other thread has come between
    }
    if (is_small_sum(leaf, g.get())) return add_into(leaf, g.get());
    if (is_tensor(g.get()) && !is_sole_tensor(g.get())) g = call_method(g.get(), "clone");
    if (g == nullptr) return false;
    return call_method(reinterpret_cast<PyObject*>(leaf), "accumulate", g.get()) != nullptr;
  }

  const Request& request_;
  const Turns turns_;
  std::map<double, Pending, std::greater<>> pending_;
  std::vector<PyObject*> given_;  // memory of roots that is not held in common
};

// Where a sweep begins: an edge and a cotangent, both borrowed.
struct Root {
  Edge edge;
  PyObject* g;
};

bool read_roots(PyObject* list, std::vector<Root>& roots) {
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); ++i) {
    Root root;
    if (!PyArg_ParseTuple(PyList_GET_ITEM(list, i), "(Oi)O", &root.edge.node, &root.edge.output, &root.g)) return false;
    roots.push_back(root);
  }
  return true;
}

// What hooks have put off to the end of a sweep: callables, each with what it will get.
class Endings {
 public:
  Endings() : outer_(std::exchange(innermost_, this)) {}
  ~Endings() { innermost_ = outer_; }
  Endings(const Endings&) = delete;
  Endings& operator=(const Endings&) = delete;

  bool call() const {
    const Reference items(calls_ == nullptr ? nullptr : PyDict_Items(calls_.get()));
    for (Py_ssize_t i = 0; items != nullptr && i < PyList_GET_SIZE(items.get()); ++i) {
      PyObject* const item = PyList_GET_ITEM(items.get(), i);
      if (Reference(call_python(PyTuple_GET_ITEM(item, 0), PyTuple_GET_ITEM(item, 1))) == nullptr) return false;
    }
    return PyErr_Occurred() == nullptr;
  }

  // endings(): those of the innermost sweep that this thread runs, a dict.
  static PyObject* of_innermost(PyObject*, PyObject*) {
    if (innermost_ == nullptr) return PyErr_Format(PyExc_RuntimeError, "endings: no backward sweep runs");
    if (innermost_->calls_ == nullptr) innermost_->calls_.reset(PyDict_New());
    return Py_XNewRef(innermost_->calls_.get());
  }

 private:
  static thread_local Endings* innermost_;
  Endings* const outer_;
  Reference calls_;
};

thread_local Endings* Endings::innermost_ = nullptr;

bool sweep_from(const std::vector<Root>& roots, const Request& request) {
  const Endings endings;
  std::vector<PyObject*> nodes;
  for (const Root& root : roots) nodes.push_back(root.edge.node);
  Sweep sweep(request, nodes);
  for (const Root& root : roots) {
    if (!sweep.begin(root.edge, root.g)) return false;
  }
  return sweep.run() && endings.call();
}

// A copy of an array or a tensor in a list if writes from outside could change it; null if they could not, or with an
// exception set.
PyObject* independent_copy(PyObject* g, PyObject* list) {
  if (is_tensor(g)) return is_sole_tensor(g) ? nullptr : call_method(g, "clone").release();
  if (!PyArray_CheckExact(g) || is_sole(g)) return nullptr;
  hold_in_common(g, list);
  return is_common(g) ? nullptr : call_python(g_connections.copy, g);
}

// make_independent(list): makes the arrays and tensors in a list, what a sweep has found, independent of each other and
// of others.
PyObject* make_independent(PyObject*, PyObject* list) {
  if (!PyList_Check(list)) return PyErr_Format(PyExc_TypeError, "make_independent: takes a list");
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); ++i) {
    PyObject* const copy = independent_copy(PyList_GET_ITEM(list, i), list);
    if (PyErr_Occurred() != nullptr) return nullptr;
    if (copy != nullptr) PyList_SetItem(list, i, copy);
  }
  Py_RETURN_NONE;
}

// sweep(roots, relevant, wanted, found, failed, retain_graph, create_graph): carries cotangents backwards; see Request.
PyObject* sweep(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 7 || !PyList_Check(args[0]) || !PyDict_Check(args[2]) || !PyList_Check(args[3]) ||
      !PyList_Check(args[4])) {
    return PyErr_Format(PyExc_TypeError, "sweep: takes roots, relevant, wanted, found, failed and two flags");
  }
  const int retain = PyObject_IsTrue(args[5]), create = retain < 0 ? -1 : PyObject_IsTrue(args[6]);
  if (create < 0) return nullptr;
  const Request request{args[1], args[2], args[3], args[4], retain == 1, create == 1};
  std::vector<Root> roots;
  return read_roots(args[0], roots) && sweep_from(roots, request) ? make_independent(nullptr, args[3]) : nullptr;
}

// ---------------------------------------------------------------------------------------------------------------------
// The usual case, `loss.backward()`, in one call.

// The cotangent of a scalar: 1, made once for each dtype, and held in common with whoever gets it.
PyObject* one(PyArrayObject* like) {
  static PyObject* ones[2] = {};
  const int type = PyArray_TYPE(like);
  if (type != NPY_FLOAT && type != NPY_DOUBLE) return nullptr;
  PyObject*& made = ones[type == NPY_DOUBLE];
  if (made == nullptr) {
    const OutsideInference ordinary;
    View view;
    view.dtype = type == NPY_DOUBLE ? DType::float64 : DType::float32;
    view.rank = 0;
    made = new_array(view, "backward");
    if (made == nullptr) return nullptr;
    if (type == NPY_DOUBLE) *static_cast<double*>(view.data) = 1;
    if (type == NPY_FLOAT) *static_cast<float*>(view.data) = 1;
    PyArray_CLEARFLAGS(as_array(made), NPY_ARRAY_WRITEABLE);
  }
  return made;
}

// The cotangent of `tensor` as an array, borrowed: that of `given`, or 1; null for cases that Python has to look at.
PyObject* cotangent_of(TensorObject* tensor, PyObject* given) {
  if (!PyArray_CheckExact(tensor->array)) return nullptr;
  PyArrayObject* const array = as_array(tensor->array);
  if (given == Py_None) return PyArray_NDIM(array) == 0 ? one(array) : nullptr;
  if (!is_tensor(given) || !PyArray_CheckExact(tensor_in(given)->array)) return nullptr;
  PyArrayObject* const g = as_array(tensor_in(given)->array);
  return PyArray_SAMESHAPE(g, array) && PyArray_TYPE(g) == PyArray_TYPE(array) ? tensor_in(given)->array : nullptr;
}

// backward(tensor, gradient, retain_graph): the sweep from one tensor to all leaves, recording nothing. False, with
// nothing done, if anything is unusual or wrong: Python goes on then.
PyObject* backward(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 3 || !is_tensor(args[0])) return PyErr_Format(PyExc_TypeError, "backward: takes a tensor and two more");
  if (!update_origin(tensor_in(args[0]))) return nullptr;
  const Edge edge = {tensor_in(args[0])->node, tensor_in(args[0])->output};
  PyObject* const g = is_anything_watching() ? nullptr : cotangent_of(tensor_in(args[0]), args[1]);
  if (edge.node == nullptr || g == nullptr) return PyErr_Occurred() == nullptr ? Py_NewRef(Py_False) : nullptr;
  const Reference nothing(PyDict_New());
  const Reference failed(PyList_New(1));
  const int retain = PyObject_IsTrue(args[2]);
  if (retain < 0) return nullptr;
  const Request request{Py_None, nothing.get(), nullptr, failed.get(), retain == 1, false};
  if (is_tensor(args[1])) hold_given(tensor_in(args[1]));
  const GradMode recording(false);
  return sweep_from({{edge, g}}, request) ? Py_NewRef(Py_True) : nullptr;
}

PyMethodDef kFunctions[] = {
    {"backward", fastcall(backward), METH_FASTCALL, nullptr},
    {"endings", Endings::of_innermost, METH_NOARGS, nullptr},
    {"make_independent", make_independent, METH_O, nullptr},
    {"sweep", fastcall(sweep), METH_FASTCALL, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

bool add_sweep_function(PyObject* module) { return PyModule_AddFunctions(module, kFunctions) == 0; }

}  // namespace minigrad
