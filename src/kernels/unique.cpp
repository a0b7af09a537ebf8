// Distinct rows, as runs of equal ones: rows in their order, the numbers of runs, where they start. And bincount.
#include <algorithm>

#include "kernels/order_keys.hpp"
#include "kernels/places.hpp"

namespace minigrad {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// Plans.

void expect_matrix(const Plan& plan) {
  if (plan.in[0].rank != 2) fail(plan, ErrorKind::runtime, "x must be a matrix, got shape " + shape_text(plan.in[0]));
}

void plan_sort_rows(Plan& plan) {
  expect_matrix(plan);
  plan_line(plan.out[0], plan.in[0].shape[0]);
  plan.nanoseconds = 100.0 * static_cast<double>(plan.in[0].shape[0]);
}

void plan_run_count(Plan& plan) {
  expect_matrix(plan);
  plan_number(plan.out[0]);
  plan.nanoseconds = 0.2 * static_cast<double>(plan.in[0].size());
}

void plan_run_numbers(Plan& plan) {
  expect_matrix(plan);
  plan_line(plan.out[0], plan.in[0].shape[0]);
  plan.nanoseconds = static_cast<double>(plan.in[0].size());
}

// What is not asked for has no elements.
void plan_runs(Plan& plan) {
  expect_matrix(plan);
  const View& x = plan.in[0];
  const int64_t count = plan.attributes[0].integer();
  const bool first = plan.attributes[1].flag();
  if (count < 0 || count > x.shape[0] || (first && x.shape[1] != 1)) {
    fail(plan, ErrorKind::runtime,
         "x " + shape_text(x) + " has no " + std::to_string(count) + " runs" + (first ? " of elements" : ""));
  }
  plan_line(plan.out[0], first ? count : 0);
  plan.out[0].dtype = x.dtype;
  plan_line(plan.out[1], first && !plan.attributes[2].flag() ? 0 : count);
  plan_line(plan.out[2], plan.attributes[2].flag() ? count : 0);
  plan.nanoseconds = static_cast<double>(x.size());
}

void plan_bincount(Plan& plan) {
  const View& x = plan.in[0];
  const int64_t count = plan.attributes[0].integer();
  if (x.rank != 1 || count < 0) {
    fail(plan, ErrorKind::runtime,
         "needs one line of integers and a count, got shape " + shape_text(x) + " and " + std::to_string(count));
  }
  plan_line(plan.out[0], count);
  plan.nanoseconds = static_cast<double>(x.shape[0] + count);
}

// ---------------------------------------------------------------------------------------------------------------------
// Rows in their order.

// Which of two rows comes first: below 0 the one at a. Compiled for each dtype; sorting is compiled once.
using Compare = int (*)(const void* a, const void* b, int64_t columns, int64_t step);

template <class T>
int compare_rows(const void* a, const void* b, int64_t columns, int64_t step) {
  const T *const x = static_cast<const T*>(a), *const y = static_cast<const T*>(b);
  for (int64_t k = 0; k < columns; ++k) {
    const Bits<T> p = key_of(x[k * step]), q = key_of(y[k * step]);
    if (p != q) return p < q ? -1 : 1;
  }
  return 0;
}

Status sort_rows(const Call& call, Compare compare) {
  const View& x = call.in[0];
  int64_t* const places = call.out[0].as<int64_t>();
  const int64_t row = x.stride[0] * item_size(x.dtype);
  for (int64_t i = 0; i < x.shape[0]; ++i) places[i] = i;
  std::sort(places, places + x.shape[0], [&](int64_t i, int64_t j) {
    const int order = compare(x.as<char>() + i * row, x.as<char>() + j * row, x.shape[1], x.stride[1]);
    return order < 0 || (order == 0 && i < j);
  });
  return Status::ok;
}

template <class T>
struct SortRows {
  static Status run(const Call& call) { return sort_rows(call, compare_rows<T>); }
};

// Whether row i > 0 differs from the one before it.
template <class T>
bool begins_run(const View& x, int64_t i) {
  const T *const row = x.as<T>() + i * x.stride[0], *const before = row - x.stride[0];
  bool same = true;
  for (int64_t k = 0; same && k < x.shape[1]; ++k) same = row[k * x.stride[1]] == before[k * x.stride[1]];
  return !same;
}

// Elements of a line that are looked at together: mostly all of them begin runs, or none does.
constexpr int64_t kPiece = 16;

// How many of the elements begin + 1 ... begin + kPiece of a line differ from the one before.
template <class T>
int count_changes(const T* x) {
  int changes = 0;
  for (int64_t i = 1; i <= kPiece; ++i) changes += x[i] == x[i - 1] ? 0 : 1;
  return changes;
}

bool is_line(const View& x) { return x.shape[1] == 1 && x.stride[0] == 1; }

template <class T>
struct RunCount {
  static Status run(const Call& call) {
    const View& x = call.in[0];
    int64_t runs = x.shape[0] > 0 ? 1 : 0, i = 1;
    if (is_line(x)) {
      for (; i + kPiece <= x.shape[0]; i += kPiece) runs += count_changes(x.as<T>() + i - 1);
    }
    for (; i < x.shape[0]; ++i) runs += begins_run<T>(x, i);
    *call.out[0].as<int64_t>() = runs;
    return Status::ok;
  }
};

template <class T>
struct RunNumbers {
  static Status run(const Call& call) {
    const View& x = call.in[0];
    int64_t* const numbers = call.out[0].as<int64_t>();
    int64_t number = 0, i = 1;
    if (x.shape[0] > 0) numbers[0] = 0;
    for (; is_line(x) && i + kPiece <= x.shape[0]; i += kPiece) {
      const T* const at = x.as<T>() + i;
      const int changes = count_changes(at - 1), each = changes == kPiece ? 1 : 0;
      for (int64_t k = 0; k < kPiece; ++k) numbers[i + k] = number + each * (k + 1);
      int64_t here = number;  // where some of them differ, no branch depends on which
      for (int64_t k = 0; changes % kPiece != 0 && k < kPiece; ++k) {
        here += at[k] == at[k - 1] ? 0 : 1;
        numbers[i + k] = here;
      }
      number += changes;
    }
    for (; i < x.shape[0]; ++i) {
      number += begins_run<T>(x, i);
      numbers[i] = number;
    }
    return Status::ok;
  }
};

// The first elements of runs and where they stand, as far as there is room.
template <class T>
class RunWriter {
 public:
  RunWriter(T* values, int64_t* starts, int64_t room) : values(values), starts(starts), room(room) {}

