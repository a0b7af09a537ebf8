// Arrays that tensors give out. What a write through them means is told in sharing.py.
//
// The base of such an array is a loan, and so is the base of every array made from it. (NumPy looks for the array that
// owns the memory and makes that the base, but stops at an object that is no array.) So the loan ends when the last of
// these arrays goes. While a memory has loans, its version is counted from kShared. All of this happens under Python's
// lock.
#include "bindings/lending.hpp"

#include <cstring>

#include "bindings/commons.hpp"
#include "bindings/views.hpp"

namespace minigrad {

struct Loan {
  PyObject head;
  PyObject* array;  // what it shows
  Cell* cell;
  PyObject* line;  // which line of code gave it out; null if that was not noted
  Loan* next;      // of the same cell
  uint64_t digest;
  bool watched;  // there is a digest: something saved depends on what the elements were
};

namespace {

PyObject* g_loan_type = nullptr;

Loan& loan_in(PyObject* object) { return *reinterpret_cast<Loan*>(object); }

__extension__ using Wide = unsigned __int128;

uint64_t fold(uint64_t a, uint64_t b) {
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

constexpr int kDigestLanes = 8;
constexpr size_t kDigestBlock = kDigestLanes * 16;

// Digests a block: each lane multiplies one word by another word mixed with its own state, so that order counts.
void digest_block(const char* data, uint64_t* lanes) {
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;  // 2^64 by the golden ratio
  for (int i = 0; i < kDigestLanes; ++i) {
    uint64_t words[2];
    std::memcpy(words, data + 16 * i, 16);
    lanes[i] = fold(words[0] ^ (kOdd * static_cast<uint64_t>(2 * i + 3)), words[1] ^ lanes[i]);
  }
}

// A digest of all bytes and their order: other bytes give another one, up to a chance of about 2^-64. It is compared
// only within a process.
uint64_t digest_bytes(const char* data, size_t bytes) {
  uint64_t lanes[kDigestLanes];
  for (int i = 0; i < kDigestLanes; ++i) lanes[i] = 0x2545f4914f6cdd1d * static_cast<uint64_t>(2 * i + 1);
  size_t at = 0;
  for (; at + kDigestBlock <= bytes; at += kDigestBlock) digest_block(data + at, lanes);
  char rest[kDigestBlock] = {};
  std::memcpy(rest, data + at, bytes - at);
  digest_block(rest, lanes);
  uint64_t digest = bytes;
  for (const uint64_t lane : lanes) digest = fold(digest ^ lane, 0xbf58476d1ce4e5b9);
  return digest;
}

// The digest of an array's elements, whatever its level; false with an exception set.
bool take_digest(PyObject* object, uint64_t& digest) {
  if (is_just(object, g_connections.batched)) {
    const Reference inner(PyObject_GetAttrString(object, "array"));
    return inner != nullptr && take_digest(inner.get(), digest);
  }
  if (!PyArray_Check(object)) return PyErr_Format(PyExc_TypeError, "digest: takes an array") != nullptr;
  PyArrayObject* const array = as_array(object);
  const bool lies_whole = PyArray_IS_C_CONTIGUOUS(array) || PyArray_IS_F_CONTIGUOUS(array);
  const Reference whole(lies_whole ? Py_NewRef(object) : PyArray_NewCopy(array, NPY_CORDER));
  if (whole == nullptr) return false;
  const char* const data = PyArray_BYTES(as_array(whole.get()));
  const size_t bytes = static_cast<size_t>(PyArray_NBYTES(array));
  digest = bytes == 0 ? 0 : digest_bytes(data, bytes);
  return true;
}

// ---------------------------------------------------------------------------------------------------------------------
// Loans.

// Whether somebody has written through the array since this was last asked; -1 with an exception set.
int was_written(Loan& loan) {
  const uint64_t before = loan.digest;
  if (!loan.watched) return 0;
  return take_digest(loan.array, loan.digest) ? before != loan.digest : -1;
}

void raise_version(const Loan& loan) {
  ++loan.cell->version;
  if (loan.line != nullptr) fill(loan.cell->line, Py_NewRef(loan.line));
}

// Nobody outside can write any more once the last loan has ended.
void take_back(Loan& loan) {
  Loan** place = &loan.cell->loans;
  while (*place != &loan) place = &(*place)->next;
  *place = loan.next;
  if (was_written(loan) != 0) raise_version(loan);  // and where that cannot be told
  if (loan.cell->loans == nullptr) loan.cell->version -= kShared;
}

void deallocate_loan(PyObject* self) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  Loan& loan = loan_in(self);
  if (loan.cell != nullptr) take_back(loan);
  PyErr_Restore(type, value, traceback);
  Py_XDECREF(loan.cell);
  Py_XDECREF(loan.array);
  Py_XDECREF(loan.line);
  PyTypeObject* const own = Py_TYPE(self);
  own->tp_free(self);
  Py_DECREF(own);
}

PyObject* make_loan_type() {
  static PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(deallocate_loan)}, {0, nullptr}};
  static PyType_Spec spec = {"minigrad._core.Loan", static_cast<int>(sizeof(Loan)), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  return PyType_FromSpec(&spec);
}

Py_ssize_t count_loans(const Cell* cell) {
  Py_ssize_t count = 0;
  for (const Loan* loan = cell->loans; loan != nullptr; loan = loan->next) ++count;
  return count;
}

// How many tensors are known to share a tensor's memory: itself, its base, and that one's views.
Py_ssize_t known_holders(TensorObject* tensor) {
  TensorObject* const base = tensor->base == nullptr ? tensor : tensor_in(tensor->base);
  Py_ssize_t count = base->cell == tensor->cell ? 1 : 0;
  bool counted = base == tensor;
  for_views(base, [&](const TensorObject* view) {
    if (view->cell != tensor->cell) return;
    ++count;
    counted |= view == tensor;
  });
  return counted ? count : count + 1;
}

// Whether anybody but its loans and the tensors known to share it refers to a cell: such as a node.
bool is_saved(TensorObject* tensor, const Cell* cell) {
  const Py_ssize_t others = Py_REFCNT(tensor->cell) - count_loans(cell);
  return others > 1 && others > known_holders(tensor);
}

// Begins a loan of what a tensor's array shows.
Reference new_loan(TensorObject* tensor, Cell* cell, PyObject* line) {
  Reference made(new_object(g_loan_type));
  if (made == nullptr) return nullptr;
  Loan& loan = loan_in(made.get());
  loan.array = Py_NewRef(tensor->array);
  loan.watched = is_saved(tensor, cell);
  if (loan.watched && !take_digest(tensor->array, loan.digest)) return nullptr;
  if (line != Py_None) loan.line = Py_NewRef(line);
  loan.cell = reinterpret_cast<Cell*>(Py_NewRef(tensor->cell));
  loan.next = cell->loans;
  cell->loans = &loan;
  if (cell->version >= 0) cell->version += kShared;
  return made;
}

// lend(tensor, line): an array that shares a tensor's memory; of memory that was taken in, everything that was ever
// saved has its digest.
PyObject* lend(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 2 || !is_tensor(args[0])) return PyErr_Format(PyExc_TypeError, "lend: takes a tensor and a line");
  if (Reference(own_memory(args[0], nullptr)) == nullptr) return nullptr;
  TensorObject* const tensor = tensor_in(args[0]);
  if (!PyArray_Check(tensor->array)) return PyErr_Format(PyExc_TypeError, "lend: there is no array");
  Cell* const cell = cell_of(tensor);
  if (cell == nullptr) return nullptr;
  const bool foreign = cell->version < 0 && cell->loans == nullptr;
  const Reference base = foreign ? Reference(PyTuple_Pack(1, tensor->array)) : new_loan(tensor, cell, args[1]);
  PyArrayObject* const array = as_array(tensor->array);
  return base == nullptr ? nullptr
                         : view_of(array, PyArray_NDIM(array), PyArray_DIMS(array), PyArray_STRIDES(array),
                                   PyArray_BYTES(array), base.get());
}

