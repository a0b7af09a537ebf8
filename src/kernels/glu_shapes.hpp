// glu and its derivative, made of elementwise runs on the halves of their operands. Compiled once, in activation.cpp.
#pragma once

#include "core/kernel.hpp"

namespace minigrad {

// One half of x along a dimension of even size, as a view.
View half(const View& x, int64_t dim, bool second);

// x = (a, b) along the dimension that is the attribute: out = gate(a, b).
Status run_glu(const Call& call, RunFunction gate);

// out = (gate(g, b), slope(g, a, b)).
Status run_glu_grad(const Call& call, RunFunction gate, RunFunction slope);

// The runs made of others.
template <RunFunction gate>
static constexpr RunFunction kGlu = [](const Call& call) { return run_glu(call, gate); };

template <RunFunction gate, RunFunction slope>
static constexpr RunFunction kGluGrad = [](const Call& call) { return run_glu_grad(call, gate, slope); };

}  // namespace minigrad
