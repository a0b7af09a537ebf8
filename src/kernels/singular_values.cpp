// Singular values and vectors of matrices, by one-sided Jacobi rotations: plan, run, row.
//
// M. R. Hestenes, "Inversion of matrices by biorthogonalization and related results": pairs of columns are turned in
// their plane until every pair is orthogonal. Their lengths are then the singular values, the columns over their
// lengths the left vectors, and the turns together the right ones. All is computed in double, by sums, products,
// quotients and roots in one order, and compiled once: the bits are the same everywhere, and small values are as exact
// as large ones.

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/loops.hpp"
#include "core/plans.hpp"

namespace minigrad {
namespace {

constexpr int kSweeps = 40;                                             // six to ten are enough
constexpr double kOrthogonal = std::numeric_limits<double>::epsilon();  // the cosine of columns that are left alone
constexpr int64_t kLanes = 8;                                           // in which a dot product is summed

int64_t padded(int64_t count) { return (count + kLanes - 1) / kLanes * kLanes; }

// ---------------------------------------------------------------------------------------------------------------------
// A matrix at work.

// The columns of an (m, n) matrix, each with the same column of v below it. Both parts are padded with zeros to whole
// lanes, which change no sum. Everything lies in a worker's scratch.
struct Columns {
  int64_t m, n;
  double* data;
  double* square;  // squares of the columns' lengths
  int64_t* order;  // the columns, the longest first, as the last refresh found them

