// Random numbers from Philox blocks, several blocks at once.
//
// Block b of an array (counter offset + b) has the words w0 ... w3. Read as numbers of 32 bits they belong to elements
// 4 b ... 4 b + 3; read as numbers of 64 bits, w0 + 2^32 w1 and w2 + 2^32 w3, to elements 2 b and 2 b + 1.
#include "core/kernel.hpp"
#include "core/loops.hpp"
#include "core/philox.hpp"
#include "isa/isa.hpp"
#include "isa/math.hpp"

namespace minigrad::MINIGRAD_ISA {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// Blocks: lanes of 64 bits, each with one 32-bit word of a block in its lower half and anything in its upper one.

using Words = Vec<uint64_t>;
constexpr int kBlockLanes = kLanes<uint64_t>;

// The product of the lower halves; a's and b's even and odd lanes side by side, lane 0 first.
#if defined(__AVX512F__)
constexpr __mmask8 kAllLanes = 0xff;  // GCC 12 warns of its own header in the functions without a mask
Words wide_product(Words a, Words b) { return (Words)_mm512_maskz_mul_epu32(kAllLanes, (__m512i)a, (__m512i)b); }
Words zip_even(Words a, Words b) { return (Words)_mm512_maskz_unpacklo_epi64(kAllLanes, (__m512i)a, (__m512i)b); }
Words zip_odd(Words a, Words b) { return (Words)_mm512_maskz_unpackhi_epi64(kAllLanes, (__m512i)a, (__m512i)b); }
#elif defined(__AVX2__)
Words wide_product(Words a, Words b) { return (Words)_mm256_mul_epu32((__m256i)a, (__m256i)b); }
Words zip_even(Words a, Words b) { return (Words)_mm256_unpacklo_epi64((__m256i)a, (__m256i)b); }
Words zip_odd(Words a, Words b) { return (Words)_mm256_unpackhi_epi64((__m256i)a, (__m256i)b); }
#elif defined(__x86_64__)
Words wide_product(Words a, Words b) { return (Words)_mm_mul_epu32((__m128i)a, (__m128i)b); }
Words zip_even(Words a, Words b) { return (Words)_mm_unpacklo_epi64((__m128i)a, (__m128i)b); }
Words zip_odd(Words a, Words b) { return (Words)_mm_unpackhi_epi64((__m128i)a, (__m128i)b); }
#else
Words wide_product(Words a, Words b) { return (Words)vmull_u32(vmovn_u64((uint64x2_t)a), vmovn_u64((uint64x2_t)b)); }
Words zip_even(Words a, Words b) { return (Words)vzip1q_u64((uint64x2_t)a, (uint64x2_t)b); }
Words zip_odd(Words a, Words b) { return (Words)vzip2q_u64((uint64x2_t)a, (uint64x2_t)b); }
#endif

// Writes the words of kBlockLanes blocks, in order. Even lanes compute the first half of the blocks and odd lanes the
// second one, which is the order that the zips undo.
[[gnu::always_inline]] inline void blocks_at(uint64_t key, uint64_t counter, uint64_t* words) {
  Words lane_block;
  for (int i = 0; i < kBlockLanes; ++i) lane_block[i] = static_cast<uint64_t>(i % 2 * (kBlockLanes / 2) + i / 2);
  Words c0 = splat(counter) + lane_block, c1 = c0 >> 32, c2 = {}, c3 = {};
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < philox::kRounds; ++round) {
    const Words p0 = wide_product(c0, splat(uint64_t{philox::kMultiplier0}));
    const Words p1 = wide_product(c2, splat(uint64_t{philox::kMultiplier1}));
    c0 = (p1 >> 32) ^ c1 ^ splat(uint64_t{k0});
    c1 = p1;
    c2 = (p0 >> 32) ^ c3 ^ splat(uint64_t{k1});
    c3 = p0;
    k0 += philox::kWeyl0;
    k1 += philox::kWeyl1;
  }
  const Words low_half = splat(uint64_t{0xffffffffu});
  const Words first = (c0 & low_half) | c1 << 32, second = (c2 & low_half) | c3 << 32;
  store(words, zip_even(first, second));
  store(words + kBlockLanes, zip_odd(first, second));
}

