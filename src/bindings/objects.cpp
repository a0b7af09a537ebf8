#include "bindings/objects.hpp"

#include <cstring>

#include "bindings/commons.hpp"
#include "bindings/layouts.hpp"
#include "bindings/lending.hpp"
#include "bindings/modes.hpp"

namespace minigrad {

Connections g_connections = {};

const char* kind_of(PyObject* object) {
  const char* name = Py_TYPE(object)->tp_name;
  const bool alike = std::strcmp(name, "Tensor") == 0 || std::strcmp(name, "Parameter") == 0;
  return alike && !is_tensor(object) ? "a tensor of another library; from_dlpack converts it" : name;
}

namespace {

long long g_sequence = 0;
PyObject* g_cell_type = nullptr;

// ---------------------------------------------------------------------------------------------------------------------
// Cells.

// The cycle collector does not track cells: they refer to nothing but a text.
void deallocate_cell(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  fill(reinterpret_cast<Cell*>(self)->line, nullptr);
  type->tp_free(self);
  Py_DECREF(type);
}

PyObject* new_cell(long long version) {
  PyObject* const cell = new_object(g_cell_type);
  if (cell != nullptr) reinterpret_cast<Cell*>(cell)->version = version;
  return cell;
}

PyObject* make_cell(PyTypeObject*, PyObject* args, PyObject*) {
  long long version = 0;
  if (!PyArg_ParseTuple(args, "|L:Cell", &version)) return nullptr;
  return new_cell(version);
}

PyMemberDef kCellMembers[] = {
    {"version", T_LONGLONG, offsetof(Cell, version), 0, nullptr},
    {"line", T_OBJECT, offsetof(Cell, line), 0, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

PyObject* get_loans(PyObject* self, void*) { return watched_loans(reinterpret_cast<Cell*>(self)); }
PyObject* get_place_of_loan(PyObject* self, void*) { return place_of_loan(reinterpret_cast<Cell*>(self)); }

PyGetSetDef kCellGetters[] = {
    {"loans", get_loans, nullptr,
     "For each array outside that shows the memory, whether something saved depends on what it showed.", nullptr},
    {"lent_at", get_place_of_loan, nullptr, "Where one of them was given out, where anybody asked.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyObject* make_cell_type() {
  static PyType_Slot slots[] = {
      {Py_tp_new, reinterpret_cast<void*>(make_cell)},
      {Py_tp_dealloc, reinterpret_cast<void*>(deallocate_cell)},
      {Py_tp_members, kCellMembers},
      {Py_tp_getset, kCellGetters},
      {Py_tp_doc, const_cast<char*>("How often memory was written to.")},
      {0, nullptr},
  };
  static PyType_Spec spec = {"minigrad._core.Cell", static_cast<int>(sizeof(Cell)), 0, Py_TPFLAGS_DEFAULT, slots};
  return PyType_FromSpec(&spec);
}

// ---------------------------------------------------------------------------------------------------------------------
// Tensors.

using CollectedTensor = Collected<TensorObject, &TensorObject::array, &TensorObject::node, &TensorObject::cell,
                                  &TensorObject::base, &TensorObject::steps, &TensorObject::leaf>;

// A view leaves the chain before anything else of it goes.
int clear_tensor(PyObject* self) {
  set_base(tensor_in(self), nullptr);
  return CollectedTensor::clear(self);
}

void deallocate_tensor(PyObject* self) {
  if (tensor_in(self)->base != nullptr) {
    PyObject_GC_UnTrack(self);
    set_base(tensor_in(self), nullptr);
  }
  CollectedTensor::deallocate(self);
}

PyObject* get_base(PyObject* self, void*) {
  PyObject* const base = tensor_in(self)->base;
  if (base == nullptr) PyErr_SetString(PyExc_AttributeError, "_base");
  return Py_XNewRef(base);
}

int change_base(PyObject* self, PyObject* value, void*) {
  if (value != nullptr && !is_tensor(value)) {
    PyErr_SetString(PyExc_TypeError, "_base: must be a Tensor");
    return -1;
  }
  set_base(tensor_in(self), Py_XNewRef(value));
  return 0;
}

PyObject* get_cell(PyObject* self, void*) { return Py_XNewRef(reinterpret_cast<PyObject*>(cell_of(tensor_in(self)))); }

int set_cell(PyObject* self, PyObject* value, void*) {
  if (value == nullptr || !is_cell(value)) {
    PyErr_SetString(PyExc_TypeError, "_cell: must be a Cell");
    return -1;
  }
  fill(tensor_in(self)->cell, Py_NewRef(value));
  return 0;
}

// The buffer protocol, which Python classes cannot speak before 3.12: lends what the object's method numpy() returns.
int get_buffer(PyObject* self, Py_buffer* view, int flags) {
  PyObject* const array = PyObject_CallMethod(self, "numpy", nullptr);
  if (array == nullptr) {
    view->obj = nullptr;
    return -1;
  }
  const int status = PyObject_GetBuffer(array, view, flags);
  Py_DECREF(array);
  return status;
}

PyMemberDef kTensorMembers[] = {
    {"_array", T_OBJECT_EX, offsetof(TensorObject, array), 0, nullptr},
    {"_steps", T_OBJECT_EX, offsetof(TensorObject, steps), 0, nullptr},
    {"_leaf", T_OBJECT, offsetof(TensorObject, leaf), 0, nullptr},
    {"_writes", T_LONGLONG, offsetof(TensorObject, writes), 0, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(TensorObject, weak_references), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

// Attributes that every training step reads; the Python class has the others.

PyObject* get_shape(PyObject* self, void*) {
  PyObject* const array = tensor_in(self)->array;
  if (array == nullptr || !PyArray_Check(array)) return call_method(self, "_shape").release();
  PyArrayObject* const elements = as_array(array);
  PyTypeObject* const type = reinterpret_cast<PyTypeObject*>(g_connections.size);
  PyObject* const shape = type->tp_alloc(type, PyArray_NDIM(elements));
  for (int d = 0; shape != nullptr && d < PyArray_NDIM(elements); ++d) {
    PyTuple_SET_ITEM(shape, d, PyLong_FromSsize_t(PyArray_DIM(elements, d)));
  }
  return shape;
}

PyObject* get_ndim(PyObject* self, void*) {
  PyObject* const array = tensor_in(self)->array;
  if (array == nullptr || !PyArray_Check(array)) return call_method(self, "dim").release();
  return PyLong_FromLong(PyArray_NDIM(as_array(array)));
}

PyObject* get_dtype(PyObject* self, void*) {
  const int code = native_dtype_code(tensor_in(self)->array);
  return code == kNoDType ? call_method(self, "_dtype").release()
                          : Py_NewRef(PyTuple_GET_ITEM(g_connections.dtypes, code));
}

PyObject* edge_of(const TensorObject* tensor) { return edge_to_python({tensor->node, tensor->output}); }

PyObject* get_edge(PyObject* self, void*) {
  return update_origin(tensor_in(self)) ? edge_of(tensor_in(self)) : nullptr;
}

// A view's origin is from now on made from what its base now is.
void note_writes(TensorObject* tensor) {
  if (tensor->base != nullptr) tensor->writes = tensor_in(tensor->base)->writes;
}

int set_edge(PyObject* self, PyObject* value, void*) {
  Edge edge;
  if (!edge_from_python(value == nullptr ? Py_None : value, edge)) return -1;
  fill(tensor_in(self)->node, Py_XNewRef(edge.node));
  tensor_in(self)->output = edge.output;
  note_writes(tensor_in(self));
  if (edge.node != nullptr && is_leaf(edge.node)) fill(tensor_in(self)->leaf, Py_NewRef(edge.node));
  return 0;
}

PyObject* get_requires_grad(PyObject* self, void*) {
  return update_origin(tensor_in(self)) ? PyBool_FromLong(tensor_in(self)->node != nullptr) : nullptr;
}

int set_requires_grad(PyObject* self, PyObject* value, void*) {
  if (value == nullptr) return PyErr_SetString(PyExc_AttributeError, "requires_grad: cannot be deleted"), -1;
  if (!update_origin(tensor_in(self))) return -1;
  if (PyObject* const node = tensor_in(self)->node; node != nullptr && !is_leaf(node)) value = Py_False;  // refused
  return call_method(self, "requires_grad_", value) == nullptr ? -1 : 0;
}

PyObject* get_is_leaf(PyObject* self, void*) {
  if (!update_origin(tensor_in(self))) return nullptr;
  PyObject* const node = tensor_in(self)->node;
  return PyBool_FromLong(node == nullptr || is_leaf(node));
}

PyObject* get_grad(PyObject* self, void*) {
  if (!update_origin(tensor_in(self))) return nullptr;
  PyObject* const node = tensor_in(self)->node;
  PyObject* const grad = gradient_of(tensor_in(self));
  if (grad == nullptr && node != nullptr && !is_leaf(node)) return call_method(self, "_no_grad").release();
  return Py_NewRef(grad == nullptr ? Py_None : grad);
}

int set_grad(PyObject* self, PyObject* value, void*) {
  if (value != nullptr && value != Py_None) return call_method(self, "_set_grad", value) == nullptr ? -1 : 0;
  if (tensor_in(self)->leaf != nullptr) fill(leaf_in(tensor_in(self)->leaf)->grad, Py_NewRef(Py_None));
  return 0;
}

PyGetSetDef kTensorGetters[] = {
    {"shape", get_shape, nullptr, "The extent of each dimension.", nullptr},
    {"ndim", get_ndim, nullptr, "The number of dimensions.", nullptr},
    {"dtype", get_dtype, nullptr, "The type of the elements.", nullptr},
    {"requires_grad", get_requires_grad, set_requires_grad, "Whether backward passes reach this tensor.", nullptr},
    {"is_leaf", get_is_leaf, nullptr, "Whether this tensor was not computed from one that requires a gradient.",
     nullptr},
    {"grad", get_grad, set_grad, "The gradient that was accumulated, retained or given.", nullptr},
    {"_cell", get_cell, set_cell, nullptr, nullptr},
    {"_edge", get_edge, set_edge, nullptr, nullptr},
    {"_base", get_base, change_base, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyMethodDef kTensorMethods[] = {
    {"_own", own_memory, METH_NOARGS,
     "Part from strangers with whom memory is held in common, before it is written to, given out, or made another "
     "tensor that is to see later writes. Views go along."},
    {"_alias", alias_memory, METH_NOARGS, "Another tensor of the same memory and versions, with no part in the graph."},
    {nullptr, nullptr, 0, nullptr},
};

PyObject* make_tensor_type() {
  static PyType_Slot slots[] = {
      {Py_bf_getbuffer, reinterpret_cast<void*>(get_buffer)},
      {Py_tp_traverse, reinterpret_cast<void*>(CollectedTensor::traverse)},
      {Py_tp_clear, reinterpret_cast<void*>(clear_tensor)},
      {Py_tp_dealloc, reinterpret_cast<void*>(deallocate_tensor)},
      {Py_tp_members, kTensorMembers},
      {Py_tp_methods, kTensorMethods},
      {Py_tp_getset, kTensorGetters},
      {0, nullptr},
  };
  static PyType_Spec spec = {"minigrad._core.TensorBase", static_cast<int>(sizeof(TensorObject)), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};
  return PyType_FromSpec(&spec);
}

// wrap(array, edge=None, cell=None): a tensor.
PyObject* wrap(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count < 1 || count > 3) return PyErr_Format(PyExc_TypeError, "wrap: takes an array, an edge and a cell");
  Reference tensor(new_tensor(Py_NewRef(args[0])));
  if (tensor == nullptr || (count > 1 && set_edge(tensor.get(), args[1], nullptr) < 0)) return nullptr;
  if (count > 2 && args[2] != Py_None && set_cell(tensor.get(), args[2], nullptr) < 0) return nullptr;
  return tensor.release();
}

// ---------------------------------------------------------------------------------------------------------------------
// Shapes.

// shape[key]: an integer, or for a slice another shape.
PyObject* part_of_shape(PyObject* self, PyObject* key) {
  PyObject* const part = PyTuple_Type.tp_as_mapping->mp_subscript(self, key);
  if (part == nullptr || !PyTuple_CheckExact(part)) return part;
  const Reference extents(part);
  return call_python(reinterpret_cast<PyObject*>(Py_TYPE(self)), part);
}

PyObject* make_size_type() {
  static PyType_Slot slots[] = {{Py_mp_subscript, reinterpret_cast<void*>(part_of_shape)}, {0, nullptr}};
  static PyType_Spec spec = {"minigrad._core.SizeBase", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  return PyType_FromSpecWithBases(&spec, reinterpret_cast<PyObject*>(&PyTuple_Type));
}

// ---------------------------------------------------------------------------------------------------------------------
// Views.

// living_views(base): a list of the views of a tensor, the oldest first.
PyObject* living_views(PyObject*, PyObject* base) {
  if (!is_tensor(base)) return PyErr_Format(PyExc_TypeError, "living_views: expected a Tensor");
  Reference views(PyList_New(0));
  if (views == nullptr) return nullptr;
  bool room = true;
  for_views(tensor_in(base), [&](TensorObject* view) {
    room = room && PyList_Append(views.get(), reinterpret_cast<PyObject*>(view)) == 0;
  });
  return room && PyList_Reverse(views.get()) == 0 ? views.release() : nullptr;
}

// ---------------------------------------------------------------------------------------------------------------------
// Leaves.

using CollectedLeaf = Collected<LeafObject, &LeafObject::array, &LeafObject::grad, &LeafObject::hooks>;

// take(gradient): makes a tensor, or a copy of an array, the gradient if there is none yet; returns whether.
PyObject* take_gradient(PyObject* self, PyObject* gradient) {
  LeafObject* const leaf = leaf_in(self);
  if (leaf->grad != nullptr && leaf->grad != Py_None) Py_RETURN_FALSE;
  PyObject* const tensor = is_tensor(gradient) ? Py_NewRef(gradient) : new_tensor(copy_as(leaf->array, gradient));
  if (tensor == nullptr) return nullptr;
  if (leaf->grad != nullptr && leaf->grad != Py_None) {  // another thread has come between
    Py_DECREF(tensor);
    Py_RETURN_FALSE;
  }
  fill(leaf->grad, tensor);
  Py_RETURN_TRUE;
}

PyMemberDef kLeafMembers[] = {
    {"array", T_OBJECT, offsetof(LeafObject, array), 0, nullptr},
    {"grad", T_OBJECT, offsetof(LeafObject, grad), 0, nullptr},
    {"hooks", T_OBJECT_EX, offsetof(LeafObject, hooks), 0, nullptr},
    {"sequence", T_LONGLONG, offsetof(LeafObject, sequence), 0, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(LeafObject, weak_references), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

PyMethodDef kLeafMethods[] = {
    {"take", take_gradient, METH_O,
     "Make a tensor, or a copy of an array, the gradient if there is none; return whether."},
    {nullptr, nullptr, 0, nullptr},
};

PyObject* make_leaf_type() {
  static PyType_Slot slots[] = {
      {Py_tp_traverse, reinterpret_cast<void*>(CollectedLeaf::traverse)},
      {Py_tp_clear, reinterpret_cast<void*>(CollectedLeaf::clear)},
      {Py_tp_dealloc, reinterpret_cast<void*>(CollectedLeaf::deallocate)},
      {Py_tp_members, kLeafMembers},
      {Py_tp_methods, kLeafMethods},
      {0, nullptr},
  };
  static PyType_Spec spec = {"minigrad._core.LeafBase", static_cast<int>(sizeof(LeafObject)), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};
  return PyType_FromSpec(&spec);
}

// ---------------------------------------------------------------------------------------------------------------------
// What the Python part hands over.

struct Connection {
  const char* name;
  PyObject*& place;
};

const Connection kConnections[] = {
    {"Tensor", g_connections.tensor},
    {"Node", g_connections.node},
    {"Leaf", g_connections.leaf},
    {"Size", g_connections.size},
    {"BatchedArray", g_connections.batched},
    {"dtypes", g_connections.dtypes},
    {"default_dtype", g_connections.default_dtype},
    {"cast", g_connections.cast},
    {"convert", g_connections.convert},
    {"promote", g_connections.promote},
    {"name_error", g_connections.name_error},
    {"observe", g_connections.observe},
    {"observers", g_connections.observers},
    {"levels", g_connections.levels},
    {"leaf_hooks", g_connections.leaf_hooks},
    {"add", g_connections.add},
    {"copy", g_connections.copy},
    {"give_own_memory", g_connections.give_own_memory},
    {"add_into", g_connections.add_into},
    {"refresh", g_connections.refresh},
    {"sum_to", g_connections.sum_to},
};

bool connect_one(PyObject* name, PyObject* value) {
  for (const Connection& connection : kConnections) {
    if (PyUnicode_CompareWithASCIIString(name, connection.name) != 0) continue;
    fill(connection.place, Py_NewRef(value));
    return true;
  }
  PyErr_Format(PyExc_TypeError, "connect: %U is not asked for", name);
  return false;
}

// connect(**objects): hands over what the eager call and the sweep use of the Python part; see Connections.
PyObject* connect(PyObject*, PyObject* args, PyObject* keywords) {
  if (PyTuple_GET_SIZE(args) != 0 || keywords == nullptr) {
    return PyErr_Format(PyExc_TypeError, "connect: takes keywords only");
  }
  PyObject *name, *value;
  for (Py_ssize_t i = 0; PyDict_Next(keywords, &i, &name, &value);) {
    if (!connect_one(name, value)) return nullptr;
  }
  Py_RETURN_NONE;
}

// array_of(name, x, role="input"): a tensor's array; a TypeError in the name of the operation for what is none.
PyObject* array_of(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count < 2 || count > 3) return PyErr_Format(PyExc_TypeError, "array_of: takes a name, a tensor and a role");
  if (is_tensor(args[1])) return Py_NewRef(tensor_in(args[1])->array);
  const Reference role(count == 3 ? Py_NewRef(args[2]) : PyUnicode_FromString("input"));
  if (role == nullptr) return nullptr;
  return PyErr_Format(PyExc_TypeError, "%U: %U must be a Tensor, got %s", args[0], role.get(), kind_of(args[1]));
}

// next_sequence(): the number of the next node.
PyObject* sequence_of_python(PyObject*, PyObject*) { return PyLong_FromLongLong(next_sequence()); }

PyMethodDef kFunctions[] = {
    {"connect", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(connect)), METH_VARARGS | METH_KEYWORDS,
     nullptr},
    {"array_of", fastcall(array_of), METH_FASTCALL, nullptr},
    {"wrap", fastcall(wrap), METH_FASTCALL, nullptr},
    {"next_sequence", sequence_of_python, METH_NOARGS, nullptr},
    {"living_views", living_views, METH_O, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

void set_base(TensorObject* view, PyObject* base) {
  if (view->base != nullptr) {
    (view->younger == nullptr ? tensor_in(view->base)->views : view->younger->older) = view->older;
    if (view->older != nullptr) view->older->younger = view->younger;
    view->older = view->younger = nullptr;
  }
  PyObject* const before = view->base;
  view->base = base;
  if (base != nullptr) {
    TensorObject*& last = tensor_in(base)->views;
    view->older = last;
    if (last != nullptr) last->younger = view;
    last = view;
  }
  Py_XDECREF(before);
}

PyObject* failed_in(PyObject* function) {
  PyObject *type, *error, *traceback;
  PyErr_Fetch(&type, &error, &traceback);
  PyErr_NormalizeException(&type, &error, &traceback);
  if (traceback != nullptr) PyException_SetTraceback(error, traceback);
  const Reference named(PyObject_CallFunctionObjArgs(g_connections.name_error, function, error, nullptr));
  if (named == nullptr) PyErr_Clear();
  PyErr_Restore(type, error, traceback);
  return nullptr;
}

bool is_cell(PyObject* object) { return is_just(object, g_cell_type); }

PyObject* pair(PyObject* first, PyObject* second) {
  if (second == nullptr) return nullptr;
  PyObject* const pair = PyTuple_New(2);
  if (pair == nullptr) {
    Py_DECREF(second);
    return nullptr;
  }
  PyTuple_SET_ITEM(pair, 0, Py_NewRef(first));
  PyTuple_SET_ITEM(pair, 1, second);
  return pair;
}

PyObject* shape_of(PyObject* object) {
  if (!PyArray_Check(object)) return is_array(object) ? PyObject_GetAttrString(object, "shape") : PyTuple_New(0);
  PyArrayObject* const array = as_array(object);
  PyObject* const shape = PyTuple_New(PyArray_NDIM(array));
  for (int d = 0; shape != nullptr && d < PyArray_NDIM(array); ++d) {
    PyTuple_SET_ITEM(shape, d, PyLong_FromLongLong(PyArray_DIM(array, d)));
  }
  return shape;
}

PyObject* edge_to_python(const Edge& edge) {
  return edge.node == nullptr ? Py_NewRef(Py_None) : pair(edge.node, PyLong_FromLong(edge.output));
}

bool edge_from_python(PyObject* object, Edge& edge) {
  edge = {nullptr, 0};
  return object == Py_None || PyArg_ParseTuple(object, "Oi", &edge.node, &edge.output) != 0;
}

long long next_sequence() { return ++g_sequence; }

PyObject* new_tensor(PyObject* array) {
  if (array == nullptr) return nullptr;
  PyObject* const tensor = new_object(g_connections.tensor);
  if (tensor == nullptr) {
    Py_DECREF(array);
    return nullptr;
  }
  tensor_in(tensor)->array = array;
  return tensor;
}

PyObject* gradient_of(const TensorObject* tensor) {
  PyObject* const grad = tensor->leaf == nullptr ? nullptr : leaf_in(tensor->leaf)->grad;
  return grad == Py_None ? nullptr : grad;
}

Cell* cell_of(TensorObject* tensor) {
  if (tensor->cell == nullptr) tensor->cell = new_cell(0);
  return reinterpret_cast<Cell*>(tensor->cell);
}

bool make_origin(TensorObject* tensor) {
  const GradMode recording(true);
  const OutsideInference ordinary;
  const Reference view(Py_NewRef(reinterpret_cast<PyObject*>(tensor))), before(edge_of(tensor));
  PyObject* const args[] = {view.get(), before.get()};
  return before != nullptr && Reference(call_python(g_connections.refresh, args, 2, nullptr)) != nullptr;
}

bool link_view(TensorObject* view, TensorObject* source, PyObject* primitive, PyObject* attributes) {
  PyObject* const before = source->steps == nullptr ? Py_None : source->steps;
  PyObject* const steps = PyTuple_Pack(3, before, primitive, attributes);
  if (steps == nullptr) return false;
  fill(view->steps, steps);
  PyObject* const base = source->base == nullptr ? reinterpret_cast<PyObject*>(source) : source->base;
  set_base(view, Py_NewRef(base));
  note_writes(view);
  Cell* const cell = cell_of(source);
  if (cell == nullptr) return false;
  fill(view->cell, Py_NewRef(reinterpret_cast<PyObject*>(cell)));
  return true;
}

bool add_object_types(PyObject* module) {
  g_cell_type = make_cell_type();
  return add_type(module, "Cell", g_cell_type) && add_type(module, "TensorBase", make_tensor_type()) &&
         add_type(module, "LeafBase", make_leaf_type()) && add_type(module, "SizeBase", make_size_type()) &&
         PyModule_AddFunctions(module, kFunctions) == 0;
}

}  // namespace minigrad
