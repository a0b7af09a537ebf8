#include "reference/naive.hpp"

namespace minigrad::reference {
namespace {

// Calls visit(p, q) for every position p of index and the one q of x that it leads to.
template <class Visit>
Status for_places(const View& x, const View& index, int dim, Visit&& visit) {
  Status status = Status::ok;
  for_each(index, [&](const Position& p) {
    Position q = p;
    q.index[dim] = at<int64_t>(index, p);
    if (q.index[dim] < 0 || q.index[dim] >= extent_of(x, dim)) {
      status = Status::index_out_of_range;
    } else {
      visit(p, q);
    }
  });
  return status;
}

template <class T>
Status gather_of(const Call& call) {
  const View &x = call.in[0], &out = call.out[0];
  return for_places(x, call.in[1], axis_of(call.attributes[0], x),
                    [&](const Position& p, const Position& q) { at<T>(out, p) = at<T>(x, q); });
}

template <class T>
Status scatter_add_of(const Call& call) {
  const View &src = call.in[0], &out = call.out[0];
  zero<T>(out);
  return for_places(out, call.in[1], axis_of(call.attributes[1], out),
                    [&](const Position& p, const Position& q) { at<T>(out, q) += at<T>(src, p); });
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
  zero<T>(out);
  return for_indexed(g, call.in[1], out.shape[0],
                     [&](const Position& p, const Position& q) { at<T>(out, q) += at<T>(g, p); });
}

template <class T>
Status add_rows_of(const Call& call) {
  const View &x = call.in[0], &places = call.in[1], &index = call.in[2], &factor = call.in[3], &out = call.out[0];
  zero<T>(out);
  View row = x;
  row.shape[0] = 1;
  for (int64_t n = 0; n < places.shape[0]; ++n) {
    const int64_t from = index.as<int64_t>()[n * index.stride[0]], to = places.as<int64_t>()[n * places.stride[0]];
    if (from < 0 || from >= x.shape[0] || to < -out.shape[0] || to >= out.shape[0]) return Status::index_out_of_range;
    const T scale = factor.as<T>()[factor.rank > 0 ? n * factor.stride[0] : 0];
    for_each(row, [&](Position p) {
      p.index[0] = from;
      const T value = scale * at<T>(x, p);
      p.index[0] = to < 0 ? to + out.shape[0] : to;
      at<T>(out, p) += value;
    });
  }
  return Status::ok;
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

// What a mode of scatter makes of an element and one of src.
template <class T>
T combined(int64_t mode, T x, T y) {
  if (mode == 0) return y;
  if (mode == 1) return x + y;
  if (mode == 2) return x * y;
  if (y != y) return y;
  return (mode == 3 ? y > x : y < x) ? y : x;
}

template <class T>
Status scatter_of(const Call& call) {
  const View &x = call.in[0], &src = call.in[1], &out = call.out[0];
  for_each(out, [&](const Position& p) { at<T>(out, p) = at<T>(x, p); });
  return for_places(out, call.in[2], axis_of(call.attributes[0], out), [&](const Position& p, const Position& q) {
    at<T>(out, q) = combined(call.attributes[1].integer(), at<T>(out, q), at<T>(src, p));
  });
}

template <class T>
Status gather_last_of(const Call& call) {
  const View &g = call.in[0], &index = call.in[1];
  const int dim = axis_of(call.attributes[0], g);
  return for_places(g, index, dim, [&](const Position& p, const Position& q) {
    bool last = true;
    Position later = p;
    while (++later.index[dim] < extent_of(index, dim)) last &= at<int64_t>(index, later) != q.index[dim];
    at<T>(call.out[0], p) = last ? at<T>(g, q) : T{};
  });
}

Status scatter_others_of(const Call& call) {
  const View &x = call.in[0], &src = call.in[1], &index = call.in[2];
  const int dim = axis_of(call.attributes[0], x);
  return for_places(x, index, dim, [&](const Position& p, const Position& q) {
    double product = at<double>(x, q);
    Position other = p;
    for (other.index[dim] = 0; other.index[dim] < extent_of(index, dim); ++other.index[dim]) {
      const bool named = other.index[dim] != p.index[dim] && at<int64_t>(index, other) == q.index[dim];
      if (named) product *= at<double>(src, other);
    }
    at<double>(call.out[0], p) = product;
  });
}

Status scatter_shares_of(const Call& call) {
  const View &g = call.in[0], &x = call.in[1], &src = call.in[2], &index = call.in[3], &most = call.in[4];
  const View &of_x = call.out[0], &of_src = call.out[1];
  const int dim = axis_of(call.attributes[0], x);
  const auto tied = [](double a, double b) { return a == b || a != a; };
  for_each(x,
           [&](const Position& p) { at<double>(of_x, p) = tied(at<double>(x, p), at<double>(most, p)) ? 1.0 : 0.0; });
  const Status status = for_places(x, index, dim, [&](const Position& p, const Position& q) {
    if (tied(at<double>(src, p), at<double>(most, q))) at<double>(of_x, q) += 1.0;
  });
  if (status != Status::ok) return status;
  for_each(x, [&](const Position& p) {
    double& n = at<double>(of_x, p);
    n = n == 0 ? 0.0 : at<double>(g, p) / n;
  });
  for_places(x, index, dim, [&](const Position& p, const Position& q) {
    at<double>(of_src, p) = tied(at<double>(src, p), at<double>(most, q)) ? at<double>(of_x, q) : 0.0;
  });
  for_each(x, [&](const Position& p) {
    if (!tied(at<double>(x, p), at<double>(most, p))) at<double>(of_x, p) = 0.0;
  });
  return Status::ok;
}

Status linear_index_of(const Call& call) {
  const View& out = call.out[0];
  Status status = Status::ok;
  for_each(out, [&](const Position& p) {
    int64_t sum = 0;
    for (int n = 0; n < call.in_count; ++n) {
      const int64_t size = call.attributes[0].integers[n];
      const int64_t i = element<int64_t>(call.in[n], p, out.rank);
      if (i < -size || i >= size) status = Status::index_out_of_range;
      sum = sum * size + (i < 0 ? i + size : i);
    }
    at<int64_t>(out, p) = sum;
  });
  return status;
}

Status occurrence_of(const Call& call) {
  const View &index = call.in[0], &out = call.out[0];
  const int dim = axis_of(call.attributes[0], index);
  const bool reverse = call.attributes[2].flag();
  Status status = Status::ok;
  for_each(index, [&](const Position& p) {
    const int64_t i = at<int64_t>(index, p);
    if (i < 0 || i >= call.attributes[1].integer()) status = Status::index_out_of_range;
    int64_t count = 0;
    Position q = p;
    for (q.index[dim] = 0; q.index[dim] < extent_of(index, dim); ++q.index[dim]) {
      const bool counts = reverse ? q.index[dim] > p.index[dim] : q.index[dim] < p.index[dim];
      count += counts && at<int64_t>(index, q) == i;
    }
    at<int64_t>(out, p) = count;
  });
  return status;
}

constexpr Run kRows[] = {
    {"scatter", for_all<scatter_of<int64_t>, scatter_of<double>>()},
    {"gather_last", for_all<gather_last_of<int64_t>, gather_last_of<double>>()},
    {"scatter_others", for_floats<scatter_others_of>()},
    {"scatter_shares", for_floats<scatter_shares_of, 2>()},
    {"gather", for_all<gather_of<int64_t>, gather_of<double>>()},
    {"scatter_add", for_all<scatter_add_of<int64_t>, scatter_add_of<double>>()},
    {"index_rows", for_all<index_rows_of<int64_t>, index_rows_of<double>>()},
    {"index_rows_add", for_all<index_rows_add_of<int64_t>, index_rows_add_of<double>>()},
    {"add_rows", for_all<add_rows_of<int64_t>, add_rows_of<double>>()},
    {"unslice", for_all<unslice_of<int64_t>, unslice_of<double>>()},
    {"linear_index", for_int64(linear_index_of)},
    {"occurrence", for_int64(occurrence_of)},
};

}  // namespace

extern const Runs index_runs;
const Runs index_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::reference
