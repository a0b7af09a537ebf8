// share_ties: each result's cotangent, shared evenly by the elements that equal the result; 0 for the others. NaN
// equals NaN. Ties are counted first, in integers, whose order does not matter; then every element is decided by
// itself.
#include "core/kernel.hpp"
#include "core/loops.hpp"
#include "core/parallel.hpp"
#include "isa/isa.hpp"
#include "isa/lanes.hpp"
#include "isa/math_core.hpp"
#include "kernels/moves.hpp"
#include "kernels/statistics_layout.hpp"
#include "kernels/ties_layout.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

constexpr int64_t kStrip = 256;  // columns that are counted at a time
constexpr double kCountNanoseconds = 0.1, kShareNanoseconds = 0.2;

template <class T>
[[gnu::always_inline]] inline bool equal(T x, T result) {
  return (x == result) | ((x != x) & (result != result));
}

// How many of the elements begin ... end of the result at x equal it.
template <class T>
int64_t count_ties(const Nest<1>& reduced, const T* x, T result, int64_t begin, int64_t end) {
  const int64_t step = reduced.stride[0][reduced.rank - 1];
  int64_t ties = 0;
  if (begin >= end) return 0;
  for_rows(reduced, begin, end, [&](const int64_t* offset, int64_t count) {
    const T* const row = x + offset[0];
    math::UInt<T> found = 0;
    if (step == 1) {
#pragma omp simd reduction(+ : found)
      for (int64_t i = 0; i < count; ++i) found += equal(row[i], result) ? 1 : 0;
    } else {
      for (int64_t i = 0; i < count; ++i) found += equal(row[i * step], result) ? 1 : 0;
    }
    ties += static_cast<int64_t>(found);
  });
  return ties;
}

// The same for `cols` results whose elements lie beside each other.
template <class T>
void count_ties_beside(const Nest<1>& reduced, const T* x, const T* result, int64_t cols, math::UInt<T>* ties) {
  const int64_t step = reduced.stride[0][reduced.rank - 1];
  for (int64_t j = 0; j < cols; ++j) ties[j] = 0;
  for_rows(reduced, 0, reduced.size, [&](const int64_t* offset, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      const T* const row = x + offset[0] + i * step;
#pragma omp simd
      for (int64_t j = 0; j < cols; ++j) ties[j] += equal(row[j], result[j]) ? 1 : 0;
    }
  });
}

// One call. Results are numbered row by row; `result` and `share` are contiguous.
template <class T>
struct TieSharer {
  const View& x;
  ReductionNest nest;
  T* result;
  T* share;         // of each of the elements that equal the result; the cotangent before they are counted
  int64_t* chunks;  // room for kTieChunks counts

  void share_out(int64_t k, int64_t ties) const { share[k] /= static_cast<T>(ties); }

  void count_all() const {
    const int64_t x_step = nest.kept.stride[1][nest.kept.rank - 1];
    const double cost = kCountNanoseconds * static_cast<double>(nest.reduced.size);
    parallel_for(nest.kept.size, cost, [&](int64_t begin, int64_t end, int) {
      for_rows(nest.kept, begin, end, [&](const int64_t* offset, int64_t count) {
        const T* const from = x.as<T>() + offset[1];
        if (x_step == 1 && count > 1) return count_beside(from, offset[0], count);
        for (int64_t i = 0; i < count; ++i) {
          const int64_t k = offset[0] + i;
          share_out(k, count_ties(nest.reduced, from + i * x_step, result[k], 0, nest.reduced.size));
        }
      });
    });
  }

  void count_beside(const T* from, int64_t k, int64_t count) const {
    alignas(64) math::UInt<T> ties[kStrip];
    for (int64_t j = 0; j < count; j += kStrip) {
      const int64_t cols = count - j < kStrip ? count - j : kStrip;
      count_ties_beside(nest.reduced, from + j, result + k + j, cols, ties);
      for (int64_t c = 0; c < cols; ++c) share_out(k + j + c, static_cast<int64_t>(ties[c]));
    }
  }

  // A single result: threads share its elements.
  void count_in_chunks() const {
    const int64_t n = nest.reduced.size, each = (n + kTieChunks - 1) / kTieChunks;
    parallel_for(kTieChunks, kCountNanoseconds * static_cast<double>(each), [&](int64_t first, int64_t last, int) {
      for (int64_t chunk = first; chunk < last; ++chunk) {
        const int64_t begin = chunk * each, end = begin + each < n ? begin + each : n;
        chunks[chunk] = count_ties(nest.reduced, x.as<T>(), *result, begin, end);
      }
    });
    int64_t ties = 0;
    for (int64_t chunk = 0; chunk < kTieChunks; ++chunk) ties += chunks[chunk];
    share_out(0, ties);
  }
};

