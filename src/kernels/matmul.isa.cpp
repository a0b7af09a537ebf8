// Runs of the matrix products: views to products, products to tasks.
#include "core/kernel.hpp"
#include "core/parallel.hpp"
#include "isa/gemm.hpp"
#include "isa/gemm_dot.hpp"
#include "isa/gemm_integers.hpp"
#include "isa/isa.hpp"
#include "isa/math.hpp"
#include "kernels/matmul_shapes.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// Tasks.

// A batch of products, each cut into row_parts times column_parts tasks. No result depends on the cuts.
struct Grid {
  int64_t rows, columns;  // of a task; its last row and column of tasks may have less
  int64_t row_parts, column_parts;
  int64_t tasks;
};

// Columns are cut where cache lines begin.
template <class T>
constexpr int64_t kColumnStep = 64 / sizeof(T);

static int64_t parts_of(int64_t size, int64_t part) { return (size + part - 1) / part; }

// About row_parts times column_parts equal tasks for each product.
template <class T>
Grid cut_into(const ProductShape& p, int64_t row_parts, int64_t column_parts) {
  Grid grid;
  grid.rows = parts_of(p.m, row_parts);
  grid.columns = smaller(p.n, parts_of(parts_of(p.n, column_parts), kColumnStep<T>) * kColumnStep<T>);
  grid.row_parts = parts_of(p.m, grid.rows);
  grid.column_parts = parts_of(p.n, grid.columns);
  grid.tasks = p.batch * grid.row_parts * grid.column_parts;
  return grid;
}

// What the worker with most tasks does, in multiplications for each k. Every task reads its rows of a and its columns
// of b, and copies them for itself where they are copied: an element takes as long as so many multiplications.
static int64_t grid_cost(const ProductShape& p, const Grid& grid, int64_t workers) {
  constexpr int64_t kRead = 4, kCopied = 20, kTurned = 30;
  const int64_t of_a = p.pack_a ? kCopied : kRead, of_b = p.b_col != 1 ? kTurned : p.pack_b ? kCopied : kRead;
  return parts_of(grid.tasks, workers) * (grid.rows * grid.columns + of_a * grid.rows + of_b * grid.columns);
}

// The best cut of about `wanted` tasks.
template <class T>
Grid best_grid(const ProductShape& p, int64_t wanted, int64_t workers) {
  const int64_t parts = parts_of(wanted, p.batch);
  Grid best = cut_into<T>(p, 1, parts);
  for (int64_t rows = 2; rows <= parts; ++rows) {
    const Grid grid = cut_into<T>(p, rows, parts_of(parts, rows));
    if (grid_cost(p, grid, workers) <= grid_cost(p, best, workers)) best = grid;
  }
  return best;
}

// Two tasks for each worker, so that one which is held up does not hold up the product, unless one takes clearly less.
template <class T>
Grid make_grid(const ProductShape& p, int64_t workers) {
  const Grid coarse = best_grid<T>(p, workers, workers), fine = best_grid<T>(p, 2 * workers, workers);
  return grid_cost(p, fine, workers) * 32 <= grid_cost(p, coarse, workers) * 33 ? fine : coarse;
}

// ---------------------------------------------------------------------------------------------------------------------
// Activations that are no comparison.

template <class T, T (*f)(T)>
void activate(const Product<T>& p, const Range& rows, const Range& columns) {
  for (int64_t r = rows.begin; r < rows.end; ++r) {
    T* c = p.c + r * p.shape->n;
#pragma omp simd
    for (int64_t j = columns.begin; j < columns.end; ++j) c[j] = f(c[j]);
  }
}

template <class T>
[[gnu::always_inline]] inline T tanh_of(T x) {
  return functions::Tanh<T>::fast(x);
}

template <class T>
[[gnu::always_inline]] inline T sigmoid_of(T x) {
  return functions::Sigmoid<T>::fast(x);
}

// ---------------------------------------------------------------------------------------------------------------------
// Runs.

