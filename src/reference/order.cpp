#include <algorithm>
#include <numeric>
#include <vector>

#include "reference/naive.hpp"

namespace minigrad::reference {
namespace {

// A run for every dtype.
template <template <class> class Of, int kOutputs>
constexpr RunsByDType every() {
  return for_all<Of<int64_t>::run, Of<double>::run, kOutputs>();
}

// NaN is the largest.
template <class T>
bool less(T a, T b) {
  return a < b || (b != b && a == a);
}

using Places = std::vector<int64_t>;

// Calls choose(line) for every line along dim and writes the places that it returns, and the elements there.
template <class T, class Choose>
Status choose_from_lines(const Call& call, int attribute, Choose&& choose) {
  const View& x = call.in[0];
  const int dim = axis_of(call.attributes[attribute], x);
  for_lines(x, dim, [&](Position p) {
    const Line<T> line = line_at<T>(x, p, dim);
    const Places places = choose(line);
    for (int64_t& i = p.index[dim] = 0; i < extent_of(call.out[0], dim); ++i) {
      const int64_t place = places[static_cast<size_t>(i)];
      element<int64_t>(call.out[1], p, x.rank) = place;
      element<T>(call.out[0], p, x.rank) = line[static_cast<size_t>(place)];
    }
  });
  return Status::ok;
}

template <class T>
Places sorted_places(const Line<T>& line, bool descending) {
  Places places(line.size());
  std::iota(places.begin(), places.end(), 0);
  std::stable_sort(places.begin(), places.end(), [&](int64_t i, int64_t j) {
    const T a = line[static_cast<size_t>(i)], b = line[static_cast<size_t>(j)];
    return descending ? less(b, a) : less(a, b);
  });
  return places;
}

template <class T>
struct Sort {
  static Status run(const Call& call) {
    return choose_from_lines<T>(call, 0,
                                [&](const Line<T>& line) { return sorted_places(line, call.attributes[1].flag()); });
  }
};

template <class T>
struct TopK {
  static Status run(const Call& call) {
    return choose_from_lines<T>(call, 1,
                                [&](const Line<T>& line) { return sorted_places(line, call.attributes[2].flag()); });
  }
};

template <class T>
struct KthValue {
  static Status run(const Call& call) {
    const auto rank = static_cast<size_t>(call.attributes[0].integer() - 1);
    return choose_from_lines<T>(call, 1, [&](const Line<T>& line) { return Places{sorted_places(line, false)[rank]}; });
  }
};

template <class T>
struct Median {
  static Status run(const Call& call) {
    return choose_from_lines<T>(call, 0, [&](const Line<T>& line) {
      const Places places = sorted_places(line, false);
      size_t numbers = 0;
      for (const T x : line) numbers += x == x;
      const bool number = numbers == line.size() || (call.attributes[1].flag() && numbers > 0);
      return Places{places[number ? (numbers - 1) / 2 : numbers]};
    });
  }
};

template <class T>
struct Mode {
  static Status run(const Call& call) {
    return choose_from_lines<T>(call, 0, [&](const Line<T>& line) {
      const Places places = sorted_places(line, false);
      const auto at = [&](size_t i) { return line[static_cast<size_t>(places[i])]; };
      size_t best = 0, longest = 0, length = 0;
      for (size_t i = 0; i < line.size(); ++i) {
        length = i > 0 && !less(at(i - 1), at(i)) ? length + 1 : 1;
        // The end of a run is seen when the next element differs.
        const bool end = i + 1 == line.size() || less(at(i), at(i + 1));
        if (end && length > longest) {
          longest = length;
          best = i;
        }
      }
      return Places{places[best]};
    });
  }
};

template <class T, bool kLargest>
Status cumulate(const Call& call) {
  return choose_from_lines<T>(call, 0, [](const Line<T>& line) {
    Places places;
    int64_t best = 0;
    for (size_t i = 0; i < line.size(); ++i) {
      const T x = line[i], so_far = line[static_cast<size_t>(best)];
      if (x != x || (kLargest ? x >= so_far : x <= so_far)) best = static_cast<int64_t>(i);
      places.push_back(best);
    }
    return places;
  });
}

template <class T>
struct CumMax {
  static Status run(const Call& call) { return cumulate<T, true>(call); }
};

template <class T>
struct CumMin {
  static Status run(const Call& call) { return cumulate<T, false>(call); }
};

// ---------------------------------------------------------------------------------------------------------------------
// Searching.

template <class T>
struct Nonzero {
  static Status run(const Call& call) {
    const View &x = call.in[0], &out = call.out[0];
    Position row;
    for_each(x, [&](const Position& p) {
      if (element<T>(x, p, x.rank) == T(0) || row.index[0] == out.shape[0]) return;
      for (int d = 0; d < x.rank; ++d) {
        row.index[1] = d;
        element<int64_t>(out, row, 2) = p.index[d];
      }
      ++row.index[0];
    });
    return Status::ok;
  }
};

template <class T>
struct SearchSorted {
  static Status run(const Call& call) {
    const View &boundaries = call.in[0], &x = call.in[1];
    const int last = boundaries.rank - 1;
    for_each(x, [&](const Position& p) {
      const T value = element<T>(x, p, x.rank);
      int64_t smaller = 0;
      Position q = boundaries.rank == 1 ? Position{} : p;
      for (int64_t& i = q.index[last] = 0; i < boundaries.shape[last]; ++i) {
        const T boundary = element<T>(boundaries, q, boundaries.rank);
        smaller += call.attributes[0].flag() ? !(boundary > value) : !(boundary >= value);
      }
      element<int64_t>(call.out[0], p, x.rank) = smaller;
    });
    return Status::ok;
  }
};

// Row i of a matrix.
template <class T>
Line<T> row_of(const View& x, int64_t i) {
  Line<T> row;
  for (int64_t j = 0; j < x.shape[1]; ++j) row.push_back(x.as<T>()[i * x.stride[0] + j * x.stride[1]]);
  return row;
}

template <class T>
struct SortRows {
  static Status run(const Call& call) {
    const View& x = call.in[0];
    Places places(static_cast<size_t>(x.shape[0]));
    std::iota(places.begin(), places.end(), 0);
    std::stable_sort(places.begin(), places.end(), [&](int64_t i, int64_t j) {
      const Line<T> a = row_of<T>(x, i), b = row_of<T>(x, j);
      return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), less<T>);
    });
    for (size_t i = 0; i < places.size(); ++i) call.out[0].as<int64_t>()[i] = places[i];
    return Status::ok;
  }
};

