#include "kernels/elementwise_walk.hpp"

#include "core/loops.hpp"
#include "kernels/moves.hpp"
#include "kernels/turn.hpp"
#include "kernels/turned.hpp"

namespace minigrad {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// Elements moved by their size, whatever they are.

template <class Bits>
void gather(char* to, const char* from, int64_t step, int64_t count) {
  auto* const out = reinterpret_cast<Bits*>(to);
  const auto* const x = reinterpret_cast<const Bits*>(from);
  if (step == -1) {  // a loop of its own, which the compiler vectorises
    for (int64_t i = 0; i < count; ++i) out[i] = x[-i];
  } else {
    gather_row(out, x, count, step);
  }
}

template <class Bits>
void scatter(char* to, const char* from, int64_t step, int64_t count) {
  auto* const out = reinterpret_cast<Bits*>(to);
  const auto* const x = reinterpret_cast<const Bits*>(from);
  for (int64_t i = 0; i < count; ++i) out[i * step] = x[i];
}

// Bits in a register of 16 bytes, which may lie anywhere.
template <class Bits>
struct PieceOf {
  typedef Bits type __attribute__((vector_size(16), aligned(1), may_alias));
};

// `bytes` bytes of the element over and over, and up to 63 more.
template <class Bits>
void fill(char* to, const char* from, int64_t bytes) {
  using Piece = typename PieceOf<Bits>::type;
  const Piece equal = Piece{} + *reinterpret_cast<const Bits*>(from);
  for (int64_t b = 0; b < bytes; b += 4 * sizeof(Piece)) {
    for (int64_t k = 0; k < 4; ++k) reinterpret_cast<Piece*>(to + b)[k] = equal;
  }
}

// `count` times the element; up to 63 bytes behind the last one are overwritten.
void fill_equal(char* to, const char* from, int64_t item, int64_t count) {
  if (item == 4) return fill<uint32_t>(to, from, 4 * count);
  if (item == 8) return fill<uint64_t>(to, from, 8 * count);
  if (item == 2) return fill<uint16_t>(to, from, 2 * count);
  fill<uint8_t>(to, from, count);
}

// What loops read of operands that are repeated, by number.
struct EqualBuffer {
  alignas(64) char of[kMaxMapped + 1][kMapBlock * 8];
  char* operator[](int i) { return of[i]; }
  const char* operator[](int i) const { return of[i]; }
};

// Rows of `bytes` bytes behind one another, all of an element that is repeated in its row. Up to 63 bytes behind the
// last row are overwritten.
template <class Bits>
void fill_rows(char* to, const Bits* x, int64_t rows, int64_t row, int64_t bytes) {
  for (int64_t r = 0; r < rows; ++r, x += row, to += bytes) fill<Bits>(to, reinterpret_cast<const char*>(x), bytes);
}

// Rows of at least 16 bytes behind one another: the last piece of each overlaps the one before.
void copy_pieces(char* to, const char* from, int64_t rows, int64_t row, int64_t bytes) {
  using Piece = PieceOf<char>::type;
  constexpr int64_t kPiece = sizeof(Piece);
  for (int64_t r = 0; r < rows; ++r, from += row, to += bytes) {
    int64_t b = 0;
    for (; b + 4 * kPiece <= bytes; b += 4 * kPiece) std::memcpy(to + b, from + b, 4 * kPiece);
    for (; b < bytes; b += kPiece) {
      const int64_t at = b + kPiece <= bytes ? b : bytes - kPiece;
      *reinterpret_cast<Piece*>(to + at) = *reinterpret_cast<const Piece*>(from + at);
    }
  }
}

// The row at `from` over and over. Up to 15 bytes behind the last one are overwritten.
void repeat_row(char* to, const char* from, int64_t rows, int64_t bytes) {
  using Piece = PieceOf<char>::type;
  const char* const first = to;
  std::memcpy(to, from, static_cast<size_t>(bytes));
  for (int64_t r = 1; r < rows; ++r) {
    to += bytes;
    for (int64_t b = 0; b < bytes; b += sizeof(Piece)) {
      *reinterpret_cast<Piece*>(to + b) = *reinterpret_cast<const Piece*>(first + b);
    }
  }
}

// Rows of `count` elements behind one another, from rows that are `row` apart; behind the last one there is room for 63
// bytes more.
template <class Bits>
void gather_rows(char* to, const char* from, int64_t rows, int64_t row, int64_t count, int64_t step) {
  auto* out = reinterpret_cast<Bits*>(to);
  const auto* x = reinterpret_cast<const Bits*>(from);
  const int64_t bytes = count * static_cast<int64_t>(sizeof(Bits));
  if (step == 0) return fill_rows(to, x, rows, row, bytes);
  if (step == 1 && row == 0) return repeat_row(to, from, rows, bytes);
  if (step == 1 && bytes >= 16) return copy_pieces(to, from, rows, row * static_cast<int64_t>(sizeof(Bits)), bytes);
  for (int64_t r = 0; r < rows; ++r, x += row, out += count) {
#pragma GCC unroll 4
    for (int64_t i = 0; i < count; ++i) out[i] = x[i * step];
  }
}

using Mover = void (*)(char* to, const char* from, int64_t step, int64_t count);

Mover gather_of(int64_t item) {
  return item == 8 ? gather<uint64_t> : item == 4 ? gather<uint32_t> : item == 2 ? gather<uint16_t> : gather<uint8_t>;
}

Mover scatter_of(int64_t item) {
  return item == 8 ? scatter<uint64_t>
                   : (item == 4 ? scatter<uint32_t> : (item == 2 ? scatter<uint16_t> : scatter<uint8_t>));
}

void gather_rows_of(int64_t item, char* to, const char* from, int64_t rows, int64_t row, int64_t count, int64_t step) {
  if (item == 8) return gather_rows<uint64_t>(to, from, rows, row, count, step);
  if (item == 4) return gather_rows<uint32_t>(to, from, rows, row, count, step);
  if (item == 2) return gather_rows<uint16_t>(to, from, rows, row, count, step);
  gather_rows<uint8_t>(to, from, rows, row, count, step);
}

// ---------------------------------------------------------------------------------------------------------------------

// Rows of fewer elements are taken together; longer ones as well, where an operand that does not go from row to row as
// the output does is the same row for all, which is copied once.
constexpr int64_t kShortRow = 88, kRepeatedRow = 257;

// A matrix of at least so many rows is shared among threads by rows.
constexpr int64_t kManyRows = 64;

// What gathering an element takes: one by one, and in panels.
constexpr double kGatheredNanoseconds = 0.1, kTurnedNanoseconds = 0.35;

// A panel: rows that are gathered together, because their elements are neighbours across the rows (a transposed
// operand), and the elements of each that fit into the buffer: of 4 bytes, 4 lines of memory from each place.
constexpr int64_t kPanelColumns = 64, kPanelBytes = 16384;

// Rows that the loop can read and write where they lie. Results that fit into no cache go past the caches, through a
// buffer: a line of memory is then written without having been read before. It is a short one where loops are quick, so
// that reading goes on while lines wait to be written.
class Rows {
 public:
  // `size` elements of the output in pieces of `least` that follow one another; `repeats`: whether some operand is
  // repeated along them.
  Rows(const Call& call, const Map& map, int64_t size, int64_t least, bool repeats)
      : map_(map), item_(item_size(call.out[0].dtype)), block_(map.limit < kMapBlock || repeats ? map.limit : 0) {
    int64_t moved = size * item_, widest = item_;
    int large = 0;
    for (int i = 0; i < map.inputs; ++i) {
      const int64_t bytes = bytes_of(call.in[i]);
      items_[i] = item_size(call.in[i].dtype);
      far_[i] = bytes > kCached ? -1 : 0;
      moved += bytes;
      widest = items_[i] > widest ? items_[i] : widest;
      large += bytes > kCached;
    }
    in_lines_ = (reinterpret_cast<uintptr_t>(call.out[0].data) | static_cast<uintptr_t>(least * item_)) % 64 == 0;
    streamed_ = past_caches(moved) && least * item_ >= (in_lines_ ? kShortest : kWorthStreaming);
    several_ = large > 1;
    fetched_ = several_ || map.limit == 0;
    alone_ = streamed_ && map.streams && !several_ && get_num_threads() == 1;
    if (!streamed_) return;
    const int64_t passing = (fetched_ ? kStreamed / 4 : kStreamed) / widest;
    block_ = 0 < map.limit && map.limit < passing ? map.limit : passing;
  }

