// any, all, count_nonzero: for every dtype, in integers, and therefore in any order.
#include <algorithm>

#include "core/half.hpp"
#include "core/kernel.hpp"
#include "core/parallel.hpp"
#include "kernels/reduce_integers.hpp"
#include "kernels/reduce_plans.hpp"

namespace minigrad {
namespace {

void plan_count(Plan& plan, DType dtype) {
  check_dims(plan);
  const View& x = plan.in[0];
  const DimMask mask = listed_dims(x, plan.attributes[0]);
  write_reduced_shape(x, mask, plan.attributes[1].flag(), plan.out[0]);
  plan.out[0].dtype = dtype;
  const bool may_end_early = dtype == DType::boolean && describe_reduction(x, mask).kept == 1;
  if (lies_apart(x) && !may_end_early) plan.layout = InputLayout::contiguous;
  plan.nanoseconds = 0.1 * static_cast<double>(x.size());
  plan.scratch_shared = 64 * sizeof(int64_t);  // a count for each chunk
}

void plan_flag(Plan& plan) { plan_count(plan, DType::boolean); }
void plan_number(Plan& plan) { plan_count(plan, DType::int64); }

// ---------------------------------------------------------------------------------------------------------------------
// Elements as integers of their size, since it only matters whether they are 0. `kept` masks the sign of floats, so
// that -0 counts as 0 and NaN does not.

template <class T, T kKept = static_cast<T>(-1)>
struct Bits {
  using Element = T;
  static constexpr T kept = kKept;
};

using Bytes1 = Bits<uint8_t>;
using Bytes2 = Bits<uint16_t>;
using Bytes4 = Bits<uint32_t>;
using Bytes8 = Bits<uint64_t>;
using Float16 = Bits<uint16_t, 0x7fff>;
using Float32 = Bits<uint32_t, 0x7fffffff>;
using Float64 = Bits<uint64_t, 0x7fffffffffffffff>;

// Counts zeros. In a register, an element that is equal to another gives all ones, that is -1.
template <class B>
struct Zeros {
  using Element = typename B::Element;
  using Vector = typename Piece<Element>::Vector;

  static Vector combine(Vector found, Vector x) { return found - reinterpret_cast<Vector>((x & B::kept) == 0); }
  static Element combine(Element found, Element x) {
    return static_cast<Element>(found + ((x & B::kept) == 0 ? 1 : 0));
  }
};

constexpr int64_t kMost = 250;  // so many fit a byte

// How many of `count` elements are not 0.
template <class B>
int64_t count_row(const void* from, int64_t step, int64_t count) {
  using P = Piece<typename B::Element>;
  constexpr int64_t kLanes = P::kLanes;
  const auto* const x = static_cast<const typename B::Element*>(from);
  int64_t total = 0, i = 0;
  while (step == 1 && count - i >= kLanes) {
    const int64_t first = i, end = std::min(count, i + kMost * kLanes);
    typename P::Vector zeros = {};
#pragma GCC unroll 4
    for (; i + kLanes <= end; i += kLanes) zeros = Zeros<B>::combine(zeros, P::load(x + i));
    total += i - first - sum_lanes<typename B::Element>(zeros);
  }
  for (; i < count; ++i) total += (x[i * step] & B::kept) != 0 ? 1 : 0;
  return total;
}

constexpr int64_t kStrip = 4096;  // results that are counted at a time
constexpr int64_t kTaken = 10;    // rows

// `cols` results whose elements lie beside each other.
template <class B>
void count_beside(const Nest<1>& nest, const void* from, int64_t cols, int64_t* counts) {
  const auto* const x = static_cast<const typename B::Element*>(from);
  const int64_t step = nest.stride[0][nest.rank - 1];
  const bool far = is_far(nest.size * cols * static_cast<int64_t>(sizeof(typename B::Element)));
  typename B::Element found[kStrip];
  int64_t rows = 0;
  for (int64_t j = 0; j < cols; ++j) counts[j] = found[j] = 0;
  const auto flush = [&] {
    for (int64_t j = 0; j < cols; ++j) {
      counts[j] += rows - static_cast<int64_t>(found[j]);
      found[j] = 0;
    }
    rows = 0;
  };
  if (nest.size == 0) return;
  for_rows(nest, 0, nest.size, [&](const int64_t* offset, int64_t count) {
    for (int64_t i = 0; i < count;) {
      const int64_t taken = std::min(kTaken, count - i);
      if (rows + taken > kMost) flush();
      combine_rows<Zeros<B>>(found, x + offset[0] + i * step, step, taken, cols, far);
      rows += taken;
      i += taken;
    }
  });
  flush();
}

// ---------------------------------------------------------------------------------------------------------------------
// One call: compiled once for all dtypes and questions.

struct Loops {
  int64_t (*row)(const void* x, int64_t step, int64_t count);
  void (*beside)(const Nest<1>& nest, const void* x, int64_t cols, int64_t* counts);
};

template <class B>
constexpr Loops kLoops = {count_row<B>, count_beside<B>};

enum class Question : uint8_t { any, all, number };

struct Counter {
  Loops loops;
  Question question;
  int64_t bytes;  // of an element
  const char* x;
  void* out;
  ReductionNest nest;