  int64_t rows() const { return padded(m); }
  int64_t step() const { return padded(m) + padded(n); }
  double* column(int64_t j) const { return data + j * step(); }
};

size_t scratch_bytes(int64_t m, int64_t n) {
  return static_cast<size_t>(n * (padded(m) + padded(n) + 2)) * sizeof(double);
}

Columns columns_in(char* scratch, int64_t m, int64_t n) {
  Columns c = {m, n, reinterpret_cast<double*>(scratch), nullptr, nullptr};
  c.square = c.column(n);
  c.order = reinterpret_cast<int64_t*>(c.square + n);
  return c;
}

typedef double Pair __attribute__((vector_size(16), may_alias));

// Lane l sums the products l, l + 8, ...; the lanes are added by halves.
double dot(const double* x, const double* y, int64_t count) {
  const Pair* const a = reinterpret_cast<const Pair*>(x);
  const Pair* const b = reinterpret_cast<const Pair*>(y);
  Pair sum[kLanes / 2] = {};
  for (int64_t i = 0; i < count / 2; i += kLanes / 2) {
    for (int lane = 0; lane < kLanes / 2; ++lane) sum[lane] += a[i + lane] * b[i + lane];
  }
  const Pair total = (sum[0] + sum[2]) + (sum[1] + sum[3]);
  return total[0] + total[1];
}

// Turns by the angle of this sine. What is added is small where the angle is, which keeps lengths better than the
// products with the cosine would: `tau` is the tangent of half the angle, sine / (1 + cosine).
void rotate(double* x, double* y, int64_t count, double sine, double tau) {
  Pair* const a = reinterpret_cast<Pair*>(x);
  Pair* const b = reinterpret_cast<Pair*>(y);
  for (int64_t i = 0; i < count / 2; ++i) {
    const Pair p = a[i], q = b[i];
    a[i] = p - sine * (q + tau * p);
    b[i] = q + sine * (p - tau * q);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Rotations.

// The tangent of the smaller angle that makes columns orthogonal, from zeta, the cotangent of its double.
double tangent_of(double zeta) {
  const double size = std::fabs(zeta);
  const double root = size < 0x1p30 ? std::sqrt(1 + zeta * zeta) : size;  // the square of more may overflow
  return std::copysign(1 / (size + root), zeta);
}

// A square that a rotation has shrunk to this part of itself or less has lost digits, and is computed anew.
constexpr double kShrunk = 0x1p-4;

// Makes the columns i and j orthogonal; false where they are, or are NaN.
bool turn(const Columns& c, int64_t i, int64_t j) {
  double *const x = c.column(i), *const y = c.column(j);
  const double xx = c.square[i], yy = c.square[j], xy = dot(x, y, c.rows());
  if (!(std::fabs(xy) > kOrthogonal * std::sqrt(xx) * std::sqrt(yy))) return false;
  const double tangent = tangent_of((yy - xx) / (2 * xy)), cosine = 1 / std::sqrt(1 + tangent * tangent);
  const double sine = cosine * tangent;
  rotate(x, y, c.step(), sine, sine / (1 + cosine));
  const double new_xx = xx - tangent * xy, new_yy = yy + tangent * xy;
  c.square[i] = new_xx > kShrunk * xx ? new_xx : dot(x, x, c.rows());
  c.square[j] = new_yy > kShrunk * yy ? new_yy : dot(y, y, c.rows());
  return true;
}

// Computes the squares anew and sorts the columns by them, stably.
void refresh(const Columns& c) {
  for (int64_t j = 0; j < c.n; ++j) {
    const double square = c.square[j] = dot(c.column(j), c.column(j), c.rows());
    int64_t place = j;
    for (; place > 0; --place) {
      const double before = c.square[c.order[place - 1]];
      if (!(before < square)) break;
      c.order[place] = c.order[place - 1];
    }
    c.order[place] = j;
  }
}

// Turns the columns until all are orthogonal. With the longest ones first, fewer sweeps do.
void orthogonalize(const Columns& c) {
  bool turned = true;
  refresh(c);
  for (int sweep = 0; turned && sweep < kSweeps; ++sweep) {
    turned = false;
    for (int64_t p = 0; p < c.n; ++p) {
      for (int64_t q = p + 1; q < c.n; ++q) turned |= turn(c, c.order[p], c.order[q]);
    }
    if (turned) refresh(c);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// From the arrays and back. A matrix is where its first element lies, and its strides.

template <class T>
struct Matrix {
  T* data;
  int64_t row, column;

  Matrix(const View& view, int64_t offset)
      : data(view.as<T>() + offset), row(view.stride[view.rank - 2]), column(view.stride[view.rank - 1]) {}
  T& operator()(int64_t i, int64_t j) const { return data[i * row + j * column]; }
};

// The largest magnitude, by which the matrix is divided so that squares neither overflow nor vanish; 1 where that is 0.
// Where an element is infinite or NaN it is NaN, and so are all values and left vectors then.
template <class T>
double scale_of(const Matrix<T>& x, int64_t m, int64_t n) {
  double scale = 0;
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      const double size = std::fabs(static_cast<double>(x(i, j)));
      if (!(size <= std::numeric_limits<double>::max())) return std::numeric_limits<double>::quiet_NaN();
      scale = std::max(scale, size);
    }
  }
  return scale > 0 ? scale : 1;
}

template <class T>
void load(const Columns& c, const Matrix<T>& x, double scale) {
  std::fill(c.data, c.column(c.n), 0.0);
  for (int64_t j = 0; j < c.n; ++j) {
    for (int64_t i = 0; i < c.m; ++i) c.column(j)[i] = static_cast<double>(x(i, j)) / scale;
    c.column(j)[c.rows() + j] = 1;
  }
}

// The left vector of a value that is 0 is 0; of a matrix of zeros the left vectors are those of the unit matrix.
template <class T>
void store_left(const Columns& c, const Matrix<T>& u, int64_t place, double length, bool zeros) {
  const double* const column = c.column(c.order[place]);
  for (int64_t i = 0; i < c.m; ++i) {
    u(i, place) = static_cast<T>(length == 0 ? zeros && i == place : column[i] / length);
  }
}

template <class T>
void store(const Columns& c, T* out, int64_t out_step, const Matrix<T>& u, const Matrix<T>& v, double scale) {
  const bool zeros = c.square[c.order[0]] == 0;
  for (int64_t place = 0; place < c.n; ++place) {
    const int64_t j = c.order[place];
    const double length = std::sqrt(c.square[j]);
    out[place * out_step] = static_cast<T>(length * scale);
    store_left(c, u, place, length, zeros);
    for (int64_t i = 0; i < c.n; ++i) v(i, place) = static_cast<T>(c.column(j)[c.rows() + i]);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// The run, and its row.

double nanoseconds_of(int64_t m, int64_t n) {
  const double rows = static_cast<double>(m), columns = static_cast<double>(n);
  return 100 + 3.5 * columns * columns * (30 + 1.2 * rows + 0.8 * columns);
}

View batch_of(View view, int dims) {
  view.rank -= dims;
  return view;
}

template <class T>
Status run(const Call& call) {
  const View &x = call.in[0], &out = call.out[0], &u = call.out[1], &v = call.out[2];
  const int64_t m = x.shape[x.rank - 2], n = x.shape[x.rank - 1];
  const View batches[] = {batch_of(out, 1), batch_of(x, 2), batch_of(u, 2), batch_of(v, 2)};
  const Nest<4> nest = make_nest<4>({&batches[0], &batches[1], &batches[2], &batches[3]});
  parallel_for(n > 0 ? nest.size : 0, nanoseconds_of(m, n), [&](int64_t begin, int64_t end, int worker) {
    const Columns columns = columns_in(call.scratch(worker), m, n);
    for (int64_t k = begin; k < end; ++k) {
      for_rows(nest, k, k + 1, [&](const int64_t* offset, int64_t) {
        const Matrix<T> matrix(x, offset[1]);
        const double scale = scale_of(matrix, m, n);
        load(columns, matrix, scale);
        orthogonalize(columns);
        store(columns, out.as<T>() + offset[0], out.stride[out.rank - 1], Matrix<T>(u, offset[2]),
              Matrix<T>(v, offset[3]), scale);
      });
    }
  });
  return Status::ok;
}

void plan_singular_values(Plan& plan) {
  const View& x = plan.in[0];
  const int last = x.rank - 1;
  if (x.rank < 2 || x.shape[last - 1] < x.shape[last]) {
    fail(plan, ErrorKind::runtime, "needs matrices with at least as many rows as columns, got shape " + shape_text(x));
  }
  const int64_t m = x.shape[last - 1], n = x.shape[last], size = x.size();
  copy_shape(x, x.dtype, plan.out[0]);
  plan.out[0].rank = last;
  plan.out[0].shape[last - 1] = n;
  copy_shape(x, x.dtype, plan.out[1]);
  copy_shape(x, x.dtype, plan.out[2]);
  plan.out[2].shape[last - 1] = n;
  if (size == 0) return;
  plan.scratch_per_worker = scratch_bytes(m, n);
  plan.nanoseconds = nanoseconds_of(m, n) * static_cast<double>(size / (m * n));
}

constexpr Kernel kRows[] = {
    {.name = "singular_values",
     .inputs = {"x"},
     .types = "T",
     .outputs = {"out", "u", "v"},
     .plan = plan_singular_values},
};

constexpr Run kRuns[] = {{"singular_values", floats(run<float>, run<double>)}};

}  // namespace

extern const Kernels singular_values_kernels;
const Kernels singular_values_kernels = {kRows, sizeof(kRows) / sizeof(Kernel)};

extern const Runs singular_values_runs;
const Runs singular_values_runs = {kRuns, sizeof(kRuns) / sizeof(Run)};

}  // namespace minigrad
