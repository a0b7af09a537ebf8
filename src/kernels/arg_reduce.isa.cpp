// Where the largest or smallest elements stand: argmax, argmin, max_with_index, min_with_index in floating point.
//
// The first of equal elements wins (+0 and -0 are equal), and the first NaN wins over everything. So the result does
// not depend on the order in which elements are looked at, and each layout takes the way that suits it.
#include "core/kernel.hpp"
#include "core/parallel.hpp"
#include "isa/isa.hpp"
#include "isa/math_core.hpp"
#include "kernels/arg_reduce_layout.hpp"
#include "kernels/reduce_layout.hpp"
#include "kernels/reduce_operation.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

struct Greater {
  using Op = Largest;
  template <class T>
  [[gnu::always_inline]] static inline auto no_better(T x, T y) {
    return x <= y;
  }
};

struct Less {
  using Op = Smallest;
  template <class T>
  [[gnu::always_inline]] static inline auto no_better(T x, T y) {
    return x >= y;
  }
};

// Whether a later element `value` replaces `best`: it is better, or the first NaN.
template <class Order, class T>
[[gnu::always_inline]] inline auto replaces(T value, T best) {
  return (Order::no_better(value, best) == 0) & (best == best);
}

template <class T>
struct Best {
  T value;
  int64_t index;  // -1: nothing seen yet
};

template <class Order, class T>
[[gnu::always_inline]] inline void take(Best<T>& best, T value, int64_t index) {
  if (best.index < 0 || replaces<Order>(value, best.value)) best = {value, index};
}

// ---------------------------------------------------------------------------------------------------------------------
// Rows: the extremum of a block, then, where it replaces the best one, its place.

// The first i < count with x[i] = value, or with x[i] NaN where value is NaN. There is one.
template <class T>
int64_t find_first(const T* x, int64_t count, T value) {
  int64_t i = 0;
  if (value != value) {
    while (x[i] == x[i]) ++i;
    return i;
  }
  const Vec<T> all = splat(value);
  const auto equal = [=](int64_t at) __attribute__((always_inline)) { return equal_lanes(load(x + at), all); };
  constexpr int64_t kStep = 4 * kLanes<T>;
  while (i + kStep <= count &&
         !(equal(i) | equal(i + kLanes<T>) | equal(i + 2 * kLanes<T>) | equal(i + 3 * kLanes<T>))) {
    i += kStep;
  }
  for (; i + kLanes<T> <= count; i += kLanes<T>) {
    if (const unsigned bits = equal(i)) return i + __builtin_ctz(bits);
  }
  while (x[i] != value) ++i;
  return i;
}

// The extremum of contiguous elements, at most a block, of an array of `whole` ones.
template <class Order, class T>
[[gnu::noinline]] T best_of_block(const T* x, int64_t count, int64_t whole) {
  using Op = typename Order::Op;
  return fold<Op>(block_lanes<Op, T>(LongRow<T, Op>{{x}, whole}, count));
}

// A row of n elements, at most a block, whose extremum is known: its place is looked for a group at a time, while the
// next row is read.
template <class T>
struct Search {
  static constexpr int64_t kGroup = 4 * kVirtualLanes<T>;
  const T* x;
  int64_t n;
  T value;
  int64_t place = -1, looked_at = 0;

  [[gnu::always_inline]] void look_at_group(int64_t j) {
    if (place >= 0) return;
    const Vec<T> all = splat(value);
    unsigned found = 0;
    for (int64_t i = j; i < j + kGroup; i += kLanes<T>) found |= equal_lanes(load(x + i), all);
    if (found != 0) [[unlikely]]
      place = j + find_first(x + j, kGroup, value);
  }

  // What is not in the groups that were looked at lies behind them, or is NaN.
  Best<T> best() {
    const int64_t begin = value == value ? looked_at : 0;
    if (place < 0) place = begin + find_first(x + begin, n - begin, value);
    return {x[place], place};
  }
};

