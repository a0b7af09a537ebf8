// What the gradients of products and extrema that are scattered need: scatter_others, scatter_shares. Plans, rows,
// runs.
//
// Both go along lanes as a scatter does, with tables of what belongs to the places: those of neighbouring lanes lie
// side by side. Nothing but multiplications and divisions of two numbers each, so the runs are compiled once.
#include <algorithm>
#include <cstring>

#include "kernels/scatter_loops.hpp"

namespace minigrad {
namespace {

constexpr int64_t kWide = 4 * kPanel;

// ---------------------------------------------------------------------------------------------------------------------
// Plans.

// How many lanes have their tables side by side: many, because each row of them is in another page of memory.
int64_t lanes_together(const View& x, int64_t extent) {
  const int64_t lane = extent * item_size(x.dtype);
  return lane * kWide <= kPanelBytes ? kWide : lane * kPanel <= kPanelBytes ? kPanel : 1;
}

void plan_tables(Plan& plan, const View& x, const View& src, const View& index, int tables) {
  const int64_t dim = plan.attributes[0].integer();
  check_scatter(plan, x, src, index, dim);
  const int64_t extent = x.rank == 0 ? 1 : x.shape[axis_of(plan.attributes[0], x.rank)];
  plan.scratch_per_worker = static_cast<size_t>(tables * extent * lanes_together(x, extent) * item_size(x.dtype));
  plan.nanoseconds = 3.0 * static_cast<double>(index.size()) + 2.0 * static_cast<double>(x.size());
}

void plan_scatter_others(Plan& plan) {
  plan_tables(plan, plan.in[0], plan.in[1], plan.in[2], 1);
  copy_shape(plan.in[2], plan.in[0].dtype, plan.out[0]);
}

void plan_scatter_shares(Plan& plan) {
  const View &g = plan.in[0], &x = plan.in[1], &extremum = plan.in[4];
  if ((g.rank > 0 && !g.same_shape(x)) || !extremum.same_shape(x)) {
    fail(plan, ErrorKind::runtime,
         "g, x and extremum must have one shape, got " + shape_text(g) + ", " + shape_text(x) + " and " +
             shape_text(extremum));
  }
  plan_tables(plan, x, plan.in[2], plan.in[3], 2);
  copy_shape(x, x.dtype, plan.out[0]);
  copy_shape(plan.in[3], x.dtype, plan.out[1]);
}

// ---------------------------------------------------------------------------------------------------------------------
// Lanes.

template <int64_t step>
using Fixed = std::integral_constant<int64_t, step>;

// Where an operand's element stands: the k-th along dim, of the l-th lane.
template <class T, class Step = int64_t>
struct Slab {
  T* first;
  int64_t dim;
  Step lane;

  T& operator()(int64_t k, int64_t l) const { return first[k * dim + l * lane]; }
};

// body(l) for each lane, in vector code where lanes are neighbours that share their indices.
template <class Step, class Lanes, class Body>
[[gnu::always_inline]] inline void for_lanes(Step, Lanes lanes, Body&& body) {
  if constexpr (std::is_same_v<Step, Fixed<0>>) {
#pragma omp simd
    for (int64_t l = 0; l < lanes; ++l) body(l);
  } else {
    for (int64_t l = 0; l < lanes; ++l) body(l);
  }
}

// `N` operands along index's lanes: index itself, then others with its size along dim or with x's.
template <class T, int N>
class TableWalk {
 public:
  TableWalk(const Call& call, const View (&operands)[N], int axis, int64_t extent)
      : call_(call), length(operands[0].shape[axis]), extent(extent) {
    View lanes[N];
    const View* pointers[N];
    for (int i = 0; i < N; ++i) {
      lanes[i] = without_dim(operands[i], operands[0], axis);
      pointers[i] = &lanes[i];
      dim_[i] = operands[i].stride[axis];
      data_[i] = operands[i].data;
    }
    nest_ = make_nest(reinterpret_cast<const View* const(&)[N]>(pointers));
    const int inner = nest_.rank - 1;
    const bool abreast = dim_[1] > nest_.stride[1][inner] || extent < kPanel;
    together = abreast ? lanes_together(call.out[0], extent) : 1;
    rows_ = together > 1 && nest_.stride[0][inner] == 0;
    for (int i = 1; i < N; ++i) rows_ &= nest_.stride[i][inner] == 1;
  }