  // Makes what the loop reads of an operand that is repeated along `count` elements.
  void fill(char* to, const char* from, int64_t item, int64_t count) const {
    fill_equal(to, from, item, map_.limit == 0 ? kLanes : count < block_ ? count : block_);
  }

  // Whether results go past the caches, and rows begin where lines of memory do.
  bool streamed_in_lines() const { return streamed_ && in_lines_; }

  // Leaves `in` where it was or behind the elements.
  void run(char* out, int64_t count, Neighbours& in) const {
    if (map_.copies && in.mask[0] != 0) return move_bytes(out, in.x[0], count * item_, streamed_);
    if (block_ == 0 || (!streamed_ && count <= block_)) return map_.loop(map_.context, out, count, in);
    if (alone_) return run_past(out, count, in);
    run_blocks(out, count, in);
  }

  // As many as pass through the buffer at a time, or fewer.
  void run_few(char* out, int64_t count, const Neighbours& in) const {
    alignas(64) char buffer[kStreamed];
    const bool streamed = streamed_in_lines();
    map_.loop(map_.context, streamed ? buffer : out, count, in);
    if (streamed) copy_bytes(out, buffer, count * item_, true);
  }

  // What every worker does after its last row.
  void end() const {
    if (streamed_) stream_end();
  }