// A row that is read while another one is searched.
template <class T, class Op>
struct ReadBesideSearch : LongRow<T, Op> {
  Search<T>& search;

  [[gnu::always_inline]] void fetch(int64_t j) const {
    LongRow<T, Op>::fetch(j);
    search.look_at_group(j);
  }
};

// The extremum of another row that is as long.
template <class Order, class T>
[[gnu::noinline]] T best_beside(Search<T>& search, const T* x, int64_t whole) {
  using Op = typename Order::Op;
  Search<T> own = search;  // in registers
  const T best = fold<Op>(block_lanes<Op, T>(ReadBesideSearch<T, Op>{{{x}, whole}, own}, own.n));
  search.place = own.place;
  search.looked_at = own.n / Search<T>::kGroup * Search<T>::kGroup;
  return best;
}

// From the index of a block to that of its element.
template <class T>
[[gnu::noinline]] void settle(Best<T>& best, const T* x, int64_t count) {
  const int64_t place = find_first(x, count, best.value);
  best = {x[place], best.index + place};
}

// ---------------------------------------------------------------------------------------------------------------------
// Columns that lie beside each other in memory.

// Columns at a time: out of memory, whole rows, if they are not too long. Of pieces the processor foresees little.
constexpr int64_t kNearStrip = 4096, kStrip = 4096;
constexpr int64_t kMostIndices = INT32_MAX;  // indices are as wide as the elements while they are compared

constexpr int kTaken = 8;  // rows at a time

template <class T>
bool is_far(int64_t rows, int64_t cols) {
  return rows * cols * static_cast<int64_t>(sizeof(T)) > int64_t{4} << 20;
}

