// Elements chosen by their order along a dimension: sort, topk, kthvalue, median, mode, cummax, cummin.
//
// Each gives values and the places where they stood. NaN is the largest element; of equal elements the first comes
// first. No arithmetic on the elements, so the runs are compiled once.
#include "reference/order.hpp"
#include "core/plans.hpp"
#include "kernels/moves.hpp"
#include "kernels/order_keys.hpp"

namespace minigrad {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// Plans.

int64_t entry_bytes(DType dtype) { return item_size(dtype) == 8 ? sizeof(WideEntry) : sizeof(uint64_t); }

// Plans `count` values along dim and their places; `buffers` lines of entries are needed as scratch.
void plan_chosen(Plan& plan, int64_t dim, int64_t count, int buffers, double nanoseconds) {
  const View& x = plan.in[0];
  const int axis = normalise_dim(plan, x, dim);
  const int64_t length = x.rank > 0 ? x.shape[axis] : 1;
  if (count > length) {
    fail(
        plan, ErrorKind::runtime,
        std::to_string(count) + " elements asked for along dim " + std::to_string(axis) + " of shape " + shape_text(x));
  }
  if (buffers > 0 && item_size(x.dtype) < 8 && length > int64_t{UINT32_MAX}) {
    fail(plan, ErrorKind::runtime, "takes at most 2^32 - 1 elements along a dim, got shape " + shape_text(x));
  }
  copy_shape(x, x.dtype, plan.out[0]);
  if (x.rank > 0) plan.out[0].shape[axis] = count < 0 ? length : count;
  copy_shape(plan.out[0], DType::int64, plan.out[1]);
  plan.scratch_per_worker = static_cast<size_t>(buffers * length * entry_bytes(x.dtype));
  plan.nanoseconds = nanoseconds * static_cast<double>(x.size());
}

constexpr double kSortNanoseconds = 12, kSelectNanoseconds = 6, kCumulateNanoseconds = 1;
constexpr int64_t kWholeLine = -1;

void plan_sort(Plan& plan) { plan_chosen(plan, plan.attributes[0].integer(), kWholeLine, 2, kSortNanoseconds); }

void plan_topk(Plan& plan) {
  const int64_t k = plan.attributes[0].integer();
  if (k < 0) fail(plan, ErrorKind::runtime, "k must not be negative, got " + std::to_string(k));
  plan_chosen(plan, plan.attributes[1].integer(), k, 1, kSelectNanoseconds);
}

void plan_kthvalue(Plan& plan) {
  const int64_t k = plan.attributes[0].integer();
  if (k < 1) fail(plan, ErrorKind::runtime, "k must be at least 1, got " + std::to_string(k));
  plan_chosen(plan, plan.attributes[1].integer(), 1, 1, kSelectNanoseconds);
  const int axis = normalise_dim(plan, plan.in[0], plan.attributes[1].integer());
  if (k > (plan.in[0].rank > 0 ? plan.in[0].shape[axis] : 1)) {
    fail(plan, ErrorKind::runtime,
         "k = " + std::to_string(k) + " is out of range along dim " + std::to_string(axis) + " of shape " +
             shape_text(plan.in[0]));
  }
}

// One of each line, which must not be empty.
void plan_one(Plan& plan, int buffers, double nanoseconds) {
  const int64_t dim = plan.attributes[0].integer();
  const View& x = plan.in[0];
  if (x.rank > 0 && x.shape[normalise_dim(plan, x, dim)] == 0) {
    fail(plan, ErrorKind::index, "no elements along dim " + std::to_string(dim) + " of shape " + shape_text(x));
  }
  plan_chosen(plan, dim, 1, buffers, nanoseconds);
}

void plan_median(Plan& plan) { plan_one(plan, 1, kSelectNanoseconds); }
void plan_mode(Plan& plan) { plan_one(plan, 2, kSortNanoseconds); }
void plan_cumulate(Plan& plan) { plan_chosen(plan, plan.attributes[0].integer(), kWholeLine, 0, kCumulateNanoseconds); }

// ---------------------------------------------------------------------------------------------------------------------
// Lines: one choice of the dimensions besides dim.

struct Lines {
  Nest<3> nest;           // over the lines: values, places, x
  int64_t length, count;  // elements and results of a line
  int64_t value_step, place_step, x_step;

