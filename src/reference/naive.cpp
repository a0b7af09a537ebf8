#include "reference/naive.hpp"

#include <vector>

#include "core/half.hpp"

namespace minigrad::reference {
namespace {

template <class W>
W read(const View& x, const Position& p) {
  switch (x.dtype) {
    case DType::boolean:
      return static_cast<W>(at<bool>(x, p));
    case DType::uint8:
      return static_cast<W>(at<uint8_t>(x, p));
    case DType::int8:
      return static_cast<W>(at<int8_t>(x, p));
    case DType::int16:
      return static_cast<W>(at<int16_t>(x, p));
    case DType::int32:
      return static_cast<W>(at<int32_t>(x, p));
    case DType::int64:
      return static_cast<W>(at<int64_t>(x, p));
    case DType::float32:
      return static_cast<W>(at<float>(x, p));
    case DType::float64:
      return static_cast<W>(at<double>(x, p));
    case DType::float16:
      return static_cast<W>(at<Half>(x, p));
  }
  return W{};
}

template <class W>
void write(const View& out, const Position& p, W value) {
  switch (out.dtype) {
    case DType::boolean:
      at<bool>(out, p) = static_cast<bool>(value);
      break;
    case DType::uint8:
      at<uint8_t>(out, p) = static_cast<uint8_t>(value);
      break;
    case DType::int8:
      at<int8_t>(out, p) = static_cast<int8_t>(value);
      break;
    case DType::int16:
      at<int16_t>(out, p) = static_cast<int16_t>(value);
      break;
    case DType::int32:
      at<int32_t>(out, p) = static_cast<int32_t>(value);
      break;
    case DType::int64:
      at<int64_t>(out, p) = static_cast<int64_t>(value);
      break;
    case DType::float32:
      at<float>(out, p) = static_cast<float>(value);
      break;
    case DType::float64:
      at<double>(out, p) = static_cast<double>(value);
      break;
    case DType::float16:
      at<Half>(out, p) = static_cast<Half>(value);
      break;
  }
}

// An array of x's shape, as double or int64, that repeats what x repeats.
class Wide {
 public:
  explicit Wide(const View& x) : view_(x) {
    int64_t size = 1;
    for (int d = x.rank - 1; d >= 0; --d) {
      if (x.stride[d] == 0) continue;
      view_.stride[d] = size;
      size *= x.shape[d];
    }
    memory_.resize(static_cast<size_t>(size));
    view_.dtype = is_floating(x.dtype) ? DType::float64 : DType::int64;
    if (x.data != nullptr) view_.data = memory_.data();
  }

  const View& view() const { return view_; }

 private:
  std::vector<int64_t> memory_;
  View view_;
};

static_assert(sizeof(double) == sizeof(int64_t));

}  // namespace

void convert(const View& out, const View& x) {
  for_each(out, [&](const Position& p) {
    if (is_floating(x.dtype)) {
      write(out, p, read<double>(x, p));
    } else {
      write(out, p, read<int64_t>(x, p));
    }
  });
}

Status run_widened(const Call& call, RunFunction run, int out_count) {
  std::vector<Wide> operands;
  std::vector<View> views;
  operands.reserve(static_cast<size_t>(call.in_count + out_count));
  for (int i = 0; i < call.in_count + out_count; ++i) {
    const View& given = i < call.in_count ? call.in[i] : call.out[i - call.in_count];
    views.push_back(operands.emplace_back(given).view());
    if (i < call.in_count && given.data != nullptr) convert(views.back(), given);
  }
  Call wide = call;
  wide.in = views.data();
  wide.out = views.data() + call.in_count;
  const Status status = run(wide);
  for (int i = 0; i < out_count; ++i) convert(call.out[i], wide.out[i]);
  return status;
}

}  // namespace minigrad::reference
