// Scans: every lane, one choice of the other dimensions, is a plain chain along dim, first element first (last element
// first where reversed). So a result depends on its own lane alone, whatever the layout, the neighbours and the
// threads.
#include <type_traits>

#include "core/kernel.hpp"
#include "core/loops.hpp"
#include "isa/isa.hpp"
#include "isa/lanes.hpp"
#include "isa/math.hpp"
#include "isa/transpose.hpp"
#include "kernels/bytes.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// Operations on W, the type that a lane is computed in. first() and next() take the inputs' elements at a position, set
// the state and give the result there, which is rounded to the array's dtype: of one lane, or those that take any V of
// several.

template <class W_>
struct CumSum {
  using W = W_;
  static constexpr bool kIsQuick = true;  // next to memory
  static constexpr int kInputs = 1;

  static constexpr bool kAtOnce = static_cast<W>(0.5) == 0;  // whole numbers: a sum waits one cycle for the last one

  template <class V>
  [[gnu::always_inline]] static inline V first(V& sum, V x, V) {
    return sum = x;
  }
  template <class V>
  [[gnu::always_inline]] static inline V next(V& sum, V x, V) {
    return sum += x;
  }
};

template <class W_>
struct CumProd {
  using W = W_;
  static constexpr bool kIsQuick = true;  // next to memory
  static constexpr int kInputs = 1;

  template <class V>
  [[gnu::always_inline]] static inline V first(V& product, V x, V) {
    return product = x;
  }
  template <class V>
  [[gnu::always_inline]] static inline V next(V& product, V x, V) {
    return product *= x;
  }
};

// The product of all elements before the position: 1 at the first one.
template <class W_>
struct CumProdExclusive {
  using W = W_;
  static constexpr bool kIsQuick = true;  // next to memory
  static constexpr int kInputs = 1;

  template <class V>
  [[gnu::always_inline]] static inline V first(V& product, V x, V) {
    product = x;
    return V{} + 1;
  }
  template <class V>
  [[gnu::always_inline]] static inline V next(V& product, V x, V) {
    const V before = product;
    product *= x;
    return before;
  }
};

// r[i] = a[i] r[i - 1] + b[i]. r[-1] = 0, so that a[0] does not matter, even if it is infinite.
template <class W_>
struct Recurrence {
  using W = W_;
  static constexpr bool kIsQuick = true;  // next to memory
  static constexpr int kInputs = 2;

  template <class V>
  [[gnu::always_inline]] static inline V first(V& r, V, V b) {
    return r = b;
  }
  template <class V>
  [[gnu::always_inline]] static inline V next(V& r, V a, V b) {
    return r = fma(a, r, b);
  }
};

// log(exp(sum) + exp(x)) without overflow. Infinities that are equal have no difference.
template <class W_>
struct LogCumSumExp {
  using W = W_;
  static constexpr bool kIsQuick = false;
  static constexpr int kInputs = 1;