// ---------------------------------------------------------------------------------------------------------------------
// Versions.

// Raises the version of memory that was written to through an array; false with an exception set.
bool note_writes(const Cell* cell) {
  const Loan* written = nullptr;
  for (Loan* loan = cell->loans; loan != nullptr; loan = loan->next) {
    const int answer = was_written(*loan);
    if (answer < 0) return false;
    if (answer > 0) written = loan;
  }
  if (written != nullptr) raise_version(*written);
  return true;
}

// How often memory was written to.
long long writes(const Cell* cell) { return cell->version >= 0 ? cell->version : cell->version - kShared; }

PyObject* refuse(const char* text) { return PyErr_Format(PyExc_TypeError, "%s", text); }

// version_of(cell, array): what is to be remembered of memory whose elements are saved.
PyObject* version_for_python(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 2 || !is_cell(args[0])) return refuse("version_of: takes a cell and an array");
  Version version = {args[0], 0, 0, false};
  return look(version, args[1]) ? object_of(version) : nullptr;
}

// changed(cell, then, array): whether an array that was saved is no longer what it was.
PyObject* changed_for_python(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 3 || !is_cell(args[0])) return refuse("changed: takes a cell, what was remembered, and an array");
  Version version = {args[0], 0, 0, PyTuple_Check(args[1]) && PyTuple_GET_SIZE(args[1]) == 2};
  version.number = PyLong_AsLongLong(version.digested ? PyTuple_GET_ITEM(args[1], 0) : args[1]);
  if (version.digested) version.digest = PyLong_AsUnsignedLongLongMask(PyTuple_GET_ITEM(args[1], 1));
  const int answer = PyErr_Occurred() == nullptr ? is_changed(version, args[2]) : -1;
  return answer < 0 ? nullptr : PyBool_FromLong(answer);
}

