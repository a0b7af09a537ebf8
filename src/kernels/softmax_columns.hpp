// Softmax of rows that lie beside each other in memory: the elements of `cols` of them are the rows of a matrix, whose
// columns go along the softmax dimension. One thread takes a strip of columns from beginning to end; several threads
// that would meet in the same pages of memory share the matrix's rows instead. Both have the bits of a row alone.
//
// A Function, which softmax.isa.cpp has four of, says for columns
//   kCentred          whether exp(a - m) is summed, with the maxima m of the columns;
//   kKeeps            whether these stand in out and become results there;
//   exp_columns()     one row of them;
//   summands()        what is summed in rows 0, kVirtualLanes, ..., for the first row of them: e, e + step, ... if they
//                     are centred;
//   finish_total()    the totals, from the sums;
//   result_columns()  one row of out.
#pragma once

#include "core/kernel.hpp"
#include "core/loops.hpp"
#include "core/parallel.hpp"
#include "kernels/past_caches.hpp"
#include "kernels/reduce_blocks.hpp"
#include "kernels/softmax_layout.hpp"
#include "kernels/softmax_rows.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// Rows of n elements, in out and in up to two inputs, that go `along` memory in steps and lie `across` from each other.

struct Steps {
  int64_t out, a, b;
};

template <class T>
struct Rows {
  T* out;
  const T* a;
  const T* b;
  Steps along, across;
  int64_t n;
  bool past = false;  // whether out, contiguous where a and b are, is written past the caches

  Rows from(int64_t row) const { return moved(across, row); }
  Rows at(int64_t element) const { return moved(along, element); }
  Rows moved(const Steps& step, int64_t by) const {
    return {out + by * step.out, a + by * step.a, b + by * step.b, along, across, n, past};
  }
  StridedOut<T> out_row() const { return {out, along.out}; }
  StridedRow<T> a_row() const { return {a, along.a}; }
  StridedRow<T> b_row() const { return {b, along.b}; }
};

// ---------------------------------------------------------------------------------------------------------------------
// The steps, for units begin ... end (for_units) of `cols` columns.

constexpr int64_t kMostColumns = 1024;    // that are computed at a time
constexpr int64_t kLevelBytes = 1 << 19;  // of a worker's stack, for the tree over blocks

template <class T>
int64_t units(int64_t n) {
  return divide_up(n, kRowBlock<T>) * kVirtualLanes<T>;
}

// As many as the tree has room for: whole pages of memory are read from end to end, which the processor foresees.
template <class T>
int64_t strip_width(int64_t n) {
  const int64_t levels = tree_levels(divide_up(n, kRowBlock<T>));
  const int64_t room = kLevelBytes / static_cast<int64_t>(sizeof(T)) / kVirtualLanes<T> / levels;
  return smaller(kMostColumns, room / kVirtualLanes<T> * kVirtualLanes<T>);
}

// The largest elements of a. Their order does not matter.
template <class T>
[[gnu::noinline]] void find_maxima(const Rows<T>& rows, int64_t cols, int64_t begin, int64_t end, T* m) {
  for (int64_t j = 0; j < cols; ++j) m[j] = Largest::kIdentity<T>;
  for (int64_t k = begin; k < end; k += 4) {
    add_group_of<Largest>(m, cols, PlainRows<T>{rows.at(k).a, rows.along.a}, smaller(4, end - k));
  }
}

// A row of sums for each unit.
template <class Function, class T>
[[gnu::noinline]] void sum_units(const Rows<T>& rows, int64_t cols, int64_t begin, int64_t end, const T* m, T* sums) {
  constexpr int64_t kWidth = kVirtualLanes<T>;
  alignas(64) T spare[Function::kCentred && !Function::kKeeps ? 4 * kWidth * kMostColumns : 1];
  for (int64_t j = 0; j < (end - begin) * cols; ++j) sums[j] = 0;
  for_groups<T>(rows.n, begin, end, [&](int64_t unit, int64_t units, int64_t row, int64_t count) {
    T* const e = Function::kKeeps ? rows.at(row).out : spare;
    const int64_t step = Function::kKeeps ? rows.along.out : cols;
    if constexpr (Function::kCentred) {
      for (int64_t k = 0; k < count; k += kWidth) {
        for (int64_t i = k; i < k + units && i < count; ++i) {
          Function::exp_columns(e + i * step, rows.at(row + i).a, m, cols);
        }
      }
    }
    T* out = sums + (unit - begin) * cols;
    for (int64_t i = 0; i < units && i < count; ++i, out += cols) {
      add_group_of<Sum>(out, cols, Function::summands(rows.at(row + i), e + i * step, step),
                        divide_up(count - i, kWidth));
    }
  });
}

// For units where summands are kept, and else for rows begin ... end.
template <class Function, class T>
[[gnu::noinline]] void write_results(const Rows<T>& rows, int64_t cols, int64_t begin, int64_t end, const T* m,
                                     const T* total) {
  const auto write = [&](int64_t row, int64_t count) {
    for (int64_t k = row; k < row + count; ++k) Function::result_columns(rows.at(k), cols, m, total);
  };
  if constexpr (Function::kKeeps) {
    for_runs<T>(rows.n, begin, end, write);
  } else {
    write(begin, end - begin);
  }
  if (rows.past) stream_end();
}

