// The walk of an optimiser's step over all parameters.
#include "core/loops.hpp"
#include "kernels/optim_rule.hpp"

namespace minigrad {
namespace {

// Elements of an array that do not lie one after the other are updated through a buffer, so many at a time.
constexpr int64_t kBlock = 128;

// The arrays of one parameter that the rule reads; the parameter itself comes first.
using Arrays = const View* [kMaxLists];

// Reorders the dimensions so that the parameter's strides decrease: a transposed parameter is walked in the order in
// which it lies in memory.
void reorder(View* views, int count) {
  const int rank = views[0].rank;
  for (int d = 1; d < rank; ++d) {
    for (int e = d; e > 0; --e) {
      const int64_t outer = views[0].stride[e - 1], inner = views[0].stride[e];
      if ((outer < 0 ? -outer : outer) >= (inner < 0 ? -inner : inner)) break;
      for (int k = 0; k < count; ++k) {
        View& view = views[k];
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
void update_strided(const Rule& rule, const Arrays& arrays, int64_t begin, int64_t end, const void* coefficients) {
  View views[kMaxLists];
  for (int k = 0; k < rule.count; ++k) views[k] = *arrays[k];
  reorder(views, rule.count);
  const View* operands[kMaxLists];
  for (int k = 0; k < kMaxLists; ++k) operands[k] = &views[k < rule.count ? k : 0];
  const Nest<kMaxLists> nest = make_nest(operands);
  int64_t step[kMaxLists];
  for (int k = 0; k < kMaxLists; ++k) step[k] = nest.stride[k][nest.rank - 1];
  for_rows(nest, begin, end, [&](const int64_t* offset, int64_t count) {
    Word* first[kMaxLists];
    for (int k = 0; k < rule.count; ++k) first[k] = views[k].as<Word>() + offset[k];
    update_row(rule, first, step, count, coefficients);
  });
}

void update_range(const Rule& rule, const Arrays& arrays, int64_t size, int64_t begin, int64_t end,
                  const void* coefficients) {
  char* data[kMaxLists];
  for (int k = 0; k < rule.count; ++k) {
    if (!arrays[k]->contiguous()) {
      return size == 4 ? update_strided<uint32_t>(rule, arrays, begin, end, coefficients)
                       : update_strided<uint64_t>(rule, arrays, begin, end, coefficients);
    }
    data[k] = arrays[k]->as<char>() + begin * size;
  }
  rule.update(data, end - begin, coefficients);
}

// How many of an array's `size` elements lie before `position`, rounded down to whole cache lines where that cuts the
// array, so that threads neither share a line nor start amid one.
int64_t cut(int64_t position, int64_t size) {
  if (position <= 0) return 0;
  return position < size ? position / 16 * 16 : size;
}

// The counters and coefficients of one parameter after the other: computed anew only where the counters are not those
// of the one before.
class Coefficients {
 public:
  Coefficients(const Call& call, const Rule& rule, const RuleInputs& inputs)
      : rule_(rule), inputs_(inputs), counters_(rule.layout->counters) {
    for (int s = 0; s < rule.layout->settings; ++s) settings_.value[s] = inputs.setting(s);
    for (int f = 0; f < rule.layout->flags; ++f) settings_.flag[f] = call.attributes[f].flag();
  }

  const void* of(int parameter) {
    if (advance(parameter)) rule_.prepare(settings_, memory_);
    return memory_;
  }

  void store_counters(int parameter) {
    advance(parameter);
    for (int c = 0; c < counters_; ++c) *inputs_.counter(c, parameter).as<double>() = settings_.counter[c];
  }

 private:
  // Brings the counters to the next step; false where they are there.
  bool advance(int parameter) {
    double now[kMaxCounters] = {};
    for (int c = 0; c < counters_; ++c) now[c] = *inputs_.counter(c, parameter).as<double>();
    if (known_ && now[0] == before_[0] && now[1] == before_[1]) return false;
    known_ = true;
    for (int c = 0; c < kMaxCounters; ++c) settings_.counter[c] = before_[c] = now[c];
    rule_.advance(settings_);
    return true;
  }

  const Rule& rule_;
  const RuleInputs& inputs_;
  const int counters_;
  RuleSettings settings_;
  double before_[kMaxCounters];
  bool known_ = false;
  alignas(8) char memory_[kMaxCoefficientBytes];
};

}  // namespace

// The elements of all parameters are numbered through, so that threads share large and small ones evenly.
Status run_rule(const Call& call, const Rule& rule) {
  const RuleInputs inputs(*rule.layout, call.in, call.in_count);
  int64_t total = 0;
  for (int i = 0; i < inputs.parameters; ++i) total += call.in[i].size();
  const int64_t item = item_size(call.in[0].dtype);
  const double each = rule.layout->nanoseconds * (item == 4 ? 1 : 2);
  parallel_for(total, each, [&](int64_t begin, int64_t end) __attribute__((always_inline)) {
    Coefficients coefficients(call, rule, inputs);
    int64_t first = 0;
    for (int i = 0; i < inputs.parameters && first < end; ++i) {
      const int64_t size = call.in[i].size();
      const int64_t from = cut(begin - first, size), to = cut(end - first, size);
      first += size;
      if (from >= to) continue;
      Arrays arrays;
      for (int k = 0; k < rule.count; ++k) arrays[k] = &inputs.list(rule.list[k], i);
      update_range(rule, arrays, item, from, to, coefficients.of(i));
    }
  });
  if (rule.layout->counters == 0) return Status::ok;
  Coefficients coefficients(call, rule, inputs);
  for (int i = 0; i < inputs.parameters; ++i) coefficients.store_counters(i);
  return Status::ok;
}

}  // namespace minigrad
