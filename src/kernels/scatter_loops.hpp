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
Status scatter_along(const View& out, const View& src, const View& index, const Lanes& lanes) {
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

template <class Op, class T>
Status scatter_into(const View& out, const View& src, const View& index, int axis) {
  return scatter_along<Op, T>(out, src, index, Lanes(out, src, index, axis));
}

// ---------------------------------------------------------------------------------------------------------------------
// Into what is made on the way: zeros, or the elements of another array that lies as out does. A lane, or a panel of
// lanes, begins in a cache and is complete when it leaves it.

// The longest lane, in bytes, that is made in a buffer where results go past the caches.
constexpr int64_t kBufferedLane = int64_t{1} << 16;

// Whether a result goes past the caches; what it is made of is at least as large.
inline bool is_large(const View& out) { return out.size() * item_size(out.dtype) >= kStreamed / 4; }

// Scratch for each worker, given shapes only.
inline size_t fresh_scratch(const View& out, int axis) {
  const int64_t extent = out.rank > 0 ? out.shape[axis] : 1, bytes = extent * item_size(out.dtype);
  const bool buffered = bytes <= kBufferedLane && is_large(out);
  const size_t lane = buffered ? static_cast<size_t>(bytes) : 0, panel = panel_bytes(out, extent);
  return lane > panel ? lane : panel;
}

template <class T>
void begin_lane(T* lane, const T* start, int64_t extent) {
  if (start == nullptr) {
    zero_bytes(lane, extent * static_cast<int64_t>(sizeof(T)));
  } else if (start != lane) {
    copy_bytes(lane, start, extent * static_cast<int64_t>(sizeof(T)));
  }
}

template <class Op, class T, class Width>
bool scatter_panel(T* panel, const T* src, const int64_t* index, Width width, const ScatterSteps& s) {
  for (int64_t k = 0; k < s.length; ++k, src += s.src_dim, index += s.index_dim) {
    prefetch_piece(index + kPanelAhead * s.index_dim, width * static_cast<int64_t>(sizeof(int64_t)));
    prefetch_piece(src + kPanelAhead * s.src_dim, width * static_cast<int64_t>(sizeof(T)));
    for (int64_t j = 0; j < width; ++j) {
      if (!in_range(index[j], s.extent)) return false;
      T& element = panel[index[j] * kPanel + j];
      element = Op::combine(element, src[j]);
    }
  }
  return true;
}

// A scatter into fresh memory, or into an array that nobody else reads.
template <class Op, class T>
class Fresh {
 public:
  // `start`: what out begins as, element for element where out's lies; nullptr: zeros.
  Fresh(const Call& call, const View& out, const View& src, const View& index, int axis, const T* start)
      : call_(call), out_(out), src_(src), index_(index), lanes_(out, src, index, axis), start_(start) {
    streamed_ = is_large(out) && start != out.as<T>();
    lane_ = out.shape[axis] * static_cast<int64_t>(sizeof(T));
  }

  bool by_lane() const {
    const ScatterSteps& s = lanes_.steps;
    return s.out_dim == 1 && s.src_dim == 1 && s.index_dim == 1 && lanes_.nest.size >= kFewLanes && whole() && dense();
  }

  bool by_panel() const {
    const ScatterSteps& s = lanes_.steps;
    return s.out_lane == 1 && s.src_lane == 1 && s.index_lane == 1 && panel_bytes(out_, s.extent) > 0 && whole() &&
           lanes_.nest.shape[lanes_.nest.rank - 1] >= kPanel && dense();
  }

  // Into an array that is complete but for what is scattered.
  Status run_into() const { return scatter_along<Op, T>(out_, src_, index_, lanes_); }

  Status run_lanes() const {
    const ScatterSteps& s = lanes_.steps;
    const bool buffered = streamed_ && lane_ <= kBufferedLane;
    return run(1, 1.0, [&](int64_t out_at, int64_t src_at, int64_t index_at, int64_t, char* scratch) {
      T* const out = out_.as<T>() + out_at;
      T* const lane = buffered ? reinterpret_cast<T*>(scratch) : out;
      begin_lane(lane, start_ == nullptr ? nullptr : start_ + out_at, s.extent);
      const int64_t* const index = index_.as<int64_t>() + index_at;
      if (!scatter_unit_lane<Op>(lane, src_.as<T>() + src_at, index, s.length, s.extent)) return false;
      if (buffered) copy_bytes(out, lane, lane_, true);
      return true;
    });
  }

  Status run_panels() const {
    const ScatterSteps& s = lanes_.steps;
    return run(kPanel, 1.0, [&](int64_t out_at, int64_t src_at, int64_t index_at, int64_t width, char* scratch) {
      T* const panel = reinterpret_cast<T*>(scratch);
      if (start_ == nullptr) {
        zero_bytes(scratch, s.extent * kPanel * static_cast<int64_t>(sizeof(T)));
      } else {
        pack_panel(panel, start_ + out_at, s.extent, s.out_dim, width);
      }
      const T* const src = src_.as<T>() + src_at;
      const int64_t* const index = index_.as<int64_t>() + index_at;
      const bool good = width == kPanel ? scatter_panel<Op>(panel, src, index, WholePanel{}, s)
                                        : scatter_panel<Op>(panel, src, index, width, s);
      unpack_panel(out_.as<T>() + out_at, panel, s.extent, s.out_dim, width, streamed_);
      return good;
    });
  }

 private:
  // Whether there is about as much to scatter as there are places: else those are best made all at once.
  bool dense() const { return lanes_.steps.length >= lanes_.steps.extent / 4; }

  // Whether the lanes make up all of out.
  bool whole() const { return lanes_.nest.size * lanes_.steps.extent == out_.size(); }

  // visit(offsets in out, src and index, lanes, scratch) for every `width` neighbouring lanes, or fewer at the end of a
  // row.
  template <class Visit>
  Status run(int64_t width, double cost, Visit&& visit) const {
    const Nest<3>& nest = lanes_.nest;
    const int inner = nest.rank - 1;
    const int64_t count = nest.shape[inner], panels = (count + width - 1) / width;
    const double each = cost * static_cast<double>(width * (lanes_.steps.length + lanes_.steps.extent / 4));
    Failure failure;
    parallel_for(nest.size / count * panels, each, [&](int64_t begin, int64_t end, int worker) {
      for (int64_t n = begin; n < end && !failure.reported(); ++n) {
        int64_t offset[3];
        find_offsets(nest, inner, n / panels, offset);
        const int64_t first = n % panels * width;
        for (int i = 0; i < 3; ++i) offset[i] += first * nest.stride[i][inner];
        const int64_t together = width < count - first ? width : count - first;
        if (!visit(offset[0], offset[1], offset[2], together, call_.scratch(worker))) failure.report();
      }
      if (streamed_) stream_end();
    });
    return failure.status();
  }

  const Call& call_;
  const View &out_, &src_, &index_;
  const Lanes lanes_;
  const T* start_;
  int64_t lane_;  // bytes
  bool streamed_;
};

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
