#include "bindings/items.hpp"

#include <cmath>
#include <cstring>
#include <vector>

#include "bindings/commons.hpp"
#include "bindings/in_place.hpp"
#include "core/layout.hpp"
#include "kernels/moves.hpp"

namespace minigrad {
namespace {

// Places that vectors of indices and masks pick: with more of them, kernels are worth the way through Python. The same
// holds for larger masks, and for more elements that are read.
constexpr size_t kPicks = 1024;
constexpr int64_t kFew = 1024;

bool is_signed_integer(DType dtype) { return dtype >= DType::int8 && dtype <= DType::int64; }

// The indices or the mask that a part of a key is; other parts are none.
bool view_picks(PyObject* part, View& x) {
  if (is_tensor(part)) {
    if (!is_free_to_read(tensor_in(part), x)) return false;
  } else if (!PyArray_CheckExact(part) || view_array(part, x) != ArrayKind::usable) {
    return false;
  }
  return x.dtype == DType::boolean ? x.rank > 0 : is_signed_integer(x.dtype) && x.rank == 1;
}

// How many dimensions a part of a key speaks of.
Py_ssize_t dims_of(PyObject* part) {
  View x;
  if (part == Py_Ellipsis || part == Py_None) return 0;
  return view_picks(part, x) ? x.rank : 1;
}

// The elements of an array that a key means. Its parts speak of the array's dimensions one after the other. Keys that
// are not understood here, or are wrong, are left to Python.
//
// Integers, slices and None make a smaller view, `out_`. Vectors of indices and masks together pick several such views,
// each at one of the `offsets_` from out_'s beginning. In the value that is written, and in the result that is read,
// the picked views are one more dimension: the first one, or, if no other dimension lies between those that are picked
// from, the one in their place.
class Target {
 public:
  // `most`: with more elements than that, one part alone picks too much to be read here.
  Target(const View& whole, int64_t most) : whole_(whole), out_(whole), most_read_(most) { out_.rank = 0; }

  // The memory that is written, which the value must not share.
  const View& memory() const { return picks_ ? whole_ : out_; }

  [[gnu::noinline]] bool take(PyObject* key) {
    PyObject** const parts = PyTuple_CheckExact(key) ? PySequence_Fast_ITEMS(key) : &key;
    const Py_ssize_t count = PyTuple_CheckExact(key) ? PyTuple_GET_SIZE(key) : 1;
    is_one_part_ = parts == &key;
    Py_ssize_t left = 0, added = 0;
    for (Py_ssize_t i = 0; i < count; ++i) left += dims_of(parts[i]), added += parts[i] == Py_None;
    if (whole_.rank + added > kMaxRank) return false;
    for (Py_ssize_t i = 0; i < count; ++i) {
      if (parts[i] == Py_Ellipsis) {
        keep_all_but(left);
      } else if (parts[i] == Py_None) {
        add_dim(1, 0);
      } else {
        left -= dims_of(parts[i]);
        if (next_dim_ == whole_.rank || !take_part(parts[i])) return false;
      }
    }
    keep_all_but(0);
    return true;
  }

  // Makes `x`, if it has enough elements without gaps, the vector of the first ones, one for each picked view.
  bool take_first(View& x) const {
    const auto count = static_cast<int64_t>(offsets_.size());
    if (!picks_ || out_.rank > 0 || !x.contiguous() || x.size() < count) return false;
    x.rank = 1;
    x.shape[0] = count;
    x.stride[0] = 1;
    return true;
  }

  // Whether a value broadcasts to what the key means. Takes the dimension of the picked views out of `x`.
  bool fits(View& x) {
    if (picks_) {
      const int d = (picks_apart_ ? 0 : picked_dim_) - (out_.rank + 1 - x.rank);
      if (x.rank > out_.rank + 1) return false;
      if (d >= 0) {
        if (x.shape[d] != 1 && x.shape[d] != static_cast<int64_t>(offsets_.size())) return false;
        value_step_ = x.shape[d] == 1 ? 0 : x.stride[d];
        --x.rank;
        for (int e = d; e < x.rank; ++e) x.shape[e] = x.shape[e + 1], x.stride[e] = x.stride[e + 1];
      }
    }
    if (x.rank > out_.rank) return false;
    for (int d = 0; d < x.rank; ++d) {
      if (x.shape[d] != 1 && x.shape[d] != out_.shape[d + out_.rank - x.rank]) return false;
    }
    return true;
  }

