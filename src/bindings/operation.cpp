// An operation is what a primitive's record (primitive.py) becomes when it is called: `mul(x, y)`. A call
//
//   1. takes each input apart: a tensor into array, edge and version cell; an array or a number stays as it is;
//   2. runs the kernel. NotImplemented means that it does not take these inputs as they are: `promote` goes on;
//   3. returns the bare array if no input was a tensor: so rules run in an ordinary backward pass;
//   4. otherwise makes tensors of the outputs and, where an input has an edge and this thread records, a node;
//   5. of a view, lets its base know.
#include "bindings/operation.hpp"

#include "bindings/function_type.hpp"
#include "bindings/lending.hpp"
#include "bindings/modes.hpp"
#include "bindings/promotion.hpp"

namespace minigrad {
namespace {

constexpr int kMaxSlots = kMaxInputs + kMaxOutputs;
constexpr int kMaxArguments = kMaxInputs + 2 * kMaxAttributes;

// Bit i stands for input i.
using InputSet = uint32_t;

struct Operation {
  PyObject head;
  vectorcallfunc vectorcall;
  PyObject* dictionary;  // name, docstring and whatever else is set
  PyObject* primitive;
  PyObject* run;
  PyObject* parameters;  // the names of inputs and attributes
  PyObject* constants;   // what `run` gets behind the attributes
  PyObject* rules;       // for each input, for all at once, and for each one that was broadcast: None, or the rule and
                         // the slots that it reads
  PyObject* promote;     // null: the one of all
  int inputs, attributes, outputs;
  int returned;  // outputs that the caller gets; those behind them only rules see
  InputSet differentiable;
  InputSet shapes_read;         // whose shapes rules read
  InputSet readers[kMaxSlots];  // for each input and output, the inputs whose rules read it
  bool broadcasts, view;
  char promotion;  // c: to a common dtype, f: to a floating-point one; 0: none

  int parameter_count() const { return inputs + attributes; }
};

Operation& operation_in(PyObject* object) { return *reinterpret_cast<Operation*>(object); }

bool holds(InputSet set, int i) { return (set >> i & 1) != 0; }

// ---------------------------------------------------------------------------------------------------------------------
// Arguments.

PyObject* name_of(const Operation& op) { return PyObject_GetAttrString(op.primitive, "name"); }

void refuse(const Operation& op, const char* format, PyObject* what) {
  const Reference name(name_of(op));
  const Reference text(PyUnicode_FromFormat(format, what));
  if (name != nullptr && text != nullptr) PyErr_Format(PyExc_TypeError, "%U() %U", name.get(), text.get());
}

int position_of(const Operation& op, PyObject* keyword) {
  for (int i = 0; i < op.parameter_count(); ++i) {
    if (PyTuple_GET_ITEM(op.parameters, i) == keyword) return i;
  }
  for (int i = 0; i < op.parameter_count(); ++i) {
    if (PyUnicode_Compare(PyTuple_GET_ITEM(op.parameters, i), keyword) == 0) return i;
  }
  return -1;
}

// Puts the arguments into the order of the parameters; false with an exception set.
bool bind(const Operation& op, PyObject* const* args, Py_ssize_t count, PyObject* keywords, PyObject** bound) {
  const int wanted = op.parameter_count();
  if (count > wanted) {
    const Reference numbers(Py_BuildValue("(in)", wanted, count));
    const Reference format(PyUnicode_FromString("takes %d positional arguments but %d were given"));
    const Reference text(numbers && format ? PyUnicode_Format(format.get(), numbers.get()) : nullptr);
    if (text != nullptr) refuse(op, "%U", text.get());
    return false;
  }
  for (int i = 0; i < wanted; ++i) bound[i] = i < count ? args[i] : nullptr;
  for (Py_ssize_t k = 0; keywords != nullptr && k < PyTuple_GET_SIZE(keywords); ++k) {
    PyObject* const keyword = PyTuple_GET_ITEM(keywords, k);
    const int at = position_of(op, keyword);
    if (at < 0) return refuse(op, "got an unexpected keyword argument '%U'", keyword), false;
    if (bound[at] != nullptr) return refuse(op, "got multiple values for argument '%U'", keyword), false;
    bound[at] = args[count + k];
  }
  for (int i = 0; i < wanted; ++i) {
    if (bound[i] == nullptr) {
      return refuse(op, "missing a required argument: '%U'", PyTuple_GET_ITEM(op.parameters, i)), false;
    }
  }
  return true;
}

// ---------------------------------------------------------------------------------------------------------------------
// One call.

PyObject* tuple_of(PyObject* const* items, Py_ssize_t count) {
  PyObject* const tuple = PyTuple_New(count);
  for (Py_ssize_t i = 0; tuple != nullptr && i < count; ++i) PyTuple_SET_ITEM(tuple, i, Py_NewRef(items[i]));
  return tuple;
}

class EagerCall {
 public:
  EagerCall(const Operation& op, PyObject* const* args) : op_(op), args_(args) {
    for (int i = 0; i < op.inputs; ++i) take(i);
    for (int i = op.inputs; i < op.parameter_count(); ++i) values_[i] = args[i];
  }

