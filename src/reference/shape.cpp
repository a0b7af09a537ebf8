#include "reference/naive.hpp"

namespace minigrad::reference {
namespace {

template <class T>
Status cat_of(const Call& call) {
  const int dim = static_cast<int>(call.attributes[0].integer());
  const bool stacked = call.attributes[1].flag();
  int64_t start = 0;
  for (int i = 0; i < call.in_count; ++i) {
    const View& x = call.in[i];
    for_each(x, [&](const Position& p) {
      Position q = p;
      for (int d = x.rank; stacked && d > dim; --d) q.index[d] = p.index[d - 1];
      q.index[dim] = start + (stacked ? 0 : p.index[dim]);
      at<T>(call.out[0], q) = at<T>(x, p);
    });
    start += stacked ? 1 : x.shape[dim];
  }
  return Status::ok;
}

template <class T>
Status triangle_of(const Call& call) {
  const View& x = call.in[0];
  for_each(x, [&](const Position& p) {
    const int64_t right = p.index[x.rank - 1] - p.index[x.rank - 2], diagonal = call.attributes[0].integer();
    const bool kept = call.attributes[1].flag() ? right >= diagonal : right <= diagonal;
    at<T>(call.out[0], p) = kept ? at<T>(x, p) : T{};
  });
  return Status::ok;
}

template <class T>
Status unstride_of(const Call& call) {
  const View& g = call.in[0];
  zero<T>(call.out[0]);
  for_each(g, [&](const Position& p) {
    int64_t place = call.attributes[1].integer();
    for (int d = 0; d < g.rank; ++d) place += p.index[d] * call.attributes[2].integers[d];
    call.out[0].as<T>()[place] = at<T>(g, p);
  });
  return Status::ok;
}

template <class T>
Status fold_of(const Call& call) {
  const View &g = call.in[0], &out = call.out[0];
  const int dim = static_cast<int>(call.attributes[0].integer());
  zero<T>(out);
  for_each(g, [&](const Position& p) {
    Position q = p;
    q.index[dim] = p.index[dim] * call.attributes[2].integer() + p.index[g.rank - 1];
    at<T>(out, q) = at<T>(out, q) + at<T>(g, p);
  });
  return Status::ok;
}

template <class T>
Status border_of(const Call& call) {
  const View &x = call.in[0], &out = call.out[0];
  const Attribute& sizes = call.attributes[0];
  for_each(out, [&](const Position& p) {
    Position q = p;
    for (int i = 0; i < sizes.count; i += 2) {
      const int d = x.rank - 1 - i / 2;
      const int64_t n = x.shape[d];
      int64_t& place = q.index[d];
      place -= sizes.integers[i];
      if (place >= 0 && place < n) continue;
      const int64_t replicated = place < 0 ? 0 : n - 1, reflected = place < 0 ? -place : 2 * n - 2 - place;
      const int64_t places[] = {replicated, reflected, (place + n) % n};
      place = places[call.attributes[1].integer()];
    }
    at<T>(out, p) = at<T>(x, q);
  });
  return Status::ok;
}

constexpr Run kRows[] = {
    {"cat", for_all<cat_of<int64_t>, cat_of<double>>()},
    {"triangle", for_all<triangle_of<int64_t>, triangle_of<double>>()},
    {"unstride", for_all<unstride_of<int64_t>, unstride_of<double>>()},
    {"fold", for_all<fold_of<int64_t>, fold_of<double>>()},
    {"border", for_all<border_of<int64_t>, border_of<double>>()},
};

}  // namespace

extern const Runs shape_runs;
const Runs shape_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::reference
