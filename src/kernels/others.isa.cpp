// product_of_others: each element's product of all others of its line, times the line's cotangent. Nothing divides, so
// zeros do no harm.
//
// A line is cut into blocks. What an element is multiplied with: what stands before it in its block, what stands behind
// it, and the cotangent times the other blocks' products. Within a block of the last dimension (rows) the same happens
// once more: vector i is 64 neighbouring elements (32 in double); each lane is a chain over the vectors, and the other
// lanes' products are combined by halving. Along any other dimension (columns) a block is a chain of 32 elements.
#include "core/kernel.hpp"
#include "core/loops.hpp"
#include "core/parallel.hpp"
#include "isa/isa.hpp"
#include "isa/lanes.hpp"
#include "kernels/others_layout.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// Blocks of rows.

template <class T>
constexpr int kRegisters = 4 * kParts<T>;  // in a vector
template <class T>
constexpr int kVector = kRegisters<T> * kLanes<T>;

template <class T>
struct BlockVector {
  Vec<T> part[kRegisters<T>];
};

// The first `count` elements at x, 1 behind them; or all of them.
template <class T>
[[gnu::always_inline]] inline BlockVector<T> load_vector(const T* x, int64_t count) {
  BlockVector<T> v;
  for (int i = 0; i < kRegisters<T>; ++i) {
    const int64_t here = count - i * kLanes<T>;
    const Vec<T> one = splat(T{1});
    v.part[i] = here >= kLanes<T> ? load(x + i * kLanes<T>) : here > 0 ? load_first(x + i * kLanes<T>, here, one) : one;
  }
  return v;
}

template <class T>
[[gnu::always_inline]] inline void store_vector(T* out, const BlockVector<T>& v, int64_t count) {
  for (int i = 0; i < kRegisters<T>; ++i) {
    const int64_t here = count - i * kLanes<T>;
    if (here >= kLanes<T>) {
      store(out + i * kLanes<T>, v.part[i]);
    } else if (here > 0) {
      store_first(out + i * kLanes<T>, v.part[i], here);
    }
  }
}

template <class T>
[[gnu::always_inline]] inline void multiply(BlockVector<T>& x, const BlockVector<T>& y) {
  for (int i = 0; i < kRegisters<T>; ++i) x.part[i] *= y.part[i];
}

// The products of the other lanes and of all lanes, kDistance lanes of a register already taken together.
template <class T, int kDistance = 1>
[[gnu::always_inline]] inline void exchange_products(BlockVector<T>& others, BlockVector<T>& all) {
  if constexpr (kDistance < kLanes<T>) {
    for (int i = 0; i < kRegisters<T>; ++i) {
      const Vec<T> other = exchange_lanes<kDistance>(all.part[i], std::make_integer_sequence<int, kLanes<T>>());
      others.part[i] *= other;
      all.part[i] *= other;
    }
    exchange_products<T, 2 * kDistance>(others, all);
  }
}

// Afterwards each lane of `others` has been multiplied with all lanes but its own, and each lane of `all` with all.
template <class T>
[[gnu::always_inline]] inline void products_across(BlockVector<T>& others, BlockVector<T>& all) {
  exchange_products(others, all);
  for (int distance = 1; distance < kRegisters<T>; distance *= 2) {
    BlockVector<T> other;
    for (int i = 0; i < kRegisters<T>; ++i) other.part[i] = all.part[i ^ distance];
    multiply(others, other);
    multiply(all, other);
  }
}

template <class T>
[[gnu::always_inline]] inline BlockVector<T> splat_vector(T x) {
  BlockVector<T> v;
  for (int i = 0; i < kRegisters<T>; ++i) v.part[i] = splat(x);
  return v;
}

template <class T>
[[gnu::noinline]] T product_of_block(const T* x, int64_t n) {
  BlockVector<T> all = splat_vector(T{1}), others = all;
  for (int64_t j = 0; j < n; j += kVector<T>) multiply(all, load_vector(x + j, n - j));
  products_across(others, all);
  return all.part[0][0];
}