  PyObject* result() {
    run();
    if (out_ == nullptr) return nullptr;
    if (out_.get() == Py_NotImplemented) return promote();
    if (!any_tensor_) return bare();
    if (!make_tensors()) return nullptr;
    if (wanted_ != 0 && is_recording() && !record()) return nullptr;
    if (op_.view && !link()) return nullptr;
    return op_.returned == 1 ? results_[0].release() : results_tuple();
  }

 private:
  void take(int i) {
    values_[i] = args_[i];
    tensors_[i] = nullptr;
    if (!is_tensor(args_[i])) return;
    tensors_[i] = tensor_in(args_[i]);
    values_[i] = tensors_[i]->array;
    any_tensor_ = true;
    if (holds(op_.differentiable, i) && has_origin(tensors_[i])) wanted_ |= InputSet{1} << i;
  }

  void run() {
    const int constants = static_cast<int>(PyTuple_GET_SIZE(op_.constants));
    for (int i = 0; i < constants; ++i) values_[op_.parameter_count() + i] = PyTuple_GET_ITEM(op_.constants, i);
    const size_t count = static_cast<size_t>(op_.parameter_count() + constants);
    out_.reset(call_python(op_.run, values_, count, nullptr));
  }

  [[gnu::noinline]] PyObject* promote() {
    PyObject* args[kMaxArguments];
    Reference brought[kMaxInputs];
    if (op_.promotion != 0 && bring_to_one_dtype(op_.run, args_, op_.inputs, op_.promotion == 'f', brought)) {
      for (int i = 0; i < op_.parameter_count(); ++i) args[i] = i < op_.inputs ? brought[i].get() : args_[i];
      return EagerCall(op_, args).result();
    }
    return PyErr_Occurred() == nullptr ? promote_in_python() : nullptr;
  }

  PyObject* promote_in_python() {
    const Reference inputs(tuple_of(args_, op_.inputs));
    const Reference attributes(tuple_of(args_ + op_.inputs, op_.attributes));
    if (inputs == nullptr || attributes == nullptr) return nullptr;
    PyObject* const args[] = {op_.primitive, inputs.get(), attributes.get()};
    return call_python(op_.promote == nullptr ? g_connections.promote : op_.promote, args, 3, nullptr);
  }

  // Output k, borrowed.
  PyObject* output(int k) const { return op_.outputs == 1 ? out_.get() : PyTuple_GET_ITEM(out_.get(), k); }

  PyObject* bare() {
    if (op_.returned == op_.outputs) return out_.release();
    return op_.returned == 1 ? Py_NewRef(output(0)) : PyTuple_GetSlice(out_.get(), 0, op_.returned);
  }

  bool make_tensors() {
    for (int k = 0; k < op_.returned; ++k) {
      results_[k].reset(new_tensor(Py_NewRef(output(k))));
      if (results_[k] == nullptr) return false;
    }
    return true;
  }

