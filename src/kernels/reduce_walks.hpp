// How the elements of a reduction are reached, by the strides, and who computes which part. The order of operations is
// in reduce_blocks.hpp: it follows from shape and dims. Nothing below changes a bit.
#pragma once

#include "core/kernel.hpp"
#include "core/parallel.hpp"
#include "isa/isa.hpp"
#include "kernels/elementwise_walk.hpp"
#include "kernels/reduce_layout.hpp"
#include "kernels/reduce_operation.hpp"

namespace minigrad::MINIGRAD_ISA {

extern const MapLoop floats_of_halves;

namespace {

enum class Walk : uint8_t {
  rows,     // rows, contiguous in memory
  pieces,   // rows that are not contiguous: group by group, of many results each block in turn
  lanes,    // rows whose results lie beside each other in memory: whole vectors of results, lane by lane
  columns,  // columns that lie beside each other in memory
  along,    // columns, each contiguous in memory, or in blocks
  tiles,    // columns or rows, copied tile by tile
  turned,   // neighbours along a reduced dimension, side by side (see find_turn)
  mapped,   // mapped columns that lie beside each other in memory: group by group
};

constexpr int kLevelBytes = 1 << 17;  // of a worker's stack, for the tree over blocks
constexpr int64_t kTile = 64;         // columns of a tile
constexpr int64_t kProducts = 4096;   // that are copied at a time
constexpr double kNanosecondsEach = 0.08;

// By the strides, which a result may not depend on.
template <class T>
Walk choose_walk(const Reduction& r, const ReductionNest& nest) {
  constexpr int64_t kFew = 4;
  const int inner = nest.kept.rank - 1, last = nest.reduced.rank - 1;
  const int64_t lanes = r.rows ? kVirtualLanes<T> : 1, n = nest.reduced.shape[last];
  const bool near = nest.kept.stride[1][inner] == 1, single = nest.kept.shape[inner] == 1;
  const bool simple = last == 0, behind = nest.reduced.stride[0][last] == 1;
  if (r.rows && behind) return simple ? Walk::rows : Walk::pieces;
  const bool several = nest.kept.shape[inner] >= kFew;
  if (is_in_groups(nest.reduced, lanes) && near && (several || (simple && !r.rows))) {
    return r.rows ? Walk::lanes : Walk::columns;
  }
  if (simple && single && !r.rows) return Walk::columns;
  if (!r.rows && behind && n >= kBlockVectors && (simple || n % kBlockVectors == 0)) return Walk::along;
  if (find_turn(r, nest.reduced, lanes).dim >= 0) return Walk::turned;
  return !r.rows || (near && several) ? Walk::tiles : Walk::pieces;
}

// What neighbours that lie beside each other contribute to some results, for some of the units (see find_turn).
template <class T>
struct Units {
  static constexpr int64_t kMost = 256;                  // neighbours at a time
  static constexpr int64_t kValues = 65536 / sizeof(T);  // twice as much lies on the stack of a thread

  Turn turn;
  int64_t width;               // values of a unit
  int64_t begin = 0, end = 0;  // those that are ready
  alignas(64) T values[kValues];
  alignas(64) T beside[kValues];