 private:
  static constexpr int64_t kStreamed = 2048;            // bytes of the widest operand that pass at a time
  static constexpr int64_t kCached = int64_t{1} << 20;  // bytes that the second cache holds
  // Bytes from what is read to what is asked for meanwhile. One operand is asked for early, into the second cache: the
  // nearest one has no room to wait in while a row is read again beside it.
  static constexpr int64_t kSoon = 2048, kLater = 8192;
  // Bytes of a row, in whole lines or not: of shorter ones the lines at both ends, which are not written as a whole,
  // cost too much.
  static constexpr int64_t kShortest = 256, kWorthStreaming = 2048;

  // The loop writes past the caches itself, but for what lies before the first line.
  [[gnu::noinline]] void run_past(char* out, int64_t count, Neighbours& in) const {
    const int64_t before = static_cast<int64_t>(-reinterpret_cast<uintptr_t>(out) % 64) / item_;
    const int64_t first = before < count ? before : count;
    in.past = false;
    if (first > 0) map_.loop(map_.context, out, first, in);
    step(in, first);
    in.past = true;
    for (int i = 0; i < map_.inputs; ++i) in.ahead[i] = kLater & in.mask[i] & far_[i];
    map_.loop(map_.context, out + first * item_, count - first, in);
  }

  void step(Neighbours& in, int64_t size) const {
    for (int i = 0; i < map_.inputs; ++i) {
      in.x[i] = static_cast<const char*>(in.x[i]) + (size * items_[i] & in.mask[i]);
    }
  }

  [[gnu::noinline]] void run_blocks(char* out, int64_t count, Neighbours& in) const {
    alignas(64) char buffer[kStreamed];
    int64_t size = block_;
    if (streamed_) size -= static_cast<int64_t>(reinterpret_cast<uintptr_t>(out) % 64) / item_;
    for (; count > 0; count -= size, size = block_) {
      if (size > count) size = count;
      map_.loop(map_.context, streamed_ ? buffer : out, size, in);
      if (streamed_ && fetched_) fetch(in, size);
      if (streamed_) copy_bytes(out, buffer, size * item_, true);
      out += size * item_;
      step(in, size);
    }
  }

  // As of all functions that only ask, the compiler would leave out the calls: to it they do nothing.
  [[gnu::always_inline]] void fetch(const Neighbours& in, int64_t size) const {
    for (int i = 0; i < map_.inputs; ++i) {
      const int64_t bytes = size * items_[i] & in.mask[i] & far_[i];
      const char* const next = static_cast<const char*>(in.x[i]);
      for (int64_t b = 0; b < bytes; b += 64) {
        several_ ? __builtin_prefetch(next + kSoon + b, 0, 0) : __builtin_prefetch(next + kLater + b, 0, 2);
      }
    }
  }

