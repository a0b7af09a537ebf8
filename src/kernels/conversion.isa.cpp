// Conversions between all dtypes: a loop for each pair, of which those to and from float16 go through float.
#include "core/half.hpp"
#include "isa/isa.hpp"
#include "kernels/elementwise_loops.hpp"
#include "kernels/elementwise_ops.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

template <class Out, class X>
void convert_all(const void*, void* out, int64_t size, const Neighbours& in) {
  map_block<ConvertTo<X, Out>>(static_cast<Out*>(out), size, static_cast<const X*>(in.x[0]));
}

// ---------------------------------------------------------------------------------------------------------------------
// float16

#if defined(__F16C__)
[[gnu::always_inline]] inline void convert(short* out, const float* x) {
  const __m128i low = _mm256_cvtps_ph(_mm256_loadu_ps(x), _MM_FROUND_TO_NEAREST_INT);
  const __m128i high = _mm256_cvtps_ph(_mm256_loadu_ps(x + 8), _MM_FROUND_TO_NEAREST_INT);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm256_set_m128i(high, low));
}

[[gnu::always_inline]] inline void convert(float* out, const short* x) {
#if defined(__AVX512F__)
  const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x));
  _mm512_storeu_ps(out, _mm512_maskz_cvtph_ps(0xffff, halves));
#else
  _mm256_storeu_ps(out, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x))));
  _mm256_storeu_ps(out + 8, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x + 8))));
#endif
}

// Sixteen elements at a time, the last ones in memory of their own.
template <class Out, class X>
void convert_half(const void*, void* to, int64_t size, const Neighbours& in) {
  auto* const out = static_cast<Out*>(to);
  const auto* const x = static_cast<const X*>(in.x[0]);
  const int64_t whole = size & ~int64_t{15}, rest = size - whole;
#pragma GCC unroll 2
  for (int64_t i = 0; i < whole; i += 16) convert(out + i, x + i);
  if (rest == 0) return;
  X last[16] = {};
  Out converted[16];
  __builtin_memcpy(last, x + whole, static_cast<size_t>(rest) * sizeof(X));
  convert(converted, last);
  __builtin_memcpy(out + whole, converted, static_cast<size_t>(rest) * sizeof(Out));
}

constexpr MapLoop kFromHalf = convert_half<float, short>, kToHalf = convert_half<short, float>;
#else
constexpr MapLoop kFromHalf = convert_all<float, Half>, kToHalf = convert_all<Half, float>;
#endif

struct TwoSteps {
  MapLoop to_float, from_float;
};

constexpr int64_t kStep = 512;  // elements that are floats at a time

void convert_twice(const void* context, void* out, int64_t size, const Neighbours& in) {
  const auto& steps = *static_cast<const TwoSteps*>(context);
  alignas(64) float between[kStep];
  steps.to_float(nullptr, between, size, in);
  Neighbours floats;
  floats.x[0] = between;
  steps.from_float(nullptr, out, size, floats);
}

// ---------------------------------------------------------------------------------------------------------------------
// All the others. Booleans are read as the bytes that they are; whether a number that becomes no longer has a sign
// makes no difference, nor whether the result has one.

template <class X>
struct LoopsFrom {
  using Same = std::conditional_t<std::is_same_v<X, uint8_t>, int8_t, X>;
  static constexpr MapLoop to[] = {convert_all<bool, Same>, convert_all<int8_t, Same>, convert_all<int8_t, Same>,
                                   convert_all<int16_t, X>, convert_all<int32_t, X>,   convert_all<int64_t, X>,
                                   convert_all<float, X>,   convert_all<double, X>};
};

constexpr const MapLoop* kLoops[] = {LoopsFrom<uint8_t>::to, LoopsFrom<uint8_t>::to, LoopsFrom<int8_t>::to,
                                     LoopsFrom<int16_t>::to, LoopsFrom<int32_t>::to, LoopsFrom<int64_t>::to,
                                     LoopsFrom<float>::to,   LoopsFrom<double>::to};

void convert_flags_to_half(const void*, void* out, int64_t size, const Neighbours& in) {
  static_assert(kFlags <= kStep);
  const TwoSteps steps = {convert_all<float, uint8_t>, kToHalf};
  convert_twice(&steps, out, size, in);
}

constexpr int kFloat = static_cast<int>(DType::float32), kHalf = static_cast<int>(DType::float16);

Status run_cast(const Call& call) {
  const int from = static_cast<int>(call.in[0].dtype), to = static_cast<int>(call.out[0].dtype);
  const double cost = nanoseconds_of<Streaming>(static_cast<size_t>(kItemSizes[from] + kItemSizes[to]));
  const MapLoop to_float = from == kHalf ? kFromHalf : kLoops[from][kFloat];
  const MapLoop from_float = to == kHalf ? kToHalf : kLoops[kFloat][to];
  if (from == kFloat || to == kFloat)
    return walk(call, {1, cost, to == kFloat ? to_float : from_float, nullptr, kMapBlock});
  if (from != kHalf && to != kHalf) return walk(call, {1, cost, kLoops[from][to], nullptr, kMapBlock});
  const TwoSteps steps = {to_float, from_float};
  return walk(call, {1, 2 * cost, convert_twice, &steps, kStep});
}

constexpr Run kRows[] = {
    {"cast", {{run_cast, run_cast, run_cast, run_cast, run_cast, run_cast, run_cast, run_cast, run_cast}}}};

}  // namespace

extern const MapLoop floats_of_halves;
const MapLoop floats_of_halves = kFromHalf;

const MapLoop numbers_of_flags[kDTypeCount] = {
    convert_all<bool, int8_t>,     convert_all<int8_t, int8_t>,   convert_all<int8_t, int8_t>,
    convert_all<int16_t, uint8_t>, convert_all<int32_t, uint8_t>, convert_all<int64_t, uint8_t>,
    convert_all<float, uint8_t>,   convert_all<double, uint8_t>,  convert_flags_to_half};

extern const Runs conversion_runs;
const Runs conversion_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::MINIGRAD_ISA