  // How many results are made together: one, if it has many lanes, or as many as have room.
  static int64_t results(const Turn& turn, const Nest<1>& reduced, int64_t lanes) {
    const int64_t each = smaller(kMost, reduced.shape[turn.dim]) * turn.units;
    return lanes == 1 && each < kValues ? kValues / each : 1;
  }
};

// How many results are computed at a time: as many as the tree over `blocks` blocks has room for, and no more than suit
// the walk.
template <class T>
int64_t strip_width(Walk walk, bool rows, int64_t blocks, int64_t sums) {
  constexpr int64_t kMost[] = {1, 64, 128, 4096, 64, kTile, kTile, 4096};  // in the order of Walk
  constexpr int64_t kMostOfSeveral = 1024;                                 // sums: these stay in the nearest cache
  const int lanes = rows ? kVirtualLanes<T> : 1;
  const int64_t room = kLevelBytes / static_cast<int>(sizeof(T)) / (tree_levels(blocks) * lanes * sums);
  const int64_t most = smaller(kMost[static_cast<int>(walk)], sums > 1 ? kMostOfSeveral : 4096);
  return smaller(room / kVirtualLanes<T> * kVirtualLanes<T>, most);
}

// Elements that are mapped go through a copy.
inline Walk mapped_walk(const Reduction& r, const ReductionNest& nest, bool several) {
  if (r.rows) return Walk::pieces;
  const int inner = nest.kept.rank - 1;
  const bool beside = nest.kept.stride[1][inner] == 1 && (several || nest.kept.shape[inner] >= kTile);
  return beside && nest.reduced.rank == 1 ? Walk::mapped : Walk::tiles;
}

// for_rows_of, compiled once for all that visit so.
template <int N>
[[gnu::noinline]] void visit_rows(const Nest<N>& nest, int inner, int64_t begin, int64_t end,
                                  void (*visit)(const void*, const int64_t*, int64_t), const void* visitor) {
  for_rows_of(nest, inner, begin, end, [=](const int64_t* offset, int64_t n) { visit(visitor, offset, n); });
}

template <int N, class Visit>
void visit_rows(const Nest<N>& nest, int inner, int64_t begin, int64_t end, const Visit& visit) {
  const auto call = [](const void* visitor, const int64_t* offset, int64_t n) {
    (*static_cast<const Visit*>(visitor))(offset, n);
  };
  visit_rows<N>(nest, inner, begin, end, call, &visit);
}

// One call. `n` counts elements of a result, `cols` results. What mapped elements need is compiled where there are any.
template <class T, bool kMaps = false>
struct Reducer {
  const Operation<T>& op;
  Reduction form;
  const ReductionNest& nest;
  Walk walk;
  const T* x;
  T* out;
  T divisor;                            // of the results
  const Mapping<T>* mapping = nullptr;  // of the elements, which are summed; the walk is then mapped_walk()
  const T* centre = nullptr;            // what it takes for each result, contiguous in the order of results; or nothing
  T parameter = 0;
  int sums = 1;                // of mapped elements: the results of each are contiguous, in the order of results,
  int64_t apart = 0;           // and so far from those before
  int64_t share = 1;           // of each block, that only its first elements of so many parts are combined
  const T* factors = nullptr;  // of contiguous elements, laid as these are: the mapping takes them in place of centres
  // float16 in place of the elements: x only counts them. They are contiguous, and converted as they are copied.
  const int16_t* stored = nullptr;

  bool maps() const { return kMaps && mapping != nullptr; }
  bool converts() const { return !kMaps && sizeof(T) == 4 && stored != nullptr; }
  bool multiplies() const { return kMaps && factors != nullptr; }
  // Whether a row is contiguous, or in pieces of whole blocks at equal distances.
  [[gnu::noinline]] bool is_in_blocks() const {
    const int inner = nest.reduced.rank - 1;
    return walk == Walk::rows || (walk == Walk::pieces && !maps() && !converts() && inner == 1 && row_step() == 1 &&
                                  nest.reduced.shape[inner] % block() == 0);
  }

  // Values that a result is made of before the last fold, and elements in a block.
  int64_t lanes() const { return sums * (form.rows ? kVirtualLanes<T> : 1); }
  int64_t block() const { return kBlockVectors * (form.rows ? kVirtualLanes<T> : 1); }
  // How many blocks there are in n elements.
  int64_t blocks(int64_t n) const { return divide_up(form.rows ? divide_up(n, kVirtualLanes<T>) : n, kBlockVectors); }
  bool single_block() const { return !form.rows && form.reduced <= block(); }
  double nanoseconds() const { return kNanosecondsEach / static_cast<double>(share); }  // for an element
  const T* centre_of(int64_t result) const { return centre == nullptr ? &parameter : centre + result; }
  int64_t centre_step() const { return centre == nullptr ? 0 : 1; }
  int64_t col_step() const { return nest.kept.stride[1][nest.kept.rank - 1]; }
  int64_t row_step() const { return nest.reduced.stride[0][nest.reduced.rank - 1]; }

  // Whether contiguous rows of so many columns come from memory that no cache holds, and are too short for the
  // processor to foresee what comes next; pieces of longer ones do where several sums are made of them.
  bool far(int64_t cols) const {
    constexpr int64_t kShort = 8192, kLargest = 16384, kCached = 1 << 24, kMany = 4096;  // bytes; rows
    const int64_t bytes = cols * static_cast<int64_t>(sizeof(T)), all = bytes * form.reduced;
    if (sums > 1) return row_step() * form.reduced * static_cast<int64_t>(sizeof(T)) >= 2 * kCached;
    if (row_step() != cols || bytes > kLargest) return false;
    return bytes <= kShort ? all >= kCached && form.reduced >= kMany : all >= 2 * kCached;
  }

  auto merge() const {
    return [this](T* a, const T* b, int64_t count) { op.chain(a, b, count, 1); };
  }

  [[gnu::noinline]] Turn turn() const { return find_turn(form, nest.reduced, kVirtualLanes<T>); }

  int64_t most_results(int64_t of_blocks) const {
    const int64_t width = strip_width<T>(walk, form.rows, of_blocks, sums);
    return walk == Walk::turned ? smaller(width, Units<T>::results(turn(), nest.reduced, lanes())) : width;
  }