// out[i] = the others of x[0 ... n), times `factor`.
template <class T>
[[gnu::noinline]] void others_of_block(T* out, const T* x, int64_t n, T factor) {
  BlockVector<T> before = splat_vector(T{1}), behind = splat_vector(factor);
  const int64_t whole = n / kVector<T> * kVector<T>;
  for (int64_t j = 0; j < whole; j += kVector<T>) {
    store_vector(out + j, before, kVector<T>);
    multiply(before, load_vector(x + j, kVector<T>));
  }
  const BlockVector<T> last = load_vector(x + whole, n - whole);
  store_vector(out + whole, before, n - whole);
  multiply(before, last);
  products_across(behind, before);
  BlockVector<T> result = load_vector(out + whole, n - whole);
  multiply(result, behind);
  store_vector(out + whole, result, n - whole);
  multiply(behind, last);
  for (int64_t j = whole - kVector<T>; j >= 0; j -= kVector<T>) {
    BlockVector<T> product = load_vector(out + j, kVector<T>);
    multiply(product, behind);
    store_vector(out + j, product, kVector<T>);
    multiply(behind, load_vector(x + j, kVector<T>));
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Blocks of columns: element k of column j at x + k * step + j * x_col.

constexpr int64_t kStrip = 1024;

// total[j] = the product of n elements.
template <class T>
[[gnu::noinline]] void product_of_columns(T* total, const T* x, int64_t step, int64_t x_col, int64_t n, int64_t cols) {
  for (int64_t j = 0; j < cols; ++j) total[j] = 1;
  for (int64_t k = 0; k < n; ++k) {
    const T* const row = x + k * step;
    if (x_col == 1) {
#pragma omp simd
      for (int64_t j = 0; j < cols; ++j) total[j] *= row[j];
    } else {
      for (int64_t j = 0; j < cols; ++j) total[j] *= row[j * x_col];
    }
  }
}

template <class T>
struct ColumnBlock {
  T* out;
  const T* x;
  int64_t out_step, x_step, out_col, x_col;

  // out = running, or out times running, where `back`; then running takes in x: row k.
  template <bool kBack>
  [[gnu::always_inline]] void take_row(T* running, int64_t k, int64_t cols) const {
    T* const o = out + k * out_step;
    const T* const a = x + k * x_step;
    const auto step = [=](T& to, T from, T& run) __attribute__((always_inline)) {
      to = kBack ? to * run : run;
      run *= from;
    };
    if (out_col == 1 && x_col == 1) {
#pragma omp simd
      for (int64_t j = 0; j < cols; ++j) step(o[j], a[j], running[j]);
    } else {
      for (int64_t j = 0; j < cols; ++j) step(o[j * out_col], a[j * x_col], running[j]);
    }
  }

  // At most kStrip columns.
  [[gnu::noinline]] void run(int64_t n, int64_t cols, const T* factor) const {
    alignas(64) T running[kStrip];
    for (int64_t j = 0; j < cols; ++j) running[j] = 1;
    for (int64_t k = 0; k < n; ++k) take_row<false>(running, k, cols);
    for (int64_t j = 0; j < cols; ++j) running[j] = factor[j];
    for (int64_t k = n - 1; k >= 0; --k) take_row<true>(running, k, cols);
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// A call.

template <class T>
struct Others {
  OthersForm form;
  Nest<2> lines;  // of out and x
  T* out;
  const T* x;
  int64_t out_step, x_step;  // along a line
  T* factors;                // each line's cotangent; behind it, where there are several blocks:
  T* totals;                 // [block][line], the block's product
  T* others;                 // [block][line], the other blocks' times the cotangent

  int64_t col(int operand) const { return lines.stride[operand][lines.rank - 1]; }
  int64_t length(int64_t block) const {
    const int64_t left = form.length - block * form.block;
    return left < form.block ? left : form.block;
  }

  // Calls visit(block, to, from, line, count) for all blocks of all lines, `count` lines side by side at a time.
  template <class Visit>
  void for_blocks(int64_t most, Visit&& visit) const {
    const double cost = kOthersNanoseconds * static_cast<double>(form.block);
    parallel_for(form.blocks * form.lines, cost, [&](int64_t begin, int64_t end, int) {
      while (begin < end) {
        const int64_t block = begin / form.lines, first = begin % form.lines;
        const int64_t left = form.lines - first, taken = left < end - begin ? left : end - begin;
        int64_t line = first;
        for_rows(lines, first, first + taken, [&](const int64_t* offset, int64_t count) {
          const int64_t place = block * form.block;
          for (int64_t j = 0; j < count; j += most) {
            visit(block, out + offset[0] + place * out_step + j * col(0), x + offset[1] + place * x_step + j * col(1),
                  line + j, count - j < most ? count - j : most);
          }
          line += count;
        });
        begin += taken;
      }
    });
  }

  // The block's elements where they are, or a copy of them.
  const T* contiguous(const T* from, int64_t n, T* copy) const {
    if (x_step == 1) return from;
    gather(copy, from, x_step, n);
    return copy;
  }

  void multiply_blocks() const {
    for_blocks(form.rows ? 1 : kStrip, [&](int64_t block, T*, const T* from, int64_t line, int64_t count) {
      T* const total = totals + block * form.lines + line;
      alignas(64) T copy[4096 / sizeof(T)];
      if (!form.rows) return product_of_columns(total, from, x_step, col(1), length(block), count);
      *total = product_of_block(contiguous(from, length(block), copy), length(block));
    });
  }

  // others = what stands before the block, then times what stands behind it; the cotangents are used up.
  void multiply_others() const {
    const int64_t n = form.lines;
    for (int64_t j = 0; j < n; ++j) others[j] = 1;
    for (int64_t i = n; i < form.blocks * n; ++i) others[i] = others[i - n] * totals[i - n];
    for (int64_t block = form.blocks - 1; block >= 0; --block) {
      for (int64_t j = 0; j < n; ++j) {
        others[block * n + j] *= factors[j];
        factors[j] *= totals[block * n + j];
      }
    }
  }

  void write() const {
    const T* const factor = form.blocks > 1 ? others : factors;
    for_blocks(form.rows ? 1 : kStrip, [&](int64_t block, T* to, const T* from, int64_t line, int64_t count) {
      const T* const own = factor + block * form.lines + line;
      const int64_t n = length(block);
      if (!form.rows) return ColumnBlock<T>{to, from, out_step, x_step, col(0), col(1)}.run(n, count, own);
      alignas(64) T copy[4096 / sizeof(T)], result[4096 / sizeof(T)];
      const bool direct = out_step == 1;
      others_of_block(direct ? to : result, contiguous(from, n, copy), n, *own);
      if (!direct) scatter(to, out_step, result, n);
    });
  }
};

// x without dimension dim; g where it is a number, repeated.
View without_dim(View x, int dim) {
  for (int d = dim; d + 1 < x.rank; ++d) {
    x.shape[d] = x.shape[d + 1];
    x.stride[d] = x.stride[d + 1];
  }
  --x.rank;
  return x;
}

template <class T>
void copy_factors(T* factors, const View& g, const View& lines, int dim) {
  View from = lines;
  from.data = g.data;
  for (int d = 0; d < lines.rank; ++d) from.stride[d] = g.rank == 0 ? 0 : g.stride[d < dim ? d : d + 1];
  const View* const operands[] = {&from};
  const Nest<1> nest = make_nest(operands);
  const int64_t step = nest.stride[0][nest.rank - 1];
  for_rows(nest, 0, nest.size, [&](const int64_t* offset, int64_t count) {
    for (int64_t i = 0; i < count; ++i) factors[i] = from.as<T>()[offset[0] + i * step];
    factors += count;
  });
}

template <class T>
Status run_product_of_others(const Call& call) {
  const View& x = call.in[1];
  const View& out = call.out[0];
  if (x.size() == 0) return Status::ok;
  const int64_t given = call.attributes[0].integer();
  const int dim = static_cast<int>(given < 0 ? given + x.rank : given);
  const View x_lines = without_dim(x, dim), out_lines = without_dim(out, dim);
  const View* const operands[] = {&out_lines, &x_lines};
  const OthersForm form = others_form(x, dim);
  T* const factors = reinterpret_cast<T*>(call.shared);
  T* const totals = factors + form.lines;
  const Others<T> product = {form,
                             make_nest(operands),
                             out.as<T>(),
                             x.as<T>(),
                             out.stride[dim],
                             x.stride[dim],
                             factors,
                             totals,
                             totals + form.blocks * form.lines};
  copy_factors(factors, call.in[0], x_lines, dim);
  if (form.blocks > 1) {
    product.multiply_blocks();
    product.multiply_others();
  }
  product.write();
  return Status::ok;
}

constexpr Run kRows[] = {
    {"product_of_others", floats(run_product_of_others<float>, run_product_of_others<double>)},
};

}  // namespace

extern const Runs others_runs;
const Runs others_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::MINIGRAD_ISA
