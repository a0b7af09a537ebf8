// What an optimiser's kernel is made of: a layout of its inputs, a rule for an element, and the walk over all
// parameters. Layouts and walk are compiled once; the rules, in optim.isa.cpp, once per instruction set.
//
// A call takes lists of arrays, equally long: the parameters, the gradients, what is remembered of each parameter; then
// lists of counters, which are float64 without dimensions, one for each parameter (its step count); then settings. A
// list that is not given has views without data. The arrays and the counters are updated in place, but for the
// gradients.
#pragma once

#include "core/kernel.hpp"

namespace minigrad {

constexpr int kMaxLists = 5;
constexpr int kMaxCounters = 2;
constexpr int kMaxSettings = 6;
constexpr int kGradients = 1;  // the list that is only read

struct RuleLayout {
  int lists;
  int counters;
  int settings;
  int flags;           // attributes: whether to maximise, then a rule's own
  double nanoseconds;  // for an element of float32
};

constexpr RuleLayout kSgd = {3, 0, 4, 2, 0.4};
constexpr RuleLayout kAdam = {5, 1, 5, 2, 0.7};
constexpr RuleLayout kNadam = {4, 2, 6, 2, 0.7};
constexpr RuleLayout kRadam = {4, 1, 5, 2, 0.7};
constexpr RuleLayout kAdamax = {4, 1, 5, 1, 0.7};
constexpr RuleLayout kAdagrad = {3, 1, 4, 1, 0.6};
constexpr RuleLayout kAdadelta = {4, 1, 4, 1, 0.7};
constexpr RuleLayout kRmsprop = {5, 1, 5, 1, 0.7};
constexpr RuleLayout kRprop = {4, 1, 4, 1, 0.7};

// The inputs of a call by their place in the layout.
struct RuleInputs {
  const View* in;
  const View* settings;
  int lists;
  int parameters;

  RuleInputs(const RuleLayout& layout, const View* inputs, int count)
      : in(inputs),
        settings(inputs + count - layout.settings),
        lists(layout.lists),
        parameters((count - layout.settings) / (layout.lists + layout.counters)) {}

  const View& list(int l, int parameter) const { return in[l * parameters + parameter]; }
  const View& counter(int c, int parameter) const { return in[(lists + c) * parameters + parameter]; }
  double setting(int s) const { return *settings[s].as<double>(); }
};

// What the coefficients of one parameter follow from: the settings and flags of the call, and the parameter's counters.
struct RuleSettings {
  double value[kMaxSettings];
  bool flag[2];
  double counter[kMaxCounters];
};

constexpr int kMaxCoefficientBytes = 128;

struct Rule {
  const RuleLayout* layout;
  int count;            // of the lists that it reads
  int list[kMaxLists];  // which ones
  // Brings the counters to the step that is to be done.
  void (*advance)(RuleSettings& settings);
  // Computes the coefficients, in double, and rounds each once to the dtype of the parameters.
  void (*prepare)(const RuleSettings& settings, void* coefficients);
  // Updates `count` elements that lie one after the other: data[k] is where they begin in the list list[k].
  void (*update)(char* const* data, int64_t count, const void* coefficients);
};

// One step of all parameters. Neither threads nor layout change a bit: every element is updated by itself.
Status run_rule(const Call& call, const Rule& rule);

}  // namespace minigrad