  int64_t lane_step(int operand) const { return nest.stride[operand][nest.rank - 1]; }
};

Lines make_lines(const Call& call, int64_t dim) {
  const View x = at_least_1d(call.in[0]), values = at_least_1d(call.out[0]), places = at_least_1d(call.out[1]);
  const int axis = static_cast<int>(dim < 0 ? dim + x.rank : dim);
  View lanes[3] = {values, places, x};
  for (View& lane : lanes) {
    for (int d = axis; d + 1 < lane.rank; ++d) {
      lane.shape[d] = lane.shape[d + 1];
      lane.stride[d] = lane.stride[d + 1];
    }
    --lane.rank;
  }
  const View* const operands[] = {&lanes[0], &lanes[1], &lanes[2]};
  return {make_nest(operands), x.shape[axis],       values.shape[axis],
          values.stride[axis], places.stride[axis], x.stride[axis]};
}

// Calls choose(x, worker, take) for each line; take(i, place) makes the element at `place` the i-th result.
template <class T, class Choose>
Status choose_from_lines(const Call& call, int64_t dim, double nanoseconds, Choose&& choose) {
  const Lines lines = make_lines(call, dim);
  if (lines.count == 0) return Status::ok;
  const double cost = nanoseconds * static_cast<double>(lines.length);
  parallel_for(lines.nest.size, cost, [&](int64_t begin, int64_t end, int worker) {
    for_rows(lines.nest, begin, end, [&](const int64_t* offset, int64_t count) {
      for (int64_t lane = 0; lane < count; ++lane) {
        T* const values = call.out[0].as<T>() + offset[0] + lane * lines.lane_step(0);
        int64_t* const places = call.out[1].as<int64_t>() + offset[1] + lane * lines.lane_step(1);
        const T* const x = call.in[0].as<T>() + offset[2] + lane * lines.lane_step(2);
        choose(lines, x, worker, [&](int64_t i, int64_t place) {
          values[i * lines.value_step] = x[place * lines.x_step];
          places[i * lines.place_step] = place;
        });
      }
    });
  });
  return Status::ok;
}

// ---------------------------------------------------------------------------------------------------------------------
// Runs.

template <class T>
void load_line(void* entries, const void* x, int64_t step, int64_t n, bool descending) {
  load_entries<T>(static_cast<Entry<T>*>(entries), static_cast<const T*>(x), step, n, descending);
}

using Load = void (*)(void* entries, const void* x, int64_t step, int64_t n, bool descending);
constexpr Load kLoads[kDTypeCount] = {load_line<bool>,    load_line<uint8_t>, load_line<int8_t>,
                                      load_line<int16_t>, load_line<int32_t>, load_line<int64_t>,
                                      load_line<float>,   load_line<double>,  load_line<Half>};

// The run of an operation for elements of the size of B: once the entries are made, their dtype does not matter.
template <class Op>
struct Chosen {
  template <class B>
  struct Of {
    static Status run(const Call& call) {
      const DType dtype = call.in[0].dtype;
      const bool descending = Op::descending(call);
      return choose_from_lines<B>(
          call, Op::dim(call), Op::nanoseconds, [&](const Lines& lines, const B* x, int worker, auto&& take) {
            char* const scratch = call.scratch(worker);
            if constexpr (sizeof(B) == 8 && Op::nanoseconds == kSortNanoseconds) {  // others go through them once
              auto* const near = reinterpret_cast<uint64_t*>(scratch);
              const auto* const integers = reinterpret_cast<const int64_t*>(x);
              if (dtype == DType::int64 && load_near(near, integers, lines.x_step, lines.length, descending)) {
                return Op::choose(call, lines, near, 4, take);
              }
            }
            kLoads[static_cast<int>(dtype)](scratch, x, lines.x_step, lines.length, descending);
            Op::choose(call, lines, reinterpret_cast<Entry<B>*>(scratch), sizeof(B), take);
          });
    }
  };
};

struct Sort {
  static constexpr double nanoseconds = kSortNanoseconds;
  static int64_t dim(const Call& call) { return call.attributes[0].integer(); }
  static bool descending(const Call& call) { return call.attributes[1].flag(); }