  const Map& map_;
  int64_t item_;               // bytes
  int64_t items_[kMaxMapped];  // of the inputs
  int64_t far_[kMaxMapped];    // -1 for inputs that come from memory, else 0
  int64_t block_;              // elements that pass at a time; 0: all
  bool in_lines_, streamed_;
  bool several_;  // whether several operands come from memory
  // Whether the loop writes past the caches itself: where a core waits for its own instructions. Where several operands
  // or cores keep memory busy, pieces that are read and written in turn are quicker.
  bool alone_;
  bool fetched_;  // whether they are asked for: a loop that takes longer than its memory need not
};

enum class Way : uint8_t { direct, repeated, gathered };

// A nest with all that is the same for each of its rows. Operand 0 is the output.
template <int N>
class Walk {
 public:
  Walk(const Call& call, const Map& map)
      : map_(map), nest_(nest_of(call)), rows_(call, map, nest_.size, nest_.shape[nest_.rank - 1], repeats()) {
    const int inner = nest_.rank - 1;
#pragma GCC unroll 5
    for (int i = 0; i < N; ++i) {
      const View& x = i == 0 ? call.out[0] : call.in[i - 1];
      start_[i] = static_cast<char*>(x.data);
      item_[i] = item_size(x.dtype);
      step_[i] = nest_.stride[i][inner];
      way_[i] = step_[i] == 1 ? Way::direct : (step_[i] == 0 && i > 0 ? Way::repeated : Way::gathered);
      if (item_[i] == 8) panel_rows_ = kPanelBytes / kPanelColumns / 8;
      direct_ &= way_[i] != Way::gathered;
    }
  }

  void run() const {
    if (nest_.size == 0) return;
    if (in_panels()) return run_panels();
    if (short_rows()) return run_short_rows();
    if (direct_ && nest_.rank == 2 && nest_.shape[0] >= kManyRows) return run_matrix();
    parallel_for(nest_.size, map_.nanoseconds + (direct_ ? 0 : kGatheredNanoseconds),
                 [&](int64_t begin, int64_t end, int) {
                   if (direct_) return run_direct(begin, end);
                   Buffer buffer;
                   for_rows(nest_, begin, end, [&](const int64_t* offset, int64_t n) { run_row(buffer, offset, n); });
                 });
  }

 private:
  // Uninitialised until needed; on the stack of each worker.
  struct Buffer {
    alignas(64) char of[N][kMapBlock * 8 + 64];
  };

  struct PanelBuffer {
    alignas(64) char of[N][kPanelBytes];
  };

  static Nest<N> nest_of(const Call& call) {
    const View* operands[N] = {&call.out[0]};
    for (int i = 1; i < N; ++i) operands[i] = &call.in[i - 1];
    return make_nest<N>(reinterpret_cast<const View* const(&)[N]>(operands));
  }

  // Whether an input is repeated along the rows.
  bool repeats() const {
    bool any = false;
    for (int i = 1; i < N; ++i) any |= nest_.stride[i][nest_.rank - 1] == 0;
    return any;
  }

  char* at(int i, const int64_t* offset, int64_t from) const {
    return start_[i] + (offset[i] + from * step_[i]) * item_[i];
  }

  // Rows whose operands the loop can read where they lie, or from equal elements.
  void run_direct(int64_t begin, int64_t end) const {
    EqualBuffer equal;
    Neighbours in;
    for_rows(nest_, begin, end, [&](const int64_t* offset, int64_t count) {
      char* from[N];
      for (int i = 0; i < N; ++i) from[i] = at(i, offset, 0);
      read_row(in, equal, from, count);
      rows_.run(from[0], count, in);
    });
    rows_.end();
  }

  // Makes what the loop reads of `count` elements: where they lie, or equal ones.
  void read_row(Neighbours& in, EqualBuffer& equal, char* const* from, int64_t count) const {
    for (int i = 1; i < N; ++i) {
      in.mask[i - 1] = way_[i] == Way::repeated ? 0 : -1;
      in.x[i - 1] = way_[i] == Way::repeated ? equal[i] : from[i];
      if (way_[i] == Way::repeated) rows_.fill(equal[i], from[i], item_[i], count);
    }
  }

