// Reductions of what is made of the elements: var_mean, logsumexp, norm, product_sum_to; and the elementwise functions
// that carry cotangents back through them.
//
// Every sum has the order of reduce_blocks.hpp, so a result's bits depend on the elements that it is made of alone.
//   var_mean    the mean, as mean computes it; and the sums r of x - c and s of (x - c)^2. c is the mean of rows that
//               are not long; otherwise that of the first sixteenth of each block (of few, all), so that elements come
//               from memory once. The variance is (s - r^2 / n) / (n - correction). Where more than half of s would
//               cancel, because the sample is of other elements than the rest, both sums are made again, with the mean
//               as centre.
//   logsumexp   the maximum m (0 where it is -inf); log(sum of exp(x - m)) + m. A row of -inf gives -inf, one with
//               +inf gives +inf, one with NaN gives NaN.
//   norm        the sum of |x|^p, then its p-th root; p = 0 counts what is not 0. Squares may overflow.
#include "core/kernel.hpp"
#include "core/loops.hpp"
#include "core/parallel.hpp"
#include "isa/isa.hpp"
#include "isa/math.hpp"
#include "kernels/elementwise_walk.hpp"
#include "kernels/reduce_walks.hpp"
#include "kernels/statistics_layout.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// The sum of this is a reduction like others, without a mapping.
struct SumOfSquares : Sum {
  template <class V>
  [[gnu::always_inline]] static inline V read(V x) {
    return x * x;
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// What is made of an element x, given a value c that its result has and the parameter p of the call.

struct Exponential {
  template <class T>
  [[gnu::always_inline]] static inline T apply(T x, T c, T) {
    return math::exp_below_0(x - c);
  }
};

struct Magnitude {
  template <class T>
  [[gnu::always_inline]] static inline T apply(T x, T, T) {
    return math::abs(x);
  }
};

struct NotZero {
  template <class T>
  [[gnu::always_inline]] static inline T apply(T x, T, T) {
    return x == 0 ? T{0} : T{1};
  }
};

struct Cube {
  template <class T>
  [[gnu::always_inline]] static inline T apply(T x, T, T) {
    return math::abs(x) * (x * x);
  }
};

struct Root {
  template <class T>
  [[gnu::always_inline]] static inline T apply(T x, T, T) {
    return math::sqrt(math::abs(x));
  }
};

struct Power {
  template <class T>
  [[gnu::always_inline]] static inline T apply(T x, T, T p) {
    return math::pow(math::abs(x), p);
  }
};

// Of results: the sum of squared deviations less what rounding the mean of n elements has put in; the logarithm of a
// sum of exp(x - m), plus m.
struct Corrected {
  template <class T>
  [[gnu::always_inline]] static inline T apply(T squares, T rest, T n) {
    const T left = squares - rest * rest / n;
    return left < 0 ? T{0} : left;
  }
};

struct LogOfSum {
  template <class T>
  [[gnu::always_inline]] static inline T apply(T sum, T m, T) {
    return m == Smallest::kIdentity<T> ? m : math::log(sum) + m;
  }
};

// An exponent for each: what depends on a single one alone would go out of the loop, which then is no vector loop.
struct PowerOfSum {
  template <class T>
  [[gnu::always_inline]] static inline T apply(T sum, T exponent, T) {
    return math::pow(sum, exponent);
  }
};

// A Map (reduce_walks.hpp). Of few columns a loop is little but branches, whose pace depends on where they lie: always
// in the same place of a line.
template <class F, class T>
[[gnu::aligned(64)]] void map_rows(T* out, const T* x, int64_t x_step, int64_t rows, int64_t cols, const T* centre,
                                   int64_t centre_step, T parameter) {
  for (int64_t i = 0; i < rows; ++i) {
    T* const o = out + i * cols;
    const T* const a = x + i * x_step;
    if (centre_step == 0) {
      const T c = *centre;
#pragma omp simd
      for (int64_t j = 0; j < cols; ++j) o[j] = F::apply(a[j], c, parameter);
    } else {
#pragma omp simd
      for (int64_t j = 0; j < cols; ++j) o[j] = F::apply(a[j], centre[j], parameter);
    }
  }
}

template <class F, class T>
constexpr Mapping<T> kMapping = {map_rows<F, T>, nullptr, nullptr};

// x - c, and with kSquared its square, of one row whose centre is c, or of rows of which each column has its own.
template <class T, bool kSquared>
struct DeviationRow {
  const T* x;
  T c;

  [[gnu::always_inline]] Vec<T> at(int64_t j) const { return deviation(load(x + j), splat(c)); }
  [[gnu::always_inline]] Vec<T> first(int64_t j, int64_t count, Vec<T>) const {
    return deviation(load_first(x + j, count, splat(c)), splat(c));
  }
  [[gnu::always_inline]] static Vec<T> deviation(Vec<T> x, Vec<T> c) { return kSquared ? (x - c) * (x - c) : x - c; }
};

template <class T, bool kSquared>
struct DeviationColumns {
  const T* x;
  const T* c;

  [[gnu::always_inline]] Vec<T> at(int64_t j) const {
    return DeviationRow<T, kSquared>::deviation(load(x + j), load(c + j));
  }
  [[gnu::always_inline]] Vec<T> first(int64_t j, int64_t count, Vec<T> fill) const {
    return DeviationRow<T, kSquared>::deviation(load_first(x + j, count, fill), load_first(c + j, count, fill));
  }
};

template <class T, bool kSquared>
struct DeviationRows {
  const T* x;
  int64_t step;
  const T* c;

  [[gnu::always_inline]] DeviationColumns<T, kSquared> row(int64_t i) const { return {x + i * step, c}; }
};

// The Mapping of x, x - c and (x - c)^2, in registers; and of the latter two in rows.
template <class T>
void sum_moments_of_block(T* lanes, int64_t apart, const T* x, int64_t count, T c) {
  sum_blocks<T>(lanes, apart, count, PlainRow<T>{x}, DeviationRow<T, false>{x, c}, DeviationRow<T, true>{x, c});
}

template <class T>
void sum_deviations_of_block(T* lanes, int64_t apart, const T* x, int64_t count, T c) {
  sum_blocks<T>(lanes, apart, count, DeviationRow<T, false>{x, c}, DeviationRow<T, true>{x, c});
}

// Whole registers of four rows are read once for all three; few columns, and the last rows, sum by sum.
template <class T>
void sum_moments_of_columns(T* out, int64_t cols, const T* x, int64_t x_step, int64_t count, const T* c, bool far) {
  const int64_t whole = count % 4 == 0 && cols > 2 * kLanes<T> ? cols / kLanes<T> * kLanes<T> : 0;
  T* const rest = out + cols;
  T* const squares = rest + cols;
  for (int64_t j = 0; j < 3 * cols; ++j) out[j] = 0;
  for (int64_t i = 0; i < count; i += 4) {
    const T* const from = x + i * x_step;
    const PlainRow<T> r[4] = {{from}, {from + x_step}, {from + 2 * x_step}, {from + 3 * x_step}};
    for (int64_t j = 0; j < whole; j += kLanes<T>) {
      for (int64_t k = 4; far && k < 8; ++k) __builtin_prefetch(from + k * x_step + j, 0, 2);
      const Vec<T> m = load(c + j);
      const auto at = [j](auto&& row) __attribute__((always_inline)) { return row.at(j); };
      const auto deviation = [=](auto&& row) __attribute__((always_inline)) { return row.at(j) - m; };
      const auto square = [=](auto&& row) __attribute__((always_inline)) { return (row.at(j) - m) * (row.at(j) - m); };
      const Vec<T> sum = add_column_group<Sum, 4>(load(out + j), r, at);
      const Vec<T> of_rest = add_column_group<Sum, 4>(load(rest + j), r, deviation);
      const Vec<T> of_squares = add_column_group<Sum, 4>(load(squares + j), r, square);
      store(out + j, sum);
      store(rest + j, of_rest);
      store(squares + j, of_squares);
    }
  }
  const int64_t left = cols - whole;
  const T* const from = x + whole;
  narrow_columns<Sum>(out + whole, left, PlainRows<T>{from, x_step}, count);
  narrow_columns<Sum>(rest + whole, left, DeviationRows<T, false>{from, x_step, c + whole}, count);
  narrow_columns<Sum>(squares + whole, left, DeviationRows<T, true>{from, x_step, c + whole}, count);
}

template <class T>
constexpr Mapping<T> kMoments = {nullptr, sum_moments_of_block<T>, sum_moments_of_columns<T>};
template <class T>
constexpr Mapping<T> kDeviations = {nullptr, sum_deviations_of_block<T>, nullptr};

// ---------------------------------------------------------------------------------------------------------------------
// A call.

template <class T>
struct Statistic {
  const View& x;
  const View& out;
  DimMask mask;
  Reduction form;
  Chunks chunks;
  char* shared;

  explicit Statistic(const Call& call)
      : x(call.in[0]),
        out(call.out[0]),
        mask(listed_dims(x, call.attributes[0])),
        form(describe_reduction(x, mask)),
        chunks(divide_into_chunks(form, kVirtualLanes<T>)),
        shared(call.shared) {}

  // Scratch for the chunks of a reduction, and with a value for each result.
  T* partial() const { return reinterpret_cast<T*>(shared); }
  T* values(int i) const {
    const size_t before = kMostSums * static_cast<size_t>(chunk_values()) * sizeof(T);
    return reinterpret_cast<T*>(shared + scratch_before(before) + static_cast<size_t>(i) * scratch_bytes(out));
  }
  int64_t chunk_values() const { return chunks.count * form.kept * (form.rows ? kVirtualLanes<T> : 1); }

  ReductionNest nest_to(T* to) const { return make_reduction_nest(x, mask, contiguous_view(out, to)); }

  // The elements themselves, combined; divided by `divisor`.
  Reducer<T, true> plain(const Operation<T>& op, const ReductionNest& nest, T divisor, T* to) const {
    return {op, form, nest, choose_walk<T>(form, nest), x.as<T>(), to, divisor};
  }

  // The sums of what `mapping` makes of them, the first one divided; centre has a value for each result, or is nullptr.
  Reducer<T, true> mapped(const Mapping<T>& mapping, const ReductionNest& nest, const T* centre, T parameter, T* to,
                          T divisor = 1, int sums = 1, int64_t apart = 0) const {
    return {kOperation<Sum, T>, form, nest, mapped_walk(form, nest, sums > 1), x.as<T>(), to, divisor, &mapping, centre,
            parameter,          sums, apart};
  }

  // The results of the first are the centres of the second, after between(begin, end) has gone over them. Elements come
  // from memory once where rows fit into a near cache.
  template <class Between>
  [[gnu::noinline]] void run(const Reducer<T, true>& first, Between&& between, const Reducer<T, true>& second) const {
    constexpr int64_t kNear = 1 << 18;  // bytes
    if (form.reduced == 0 || !form.rows || chunks.count > 0) {
      first.run_all(chunks, partial());
      between(int64_t{0}, form.kept);
      return second.run_all(chunks, partial());
    }
    const int64_t row = form.reduced * static_cast<int64_t>(sizeof(T)), piece = row < kNear ? kNear / row : 1;
    parallel_for(form.kept, 2 * kNanosecondsEach * static_cast<double>(form.reduced),
                 [&](int64_t begin, int64_t end, int) {
                   for (int64_t stop; begin < end; begin = stop) {
                     stop = smaller(begin + piece, end);
                     first.run_part(begin, stop);
                     between(begin, stop);
                     second.run_part(begin, stop);
                   }
                 });
  }

  // to = f(a, b, parameter) / divisor for each result, into an output; nullptr: a. What is in a is lost.
  void finish(const View& to, T* a, Map<T> f, const T* b, T parameter, T divisor) const {
    const View a_view = contiguous_view(to, a);
    const View* const operands[] = {&to, &a_view};
    const Nest<2> nest = make_nest(operands);
    const int64_t step = nest.stride[0][nest.rank - 1];
    parallel_for(nest.size, 1, [&](int64_t begin, int64_t end) {
      for (int64_t stop; begin < end; begin = stop) {
        stop = smaller(begin + kRowBlock<T>, end);
        if (f != nullptr) f(a + begin, a + begin, 0, 1, stop - begin, b + begin, 1, parameter);
        if (divisor != 1) {
#pragma omp simd
          for (int64_t i = begin; i < stop; ++i) a[i] /= divisor;
        }
        for_rows(nest, begin, stop, [&](const int64_t* offset, int64_t count) {
          T* const o = to.as<T>() + offset[0];
          step == 1 ? copy(o, a + offset[1], count) : scatter(o, step, a + offset[1], count);
        });
      }
    });
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// Runs.

// The mean as centre where it lies so far from the one there was that the difference of the sums loses a bit or more;
// whether there is such a result. Once the sums are made again, the others have the same bits as before.
template <class T>
[[gnu::noinline]] bool move_centres(int64_t results, T n, T* centre, const T* mean, const T* rest, const T* squares) {
  bool moved = false;
  for (int64_t i = 0; i < results; ++i) {
    if (!(rest[i] * rest[i] / n > squares[i] / 2)) continue;
    centre[i] = mean[i];
    moved = true;
  }
  return moved;
}

template <class T>
Status run_var_mean(const Call& call) {
  const Statistic<T> s(call);
  if (s.form.kept == 0) return Status::ok;
  constexpr int64_t kLongRow = 1 << 16;
  const bool sampled = !s.form.rows || s.form.reduced > kLongRow;
  T* const mean = s.values(0);
  T* const rest = s.values(1);
  T* const squares = s.values(2);
  T* const centre = sampled ? s.values(3) : mean;
  const T n = static_cast<T>(s.form.reduced);
  const double degrees = static_cast<double>(s.form.reduced) - call.attributes[2].real;
  const T divisor = static_cast<T>(degrees > 0 ? degrees : 0);
  const ReductionNest nest = s.nest_to(mean);
  Reducer<T, true> first = s.plain(kOperation<Sum, T>, nest, n, centre);
  if (sampled) {
    first.take_sample();
    first.run_all(s.chunks, s.partial());
    const Reducer<T, true> second = s.mapped(kMoments<T>, nest, centre, 0, mean, n, 3, rest - mean);
    second.run_all(s.chunks, s.partial());
    // Where all elements were the sample, the centre is the mean already.
    const bool moved = first.share > 1 && move_centres(s.form.kept, n, centre, mean, rest, squares);
    if (moved) second.run_all(s.chunks, s.partial());
  } else {
    s.run(first, [](int64_t, int64_t) {}, s.mapped(kDeviations<T>, nest, centre, 0, rest, 1, 2, squares - rest));
  }
  s.finish(call.out[0], squares, map_rows<Corrected, T>, rest, n, divisor);
  s.finish(call.out[1], mean, nullptr, mean, 0, 1);
  return Status::ok;
}

template <class T>
Status run_logsumexp(const Call& call) {
  const Statistic<T> s(call);
  if (s.form.kept == 0) return Status::ok;
  T* const largest = s.values(0);
  T* const total = s.values(1);
  const ReductionNest nest = s.nest_to(largest);
  const auto to_finite = [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) largest[i] = largest[i] == Largest::kIdentity<T> ? T{0} : largest[i];
  };
  s.run(s.plain(kOperation<Largest, T>, nest, 1, largest), to_finite,
        s.mapped(kMapping<Exponential, T>, nest, largest, 0, total));
  s.finish(call.out[0], total, map_rows<LogOfSum, T>, largest, 0, 1);
  return Status::ok;
}

template <class T>
const Mapping<T>& power_of(double p) {
  if (p == 0) return kMapping<NotZero, T>;
  if (p == 1) return kMapping<Magnitude, T>;
  if (p == 3) return kMapping<Cube, T>;
  return p == 0.5 ? kMapping<Root, T> : kMapping<Power, T>;
}

template <class T>
Status run_norm(const Call& call) {
  const Statistic<T> s(call);
  if (s.form.kept == 0) return Status::ok;
  const double p = call.attributes[2].real;
  T* const total = s.values(0);
  const ReductionNest nest = s.nest_to(total);
  if (p == 2) {
    s.plain(kOperation<SumOfSquares, T>, nest, 1, total).run_all(s.chunks, s.partial());
  } else {
    s.mapped(power_of<T>(p), nest, nullptr, static_cast<T>(p), total).run_all(s.chunks, s.partial());
  }
  const Map<T> root = p == 2 ? map_rows<Root, T> : (p == 0 || p == 1 ? nullptr : map_rows<PowerOfSum, T>);
  T* const exponents = s.values(1);
  for (int64_t i = 0; root != nullptr && p != 2 && i < s.form.kept; ++i) exponents[i] = static_cast<T>(1 / p);
  s.finish(call.out[0], total, root, exponents, 0, 1);
  return Status::ok;
}

// Products in which 0 times infinity or NaN is 0. (A sum does not see the sign of a 0.)
template <class T>
[[gnu::always_inline]] inline Vec<T> safe_product(Vec<T> x, Vec<T> y) {
  return ((x == 0) | (y == 0)) ? Vec<T>{} : x * y;
}

// A Map of contiguous elements, whose factors take the place of centres.
template <class T>
void multiply(T* out, const T* x, int64_t, int64_t, int64_t count, const T* y, int64_t, T) {
  int64_t i = 0;
  for (; i + kLanes<T> <= count; i += kLanes<T>) store(out + i, safe_product<T>(load(x + i), load(y + i)));
  if (i == count) return;
  const auto rest = [=](const T* from)
                        __attribute__((always_inline)) { return load_first(from + i, count - i, Vec<T>{}); };
  store_first(out + i, safe_product<T>(rest(x), rest(y)), count - i);
}

template <class T>
constexpr Mapping<T> kMultiplied = {multiply<T>, nullptr, nullptr};

// Writes the products of contiguous elements with others, or with a single number.
template <class T>
void write_products(T* out, const View& x, const View& y) {
  constexpr int64_t kEqual = 16 * kVirtualLanes<T>;
  const bool repeated = is_one_number(x);
  T equal[kEqual];
  for (int64_t i = 0; repeated && i < smaller(kEqual, y.size()); ++i) equal[i] = *x.as<T>();
  parallel_for(y.size(), kNanosecondsEach, [&](int64_t begin, int64_t end) {
    const int64_t piece = repeated ? kEqual : end - begin;
    for (int64_t i = begin; i < end; i += piece) {
      multiply(out + i, repeated ? equal : x.as<T>() + i, 0, 1, smaller(piece, end - i), y.as<T>() + i, 0, T{0});
    }
  });
}

// Both factors lie alike, without gaps, or the first is a single number. Products that are not summed as they are read
// are written first.
template <class T>
Status run_product_sum_to(const Call& call) {
  View x = call.in[1];
  const DimMask mask = broadcast_dims(x, call.attributes[0]);
  const Reduction form = describe_reduction(x, mask);
  if (form.kept == 0) return Status::ok;
  const Chunks chunks = divide_into_chunks(form, kVirtualLanes<T>);
  const bool read_once = call.in[0].contiguous() && sums_products(x, mask);
  if (!read_once) {
    T* const to = reinterpret_cast<T*>(call.shared) + chunks.count * form.kept * (form.rows ? kVirtualLanes<T> : 1);
    write_products(to, call.in[0], call.in[1]);
    x.data = to;
  }
  const ReductionNest nest = make_reduction_nest(x, mask, call.out[0], true);
  const Walk walk = !read_once ? choose_walk<T>(form, nest) : (form.rows ? Walk::pieces : Walk::mapped);
  Reducer<T, true> reducer = {kOperation<Sum, T>, form, nest, walk, x.as<T>(), call.out[0].as<T>(), 1};
  if (read_once) {
    reducer.mapping = &kMultiplied<T>;
    reducer.factors = call.in[0].as<T>();
  }
  reducer.run_all(chunks, reinterpret_cast<T*>(call.shared));
  return Status::ok;
}

// ---------------------------------------------------------------------------------------------------------------------
// Functions of three operands that broadcast.

struct TimesDeviation {
  static constexpr double kNanoseconds = 0.3;
  template <class T>
  [[gnu::always_inline]] static inline T apply(T g, T x, T mean) {
    return g * (x - mean);
  }
};

// exp(x - total), where a total of -inf, which is that of nothing, counts as 0. x is never far above a total.
struct TimesExpDifference {
  static constexpr double kNanoseconds = 0.6;
  template <class T>
  [[gnu::always_inline]] static inline T apply(T g, T x, T total) {
    return g * math::exp_below_0(x - (total == Largest::kIdentity<T> ? T{0} : total));
  }
};

template <class F, class T>
void ternary_loop(const void*, void* to, int64_t size, const Neighbours& in) {
  T* const out = static_cast<T*>(to);
  const T* const a = static_cast<const T*>(in.x[0]);
  const T* const b = static_cast<const T*>(in.x[1]);
  const T* const c = static_cast<const T*>(in.x[2]);
  if ((in.mask[0] & in.mask[1] & in.mask[2]) != 0) {
#pragma omp simd
    for (int64_t i = 0; i < size; ++i) out[i] = F::apply(a[i], b[i], c[i]);
  } else if (in.mask[0] == 0 && in.mask[1] != 0 && in.mask[2] == 0) {
    const T u = *a, w = *c;
#pragma omp simd
    for (int64_t i = 0; i < size; ++i) out[i] = F::apply(u, b[i], w);
  } else {
    for (int64_t i = 0; i < size; ++i) {
      out[i] = F::apply(a[i & in.mask[0]], b[i & in.mask[1]], c[i & in.mask[2]]);
    }
  }
}

template <class F, class T>
Status run_ternary(const Call& call) {
  return walk(call, {3, F::kNanoseconds, ternary_loop<F, T>});
}

constexpr Run kRows[] = {
    {"var_mean", floats(run_var_mean<float>, run_var_mean<double>)},
    {"logsumexp", floats(run_logsumexp<float>, run_logsumexp<double>)},
    {"norm", floats(run_norm<float>, run_norm<double>)},
    {"product_sum_to", floats(run_product_sum_to<float>, run_product_sum_to<double>)},
    {"deviation", floats(run_ternary<TimesDeviation, float>, run_ternary<TimesDeviation, double>)},
    {"exp_difference", floats(run_ternary<TimesExpDifference, float>, run_ternary<TimesExpDifference, double>)},
};

}  // namespace

extern const Runs statistics_runs;
const Runs statistics_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::MINIGRAD_ISA