  template <class E, class Take>
  static void choose(const Call&, const Lines& lines, E* entries, int bytes, Take&& take) {
    const E* const sorted = sort_entries(entries, entries + lines.length, lines.length, bytes);
    for (int64_t i = 0; i < lines.length; ++i) take(i, place_of(sorted[i]));
  }
};

// The first k entries in order, by inserting them. Of equal keys those that come later stay out.
template <class E>
void select_few(E* entries, int64_t n, int64_t k) {
  std::sort(entries, entries + k);
  E last = entries[k - 1];
  for (int64_t i = k; i < n; ++i) {
    if (!comes_before(entries[i], last)) continue;
    const E entry = entries[i];
    int64_t at = k - 1;
    for (; at > 0 && comes_before(entry, entries[at - 1]); --at) entries[at] = entries[at - 1];
    entries[at] = entry;
    last = entries[k - 1];
  }
}

// The first k entries in order: by a heap of k where they are few, else by partition.
template <class E>
void select_first(E* entries, int64_t n, int64_t k, bool sorted) {
  constexpr int64_t kFew = 64, kInserted = 12;
  if (0 < k && k <= kInserted && k * kFew <= n) return select_few(entries, n, k);
  if (k * kFew <= n) return std::partial_sort(entries, entries + k, entries + n);
  if (k < n) std::nth_element(entries, entries + k - 1, entries + n);
  if (sorted) std::sort(entries, entries + k);
}

struct TopK {
  static constexpr double nanoseconds = kSelectNanoseconds;
  static int64_t dim(const Call& call) { return call.attributes[1].integer(); }
  static bool descending(const Call& call) { return call.attributes[2].flag(); }

  template <class E, class Take>
  static void choose(const Call& call, const Lines& lines, E* entries, int, Take&& take) {
    select_first(entries, lines.length, lines.count, call.attributes[3].flag());
    for (int64_t i = 0; i < lines.count; ++i) take(i, place_of(entries[i]));
  }
};

template <class E>
int64_t place_of_rank(E* entries, int64_t n, int64_t rank) {
  std::nth_element(entries, entries + rank, entries + n);
  return place_of(entries[rank]);
}

struct KthValue {
  static constexpr double nanoseconds = kSelectNanoseconds;
  static int64_t dim(const Call& call) { return call.attributes[1].integer(); }
  static bool descending(const Call&) { return false; }

  template <class E, class Take>
  static void choose(const Call& call, const Lines& lines, E* entries, int, Take&& take) {
    take(0, place_of_rank(entries, lines.length, call.attributes[0].integer() - 1));
  }
};

// The lower of the two middle elements. Among NaN it is the first NaN, unless they are skipped.
struct Median {
  static constexpr double nanoseconds = kSelectNanoseconds;
  static int64_t dim(const Call& call) { return call.attributes[0].integer(); }
  static bool descending(const Call&) { return false; }