  // Converts `rows` contiguous pieces of `cols` elements, `step` apart.
  void convert_rows(T* to, const T* from, int64_t step, int64_t rows, int64_t cols) const {
    if (step == cols) cols *= rows, rows = 1;
    Neighbours halves;
    for (int64_t i = 0; i < rows; ++i) {
      const int16_t* const here = stored + (from - x) + i * step;
      halves.x[0] = here;
      floats_of_halves(nullptr, to + i * cols, cols, halves);
    }
  }

  // Converts a matrix to contiguous rows, at most a tile.
  [[gnu::noinline]] void convert(T* to, const T* from, int64_t down, int64_t across, int64_t rows, int64_t cols) const {
    if (across == 1 && (cols > 1 || down != 1)) return convert_rows(to, from, down, rows, cols);
    alignas(64) T turned[kBlockVectors * kTile];
    convert_rows(turned, from, across, cols, rows);
    pack(to, cols, turned, 1, rows, rows, cols);
  }

  // Copies elements begin ... begin + n of a row that lies in pieces.
  [[gnu::noinline]] void gather_pieces(const T* from, int64_t begin, int64_t n, T* to) const {
    visit_rows(nest.reduced, nest.reduced.rank - 1, begin, begin + n, [&](const int64_t* start, int64_t run) {
      converts() ? convert_rows(to, from + start[0], 0, 1, run) : gather(to, from + start[0], row_step(), run);
      to += run;
    });
  }

  // The same of at most a block; whole pieces that are short are copied as matrices.
  void gather_block(const T* from, int64_t begin, int64_t n, T* to) const {
    const int inner = nest.reduced.rank - 1;
    const int64_t piece = nest.reduced.shape[inner], first = divide_up(begin, piece), last = (begin + n) / piece;
    if (inner == 0 || piece > kTurnedPiece || first >= last) return gather_pieces(from, begin, n, to);
    gather_pieces(from, begin, first * piece - begin, to);
    T* at = to + first * piece - begin;
    visit_rows(nest.reduced, inner - 1, first, last, [&](const int64_t* start, int64_t rows) {
      const int64_t step = nest.reduced.stride[0][inner - 1];
      if (converts()) {
        convert_rows(at, from + start[0], step, rows, piece);
      } else if (row_step() == 1) {
        for (int64_t i = 0; i < rows; ++i) copy(at + i * piece, from + start[0] + i * step, piece);
      } else {
        pack(at, piece, from + start[0], step, row_step(), rows, piece);
      }
      at += rows * piece;
    });
    gather_pieces(from, last * piece, begin + n - last * piece, at);
  }

  // A block of a row that lies in pieces: `n` elements from `begin` on. Groups that lie in one contiguous piece are
  // read where they are, the others from a copy.
  [[gnu::noinline]] void combine_pieces(const T* from, int64_t begin, int64_t n, T* to) const {
    constexpr int64_t kGroup = 4 * kVirtualLanes<T>;
    const int inner = nest.reduced.rank - 1;
    const int64_t piece = nest.reduced.shape[inner];
    alignas(64) T copy[kRowBlock<T>];
    int64_t waiting = 0;  // elements in the copy
    for (int j = 0; j < kVirtualLanes<T>; ++j) to[j] = op.identity;
    if (row_step() != 1 || piece < kGroup || converts()) {
      gather_block(from, begin, n, copy);
      return op.row_groups(to, copy, 0, 1, n);
    }
    if (piece % kGroup == 0 && begin % piece == 0 && n % piece == 0) {
      return visit_rows(nest.reduced, inner - 1, begin / piece, (begin + n) / piece,
                        [&](const int64_t* start, int64_t pieces) {
                          const int64_t step = nest.reduced.stride[0][inner - 1];
                          op.row_groups(to, from + start[0], step, pieces, piece);
                        });
    }
    visit_rows(nest.reduced, nest.reduced.rank - 1, begin, begin + n, [&](const int64_t* start, int64_t run) {
      const T* piece = from + start[0];
      while (run > 0) {
        int64_t taken = waiting == 0 ? run / kGroup * kGroup : 0;
        if (taken > 0) {
          op.row_groups(to, piece, 0, 1, taken);
        } else {
          taken = smaller(run, kGroup - waiting);
          gather(copy + waiting, piece, 1, taken);
          waiting += taken;
          if (waiting == kGroup) op.row_groups(to, copy, 0, 1, kGroup);
          waiting %= kGroup;
        }
        piece += taken;
        run -= taken;
      }
    });
    if (waiting > 0) op.row_groups(to, copy, 0, 1, waiting);
  }

