// The optimisers' plans and rows. One call updates all parameters in place; there are no outputs.
#include "core/kernel.hpp"
#include "core/plans.hpp"
#include "kernels/optim_rule.hpp"

namespace minigrad {
namespace {

// True where two positions of x are the same element: the result of updating it would depend on the order.
bool repeats_elements(const View& x) {
  if (x.size() == 0) return false;
  for (int d = 0; d < x.rank; ++d) {
    if (x.stride[d] == 0 && x.shape[d] > 1) return true;
  }
  return false;
}

// All arrays of one parameter have its shape, and those that are written do not repeat elements.
void check_parameter(const Plan& plan, const RuleLayout& layout, const RuleInputs& inputs, int i) {
  const View& param = plan.in[i];
  for (int l = 0; l < layout.lists; ++l) {
    const View& x = inputs.list(l, i);
    if (x.data == nullptr) continue;
    if (!x.same_shape(param)) {
      fail(plan, ErrorKind::runtime,
           "parameter " + std::to_string(i) + " has shape " + shape_text(param) + ", an array that goes with it " +
               shape_text(x));
    }
    if (l != kGradients && repeats_elements(x)) {
      fail(
          plan, ErrorKind::runtime,
          "an array of parameter " + std::to_string(i) + " repeats elements (stride 0) and cannot be updated in place");
    }
  }
  for (int c = 0; c < layout.counters; ++c) {
    const View& x = inputs.counter(c, i);
    if (x.rank != 0) fail(plan, ErrorKind::runtime, "a counter must have shape (), got " + shape_text(x));
  }
}

template <const RuleLayout& kLayout>
void plan_rule(Plan& plan) {
  const RuleInputs inputs(kLayout, plan.in, plan.in_count);
  for (int s = 0; s < kLayout.settings; ++s) {
    const View& x = inputs.settings[s];
    if (x.rank != 0) fail(plan, ErrorKind::runtime, "a hyperparameter must have shape (), got " + shape_text(x));
  }
  int64_t elements = 0;
  for (int i = 0; i < inputs.parameters; ++i) {
    check_parameter(plan, kLayout, inputs, i);
    elements += plan.in[i].size();
  }
  plan.nanoseconds = kLayout.nanoseconds * static_cast<double>(elements);
}

// Everything but the gradients is written.
constexpr uint32_t written(const RuleLayout& layout) {
  return ((1u << (layout.lists + layout.counters)) - 1) & ~(1u << kGradients);
}

constexpr AttributeSpec kMaximize = {"maximize", AttributeKind::flag};

// ---------------------------------------------------------------------------------------------------------------------
// Rows.

constexpr Kernel kRows[] = {
    {.name = "sgd",
     .inputs = {"params", "grads", "momentum_buffers", "lr", "momentum", "dampening", "weight_decay"},
     .types = "TTtdddd",
     .outputs = {},
     .attributes = {kMaximize, {"nesterov", AttributeKind::flag}},
     .plan = plan_rule<kSgd>,
     .variadic = true,
     .mutates = written(kSgd)},
    {.name = "adam",
     .inputs = {"params", "grads", "exp_avgs", "exp_avg_sqs", "max_exp_avg_sqs", "steps", "lr", "beta1", "beta2", "eps",
                "weight_decay"},
     .types = "TTTTtDddddd",
     .outputs = {},
     .attributes = {kMaximize, {"decoupled", AttributeKind::flag}},
     .plan = plan_rule<kAdam>,
     .variadic = true,
     .mutates = written(kAdam)},
    {.name = "nadam",
     .inputs = {"params", "grads", "exp_avgs", "exp_avg_sqs", "steps", "mu_products", "lr", "beta1", "beta2", "eps",
                "weight_decay", "momentum_decay"},
     .types = "TTTTDDdddddd",
     .outputs = {},
     .attributes = {kMaximize, {"decoupled", AttributeKind::flag}},
     .plan = plan_rule<kNadam>,
     .variadic = true,
     .mutates = written(kNadam)},
    {.name = "radam",
     .inputs = {"params", "grads", "exp_avgs", "exp_avg_sqs", "steps", "lr", "beta1", "beta2", "eps", "weight_decay"},
     .types = "TTTTDddddd",
     .outputs = {},
     .attributes = {kMaximize, {"decoupled", AttributeKind::flag}},
     .plan = plan_rule<kRadam>,
     .variadic = true,
     .mutates = written(kRadam)},
    {.name = "adamax",
     .inputs = {"params", "grads", "exp_avgs", "exp_infs", "steps", "lr", "beta1", "beta2", "eps", "weight_decay"},
     .types = "TTTTDddddd",
     .outputs = {},
     .attributes = {kMaximize},
     .plan = plan_rule<kAdamax>,
     .variadic = true,
     .mutates = written(kAdamax)},
    {.name = "adagrad",
     .inputs = {"params", "grads", "sums", "steps", "lr", "lr_decay", "eps", "weight_decay"},
     .types = "TTTDdddd",
     .outputs = {},
     .attributes = {kMaximize},
     .plan = plan_rule<kAdagrad>,
     .variadic = true,
     .mutates = written(kAdagrad)},
    {.name = "adadelta",
     .inputs = {"params", "grads", "square_avgs", "acc_deltas", "steps", "lr", "rho", "eps", "weight_decay"},
     .types = "TTTTDdddd",
     .outputs = {},
     .attributes = {kMaximize},
     .plan = plan_rule<kAdadelta>,
     .variadic = true,
     .mutates = written(kAdadelta)},
    {.name = "rmsprop",
     .inputs = {"params", "grads", "square_avgs", "grad_avgs", "momentum_buffers", "steps", "lr", "alpha", "eps",
                "weight_decay", "momentum"},
     .types = "TTTttDddddd",
     .outputs = {},
     .attributes = {kMaximize},
     .plan = plan_rule<kRmsprop>,
     .variadic = true,
     .mutates = written(kRmsprop)},
    {.name = "rprop",
     .inputs = {"params", "grads", "prevs", "step_sizes", "steps", "eta_minus", "eta_plus", "least", "most"},
     .types = "TTTTDdddd",
     .outputs = {},
     .attributes = {kMaximize},
     .plan = plan_rule<kRprop>,
     .variadic = true,
     .mutates = written(kRprop)},
};

}  // namespace

extern const Kernels optim_kernels;
const Kernels optim_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

}  // namespace minigrad
