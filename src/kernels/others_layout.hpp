// What the plan and the runs of product_of_others share.
//
// Included by files compiled once per instruction set: everything here has internal linkage.
#pragma once

#include "core/kernel.hpp"

namespace minigrad {
namespace {

constexpr double kOthersNanoseconds = 0.2;

// A function of shape and dim alone, as the order of multiplications is.
struct OthersForm {
  bool rows;      // dim is the last one
  int64_t lines;  // one choice of the other dimensions each
  int64_t length;
  int64_t block;   // elements of a line that are taken together
  int64_t blocks;  // in a line

  // Scratch: for each line its cotangent and, where it has several blocks, the product of each and of all others.
  int64_t values() const { return lines * (blocks > 1 ? 2 * blocks + 1 : 1); }
};

inline OthersForm others_form(const View& x, int dim) {
  constexpr int64_t kRowBytes = 4096, kColumnBlock = 32;
  OthersForm form = {dim == x.rank - 1, 1, x.shape[dim], kColumnBlock, 1};
  for (int d = 0; d < x.rank; ++d) form.lines *= d == dim ? 1 : x.shape[d];
  if (form.rows) form.block = kRowBytes / item_size(x.dtype);
  if (form.length > form.block) form.blocks = (form.length - 1) / form.block + 1;
  return form;
}

}  // namespace
}  // namespace minigrad
