// cummax and cummin: values and places, the last of equal elements, and the last NaN so far.
#include <cstring>

#include "core/plans.hpp"
#include "kernels/order_keys.hpp"
#include "kernels/order_lines.hpp"

namespace minigrad {
namespace {

constexpr double kCumulateNanoseconds = 1;

void plan_cumulate(Plan& plan) {
  const View& x = plan.in[0];
  normalise_dim(plan, x, plan.attributes[0].integer());
  copy_shape(x, x.dtype, plan.out[0]);
  copy_shape(x, DType::int64, plan.out[1]);
  plan.nanoseconds = kCumulateNanoseconds * static_cast<double>(x.size());
}

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
    {"cummax", every_dtype<CumMax>()},
    {"cummin", every_dtype<CumMin>()},
};

constexpr Kernel cumulated(const char* name) {
  return {.name = name,
          .inputs = {"x"},
          .types = "T",
          .outputs = {"values", "indices"},
          .attributes = {{"dim", AttributeKind::integer}},
          .plan = plan_cumulate};
}

constexpr Kernel kRows[] = {
    cumulated("cummax"),
    cumulated("cummin"),
};

}  // namespace

extern const Kernels running_extrema_kernels;
const Kernels running_extrema_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

extern const Runs running_extrema_runs;
const Runs running_extrema_runs = {kRuns, sizeof(kRuns) / sizeof(Run)};

}  // namespace minigrad