// Blocks that are made at once, into a buffer on the stack: a multiple of every kBlockLanes.
constexpr int64_t kChunkBlocks = 64;
constexpr int64_t kChunkWords = 2 * kChunkBlocks;  // of 64 bits

// The blocks that `count` words of 64 bits need, rounded up to whole registers.
void fill_words(uint64_t key, uint64_t counter, int64_t count, uint64_t* words) {
  for (int64_t i = 0; i < count; i += 2 * kBlockLanes) {
    blocks_at(key, counter + static_cast<uint64_t>(i / 2), words + i);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Numbers. `make(words, out, count)` writes count elements and may write up to kSlack more.

constexpr int64_t kSlack = 1;

[[gnu::always_inline]] inline uint32_t low_word(uint64_t word) { return static_cast<uint32_t>(word); }
[[gnu::always_inline]] inline uint32_t high_word(uint64_t word) { return static_cast<uint32_t>(word >> 32); }

// The upper 24 bits as a multiple of 2^-24 in [0, 1).
[[gnu::always_inline]] inline float unit_float(uint32_t word) {
  return static_cast<float>(static_cast<int32_t>(word >> 8)) * 0x1p-24f;
}

// The upper 53 bits as a multiple of 2^-53 in [0, 1), in two parts that become the digits of a number near 2^52: not
// every instruction set converts 64-bit integers. Every step is exact.
[[gnu::always_inline]] inline double unit_double(uint64_t word) {
  const double high = math::from_bits<double>(0x4330000000000000u | word >> 37) - 0x1p52;
  const double low = math::from_bits<double>(0x4330000000000000u | (word >> 11 & 0x3ffffffu)) - 0x1p52;
  return (high * 0x1p26 + low) * 0x1p-53;
}

struct Uniform {
  static constexpr double kNanoseconds = 0.5;

  static void make(const uint64_t* words, float* out, int64_t count) {
#pragma omp simd
    for (int64_t i = 0; i < (count + 1) / 2; ++i) {
      out[2 * i] = unit_float(low_word(words[i]));
      out[2 * i + 1] = unit_float(high_word(words[i]));
    }
  }
  static void make(const uint64_t* words, double* out, int64_t count) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) out[i] = unit_double(words[i]);
  }
};

// The transform of Box and Muller: with u in (0, 1] and an angle in [-pi, pi), r = sqrt(-2 log u) gives the two
// elements r cos(angle) and r sin(angle). In float32, u has 31 bits before it is rounded, so |element| <= 6.67; in
// float64 it has 53, and |element| <= 8.66.
struct Normal {
  static constexpr double kNanoseconds = 2;

  static void make(const uint64_t* words, float* out, int64_t count) {
    constexpr float kAngleUnit = static_cast<float>(0x1.921fb54442d18p-30);  // pi / 2^31
#pragma omp simd
    for (int64_t i = 0; i < (count + 1) / 2; ++i) {
      const float u = fma(static_cast<float>(static_cast<int32_t>(low_word(words[i]) >> 1)), 0x1p-31f, 0x1p-32f);
      const float angle = static_cast<float>(static_cast<int32_t>(high_word(words[i]))) * kAngleUnit;
      const float r = math::sqrt(-2.0f * math::log(u));
      out[2 * i] = r * math::cos_fast(angle);
      out[2 * i + 1] = r * math::sin_fast(angle);
    }
  }
  static void make(const uint64_t* words, double* out, int64_t count) {
#pragma omp simd
    for (int64_t i = 0; i < (count + 1) / 2; ++i) {
      const double u = unit_double(words[2 * i]) + 0x1p-54;
      const double angle = (unit_double(words[2 * i + 1]) - 0.5) * 0x1.921fb54442d18p+2;
      const double r = math::sqrt(-2.0 * math::log(u));
      out[2 * i] = r * math::cos_fast(angle);
      out[2 * i + 1] = r * math::sin_fast(angle);
    }
  }
};

__extension__ typedef unsigned __int128 UInt128;

// A number in [0, range) from 64 random bits: some numbers are more likely than others by at most range / 2^64.
[[gnu::always_inline]] inline uint64_t scaled(uint64_t word, uint64_t range) {
  return static_cast<uint64_t>((static_cast<UInt128>(word) * range) >> 64);
}

struct Integers {
  static constexpr double kNanoseconds = 1.2;
  uint64_t low, range;