// A column times a row: to the bit what run_block computes, and as fast as memory takes it.
template <class T>
void run_outer(const Product<T>& p, const Range& rows, const Range& columns) {
  const T* const b = p.b;
  if (p.shape->n == 1) {
    const int64_t step = p.shape->a_row;
#pragma omp simd
    for (int64_t r = rows.begin; r < rows.end; ++r) p.c[r] = fma(p.a[r * step], *b, T{0});
    return;
  }
  for (int64_t r = rows.begin; r < rows.end; ++r) {
    const T a = p.a[r * p.shape->a_row];
    T* const c = p.c + r * p.shape->n;
#pragma omp simd
    for (int64_t j = columns.begin; j < columns.end; ++j) c[j] = fma(a, b[j], T{0});
  }
}

// c[rows][columns] of one product.
template <class T>
void run_part(const Product<T>& p, const Range& rows, const Range& columns, Activation activation, char* scratch) {
  const bool plain = p.bias == nullptr && !p.relu;
  if (p.shape->k == 1 && (p.shape->b_col == 1 || p.shape->n == 1) && plain) {
    run_outer(p, rows, columns);
  } else if (p.shape->n == 1) {
    run_dot_block(p, rows, scratch);
  } else {
    run_block(p, rows, columns, scratch);
  }
  if (activation == Activation::tanh) activate<T, tanh_of<T>>(p, rows, columns);
  if (activation == Activation::sigmoid) activate<T, sigmoid_of<T>>(p, rows, columns);
}

// Moves p from the batch's first product to another one.
template <class P>
void go_to_item(P& p, const ProductShape& shape, int64_t item) {
  p.c += item * shape.m * shape.n;
  for (int d = 0; d < shape.rank; ++d) {
    const bool outermost = d + 1 == shape.rank;  // saves a division
    const int64_t i = outermost ? item : item % shape.shape[d];
    if (!outermost) item /= shape.shape[d];
    p.a += i * shape.a_step[d];
    p.b += i * shape.b_step[d];
  }
}

template <class T>
void run_task(Product<T> p, const Grid& grid, int64_t task, Activation activation, char* scratch) {
  const ProductShape& shape = *p.shape;
  const int64_t parts = grid.row_parts * grid.column_parts;
  if (parts == 1) {
    go_to_item(p, shape, task);
    return run_part(p, Range{0, shape.m}, Range{0, shape.n}, activation, scratch);
  }
  go_to_item(p, shape, task / parts);
  const int64_t row = task % parts / grid.column_parts * grid.rows;
  const int64_t column = task % grid.column_parts * grid.columns;
  run_part(p, Range{row, smaller(shape.m, row + grid.rows)}, Range{column, smaller(shape.n, column + grid.columns)},
           activation, scratch);
}

// Workers take tasks in small shares, so that a worker which is held up does not hold up much of the work.
constexpr int64_t kSharesPerWorker = 8;

template <class T>
void run_tasks(const Call& call, const Product<T>& p, Activation activation, int workers) {
  const Grid grid = workers == 1 ? cut_into<T>(*p.shape, 1, 1) : make_grid<T>(*p.shape, workers);
  const int64_t share = parts_of(grid.tasks, workers * kSharesPerWorker);
  int64_t next = 0;
  parallel_for(workers, 1e12, [&](int64_t, int64_t, int worker) {
    for (;;) {
      const int64_t begin = __atomic_fetch_add(&next, share, __ATOMIC_RELAXED);
      if (begin >= grid.tasks) return;
      for (int64_t task = begin; task < smaller(grid.tasks, begin + share); ++task) {
        run_task(p, grid, task, activation, call.scratch(worker));
      }
    }
  });
}

// Whether few rows had better read b where it stands: loads keep to lines of memory, or are the widest, which are few,
// and find b in a near cache.
template <class T>
bool spares_b(const ProductShape& p, const T* b) {
  constexpr uint64_t S = sizeof(T), kLine = 64;
  if (!p.spare_b) return false;
  const bool aligned = reinterpret_cast<uint64_t>(b) % kLine == 0 && static_cast<uint64_t>(p.b_k) * S % kLine == 0;
  return aligned || (kVectorBytes == kLine && static_cast<uint64_t>(p.n * p.k) * S <= uint64_t{1} << 20);
}