  T* const values;
  int64_t* const starts;
  const int64_t room;
  int64_t done = 0;

  // Element i of x; it stays if it begins a run.
  void put(T x, int64_t i, bool begins) {
    if (done == room) return;
    if (values != nullptr) values[done] = x;
    if (starts != nullptr) starts[done] = i;
    done += begins ? 1 : 0;
  }

  // Elements i ... i + kPiece - 1 of x, of which so many begin runs.
  void put_piece(const T* x, int64_t i, int changes) {
    if (changes == 0) return;
    if (done + kPiece > room) {
      for (int64_t k = i; k < i + kPiece; ++k) put(x[k], k, !(x[k] == x[k - 1]));
      return;
    }
    const bool all = changes == kPiece;
    if (values != nullptr) keep(x + i, all, values + done, [&](int64_t k) { return x[i + k]; });
    if (starts != nullptr) keep(x + i, all, starts + done, [&](int64_t k) { return i + k; });
    done += changes;
  }

 private:
  // Writes value(k) for those of the piece's elements k that begin runs.
  template <class Out, class Value>
  static void keep(const T* piece, bool all, Out* out, Value&& value) {
    if (all) {
      for (int64_t k = 0; k < kPiece; ++k) out[k] = value(k);
      return;
    }
    for (int64_t k = 0; k < kPiece; ++k) {
      *out = value(k);
      out += piece[k] == piece[k - 1] ? 0 : 1;
    }
  }
};

template <class T>
struct RunStarts {
  static Status run(const Call& call) {
    const View& x = call.in[0];
    const int64_t n = x.shape[0], count = call.attributes[0].integer();
    RunWriter<T> writer(call.out[0].shape[0] > 0 ? call.out[0].as<T>() : nullptr,
                        call.out[1].shape[0] > 0 ? call.out[1].as<int64_t>() : nullptr, count);
    int64_t i = 1;
    if (n > 0) writer.put(*x.as<T>(), 0, true);
    if (is_line(x)) {
      for (; i + kPiece <= n; i += kPiece) writer.put_piece(x.as<T>(), i, count_changes(x.as<T>() + i - 1));
    }
    for (; i < n; ++i) writer.put(x.as<T>()[i * x.stride[0]], i, begins_run<T>(x, i));
    return finish(call, n, writer.done);
  }