  template <class E, class Take>
  static void choose(const Call& call, const Lines& lines, E* entries, int bytes, Take&& take) {
    const int64_t n = lines.length;
    int64_t numbers = n, first_nan = n;
    if (is_floating(call.in[0].dtype)) {
      const uint64_t nan_key = ~uint64_t{0} >> (64 - 8 * bytes);
      for (int64_t i = n - 1; i >= 0; --i) {
        const bool nan = entry_key(entries[i]) == nan_key;
        numbers -= nan;
        first_nan = nan ? i : first_nan;
      }
    }
    const bool is_nan = first_nan < n && (numbers == 0 || !call.attributes[1].flag());
    take(0, is_nan ? first_nan : place_of_rank(entries, n, (numbers - 1) / 2));
  }
};

// The last place of the longest run of equal keys; the smallest key's where several are as long.
template <class E>
int64_t mode_place(const E* entries, int64_t n) {
  int64_t longest = 0, last = 0;
  for (int64_t begin = 0, end = 0; begin < n; begin = end) {
    while (end < n && entry_key(entries[end]) == entry_key(entries[begin])) ++end;
    if (end - begin > longest) {
      longest = end - begin;
      last = end - 1;
    }
  }
  return place_of(entries[last]);
}

struct Mode {
  static constexpr double nanoseconds = kSortNanoseconds;
  static int64_t dim(const Call& call) { return call.attributes[0].integer(); }
  static bool descending(const Call&) { return false; }

