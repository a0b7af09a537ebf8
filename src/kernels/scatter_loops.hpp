// Scattering: out[index[i, j, k], j, k] is combined with src[i, j, k], for dim 0.
//
// A lane is one choice of the other dimensions. Lanes share no element of out. Within a lane the position along dim
// grows, so what several elements make of one place does not depend on threads: workers share the lanes, or, where
// those are few, the places along dim, of which each leaves alone what is not its own.
//
// What combines elements is compiled for each operation and dtype (`Combine`), the walk around it once.
#pragma once

#include "kernels/index_loops.hpp"

namespace minigrad {
namespace {

// Checks that out, src and index have one number of dimensions and that index fits into the others.
inline void check_scatter(const Plan& plan, const View& out, const View& src, const View& index, int64_t axis) {
  const bool everywhere = src.rank == 0;
  if ((!everywhere && src.rank != index.rank) || out.rank != index.rank) {
    fail(plan, ErrorKind::runtime,
         "src " + shape_text(src) + ", index " + shape_text(index) + " and shape " + shape_text(out) +
             " must have the same number of dimensions");
  }
  const int dim = normalise_dim(plan, out, axis);
  for (int d = 0; d < out.rank; ++d) {
    if ((!everywhere && index.shape[d] > src.shape[d]) || (d != dim && index.shape[d] > out.shape[d])) {
      fail(plan, ErrorKind::runtime,
           "index " + shape_text(index) + " does not fit into src " + shape_text(src) + " and shape " +
               shape_text(out) + " in dim " + std::to_string(d));
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// What becomes of an element x of out and an element y of src.

struct ScatterSet {
  template <class T>
  static T combine(T, T y) {
    return y;
  }
};

struct ScatterProduct {
  template <class T>
  static T combine(T x, T y) {
    return static_cast<T>(x * y);
  }
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
// Blocks: a piece of a lane after the other, or neighbouring lanes abreast.

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

struct Steps {
  int64_t outer, inner;
};

// `outer` times `inner` elements of src, and what leads from one to the next. An index i leads to i * dim.
struct Block {
  int64_t outer, inner;
  Steps out, src, index;
  int64_t dim, extent;
  Places places;
  bool fetched;  // of a panel: src and index are neighbours, fetched into the cache before their turn
};

// False where an index is out of range.
using Combine = bool (*)(void* out, const void* src, const int64_t* index, const Block& block);

// A branch that is never taken costs less than a look at all indices beforehand.
template <class Op, class T>
bool combine_each(T* out, const T* src, const int64_t* index, const Block& b) {
  const Places places = b.places;
  const int64_t dim = b.dim, out_step = b.out.inner, src_step = b.src.inner, index_step = b.index.inner;
  for (int64_t i = 0; i < b.inner; ++i, out += out_step, src += src_step, index += index_step) {
    if (places.own(*index)) {
      T& element = out[*index * dim];
      element = Op::combine(element, *src);
    } else if (!in_range(*index, b.extent)) {
      return false;
    }
  }
  return true;
}

// The same where all places may be written to, src and index are neighbours, and an index i leads to i * dim, `step`
// further for each. Four are read before the first is written: a read waits where an earlier write may be to its place.
template <class Op, class T, class Count>
[[gnu::always_inline]] inline bool combine_beside(T* out, const T* src, const int64_t* index, Count count, int64_t dim,
                                                  int64_t step, int64_t extent) {
  const auto combine = [&](int64_t place, T y) __attribute__((always_inline)) {
    T& element = out[place * dim];
    element = Op::combine(element, y);
    out += step;
  };
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const int64_t a = index[i], b = index[i + 1], c = index[i + 2], d = index[i + 3];
    const T p = src[i], q = src[i + 1], r = src[i + 2], s = src[i + 3];
    if (!in_range(a, extent) || !in_range(b, extent) || !in_range(c, extent) || !in_range(d, extent)) return false;
    combine(a, p);
    combine(b, q);
    combine(c, r);
    combine(d, s);
  }
  for (; i < count; ++i) {
    if (!in_range(index[i], extent)) return false;
    combine(index[i], src[i]);
  }
  return true;
}

// An index that all lanes share moves whole rows.
template <class Op, class T>
bool combine_row(T* out, const T* src, int64_t place, const Block& b) {
  if (!b.places.own(place)) return in_range(place, b.extent);
  constexpr auto* combine = std::is_same_v<Op, ScatterSet> ? copy_piece<T> : combine_piece<Op, T>;
  combine(out + place * b.dim, src, b.inner, b.out.inner, b.src.inner);
  return true;
}

// The longest lane, in bytes, that is fetched whole before the one in front of it is written to in no order.
constexpr int64_t kNextLane = int64_t{1} << 14;

[[gnu::noinline, maybe_unused]] void fetch_lane(const void* lane, int64_t bytes) { prefetch_piece(lane, bytes); }

template <class Op, class T>
bool combine_block(void* to, const void* from, const int64_t* index, const Block& b) {
  T* out = static_cast<T*>(to);
  const T* src = static_cast<const T*>(from);
  const bool rows = b.index.inner == 0 && b.out.inner != 0, panel = b.fetched && b.inner == kPanel;
  const bool lane = b.places.end - b.places.begin == b.extent && b.dim == 1 && b.out.inner == 0 && b.src.inner == 1 &&
                    b.index.inner == 1;
  const bool next = lane && b.extent * static_cast<int64_t>(sizeof(T)) <= kNextLane && b.inner >= b.extent / 4;
  bool good = true;
  for (int64_t k = 0; good && k < b.outer; ++k, out += b.out.outer, src += b.src.outer, index += b.index.outer) {
    if (b.fetched) {
      prefetch_piece(index + kPanelAhead * b.index.outer, kPanel * static_cast<int64_t>(sizeof(int64_t)));
      prefetch_piece(src + kPanelAhead * b.src.outer, kPanel * static_cast<int64_t>(sizeof(T)));
    }
    if (next && k + 1 < b.outer) fetch_lane(out + b.out.outer, b.extent * static_cast<int64_t>(sizeof(T)));
    good = rows    ? combine_row<Op>(out, src, *index, b)
           : panel ? combine_beside<Op>(out, src, index, WholePanel{}, kPanel, 1, b.extent)
           : lane  ? combine_beside<Op>(out, src, index, b.inner, 1, 0, b.extent)
                   : combine_each<Op>(out, src, index, b);
  }
  return good;
}

// ---------------------------------------------------------------------------------------------------------------------
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

  // `count` lanes, each from its beginning to its end before the next one, or all of them side by side.
  Block block(int64_t count, bool abreast, Places places) const {
    const ScatterSteps& s = steps;
    if (abreast) {
      return {
          s.length, count, {0, s.out_lane}, {s.src_dim, s.src_lane}, {s.index_dim, s.index_lane}, s.out_dim, s.extent,
          places,   false};
    }
    return {
        count,  s.length, {s.out_lane, 0}, {s.src_lane, s.src_dim}, {s.index_lane, s.index_dim}, s.out_dim, s.extent,
        places, false};
  }
};

// Below this many lanes, workers share the places along dim.
constexpr int64_t kFewLanes = 16;

// A scatter into an array, or into fresh memory. A lane, or a panel of lanes, that begins as zeros or as the elements
// of another array is made in a cache and complete when it leaves it.
class Scattering {
 public:
  // `start`: what out begins as, element for element where out's lies; nullptr: zeros.
  Scattering(const Call& call, Combine combine, const View& out, const View& src, const View& index, int axis)
      : call_(call), combine_(combine), out_(out), src_(src), index_(index), lanes_(out, src, index, axis) {
    item_ = item_size(out.dtype);
    lane_ = out.shape[axis] * item_;
  }

  // Into an array that is complete but for what is scattered.
  Status run_into() const {
    const ScatterSteps& s = lanes_.steps;
    const double cost = s.index_lane == 0 && lanes_.nest.size >= kFewLanes ? 0.3 : 1.2;
    const auto length = static_cast<double>(s.length);
    Failure failure;
    if (s.extent == 0 && index_.size() > 0) failure.report();
    if (lanes_.nest.size >= kFewLanes) {
      parallel_for(lanes_.nest.size, cost * length, [&](int64_t begin, int64_t end, int) {
        if (!scatter_lanes(begin, end, {0, s.extent})) failure.report();
      });
    } else if (lanes_.nest.size > 0) {
      const double each = cost * length * static_cast<double>(lanes_.nest.size) / static_cast<double>(s.extent + 1);
      parallel_for(s.extent, each, [&](int64_t begin, int64_t end, int) {
        if (!scatter_lanes(0, lanes_.nest.size, {begin, end})) failure.report();
      });
    }
    return failure.status();
  }

  // The same with an array that begins as `start`, which lies as out does, or as zeros. What is only written is not
  // waited for: no panels then.
  Status run_fresh(const View* start, bool only_written) {
    start_ = start != nullptr ? start->as<char>() : nullptr;
    streamed_ = is_large(out_) && start_ != out_.as<char>();
    if (by_lane()) return run_lanes();
    if (!only_written && by_panel()) return run_panels();
    if (start == nullptr) {
      zero_all(out_);
    } else {
      copy_all(out_, *start);
    }
    return run_into();
  }

  // Scratch for each worker, given shapes only.
  static size_t fresh_scratch(const View& out, int axis) {
    const int64_t extent = out.rank > 0 ? out.shape[axis] : 1, bytes = extent * item_size(out.dtype);
    const bool buffered = bytes <= kBufferedLane && is_large(out);
    const size_t lane = buffered ? static_cast<size_t>(bytes) : 0, panel = panel_bytes(out, extent);
    return lane > panel ? lane : panel;
  }

 private:
  // The longest lane, in bytes, that is made in a buffer where results go past the caches.
  static constexpr int64_t kBufferedLane = int64_t{1} << 16;
  // Elements of a lane that is not worth beginning with, and how many such lanes are taken abreast.
  static constexpr int64_t kShortLane = 32, kAbreast = 64;

  // Whether a result goes past the caches; what it is made of is at least as large.
  static bool is_large(const View& out) { return out.size() * item_size(out.dtype) >= kStreamed / 4; }

  bool combine(const int64_t* offset, const Block& block) const {
    return combine_(out_.as<char>() + offset[0] * item_, src_.as<char>() + offset[1] * item_,
                    index_.as<int64_t>() + offset[2], block);
  }

  bool scatter_lanes(int64_t begin, int64_t end, Places places) const {
    const ScatterSteps& s = lanes_.steps;
    const bool abreast = s.out_lane < s.out_dim, beside = s.out_dim == 1 && s.src_dim == 1 && s.index_dim == 1;
    const bool quick = beside && s.length >= 4 && places.end - places.begin == s.extent;
    const bool few = !abreast && s.length < kShortLane && !quick;
    bool good = true;
    for_rows(lanes_.nest, begin, end, [&](const int64_t* offset, int64_t count) {
      if (!few) {
        good &= combine(offset, lanes_.block(count, abreast, places));
        return;
      }
      for (int64_t i = 0; i < count; i += kAbreast) {
        const int64_t at[] = {offset[0] + i * s.out_lane, offset[1] + i * s.src_lane, offset[2] + i * s.index_lane};
        good &= combine(at, lanes_.block(count - i < kAbreast ? count - i : kAbreast, true, places));
      }
    });
    return good;
  }

  // Whether there is about as much to scatter as there are places: else those are best made all at once.
  bool dense() const { return lanes_.steps.length >= lanes_.steps.extent / 4; }

  // Whether the lanes make up all of out.
  bool whole() const { return lanes_.nest.size * lanes_.steps.extent == out_.size(); }

  bool by_lane() const {
    const ScatterSteps& s = lanes_.steps;
    return s.out_dim == 1 && s.src_dim == 1 && s.index_dim == 1 && lanes_.nest.size >= kFewLanes &&
           s.extent >= kShortLane && whole() && dense();
  }

  bool by_panel() const {
    const ScatterSteps& s = lanes_.steps;
    return s.out_lane == 1 && s.src_lane == 1 && s.index_lane == 1 && panel_bytes(out_, s.extent) > 0 && whole() &&
           lanes_.nest.shape[lanes_.nest.rank - 1] >= kPanel && dense();
  }

  Status run_lanes() const {
    const ScatterSteps& s = lanes_.steps;
    const bool buffered = streamed_ && lane_ <= kBufferedLane;
    return run(1, [&](const int64_t* offset, int64_t, char* scratch) {
      char* const out = out_.as<char>() + offset[0] * item_;
      char* const lane = buffered ? scratch : out;
      if (start_ == nullptr) {
        zero_bytes(lane, lane_);
      } else if (start_ + offset[0] * item_ != lane) {
        copy_bytes(lane, start_ + offset[0] * item_, lane_);
      }
      if (!combine_(lane, src_.as<char>() + offset[1] * item_, index_.as<int64_t>() + offset[2],
                    lanes_.block(1, false, {0, s.extent}))) {
        return false;
      }
      if (buffered) copy_bytes(out, lane, lane_, true);
      return true;
    });
  }

  Status run_panels() const {
    const ScatterSteps& s = lanes_.steps;
    return run(kPanel, [&](const int64_t* offset, int64_t width, char* panel) {
      const int64_t row = s.out_dim * item_, from = offset[0] * item_;
      if (start_ == nullptr) {
        zero_bytes(panel, s.extent * kPanel * item_);
      } else {
        copy_panel(panel, kPanel * item_, start_ + from, row, width, false);
      }
      Block block = lanes_.block(width, true, {0, s.extent});
      block.dim = kPanel;
      block.fetched = true;
      const bool good = combine_(panel, src_.as<char>() + offset[1] * item_, index_.as<int64_t>() + offset[2], block);
      copy_panel(out_.as<char>() + from, row, panel, kPanel * item_, width, streamed_);
      return good;
    });
  }

  void copy_panel(char* to, int64_t to_row, const char* from, int64_t from_row, int64_t width, bool streamed) const {
    const int64_t bytes = width * item_;
    for (int64_t r = 0; r < lanes_.steps.extent; ++r, to += to_row, from += from_row) {
      prefetch_piece(from + kPanelAhead * from_row, bytes);
      copy_bytes(to, from, bytes, streamed);
    }
  }

  // visit(offsets in out, src and index, lanes, scratch) for every `width` neighbouring lanes, or fewer at the end of a
  // row.
  template <class Visit>
  Status run(int64_t width, Visit&& visit) const {
    const Nest<3>& nest = lanes_.nest;
    const int inner = nest.rank - 1;
    const int64_t count = nest.shape[inner], panels = (count + width - 1) / width;
    const auto each = static_cast<double>(width * (lanes_.steps.length + lanes_.steps.extent / 4));
    Failure failure;
    parallel_for(nest.size / count * panels, each, [&](int64_t begin, int64_t end, int worker) {
      for (int64_t n = begin; n < end && !failure.reported(); ++n) {
        int64_t offset[3];
        find_offsets(nest, inner, n / panels, offset);
        const int64_t first = n % panels * width;
        for (int i = 0; i < 3; ++i) offset[i] += first * nest.stride[i][inner];
        if (!visit(offset, width < count - first ? width : count - first, call_.scratch(worker))) failure.report();
      }
      if (streamed_) stream_end();
    });
    return failure.status();
  }

  const Call& call_;
  const Combine combine_;
  const View &out_, &src_, &index_;
  const Lanes lanes_;
  const char* start_ = nullptr;
  int64_t item_, lane_;  // bytes
  bool streamed_ = false;
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
