// Scans along a dimension: plans and rows; and shift, which only moves elements.
#include "core/plans.hpp"
#include "kernels/moves.hpp"

namespace minigrad {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// Plans.

void plan_scan(Plan& plan, double nanoseconds) {
  normalise_dim(plan, plan.in[0], plan.attributes[0].integer());
  copy_shape(plan.in[0], plan.in[0].dtype, plan.out[0]);
  plan.nanoseconds = nanoseconds * static_cast<double>(plan.out[0].size());
}

void plan_cumulate(Plan& plan) { plan_scan(plan, 0.5); }
void plan_log_cumulate(Plan& plan) { plan_scan(plan, 8); }
void plan_shift(Plan& plan) { plan_scan(plan, 0.2); }

void plan_recurrence(Plan& plan) {
  const View* const inputs[] = {&plan.in[0], &plan.in[1]};
  broadcast_shape(plan, inputs, 2, plan.out[0]);
  plan.out[0].dtype = plan.in[0].dtype;
  normalise_dim(plan, plan.out[0], plan.attributes[0].integer());
  plan.nanoseconds = 0.6 * static_cast<double>(plan.out[0].size());
}

// ---------------------------------------------------------------------------------------------------------------------
// shift: out[i] = x[i - by] along dim, 0 where i - by lies outside.

// x from `start` on, `count` elements along dim.
View part(const View& x, int dim, int64_t start, int64_t count) {
  View out = x;
  out.data = x.as<char>() + start * x.stride[dim] * item_size(x.dtype);
  out.shape[dim] = count;
  return out;
}

template <class T>
struct Shift {
  static Status run(const Call& call) {
    const View x = at_least_1d(call.in[0]), out = at_least_1d(call.out[0]);
    const int64_t dim = call.attributes[0].integer(), by = call.attributes[1].integer();
    const int axis = static_cast<int>(dim < 0 ? dim + x.rank : dim);
    const int64_t extent = x.shape[axis];
    if (by >= extent || by <= -extent) {
      zero_all(out);
    } else if (by >= 0) {
      zero_all(part(out, axis, 0, by));
      copy_all(part(out, axis, by, extent - by), part(x, axis, 0, extent - by));
    } else {
      copy_all(part(out, axis, 0, extent + by), part(x, axis, -by, extent + by));
      zero_all(part(out, axis, extent + by, -by));
    }
    return Status::ok;
  }
};

constexpr Run kRuns[] = {{"shift", moves<Shift>()}};

// ---------------------------------------------------------------------------------------------------------------------
// Rows.

constexpr Kernel kRows[] = {
    {.name = "cumsum",
     .inputs = {"x"},
     .types = "T",
     .outputs = {"out"},
     .attributes = {{"dim", AttributeKind::integer}, {"reverse", AttributeKind::flag}},
     .plan = plan_cumulate,
     .layout = InputLayout::by_rows},
    {.name = "cumprod",
     .inputs = {"x"},
     .types = "T",
     .outputs = {"out"},
     .attributes = {{"dim", AttributeKind::integer},
                    {"reverse", AttributeKind::flag},
                    {"exclusive", AttributeKind::flag}},
     .plan = plan_cumulate,
     .layout = InputLayout::by_rows},
    {.name = "logcumsumexp",
     .inputs = {"x"},
     .types = "T",
     .outputs = {"out"},
     .attributes = {{"dim", AttributeKind::integer}, {"reverse", AttributeKind::flag}},
     .plan = plan_log_cumulate,
     .layout = InputLayout::by_rows},
    {.name = "linear_recurrence",
     .inputs = {"a", "b"},
     .types = "TT",
     .outputs = {"out"},
     .attributes = {{"dim", AttributeKind::integer}, {"reverse", AttributeKind::flag}},
     .plan = plan_recurrence,
     .layout = InputLayout::by_rows},
    {.name = "shift",
     .inputs = {"x"},
     .types = "T",
     .outputs = {"out"},
     .attributes = {{"dim", AttributeKind::integer}, {"by", AttributeKind::integer}},
     .plan = plan_shift},
};

}  // namespace

extern const Kernels scan_kernels;
const Kernels scan_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

extern const Runs scan_runs;
const Runs scan_runs = {kRuns, sizeof(kRuns) / sizeof(Run)};

}  // namespace minigrad
