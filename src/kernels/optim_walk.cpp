// The walk of an optimiser's step over all parameters.
#include <cstring>

#include "core/loops.hpp"
#include "kernels/optim_rule.hpp"

namespace minigrad {
namespace {

// Elements of an array that do not lie one after the other are updated through a buffer, so many at a time.
constexpr int64_t kBlock = 128;

// The lists of one parameter that the rule reads; the parameter itself comes first.
struct Arrays {
  View view[kMaxLists];
};

// Reorders the dimensions so that the parameter's strides decrease: a transposed parameter is walked in the order in
// which it lies in memory.
void reorder(Arrays& arrays, int count) {
  const int rank = arrays.view[0].rank;
  for (int d = 1; d < rank; ++d) {
    for (int e = d; e > 0; --e) {
      const int64_t outer = arrays.view[0].stride[e - 1], inner = arrays.view[0].stride[e];
      if ((outer < 0 ? -outer : outer) >= (inner < 0 ? -inner : inner)) break;
      for (int k = 0; k < count; ++k) {
        View& view = arrays.view[k];
        const int64_t shape = view.shape[e], stride = view.stride[e];
        view.shape[e] = view.shape[e - 1];
        view.stride[e] = view.stride[e - 1];
        view.shape[e - 1] = shape;
        view.stride[e - 1] = stride;
      }
    }
  }
}

// Elements are moved as words of their size.
template <class Word>
void update_row(const Rule& rule, Word* const* first, const int64_t* step, int64_t count, const void* coefficients) {
  Word buffer[kMaxLists][kBlock];
  for (int64_t done = 0; done < count; done += kBlock) {
    const int64_t n = count - done < kBlock ? count - done : kBlock;
    char* data[kMaxLists];
    for (int k = 0; k < rule.count; ++k) {
      Word* const at = first[k] + done * step[k];
      data[k] = reinterpret_cast<char*>(step[k] == 1 ? at : buffer[k]);
      for (int64_t i = 0; step[k] != 1 && i < n; ++i) buffer[k][i] = at[i * step[k]];
    }
    rule.update(data, n, coefficients);
    for (int k = 0; k < rule.count; ++k) {
      Word* const at = first[k] + done * step[k];
      for (int64_t i = 0; step[k] != 1 && rule.list[k] != kGradients && i < n; ++i) at[i * step[k]] = buffer[k][i];
    }
  }
}

// The elements [begin, end) of one parameter in any layout.
template <class Word>
void update_strided(const Rule& rule, Arrays arrays, int64_t begin, int64_t end, const void* coefficients) {
  reorder(arrays, rule.count);
  const View* operands[kMaxLists];
  for (int k = 0; k < kMaxLists; ++k) operands[k] = &arrays.view[k < rule.count ? k : 0];
  const Nest<kMaxLists> nest = make_nest(operands);
  int64_t step[kMaxLists];
  for (int k = 0; k < kMaxLists; ++k) step[k] = nest.stride[k][nest.rank - 1];
  for_rows(nest, begin, end, [&](const int64_t* offset, int64_t count) {
    Word* first[kMaxLists];
    for (int k = 0; k < rule.count; ++k) first[k] = arrays.view[k].as<Word>() + offset[k];
    update_row(rule, first, step, count, coefficients);
  });
}

void update_range(const Rule& rule, const Arrays& arrays, int64_t begin, int64_t end, const void* coefficients) {
  const int64_t size = item_size(arrays.view[0].dtype);
  char* data[kMaxLists];
  for (int k = 0; k < rule.count; ++k) {
    if (!arrays.view[k].contiguous()) {
      return size == 4 ? update_strided<uint32_t>(rule, arrays, begin, end, coefficients)
                       : update_strided<uint64_t>(rule, arrays, begin, end, coefficients);
    }
    data[k] = arrays.view[k].as<char>() + begin * size;
  }
  rule.update(data, end - begin, coefficients);
}

// How many of an array's `size` elements lie before `position`, rounded down to whole cache lines where that cuts the
// array, so that threads neither share a line nor start amid one.
int64_t cut(int64_t position, int64_t size) {
  if (position <= 0) return 0;
  return position < size ? position / 16 * 16 : size;
}

// The coefficients of one parameter after the other: computed anew only where the counters are not those before.
class Coefficients {
 public:
  Coefficients(const Call& call, const Rule& rule) : call_(call), rule_(rule), layout_(*rule.layout) {
    for (int s = 0; s < layout_.settings; ++s) settings_.value[s] = layout_.setting(call.in, call.in_count, s);
    for (int f = 0; f < layout_.flags; ++f) settings_.flag[f] = call.attributes[f].flag();
  }

  const void* of(int parameter) {
    double now[kMaxCounters];
    for (int c = 0; c < layout_.counters; ++c) now[c] = *counter(c, parameter);
    const size_t bytes = sizeof(double) * static_cast<size_t>(layout_.counters);
    if (known_ && std::memcmp(now, before_, bytes) == 0) return memory_;
    known_ = true;
    std::memcpy(before_, now, bytes);
    std::memcpy(settings_.counter, now, bytes);
    rule_.advance(settings_);
    rule_.prepare(settings_, memory_);
    return memory_;
  }

  // Stores the advanced counters.
  void advance(int parameter) {
    of(parameter);
    for (int c = 0; c < layout_.counters; ++c) *counter(c, parameter) = settings_.counter[c];
  }

 private:
  double* counter(int c, int parameter) const {
    return layout_.counter(call_.in, call_.in_count, c, parameter).as<double>();
  }

  const Call& call_;
  const Rule& rule_;
  const RuleLayout& layout_;
  RuleSettings settings_;
  double before_[kMaxCounters];
  bool known_ = false;
  alignas(8) char memory_[kMaxCoefficientBytes];
};

}  // namespace

// The elements of all parameters are numbered through, so that threads share large and small ones evenly.
Status run_rule(const Call& call, const Rule& rule) {
  const RuleLayout& layout = *rule.layout;
  const int parameters = layout.parameters(call.in_count);
  int64_t total = 0;
  for (int i = 0; i < parameters; ++i) total += call.in[i].size();
  const double each = layout.nanoseconds * (call.in[0].dtype == DType::float32 ? 1 : 2);
  parallel_for(total, each, [&](int64_t begin, int64_t end, int) {
    Coefficients coefficients(call, rule);
    Arrays arrays;
    int64_t first = 0;
    for (int i = 0; i < parameters && first < end; ++i) {
      const int64_t size = call.in[i].size();
      const int64_t from = cut(begin - first, size), to = cut(end - first, size);
      first += size;
      if (from >= to) continue;
      for (int k = 0; k < rule.count; ++k) {
        arrays.view[k] = layout.list(call.in, call.in_count, rule.list[k], i);
      }
      update_range(rule, arrays, from, to, coefficients.of(i));
    }
  });
  Coefficients coefficients(call, rule);
  for (int i = 0; layout.counters > 0 && i < parameters; ++i) coefficients.advance(i);
  return Status::ok;
}

}  // namespace minigrad