 private:
  static Status finish(const Call& call, int64_t n, int64_t done) {
    const int64_t count = call.attributes[0].integer();
    if (done != count) return Status::index_out_of_range;
    const int64_t* const starts = call.out[1].as<int64_t>();
    int64_t* const lengths = call.out[2].as<int64_t>();
    for (int64_t run = 0; run < call.out[2].shape[0]; ++run) {
      lengths[run] = (run + 1 < count ? starts[run + 1] : n) - starts[run];
    }
    return Status::ok;
  }
};

inline bool count_value(int64_t* counts, int64_t size, int64_t value) {
  if (static_cast<uint64_t>(value) >= static_cast<uint64_t>(size)) return false;
  ++counts[value];
  return true;
}

// How often each of 0, 1, ... occurs in a line that has no others.
Status run_bincount(const Call& call) {
  const View& x = call.in[0];
  int64_t* const counts = call.out[0].as<int64_t>();
  constexpr int64_t kNear = 4096, kAhead = 16;  // counts that stay in a cache; how early others are fetched
  const int64_t size = call.out[0].shape[0];
  for (int64_t i = 0; i < size; ++i) counts[i] = 0;
  const int64_t* const values = x.as<int64_t>();
  const int64_t step = x.stride[0], n = x.shape[0], far = size > kNear ? std::max<int64_t>(n - kAhead, 0) : 0;
  int64_t i = 0;
  for (; i < far; ++i) {
    if (!count_value(counts, size, values[i * step])) return Status::index_out_of_range;
    __builtin_prefetch(counts + values[(i + kAhead) * step], 1);
  }
  for (; i < n; ++i) {
    if (!count_value(counts, size, values[i * step])) return Status::index_out_of_range;
  }
  return Status::ok;
}

constexpr Run kRuns[] = {
    {"sort_rows", every_dtype<SortRows>()},
    {"run_count", by_bits<RunCount>()},
    {"run_numbers", by_bits<RunNumbers>()},
    {"runs", by_bits<RunStarts>()},
    {"bincount", {{nullptr, nullptr, nullptr, nullptr, nullptr, run_bincount}}},
};

// ---------------------------------------------------------------------------------------------------------------------
// Rows.

constexpr Kernel kRows[] = {
    {.name = "sort_rows", .inputs = {"x"}, .types = "T", .outputs = {"out"}, .plan = plan_sort_rows},
    {.name = "run_count", .inputs = {"x"}, .types = "T", .outputs = {"count"}, .plan = plan_run_count},
    {.name = "run_numbers", .inputs = {"x"}, .types = "T", .outputs = {"numbers"}, .plan = plan_run_numbers},
    {.name = "runs",
     .inputs = {"x"},
     .types = "T",
     .outputs = {"values", "starts", "lengths"},
     .attributes = {kCount, {"first", AttributeKind::flag}, {"counted", AttributeKind::flag}},
     .plan = plan_runs},
    {.name = "bincount",
     .inputs = {"x"},
     .types = "i",
     .outputs = {"counts"},
     .attributes = {kCount},
     .plan = plan_bincount},
};

}  // namespace

extern const Kernels unique_kernels;
const Kernels unique_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

extern const Runs unique_runs;
const Runs unique_runs = {kRuns, sizeof(kRuns) / sizeof(Run)};

}  // namespace minigrad