  PyObject* results_tuple() {
    PyObject* const tuple = PyTuple_New(op_.returned);
    for (int k = 0; tuple != nullptr && k < op_.returned; ++k) PyTuple_SET_ITEM(tuple, k, results_[k].release());
    return tuple;
  }

  // --- The node.

  bool record() {
    const Reference made(new_object(g_connections.node));
    if (made == nullptr) return false;
    NodeObject* const node = node_in(made.get());
    node->primitive = Py_NewRef(op_.primitive);
    node->operation = Py_NewRef(reinterpret_cast<PyObject*>(const_cast<Operation*>(&op_)));
    node->outputs = op_.outputs;
    if (!set_edges(node->edges)) return false;
    node->sequence = next_sequence();  // above those of nodes that bringing an input up to date has made
    if (!save(node->saved) || !note_versions(node->versions)) return false;
    if (op_.broadcasts && !have_one_shape()) node->shapes = shapes();
    if (PyErr_Occurred() != nullptr) return false;
    set_origins(made.get());
    return PyErr_Occurred() == nullptr && (!anybody_observes() || observe(made.get()));
  }

  bool set_edges(Several<Edge>& edges) const {
    if (!edges.allocate(op_.inputs)) return false;
    for (int i = 0; i < op_.inputs; ++i) {
      if (!holds(wanted_, i)) continue;
      if (!update_origin(tensors_[i])) return false;
      edges[i] = {Py_XNewRef(tensors_[i]->node), tensors_[i]->output};
    }
    return true;
  }

  // Whether an input that wants a gradient has a rule that reads this input or output.
  bool keeps(int slot) const { return (op_.readers[slot] & wanted_) != 0; }

  bool save(Several<PyObject*>& saved) const {
    const int slots = op_.inputs + op_.outputs;
    if (!saved.allocate(slots + op_.attributes + op_.inputs)) return false;
    for (int s = 0; s < slots; ++s) {
      if (!keeps(s)) continue;
      saved[s] = Py_NewRef(s < op_.inputs ? values_[s] : output(s - op_.inputs));
      if (is_out_of_inference(saved[s])) return refuse_to_save(Reference(name_of(op_)).get(), saved[s]);
    }
    for (int a = 0; a < op_.attributes; ++a) saved[slots + a] = Py_NewRef(args_[op_.inputs + a]);
    for (int i = 0; i < op_.inputs; ++i) {
      if (holds(op_.shapes_read, i)) saved[slots + op_.attributes + i] = shape_of(values_[i]);
    }
    return true;
  }

  bool note_versions(Several<Version>& versions) {
    int count = op_.inputs + op_.outputs;
    while (count > 0 && !keeps(count - 1)) --count;
    if (!versions.allocate(count)) return false;
    for (int s = 0; s < count; ++s) {
      TensorObject* const tensor = s < op_.inputs ? tensors_[s] : result_or_null(s - op_.inputs);
      if (keeps(s) && tensor != nullptr && !note_version(tensor, versions[s])) return false;
    }
    return true;
  }

  TensorObject* result_or_null(int k) const { return k < op_.returned ? tensor_in(results_[k].get()) : nullptr; }

  static bool note_version(TensorObject* tensor, Version& version) {
    Cell* const cell = cell_of(tensor);
    if (cell == nullptr) return false;
    version.cell = Py_NewRef(reinterpret_cast<PyObject*>(cell));
    return look(version, tensor->array);
  }

  // Whether all inputs that have a shape have the same one.
  bool have_one_shape() const {
    PyArrayObject* first = nullptr;
    for (int i = 0; i < op_.inputs; ++i) {
      if (!PyArray_Check(values_[i])) {
        if (is_array(values_[i])) return false;
        continue;
      }
      PyArrayObject* const array = as_array(values_[i]);
      if (first == nullptr) first = array;
      if (!PyArray_SAMESHAPE(first, array)) return false;
    }
    return true;
  }

  PyObject* shapes() const {
    PyObject* const shapes = PyTuple_New(op_.inputs);
    for (int i = 0; shapes != nullptr && i < op_.inputs; ++i) PyTuple_SET_ITEM(shapes, i, shape_of(values_[i]));
    return shapes;
  }

