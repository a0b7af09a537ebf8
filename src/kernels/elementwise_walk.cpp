#include "kernels/elementwise_walk.hpp"

#include "core/loops.hpp"
#include "kernels/elementwise_direct.hpp"

namespace minigrad {
namespace {

// Rows of fewer elements are taken together; longer ones as well, where an operand that does not go from row to row as
// the output does is the same row for all, which is copied once, or is copied in any case. A loop that takes matrices
// takes whole registers of them.
constexpr int64_t kShortRow = 88, kRepeatedRow = 257;

// A matrix of at least so many rows is shared among threads by rows.
constexpr int64_t kManyRows = 64;

// Of so many rows repeated elements are written before they are read, where a loop takes few of each.
constexpr int64_t kRowsAhead = 16, kEqualBytes = kLanes * 8;

// What gathering an element takes: one by one, and in panels.
constexpr double kGatheredNanoseconds = 0.1, kTurnedNanoseconds = 0.35;

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
    if (direct_ && nest_.rank > 1 && are_many()) return run_matrices();
    parallel_for(nest_.size, map_.nanoseconds + (direct_ ? 0 : kGatheredNanoseconds), [&](int64_t begin, int64_t end) {
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

  // With the masks, which are the same for all rows.
  Neighbours neighbours() const {
    Neighbours in;
    for (int i = 1; i < N; ++i) in.mask[i - 1] = way_[i] == Way::repeated ? 0 : -1;
    return in;
  }

  char* at(int i, const int64_t* offset, int64_t from) const {
    return start_[i] + (offset[i] + from * step_[i]) * item_[i];
  }

  // Rows whose operands the loop can read where they lie, or from equal elements.
  void run_direct(int64_t begin, int64_t end) const {
    EqualBuffer equal;
    Neighbours in = neighbours();
    for_rows(nest_, begin, end, [&](const int64_t* offset, int64_t count) {
      char* from[N];
      for (int i = 0; i < N; ++i) from[i] = at(i, offset, 0);
      fill_ahead(equal, from, 1, count);
      read_row(in, equal, from, 0);
      rows_.run(from[0], count, in);
    });
    rows_.end();
  }

  // Makes the equal elements of some rows at once: a register that is read right after it was written in parts waits.
  void fill_ahead(EqualBuffer& equal, char* const* from, int64_t rows, int64_t count) const {
    for (int i = 1; i < N; ++i) {
      for (int64_t r = 0; way_[i] == Way::repeated && r < rows; ++r) {
        const int64_t at_row = r == 0 ? 0 : r * row_bytes(i);
        rows_.fill(equal[i] + r * kEqualBytes, from[i] + at_row, item_[i], count);
      }
    }
  }

  // What the loop reads: elements where they lie, or equal ones, those of a row that was filled.
  void read_row(Neighbours& in, EqualBuffer& equal, char* const* from, int64_t filled) const {
    for (int i = 1; i < N; ++i) {
      in.x[i - 1] = way_[i] == Way::repeated ? equal[i] + filled * kEqualBytes : from[i];
    }
  }

  // As run_direct, for whole rows of matrices.
  void run_matrices() const {
    const int outer = nest_.rank - 2;
    const int64_t columns = nest_.shape[outer + 1], ahead = map_.limit == 0 ? kRowsAhead : 1;
    const bool together = map_.matrices && rows_.are_whole();
    const double cost = map_.nanoseconds * static_cast<double>(columns);
    parallel_for(nest_.size / columns, cost, [&](int64_t begin, int64_t end) {
      EqualBuffer equal;
      Neighbours in = neighbours();
      for_rows_of(nest_, outer, begin, end, [&](const int64_t* offset, int64_t rows) {
        char* from[N];
        for (int i = 0; i < N; ++i) from[i] = at(i, offset, 0);
        if constexpr (N == 3) {
          if (together) return run_matrix(in, from, rows, columns);
        }
        for (int64_t row = 0; row < rows; ++row) {
          if (row % ahead == 0) fill_ahead(equal, from, rows - row < ahead ? rows - row : ahead, columns);
          read_row(in, equal, from, row % ahead);
          rows_.run(from[0], columns, in);
          for (int i = 0; i < N; ++i) from[i] += row_bytes(i);
        }
      });
      rows_.end();
    });
  }

  // Rows for a loop that takes them all at once.
  void run_matrix(Neighbours& in, char* const* from, int64_t rows, int64_t columns) const {
    in.rows = rows;
    in.out_row = row_bytes(0);
    for (int i = 1; i < N; ++i) {
      in.x[i - 1] = from[i];
      in.row[i - 1] = row_bytes(i);
    }
    map_.loop(map_.context, from[0], columns, in);
  }

  // One row or a piece of it, block by block.
  void run_row(Buffer& buffer, const int64_t* offset, int64_t count) const {
    const int64_t most = map_.limit > 0 ? map_.limit : kMapBlock;
    const int64_t block = most < count ? most : count;
    Neighbours in = neighbours();
    for (int i = 1; i < N; ++i) {
      in.x[i - 1] = buffer.of[i];
      if (way_[i] == Way::repeated)
        fill_equal(buffer.of[i], at(i, offset, 0), item_[i], map_.limit > 0 ? block : kLanes);
    }
    for (int64_t from = 0; from < count; from += block) {
      const int64_t size = count - from < block ? count - from : block;
      for (int i = 1; i < N; ++i) {
        if (way_[i] == Way::direct) in.x[i - 1] = at(i, offset, from);
        if (way_[i] != Way::gathered) continue;
        with_bits(item_[i],
                  [&](auto bits) { gather<decltype(bits)>(buffer.of[i], at(i, offset, from), step_[i], size); });
      }
      char* const out = at(0, offset, from);
      map_.loop(map_.context, way_[0] == Way::direct ? out : buffer.of[0], size, in);
      if (way_[0] == Way::direct) continue;
      with_bits(item_[0], [&](auto bits) { scatter<decltype(bits)>(out, buffer.of[0], step_[0], size); });
    }
  }

  // Whether there are rows enough for all threads.
  bool are_many() const {
    return nest_.size / nest_.shape[nest_.rank - 1] >= kManyRows || worker_count(nest_.size, map_.nanoseconds) == 1;
  }

  // Whether rows are short, and those of the output lie behind one another.
  bool short_rows() const {
    const int inner = nest_.rank - 1;
    if (inner == 0 || nest_.shape[inner] >= kRepeatedRow || way_[0] != Way::direct || !steps_on(0)) return false;
    bool repeated = true;
    for (int i = 1; i < N; ++i) {
      const bool copied = map_.limit > 0 && way_[i] == Way::repeated;
      repeated &= steps_on(i) || nest_.stride[i][inner - 1] == 0 || copied;
    }
    if (repeated || !map_.matrices) return repeated || nest_.shape[inner] < kShortRow;
    if (repeats()) return nest_.shape[inner] < kLanes;
    return nest_.shape[inner] < (nest_.shape[inner] % kLanes == 0 ? 2 * kLanes : kShortRow);
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
    parallel_for(rows, map_.nanoseconds * static_cast<double>(count), [&](int64_t begin, int64_t end) {
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
      with_bits(item_[i], [&](auto bits) {
        gather_rows<decltype(bits)>(buffer.of[i], from[i], row == 0 ? most : rows, row, count, step_[i]);
      });
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
    parallel_for(planes * panels, cost, [&](int64_t begin, int64_t end) {
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
      Neighbours in = neighbours();
      for (int i = 0; i < N; ++i) {
        there[i] = at(i, offset, from);
        step[i] = row_bytes(i);
        if (way_[i] != Way::gathered) continue;
        with_bits(item_[i], [&](auto bits) {
          gather_panel<decltype(bits)>(buffer.of[i], there[i], rows, nest_.stride[i][nest_.rank - 2], size, step_[i],
                                       more);
        });
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

  const Map& map_;
  Nest<N> nest_;
  DirectRows rows_;
  char* start_[N];
  int64_t item_[N];  // bytes
  int64_t step_[N];  // elements from one to the next in a row
  Way way_[N];
  int64_t panel_rows_ = kPanelBytes / kPanelColumns / 4;
  bool direct_ = true;  // whether the loop can read and write where the operands lie
};

// What a loop of booleans writes, as numbers.
struct Numbers {
  const Map& map;
  MapLoop convert;
};

void write_numbers(const void* context, void* out, int64_t size, const Neighbours& in) {
  const auto& numbers = *static_cast<const Numbers*>(context);
  alignas(64) uint8_t flags[kFlags];
  numbers.map.loop(numbers.map.context, flags, size, in);
  Neighbours written;
  written.x[0] = flags;
  numbers.convert(nullptr, out, size, written);
}

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
  const DirectRows rows(call, map, size, size, repeats);
  parallel_for(size, map.nanoseconds, [&](int64_t begin, int64_t end) {
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
  const DType dtype = call.out[0].dtype;
  if (map.numbers != nullptr && item_size(dtype) > 1) {  // booleans are numbers of one byte
    if (map.alike != nullptr && dtype == call.in[0].dtype) return walk(call, {map.inputs, map.nanoseconds, map.alike});
    const Numbers numbers = {map, map.numbers[static_cast<int>(dtype)]};
    return walk(call, {map.inputs, 2 * map.nanoseconds, write_numbers, &numbers, kFlags});
  }
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