  void make(const uint64_t* words, int64_t* out, int64_t count) const {
    for (int64_t i = 0; i < count; ++i) out[i] = static_cast<int64_t>(low + scaled(words[i], range));
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// Runs.

// Copies `count` values to the elements of out from the flat index `start` on.
template <class T>
void copy_out(const Nest<1>& nest, T* out, int64_t start, const T* values, int64_t count) {
  const int64_t step = nest.stride[0][nest.rank - 1];
  for_rows(nest, start, start + count, [&](const int64_t* offset, int64_t size) {
    for (int64_t i = 0; i < size; ++i) out[offset[0] + i * step] = values[i];
    values += size;
  });
}

template <class T, class Source>
Status fill(const Call& call, const Source& source) {
  constexpr int64_t kPerWord = sizeof(uint64_t) / sizeof(T), kChunk = kChunkWords * kPerWord;
  const uint64_t key = static_cast<uint64_t>(*call.in[0].as<int64_t>());
  const uint64_t offset = static_cast<uint64_t>(*call.in[1].as<int64_t>());
  const View* const operands[] = {&call.out[0]};
  const Nest<1> nest = make_nest(operands);
  const bool contiguous = call.out[0].contiguous();
  T* const out = call.out[0].as<T>();
  parallel_for((nest.size + kChunk - 1) / kChunk, Source::kNanoseconds * kChunk, [&](int64_t begin, int64_t end) {
    alignas(64) uint64_t words[kChunkWords];
    alignas(64) T values[kChunk + kSlack];
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      const int64_t start = chunk * kChunk;
      const int64_t count = nest.size - start < kChunk ? nest.size - start : kChunk;
      fill_words(key, offset + static_cast<uint64_t>(chunk * kChunkBlocks), (count + kPerWord - 1) / kPerWord, words);
      if (contiguous && count == kChunk) {
        source.make(words, out + start, count);
      } else {
        source.make(words, values, count);
        copy_out(nest, out, start, values, count);
      }
    }
  });
  return Status::ok;
}

template <class T>
Status run_uniform(const Call& call) {
  return fill<T>(call, Uniform{});
}

template <class T>
Status run_normal(const Call& call) {
  return fill<T>(call, Normal{});
}

Status run_randint(const Call& call) {
  const uint64_t low = static_cast<uint64_t>(call.attributes[0].integer());
  return fill<int64_t>(call, Integers{low, static_cast<uint64_t>(call.attributes[1].integer()) - low});
}

// The shuffle of Fisher and Yates: for i = n - 1, n - 2, ..., 1 the elements i and j are swapped, j drawn from [0, i]
// with the word n - 1 - i.
Status run_permutation(const Call& call) {
  const uint64_t key = static_cast<uint64_t>(*call.in[0].as<int64_t>());
  const uint64_t offset = static_cast<uint64_t>(*call.in[1].as<int64_t>());
  const int64_t n = call.out[0].shape[0], step = call.out[0].stride[0];
  int64_t* const out = call.out[0].as<int64_t>();
  for (int64_t i = 0; i < n; ++i) out[i * step] = i;
  alignas(64) uint64_t words[kChunkWords];
  for (int64_t i = n - 1; i > 0; --i) {
    const int64_t word = n - 1 - i;
    if (word % kChunkWords == 0) {
      fill_words(key, offset + static_cast<uint64_t>(word / 2), i < kChunkWords ? i : kChunkWords, words);
    }
    const int64_t j = static_cast<int64_t>(scaled(words[word % kChunkWords], static_cast<uint64_t>(i) + 1));
    const int64_t swapped = out[i * step];
    out[i * step] = out[j * step];
    out[j * step] = swapped;
  }
  return Status::ok;
}

constexpr RunsByDType for_int64(RunFunction run) {
  return {{nullptr, nullptr, nullptr, nullptr, nullptr, run, nullptr, nullptr}};
}

constexpr Run kRows[] = {
    {"uniform", floats(run_uniform<float>, run_uniform<double>)},
    {"normal", floats(run_normal<float>, run_normal<double>)},
    {"randint", for_int64(run_randint)},
    {"permutation", for_int64(run_permutation)},
};

}  // namespace

extern const Runs random_runs;
const Runs random_runs = {kRows, sizeof(kRows) / sizeof(Run)};

}  // namespace minigrad::MINIGRAD_ISA