template <class T>
void share_row(T* out, const T* x, const T* result, const T* share, const int64_t (&step)[4], int64_t count) {
  const bool plain = step[0] == 1 && step[1] == 1;
  if (plain && step[2] == 0 && step[3] == 0) {
    const T r = *result, s = *share;
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) out[i] = equal(x[i], r) ? s : T{0};
  } else if (plain && step[2] == 1 && step[3] == 1) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) out[i] = equal(x[i], result[i]) ? share[i] : T{0};
  } else {
    for (int64_t i = 0; i < count; ++i) {
      out[i * step[0]] = equal(x[i * step[1]], result[i * step[2]]) ? share[i * step[3]] : T{0};
    }
  }
}

// Results with so few elements each that they are counted and decided one result after the other: dimension 1 is
// reduced.
constexpr int64_t kShortRow = 16;

template <class T>
void share_short_rows(const Nest<4>& nest, T* out, const T* x, const T* result, const T* g, int64_t rows) {
  const int64_t out_step = nest.stride[0][1], x_step = nest.stride[1][1], width = nest.shape[1];
  for (int64_t n = 0; n < rows; ++n, out += nest.stride[0][0], x += nest.stride[1][0]) {
    const T r = result[n * nest.stride[2][0]];
    math::UInt<T> ties = 0;
    for (int64_t j = 0; j < width; ++j) {
      ties += equal(x[j * x_step], r) ? 1 : 0;
      asm volatile("" : "+r"(j));  // too few for vector code
    }
    const T share = g[n * nest.stride[3][0]] / static_cast<T>(ties);
    for (int64_t j = 0; j < width; ++j) {
      // Without a branch, which nobody could predict.
      const auto mask = -static_cast<math::UInt<T>>(equal(x[j * x_step], r));
      out[j * out_step] = math::from_bits<T>(math::bits(share) & mask);
      asm volatile("" : "+r"(j));
    }
  }
}

template <class T>
Status run_share_ties(const Call& call) {
  const View& g = call.in[0];
  const View& x = call.in[1];
  const View& out = call.out[0];
  if (out.size() == 0) return Status::ok;
  const DimMask mask = listed_dims(x, call.attributes[0]);
  char* const shared = call.shared + kTieChunks * sizeof(int64_t);
  const View& extremum = call.in[2];
  const View result = contiguous_view(extremum, shared);
  const View share = contiguous_view(extremum, shared + extremum.size() * item_size(x.dtype));
  copy_all(result, extremum);
  copy_all(share, g);
  const View* const operands[] = {&out, &x, &result, &share};
  const Nest<4> nest = make_nest(operands);
  if (nest.rank == 2 && nest.shape[1] < kShortRow && nest.stride[2][0] != 0 && nest.stride[2][1] == 0) {
    const double cost = (kCountNanoseconds + kShareNanoseconds) * static_cast<double>(nest.shape[1]);
    parallel_for(nest.shape[0], 2 + cost, [&](int64_t begin, int64_t end) {
      const auto at = [&](int i) { return begin * nest.stride[i][0]; };
      share_short_rows(nest, out.as<T>() + at(0), x.as<T>() + at(1), result.as<T>() + at(2), share.as<T>() + at(3),
                       end - begin);
    });
    return Status::ok;
  }
  const TieSharer<T> sharer = {x, make_reduction_nest(x, mask, result), result.as<T>(), share.as<T>(),
                               reinterpret_cast<int64_t*>(call.shared)};
  extremum.size() == 1 ? sharer.count_in_chunks() : sharer.count_all();
  const int inner = nest.rank - 1;
  const int64_t step[4] = {nest.stride[0][inner], nest.stride[1][inner], nest.stride[2][inner], nest.stride[3][inner]};
  parallel_for(nest.size, kShareNanoseconds, [&](int64_t begin, int64_t end) {
    for_rows(nest, begin, end, [&](const int64_t* at, int64_t count) {
      share_row(out.as<T>() + at[0], x.as<T>() + at[1], result.as<T>() + at[2], share.as<T>() + at[3], step, count);
    });
  });
  return Status::ok;
}

constexpr Run kRows[] = {
    {"share_ties", floats(run_share_ties<float>, run_share_ties<double>)},
};

}  // namespace

extern const Runs ties_runs;
const Runs ties_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::MINIGRAD_ISA