  // visit(operand, index, lanes, tables) for groups of lanes; operand(i) is the i-th one's slab. False: an index is out
  // of range. Visits of whole rows are for lanes that are neighbours and share their indices.
  template <bool has_rows = false, class Visit>
  Status run(Visit&& visit) const {
    Failure failure;
    parallel_for(nest_.size, 3.0 * static_cast<double>(length + extent), [&](int64_t begin, int64_t end, int worker) {
      for_rows(nest_, begin, end, [&](const int64_t* offset, int64_t count) {
        auto* const table = reinterpret_cast<T*>(call_.scratch(worker));
        for (int64_t lane = 0; lane < count && !failure.reported(); lane += together) {
          if (!visit_group<has_rows>(visit, offset, lane, std::min(together, count - lane), table)) failure.report();
        }
      });
    });
    return failure.status();
  }

 private:
  template <bool has_rows, class Visit>
  bool visit_group(Visit& visit, const int64_t* offset, int64_t lane, int64_t lanes, T* table) const {
    const auto slab = [&]<class X, class Step>(int i, X*, Step step) {
      return Slab<X, Step>{static_cast<X*>(data_[i]) + offset[i] + lane * step, dim_[i], step};
    };
    const int64_t* const none = nullptr;
    if constexpr (has_rows) {
      const auto operand = [&](int i) { return slab(i, table, Fixed<1>{}); };
      if (rows_) return visit(operand, slab(0, none, Fixed<0>{}), lanes, table);
    }
    const int inner = nest_.rank - 1;
    const auto operand = [&](int i) { return slab(i, table, nest_.stride[i][inner]); };
    const auto index = slab(0, none, nest_.stride[0][inner]);
    return together > 1 ? visit(operand, index, lanes, table) : visit(operand, index, Fixed<1>{}, table);
  }

  const Call& call_;
  Nest<N> nest_;
  int64_t dim_[N];
  void* data_[N];
  bool rows_;