  // Whether elements can be added to, in the order in which they are picked.
  bool can_add() const {
    const DType dtype = out_.dtype;
    return picks_ && out_.rank <= 1 && (dtype >= DType::int32 && dtype <= DType::float64);
  }

  void add(const View& x) const {
    switch (out_.dtype) {
      case DType::int32:
        return add_as<int32_t>(x);
      case DType::int64:
        return add_as<int64_t>(x);
      case DType::float32:
        return add_as<float>(x);
      default:
        return add_as<double>(x);
    }
  }

  void write(const View& x) const {
    if (!picks_) return copy_all(out_, x);
    for_picks(out_, x, [&](int64_t n) { return offsets_[n]; }, [&](int64_t n) { return n * value_step_; });
  }

  // What indices and masks pick, as a new array; null with an exception set.
  PyObject* read() const {
    View out = out_;
    const int dim = picks_apart_ ? 0 : picked_dim_;
    std::copy_backward(out_.shape + dim, out_.shape + out_.rank, out.shape + out_.rank + 1);
    out.shape[dim] = static_cast<int64_t>(offsets_.size());
    ++out.rank;
    PyObject* const array = new_array(out, "index");
    if (array == nullptr) return nullptr;
    const int64_t step = out.stride[dim];
    std::copy(out.stride + dim + 1, out.stride + out.rank, out.stride + dim);
    std::copy(out_.shape + dim, out_.shape + out_.rank, out.shape + dim);
    --out.rank;
    for_picks(out, out_, [&](int64_t n) { return n * step; }, [&](int64_t n) { return offsets_[n]; });
    return array;
  }

  bool picks() const { return picks_; }

  // The number of elements, or -1 where several of them have one place.
  int64_t size() const {
    int64_t size = picks_ ? static_cast<int64_t>(offsets_.size()) : 1;
    bool repeats = false;
    for (int d = 0; d < out_.rank; ++d) {
      size *= out_.shape[d];
      repeats |= out_.stride[d] == 0 && out_.shape[d] > 1;
    }
    return repeats && size > 0 ? -1 : size;
  }

 private:
  // Copies x to out once for each picked view, which lies out_at(n) and x_at(n) elements further.
  template <class OutAt, class XAt>
  void for_picks(const View& out, const View& x, const OutAt& out_at, const XAt& x_at) const {
    const auto count = static_cast<int64_t>(offsets_.size()), item = static_cast<int64_t>(item_size(out.dtype));
    if (out.rank > 1) {
      View to = out, from = x;
      for (int64_t n = 0; n < count; ++n) {
        to.data = out.as<char>() + out_at(n) * item;
        from.data = x.as<char>() + x_at(n) * item;
        copy_all(to, from);
      }
      return;
    }
    const int64_t size = out.rank == 1 ? out.shape[0] : 1;
    const int64_t out_step = out.rank == 1 ? out.stride[0] : 0,
                  x_step = x.rank == 1 && x.shape[0] > 1 ? x.stride[0] : 0;
    with_bits(item, [&](auto bits) {
      using T = decltype(bits);
      for (int64_t n = 0; n < count; ++n) {
        T* const to = out.as<T>() + out_at(n);
        const T* const from = x.as<T>() + x_at(n);
        size == 1 ? static_cast<void>(*to = *from) : copy_piece(to, from, size, out_step, x_step);
      }
    });
  }

