// Reductions in floating point: sum, mean, nansum, prod, max, min, sum_to.
//
// The order of operations is in reduce_blocks.hpp: it follows from shape and dims. Everything below decides only how
// the elements are reached, by the strides, and who computes which part. A sum of n elements has been rounded about 20
// + log2(n / 1024) times on the way, its error is at most that many half ulps of the sum of magnitudes; mean divides it
// once more. Reductions of nothing give 0, 1 and NaN (mean); plans refuse extrema of nothing.
#include "kernels/reduce_walks.hpp"

namespace minigrad::MINIGRAD_ISA {

extern const Runs conversion_runs;

namespace {

// ---------------------------------------------------------------------------------------------------------------------
// Runs.

// Where the order of elements `matters` not, they are taken in that of memory: columns that are contiguous as rows.
template <class T>
[[gnu::noinline]] Status reduce(const Call& call, const Operation<T>& op, DimMask mask, bool mean = false,
                                bool matters = true) {
  constexpr int64_t kFew = 8;
  const View x = matters ? call.in[0] : in_memory_order(call.in[0], mask);
  Reduction form = describe_reduction(x, mask);
  if (form.kept == 0) return Status::ok;
  const ReductionNest nest = make_reduction_nest(x, mask, call.out[0], true);
  const int last = nest.reduced.rank - 1;
  const bool runs = nest.reduced.stride[0][last] == 1 && nest.reduced.shape[last] >= kBlockVectors;
  const bool as_rows = !matters && !form.rows && form.kept >= kFew && runs;
  const Chunks chunks = as_rows ? Chunks{0, 0} : divide_into_chunks(form, kVirtualLanes<T>);
  if (as_rows) form.rows = true;
  const T divisor = mean ? static_cast<T>(form.reduced) : T{1};
  const Reducer<T> reducer = {op, form, nest, choose_walk<T>(form, nest), x.as<T>(), call.out[0].as<T>(), divisor};
  reducer.run_all(chunks, reinterpret_cast<T*>(call.shared));
  return Status::ok;
}

template <class Op, class T, bool kMatters = true>
Status run_reduce(const Call& call) {
  return reduce(call, kOperation<Op, T>, listed_dims(call.in[0], call.attributes[0]), false, kMatters);
}

template <class T>
Status run_mean(const Call& call) {
  return reduce(call, kOperation<Sum, T>, listed_dims(call.in[0], call.attributes[0]), true);
}

template <class T>
Status run_sum_to(const Call& call) {
  return reduce(call, kOperation<Sum, T>, broadcast_dims(call.in[0], call.attributes[0]));
}

// Of float16, converted as it is read; the results are floats until the end.
Status reduce_halves(const Call& call, const Operation<float>& op, bool mean = false) {
  const View& x = call.in[0];
  const DimMask mask = listed_dims(x, call.attributes[0]);
  const Reduction form = describe_reduction(x, mask);
  if (form.kept == 0) return Status::ok;
  View out = call.out[0];
  out.dtype = DType::float32;
  out.data = call.shared;
  int64_t size = 1;
  for (int d = out.rank - 1; d >= 0; size *= out.shape[d--]) out.stride[d] = size;
  const ReductionNest nest = make_reduction_nest(x, mask, out, true);
  const Reducer<float> reducer = {.op = op,
                                  .form = form,
                                  .nest = nest,
                                  .walk = mapped_walk(form, nest, false),
                                  .x = x.as<float>(),
                                  .out = out.as<float>(),
                                  .divisor = mean ? static_cast<float>(form.reduced) : 1.0f,
                                  .stored = x.as<int16_t>()};
  reducer.run_all(divide_into_chunks(form, kVirtualLanes<float>), out.as<float>() + size);
  return conversion_runs.rows[0].run[DType::float32]({&out, 1, call.out, nullptr, nullptr, nullptr, 0});
}

template <class Op>
Status run_halves(const Call& call) {
  return reduce_halves(call, kOperation<Op, float>);
}

Status run_mean_of_halves(const Call& call) { return reduce_halves(call, kOperation<Sum, float>, true); }

constexpr RunsByDType with_halves(RunFunction float32, RunFunction float64, RunFunction float16) {
  RunsByDType runs = floats(float32, float64);
  runs.of[static_cast<int>(DType::float16)] = float16;
  return runs;
}

constexpr Run kRows[] = {
    {"sum", with_halves(run_reduce<Sum, float>, run_reduce<Sum, double>, run_halves<Sum>)},
    {"mean", with_halves(run_mean<float>, run_mean<double>, run_mean_of_halves)},
    {"nansum",
     with_halves(run_reduce<SumOfNumbers, float>, run_reduce<SumOfNumbers, double>, run_halves<SumOfNumbers>)},
    {"prod", with_halves(run_reduce<Product, float>, run_reduce<Product, double>, run_halves<Product>)},
    {"max", with_halves(run_reduce<Largest, float, false>, run_reduce<Largest, double, false>, run_halves<Largest>)},
    {"min", with_halves(run_reduce<Smallest, float, false>, run_reduce<Smallest, double, false>, run_halves<Smallest>)},
    {"sum_to", floats(run_sum_to<float>, run_sum_to<double>)},
};

}  // namespace

extern const Runs reduce_runs;
const Runs reduce_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::MINIGRAD_ISA