// The totals, from the sums of all units if these are there already.
template <class Function, class T>
[[gnu::noinline]] void make_totals(const Rows<T>& rows, int64_t cols, const T* m, const T* sums, T* total) {
  constexpr int64_t kWidth = kVirtualLanes<T>;
  alignas(64) T levels[kLevelBytes / sizeof(T)];
  combine_blocks(levels, kWidth * cols, divide_up(rows.n, kRowBlock<T>), combine_into<Sum, T>, [&](int64_t b, T* out) {
    if (sums != nullptr) return copy(out, sums + b * kWidth * cols, kWidth * cols);
    sum_units<Function>(rows, cols, b * kWidth, (b + 1) * kWidth, m, out);
  });
  fold_columns(levels, cols, combine_into<Sum, T>);
  copy(total, levels, cols);
  Function::finish_total(total, cols);
}

// These steps of a function, so that what takes them is compiled once for all.
template <class T>
struct ColumnSteps {
  bool centred, keeps;
  void (*sum)(const Rows<T>& rows, int64_t cols, int64_t begin, int64_t end, const T* m, T* sums);
  void (*total)(const Rows<T>& rows, int64_t cols, const T* m, const T* sums, T* total);
  void (*write)(const Rows<T>& rows, int64_t cols, int64_t begin, int64_t end, const T* m, const T* total);

  // How many parts write() has.
  int64_t parts(int64_t n) const { return keeps ? units<T>(n) : n; }
};

template <class Function, class T>
constexpr ColumnSteps<T> kColumnSteps = {Function::kCentred, Function::kKeeps, sum_units<Function, T>,
                                         make_totals<Function, T>, write_results<Function, T>};

// One thread.
template <class T>
[[gnu::noinline]] void run_columns(const ColumnSteps<T>& steps, const Rows<T>& all, int64_t count) {
  const int64_t width = strip_width<T>(all.n);
  alignas(64) T m[kMostColumns], total[kMostColumns];
  for (int64_t j = 0; j < count; j += width) {
    const Rows<T> rows = all.from(j);
    const int64_t cols = smaller(width, count - j);
    if (steps.centred) find_maxima(rows, cols, 0, rows.n, m);
    steps.total(rows, cols, m, nullptr, total);
    steps.write(rows, cols, 0, steps.parts(rows.n), m, total);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Several threads. Each has rows that lie together, but for the sums, which want units, a few rows of every sixteen;
// and what was kept there is found in the cache of the thread that made it.

// How many share the rows of a matrix of `cols` columns; 1 where they don't: matrices, and columns that lie a page of
// memory apart, go to different threads just as well.
template <class T>
int workers_on_rows(const Nest<3>& nest, int64_t n, double nanoseconds) {
  const int64_t cols = nest.shape[nest.rank - 1];
  const int workers = worker_count(units<T>(n), nanoseconds * static_cast<double>(cols * n / units<T>(n)));
  return nest.size / cols * divide_up(cols, kPageOfFloats) < 2 * workers ? workers : 1;
}

template <class T>
struct SharedColumns {
  const ColumnSteps<T>& steps;
  const Call& call;
  int workers;
  Rows<T> rows;
  int64_t cols;

  T* row(int64_t i) const { return reinterpret_cast<T*>(call.shared) + i * cols; }
  T* maxima() const { return row(units<T>(rows.n)); }
  T* totals() const { return row(units<T>(rows.n) + 1); }
  T* maxima_of(int worker) const { return reinterpret_cast<T*>(call.scratch(worker)); }

  // The sums of a strip, of which so many columns lie in front: a row for each unit.
  T* sums(int64_t before) const { return row(0) + units<T>(rows.n) * before; }

  // visit(strip, its columns, columns before it)
  template <class Visit>
  void for_strips(Visit&& visit) const {
    const int64_t width = strip_width<T>(rows.n);
    for (int64_t j = 0; j < cols; j += width) visit(rows.from(j), smaller(width, cols - j), j);
  }

  // The same for each worker, visit(strip, its columns, columns before it, begin, end, worker).
  template <class Visit>
  void share(int64_t parts, Visit&& visit) const {
    parallel_by(workers, parts, [&](int64_t begin, int64_t end, int worker) {
      for_strips([&](const Rows<T>& strip, int64_t n, int64_t j) { visit(strip, n, j, begin, end, worker); });
    });
  }

  [[gnu::noinline]] void run() const {
    using Strip = const Rows<T>&;
    if (steps.centred) find_all_maxima();
    share(units<T>(rows.n), [&](Strip strip, int64_t n, int64_t j, int64_t begin, int64_t end, int) {
      steps.sum(strip, n, begin, end, maxima() + j, sums(j) + begin * n);
    });
    for_strips([&](Strip strip, int64_t n, int64_t j) { steps.total(strip, n, nullptr, sums(j), totals() + j); });
    share(steps.parts(rows.n), [&](Strip strip, int64_t n, int64_t j, int64_t begin, int64_t end, int) {
      steps.write(strip, n, begin, end, maxima() + j, totals() + j);
    });
  }

  void find_all_maxima() const {
    share(rows.n, [&](const Rows<T>& strip, int64_t n, int64_t j, int64_t begin, int64_t end, int worker) {
      find_maxima(strip, n, begin, end, maxima_of(worker) + j);
    });
    copy(maxima(), maxima_of(0), cols);
    for (int i = 1; i < workers; ++i) combine_into<Largest>(maxima(), maxima_of(i), cols);
  }
};

}  // namespace
}  // namespace minigrad::MINIGRAD_ISA