 public:
  const int64_t length, extent;
  int64_t together;  // lanes of a group
};

// ---------------------------------------------------------------------------------------------------------------------
// scatter_others: out[k] = x[index[k]] Π src[j] for all j but k with index[j] = index[k]. First x and what stands
// before k, then what stands behind it, the nearest first.

template <class T>
struct ScatterOthers {
  static Status run(const Call& call) {
    const View index = at_least_1d(call.in[2]), x = at_least_1d(call.in[0]), out = at_least_1d(call.out[0]);
    const int axis = axis_of(call.attributes[0], x.rank);
    const View operands[] = {index, out, source_like(call.in[1], index), x};
    const TableWalk<T, 4> walk(call, operands, axis, x.shape[axis]);
    return walk.run([&](auto operand, const auto& index, auto lanes, T* table) {
      const auto out = operand(1), src = operand(2), x = operand(3);
      const int64_t pitch = std::is_same_v<decltype(lanes), int64_t> ? walk.together : 1;
      for (int64_t p = 0; p < walk.extent; ++p) {
        for (int64_t l = 0; l < lanes; ++l) table[p * pitch + l] = x(p, l);
      }
      for (int64_t k = 0; k < walk.length; ++k) {
        for (int64_t l = 0; l < lanes; ++l) {
          if (!in_range(index(k, l), walk.extent)) return false;
          T& product = table[index(k, l) * pitch + l];
          out(k, l) = product;
          product *= src(k, l);
        }
      }
      std::fill_n(table, walk.extent * pitch, T{1});
      for (int64_t k = walk.length - 1; k >= 0; --k) {
        for (int64_t l = 0; l < lanes; ++l) {
          T& product = table[index(k, l) * pitch + l];
          out(k, l) *= product;
          product *= src(k, l);
        }
      }
      return true;
    });
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// scatter_shares: a place's g, divided by the number of elements that are its extremum, for each of these; 0 for
// others.

// NaN is the extremum wherever it stands.
template <class T>
bool is_extremum(T x, T extremum) {
  return (x == extremum) | (x != x);
}

// x, or 0 where it is not kept; without a branch, which nobody could predict.
template <class T>
T kept(T x, bool keep) {
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  Bits bits;
  std::memcpy(&bits, &x, sizeof bits);
  bits &= -static_cast<Bits>(keep);
  std::memcpy(&x, &bits, sizeof bits);
  return x;
}

template <class T>
struct ScatterShares {
  static Status run(const Call& call) {
    const View index = at_least_1d(call.in[3]), x = at_least_1d(call.in[1]), of_x = at_least_1d(call.out[0]);
    const View g = source_like(call.in[0], x), of_src = at_least_1d(call.out[1]);
    const int axis = axis_of(call.attributes[0], x.rank);
    if (index.size() / std::max<int64_t>(index.shape[axis], 1) * x.shape[axis] < x.size()) {
      copy_all(of_x, g);  // lanes that no index belongs to
    }
    const View operands[] = {index, of_src, source_like(call.in[2], index), of_x, g, x, at_least_1d(call.in[4])};
    const TableWalk<T, 7> walk(call, operands, axis, x.shape[axis]);
    return walk.template run<true>([&](auto operand, const auto& index, auto lanes, T* share) {
      const auto of_src = operand(1), src = operand(2), of_x = operand(3), g = operand(4), x = operand(5);
      const auto extremum = operand(6);
      const auto step = index.lane;
      const int64_t pitch = std::is_same_v<decltype(lanes), int64_t> ? walk.together : 1;
      T* const most = share + walk.extent * pitch;
      for (int64_t p = 0; p < walk.extent; ++p) {
        for_lanes(step, lanes, [&](int64_t l) {
          most[p * pitch + l] = extremum(p, l);
          share[p * pitch + l] = kept(T{1}, is_extremum(x(p, l), extremum(p, l)));
        });
      }
      for (int64_t k = 0; k < walk.length; ++k) {
        bool good = true;
        for (int64_t l = 0; l < (step == 0 ? 1 : lanes); ++l) good &= in_range(index(k, l), walk.extent);
        if (!good) return false;
        for_lanes(step, lanes, [&](int64_t l) {
          const int64_t at = index(k, l) * pitch + l;
          share[at] += kept(T{1}, is_extremum(src(k, l), most[at]));
        });
      }
      for (int64_t p = 0; p < walk.extent; ++p) {
        for_lanes(step, lanes, [&](int64_t l) {
          T& here = share[p * pitch + l];
          here = kept(g(p, l) / here, here != 0);
          of_x(p, l) = kept(here, is_extremum(x(p, l), most[p * pitch + l]));
        });
      }
      for (int64_t k = 0; k < walk.length; ++k) {
        for_lanes(step, lanes, [&](int64_t l) {
          const int64_t at = index(k, l) * pitch + l;
          of_src(k, l) = kept(share[at], is_extremum(src(k, l), most[at]));
        });
      }
      return true;
    });
  }
};

constexpr Run kRuns[] = {
    {"scatter_others", floats(ScatterOthers<float>::run, ScatterOthers<double>::run)},
    {"scatter_shares", floats(ScatterShares<float>::run, ScatterShares<double>::run)},
};

constexpr AttributeSpec kDim = {"dim", AttributeKind::integer};

constexpr Kernel kRows[] = {
    {.name = "scatter_others",
     .inputs = {"x", "src", "index"},
     .types = "TTi",
     .outputs = {"out"},
     .attributes = {kDim},
     .plan = plan_scatter_others},
    {.name = "scatter_shares",
     .inputs = {"g", "x", "src", "index", "extremum"},
     .types = "TTTiT",
     .outputs = {"of_x", "of_src"},
     .attributes = {kDim},
     .plan = plan_scatter_shares},
};

}  // namespace

extern const Kernels scatter_backward_kernels;
const Kernels scatter_backward_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

extern const Runs scatter_backward_runs;
const Runs scatter_backward_runs = {kRuns, sizeof(kRuns) / sizeof(Run)};

}  // namespace minigrad
