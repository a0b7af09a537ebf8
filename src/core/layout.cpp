#include "core/layout.hpp"

namespace minigrad {
namespace {

// How far apart neighbours along the output's dimension d lie in x; 0 where x is repeated along it.
int64_t step_of(const View& x, const View& out, int d) {
  const int own = d - (out.rank - x.rank);
  if (own < 0 || (x.shape[own] == 1 && out.shape[d] != 1)) return 0;
  return x.stride[own] < 0 ? -x.stride[own] : x.stride[own];
}

// Whether dimension a should lie outside of b in memory, by the first input that decides: 1 if it should, -1 if not, 0
// if no input decides.
int compare(const Plan& plan, int a, int b) {
  const View& out = plan.out[0];
  for (int i = 0; i < plan.in_count; ++i) {
    const int64_t x = step_of(plan.in[i], out, a), y = step_of(plan.in[i], out, b);
    if (x == 0 || y == 0) continue;
    if (x != y) return x < y ? -1 : 1;
    if (out.shape[a] > out.shape[b]) return 1;
  }
  return 0;
}

bool all_lie_as_first(const Plan& plan) {
  const View &first = plan.in[0], &out = plan.out[0];
  for (int i = 0; i < plan.in_count; ++i) {
    if (!plan.in[i].same_shape(out)) return false;
    for (int d = 0; d < out.rank; ++d) {
      if (plan.in[i].stride[d] != first.stride[d]) return false;
    }
  }
  return is_dense(first);
}

}  // namespace

MemoryOrder::MemoryOrder(const View& x) {
  for (int d = 0; d < x.rank; ++d) {
    if (x.shape[d] == 1) continue;
    int at = count++;
    for (; at > 0 && x.stride[dims[at - 1]] < x.stride[d]; --at) dims[at] = dims[at - 1];
    dims[at] = d;
  }
}

View MemoryOrder::turned(const View& x, const View& whole) const {
  if (x.rank == 0) return x;
  View out;
  out.data = x.data;
  out.dtype = x.dtype;
  out.rank = count;
  for (int k = 0; k < count; ++k) {
    const int own = dims[k] - (whole.rank - x.rank);
    out.shape[k] = own < 0 ? 1 : x.shape[own];
    out.stride[k] = own < 0 ? 0 : x.stride[own];
  }
  return out;
}

bool is_dense(const View& x) { return MemoryOrder(x).turned(x, x).contiguous(); }

bool may_share_places(const View& x) {
  const View turned = MemoryOrder(x).turned(x, x);
  int64_t reach = 0;  // of the dimensions within
  for (int d = turned.rank - 1; d >= 0; --d) {
    if (turned.stride[d] <= reach) return true;
    reach += (turned.shape[d] - 1) * turned.stride[d];
  }
  return false;
}

void keep_layout(Plan& plan) {
  View& out = plan.out[0];
  int inner_first[kMaxRank];
  if (all_lie_as_first(plan)) {
    for (int d = 0; d < out.rank; ++d) out.stride[d] = plan.in[0].stride[d];
    return;
  }
  for (int i = 0; i < out.rank; ++i) {  // sorted by insertion, past dimensions that nothing tells apart
    inner_first[i] = out.rank - 1 - i;
    for (int at = i, below = i - 1; below >= 0; --below) {
      const int order = compare(plan, inner_first[below], inner_first[at]);
      if (order < 0) break;
      if (order == 0) continue;
      const int kept = inner_first[at];
      inner_first[at] = inner_first[below];
      inner_first[below] = kept;
      at = below;
    }
  }
  int64_t stride = 1;
  for (int i = 0; i < out.rank; ++i) {
    out.stride[inner_first[i]] = stride;
    stride *= out.shape[inner_first[i]];
  }
}

}  // namespace minigrad
