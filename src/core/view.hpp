// A view: where the elements of an array lie. Kernels see arrays only as views.
#pragma once

#include <cstddef>
#include <cstdint>

namespace minigrad {

// The largest number of dimensions a kernel takes; the binding layer refuses more.
constexpr int kMaxRank = 16;

enum class DType : uint8_t { boolean, uint8, int8, int16, int32, int64, float32, float64, float16 };
constexpr int kDTypeCount = 9;

static constexpr const char* kDTypeNames[kDTypeCount] = {"bool",  "uint8",   "int8",    "int16",  "int32",
                                                         "int64", "float32", "float64", "float16"};
static constexpr int64_t kItemSizes[kDTypeCount] = {1, 1, 1, 2, 4, 8, 4, 8, 2};

static constexpr int64_t item_size(DType dtype) { return kItemSizes[static_cast<int>(dtype)]; }
static constexpr bool is_floating(DType dtype) { return dtype >= DType::float32; }

// Strides count elements, may be zero or negative, and elements are aligned to their size. Only the first `rank`
// entries of shape and stride mean anything: they are left uninitialised behind it, because a view is made for every
// operand of every call. A view owns nothing.
struct View {
  void* data;
  DType dtype;
  int rank;
  int64_t shape[kMaxRank];
  int64_t stride[kMaxRank];

  // A copy takes what means something, which is far less than there is room for.
  View() = default;
  [[gnu::always_inline]] View(const View& x) { *this = x; }
  [[gnu::always_inline]] View& operator=(const View& x) {
    data = x.data;
    dtype = x.dtype;
    rank = x.rank;
    for (int d = 0; d < x.rank; ++d) shape[d] = x.shape[d];
    for (int d = 0; d < x.rank; ++d) stride[d] = x.stride[d];
    return *this;
  }

  template <class T>
  [[gnu::always_inline]] T* as() const {
    return static_cast<T*>(data);
  }

  [[gnu::always_inline]] int64_t size() const {
    int64_t n = 1;
    for (int d = 0; d < rank; ++d) n *= shape[d];
    return n;
  }

  [[gnu::always_inline]] bool same_shape(const View& other) const {
    if (rank != other.rank) return false;
    for (int d = 0; d < rank; ++d) {
      if (shape[d] != other.shape[d]) return false;
    }
    return true;
  }

  // True where the elements lie one after the other in row-major order.
  [[gnu::always_inline]] bool contiguous() const {
    int64_t expected = 1;
    for (int d = rank - 1; d >= 0; --d) {
      if (shape[d] != 1 && stride[d] != expected) return false;
      expected *= shape[d];
    }
    return true;
  }
};

}  // namespace minigrad