template <class T>
Status run_products(const Call& call, ProductShape& shape, const T* bias, Activation activation) {
  if (shape.batch == 0 || shape.m == 0 || shape.n == 0) return Status::ok;
  if (spares_b(shape, call.in[1].as<T>())) shape.pack_b = false;
  const Product<T> p = {&shape, call.in[0].as<T>(),  call.in[1].as<T>(),
                        bias,   call.out[0].as<T>(), activation == Activation::relu};
  // Counted in small items, since a single product may be shared among all workers.
  constexpr int64_t kItems = 1 << 20;
  const int workers = worker_count(kItems, static_cast<double>(shape.batch) * shape.nanoseconds / kItems);
  if (workers == 1 && shape.batch == 1) {
    run_part(p, Range{0, shape.m}, Range{0, shape.n}, activation, call.scratch(0));
  } else {
    run_tasks(call, p, activation, workers);
  }
  return Status::ok;
}

template <class T>
Status run_matmul(const Call& call) {
  ProductShape shape = product_shape(call.in[0], call.in[1], call.out[0], Layout::rows);
  return run_products<T>(call, shape, nullptr, Activation::none);
}

template <class T>
Status run_linear(const Call& call) {
  ProductShape shape = product_shape(call.in[0], call.in[1], call.out[0], Layout::columns);
  const View& b = call.in[2];
  const T* bias = b.shape[0] > 0 ? b.as<T>() : nullptr;
  if (bias != nullptr) bias = contiguous(bias, b.stride[0], b.shape[0], reinterpret_cast<T*>(call.shared));
  return run_products<T>(call, shape, bias, static_cast<Activation>(call.attributes[0].integer()));
}

// ---------------------------------------------------------------------------------------------------------------------
// Integers.

// The first product of a batch; where columns are few, it is turned, so that rows are.
template <class T>
IntegerProduct<T> integer_product(const ProductShape& s, bool turned) {
  return turned ? IntegerProduct<T>{nullptr, nullptr, nullptr, s.n, s.m, s.k, s.b_col, s.b_k, s.a_k, s.a_row, 1, s.n}
                : IntegerProduct<T>{nullptr, nullptr, nullptr, s.m, s.n, s.k, s.a_row, s.a_k, s.b_k, s.b_col, s.n, 1};
}

// Rows of c are shared among threads, or the columns of a single one.
template <class T>
Status run_integers(const Call& call) {
  const ProductShape shape = product_shape(call.in[0], call.in[1], call.out[0], Layout::rows);
  if (shape.batch == 0 || shape.m == 0 || shape.n == 0) return Status::ok;
  const bool turned = shape.n < shape.m && shape.n < 8;
  IntegerProduct<T> first = integer_product<T>(shape, turned);
  const int64_t extent = first.m == 1 ? first.n : first.m, most = first.m == 1 ? first.n : kIntegerRows;
  const int64_t workers = worker_count(1 << 20, static_cast<double>(shape.batch) * shape.nanoseconds / (1 << 20));
  const int64_t even = (parts_of(extent, workers) + 15) & ~int64_t{15};
  const int64_t part = shape.batch > 1 || even > most ? most : even, parts = parts_of(extent, part);
  parallel_for(shape.batch * parts, shape.nanoseconds / static_cast<double>(parts),
               [&](int64_t begin, int64_t end, int worker) {
                 for (int64_t task = begin; task < end; ++task) {
                   IntegerProduct<T> p = first;
                   p.a = call.in[0].as<T>(), p.b = call.in[1].as<T>(), p.c = call.out[0].as<T>();
                   go_to_item(p, shape, task / parts);
                   if (turned) {
                     const T* const a = p.a;
                     p.a = p.b, p.b = a;
                   }
                   const int64_t from = task % parts * part, to = smaller(extent, from + part);
                   p.m == 1 ? multiply_row(p, from, to) : multiply_integers(p, from, to, call.scratch(worker));
                 }
               });
  return Status::ok;
}

constexpr RunsByDType matmul_of_all() {
  return {{nullptr, run_integers<int8_t>, run_integers<int8_t>, run_integers<int16_t>, run_integers<int32_t>,
           run_integers<int64_t>, run_matmul<float>, run_matmul<double>}};
}

constexpr Run kRows[] = {
    {"matmul", matmul_of_all()},
    {"linear", floats(run_linear<float>, run_linear<double>)},
};

}  // namespace

extern const Runs matmul_runs;
const Runs matmul_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::MINIGRAD_ISA
