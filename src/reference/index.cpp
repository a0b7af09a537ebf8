#include "reference/index.hpp"

#include <map>

#include "reference/naive.hpp"

namespace minigrad::reference {
namespace {

// `dim` counted from the end where negative; 0 for arrays without dimensions.
int axis_of(int64_t dim, int rank) { return static_cast<int>(rank == 0 ? 0 : (dim < 0 ? dim + rank : dim)); }

int64_t extent_of(const View& x, int dim) { return x.rank == 0 ? 1 : x.shape[dim]; }

// The element of x at a position of the same rank; sizes of x do not matter.
template <class T>
T& at(const View& x, const Position& p) {
  int64_t offset = 0;
  for (int d = 0; d < x.rank; ++d) offset += p.index[d] * x.stride[d];
  return x.as<T>()[offset];
}

template <class T>
void zero(const View& out) {
  for_each(out, [&](const Position& p) { at<T>(out, p) = T{}; });
}

template <class T>
Status gather_of(const Call& call) {
  const View &x = call.in[0], &index = call.in[1];
  const int dim = axis_of(call.attributes[0].integer(), x.rank);
  Status status = Status::ok;
  for_each(index, [&](const Position& p) {
    const int64_t i = at<int64_t>(index, p);
    if (i < 0 || i >= extent_of(x, dim)) {
      status = Status::index_out_of_range;
      return;
    }
    Position source = p;
    source.index[dim] = i;
    at<T>(call.out[0], p) = at<T>(x, source);
  });
  return status;
}

// Sums in double for the floats; T's own sum for integers.
template <class T>
using Wide = std::conditional_t<std::is_floating_point_v<T>, double, T>;

// Sums that are rounded once, at the end: those of elements with no addend stay 0.
template <class T>
class Sums {
 public:
  void add(T& element, T value) { sums_[&element] += static_cast<Wide<T>>(value); }
  void finish() {
    for (auto& [element, sum] : sums_) *element = static_cast<T>(sum);
  }

 private:
  std::map<T*, Wide<T>> sums_;
};

template <class T>
Status scatter_add_of(const Call& call) {
  const View &src = call.in[0], &index = call.in[1], &out = call.out[0];
  const int dim = axis_of(call.attributes[1].integer(), out.rank);
  Status status = Status::ok;
  Sums<T> sums;
  zero<T>(out);
  for_each(index, [&](const Position& p) {
    const int64_t i = at<int64_t>(index, p);
    if (i < 0 || i >= extent_of(out, dim)) {
      status = Status::index_out_of_range;
      return;
    }
    Position target = p;
    target.index[dim] = i;
    sums.add(at<T>(out, target), at<T>(src, p));
  });
  sums.finish();
  return status;
}

// Calls move(p, q) for every position p of `many`, whose leading dimensions are those of `index`, and the position q
// that has the index's value in their place.
template <class Move>
Status for_indexed(const View& many, const View& index, int64_t rows, Move&& move) {
  Status status = Status::ok;
  for_each(index, [&](const Position& p) {
    const int64_t i = at<int64_t>(index, p);
    if (i < -rows || i >= rows) status = Status::index_out_of_range;
  });
  if (status != Status::ok) return status;
  for_each(many, [&](const Position& p) {
    const int64_t i = at<int64_t>(index, p);
    Position q;
    q.index[0] = i < 0 ? i + rows : i;
    for (int d = index.rank; d < many.rank; ++d) q.index[d - index.rank + 1] = p.index[d];
    move(p, q);
  });
  return status;
}

template <class T>
Status index_rows_of(const Call& call) {
  const View &x = call.in[0], &out = call.out[0];
  return for_indexed(out, call.in[1], x.shape[0],
                     [&](const Position& p, const Position& q) { at<T>(out, p) = at<T>(x, q); });
}

template <class T>
Status index_rows_add_of(const Call& call) {
  const View &g = call.in[0], &out = call.out[0];
  Sums<T> sums;
  zero<T>(out);
  const Status status = for_indexed(
      g, call.in[1], out.shape[0], [&](const Position& p, const Position& q) { sums.add(at<T>(out, q), at<T>(g, p)); });
  sums.finish();
  return status;
}

template <class T>
Status unslice_of(const Call& call) {
  const View &g = call.in[0], &out = call.out[0];
  zero<T>(out);
  for_each(g, [&](const Position& p) {
    Position q;
    for (int d = 0; d < g.rank; ++d) {
      q.index[d] = call.attributes[1].integers[d] + p.index[d] * call.attributes[2].integers[d];
    }
    at<T>(out, q) = at<T>(g, p);
  });
  return Status::ok;
}

}  // namespace

const RunsByDType gather = {{gather_of<bool>, gather_of<uint8_t>, gather_of<int8_t>, gather_of<int16_t>,
                             gather_of<int32_t>, gather_of<int64_t>, gather_of<float>, gather_of<double>}};
const RunsByDType scatter_add = {{nullptr, nullptr, nullptr, nullptr, nullptr, scatter_add_of<int64_t>,
                                  scatter_add_of<float>, scatter_add_of<double>}};
const RunsByDType index_rows = {{index_rows_of<bool>, index_rows_of<uint8_t>, index_rows_of<int8_t>,
                                 index_rows_of<int16_t>, index_rows_of<int32_t>, index_rows_of<int64_t>,
                                 index_rows_of<float>, index_rows_of<double>}};
const RunsByDType index_rows_add = {{nullptr, nullptr, nullptr, nullptr, nullptr, index_rows_add_of<int64_t>,
                                     index_rows_add_of<float>, index_rows_add_of<double>}};
const RunsByDType unslice = {{unslice_of<bool>, unslice_of<uint8_t>, unslice_of<int8_t>, unslice_of<int16_t>,
                              unslice_of<int32_t>, unslice_of<int64_t>, unslice_of<float>, unslice_of<double>}};

}  // namespace minigrad::reference
