// Scattering: out[index[i, j, k], j, k] is combined with src[i, j, k], for dim 0.
//
// A lane is one choice of the other dimensions. Lanes share no element of out. Within a lane the position along dim
// grows, so what several elements make of one place does not depend on threads: workers share the lanes, or, where
// those are few, the places along dim, of which each leaves alone what is not its own.
#pragma once

#include "kernels/index_loops.hpp"

namespace minigrad {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// What becomes of an element x of out and an element y of src. Booleans are 0 and 1.

struct ScatterSet {
  template <class T>
  static T combine(T, T y) {
    return y;
  }
};

struct ScatterSum {
  template <class T>
  static T combine(T x, T y) {
    return static_cast<T>(x + y);
  }
  static bool combine(bool x, bool y) { return x || y; }
};

struct ScatterProduct {
  template <class T>
  static T combine(T x, T y) {
    return static_cast<T>(x * y);
  }
  static bool combine(bool x, bool y) { return x && y; }
};

// NaN wins.
struct ScatterMax {
  template <class T>
  static T combine(T x, T y) {
    const T larger = y > x ? y : x;
    return y != y ? y : larger;
  }
};

struct ScatterMin {
  template <class T>
  static T combine(T x, T y) {
    const T smaller = y < x ? y : x;
    return y != y ? y : smaller;
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// Loops.

struct ScatterSteps {
  int64_t out_dim, src_dim, index_dim;     // along dim
  int64_t out_lane, src_lane, index_lane;  // from one lane to the next
  int64_t extent;                          // of out along dim
  int64_t length;                          // of index along dim
};

// The places along dim that a worker may write to.
struct Places {
  int64_t begin, end;

  bool own(int64_t i) const { return static_cast<uint64_t>(i - begin) < static_cast<uint64_t>(end - begin); }
};

template <class Op, class T>
void combine_piece(T* out, const T* src, int64_t count, int64_t out_step, int64_t src_step) {
  if (out_step == 1 && src_step == 1) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) out[i] = Op::combine(out[i], src[i]);
  } else {
    for (int64_t i = 0; i < count; ++i) out[i * out_step] = Op::combine(out[i * out_step], src[i * src_step]);
  }
}

// One lane, all of whose indices are in range.
template <class Op, class T>
void scatter_lane(T* out, const T* src, const int64_t* index, const ScatterSteps& s, Places places) {
  if (places.begin > 0 || places.end < s.extent) {
    for (int64_t k = 0; k < s.length; ++k) {
      const int64_t target = index[k * s.index_dim];
      if (places.own(target)) out[target * s.out_dim] = Op::combine(out[target * s.out_dim], src[k * s.src_dim]);
    }
  } else {
    for (int64_t k = 0; k < s.length; ++k) {
      T& element = out[index[k * s.index_dim] * s.out_dim];
      element = Op::combine(element, src[k * s.src_dim]);
    }
  }
}

// One lane whose elements lie next to each other. A branch that is never taken costs less than a look at all indices
// beforehand.
template <class Op, class T>
bool scatter_unit_lane(T* out, const T* src, const int64_t* index, int64_t length, int64_t extent) {
  for (int64_t k = 0; k < length; ++k) {
    const int64_t target = index[k];
    if (!in_range(target, extent)) return false;
    out[target] = Op::combine(out[target], src[k]);
  }
  return true;
}

// One lane after the other: good where dim is the innermost dimension. Indices that lanes share are checked once.
template <class Op, class T>
bool scatter_by_lane(T* out, const T* src, const int64_t* index, int64_t lanes, const ScatterSteps& s, Places places) {
  const bool unit = s.out_dim == 1 && s.src_dim == 1 && s.index_dim == 1;
  const bool everywhere = places.begin <= 0 && places.end >= s.extent;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    const int64_t* const at = index + lane * s.index_lane;
    if (unit && everywhere) {
      if (!scatter_unit_lane<Op>(out + lane * s.out_lane, src + lane * s.src_lane, at, s.length, s.extent))
        return false;
      continue;
    }
    const bool known = lane > 0 && s.index_lane == 0;
    if (!known && !all_in_range(at, s.length, s.index_dim, s.extent)) return false;
    scatter_lane<Op>(out + lane * s.out_lane, src + lane * s.src_lane, at, s, places);
  }
  return true;
}