// Row k of column j at x + k * step + j, n > 0 rows. best and index have room for a whole register; the last columns
// may be taken twice, which changes nothing.
template <class Order, class T>
[[gnu::noinline]] void best_of_columns(T* best, math::UInt<T>* index, const T* x, int64_t step, int64_t n,
                                       int64_t cols) {
  for (int64_t j = 0; j < cols; ++j) best[j] = x[j];
  for (int64_t j = 0; j < cols; ++j) index[j] = 0;
  const bool far = is_far<T>(n, cols), narrow = cols < kLanes<T>;
  // The next rows are asked for in the order of memory, if they lie without gaps.
  const int64_t ahead = step == cols ? kTaken : 1, line = step == cols ? kLanes<T> : step;
  for (int64_t k = 1; k < n; k += kTaken) {
    const int64_t rows = smaller(kTaken, n - k);
    for (int64_t i = 0; i < cols; i += kLanes<T>) {
      const int64_t j = narrow ? 0 : smaller(i, cols - kLanes<T>);
      const T* row = x + k * step + j;
      for (int r = 0; far && r < kTaken; ++r)
        __builtin_prefetch(row + kTaken * step + j * (ahead - 1) + r * line, 0, 2);
      Vec<T> b = load(best + j);
      auto place = load(index + j);
#pragma GCC unroll 1
      for (int64_t r = 0; r < rows; ++r, row += step) {
        const Vec<T> value = narrow ? load_first(row, cols, Vec<T>{}) : load(row);
        const auto better = replaces<Order>(value, b);
        b = better ? value : b;
        place = better ? splat(static_cast<math::UInt<T>>(k + r)) : place;
      }
      store(best + j, b);
      store(index + j, place);
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// One call. Which walk is taken depends on the strides; all find the same places.
//   rows     one result after the other, block by block, blocks copied where they are not contiguous
//   columns  results whose elements lie beside each other in memory, kStrip at a time
//   tiles    short rows, transposed, then as columns

enum class Walk : uint8_t { rows, columns, tiles };

constexpr int64_t kTiled = 64;  // elements of a row that is transposed

template <class Order, class T>
struct ArgReducer {
  Reduction form;
  ReductionNest nest;
  const T* x;
  T* values;         // nullptr where only indices are asked for
  int64_t* indices;  // laid out as values

  int64_t row_step() const { return nest.reduced.stride[0][nest.reduced.rank - 1]; }
  int64_t col_step() const { return nest.kept.stride[1][nest.kept.rank - 1]; }
  int64_t out_step() const { return nest.kept.stride[0][nest.kept.rank - 1]; }

  // The values, where asked for, are elements of x, with their own sign of zero.
  void write(int64_t place, T value, int64_t index) const {
    indices[place] = index;
    if (values != nullptr) values[place] = value;
  }

  // Elements begin ... begin + n of the result at `from`. Where the best one stands in its block is looked up at the
  // end.
  Best<T> best_of_row(const T* from, int64_t begin, int64_t n) const {
    Best<T> best = {0, -1};
    const T* there = nullptr;
    int64_t length = 0;
    alignas(64) T copy[kRowBlock<T>];
    for_rows(nest.reduced, begin, begin + n, [&](const int64_t* start, int64_t run) {
      for (int64_t i = 0; i < run; i += kRowBlock<T>) {
        const int64_t count = smaller(kRowBlock<T>, run - i);
        const T* block = from + start[0] + i * row_step();
        if (row_step() != 1) {
          gather(copy, block, row_step(), count);
          block = copy;
        }
        const T value = best_of_block<Order>(block, count, block == copy ? count : form.elements());
        if (best.index >= 0 && !replaces<Order>(value, best.value)) continue;
        best = {value, begin + i};
        there = block;
        length = count;
        if (block == copy) settle(best, block, count);
      }
      begin += run;
    });
    if (there != nullptr && there != copy) settle(best, there, length);
    return best;
  }

  // Contiguous rows of at most a block.
  void run_short_rows(int64_t to, const T* from, int64_t count) const {
    const int64_t n = form.reduced, whole = form.elements();
    Search<T> search = {from, n, best_of_block<Order>(from, n, whole)};
    for (int64_t j = 0; j < count; ++j) {
      const T* const next = from + (j + 1) * col_step();
      const T value = j + 1 < count ? best_beside<Order>(search, next, whole) : T{};
      const Best<T> best = search.best();
      write(to + j * out_step(), best.value, best.index);
      search = {next, n, value};
    }
  }

  void run_rows(int64_t to, const T* from, int64_t count) const {
    if (row_step() == 1 && nest.reduced.rank == 1 && form.reduced <= kRowBlock<T>) {
      return run_short_rows(to, from, count);
    }
    for (int64_t j = 0; j < count; ++j) {
      const Best<T> best = best_of_row(from + j * col_step(), 0, form.reduced);
      write(to + j * out_step(), best.value, best.index);
    }
  }

  void run_columns(int64_t to, const T* from, int64_t count) const {
    RoomBeside<T, kStrip> best_room;
    RoomBeside<math::UInt<T>, kStrip> index_room;
    for (int64_t j = 0; j < count; j += kStrip) {
      const int64_t cols = smaller(kStrip, count - j);
      T* const best = best_room.behind(from + j);
      math::UInt<T>* const index = index_room.behind(from + j, kPage / 4 * 3);
      best_of_columns<Order>(best, index, from + j, row_step(), form.reduced, cols);
      for (int64_t c = 0; c < cols; ++c) write(to + (j + c) * out_step(), best[c], static_cast<int64_t>(index[c]));
    }
  }

  void run_tiles(int64_t to, const T* from, int64_t count) const {
    alignas(64) T tile[kTiled * kTileRows];
    alignas(64) T best[kTileRows];
    alignas(64) math::UInt<T> index[kTileRows];
    for (int64_t j = 0; j < count; j += kTileRows) {
      const int64_t rows = smaller(kTileRows, count - j);
      for (int64_t i = 0; rows < kTileRows && i < form.reduced * kTileRows; ++i) tile[i] = 0;
      pack(tile, kTileRows, from + j * col_step(), row_step(), col_step(), form.reduced, rows);
      best_of_columns<Order>(best, index, tile, kTileRows, form.reduced, kTileRows);
      for (int64_t r = 0; r < rows; ++r) write(to + (j + r) * out_step(), best[r], static_cast<int64_t>(index[r]));
    }
  }

  Walk choose_walk() const {
    constexpr int64_t kFew = 8;
    const bool many = nest.reduced.rank == 1 && nest.kept.shape[nest.kept.rank - 1] >= kFew;
    if (many && col_step() == 1 && form.reduced <= kMostIndices) return Walk::columns;
    return many && form.reduced <= kTiled ? Walk::tiles : Walk::rows;
  }

  void run() const {
    const Walk walk = choose_walk();
    const double cost = kArgNanoseconds * static_cast<double>(form.reduced);
    parallel_for(form.kept, cost, [&](int64_t begin, int64_t end, int) {
      for_rows(nest.kept, begin, end, [&](const int64_t* offset, int64_t count) {
        switch (walk) {
          case Walk::rows:
            return run_rows(offset[0], x + offset[1], count);
          case Walk::columns:
            return run_columns(offset[0], x + offset[1], count);
          case Walk::tiles:
            return run_tiles(offset[0], x + offset[1], count);
        }
      });
    });
  }

  // A single result: threads share its elements. The chunks are few and fixed, as their scratch is.
  void run_chunks(Best<T>* partial) const {
    const int64_t each = divide_up(form.reduced, kArgChunks);
    parallel_for(kArgChunks, kArgNanoseconds * static_cast<double>(each), [&](int64_t first, int64_t last, int) {
      for (int64_t chunk = first; chunk < last; ++chunk) {
        const int64_t begin = chunk * each;
        partial[chunk] = best_of_row(x, begin, begin < form.reduced ? smaller(each, form.reduced - begin) : 0);
      }
    });
    Best<T> best = partial[0];
    for (int64_t chunk = 1; chunk < kArgChunks; ++chunk) {
      if (partial[chunk].index >= 0) take<Order>(best, partial[chunk].value, partial[chunk].index);
    }
    write(0, best.value, best.index);
  }
};

template <class Order, class T>
Status arg_reduce(const Call& call, DimMask mask, const View& out, T* values, int64_t* indices) {
  const View& from = call.in[0];
  const Reduction form = describe_reduction(from, mask);
  if (form.kept == 0) return Status::ok;
  const ArgReducer<Order, T> reducer = {form, make_reduction_nest(from, mask, out), from.as<T>(), values, indices};
  if (arg_in_chunks(form)) {
    reducer.run_chunks(reinterpret_cast<Best<T>*>(call.shared));
  } else {
    reducer.run();
  }
  return Status::ok;
}

template <class Order, class T>
Status run_index(const Call& call) {
  const View& out = call.out[0];
  return arg_reduce<Order, T>(call, listed_dims(call.in[0], call.attributes[0]), out, nullptr, out.as<int64_t>());
}

template <class Order, class T>
Status run_with_index(const Call& call) {
  const DimMask mask = single_dim(call.in[0], call.attributes[0]);
  return arg_reduce<Order, T>(call, mask, call.out[0], call.out[0].as<T>(), call.out[1].as<int64_t>());
}

constexpr Run kRows[] = {
    {"argmax", floats(run_index<Greater, float>, run_index<Greater, double>)},
    {"argmin", floats(run_index<Less, float>, run_index<Less, double>)},
    {"max_with_index", floats(run_with_index<Greater, float>, run_with_index<Greater, double>)},
    {"min_with_index", floats(run_with_index<Less, float>, run_with_index<Less, double>)},
};

}  // namespace

extern const Runs arg_reduce_runs;
const Runs arg_reduce_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::MINIGRAD_ISA