// Where the runs of equal rows start.
template <class T>
Places run_starts(const View& x) {
  Places starts;
  for (int64_t i = 0; i < x.shape[0]; ++i) {
    if (i == 0 || row_of<T>(x, i) != row_of<T>(x, i - 1)) starts.push_back(i);
  }
  return starts;
}

template <class T>
struct RunCount {
  static Status run(const Call& call) {
    *call.out[0].as<int64_t>() = static_cast<int64_t>(run_starts<T>(call.in[0]).size());
    return Status::ok;
  }
};

template <class T>
struct RunNumbers {
  static Status run(const Call& call) {
    const Places starts = run_starts<T>(call.in[0]);
    for (int64_t i = 0; i < call.in[0].shape[0]; ++i) {
      call.out[0].as<int64_t>()[i] = std::upper_bound(starts.begin(), starts.end(), i) - starts.begin() - 1;
    }
    return Status::ok;
  }
};

template <class T>
struct RunList {
  static Status run(const Call& call) {
    const View& x = call.in[0];
    Places starts = run_starts<T>(x);
    if (static_cast<int64_t>(starts.size()) != call.attributes[0].integer()) return Status::index_out_of_range;
    starts.push_back(x.shape[0]);
    for (size_t run = 0; run + 1 < starts.size(); ++run) {
      if (call.out[0].size() > 0) call.out[0].as<T>()[run] = x.as<T>()[starts[run] * x.stride[0]];
      if (call.out[1].size() > 0) call.out[1].as<int64_t>()[run] = starts[run];
      if (call.out[2].size() > 0) call.out[2].as<int64_t>()[run] = starts[run + 1] - starts[run];
    }
    return Status::ok;
  }
};

Status bincount_of(const Call& call) {
  const View& x = call.in[0];
  const View& counts = call.out[0];
  for_each(counts, [&](const Position& p) { element<int64_t>(counts, p, 1) = 0; });
  Status status = Status::ok;
  for_each(x, [&](const Position& p) {
    Position to = p;
    to.index[0] = element<int64_t>(x, p, 1);
    if (to.index[0] < 0 || to.index[0] >= counts.shape[0]) {
      status = Status::index_out_of_range;
    } else {
      ++element<int64_t>(counts, to, 1);
    }
  });
  return status;
}

constexpr Run kRows[] = {
    {"sort", every<Sort, 2>()},
    {"topk", every<TopK, 2>()},
    {"kthvalue", every<KthValue, 2>()},
    {"median", every<Median, 2>()},
    {"mode", every<Mode, 2>()},
    {"cummax", every<CumMax, 2>()},
    {"cummin", every<CumMin, 2>()},
    {"nonzero", every<Nonzero, 1>()},
    {"searchsorted", every<SearchSorted, 1>()},
    {"sort_rows", every<SortRows, 1>()},
    {"run_count", every<RunCount, 1>()},
    {"run_numbers", every<RunNumbers, 1>()},
    {"runs", every<RunList, 3>()},
    {"bincount", for_int64(bincount_of)},
};

}  // namespace

extern const Runs order_runs;
const Runs order_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::reference
