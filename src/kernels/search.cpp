// Finding places: nonzero and searchsorted.
#include <algorithm>
#include <cstring>

#include "core/wide.hpp"
#include "kernels/moves.hpp"
#include "kernels/order_keys.hpp"
#include "kernels/places.hpp"

namespace minigrad {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// Plans.

void plan_nonzero(Plan& plan) {
  const View& x = plan.in[0];
  const int64_t count = plan.attributes[0].integer();
  if (count < 0 || count > x.size()) {
    fail(plan, ErrorKind::runtime, "count " + std::to_string(count) + " does not fit shape " + shape_text(x));
  }
  plan_line(plan.out[0], count);
  plan.out[0].rank = 2;
  plan.out[0].shape[1] = x.rank;
  plan.nanoseconds = 1.5 * static_cast<double>(x.size());
}

void plan_searchsorted(Plan& plan) {
  const View &boundaries = plan.in[0], &x = plan.in[1];
  bool fits = boundaries.rank == 1 || (boundaries.rank > 1 && boundaries.rank == x.rank);
  for (int d = 0; fits && boundaries.rank > 1 && d + 1 < x.rank; ++d) fits = boundaries.shape[d] == x.shape[d];
  if (!fits) {
    fail(plan, ErrorKind::runtime,
         "the boundaries must have one dimension, or all but the last one as the values have them, got shapes " +
             shape_text(boundaries) + " and " + shape_text(x));
  }
  copy_shape(x, DType::int64, plan.out[0]);
  plan.nanoseconds = 15.0 * static_cast<double>(x.size());
}

// ---------------------------------------------------------------------------------------------------------------------
// nonzero.

template <class T>
bool is_nonzero(T x) {
  if constexpr (std::is_same_v<T, Half>)
    return (x.bits & 0x7fff) != 0;
  else
    return x != 0;
}

// For each byte which of its bits are set, in increasing order, a byte each.
struct SetBits {
  uint64_t of[256];
};

constexpr SetBits kSetBits = [] {
  SetBits bits = {};
  for (uint64_t byte = 0; byte < 256; ++byte) {
    for (uint64_t bit = 0, n = 0; bit < 8; ++bit) {
      if ((byte >> bit & 1) != 0) bits.of[byte] |= bit << 8 * n++;
    }
  }
  return bits;
}();

// Which of the first elements of one byte are not zero, eight at a time, while there is room for as many; `done`: how
// many were looked at. The places behind those that are found are overwritten by the next ones.
MINIGRAD_WIDE int64_t find_bytes(int64_t* places, int64_t room, const uint8_t* x, int64_t count, int64_t& done) {
  constexpr uint64_t kHigh = 0x8080808080808080, kToFirst = 0x0102040810204080;
  int64_t found = 0, i = 0;
  for (; i + 8 <= count && found + 8 <= room; i += 8) {
    uint64_t eight;
    std::memcpy(&eight, x + i, sizeof(eight));
    const uint64_t high = (((eight & ~kHigh) + ~kHigh) | eight) & kHigh;  // of the bytes that are not zero
    const uint64_t bits = ((high >> 7) * kToFirst) >> 56;
    const uint64_t set = kSetBits.of[bits];
    for (int n = 0; n < 8; ++n) places[found + n] = i + static_cast<int64_t>(set >> 8 * n & 0xff);
    found += __builtin_popcountll(bits);
  }
  done = i;
  return found;
}

// Which of `count` elements are not zero, at most `room` of them, without a branch on the elements; returns how many.
template <class T>
int64_t find_nonzero(int64_t* places, int64_t room, const T* x, int64_t step, int64_t count) {
  int64_t found = 0, i = 0;
  if constexpr (sizeof(T) == 1) {
    if (step == 1 && has_wide()) found = find_bytes(places, room, x, count, i);
  }
  for (; i < count && found < room; ++i) {
    places[found] = i;  // overwritten where x[i] is zero
    found += is_nonzero(x[i * step]);
  }
  return found;
}

// Writes the rows of the result, one for each place along the last dimension; index has the other dimensions.
inline int64_t* write_places(int64_t* out, const int64_t* index, int rank, int64_t begin, const int64_t* places,
                             int64_t count) {
  if (rank == 2) {
    const int64_t row = index[0];
    for (int64_t i = 0; i < count; ++i, out += 2) {
      out[0] = row;
      out[1] = begin + places[i];
    }
    return out;
  }
  for (int64_t i = 0; i < count; ++i, out += rank) {
    for (int d = 0; d < rank - 1; ++d) out[d] = index[d];
    out[rank - 1] = begin + places[i];
  }
  return out;
}

// The same for places in an array without gaps, whose rows are short: `shape` says how to count them.
inline int64_t* write_divided(int64_t* out, const View& x, int64_t begin, const int64_t* places, int64_t count) {
  for (int64_t i = 0; i < count; ++i, out += x.rank) {
    auto place = static_cast<uint32_t>(begin + places[i]);
    for (int d = x.rank - 1; d > 0; --d) {
      const auto extent = static_cast<uint32_t>(x.shape[d]);
      out[d] = place % extent;
      place /= extent;
    }
    out[0] = place;
  }
  return out;
}

// Places are found block by block, of which a list is kept near.
template <class T>
class Nonzero {
 public:
  static Status run(const Call& call) {
    const View& x = call.in[0];
    int64_t* const out = call.out[0].as<int64_t>();
    const int64_t count = call.out[0].shape[0];
    if (x.rank == 0 || x.size() == 0) return Status::ok;
    if (x.rank == 1) {
      find_nonzero(out, count, x.as<T>(), x.stride[0], x.shape[0]);
    } else if (x.shape[x.rank - 1] < kShortRow && x.contiguous() && x.size() <= int64_t{UINT32_MAX}) {
      go_through_all(x, out, count);
    } else {
      go_by_rows(x, out, count);
    }
    return Status::ok;
  }