  // Makes the node the origin of its floating-point outputs.
  void set_origins(PyObject* node) {
    for (int k = 0; k < op_.returned; ++k) {
      if (op_.returned > 1 && is_floating_array(output(k)) != 1) continue;
      TensorObject* const result = tensor_in(results_[k].get());
      result->node = Py_NewRef(node);
      result->output = k;
    }
  }

  static int is_floating_array(PyObject* array) {
    if (PyArray_Check(array)) return PyArray_ISFLOAT(as_array(array));
    const Reference dtype(PyObject_GetAttrString(array, "dtype"));
    return dtype == nullptr ? -1 : PyDataType_ISFLOAT(reinterpret_cast<PyArray_Descr*>(dtype.get()));
  }

  bool observe(PyObject* node) {
    PyObject* borrowed[kMaxOutputs];
    for (int k = 0; k < op_.returned; ++k) borrowed[k] = results_[k].get();
    const Reference outputs(tuple_of(borrowed, op_.returned));
    const Reference inputs(tuple_of(values_, op_.inputs));
    if (outputs == nullptr || inputs == nullptr) return false;
    PyObject* const args[] = {node, outputs.get(), inputs.get()};
    return Reference(call_python(g_connections.observe, args, 3, nullptr)) != nullptr;
  }

  bool link() {
    const Reference attributes(tuple_of(args_ + op_.inputs, op_.attributes));
    return attributes != nullptr &&
           link_view(tensor_in(results_[0].get()), tensors_[0], op_.primitive, attributes.get());
  }