  // As run_direct, for whole rows of a matrix.
  void run_matrix() const {
    const int64_t columns = nest_.shape[1];
    parallel_for(nest_.shape[0], map_.nanoseconds * static_cast<double>(columns), [&](int64_t row, int64_t end, int) {
      EqualBuffer equal;
      Neighbours in;
      char* at_row[N];
      for (int i = 0; i < N; ++i) {
        at_row[i] = start_[i] + row * row_bytes(i);
        if (i > 0) in.mask[i - 1] = way_[i] == Way::repeated ? 0 : -1;
      }
      for (; row < end; ++row) {
        for (int i = 1; i < N; ++i) {
          in.x[i - 1] = way_[i] == Way::repeated ? equal[i] : at_row[i];
          if (way_[i] == Way::repeated) rows_.fill(equal[i], at_row[i], item_[i], columns);
          at_row[i] += row_bytes(i);
        }
        rows_.run(at_row[0], columns, in);
        at_row[0] += row_bytes(0);
      }
      rows_.end();
    });
  }

  // One row or a piece of it, block by block.
  void run_row(Buffer& buffer, const int64_t* offset, int64_t count) const {
    const int64_t most = map_.limit > 0 ? map_.limit : kMapBlock;
    const int64_t block = most < count ? most : count;
    Neighbours in;
    for (int i = 1; i < N; ++i) {
      in.x[i - 1] = buffer.of[i];
      in.mask[i - 1] = way_[i] == Way::repeated ? 0 : -1;
      if (way_[i] == Way::repeated)
        fill_equal(buffer.of[i], at(i, offset, 0), item_[i], map_.limit > 0 ? block : kLanes);
    }
    for (int64_t from = 0; from < count; from += block) {
      const int64_t size = count - from < block ? count - from : block;
      for (int i = 1; i < N; ++i) {
        if (way_[i] == Way::direct) in.x[i - 1] = at(i, offset, from);
        if (way_[i] == Way::gathered) gather_of(item_[i])(buffer.of[i], at(i, offset, from), step_[i], size);
      }
      char* const out = at(0, offset, from);
      map_.loop(map_.context, way_[0] == Way::direct ? out : buffer.of[0], size, in);
      if (way_[0] != Way::direct) scatter_of(item_[0])(out, buffer.of[0], step_[0], size);
    }
  }

  // Whether rows are short, and those of the output lie behind one another.
  bool short_rows() const {
    const int inner = nest_.rank - 1;
    if (inner == 0 || nest_.shape[inner] >= kRepeatedRow || way_[0] != Way::direct || !steps_on(0)) return false;
    bool repeated = true;
    for (int i = 1; i < N; ++i) repeated &= steps_on(i) || nest_.stride[i][inner - 1] == 0;
    return repeated || nest_.shape[inner] < kShortRow;
  }

  // Whether the operand goes from a row to the next as it goes from element to element.
  bool steps_on(int i) const {
    const int inner = nest_.rank - 1;
    return step_[i] == 1 && nest_.stride[i][inner - 1] == nest_.shape[inner];
  }

  void run_short_rows() const {
    const int outer = nest_.rank - 2;
    const int64_t count = nest_.shape[outer + 1];
    const int64_t fitting = static_cast<int32_t>(map_.limit > 0 ? map_.limit : kMapBlock) / static_cast<int32_t>(count);
    const int64_t most = fitting < nest_.shape[outer] ? fitting : nest_.shape[outer];
    const int64_t rows = outer == 0 ? nest_.shape[0] : nest_.size / count;
    parallel_for(rows, map_.nanoseconds * static_cast<double>(count), [&](int64_t begin, int64_t end, int) {
      Buffer buffer;
      const char* known[N] = {};  // what a buffer holds of an operand whose rows are all the same
      for_rows_of(nest_, outer, begin, end, [&](const int64_t* offset, int64_t left) {
        const char* from[N];
        for (int i = 0; i < N; ++i) from[i] = at(i, offset, 0);
        for (int64_t done = 0; done < left; done += most) {
          run_together(buffer, known, from, left - done < most ? left - done : most, most, count);
          for (int i = 0; i < N; ++i) from[i] += most * row_bytes(i);
        }
      });
    });
  }

