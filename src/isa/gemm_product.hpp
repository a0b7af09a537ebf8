// What a matrix product is computed from.
#pragma once

#include "isa/isa.hpp"
#include "kernels/matmul_shapes.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// One matrix product: c (m, n) = a (m, k) b (k, n) (+ bias), rows of c contiguous.
template <class T>
struct Product {
  const ProductShape* shape;
  const T* a;
  const T* b;
  const T* bias;  // (n,), contiguous; or nullptr
  T* c;
  bool relu;
};

// `count` elements of x with any step: x itself where it is contiguous, otherwise a copy in `scratch`.
template <class T>
[[gnu::always_inline]] inline const T* contiguous(const T* x, int64_t step, int64_t count, T* scratch) {
  if (step == 1) return x;
  for (int64_t i = 0; i < count; ++i) scratch[i] = x[i * step];
  return scratch;
}

[[gnu::always_inline]] inline int64_t smaller(int64_t x, int64_t y) { return x < y ? x : y; }

// The rows [begin, end) or columns of a product.
struct Range {
  int64_t begin, end;

  int64_t size() const { return end - begin; }
};

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