  template <class T>
  void add_as(const View& x) const {
    const int64_t size = out_.rank == 1 ? out_.shape[0] : 1, step = out_.rank == 1 ? out_.stride[0] : 0;
    const int64_t x_step = x.rank == 1 && x.shape[0] > 1 ? x.stride[0] : 0;
    for (size_t n = 0; n < offsets_.size(); ++n) {
      T* const to = out_.as<T>() + offsets_[n];
      const T* const from = x.as<T>() + static_cast<int64_t>(n) * value_step_;
      for (int64_t i = 0; i < size; ++i) to[i * step] += from[i * x_step];
    }
  }

  void keep_all_but(Py_ssize_t left) {
    while (whole_.rank - next_dim_ > left) keep(0, whole_.shape[next_dim_], 1);
  }

  void keep(int64_t first, int64_t count, int64_t step) {
    skip(first);
    add_dim(count, count > 1 ? step * whole_.stride[next_dim_ - 1] : 0);
  }

  void add_dim(int64_t count, int64_t stride) {
    out_.shape[out_.rank] = count;
    out_.stride[out_.rank++] = stride;
  }

  void skip(int64_t first) {
    out_.data = static_cast<char*>(out_.data) + first * whole_.stride[next_dim_++] * item_size(whole_.dtype);
  }

  bool take_part(PyObject* part) {
    Py_ssize_t first, last, step = 1;
    const int64_t n = whole_.shape[next_dim_];
    if (PySlice_Check(part)) {
      const PySliceObject* const slice = reinterpret_cast<PySliceObject*>(part);
      for (PyObject* const bound : {slice->start, slice->stop, slice->step}) {
        if (bound != Py_None && !PyLong_CheckExact(bound)) return false;
      }
      if (PySlice_Unpack(part, &first, &last, &step) < 0 || step < 0) return false;
      const Py_ssize_t count = PySlice_AdjustIndices(n, &first, &last, step);
      keep(count > 0 ? first : 0, count, step);
      return true;
    }
    if (!is_index(part)) return take_picks(part);
    int64_t index;
    if (!read_index(part, index) || !is_inside(index, n)) return false;
    skip(index);
    return true;
  }

  static bool is_index(PyObject* part) { return PyLong_CheckExact(part) || PyArray_IsScalar(part, Integer); }

  static bool read_index(PyObject* number, int64_t& index) {
    index = is_index(number) ? PyNumber_AsSsize_t(number, PyExc_IndexError) : -1;
    return index != -1 || (is_index(number) && PyErr_Occurred() == nullptr);
  }

  // Whether an index is one of `n` elements; what counts from the end becomes one from the start.
  static bool is_inside(int64_t& index, int64_t n) {
    if (index < 0) index += n;
    return index >= 0 && index < n;
  }

  // Takes a vector or list of indices or of flags, or a mask. All parts of this kind have to pick equally many views.
  bool take_picks(PyObject* part) {
    View x;
    std::vector<int64_t> offsets;
    int width = 1;
    if (view_picks(part, x)) {
      width = x.rank;
      if (!(x.dtype == DType::boolean ? read_mask(x, offsets) : read_indices(x, offsets))) return false;
    } else if (!read_list(part, offsets)) {
      return false;
    }
    if (picks_ && offsets.size() != offsets_.size()) return false;
    for (int d = next_dim_; d < next_dim_ + width; ++d) {
      if (whole_.stride[d] == 0 && whole_.shape[d] > 1) return false;
    }
    picks_apart_ |= picks_ && picked_dim_ != out_.rank;
    picked_dim_ = picks_ ? picked_dim_ : out_.rank;
    next_dim_ += width;
    for (size_t i = 0; picks_ && i < offsets.size(); ++i) offsets[i] += offsets_[i];
    offsets_.swap(offsets);
    picks_ = true;
    return true;
  }

  bool add_index(int64_t index, std::vector<int64_t>& offsets) const {
    if (!is_inside(index, whole_.shape[next_dim_])) return false;
    offsets.push_back(index * whole_.stride[next_dim_]);
    return true;
  }