  // Writes the result that follows from the count among n elements.
  void write(int64_t place, int64_t count, int64_t n) const {
    if (question == Question::number) {
      static_cast<int64_t*>(out)[place] = count;
    } else {
      static_cast<bool*>(out)[place] = question == Question::any ? count > 0 : count == n;
    }
  }

  // Whether the count of the elements seen so far settles the result.
  bool settled(int64_t count, int64_t seen) const {
    return question == Question::any ? count > 0 : question == Question::all && count < seen;
  }

  // Counts among elements [begin, end) of one result. It stops once the count settles the result, and is then too
  // small.
  int64_t count_elements(const char* from, int64_t begin, int64_t end) const {
    constexpr int64_t kPiece = 1 << 13;
    const int64_t step = nest.reduced.stride[0][nest.reduced.rank - 1];
    if (nest.reduced.rank == 1 && end - begin <= kPiece)
      return loops.row(from + begin * step * bytes, step, end - begin);
    int64_t total = 0;
    for (int64_t piece = begin; piece < end; piece += kPiece) {
      const int64_t stop = std::min(piece + kPiece, end);
      for_rows(nest.reduced, piece, stop, [&](const int64_t* offset, int64_t count) {
        total += loops.row(from + offset[0] * bytes, step, count);
      });
      if (settled(total, stop - begin)) break;
    }
    return total;
  }

  void run_beside(const char* from, int64_t to, int64_t to_step, int64_t count) const {
    for (int64_t j = 0; j < count; j += kStrip) {
      const int64_t cols = std::min(kStrip, count - j);
      int64_t counts[kStrip];
      loops.beside(nest.reduced, from + j * bytes, cols, counts);
      for (int64_t c = 0; c < cols; ++c) write(to + (j + c) * to_step, counts[c], nest.reduced.size);
    }
  }

  void run() const {
    const int inner = nest.kept.rank - 1;
    const int64_t to_step = nest.kept.stride[0][inner], x_step = nest.kept.stride[1][inner], n = nest.reduced.size;
    parallel_for(nest.kept.size, 0.1 * static_cast<double>(n), [&](int64_t begin, int64_t end, int) {
      for_rows(nest.kept, begin, end, [&](const int64_t* offset, int64_t count) {
        const char* const from = x + offset[1] * bytes;
        if (x_step == 1 && count > 1) return run_beside(from, offset[0], to_step, count);
        for (int64_t i = 0; i < count; ++i) {
          write(offset[0] + i * to_step, count_elements(from + i * x_step * bytes, 0, n), n);
        }
      });
    });
  }

  // A single result: threads share its elements.
  void run_chunks(int64_t* found) const {
    constexpr int64_t kChunks = 64;
    const int64_t n = nest.reduced.size, each = (n + kChunks - 1) / kChunks;
    parallel_for(kChunks, 0.1 * static_cast<double>(each), [&](int64_t first, int64_t last, int) {
      for (int64_t chunk = first; chunk < last; ++chunk) {
        found[chunk] = count_elements(x, chunk * each, std::min(chunk * each + each, n));
      }
    });
    int64_t total = 0;
    for (int64_t chunk = 0; chunk < kChunks; ++chunk) total += found[chunk];
    write(0, total, n);
  }
};

Status count(const Call& call, const Loops& loops, Question question) {
  const View& x = call.in[0];
  const DimMask mask = listed_dims(x, call.attributes[0]);
  const Counter counter = {loops,
                           question,
                           item_size(x.dtype),
                           x.as<char>(),
                           call.out[0].as<char>(),
                           make_reduction_nest(in_memory_order(x, mask), mask, call.out[0])};
  const bool chunks = counter.nest.kept.size == 1 && counter.nest.reduced.size >= 1 << 16;
  chunks ? counter.run_chunks(reinterpret_cast<int64_t*>(call.shared)) : counter.run();
  return Status::ok;
}

template <Question kQuestion, class B>
Status run_count(const Call& call) {
  return count(call, kLoops<B>, kQuestion);
}

template <Question kQuestion>
constexpr RunsByDType every_dtype() {
  return {{run_count<kQuestion, Bytes1>, run_count<kQuestion, Bytes1>, run_count<kQuestion, Bytes1>,
           run_count<kQuestion, Bytes2>, run_count<kQuestion, Bytes4>, run_count<kQuestion, Bytes8>,
           run_count<kQuestion, Float32>, run_count<kQuestion, Float64>, run_count<kQuestion, Float16>}};
}

constexpr Run kRuns[] = {
    {"any", every_dtype<Question::any>()},
    {"all", every_dtype<Question::all>()},
    {"count_nonzero", every_dtype<Question::number>()},
};

constexpr Kernel kRows[] = {
    reduction("any", plan_flag),
    reduction("all", plan_flag),
    reduction("count_nonzero", plan_number),
};

}  // namespace

extern const Kernels count_kernels;
const Kernels count_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

extern const Runs count_runs;
const Runs count_runs = {kRuns, sizeof(kRuns) / sizeof(Run)};

}  // namespace minigrad
