// Elements as sortable keys, and sorting them with their places.
//
// Order is that of unsigned integers on the keys. -0 equals +0, NaN equals NaN and is the largest. An entry is a key
// and the place that its element had: entries are never equal, so every way of sorting them gives the stable order.
#pragma once

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "core/half.hpp"
#include "core/kernel.hpp"

namespace minigrad {
namespace {

template <class T>
using Bits = std::conditional_t<
    sizeof(T) == 1, uint8_t,
    std::conditional_t<sizeof(T) == 2, uint16_t, std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>>>;

template <class T>
constexpr bool kIsFloat = std::is_floating_point_v<T> || std::is_same_v<T, Half>;

// The bits of infinity: what is larger, without the sign, is NaN.
template <class T>
constexpr uint64_t kInfinity = sizeof(T) == 8   ? 0x7ff0000000000000
                               : sizeof(T) == 4 ? uint64_t{0x7f800000}
                                                : uint64_t{0x7c00};

template <class T>
constexpr Bits<T> kNanKey = static_cast<Bits<T>>(~uint64_t{0});

template <class T>
inline Bits<T> key_of(T x) {
  using B = Bits<T>;
  constexpr B kSign = static_cast<B>(B{1} << (8 * sizeof(T) - 1));
  B b;
  std::memcpy(&b, &x, sizeof b);
  if constexpr (kIsFloat<T>) {
    const B magnitude = static_cast<B>(b & ~kSign);
    const B key = static_cast<B>(b & kSign ? ~b : b | kSign);
    if (magnitude > static_cast<B>(kInfinity<T>)) return kNanKey<T>;
    return magnitude == 0 ? kSign : key;
  } else {
    return std::is_signed_v<T> ? static_cast<B>(b ^ kSign) : b;
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Entries. Those of keys up to 32 bits are one number, places below 2^32 in its low half.

struct WideEntry {
  uint64_t key;
  int64_t place;

  bool operator<(const WideEntry& other) const { return key < other.key || (key == other.key && place < other.place); }
};

template <class T>
using Entry = std::conditional_t<sizeof(T) == 8, WideEntry, uint64_t>;

template <class T>
inline Entry<T> make_entry(Bits<T> key, int64_t place) {
  if constexpr (sizeof(T) == 8) {
    return {key, place};
  } else {
    return static_cast<uint64_t>(key) << 32 | static_cast<uint64_t>(place);
  }
}

inline int64_t place_of(uint64_t entry) { return static_cast<int64_t>(entry & 0xffffffff); }
inline int64_t place_of(const WideEntry& entry) { return entry.place; }
inline uint64_t entry_key(uint64_t entry) { return entry >> 32; }
inline uint64_t entry_key(const WideEntry& entry) { return entry.key; }

// Whether an entry comes before one whose place is lower.
inline bool comes_before(uint64_t entry, uint64_t other) { return entry < other; }
inline bool comes_before(const WideEntry& entry, const WideEntry& other) { return entry.key < other.key; }

// The entries of a line of elements, largest first where `descending`.
template <class T>
void load_entries(Entry<T>* entries, const T* x, int64_t step, int64_t n, bool descending) {
  const Bits<T> flip = descending ? kNanKey<T> : Bits<T>{0};
  for (int64_t i = 0; i < n; ++i) entries[i] = make_entry<T>(static_cast<Bits<T>>(key_of(x[i * step]) ^ flip), i);
}

// The same for integers that differ by less than 2^32: their entries are half as large. False where they do not.
inline bool load_near(uint64_t* entries, const int64_t* x, int64_t step, int64_t n, bool descending) {
  int64_t least = x[0], most = x[0];
  for (int64_t i = 0; i < n; ++i) {
    const int64_t value = x[i * step];
    least = value < least ? value : least;
    most = value > most ? value : most;
  }
  if (static_cast<uint64_t>(most) - static_cast<uint64_t>(least) > UINT32_MAX || n > int64_t{UINT32_MAX}) return false;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t key = descending ? most - x[i * step] : x[i * step] - least;
    entries[i] = make_entry<uint32_t>(static_cast<uint32_t>(key), i);
  }
  return true;
}

// ---------------------------------------------------------------------------------------------------------------------
// Sorting by the bytes of the keys, the lowest first. A byte that all keys share costs nothing.

constexpr int kByteValues = 256;
constexpr int64_t kShort = 96;  // below it comparing is quicker

template <int kBytes, class E>
void count_bytes(const E* entries, int64_t n, int64_t (&counts)[kBytes][kByteValues]) {
  std::memset(counts, 0, sizeof counts);
  for (int64_t i = 0; i < n; ++i) {
    const uint64_t key = entry_key(entries[i]);
    for (int b = 0; b < kBytes; ++b) ++counts[b][key >> (8 * b) & 0xff];
  }
}

// Moves entries to where their byte says. `starts` are the counts of the byte's values.
template <class E>
void move_by_byte(E* to, const E* from, int64_t n, int byte, int64_t (&starts)[kByteValues]) {
  int64_t sum = 0;
  for (int64_t& start : starts) {
    const int64_t count = start;
    start = sum;
    sum += count;
  }
  for (int64_t i = 0; i < n; ++i) to[starts[entry_key(from[i]) >> (8 * byte) & 0xff]++] = from[i];
}

template <int kBytes, class E>
E* sort_by_bytes(E* entries, E* room, int64_t n) {
  int64_t counts[kBytes][kByteValues];
  count_bytes(entries, n, counts);
  for (int byte = 0; byte < kBytes; ++byte) {
    if (counts[byte][entry_key(entries[0]) >> (8 * byte) & 0xff] == n) continue;
    move_by_byte(room, entries, n, byte, counts[byte]);
    std::swap(entries, room);
  }
  return entries;
}

// Sorts n entries of keys of so many bytes, which stand in the order of their places, with room for n more; returns
// which of the two has them.
template <class E>
E* sort_entries(E* entries, E* room, int64_t n, int bytes) {
  if (n < kShort) {
    std::sort(entries, entries + n);
    return entries;
  }
  if constexpr (std::is_same_v<E, WideEntry>) {
    return sort_by_bytes<8>(entries, room, n);
  } else {
    return bytes == 1   ? sort_by_bytes<1>(entries, room, n)
           : bytes == 2 ? sort_by_bytes<2>(entries, room, n)
                        : sort_by_bytes<4>(entries, room, n);
  }
}

// A run for every dtype.
template <template <class> class Of>
constexpr RunsByDType every_dtype() {
  return {{Of<bool>::run, Of<uint8_t>::run, Of<int8_t>::run, Of<int16_t>::run, Of<int32_t>::run, Of<int64_t>::run,
           Of<float>::run, Of<double>::run, Of<Half>::run}};
}

}  // namespace
}  // namespace minigrad