  // Products of elements begin ... begin + n of a row.
  [[gnu::noinline]] void multiply_pieces(const T* from, int64_t begin, int64_t n, T* to) const {
    visit_rows(nest.reduced, nest.reduced.rank - 1, begin, begin + n, [&](const int64_t* start, int64_t run) {
      multiply_rows(from + start[0], 0, 1, run, to);
      to += run;
    });
  }

  // Products of contiguous rows, `step` apart, or rows converted.
  void multiply_rows(const T* from, int64_t step, int64_t rows, int64_t cols, T* to) const {
    if (converts()) return convert_rows(to, from, step, rows, cols);
    if (step == cols) cols *= rows, rows = 1;
    for (int64_t i = 0; i < rows; ++i, from += step) {
      mapping->map(to + i * cols, from, 0, 1, cols, factors + (from - x), 1, parameter);
    }
  }

  // The same of mapped elements, at most a block.
  [[gnu::noinline]] void combine_mapped(const T* from, int64_t begin, int64_t n, const T* c, T* to,
                                        int64_t apart) const {
    alignas(64) T copy[kRowBlock<T>];
    const T* block = from + begin;
    if (multiplies()) {
      multiply_pieces(from, begin, n, copy);
    } else {
      if (nest.reduced.rank > 1 || row_step() != 1) {
        gather_block(from, begin, n, copy);
        block = copy;
      }
      if (mapping->map == nullptr) return mapping->block(to, apart, block, n, *c);
      mapping->map(copy, block, 0, 1, n, c, 0, parameter);
    }
    for (int j = 0; j < kVirtualLanes<T>; ++j) to[j] = op.identity;
    op.row_groups(to, copy, 0, 1, n);
  }

  // Mapped elements begin ... begin + n of `cols` results, row by row.
  void map_tile(const T* from, int64_t cols, int64_t begin, int64_t n, const T* c, T* to) const {
    if (col_step() != 1) {
      pack_tile(from, cols, begin, n, to);
      return mapping->map(to, to, cols, n, cols, c, centre_step(), parameter);
    }
    visit_rows(nest.reduced, nest.reduced.rank - 1, begin, begin + n, [&](const int64_t* start, int64_t run) {
      const bool dense = centre_step() == 0 && row_step() == cols;
      mapping->map(to, from + start[0], row_step(), dense ? 1 : run, dense ? run * cols : cols, c, centre_step(),
                   parameter);
      to += run * cols;
    });
  }

  // A block of mapped columns that lie beside each other, rows `step` apart: by way of a copy, some columns at a time.
  void combine_mapped_columns(const T* from, int64_t step, int64_t cols, int64_t n, const T* c, T* to) const {
    constexpr int64_t kWidth = 256;
    const bool fetched = far(cols);
    if (mapping->map == nullptr) return mapping->columns(to, cols, from, step, n, c, fetched);
    alignas(64) T copy[4 * kWidth];
    for (int64_t j = 0; j < cols; ++j) to[j] = op.identity;
    for (int64_t i = 0; i < n; i += 4, from += 4 * step) {
      const int64_t rows = smaller(4, n - i);
      for (int64_t j = 0; j < cols; j += kWidth) {
        const int64_t width = smaller(kWidth, cols - j);
        for (int64_t k = 0; fetched && k < width; k += kLanes<T>) fetch<4>(from + 4 * step, j + k);
        mapping->map(copy, from + j, step, rows, width, c + j * centre_step(), centre_step(), parameter);
        add_group_of<Sum>(to + j, width, PlainRows<T>{copy, width}, rows);
      }
    }
  }

  // A block of columns' products, by way of a copy.
  [[gnu::noinline]] void combine_products(const T* from, int64_t cols, int64_t n, T* to) const {
    alignas(64) T copy[kProducts];
    const int64_t most = smaller(cols, kProducts / 4), rows = kProducts / most / 4 * 4;
    for (int64_t i = 0; i < n; i += rows, from += rows * row_step()) {
      for (int64_t j = 0; j < cols; j += most) {
        const int64_t count = smaller(rows, n - i), width = smaller(most, cols - j);
        multiply_rows(from + j, row_step(), count, width, copy);
        op.column_groups(to + j, width, copy, width, count, false, i == 0);
      }
    }
  }

  // Copies elements begin ... begin + n of `cols` results, row by row.
  [[gnu::noinline]] void pack_tile(const T* from, int64_t cols, int64_t begin, int64_t n, T* to) const {
    visit_rows(nest.reduced, nest.reduced.rank - 1, begin, begin + n, [&](const int64_t* start, int64_t run) {
      const T* const first = from + start[0];
      converts() ? convert(to, first, row_step(), col_step(), run, cols)
                 : pack(to, cols, first, row_step(), col_step(), run, cols);
      to += run * cols;
    });
  }