  // `rows` rows of `count` elements; an operand with one row for all of them is repeated `most` times, once.
  void run_together(Buffer& buffer, const char** known, const char* const* from, int64_t rows, int64_t most,
                    int64_t count) const {
    Neighbours in;
    for (int i = 1; i < N; ++i) {
      in.mask[i - 1] = -1;
      in.x[i - 1] = steps_on(i) ? from[i] : buffer.of[i];
      if (steps_on(i) || known[i] == from[i]) continue;
      const int64_t row = nest_.stride[i][nest_.rank - 2];
      gather_rows_of(item_[i], buffer.of[i], from[i], row == 0 ? most : rows, row, count, step_[i]);
      known[i] = row == 0 ? from[i] : nullptr;
    }
    map_.loop(map_.context, const_cast<char*>(from[0]), rows * count, in);
  }

  // Whether an input's elements lie closer together from row to row than in a row, and the output's in a row.
  bool in_panels() const {
    if (nest_.rank < 2 || nest_.shape[nest_.rank - 1] < kLanes || way_[0] != Way::direct) return false;
    for (int i = 1; i < N; ++i) {
      if (way_[i] == Way::gathered && nest_.stride[i][nest_.rank - 2] == 1) return true;
    }
    return false;
  }

  void run_panels() const {
    const int64_t rows = nest_.shape[nest_.rank - 2], columns = nest_.shape[nest_.rank - 1];
    const int64_t panels = (rows + panel_rows_ - 1) / panel_rows_, planes = nest_.size / (rows * columns);
    const double cost = (map_.nanoseconds + kTurnedNanoseconds) *
                        static_cast<double>(columns * (rows < panel_rows_ ? rows : panel_rows_));
    parallel_for(planes * panels, cost, [&](int64_t begin, int64_t end, int) {
      PanelBuffer buffer;
      for (int64_t number = begin; number < end; ++number) {
        int64_t offset[N];
        const int64_t first = number % panels * panel_rows_;
        find_row(number / panels * rows + first, offset);
        run_panel(buffer, offset, rows - first < panel_rows_ ? rows - first : panel_rows_, columns);
      }
      rows_.end();
    });
  }

  // Where the row of this number begins in each operand.
  void find_row(int64_t number, int64_t* offset) const {
    for (int i = 0; i < N; ++i) offset[i] = 0;
    for (int d = nest_.rank - 2; d >= 0; --d) {
      for (int i = 0; i < N; ++i) offset[i] += number % nest_.shape[d] * nest_.stride[i][d];
      number /= nest_.shape[d];
    }
  }

  void run_panel(PanelBuffer& buffer, const int64_t* offset, int64_t rows, int64_t columns) const {
    const bool far = rows_.streamed_in_lines();
    for (int64_t from = 0; from < columns; from += kPanelColumns) {
      const int64_t size = columns - from < kPanelColumns ? columns - from : kPanelColumns;
      const bool more = size < columns - from;
      char* there[N];
      int64_t step[N];
      Neighbours in;
      for (int i = 0; i < N; ++i) {
        there[i] = at(i, offset, from);
        step[i] = row_bytes(i);
        if (i > 0) in.mask[i - 1] = way_[i] == Way::repeated ? 0 : -1;
        if (way_[i] != Way::gathered) continue;
        gather_panel(buffer.of[i], i, there[i], rows, size, more);
        there[i] = buffer.of[i];
        step[i] = kPanelColumns * item_[i];
      }
      for (int64_t r = 0; r < rows; ++r) {
        for (int i = 1; i < N; ++i) {
          in.x[i - 1] = way_[i] == Way::repeated ? buffer.of[i] : there[i];
          if (way_[i] == Way::repeated && (r == 0 || step[i] != 0)) {
            fill_equal(buffer.of[i], there[i], item_[i], map_.limit > 0 ? size : kLanes);
          }
          if (more && way_[i] == Way::direct) fetch(there[i] + size * item_[i], size * item_[i]);
        }
        if (more && !far) fetch(there[0] + size * item_[0], size * item_[0]);
        rows_.run_few(there[0], size, in);
        for (int i = 0; i < N; ++i) there[i] += step[i];
      }
    }
  }