PyMethodDef kFunctions[] = {
    {"lend", fastcall(lend), METH_FASTCALL, nullptr},
    {"version_of", fastcall(version_for_python), METH_FASTCALL, nullptr},
    {"changed", fastcall(changed_for_python), METH_FASTCALL, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

bool look(Version& version, PyObject* array) {
  const Cell* const cell = reinterpret_cast<const Cell*>(version.cell);
  version.digested = cell->version < 0;
  if (version.digested && !(note_writes(cell) && take_digest(array, version.digest))) return false;
  version.number = writes(cell);
  return true;
}

int is_changed(const Version& version, PyObject* array) {
  const Cell* const cell = reinterpret_cast<const Cell*>(version.cell);
  if (!version.digested && version.number == cell->version) return 0;
  if (!note_writes(cell)) return -1;
  if (version.number != writes(cell)) return 1;
  uint64_t digest = version.digest;
  return version.digested && !take_digest(array, digest) ? -1 : digest != version.digest;
}

PyObject* object_of(const Version& version) {
  return version.digested ? Py_BuildValue("(LK)", version.number, static_cast<unsigned long long>(version.digest))
                          : PyLong_FromLongLong(version.number);
}

PyObject* watched_loans(const Cell* cell) {
  PyObject* const watched = PyTuple_New(count_loans(cell));
  Py_ssize_t i = 0;
  for (const Loan* loan = cell->loans; watched != nullptr && loan != nullptr; loan = loan->next) {
    PyTuple_SET_ITEM(watched, i++, PyBool_FromLong(loan->watched));
  }
  return watched;
}

PyObject* place_of_loan(const Cell* cell) {
  const Loan* loan = cell->loans;
  while (loan != nullptr && loan->line == nullptr) loan = loan->next;
  return Py_NewRef(loan == nullptr ? Py_None : loan->line);
}

bool add_lending_functions(PyObject* module) {
  g_loan_type = make_loan_type();
  return g_loan_type != nullptr && PyModule_AddFunctions(module, kFunctions) == 0;
}

}  // namespace minigrad