  bool read_indices(const View& x, std::vector<int64_t>& offsets) const {
    int64_t row = 1;
    for (int d = next_dim_ + 1; is_one_part_ && d < whole_.rank; ++d) row *= whole_.shape[d];
    if (x.shape[0] > static_cast<int64_t>(kPicks) || x.shape[0] * row > most_read_) return false;
    const int64_t n = whole_.shape[next_dim_], step = whole_.stride[next_dim_];
    offsets.resize(static_cast<size_t>(x.shape[0]));
    for (int64_t i = 0; i < x.shape[0]; ++i) {
      int64_t index = integer_at(x, i * x.stride[0]);
      if (!is_inside(index, n)) return false;
      offsets[i] = index * step;
    }
    return true;
  }

  static int64_t integer_at(const View& x, int64_t place) {
    switch (x.dtype) {
      case DType::int8:
        return static_cast<const int8_t*>(x.data)[place];
      case DType::int16:
        return static_cast<const int16_t*>(x.data)[place];
      case DType::int32:
        return static_cast<const int32_t*>(x.data)[place];
      default:
        return static_cast<const int64_t*>(x.data)[place];
    }
  }

  bool read_list(PyObject* part, std::vector<int64_t>& offsets) const {
    if (!PyRange_Check(part) && !PyList_CheckExact(part)) return false;
    const Py_ssize_t count = PyObject_Size(part);
    if (count < 1 || count > static_cast<Py_ssize_t>(kPicks)) return false;
    const Reference items(PySequence_Fast(part, "indices"));
    if (items == nullptr) return false;
    const bool flags = PyBool_Check(PySequence_Fast_GET_ITEM(items.get(), 0));
    if (flags && count != whole_.shape[next_dim_]) return false;
    for (Py_ssize_t i = 0; i < count; ++i) {
      PyObject* const item = PySequence_Fast_GET_ITEM(items.get(), i);
      int64_t index = i;
      if (flags ? !PyBool_Check(item) : !read_index(item, index)) return false;
      if (item != Py_False && !add_index(index, offsets)) return false;
    }
    return true;
  }

  bool read_mask(const View& x, std::vector<int64_t>& offsets) const {
    int64_t size = 1, index[kMaxRank] = {};
    for (int d = 0; d < x.rank; ++d) {
      if (next_dim_ + d >= whole_.rank || x.shape[d] != whole_.shape[next_dim_ + d]) return false;
      size *= x.shape[d];
    }
    if (size > kFew) return false;
    offsets.reserve(static_cast<size_t>(size));
    for (int64_t i = 0; i < size; ++i) {
      int64_t from = 0, to = 0;
      for (int d = 0; d < x.rank; ++d) from += index[d] * x.stride[d], to += index[d] * whole_.stride[next_dim_ + d];
      if (static_cast<const bool*>(x.data)[from]) offsets.push_back(to);
      if (offsets.size() > kPicks) return false;
      for (int d = x.rank - 1; d >= 0 && ++index[d] == x.shape[d]; --d) index[d] = 0;
    }
    return true;
  }