  [[gnu::always_inline]] static void fetch(const char* from, int64_t bytes) {
    for (int64_t b = 0; b < bytes; b += 64) __builtin_prefetch(from + b, 0, 2);
  }

  int64_t row_bytes(int i) const { return nest_.stride[i][nest_.rank - 2] * item_[i]; }

  // `more`: whether a panel comes behind this one.
  void gather_panel(char* to, int i, const char* from, int64_t rows, int64_t size, bool more) const {
    const int64_t row = nest_.stride[i][nest_.rank - 2];
    if (item_[i] == 8) return transpose<uint64_t>(to, from, row, step_[i], rows, size, more);
    if (item_[i] == 4) return transpose<uint32_t>(to, from, row, step_[i], rows, size, more);
    if (item_[i] == 2) return transpose<uint16_t>(to, from, row, step_[i], rows, size, more);
    transpose<uint8_t>(to, from, row, step_[i], rows, size, more);
  }

  // out[r, j] = x[j, r]; where the rows lie otherwise, element by element.
  template <class Bits>
  void transpose(char* to, const char* from, int64_t row, int64_t step, int64_t rows, int64_t size, bool more) const {
    auto* const out = reinterpret_cast<Bits*>(to);
    const auto* const x = reinterpret_cast<const Bits*>(from);
    if constexpr (sizeof(Bits) >= 4) {
      if (row == 1) return turn_block(out, kPanelColumns, x, step, size, rows, more ? x + size * step : x, false);
    } else {
      if (row == 1) return turn(out, kPanelColumns, x, step, size, rows);
    }
    for (int64_t j = 0; j < size; ++j) {
      for (int64_t r = 0; r < rows; ++r) out[r * kPanelColumns + j] = x[j * step + r * row];
    }
  }

  const Map& map_;
  Nest<N> nest_;
  Rows rows_;
  char* start_[N];
  int64_t item_[N];  // bytes
  int64_t step_[N];  // elements from one to the next in a row
  Way way_[N];
  int64_t panel_rows_ = kPanelBytes / kPanelColumns / 4;
  bool direct_ = true;  // whether the loop can read and write where the operands lie
};

// The usual case without a nest: operands whose elements lie behind one another as the output's do, or have only one.
bool run_flat(const Call& call, const Map& map) {
  const View& out = call.out[0];
  const int64_t size = out.size();
  bool flat = size > 0 && out.contiguous(), repeats = false;
  for (int i = 0; flat && i < map.inputs; ++i) {
    const int64_t own = call.in[i].size();
    flat = (own == size || own == 1) && call.in[i].contiguous();
    repeats |= own != size;
  }
  if (!flat) return false;
  const Rows rows(call, map, size, size, repeats);
  parallel_for(size, map.nanoseconds, [&](int64_t begin, int64_t end, int) {
    EqualBuffer equal;
    Neighbours in;
    for (int i = 0; i < map.inputs; ++i) {
      const View& x = call.in[i];
      const int64_t item = item_size(x.dtype);
      in.mask[i] = x.size() == size ? -1 : 0;
      in.x[i] = in.mask[i] != 0 ? static_cast<const char*>(x.data) + begin * item : equal[i];
      if (in.mask[i] == 0) rows.fill(equal[i], static_cast<const char*>(x.data), item, end - begin);
    }
    rows.run(static_cast<char*>(out.data) + begin * item_size(out.dtype), end - begin, in);
    rows.end();
  });
  return true;
}

}  // namespace

Status walk(const Call& call, const Map& map) {
  if (run_flat(call, map)) return Status::ok;
  if (map.copies) {
    copy_all(call.out[0], call.in[0]);
    return Status::ok;
  }
  switch (map.inputs) {
    case 1:
      Walk<2>(call, map).run();
      break;
    case 2:
      Walk<3>(call, map).run();
      break;
    case 3:
      Walk<4>(call, map).run();
      break;
    default:
      Walk<5>(call, map).run();
  }
  return Status::ok;
}

Status run_zeros(const Call& call) {
  zero_all(call.out[0]);
  return Status::ok;
}

}  // namespace minigrad