  // Part of a block of `cols` results, its beginning or combined into `to`: rows that lie beside each other in memory,
  // whole groups or the block's end.
  void add_beside(const T* from, int64_t step, int64_t cols, int64_t n, T* to, bool fetched, bool begins) const {
    constexpr int64_t kGroup = 4 * kVirtualLanes<T>;
    if (!form.rows) return op.column_groups(to, cols, from, step, n, fetched, begins);
    const int64_t width = cols * kVirtualLanes<T>, done = step == cols ? n / kGroup * kGroup : 0;
    if (done > 0) {  // without gaps, all lanes of all results are columns
      op.column_groups(to, width, from, width, done / kVirtualLanes<T>, fetched, begins);
    } else if (begins) {
      for (int64_t j = 0; j < width; ++j) to[j] = op.identity;
    }
    for (int64_t i = done; i < n; i += kGroup) op.lane_group(to, cols, from + i * step, step, smaller(kGroup, n - i));
  }

  // Elements begin ... begin + n, at most a block, of such results.
  [[gnu::noinline]] void combine_beside(const T* from, int64_t cols, int64_t begin, int64_t n, T* to) const {
    bool begins = true;
    visit_rows(nest.reduced, nest.reduced.rank - 1, begin, begin + n, [&](const int64_t* start, int64_t run) {
      add_beside(from + start[0], row_step(), cols, run, to, far(cols), begins);
      begins = false;
    });
  }

  // The same by way of copies.
  [[gnu::noinline]] void combine_tiles(const T* from, int64_t cols, int64_t begin, int64_t n, T* to) const {
    alignas(64) T copy[kBlockVectors * kTile];
    for (int64_t i = 0; i < n; i += kBlockVectors) {
      const int64_t rows = smaller(kBlockVectors, n - i);
      pack_tile(from, cols, begin + i, rows, copy);
      add_beside(copy, cols, cols, rows, to, false, i == 0);
    }
  }

  // The units from `begin` on, at most up to `end`: of some neighbours all, rows of `lanes() * cols` values.
  [[gnu::noinline]] void make_units(Units<T>& units, const T* from, int64_t cols, int64_t begin, int64_t end) const {
    const Turn& turn = units.turn;
    const int64_t first = begin / turn.units, all = nest.reduced.shape[turn.dim], left = all - first % all;
    const int64_t room = smaller(Units<T>::kMost, Units<T>::kValues / (turn.units * units.width));
    const int64_t count = smaller(smaller(left, room), divide_up(end, turn.units) - first);
    for (int64_t k = 0; k < turn.units; ++k) {
      for (int64_t j = 0; j < cols; ++j) {
        const int64_t element = (first * turn.units + k) * turn.unit;
        combine_beside(from + j * col_step(), count, element, turn.unit, units.beside + j * lanes() * count);
      }
      // Some at a time: all of them would displace each other from the cache.
      for (int64_t j = 0; j < count; j += kTileRows) {
        pack(units.values + (j * turn.units + k) * units.width, turn.units * units.width, units.beside + j, 1, count,
             smaller(kTileRows, count - j), units.width);
      }
    }
    units.begin = first * turn.units;
    units.end = units.begin + count * turn.units;
  }

  // Any number of blocks from `begin` on.
  [[gnu::noinline]] void combine_turned(const T* from, int64_t cols, int64_t begin, int64_t n, T* levels) const {
    Units<T> units;
    units.turn = turn();
    units.width = lanes() * cols;
    const int64_t unit = units.turn.unit, each = block() / unit, stop = (begin + n) / unit;
    combine_blocks(levels, units.width, blocks(n), merge(), [&](int64_t b, T* to) {
      for (int64_t j = 0; j < units.width; ++j) to[j] = op.identity;
      int64_t at = begin / unit + b * each;
      for (const int64_t end = smaller(at + each, stop); at < end;) {
        if (at < units.begin || at >= units.end) make_units(units, from, cols, at, stop);
        const int64_t ready = smaller(end, units.end) - at;
        op.chain(to, units.values + (at - units.begin) * units.width, units.width, ready);
        at += ready;
      }
    });
  }

  // Blocks of rows that lie in pieces, the lanes of each row together: neighbouring rows' pieces lie beside each other.
  void combine_rows(const T* from, int64_t cols, int64_t begin, int64_t n, const T* c, T* to) const {
    const int64_t apart = cols * kVirtualLanes<T>;
    for (int64_t j = 0; j < cols; ++j, from += col_step(), to += kVirtualLanes<T>) {
      maps() ? combine_mapped(from, begin, n, c + j * centre_step(), to, apart) : combine_pieces(from, begin, n, to);
    }
  }

