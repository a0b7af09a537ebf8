// The optimisers' plans and rows. One call updates all parameters in place; there are no outputs.
#include "reference/optim.hpp"
#include "core/kernel.hpp"
#include "core/plans.hpp"

namespace minigrad {
namespace {

// The inputs of a variadic call are `lists` lists of arrays, equally long, and then `scalars` hyperparameters.
struct Groups {
  int lists;
  int scalars;
  int count;  // arrays in a list

  const View& at(const Plan& plan, int list, int i) const { return plan.in[list * count + i]; }
};

// True where two positions of x are the same element: the result of updating it would depend on the order.
bool repeats_elements(const View& x) {
  if (x.size() == 0) return false;
  for (int d = 0; d < x.rank; ++d) {
    if (x.stride[d] == 0 && x.shape[d] > 1) return true;
  }
  return false;
}

// All arrays of one parameter have its shape, and those that are written (`mutated` has a bit for each list) do not
// repeat elements.
void check_parameter(const Plan& plan, const Groups& groups, uint32_t mutated, int i) {
  const View& param = groups.at(plan, 0, i);
  for (int list = 0; list < groups.lists; ++list) {
    const View& x = groups.at(plan, list, i);
    if (!x.same_shape(param)) {
      fail(plan, ErrorKind::runtime,
           "parameter " + std::to_string(i) + " has shape " + shape_text(param) + ", an array that goes with it " +
               shape_text(x));
    }
    if ((mutated >> list & 1) && repeats_elements(x)) {
      fail(
          plan, ErrorKind::runtime,
          "an array of parameter " + std::to_string(i) + " repeats elements (stride 0) and cannot be updated in place");
    }
  }
}

void plan_update(Plan& plan, int lists, int scalars, uint32_t mutated, double nanoseconds) {
  const Groups groups = {lists, scalars, (plan.in_count - scalars) / lists};
  for (int i = 0; i < scalars; ++i) {
    const View& x = plan.in[lists * groups.count + i];
    if (x.rank != 0) fail(plan, ErrorKind::runtime, "a hyperparameter must have shape (), got " + shape_text(x));
  }
  int64_t elements = 0;
  for (int i = 0; i < groups.count; ++i) {
    check_parameter(plan, groups, mutated, i);
    elements += groups.at(plan, 0, i).size();
  }
  plan.nanoseconds = nanoseconds * static_cast<double>(elements);
}

constexpr uint32_t kAdamMutates = 0b1101;
constexpr uint32_t kSgdMutates = 0b101;
constexpr uint32_t kSgdPlainMutates = 0b1;

void plan_adam(Plan& plan) { plan_update(plan, 4, 6, kAdamMutates, 0.7); }
void plan_sgd(Plan& plan) { plan_update(plan, 3, 5, kSgdMutates, 0.4); }
void plan_sgd_plain(Plan& plan) { plan_update(plan, 2, 2, kSgdPlainMutates, 0.3); }

// ---------------------------------------------------------------------------------------------------------------------
// Rows.

constexpr Kernel kRows[] = {
    {.name = "sgd",
     .inputs = {"params", "grads", "momentum_buffers", "lr", "momentum", "dampening", "weight_decay", "first"},
     .types = "TTTddddd",
     .outputs = {},
     .attributes = {{"nesterov", AttributeKind::flag}, {"maximize", AttributeKind::flag}},
     .plan = plan_sgd,
     .reference = &reference::sgd,
     .variadic = true,
     .mutates = kSgdMutates},
    {.name = "sgd_plain",
     .inputs = {"params", "grads", "lr", "weight_decay"},
     .types = "TTdd",
     .outputs = {},
     .attributes = {{"maximize", AttributeKind::flag}},
     .plan = plan_sgd_plain,
     .reference = &reference::sgd_plain,
     .variadic = true,
     .mutates = kSgdPlainMutates},
    {.name = "adam",
     .inputs = {"params", "grads", "exp_avgs", "exp_avg_sqs", "lr", "beta1", "beta2", "eps", "weight_decay", "step"},
     .types = "TTTTdddddd",
     .outputs = {},
     .attributes = {{"decoupled", AttributeKind::flag}, {"maximize", AttributeKind::flag}},
     .plan = plan_adam,
     .reference = &reference::adam,
     .variadic = true,
     .mutates = kAdamMutates},
};

}  // namespace

extern const Kernels optim_kernels;
const Kernels optim_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

}  // namespace minigrad