  template <class E, class Take>
  static void choose(const Call&, const Lines& lines, E* entries, int bytes, Take&& take) {
    const E* const sorted = sort_entries(entries, entries + lines.length, lines.length, bytes);
    take(0, mode_place(sorted, lines.length));
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// cummax and cummin: the last of equal elements, and the last NaN so far.

struct NotLess {
  template <class T>
  static bool replaces(T x, T best) {
    return (x != x) | (x >= best);
  }
};

struct NotGreater {
  template <class T>
  static bool replaces(T x, T best) {
    return (x != x) | (x <= best);
  }
};

template <class T>
struct Cumulated {
  T* values;
  int64_t* places;
  const T* x;
};

// Mostly nothing is replaced: so many elements are then had by copying.
constexpr int kTogether = 16;

template <class Order, class T>
bool any_replaces(const T* x, const T* best, int64_t best_step) {
  int found = 0;
  if (best_step == 0) {
    const T only = *best;
    for (int i = 0; i < kTogether; ++i) found |= Order::replaces(x[i], only) ? 1 : 0;
  } else {
    for (int i = 0; i < kTogether; ++i) found |= Order::replaces(x[i], best[i]) ? 1 : 0;
  }
  return found != 0;
}

template <class Order, class T>
void cumulate_line(const Lines& lines, const Cumulated<T>& at) {
  T best = at.x[0];
  int64_t place = 0;
  const bool contiguous = lines.x_step == 1 && lines.value_step == 1 && lines.place_step == 1;
  for (int64_t k = 0; k < lines.length;) {
    if (contiguous && k + kTogether <= lines.length && !any_replaces<Order>(at.x + k, &best, 0)) {
      for (const int64_t end = k + kTogether; k < end; ++k) {
        at.values[k] = best;
        at.places[k] = place;
      }
      continue;
    }
    const int64_t end = k + kTogether < lines.length ? k + kTogether : lines.length;
    for (; k < end; ++k) {
      const T x = at.x[k * lines.x_step];
      const bool better = Order::replaces(x, best);
      best = better ? x : best;
      place = better ? k : place;
      at.values[k * lines.value_step] = best;
      at.places[k * lines.place_step] = place;
    }
  }
}

// Row k > 0 of `count` lines side by side; `at` is where it stands, the row before it is there already.
template <class Order, class T>
void cumulate_row(const Lines& lines, const Cumulated<T>& at, int64_t k, int64_t count) {
  const int64_t value_lane = lines.lane_step(0), place_lane = lines.lane_step(1), x_lane = lines.lane_step(2);
  const bool contiguous = value_lane == 1 && place_lane == 1 && x_lane == 1;
  const T* const best = at.values - lines.value_step;
  const int64_t* const before = at.places - lines.place_step;
  for (int64_t i = 0; i < count;) {
    if (contiguous && i + kTogether <= count && !any_replaces<Order>(at.x + i, best + i, 1)) {
      std::memcpy(at.values + i, best + i, kTogether * sizeof(T));
      std::memcpy(at.places + i, before + i, kTogether * sizeof(int64_t));
      i += kTogether;
      continue;
    }
    for (const int64_t end = i + kTogether < count ? i + kTogether : count; i < end; ++i) {
      const T x = at.x[i * x_lane];
      const bool better = Order::replaces(x, best[i * value_lane]);
      at.values[i * value_lane] = better ? x : best[i * value_lane];
      at.places[i * place_lane] = better ? k : before[i * place_lane];
    }
  }
}

// All lines side by side: good where they lie next to each other.
template <class Order, class T>
void cumulate_abreast(const Lines& lines, Cumulated<T> at, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    at.values[i * lines.lane_step(0)] = at.x[i * lines.lane_step(2)];
    at.places[i * lines.lane_step(1)] = 0;
  }
  for (int64_t k = 1; k < lines.length; ++k) {
    at = {at.values + lines.value_step, at.places + lines.place_step, at.x + lines.x_step};
    cumulate_row<Order>(lines, at, k, count);
  }
}

template <class Order, class T>
Status run_cumulate(const Call& call) {
  const Lines lines = make_lines(call, call.attributes[0].integer());
  if (lines.length == 0) return Status::ok;
  const bool abreast = lines.lane_step(0) < lines.value_step;
  const double cost = kCumulateNanoseconds * static_cast<double>(lines.length);
  parallel_rows(lines.nest, abreast ? kPageOfFloats : 1, cost, [&](const int64_t* offset, int64_t count) {
    Cumulated<T> at = {call.out[0].as<T>() + offset[0], call.out[1].as<int64_t>() + offset[1],
                       call.in[0].as<T>() + offset[2]};
    if (abreast) return cumulate_abreast<Order>(lines, at, count);
    for (int64_t i = 0; i < count; ++i) {
      cumulate_line<Order>(lines, at);
      at = {at.values + lines.lane_step(0), at.places + lines.lane_step(1), at.x + lines.lane_step(2)};
    }
  });
  return Status::ok;
}

template <class T>
struct CumMax {
  static Status run(const Call& call) { return run_cumulate<NotLess, T>(call); }
};

template <class T>
struct CumMin {
  static Status run(const Call& call) { return run_cumulate<NotGreater, T>(call); }
};

constexpr Run kRuns[] = {
    {"sort", moves<Chosen<Sort>::Of>()},         {"topk", moves<Chosen<TopK>::Of>()},
    {"kthvalue", moves<Chosen<KthValue>::Of>()}, {"median", moves<Chosen<Median>::Of>()},
    {"mode", moves<Chosen<Mode>::Of>()},         {"cummax", every_dtype<CumMax>()},
    {"cummin", every_dtype<CumMin>()},
};

// ---------------------------------------------------------------------------------------------------------------------
// Rows.

constexpr Kernel chosen(const char* name, PlanFunction plan, const RunsByDType* reference, AttributeSpec a,
                        AttributeSpec b = {}, AttributeSpec c = {}, AttributeSpec d = {}) {
  return {.name = name,
          .inputs = {"x"},
          .types = "T",
          .outputs = {"values", "indices"},
          .attributes = {a, b, c, d},
          .plan = plan,
          .reference = reference};
}

constexpr AttributeSpec kDim = {"dim", AttributeKind::integer}, kK = {"k", AttributeKind::integer};

constexpr Kernel kRows[] = {
    chosen("sort", plan_sort, &reference::sort, kDim, {"descending", AttributeKind::flag}),
    chosen("topk", plan_topk, &reference::topk, kK, kDim, {"largest", AttributeKind::flag},
           {"sorted", AttributeKind::flag}),
    chosen("kthvalue", plan_kthvalue, &reference::kthvalue, kK, kDim),
    chosen("median", plan_median, &reference::median, kDim, {"skip_nan", AttributeKind::flag}),
    chosen("mode", plan_mode, &reference::mode, kDim),
    chosen("cummax", plan_cumulate, &reference::cummax, kDim),
    chosen("cummin", plan_cumulate, &reference::cummin, kDim),
};

}  // namespace

extern const Kernels order_kernels;
const Kernels order_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

extern const Runs order_runs;
const Runs order_runs = {kRuns, sizeof(kRuns) / sizeof(Run)};

}  // namespace minigrad