  // Mapped columns, copied tile by tile.
  [[gnu::noinline]] void combine_mapped_tiles(const T* from, int64_t cols, int64_t begin, int64_t n, const T* c,
                                              T* to) const {
    alignas(64) T copy[kBlockVectors * kTile];
    if (mapping->map == nullptr) {
      pack_tile(from, cols, begin, n, copy);
      return combine_mapped_columns(copy, cols, cols, n, c, to);
    }
    if (nest.reduced.rank == 1 && row_step() == 1 && form.reduced >= kBlockVectors) {  // each column is contiguous
      for (int64_t j = 0; j < cols; ++j) {
        mapping->map(copy + j * n, from + j * col_step() + begin, 0, 1, n, c + j * centre_step(), 0, parameter);
      }
      return op.along(to, cols, copy, n, n);
    }
    map_tile(from, cols, begin, n, c, copy);
    op.column_groups(to, cols, copy, cols, n, false, true);
  }

  // Elements begin ... begin + n, at most a block, of the results at from, from + col_step(), ...: lanes() rows of
  // `cols` values, of pieces `cols` rows of lanes. c points to the first of these results' centres.
  void combine_block(const T* from, int64_t cols, int64_t begin, int64_t n, const T* c, T* to) const {
    switch (walk) {
      case Walk::pieces:
        return combine_rows(from, cols, begin, n, c, to);
      case Walk::along:
        return visit_rows(
            nest.reduced, nest.reduced.rank - 1, begin, begin + n,
            [&](const int64_t* start, int64_t run) { op.along(to, cols, from + start[0], col_step(), run); });
      case Walk::lanes:
      case Walk::columns:
        if (nest.reduced.rank > 1) return combine_beside(from, cols, begin, n, to);
        return add_beside(from + begin * row_step(), row_step(), cols, n, to, far(cols), true);
      default:
        if (walk == Walk::tiles) {
          return maps() ? combine_mapped_tiles(from, cols, begin, n, c, to) : combine_tiles(from, cols, begin, n, to);
        }
        from += begin * row_step();
        if (multiplies() || converts()) return combine_products(from, cols, n, to);
        if (maps()) combine_mapped_columns(from, row_step(), cols, n, c, to);
    }
  }

  // The same for any n; `begin` is at the start of a block.
  void combine_strip(const T* from, int64_t cols, int64_t begin, int64_t n, const T* c, T* levels) const {
    if (kMaps && share > 1) return combine_sample(from, cols, begin, n, c, levels);
    combine_whole(from, cols, begin, n, c, levels);
  }

  // The same of rows that lie so.
  [[gnu::noinline]] void combine_in_blocks(const T* from, int64_t cols, int64_t begin, int64_t n, T* levels) const {
    const int64_t piece = nest.reduced.rank == 1 ? form.reduced : nest.reduced.shape[1];
    for (int64_t j = 0; j < cols; ++j) {
      op.row_lanes(levels + j * lanes(), from + j * col_step(), begin, n, piece, nest.reduced.stride[0][0],
                   form.elements());
    }
  }

  // The same of rows that are converted, some blocks at a time.
  [[gnu::noinline]] void convert_in_blocks(const T* from, int64_t cols, int64_t begin, int64_t n, T* levels) const {
    alignas(64) T copy[kProducts];
    for (int64_t j = 0; j < cols; ++j) {
      const T* const row = from + j * col_step() + begin;
      combine_blocks(levels + j * lanes(), lanes(), divide_up(n, kProducts), merge(), [&](int64_t b, T* to) {
        const int64_t count = smaller(kProducts, n - b * kProducts);
        convert_rows(copy, row + b * kProducts, 0, 1, count);
        op.row_lanes(to, copy, 0, count, count, 0, count);
      });
    }
  }

  void combine_whole(const T* from, int64_t cols, int64_t begin, int64_t n, const T* c, T* levels) const {
    if (is_in_blocks()) return combine_in_blocks(from, cols, begin, n, levels);
    if (converts() && form.rows && nest.reduced.rank == 1) return convert_in_blocks(from, cols, begin, n, levels);
    if (nest.reduced.rank == 1 && walk == Walk::columns && cols <= kLanes<T>) {
      return op.narrow(levels, cols, from + begin * row_step(), row_step(), n);
    }
    if (walk == Walk::along && nest.reduced.rank == 1) return op.along(levels, cols, from + begin, col_step(), n);
    if (walk == Walk::turned) return combine_turned(from, cols, begin, n, levels);
    combine_blocks(levels, lanes() * cols, blocks(n), merge(), [&](int64_t b, T* to) {
      combine_block(from, cols, begin + b * block(), smaller(block(), n - b * block()), c, to);
    });
  }

