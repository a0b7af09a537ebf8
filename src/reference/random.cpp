#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "core/half.hpp"
#include "core/philox.hpp"
#include "reference/naive.hpp"

namespace minigrad::reference {
namespace {

// The random numbers of a call, one by one.
struct Source {
  uint64_t key, offset;

  explicit Source(const Call& call)
      : key(static_cast<uint64_t>(*call.in[0].as<int64_t>())),
        offset(static_cast<uint64_t>(*call.in[1].as<int64_t>())) {}

  uint32_t word32(int64_t i) const { return philox::block(key, offset + static_cast<uint64_t>(i / 4)).word[i % 4]; }
  uint64_t word64(int64_t i) const { return word32(2 * i) | static_cast<uint64_t>(word32(2 * i + 1)) << 32; }
};

float unit(const Source& source, int64_t i, float) { return static_cast<float>(source.word32(i) >> 8) * 0x1p-24f; }
double unit(const Source& source, int64_t i, double) { return static_cast<double>(source.word64(i) >> 11) * 0x1p-53; }

// u and the angle of pair j are rounded to the element's dtype: where u is near 1, that is part of the result.
struct Polar {
  double u, angle;
};

Polar polar(const Source& source, int64_t j, float) {
  const float u = static_cast<float>(static_cast<int32_t>(source.word32(2 * j) >> 1)) * 0x1p-31f + 0x1p-32f;
  const float turns = static_cast<float>(static_cast<int32_t>(source.word32(2 * j + 1)));
  return {u, turns * static_cast<float>(std::numbers::pi * 0x1p-31)};
}

Polar polar(const Source& source, int64_t j, double) {
  return {unit(source, 2 * j, 0.0) + 0x1p-54, (unit(source, 2 * j + 1, 0.0) - 0.5) * (2 * std::numbers::pi)};
}

uint64_t scaled(uint64_t word, uint64_t range) {
  __extension__ typedef unsigned __int128 UInt128;
  return static_cast<uint64_t>(static_cast<UInt128>(word) * range >> 64);
}

// out[i] = f(i), i the row-major position.
template <class T, class F>
Status fill(const Call& call, F&& f) {
  const View& out = call.out[0];
  int64_t i = 0;
  for_each(out, [&](const Position& p) { element<T>(out, p, out.rank) = static_cast<T>(f(i++)); });
  return Status::ok;
}

template <class T>
Status uniform_of(const Call& call) {
  const Source source(call);
  return fill<T>(call, [&](int64_t i) { return unit(source, i, T{}); });
}

template <class T>
Status normal_of(const Call& call) {
  const Source source(call);
  return fill<T>(call, [&](int64_t i) {
    const Polar p = polar(source, i / 2, T{});
    return std::sqrt(-2 * std::log(p.u)) * (i % 2 == 0 ? std::cos(p.angle) : std::sin(p.angle));
  });
}

Status randint_of(const Call& call) {
  const Source source(call);
  const uint64_t low = static_cast<uint64_t>(call.attributes[0].integer());
  const uint64_t range = static_cast<uint64_t>(call.attributes[1].integer()) - low;
  return fill<int64_t>(call, [&](int64_t i) { return low + scaled(source.word64(i), range); });
}

Status permutation_of(const Call& call) {
  const Source source(call);
  const int64_t n = call.out[0].shape[0];
  int64_t* const out = call.out[0].as<int64_t>();
  for (int64_t i = 0; i < n; ++i) out[i] = i;
  for (int64_t i = n - 1; i > 0; --i) {
    std::swap(out[i], out[scaled(source.word64(n - 1 - i), static_cast<uint64_t>(i) + 1)]);
  }
  return Status::ok;
}

template <class T>
T converted(double value) {
  using Limits = std::numeric_limits<T>;
  if (!Limits::is_integer || std::is_same_v<T, bool>) return static_cast<T>(value);
  if (std::isnan(value)) return T{0};
  if (value >= static_cast<double>(Limits::max())) return Limits::max();
  return value <= static_cast<double>(Limits::min()) ? Limits::min() : static_cast<T>(value);
}

template <class T>
Status full_of(const Call& call) {
  return fill<T>(call, [&](int64_t) { return converted<T>(*call.in[0].as<double>()); });
}

template <class T>
Status ramp_of(const Call& call) {
  const double start = *call.in[0].as<double>(), end = *call.in[1].as<double>(), step = *call.in[2].as<double>();
  const int64_t last = call.out[0].size() - 1, near = call.attributes[2].integer();
  return fill<T>(call, [&](int64_t i) {
    return i < near ? static_cast<double>(i) * step + start : static_cast<double>(i - last) * step + end;
  });
}

Status triangle_indices_of(const Call& call) {
  const View& out = call.out[0];
  const int64_t offset = call.attributes[2].integer();
  int64_t n = 0;
  for (int64_t row = 0; row < call.attributes[0].integer(); ++row) {
    for (int64_t column = 0; column < call.attributes[1].integer(); ++column) {
      if (call.attributes[3].flag() ? column > row + offset : column < row + offset) continue;
      out.as<int64_t>()[n * out.stride[1]] = row;
      out.as<int64_t>()[out.stride[0] + n++ * out.stride[1]] = column;
    }
  }
  return Status::ok;
}

constexpr Run kRows[] = {
    {"uniform", floats(uniform_of<float>, uniform_of<double>)},
    {"normal", floats(normal_of<float>, normal_of<double>)},
    {"randint", for_int64(randint_of)},
    {"permutation", for_int64(permutation_of)},
    {"full",
     {{full_of<bool>, full_of<uint8_t>, full_of<int8_t>, full_of<int16_t>, full_of<int32_t>, full_of<int64_t>,
       full_of<float>, full_of<double>, full_of<Half>}}},
    {"triangle_indices", for_int64(triangle_indices_of)},
    {"ramp", {{nullptr, nullptr, nullptr, nullptr, nullptr, ramp_of<int64_t>, ramp_of<float>, ramp_of<double>}}},
};

}  // namespace

extern const Runs random_runs;
const Runs random_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::reference