 private:
  static constexpr int64_t kBlock = 512, kShortRow = 32;

  static void go_through_all(const View& x, int64_t* out, int64_t left) {
    int64_t places[kBlock];
    for (int64_t begin = 0; begin < x.size(); begin += kBlock) {
      const int64_t room = std::min(kBlock, left), count = std::min(kBlock, x.size() - begin);
      const int64_t found = find_nonzero(places, room, x.as<T>() + begin, 1, count);
      out = write_divided(out, x, begin, places, found);
      left -= found;
    }
  }

  static void go_by_rows(const View& x, int64_t* out, int64_t left) {
    int64_t index[kMaxRank] = {}, places[kBlock];
    const int last = x.rank - 1;
    for (int64_t row = x.size() / x.shape[last]; row > 0; --row) {
      const T* from = x.as<T>();
      for (int d = 0; d < last; ++d) from += index[d] * x.stride[d];
      for (int64_t begin = 0; begin < x.shape[last]; begin += kBlock) {
        const int64_t room = std::min(kBlock, left), count = std::min(kBlock, x.shape[last] - begin);
        const int64_t found = find_nonzero(places, room, from + begin * x.stride[last], x.stride[last], count);
        out = write_places(out, index, x.rank, begin, places, found);
        left -= found;
      }
      for (int d = last - 1; d >= 0 && ++index[d] == x.shape[d]; --d) index[d] = 0;
    }
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// searchsorted: how many boundaries lie below x (kRight: at or below x). NaN lies behind all of them.

// Values that are looked for together, so that the processor need not wait for one before it begins with the next.
constexpr int64_t kTogether = 8;

// How many of n boundaries lie below each of `count` values. All take the same number of halvings; none branches.
template <bool kRight, int64_t count, class T>
void search_line(const T* boundaries, int64_t step, int64_t n, const T* x, int64_t* found) {
  int64_t below[count] = {};
  while (n > 0) {
    const int64_t half = (n + 1) / 2;
    const T* const middle = boundaries + (half - 1) * step;
    for (int64_t i = 0; i < count; ++i) {
      const T boundary = middle[below[i] * step];
      const bool beyond = kRight ? !(boundary > x[i]) : !(boundary >= x[i]);
      below[i] += half & -static_cast<int64_t>(beyond);
    }
    n -= half;
  }
  for (int64_t i = 0; i < count; ++i) found[i] = below[i];
}

template <bool kRight, class T>
Status run_search(const Call& call) {
  const View &x = call.in[1], &out = call.out[0];
  View boundaries = call.in[0];
  const int last = boundaries.rank - 1;
  const int64_t length = boundaries.shape[last], step = boundaries.stride[last];
  boundaries.shape[last] = boundaries.rank == 1 ? 1 : x.shape[last];
  boundaries.stride[last] = 0;  // every value of a line sees the same boundaries
  const View* const operands[] = {&out, &x, &boundaries};
  const Nest<3> nest = make_nest(operands);
  const int inner = nest.rank - 1;
  const int64_t out_step = nest.stride[0][inner], x_step = nest.stride[1][inner], b_step = nest.stride[2][inner];
  parallel_for(nest.size, 15, [&](int64_t begin, int64_t end) {
    for_rows(nest, begin, end, [&](const int64_t* offset, int64_t count) {
      const T* const line = boundaries.as<T>() + offset[2];
      const T* const values = x.as<T>() + offset[1];
      int64_t* const to = out.as<int64_t>() + offset[0];
      T value[kTogether];
      int64_t found[kTogether];
      for (int64_t i = 0; i < count;) {
        const int64_t together = b_step == 0 && step == 1 && count - i >= kTogether ? kTogether : 1;
        for (int64_t k = 0; k < together; ++k) value[k] = values[(i + k) * x_step];
        if (together == 1) {
          search_line<kRight, 1>(line + i * b_step, step, length, value, found);
        } else {
          search_line<kRight, kTogether>(line, 1, length, value, found);
        }
        for (int64_t k = 0; k < together; ++k) to[(i + k) * out_step] = found[k];
        i += together;
      }
    });
  });
  return Status::ok;
}

template <class T>
struct SearchSorted {
  static Status run(const Call& call) {
    return call.attributes[0].flag() ? run_search<true, T>(call) : run_search<false, T>(call);
  }
};

constexpr Run kRuns[] = {
    {"nonzero", by_bits<Nonzero>()},
    {"searchsorted", every_dtype<SearchSorted>()},
};

// ---------------------------------------------------------------------------------------------------------------------
// Rows.

constexpr Kernel kRows[] = {
    {.name = "nonzero",
     .inputs = {"x"},
     .types = "T",
     .outputs = {"out"},
     .attributes = {kCount},
     .plan = plan_nonzero},
    {.name = "searchsorted",
     .inputs = {"boundaries", "x"},
     .types = "TT",
     .outputs = {"out"},
     .attributes = {{"right", AttributeKind::flag}},
     .plan = plan_searchsorted},
};

}  // namespace

extern const Kernels search_kernels;
const Kernels search_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

extern const Runs search_runs;
const Runs search_runs = {kRuns, sizeof(kRuns) / sizeof(Run)};

}  // namespace minigrad
