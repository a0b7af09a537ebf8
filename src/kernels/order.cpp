// Elements chosen by their order along a dimension: sort, topk, kthvalue, median, mode.
//
// Each gives values and the places where they stood. NaN is the largest element; of equal elements the first comes
// first. No arithmetic on the elements, so the runs are compiled once.
#include "core/plans.hpp"
#include "kernels/order_keys.hpp"
#include "kernels/order_lines.hpp"

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

constexpr double kSortNanoseconds = 12, kSelectNanoseconds = 6;
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

constexpr Run kRuns[] = {
    {"sort", moves<Chosen<Sort>::Of>()},         {"topk", moves<Chosen<TopK>::Of>()},
    {"kthvalue", moves<Chosen<KthValue>::Of>()}, {"median", moves<Chosen<Median>::Of>()},
    {"mode", moves<Chosen<Mode>::Of>()},
};

// ---------------------------------------------------------------------------------------------------------------------
// Rows.

constexpr Kernel chosen(const char* name, PlanFunction plan, AttributeSpec a, AttributeSpec b = {},
                        AttributeSpec c = {}, AttributeSpec d = {}) {
  return {.name = name,
          .inputs = {"x"},
          .types = "T",
          .outputs = {"values", "indices"},
          .attributes = {a, b, c, d},
          .plan = plan};
}

constexpr AttributeSpec kDim = {"dim", AttributeKind::integer}, kK = {"k", AttributeKind::integer};

constexpr Kernel kRows[] = {
    chosen("sort", plan_sort, kDim, {"descending", AttributeKind::flag}),
    chosen("topk", plan_topk, kK, kDim, {"largest", AttributeKind::flag}, {"sorted", AttributeKind::flag}),
    chosen("kthvalue", plan_kthvalue, kK, kDim),
    chosen("median", plan_median, kDim, {"skip_nan", AttributeKind::flag}),
    chosen("mode", plan_mode, kDim),
};

}  // namespace

extern const Kernels order_kernels;
const Kernels order_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

extern const Runs order_runs;
const Runs order_runs = {kRuns, sizeof(kRuns) / sizeof(Run)};

}  // namespace minigrad
