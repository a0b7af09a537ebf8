#include "kernels/moves.hpp"

#include <algorithm>
#include <cstdlib>

#include "kernels/turn.hpp"
#include "kernels/turned.hpp"

namespace minigrad {
namespace {

// Rows in reverse order, that are out_row and x_row apart; x is the first one's last element.
template <class T>
void reverse(T* out, const T* x, int64_t rows, int64_t count, int64_t out_row, int64_t x_row) {
  int64_t done = 0;
  if constexpr (sizeof(T) == 4) done = reverse_rows(out, x - count + 1, rows, count, out_row, x_row);
  for (; done < count && rows > 0; --rows, out += out_row, x += x_row) {
    for (int64_t i = done; i < count; ++i) out[i] = x[-i];
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// The nest of a copy.

template <class T>
void turn_round(View& out, View& x, int d) {
  const int64_t last = out.shape[d] - 1;
  out.data = out.as<T>() + last * out.stride[d];
  x.data = x.as<T>() + last * x.stride[d];
  out.stride[d] = -out.stride[d];
  x.stride[d] = -x.stride[d];
}

// Elements of a row that is not worth being turned round alone.
constexpr int64_t kShortReversed = 16;

// Turns out's innermost dimension round where it runs backwards; where that is a short row, the dimensions that make
// one long row with it as well.
template <class T>
void turn_inner_forwards(View& out, View& x) {
  int inner = out.rank - 1;
  while (inner > 0 && out.shape[inner] == 1) --inner;
  if (inner < 0 || out.stride[inner] >= 0) return;
  turn_round<T>(out, x, inner);
  for (int d = inner; d > 0 && out.shape[inner] < kShortReversed; --d) {
    const int64_t n = out.shape[d];
    if (out.stride[d - 1] != -out.stride[d] * n || x.stride[d - 1] != -x.stride[d] * n) return;
    turn_round<T>(out, x, d - 1);
  }
}

// Brings the dimensions into the order in which a copy runs best; which element is copied first does not matter. They
// are sorted by out's strides, and each runs in the direction in which x lies in memory, since reading is what a copy
// waits for. Only the innermost one runs as out lies.
template <class T>
void sort_dims(View& out, View& x) {
  for (int d = 0; d < out.rank; ++d) {
    if (x.stride[d] < 0 || (x.stride[d] == 0 && out.stride[d] < 0)) turn_round<T>(out, x, d);
    for (int k = d; k > 0 && std::abs(out.stride[k]) > std::abs(out.stride[k - 1]); --k) {
      for (View* const view : {&out, &x}) {
        std::swap(view->shape[k], view->shape[k - 1]);
        std::swap(view->stride[k], view->stride[k - 1]);
      }
    }
  }
  turn_inner_forwards<T>(out, x);
}

// x with out's shape, repeated where it has no dimension or one of size 1.
View repeated_to(const View& out, const View& x) {
  View full = out;
  full.data = x.data;
  for (int d = 0; d < out.rank; ++d) {
    const int own = d - (out.rank - x.rank);
    full.stride[d] = own >= 0 && x.shape[own] != 1 ? x.stride[own] : 0;
  }
  return full;
}

// ---------------------------------------------------------------------------------------------------------------------
// Row by row.

template <class T>
[[gnu::noinline]] void spread_row(T* out, const T* x, int64_t count, int64_t out_step, int64_t x_step) {
  for (int64_t i = 0; i < count; ++i) out[i * out_step] = x[i * x_step];
}

template <class T>
[[gnu::noinline]] void fill_row(T* out, T value, int64_t count) {
  T equal[32 / sizeof(T)];
  for (T& x : equal) x = value;
  const int64_t done =
      fill_bytes(out, equal, count * static_cast<int64_t>(sizeof(T))) / static_cast<int64_t>(sizeof(T));
  for (int64_t i = done; i < count; ++i) out[i] = value;
}

template <class T>
void copy_row(T* out, const T* x, int64_t count, int64_t out_step, int64_t x_step, bool streamed);

// Through a buffer, which is then copied past the caches; from where x begins in memory, as memory likes to be read.
template <class T>
void stream_row(T* out, const T* x, int64_t count, int64_t x_step) {
  constexpr int64_t kBuffered = 4096 / static_cast<int64_t>(sizeof(T));
  alignas(64) T buffer[kBuffered];
  const int64_t last = (count - 1) / kBuffered * kBuffered;
  for (int64_t done = 0; done < count; done += kBuffered) {
    const int64_t i = x_step < 0 ? last - done : done, n = std::min(kBuffered, count - i);
    copy_row(buffer, x + i * x_step, n, 1, x_step, false);
    copy_bytes(out + i, buffer, n * static_cast<int64_t>(sizeof(T)), true);
  }
}

template <class T>
void copy_row(T* out, const T* x, int64_t count, int64_t out_step, int64_t x_step, bool streamed) {
  if (out_step != 1) return spread_row(out, x, count, out_step, x_step);
  if (x_step == 1) return copy_bytes(out, x, count * static_cast<int64_t>(sizeof(T)), streamed);
  if (streamed) return stream_row(out, x, count, x_step);
  if (x_step == 0) return fill_row(out, *x, count);
  if (x_step == -1) {
    constexpr int64_t kPiece = 1024;
    for (int64_t i = 0; i < count; i += kPiece) reverse(out + i, x - i, 1, std::min(kPiece, count - i), 0, 0);
    return;
  }
  gather_row(out, x, count, x_step);
}

template <class T>
void copy_by_rows(T* out, const T* x, const Nest<2>& nest, bool large) {
  const int inner = nest.rank - 1;
  const int64_t out_step = nest.stride[0][inner], x_step = nest.stride[1][inner];
  const bool streamed = large && nest.shape[inner] * static_cast<int64_t>(sizeof(T)) >= kStreamedRow;
  const int64_t x_row = inner > 0 ? nest.stride[1][inner - 1] : 0;
  const bool apart = streamed && out_step == 1 && x_step == 1 && x_row > nest.shape[inner];
  parallel_for(nest.size, (x_step == 1 ? 0.02 : 0.04) * sizeof(T), [&](int64_t begin, int64_t end) {
    for_rows(nest, begin, end, [&](const int64_t* offset, int64_t count) {
      const T* const from = x + offset[1];
      if (apart) return stream_row_before(out + offset[0], from, from + x_row, count * static_cast<int64_t>(sizeof(T)));
      copy_row(out + offset[0], from, count, out_step, x_step, streamed);
    });
    if (streamed) stream_end();
  });
}

constexpr int64_t kShortRow = 4096, kLongRow = 32768;  // bytes
constexpr int64_t kAhead = 4;                          // how many rows before its turn a row is fetched into the cache

// `rows` rows of `count` elements; steps: from row to row, and in a row.
template <class T>
void copy_matrix(T* out, const T* x, int64_t rows, int64_t count, const int64_t (&row)[2], const int64_t (&step)[2]) {
  constexpr int64_t kItem = sizeof(T);
  if (step[0] == 1 && step[1] == -1) return reverse(out, x, rows, count, row[0], row[1]);
  if (step[0] == 1 && step[1] == 1 && row[1] != 0 &&
      copy_rows(out, x, rows, count * kItem, row[0] * kItem, row[1] * kItem)) {
    return;
  }
  for (int64_t r = 0; r < rows; ++r) {
    const char* const ahead = reinterpret_cast<const char*>(x + kAhead * row[1]);
    if (step[1] == 1 && row[1] != 0) {
      for (int64_t b = 0; b < count * static_cast<int64_t>(sizeof(T)) && b < 512; b += 64)
        __builtin_prefetch(ahead + b);
    }
    copy_row(out, x, count, step[0], step[1], false);
    out += row[0];
    x += row[1];
  }
}

template <class T>
void copy_by_short_rows(T* out, const T* x, const Nest<2>& nest) {
  const int inner = nest.rank - 1;
  const int64_t count = nest.shape[inner], rows = nest.shape[inner - 1];
  const int64_t step[] = {nest.stride[0][inner], nest.stride[1][inner]};
  const int64_t row[] = {nest.stride[0][inner - 1], nest.stride[1][inner - 1]};
  parallel_for(nest.size / count, 5 + 0.05 * sizeof(T) * static_cast<double>(count), [&](int64_t begin, int64_t end) {
    while (begin < end) {
      int64_t offset[2];
      find_offsets(nest, inner, begin, offset);
      const int64_t together = std::min(rows - begin % rows, end - begin);
      copy_matrix(out + offset[0], x + offset[1], together, count, row, step);
      begin += together;
    }
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// Where x's neighbours lie along another dimension than out's: block by block.

template <class T>
class Turned {
 public:
  // `along`: where x's neighbours lie.
  Turned(T* out, const T* x, const Nest<2>& nest, int along, bool large) : out_(out), x_(x), nest_(nest) {
    const int inner = nest.rank - 1;
    rows_ = nest.shape[inner], columns_ = nest.shape[along];
    out_row_ = nest.stride[0][along], x_row_ = nest.stride[1][inner];
    for (int d = along; d + 1 < inner; ++d) {  // the two are taken out
      nest_.shape[d] = nest_.shape[d + 1];
      for (int i = 0; i < 2; ++i) nest_.stride[i][d] = nest_.stride[i][d + 1];
    }
    auto lines = reinterpret_cast<uintptr_t>(out);
    for (int d = 0; d < inner; ++d) lines |= static_cast<uintptr_t>(nest.stride[0][d] * kItem);
    streamed_ = large && lines % 64 == 0 && rows_ >= kBlock;
    if (rows_ < kNarrow) high_ = rows_, wide_ = kLong;
  }

  void run() const {
    if (nest_.rank == 2 && rows_ <= high_ && columns_ <= wide_) return run_at(0, 0, 0, 0);
    const int64_t down = (columns_ + wide_ - 1) / wide_, across = (rows_ + high_ - 1) / high_;
    const int64_t count = nest_.size / (rows_ * columns_) * down * across;
    parallel_for(count, 0.055 * static_cast<double>(kItem * wide_ * high_), [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        int64_t offset[2];
        find_offsets(nest_, nest_.rank - 2, n / (down * across), offset);
        const int64_t row = streamed_ ? n / down % across : n % across,
                      column = streamed_ ? n % down : n / across % down;
        run_at(offset[0], offset[1], row * high_, column * wide_);
      }
      if (streamed_) stream_end();
    });
  }

 private:
  static constexpr int64_t kItem = sizeof(T), kLine = 64 / kItem;
  static constexpr int64_t kBlock = kItem == 8 ? 32 : 64;
  static constexpr int64_t kNarrow = 16;  // elements of a row of out
  static constexpr int64_t kLong = 512;
  static constexpr int64_t kAhead = 2 * kBlock;  // columns from a block to the one that is asked for meanwhile

  // The block of x that begins in a row and a column of the matrices at the offsets.
  void run_at(int64_t out_offset, int64_t x_offset, int64_t row, int64_t column) const {
    T* const to = out_ + out_offset + column * out_row_ + row;
    const T* const from = x_ + x_offset + row * x_row_ + column;
    const int64_t rows = std::min(high_, rows_ - row), columns = std::min(wide_, columns_ - column);
    if (rows_ < kNarrow) return run_narrow(to, from, columns);
    if constexpr (kItem >= 4) {
      const bool last = row + rows == rows_;
      const T* const next = streamed_ ? from + kAhead : (last ? from : from + rows * x_row_);
      turn_block(to, out_row_, from, x_row_, rows, columns, next, streamed_ && rows % kLine == 0);
    } else {
      run_block(to, from, rows, columns);
    }
  }

  void run_narrow(T* to, const T* from, int64_t columns) const {
    if (rows_ == 2 && out_row_ == 2) return interleave(to, from, from + x_row_, columns);
    turn(to, out_row_, from, x_row_, rows_, columns);
  }

  // Small elements: through a buffer, because the rows of a matrix often are a power of two apart, and few of them fit
  // into the cache at once.
  void run_block(T* to, const T* from, int64_t rows, int64_t columns) const {
    alignas(64) T buffer[kBlock * 2 * kBlock];
    turn(buffer, kBlock, from, x_row_, rows, columns);
    for (int64_t d = 0; d < columns; ++d) copy_bytes(to + d * out_row_, buffer + d * kBlock, rows * kItem, streamed_);
  }

  T* out_;
  const T* x_;
  Nest<2> nest_;
  int64_t rows_, columns_;  // of x, seen as a matrix; they are out's columns and rows
  int64_t out_row_, x_row_;
  int64_t high_ = kBlock, wide_ = kBlock;  // rows and columns of a block
  bool streamed_;
};

// The dimension in which x's neighbours lie, if that is another one than out's and worth it; else -1.
int turned_dim(const Nest<2>& nest) {
  const int inner = nest.rank - 1;
  const int64_t step = nest.stride[1][inner];
  if (nest.stride[0][inner] != 1 || step == 1 || step == -1) return -1;
  if (step == 0 && nest.shape[inner] >= 16) return -1;  // to be filled
  for (int d = inner - 1; d >= 0; --d) {
    if (nest.stride[1][d] == 1 && nest.shape[d] >= 4) return d;
  }
  return -1;
}

// Whether rows are copied as parts of matrices: short ones, or longer ones of which there are many.
bool are_short(const Nest<2>& nest, int64_t item, bool large) {
  const int64_t inner = nest.rank - 1, bytes = nest.shape[inner] * item;
  return inner > 0 && (bytes < kShortRow || (!large && bytes < kLongRow && nest.shape[inner - 1] >= 16));
}

template <class T>
void copy_nest(T* out, const T* x, const Nest<2>& nest, bool large) {
  const int along = turned_dim(nest);
  if (along >= 0) {
    Turned<T>(out, x, nest, along, large).run();
  } else if (are_short(nest, sizeof(T), large)) {
    copy_by_short_rows(out, x, nest);
  } else {
    copy_by_rows(out, x, nest, large);
  }
}

// How many elements are repeated along the first dimension: of out in one piece, few enough for a cache, but so many
// that they are worth being read from there. 0: it is another case.
template <class T>
int64_t repeated_elements(const Nest<2>& nest) {
  constexpr int64_t kFew = 1024, kMost = 1 << 15;  // bytes
  const int64_t count = nest.size / nest.shape[0], bytes = count * static_cast<int64_t>(sizeof(T));
  if (nest.stride[1][0] != 0 || nest.stride[0][0] != count || nest.shape[0] < 3 || bytes < kFew || bytes > kMost)
    return 0;
  int64_t step = 1;
  for (int d = nest.rank - 1; d > 0; step *= nest.shape[d--]) {
    if (nest.stride[0][d] != step) return 0;
  }
  return nest.rank > 2 ? count : 0;
}

template <class T>
void copy_items(const View& to, const View& from) {
  View out = to, x = repeated_to(to, from);
  sort_dims<T>(out, x);
  const View* const operands[] = {&out, &x};
  Nest<2> nest = make_nest(operands);
  if (nest.size == 0) return;
  const bool large = past_caches(bytes_of(out) + bytes_of(from));
  const int64_t repeated = repeated_elements<T>(nest);
  if (repeated == 0) return copy_nest(out.as<T>(), x.as<T>(), nest, large);
  const int64_t times = nest.shape[0] - 1;
  nest.shape[0] = 1;
  nest.size = repeated;
  copy_nest(out.as<T>(), x.as<T>(), nest, false);
  const Nest<2> others = {2, repeated * times, {times, repeated}, {{repeated, 1}, {0, 1}}};
  copy_nest<T>(out.as<T>() + repeated, out.as<T>(), others, large);
}

}  // namespace

void copy_all(const View& out, const View& x) {
  with_bits(item_size(out.dtype), [&](auto bits) { copy_items<decltype(bits)>(out, x); });
}

bool is_turned(const View& x) {
  constexpr int64_t kFew = 16, kTogether = 4;
  const int inner = x.rank - 1;
  if (inner < 1 || x.shape[inner] < kFew || std::abs(x.stride[inner]) < kFew) return false;
  for (int d = 0; d < inner; ++d) {
    if (x.stride[d] == 1 && x.shape[d] >= kTogether) return true;
  }
  return false;
}

bool is_packed(const View& x) {
  for (int64_t d = x.rank - 1, step = 1; d > 0; step *= x.shape[d--]) {
    if (x.shape[d] != 1 && x.stride[d] != step) return false;
  }
  return true;
}

View copy_in_order(const View& x, char* to) {
  View out = x;
  out.data = to;
  for (int64_t d = x.rank - 1, step = 1; d >= 0; step *= x.shape[d--]) out.stride[d] = step;
  copy_all(out, x);
  return out;
}

void zero(const View& out, int64_t begin, int64_t end) {
  if (begin >= end) return;
  const int64_t bytes = item_size(out.dtype);
  const View* const operands[] = {&out};
  const Nest<1> nest = make_nest(operands);
  const int64_t step = nest.stride[0][nest.rank - 1];
  for_rows(nest, begin, end, [&](const int64_t* offset, int64_t count) {
    char* const start = out.as<char>() + offset[0] * bytes;
    if (step == 1) {
      std::memset(start, 0, static_cast<size_t>(count * bytes));
    } else {
      for (int64_t i = 0; i < count; ++i) std::memset(start + i * step * bytes, 0, static_cast<size_t>(bytes));
    }
  });
}

void zero_all(const View& out) {
  parallel_for(out.size(), 0.03 * static_cast<double>(item_size(out.dtype)),
               [&](int64_t begin, int64_t end) { zero(out, begin, end); });
}

int64_t bytes_of(const View& x) {
  int64_t bytes = item_size(x.dtype);
  for (int d = 0; d < x.rank; ++d) bytes *= x.stride[d] == 0 && x.shape[d] > 0 ? 1 : x.shape[d];
  return bytes;
}

}  // namespace minigrad