  const Operation& op_;
  PyObject* const* args_;
  PyObject* values_[kMaxArguments];  // what `run` gets
  TensorObject* tensors_[kMaxInputs];
  InputSet wanted_ = 0;  // inputs that want a gradient
  bool any_tensor_ = false;
  Reference out_;
  Reference results_[kMaxOutputs];
};

PyObject* result_of(PyObject* operation, PyObject* const* args) {
  PyObject* const result = EagerCall(operation_in(operation), args).result();
  return result != nullptr ? result : failed_in(operation);
}

PyObject* call(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* keywords) {
  const Operation& op = operation_in(self);
  const Py_ssize_t count = PyVectorcall_NARGS(nargsf);
  if (keywords == nullptr && count == op.parameter_count()) return result_of(self, args);
  PyObject* bound[kMaxArguments];
  return bind(op, args, count, keywords, bound) ? result_of(self, bound) : nullptr;
}

// ---------------------------------------------------------------------------------------------------------------------
// Rules.

PyObject* rule_in(PyObject* operation, Py_ssize_t i) { return PyTuple_GET_ITEM(operation_in(operation).rules, i); }

// Calls a rule with what it is given first, and with what it reads.
Reference apply_entry(PyObject* entry, std::initializer_list<PyObject*> given, PyObject* const* values) {
  if (entry == Py_None) return share(Py_None);
  PyObject* const slots = PyTuple_GET_ITEM(entry, 1);
  PyObject* args[2 + kMaxSlots + kMaxAttributes + kMaxInputs];
  size_t count = 0;
  for (PyObject* const value : given) args[count++] = value;
  for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(slots); ++k) {
    PyObject* const value = values[PyLong_AsSsize_t(PyTuple_GET_ITEM(slots, k))];
    args[count++] = value == nullptr ? Py_None : value;
  }
  return Reference(call_python(PyTuple_GET_ITEM(entry, 0), args, count, nullptr));
}

// ---------------------------------------------------------------------------------------------------------------------
// The type.

using OperationType = FunctionType<Operation, &Operation::primitive, &Operation::run, &Operation::parameters,
                                   &Operation::constants, &Operation::rules, &Operation::promote>;

int parse_readers(Operation& op, PyObject* readers) {
  if (PyTuple_GET_SIZE(readers) > kMaxSlots) return -1;
  for (Py_ssize_t s = 0; s < PyTuple_GET_SIZE(readers); ++s) {
    op.readers[s] = static_cast<InputSet>(PyLong_AsUnsignedLong(PyTuple_GET_ITEM(readers, s)));
  }
  return PyErr_Occurred() == nullptr ? 0 : -1;
}

// Operation(primitive, run, parameters, constants, rules, readers, promote, *, ...): see primitive.py, which alone
// makes them.
PyObject* make(PyTypeObject* type, PyObject* args, PyObject* keywords) {
  static const char* names[] = {"primitive",   "run",        "parameters", "constants", "rules",    "readers",
                                "promote",     "inputs",     "attributes", "outputs",   "returned", "differentiable",
                                "shapes_read", "broadcasts", "view",       "promotion", nullptr};
  const char* promotion = nullptr;
  PyObject *primitive, *run, *parameters, *constants, *rules, *readers, *promote;
  int inputs, attributes, outputs, returned, broadcasts, view;
  unsigned differentiable, shapes_read;
  if (!PyArg_ParseTupleAndKeywords(
          args, keywords, "OOO!O!O!O!OiiiiIIpp|z:Operation", const_cast<char**>(names), &primitive, &run, &PyTuple_Type,
          &parameters, &PyTuple_Type, &constants, &PyTuple_Type, &rules, &PyTuple_Type, &readers, &promote, &inputs,
          &attributes, &outputs, &returned, &differentiable, &shapes_read, &broadcasts, &view, &promotion)) {
    return nullptr;
  }
  if (inputs > kMaxInputs || outputs > kMaxOutputs || attributes > kMaxAttributes ||
      PyTuple_GET_SIZE(constants) > kMaxAttributes || PyTuple_GET_SIZE(readers) != inputs + outputs ||
      PyTuple_GET_SIZE(parameters) != inputs + attributes) {
    return PyErr_Format(PyExc_TypeError, "Operation: %S has too many inputs, outputs or attributes", primitive);
  }
  Reference made(type->tp_alloc(type, 0));
  if (made == nullptr) return nullptr;
  Operation& op = operation_in(made.get());
  op.vectorcall = call;
  op.primitive = Py_NewRef(primitive);
  op.run = Py_NewRef(run);
  op.parameters = Py_NewRef(parameters);
  op.constants = Py_NewRef(constants);
  op.rules = Py_NewRef(rules);
  op.promote = promote == Py_None ? nullptr : Py_NewRef(promote);
  op.inputs = inputs;
  op.attributes = attributes;
  op.outputs = outputs;
  op.returned = returned;
  op.differentiable = differentiable;
  op.shapes_read = shapes_read;
  op.broadcasts = broadcasts != 0;
  op.view = view != 0;
  op.promotion = promotion == nullptr || op.promote != nullptr ? '\0' : *promotion;
  return parse_readers(op, readers) < 0 ? nullptr : made.release();
}

}  // namespace

Reference apply_rule(PyObject* operation, Py_ssize_t i, PyObject* g, PyObject* const* values) {
  return apply_entry(rule_in(operation, i), {g}, values);
}

Reference apply_joint_rule(PyObject* operation, PyObject* g, unsigned wanted, PyObject* const* values) {
  PyObject* const rule = rule_in(operation, operation_in(operation).inputs);
  const Reference inputs(PyLong_FromUnsignedLong(rule == Py_None ? 0 : wanted));
  return inputs == nullptr ? nullptr : apply_entry(rule, {g, inputs.get()}, values);
}

bool has_summing_rule(PyObject* operation, Py_ssize_t i) {
  return rule_in(operation, operation_in(operation).inputs + 1 + i) != Py_None;
}

Reference apply_summing_rule(PyObject* operation, Py_ssize_t i, PyObject* g, PyObject* shape, PyObject* const* values) {
  return apply_entry(rule_in(operation, operation_in(operation).inputs + 1 + i), {g, shape}, values);
}

PyObject* make_operation_type() {
  return OperationType::type("minigrad._core.Operation", make, true,
                             {{"primitive", T_OBJECT_EX, offsetof(Operation, primitive), READONLY, nullptr},
                              {"run", T_OBJECT_EX, offsetof(Operation, run), 0, nullptr}});
}

}  // namespace minigrad