  [[gnu::noinline]] void combine_sample(const T* from, int64_t cols, int64_t begin, int64_t n, const T* c,
                                        T* levels) const {
    combine_blocks(levels, lanes() * cols, blocks(n), merge(), [&](int64_t b, T* to) {
      combine_whole(from, cols, begin + b * block(), smaller(block() / share, n - b * block()), c, to);
    });
  }

  // Combines a sample: of each block a group of four vectors, or where there are few blocks all.
  void take_sample() {
    constexpr int64_t kFewBlocks = 4;
    if (walk == Walk::turned) walk = form.rows ? Walk::pieces : Walk::tiles;
    if (blocks(form.reduced) > kFewBlocks) share = kBlockVectors / 4;
    divisor =
        static_cast<T>(form.reduced / block() * (block() / share) + smaller(form.reduced % block(), block() / share));
  }

  // `cols` rows of lanes into kVirtualLanes rows of `cols` lanes.
  void turn_levels(T* levels, int64_t cols) const {
    alignas(64) T copied[kMostSums * 64 * kVirtualLanes<T>];
    if (cols == 1) return;
    copy(copied, levels, cols * kVirtualLanes<T>);
    transpose_matrix(levels, cols, copied, kVirtualLanes<T>, cols, kVirtualLanes<T>);
  }

  // Folds what combine_strip() left, and writes the results.
  void write(T* to, int64_t cols, T* levels) const {
    if (form.rows && (walk == Walk::pieces || walk == Walk::turned)) turn_levels(levels, cols * sums);
    if (form.rows) fold_columns(levels, cols * sums, merge());
    divide(levels, 1, cols);
    for (int i = 1; i < sums; ++i) copy(to + i * apart, levels + i * cols, cols);
    if (to != levels) scatter(to, nest.kept.stride[0][nest.kept.rank - 1], levels, cols);
  }

  // One division for each result of a mean; dividing by 1 would change nothing.
  void divide(T* value, int64_t step, int64_t count) const {
    if (divisor == 1) return;
    for (int64_t i = 0; i < count; ++i) value[i * step] /= divisor;
  }

  // Calls visit(to, from, cols, n) for every strip of the results begin ... end; n counts the results before it.
  template <class Visit>
  void for_strips(int64_t begin, int64_t end, int64_t width, Visit&& visit) const {
    const int64_t out_step = nest.kept.stride[0][nest.kept.rank - 1];
    int64_t before = begin;
    visit_rows(nest.kept, nest.kept.rank - 1, begin, end, [&](const int64_t* offset, int64_t count) {
      for (int64_t j = 0; j < count; j += width) {
        visit(out + offset[0] + j * out_step, x + offset[1] + j * col_step(), smaller(width, count - j), before + j);
      }
      before += count;
    });
  }

  // Contiguous rows, the common case, without the way through memory.
  void run_rows(int64_t begin, int64_t end) const {
    const int64_t out_step = nest.kept.stride[0][nest.kept.rank - 1];
    visit_rows(nest.kept, nest.kept.rank - 1, begin, end, [&](const int64_t* offset, int64_t count) {
      op.rows(out + offset[0], out_step, x + offset[1], col_step(), count, form.reduced, form.elements());
      divide(out + offset[0], out_step, count);
    });
  }

  // Rows of few elements that are multiplied or converted, by way of a copy.
  void run_products(int64_t begin, int64_t end) const {
    alignas(64) T copy[kProducts];
    const int64_t n = form.reduced, out_step = nest.kept.stride[0][nest.kept.rank - 1];
    for_strips(begin, end, kProducts / n, [&](T* to, const T* from, int64_t rows, int64_t) {
      if (nest.reduced.rank == 1) {
        multiply_rows(from, col_step(), rows, n, copy);
      } else {
        for (int64_t i = 0; i < rows; ++i) multiply_pieces(from + i * col_step(), 0, n, copy + i * n);
      }
      op.rows(to, out_step, copy, n, rows, n, rows * n);
      divide(to, out_step, rows);
    });
  }

  // Short rows that lie beside each other, or are copied so; mapped ones are.
  void run_short(int64_t begin, int64_t end) const {
    const int64_t out_step = nest.kept.stride[0][nest.kept.rank - 1];
    for_strips(begin, end, kTile, [&](T* to, const T* from, int64_t cols, int64_t before) {
      alignas(64) T results[kTile], copy[kVirtualLanes<T> * kTile];
      const bool beside = walk == Walk::lanes;
      if (maps()) {
        map_tile(from, cols, 0, form.reduced, centre_of(before), copy);
      } else if (!beside) {
        pack_tile(from, cols, 0, form.reduced, copy);
      }
      op.short_rows(results, cols, beside ? from : copy, beside ? row_step() : cols, form.reduced);
      divide(results, 1, cols);
      scatter(to, out_step, results, cols);
    });
  }