// All lanes side by side: good where they lie next to each other. An index that all lanes share moves whole rows.
template <class Op, class T>
bool scatter_abreast(T* out, const T* src, const int64_t* index, int64_t lanes, const ScatterSteps& s, Places places) {
  for (int64_t k = 0; k < s.length; ++k) {
    const T* const a = src + k * s.src_dim;
    const int64_t* const at = index + k * s.index_dim;
    if (s.index_lane == 0) {
      if (places.own(*at)) {
        combine_piece<Op>(out + *at * s.out_dim, a, lanes, s.out_lane, s.src_lane);
      } else if (!in_range(*at, s.extent)) {
        return false;
      }
      continue;
    }
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const int64_t target = at[lane * s.index_lane];
      if (places.own(target)) {
        T& element = out[target * s.out_dim + lane * s.out_lane];
        element = Op::combine(element, a[lane * s.src_lane]);
      } else if (!in_range(target, s.extent)) {
        return false;
      }
    }
  }
  return true;
}

// The lanes of out, src and index, and how to go along them.
struct Lanes {
  Nest<3> nest;
  ScatterSteps steps;

  Lanes(const View& out, const View& src, const View& index, int axis) {
    const View lanes[] = {without_dim(out, index, axis), without_dim(src, index, axis),
                          without_dim(index, index, axis)};
    const View* const operands[] = {&lanes[0], &lanes[1], &lanes[2]};
    nest = make_nest(operands);
    const int inner = nest.rank - 1;
    steps = {out.stride[axis],      src.stride[axis],      index.stride[axis], nest.stride[0][inner],
             nest.stride[1][inner], nest.stride[2][inner], out.shape[axis],    index.shape[axis]};
  }
};

template <class Op, class T>
bool scatter_lanes(const View& out, const View& src, const View& index, const Lanes& lanes, int64_t begin, int64_t end,
                   Places places) {
  const ScatterSteps& s = lanes.steps;
  const bool abreast = s.out_lane < s.out_dim;
  bool good = true;
  for_rows(lanes.nest, begin, end, [&](const int64_t* offset, int64_t count) {
    T* const o = out.as<T>() + offset[0];
    const T* const a = src.as<T>() + offset[1];
    const int64_t* const at = index.as<int64_t>() + offset[2];
    good &= abreast ? scatter_abreast<Op>(o, a, at, count, s, places) : scatter_by_lane<Op>(o, a, at, count, s, places);
  });
  return good;
}

// Below this many lanes, workers share the places along dim.
constexpr int64_t kFewLanes = 16;

// Combines src, of at least index's sizes or without dimensions, with out at the places that index says.
template <class Op, class T>
Status scatter_into(const View& out, const View& src, const View& index, int axis) {
  const Lanes lanes(out, src, index, axis);
  const double cost = lanes.steps.index_lane == 0 && lanes.nest.size >= kFewLanes ? 0.3 : 1.2;
  const auto length = static_cast<double>(lanes.steps.length);
  const int64_t extent = lanes.steps.extent;
  Failure failure;
  if (extent == 0 && index.size() > 0) failure.report();
  if (lanes.nest.size >= kFewLanes) {
    parallel_for(lanes.nest.size, cost * length, [&](int64_t begin, int64_t end, int) {
      if (!scatter_lanes<Op, T>(out, src, index, lanes, begin, end, {0, extent})) failure.report();
    });
  } else if (lanes.nest.size > 0) {
    const double each = cost * length * static_cast<double>(lanes.nest.size) / static_cast<double>(extent + 1);
    parallel_for(extent, each, [&](int64_t begin, int64_t end, int) {
      if (!scatter_lanes<Op, T>(out, src, index, lanes, 0, lanes.nest.size, {begin, end})) failure.report();
    });
  }
  return failure.status();
}

// src with index's rank: repeated everywhere where it has no dimensions.
inline View source_like(const View& src, const View& index) {
  if (src.rank != 0) return src;
  View out = index;
  out.data = src.data;
  out.dtype = src.dtype;
  for (int d = 0; d < out.rank; ++d) out.stride[d] = 0;
  return out;
}

}  // namespace
}  // namespace minigrad