  [[gnu::always_inline]] static inline W first(W& sum, W x, W) { return sum = x; }
  [[gnu::always_inline]] static inline W next(W& sum, W x, W) {
    const W larger = sum > x ? sum : x;
    const W gap = sum > x ? x - sum : sum - x;
    return sum = larger + math::log1p(math::exp(sum == x ? W{0} : gap));
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// Loops over several lanes.

int64_t magnitude(int64_t x) { return x < 0 ? -x : x; }

// Where some lanes start, operand 0 the output, and the steps from one position to the next and from lane to lane.
template <class T, int N>
struct LaneBlock {
  T* data[N];
  int64_t dim_step[N];
  int64_t lane_step[N];
  int64_t length;

  void move(int64_t lanes) {
    for (int i = 0; i < N; ++i) data[i] += lanes * lane_step[i];
  }
};

// Positions that are computed at once, in a copy on the stack: rows that lie a power of two apart fall into the same
// sets of the cache, so each line is read and written once.
constexpr int64_t kTile = 64;

template <class W, class T>
void load_row(W* tile, const T* x, int64_t step, int64_t count) {
  if (step == 1) {
    for (int64_t k = 0; k < count; ++k) tile[k] = static_cast<W>(x[k]);
  } else if (step == -1) {
    for (int64_t k = 0; k < count; ++k) tile[k] = static_cast<W>(x[-k]);
  } else {
    for (int64_t k = 0; k < count; ++k) tile[k] = static_cast<W>(x[k * step]);
  }
}

template <class W, class T>
void store_row(T* out, int64_t step, const W* tile, int64_t count) {
  if (step == 1) {
    for (int64_t k = 0; k < count; ++k) out[k] = static_cast<T>(tile[k]);
  } else if (step == -1) {
    for (int64_t k = 0; k < count; ++k) out[-k] = static_cast<T>(tile[k]);
  } else {
    for (int64_t k = 0; k < count; ++k) out[k * step] = static_cast<T>(tile[k]);
  }
}

// The results replace x; y is x where an operation has one input.
template <class Op, int kLaneCount, class W>
void scan_tile(W (&state)[kLaneCount], W (*x)[kTile], const W (*y)[kTile], int64_t from, int64_t count) {
  W s[kLaneCount];
  for (int lane = 0; lane < kLaneCount; ++lane) s[lane] = state[lane];
  for (int64_t k = from; k < count; ++k) {
#pragma GCC unroll 4
    for (int lane = 0; lane < kLaneCount; ++lane) x[lane][k] = Op::next(s[lane], x[lane][k], y[lane][k]);
  }
  for (int lane = 0; lane < kLaneCount; ++lane) state[lane] = s[lane];
}

// kLaneCount chains interleaved, because each one waits for its last result: good where dim is the innermost dimension.
template <class Op, int kLaneCount, class T, int N>
void run_chains(const LaneBlock<T, N>& block) {
  using W = typename Op::W;
  alignas(64) W tile[N - 1][kLaneCount][kTile];
  W state[kLaneCount] = {};
  for (int64_t start = 0; start < block.length; start += kTile) {
    const int64_t count = block.length - start < kTile ? block.length - start : kTile;
    for (int i = 1; i < N; ++i) {
      const T* const x = block.data[i] + start * block.dim_step[i];
      for (int lane = 0; lane < kLaneCount; ++lane) {
        load_row(tile[i - 1][lane], x + lane * block.lane_step[i], block.dim_step[i], count);
      }
    }
    for (int lane = 0; start == 0 && lane < kLaneCount; ++lane) {
      tile[0][lane][0] = Op::first(state[lane], tile[0][lane][0], tile[N - 2][lane][0]);
    }
    scan_tile<Op>(state, tile[0], tile[N - 2], start == 0 ? 1 : 0, count);
    T* const out = block.data[0] + start * block.dim_step[0];
    for (int lane = 0; lane < kLaneCount; ++lane) {
      store_row(out + lane * block.lane_step[0], block.dim_step[0], tile[0][lane], count);
    }
  }
}

// Lane by lane, where no chain has to wait.
template <class Op, class T>
void run_at_once(LaneBlock<T, 2> block, int64_t lanes) {
  const int64_t out_step = block.dim_step[0], x_step = block.dim_step[1];
  for (; lanes > 0; --lanes, block.move(1)) {
    typename Op::W state = 0;
    for (int64_t k = 0; k < block.length; ++k) {
      block.data[0][k * out_step] = Op::next(state, block.data[1][k * x_step], T{0});
    }
  }
}

template <class Op, class T, int N>
void chains(LaneBlock<T, N> block, int64_t lanes) {
  if constexpr (requires { requires Op::kAtOnce; }) return run_at_once<Op>(block, lanes);
  for (; lanes >= 4; lanes -= 4, block.move(4)) run_chains<Op, 4>(block);
  for (; lanes >= 1; lanes -= 1, block.move(1)) run_chains<Op, 1>(block);
}

// Lanes side by side that fit into the state on the stack; of those that come from memory whole rows, if they are not
// too long, because of pieces the processor foresees little.
constexpr int64_t kNear = 1024, kAbreast = 4096;

// The first position of all lanes.
template <class Op, class T, int N>
void begin_lanes(typename Op::W* state, const LaneBlock<T, N>& block, int64_t lanes) {
  using W = typename Op::W;
  for (int64_t i = 0; i < lanes; ++i) {
    const T x = block.data[1][i * block.lane_step[1]], y = block.data[N - 1][i * block.lane_step[N - 1]];
    block.data[0][i * block.lane_step[0]] = static_cast<T>(Op::first(state[i], static_cast<W>(x), static_cast<W>(y)));
  }
}

// Position k > 0 of all lanes.
template <class Op, class T, int N>
void advance(typename Op::W* state, const LaneBlock<T, N>& block, int64_t k, int64_t lanes) {
  using W = typename Op::W;
  T* const out = block.data[0] + k * block.dim_step[0];
  const T* const x = block.data[1] + k * block.dim_step[1];
  const T* const y = block.data[N - 1] + k * block.dim_step[N - 1];
  const auto step = [state](int64_t i, T a, T b) {
    return static_cast<T>(Op::next(state[i], static_cast<W>(a), static_cast<W>(b)));
  };
  const int64_t out_step = block.lane_step[0], x_step = block.lane_step[1], y_step = block.lane_step[N - 1];
  if (out_step == 1 && x_step == 1 && y_step == 1) {
#pragma omp simd
    for (int64_t i = 0; i < lanes; ++i) out[i] = step(i, x[i], y[i]);
  } else {
    for (int64_t i = 0; i < lanes; ++i) out[i * out_step] = step(i, x[i * x_step], y[i * y_step]);
  }
}

// Lanes that are taken at a time, where their states stay in registers meanwhile.
constexpr int64_t kTogether = 16;

// So many positions from k on of lanes that lie beside each other, whole lines of memory: results go past the caches.
// The next positions are asked for, because a processor that writes so foresees little of what it reads: into the
// second cache, the nearest one would not hold them that long.
constexpr int64_t kPositions = 4;

template <class Op, class T, int N>
void advance_streamed(typename Op::W* state, const LaneBlock<T, N>& block, int64_t k, int64_t lanes) {
  using W = typename Op::W;
  for (int64_t i = 0; i < lanes; i += kTogether) {
    W s[kTogether];
    for (int64_t l = 0; l < kTogether; ++l) s[l] = state[i + l];
    // All are read before one is written: a read behind a write to a place that lies as far from a page's beginning
    // waits.
    alignas(64) T line[kPositions][kTogether];
#pragma GCC unroll 4
    for (int64_t p = 0; p < kPositions; ++p) {
      const T* const x = block.data[1] + (k + p) * block.dim_step[1] + i;
      const T* const y = block.data[N - 1] + (k + p) * block.dim_step[N - 1] + i;
      for (int64_t l = 0; l < kTogether; l += 64 / static_cast<int64_t>(sizeof(T))) {
        __builtin_prefetch(x + kPositions * block.dim_step[1] + l, 0, 2);
        if (N > 2) __builtin_prefetch(y + kPositions * block.dim_step[N - 1] + l, 0, 2);
      }
#pragma omp simd
      for (int64_t l = 0; l < kTogether; ++l) {
        line[p][l] = static_cast<T>(Op::next(s[l], static_cast<W>(x[l]), static_cast<W>(y[l])));
      }
    }
#pragma GCC unroll 4
    for (int64_t p = 0; p < kPositions; ++p) {
      T* const out = block.data[0] + (k + p) * block.dim_step[0] + i;
      for (int64_t l = 0; l < kTogether; l += kLanes<T>) stream(out + l, load(line[p] + l));
    }
    for (int64_t l = 0; l < kTogether; ++l) state[i + l] = s[l];
  }
}

// Whether results can be written line by line.
template <class T, int N>
bool in_lines(const LaneBlock<T, N>& block, int64_t lanes) {
  bool beside = true;
  for (int i = 0; i < N; ++i) beside = beside && block.lane_step[i] == 1;
  const auto bytes = reinterpret_cast<uintptr_t>(block.data[0]) | static_cast<uintptr_t>(block.dim_step[0]) * sizeof(T);
  return beside && lanes % kTogether == 0 && bytes % 64 == 0;
}

// All lanes move on together, in vectors: good where they lie next to each other.
template <class Op, class T, int N>
void abreast(LaneBlock<T, N> block, int64_t lanes, bool far) {
  alignas(64) typename Op::W state[kAbreast];
  const int64_t most = far ? kAbreast : kNear;
  const bool streamed = Op::kIsQuick && far && in_lines(block, lanes);
  for (int64_t count; lanes > 0; lanes -= count, block.move(count)) {
    count = lanes < most ? lanes : most;
    begin_lanes<Op>(state, block, count);
    int64_t k = 1;
    if constexpr (Op::kIsQuick) {
      for (; streamed && k + kPositions <= block.length; k += kPositions) {
        advance_streamed<Op>(state, block, k, count);
      }
    }
    for (; k < block.length; ++k) advance<Op>(state, block, k, count);
  }
  if (streamed) stream_end();
}

// Lanes that lie one behind the other, kTogether of them packed side by side, a tile of positions at a time. In a tile
// positions lie in the order in which they do in memory.

template <class T>
void pack_lanes(T* tile, const T* x, int64_t dim_step, int64_t lane_step, int64_t places) {
  const bool backwards = dim_step == -1;
  if (backwards) x -= places - 1;
  pack(tile, kTogether, x, backwards ? 1 : dim_step, lane_step, places, kTogether);
}

template <class T>
void unpack_lanes(T* out, int64_t dim_step, int64_t lane_step, const T* tile, int64_t places) {
  if (dim_step == 1 || dim_step == -1) {
    if (dim_step == -1) out -= places - 1;
    return transpose_matrix(out, lane_step, tile, kTogether, places, kTogether);
  }
  for (int64_t lane = 0; lane < kTogether; ++lane) {
    for (int64_t k = 0; k < places; ++k) out[lane * lane_step + k * dim_step] = tile[k * kTogether + lane];
  }
}

// Whether lanes are whole lines of memory, first to last or last to first.
template <class T>
bool are_lines(const T* lane, int64_t dim_step, int64_t lane_step, int64_t length) {
  if (dim_step == -1) lane -= length - 1;
  const int64_t elements = lane_step | length;
  const auto bytes = reinterpret_cast<uintptr_t>(lane) | static_cast<uintptr_t>(elements) * sizeof(T);
  return (dim_step == 1 || dim_step == -1) && bytes % 64 == 0;
}

// Asks for `count` elements, `from` elements behind the beginning of the next kTogether lanes, if they follow on these
// without a gap: of so many streams the processor foresees little. (Called, not inlined, it would be left out as a
// function without effect.)
template <class T, int N>
[[gnu::always_inline]] inline void fetch_lanes(const LaneBlock<T, N>& block, int64_t from, int64_t count, int first) {
  for (int i = first; i < N; ++i) {
    if (block.lane_step[i] != block.length) continue;
    const T* const lane = block.data[i] - (block.dim_step[i] == -1 ? block.length - 1 : 0);
    const T* const next = lane + kTogether * block.length + from;
    for (int64_t k = 0; k < count; k += kVirtualLanes<T>) __builtin_prefetch(next + k, 0, 2);
  }
}

// Lanes that are contiguous, in registers: kSide of them at a time, a line of memory of each. Squares of kSide
// positions are turned, so that a register holds a position of all these lanes, and turned back. More lanes than eight,
// which may lie a power of two apart, would displace each other from the nearest cache.

template <class T>
constexpr int kSide = kLanes<T> < 8 ? kLanes<T> : 8;

template <class T, int N>
struct RowOf {
  typedef T type __attribute__((vector_size(N * static_cast<int>(sizeof(T)))));
};

template <class T>
[[gnu::always_inline]] inline void read_square(typename RowOf<T, kSide<T>>::type* rows, const T* x, int64_t lane_step) {
#pragma GCC unroll 8
  for (int l = 0; l < kSide<T>; ++l) __builtin_memcpy(rows + l, x + l * lane_step, sizeof(*rows));
  turn_square(rows);
}

// A position of kSide lanes, whose states take one register, or two: a compiler would keep wider ones in memory.
template <class Op, class T>
struct States {
  using W = typename Op::W;
  using Row = typename RowOf<T, kSide<T>>::type;
  static constexpr int kParts = kSide<T> > kLanes<W> ? kSide<T> / kLanes<W> : 1, kWidth = kSide<T> / kParts;
  using Part = typename RowOf<T, kWidth>::type;
  using State = typename RowOf<W, kWidth>::type;
  static_assert(kParts <= 2);
  State state[kParts];

  template <int kPart, int... I>
  [[gnu::always_inline]] inline Part advance(Row x, Row y, bool begins, std::integer_sequence<int, I...>) {
    const State a = convert<State>(__builtin_shufflevector(x, x, (kPart * kWidth + I)...));
    const State b = convert<State>(__builtin_shufflevector(y, y, (kPart * kWidth + I)...));
    return convert<Part>(begins ? Op::first(state[kPart], a, b) : Op::next(state[kPart], a, b));
  }

  template <int... I>
  [[gnu::always_inline]] inline Row join(Part low, Part high, std::integer_sequence<int, I...>) {
    return __builtin_shufflevector(low, high, I...);
  }

  [[gnu::always_inline]] inline Row advance(Row x, Row y, bool begins) {
    constexpr auto kPlaces = std::make_integer_sequence<int, kWidth>();
    const Part low = advance<0>(x, y, begins, kPlaces);
    if constexpr (kParts == 1) return low;
    if constexpr (kParts == 2) {
      return join(low, advance<1>(x, y, begins, kPlaces), std::make_integer_sequence<int, kSide<T>>());
    }
  }
};

// The first `positions` of kSide lanes from `lane` on, whole lines of memory. `far`: those to come are asked for;
// `streamed`: results go past the caches.
template <class Op, bool kBackwards, class T, int N>
[[gnu::noinline]] void advance_lines(typename Op::W* last, const LaneBlock<T, N>& whole, int64_t lane,
                                     int64_t positions, bool far, bool streamed) {
  using Row = typename RowOf<T, kSide<T>>::type;
  constexpr int kLine = kVirtualLanes<T>, kSquares = kLine / kSide<T>;
  const LaneBlock<T, N> block = whole;  // in registers: nothing that is written can be a part of it
  States<Op, T> states = {};
  for (int64_t start = 0; start < positions; start += kLine) {
    if (far) fetch_lanes(block, lane * block.length + start * kSide<T>, kLine * kSide<T>, streamed ? 1 : 0);
    const auto place = [&](int i) __attribute__((always_inline)) {
      return block.data[i] + lane * block.lane_step[i] + (kBackwards ? -start - (kLine - 1) : start);
    };
    Row line[kSquares][kSide<T>];
#pragma GCC unroll 4
    for (int n = 0; n < kSquares; ++n) {
      const int square = kBackwards ? kSquares - 1 - n : n;
      Row* const x = line[square];
      Row second[kSide<T>];
      read_square(x, place(1) + square * kSide<T>, block.lane_step[1]);
      if (N > 2) read_square(second, place(N - 1) + square * kSide<T>, block.lane_step[N - 1]);
      const Row* const y = N > 2 ? second : x;
#pragma GCC unroll 8
      for (int step = 0; step < kSide<T>; ++step) {
        const int i = kBackwards ? kSide<T> - 1 - step : step;
        x[i] = states.advance(x[i], y[i], step == 0 && n == 0 && start == 0);
      }
      turn_square(x);
    }
#pragma GCC unroll 8
    for (int l = 0; l < kSide<T>; ++l) {
#pragma GCC unroll 4
      for (int square = 0; square < kSquares; ++square) {
        T* const out = place(0) + l * block.lane_step[0] + square * kSide<T>;
        if (streamed) {
          stream(out, line[square][l]);
        } else {
          __builtin_memcpy(out, &line[square][l], sizeof(Row));
        }
      }
    }
  }
  __builtin_memcpy(last, states.state, sizeof(states.state));
}

// The whole lines of memory of kTogether lanes, if these are contiguous. Returns how many positions they have.
template <class Op, class T, int N>
int64_t run_lines(typename Op::W* states, const LaneBlock<T, N>& block, bool far) {
  const int64_t step = block.dim_step[0], positions = block.length / kVirtualLanes<T> * kVirtualLanes<T>;
  for (int i = 0; i < N; ++i) {
    if (magnitude(step) != 1 || block.dim_step[i] != step) return 0;
  }
  const bool streamed = far && are_lines(block.data[0], step, block.lane_step[0], block.length);
  for (int64_t lane = 0; positions > 0 && lane < kTogether; lane += kSide<T>) {
    const auto advance = step < 0 ? advance_lines<Op, true, T, N> : advance_lines<Op, false, T, N>;
    advance(states + lane, block, lane, positions, far, streamed);
  }
  return positions;
}

// The positions of a tile from `from` on. The state stays in registers.
template <class Op, class T, int N>
[[gnu::noinline]] void advance_tile(typename Op::W* state, const LaneBlock<T, N>& tile, int64_t from) {
  using W = typename Op::W;
  W s[kTogether];
  for (int64_t i = 0; i < kTogether; ++i) s[i] = state[i];
  for (int64_t k = from; k < tile.length; ++k) {
    T* const out = tile.data[0] + k * tile.dim_step[0];
    const T* const x = tile.data[1] + k * tile.dim_step[1];
    const T* const y = tile.data[N - 1] + k * tile.dim_step[N - 1];
#pragma omp simd
    for (int64_t i = 0; i < kTogether; ++i) {
      out[i] = static_cast<T>(Op::next(s[i], static_cast<W>(x[i]), static_cast<W>(y[i])));
    }
  }
  for (int64_t i = 0; i < kTogether; ++i) state[i] = s[i];
}

// As many whole groups of kTogether lanes as there are; the block moves on to the lanes that are left.
template <class Op, class T, int N>
void packed(LaneBlock<T, N>& block, int64_t& lanes, bool far) {
  alignas(64) T memory[N][kTile * kTogether];
  alignas(64) typename Op::W state[kTogether];
  for (; lanes >= kTogether; lanes -= kTogether, block.move(kTogether)) {
    int64_t start = 0;
    if constexpr (Op::kIsQuick) start = run_lines<Op>(state, block, far);
    for (; start < block.length; start += kTile) {
      const int64_t left = block.length - start, places = left < kTile ? left : kTile;
      LaneBlock<T, N> tile;
      tile.length = places;
      for (int i = 0; i < N; ++i) {
        const bool backwards = block.dim_step[i] == -1;
        tile.data[i] = memory[i] + (backwards ? (places - 1) * kTogether : 0);
        tile.dim_step[i] = backwards ? -kTogether : kTogether;
        tile.lane_step[i] = 1;
        const T* const x = block.data[i] + start * block.dim_step[i];
        if (i > 0) pack_lanes(memory[i], x, block.dim_step[i], block.lane_step[i], places);
      }
      if (start == 0) begin_lanes<Op>(state, tile, kTogether);
      advance_tile<Op>(state, tile, start == 0 ? 1 : 0);
      T* const out = block.data[0] + start * block.dim_step[0];
      unpack_lanes(out, block.dim_step[0], block.lane_step[0], memory[0], places);
    }
  }
  if (far) stream_end();
}

template <class Op, class T, int N>
void one_behind_another(LaneBlock<T, N> block, int64_t lanes, bool far) {
  if constexpr (std::is_floating_point_v<T>) packed<Op>(block, lanes, far);
  chains<Op>(block, lanes);
}

// ---------------------------------------------------------------------------------------------------------------------
// Runs.

// Threads that write into one page of memory wait for each other, unless they write past the caches. So where there are
// fewer pages of columns than threads, arrays with so many bytes are written so: on four threads, cumsum(0) of
// 4096x1024 floats takes half of the time, of 512x1024 0.8, and what reads the result afterwards takes no longer.
constexpr int64_t kSharedWithinPages = 2 << 20;

// How many columns each of so many threads then has, whole lines of memory; 0 where there are pages enough, or rows of
// less than a page.
template <int N>
int64_t columns_within_page(const Nest<N>& nest, int64_t workers) {
  const int64_t inner = nest.shape[nest.rank - 1], page = inner < kPageOfFloats ? inner : kPageOfFloats;
  const int64_t groups = workers * kTogether, even = (nest.size + groups - 1) / groups * kTogether;
  return nest.size < workers * page && even < page ? even : 0;
}

// x as `shape` sees it, sizes of 1 repeated, without dimension `dim`.
void find_lanes(const View& x, const View& shape, int dim, View& lanes) {
  lanes.data = x.data;
  lanes.rank = 0;
  for (int d = 0; d < shape.rank; ++d) {
    if (d == dim) continue;
    const int own = d - (shape.rank - x.rank);
    lanes.shape[lanes.rank] = shape.shape[d];
    lanes.stride[lanes.rank++] = own >= 0 && x.shape[own] != 1 ? x.stride[own] : 0;
  }
}

int64_t step_along(const View& x, const View& shape, int dim) {
  const int own = dim - (shape.rank - x.rank);
  return own >= 0 && own < x.rank && x.shape[own] != 1 ? x.stride[own] : 0;
}

template <class Op, class T>
Status run_scan(const Call& call) {
  constexpr int N = Op::kInputs + 1;
  const View& shape = call.out[0];
  if (shape.size() == 0) return Status::ok;
  const int64_t dim = call.attributes[0].integer();
  const int axis = static_cast<int>(dim < 0 ? dim + (shape.rank > 0 ? shape.rank : 1) : dim);
  const bool reverse = call.attributes[1].flag();
  LaneBlock<T, N> whole;
  whole.length = shape.rank > 0 ? shape.shape[axis] : 1;
  View lanes[N];
  const View* operands[N];
  for (int i = 0; i < N; ++i) {
    const View& x = i == 0 ? call.out[0] : call.in[i - 1];
    find_lanes(x, shape, axis, lanes[i]);
    operands[i] = &lanes[i];
    const int64_t step = step_along(x, shape, axis);
    whole.dim_step[i] = reverse ? -step : step;
    whole.data[i] = x.as<T>() + (reverse ? (whole.length - 1) * step : 0);
  }
  const Nest<N> nest = make_nest(operands);
  for (int i = 0; i < N; ++i) whole.lane_step[i] = nest.stride[i][nest.rank - 1];
  const bool side_by_side = magnitude(whole.lane_step[0]) < magnitude(whole.dim_step[0]);
  const int64_t bytes = N * nest.size * whole.length * static_cast<int64_t>(sizeof(T));
  const double cost = 0.3 * static_cast<double>(whole.length);
  const int64_t within = side_by_side && Op::kIsQuick && bytes >= kSharedWithinPages
                             ? columns_within_page(nest, worker_count(nest.size, cost))
                             : 0;
  const bool shares_pages = within > 0 && in_lines(whole, nest.shape[nest.rank - 1]);
  const bool streamed = shares_pages || past_caches(bytes);
  const int64_t together = shares_pages ? within : (side_by_side ? kPageOfFloats : 1);
  parallel_rows(nest, together, cost, [&](const int64_t* offset, int64_t count) {
    LaneBlock<T, N> block = whole;
    for (int i = 0; i < N; ++i) block.data[i] += offset[i];
    side_by_side ? abreast<Op>(block, count, streamed) : one_behind_another<Op>(block, count, streamed);
  });
  return Status::ok;
}

template <class W, class T>
Status run_cumprod(const Call& call) {
  return call.attributes[2].flag() ? run_scan<CumProdExclusive<W>, T>(call) : run_scan<CumProd<W>, T>(call);
}

// float32 is summed in double: a result is the exact sum rounded once, but for 2^-53 of the sum so far in each
// addition.
constexpr Run kRows[] = {
    {"cumsum",
     {{nullptr, nullptr, nullptr, nullptr, nullptr, run_scan<CumSum<int64_t>, int64_t>, run_scan<CumSum<double>, float>,
       run_scan<CumSum<double>, double>}}},
    // Integers wrap around, which only the unsigned ones may.
    {"cumprod",
     {{nullptr, nullptr, nullptr, nullptr, nullptr, run_cumprod<uint64_t, int64_t>, run_cumprod<float, float>,
       run_cumprod<double, double>}}},
    {"logcumsumexp", floats(run_scan<LogCumSumExp<double>, float>, run_scan<LogCumSumExp<double>, double>)},
    {"linear_recurrence", floats(run_scan<Recurrence<float>, float>, run_scan<Recurrence<double>, double>)},
};

}  // namespace

extern const Runs scan_runs;
const Runs scan_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::MINIGRAD_ISA