  // All others, strip by strip. A strip of one block goes straight to out where out is contiguous.
  void run_strips(int64_t begin, int64_t end) const {
    RoomBeside<T, kLevelBytes / sizeof(T)> room;
    const int64_t width = most_results(blocks(form.reduced));
    const bool straight = nest.kept.stride[0][nest.kept.rank - 1] == 1;
    for_strips(begin, end, width, [&](T* to, const T* from, int64_t cols, int64_t before) {
      T* const place = straight && single_block() && sums == 1 ? to : room.behind(from);
      combine_strip(from, cols, 0, form.reduced, centre_of(before), place);
      write(to, cols, place);
    });
  }

  // The results begin ... end.
  [[gnu::noinline]] void run_part(int64_t begin, int64_t end) const {
    if (walk == Walk::rows && share == 1) return run_rows(begin, end);
    if ((multiplies() || converts()) && form.rows && form.reduced <= kProducts) return run_products(begin, end);
    const bool by_pieces = walk == Walk::pieces && (!maps() || mapping->map != nullptr) && form.kept > 1;
    const bool several = walk == Walk::lanes || (walk == Walk::tiles && form.rows) || by_pieces;
    const bool brief = several && form.reduced <= kVirtualLanes<T>;
    brief ? run_short(begin, end) : run_strips(begin, end);
  }

  // Threads share the results.
  void run() const {
    parallel_for(form.kept, nanoseconds() * static_cast<double>(form.reduced),
                 [&](int64_t begin, int64_t end, int) { run_part(begin, end); });
  }

  // Threads share the elements, in chunks, whose results go to `partial`: for each chunk and each strip of results, its
  // lanes. A chunk is a subtree, and the tree over the chunks is the rest of the tree over all blocks, so the bits are
  // those of run().
  void run_chunks(const Chunks& chunks, T* partial) const {
    const double cost = nanoseconds() * static_cast<double>(chunks.blocks * block() * form.kept);
    parallel_for(chunks.count, cost, [&](int64_t first, int64_t last, int) {
      for (int64_t chunk = first; chunk < last; ++chunk) run_chunk(chunks, chunk, partial);
    });
    join_chunks(chunks, partial);
  }

  int64_t chunk_width(const Chunks& chunks) const {
    return most_results(chunks.blocks > chunks.count ? chunks.blocks : chunks.count);
  }

  [[gnu::noinline]] void run_chunk(const Chunks& chunks, int64_t chunk, T* partial) const {
    RoomBeside<T, kLevelBytes / sizeof(T)> room;
    const int64_t each = chunks.blocks * block(), begin = chunk * each, n = smaller(each, form.reduced - begin);
    partial += chunk * form.kept * lanes();
    for_strips(0, form.kept, chunk_width(chunks), [&](T*, const T* from, int64_t cols, int64_t before) {
      T* const levels = room.behind(from);
      combine_strip(from, cols, begin, n, centre_of(before), levels);
      copy(partial + before * lanes(), levels, cols * lanes());
    });
  }

  [[gnu::noinline]] void join_chunks(const Chunks& chunks, const T* partial) const {
    alignas(64) T levels[kLevelBytes / sizeof(T)];
    const int64_t row = form.kept * lanes();
    for_strips(0, form.kept, chunk_width(chunks), [&](T* to, const T*, int64_t cols, int64_t before) {
      combine_blocks(levels, cols * lanes(), chunks.count, merge(), [&](int64_t chunk, T* leaf) {
        copy(leaf, partial + chunk * row + before * lanes(), cols * lanes());
      });
      write(to, cols, levels);
    });
  }

  // One call from beginning to end; `partial` has room for the chunks.
  void run_all(Chunks chunks, T* partial) const {
    // Of neighbours that are read side by side a chunk has many.
    constexpr int64_t kMany = 128;
    if (walk == Walk::turned) {
      const Turn t = turn();
      while (chunks.count > 1 && chunks.blocks * block() < kMany * t.unit * t.units) {
        chunks = {divide_up(chunks.count, 2), 2 * chunks.blocks};
      }
    }
    if (form.reduced == 0) return run_empty();
    const double cost = nanoseconds() * static_cast<double>(form.elements());
    chunks.count > 0 && worker_count(chunks.count, cost / chunks.count) > 1 ? run_chunks(chunks, partial) : run();
  }

  // No elements: each result is what an empty combination is.
  void run_empty() const {
    for_strips(0, form.kept, 1, [&](T* to, const T*, int64_t, int64_t) {
      *to = op.identity / divisor;
      for (int i = 1; i < sums; ++i) to[i * apart] = op.identity;
    });
  }
};

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