  const View& whole_;
  View out_;
  const int64_t most_read_;
  int next_dim_ = 0;          // the dimension of `whole_` that the next part speaks of
  bool is_one_part_ = false;  // whether the key is no tuple
  std::vector<int64_t> offsets_;
  bool picks_ = false;        // whether there are indices or masks
  bool picks_apart_ = false;  // whether other dimensions lie between those that are picked from
  int picked_dim_ = 0;        // the dimension of `out_` before which the picked views stand
  int64_t value_step_ = 0;    // in the value, from one picked view to the next
};

// Whether a number becomes an element of `dtype` without a question: integers hold only integers, and what may be too
// large for a float, or too long to be rounded once, is NumPy's.
bool is_plain_number(PyObject* number, DType dtype) {
  const bool is_real = PyFloat_CheckExact(number), is_whole = PyLong_CheckExact(number) || PyBool_Check(number);
  if (!is_floating(dtype)) return is_whole;
  if (!is_real && !is_whole) return false;
  const double value = PyFloat_AsDouble(number);
  const double most = dtype == DType::float16 ? 65504.0 : is_whole ? 0x1p53 : 0x1p127;
  return PyErr_Occurred() == nullptr && !(std::isfinite(value) && std::abs(value) > most);
}

// A value that can be written to `target`: an array's elements, or a number, which gets into `room`.
bool take_value(PyObject* value, PyObject* array, bool first, Target& target, int64_t& room, View& x) {
  const DType dtype = target.memory().dtype;
  if (!is_tensor(value)) {
    x = {};
    x.data = &room;
    x.dtype = dtype;
    return is_plain_number(value, dtype) &&
           PyArray_SETITEM(reinterpret_cast<PyArrayObject*>(array), static_cast<char*>(x.data), value) == 0;
  }
  if (!is_free_to_read(tensor_in(value), x) || x.dtype != dtype || overlap(x, target.memory())) return false;
  return (!first || target.take_first(x)) && target.fits(x);
}

// set_items(tensor, key, value, way=None): writes a number, or a tensor's elements, where a key says, or as many of the
// first ones as it picks (way "first"), or adds them there ("add"); False, with nothing done, where there is more to
// consider, or something wrong.
PyObject* set_items(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count < 3 || count > 4 || !is_tensor(args[0]) || (count == 4 && !PyUnicode_Check(args[3]))) {
    return PyErr_Format(PyExc_TypeError, "set_items: takes a tensor, a key, a value and a way");
  }
  TensorObject* const tensor = tensor_in(args[0]);
  if (Reference(own_memory(args[0], nullptr)) == nullptr) return nullptr;
  View whole, x;
  int64_t room = 0;
  if (!is_free_to_write(tensor, whole)) Py_RETURN_FALSE;
  Target target(whole, kMany - 1);
  const int64_t size = target.take(args[1]) ? target.size() : -1;
  const bool first = count == 4 && PyUnicode_CompareWithASCIIString(args[3], "first") == 0, adds = count == 4 && !first;
  const bool many = size >= kMany, left = many && (target.picks() || may_share_places(target.memory()));
  if (size < 0 || left || (adds && !target.can_add()) || !take_value(args[2], tensor->array, first, target, room, x)) {
    PyErr_Clear();
    Py_RETURN_FALSE;
  }
  Cell* const cell = cell_of(tensor);
  if (cell == nullptr) return nullptr;
  if (adds) {
    target.add(x);
  } else if (many) {
    const Unlocked unlocked;
    target.write(x);
  } else if (size > 0) {
    target.write(x);
  }
  ++cell->version;
  Py_RETURN_TRUE;
}

// get_items(tensor, key): the elements that a key with indices or masks picks; None where there is more to consider, or
// something wrong, and for keys that make a view.
PyObject* get_items(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 2 || !is_tensor(args[0])) return PyErr_Format(PyExc_TypeError, "get_items: takes a tensor and a key");
  View whole;
  if (!is_free_to_read(tensor_in(args[0]), whole)) Py_RETURN_NONE;
  Target target(whole, kFew);
  const int64_t size = target.take(args[1]) && target.picks() ? target.size() : -1;
  if (size < 0 || size > kFew) {
    PyErr_Clear();
    Py_RETURN_NONE;
  }
  return new_tensor(target.read());
}

PyMethodDef kFunctions[] = {
    {"get_items", fastcall(get_items), METH_FASTCALL,
     "get_items(tensor, key): the elements that a key with indices or masks picks; None where there is more to "
     "consider, and for keys that make a view."},
    {"set_items", fastcall(set_items), METH_FASTCALL,
     "set_items(tensor, key, value, way=None): write a number, or a tensor's elements, where a key says, or as many of "
     "the first ones as it picks ('first'), or add them there ('add'); False, with nothing done, where there is more "
     "to consider."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

bool add_item_functions(PyObject* module) { return PyModule_AddFunctions(module, kFunctions) == 0; }

}  // namespace minigrad
