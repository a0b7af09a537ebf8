// Random bits: Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3" (2011).
//
// A counter of 128 bits and a key of 64 give 128 random bits; nothing else is kept, so every element of an array has
// its own counter and any of them can be computed alone. Here the counter's upper half is 0 and its lower half is
// offset + block, modulo 2^64; its words are given lowest first.
//
// Included by files compiled once per instruction set: everything here has internal linkage.
#pragma once

#include <cstdint>

namespace minigrad {
namespace philox {

static constexpr int kRounds = 10;
static constexpr uint32_t kMultiplier0 = 0xD2511F53u, kMultiplier1 = 0xCD9E8D57u;
static constexpr uint32_t kWeyl0 = 0x9E3779B9u, kWeyl1 = 0xBB67AE85u;  // what a round adds to the key's words

struct Block {
  uint32_t word[4];
};

[[maybe_unused]] static inline Block block(uint64_t key, uint64_t counter) {
  uint32_t c0 = static_cast<uint32_t>(counter), c1 = static_cast<uint32_t>(counter >> 32), c2 = 0, c3 = 0;
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t p0 = uint64_t{kMultiplier0} * c0, p1 = uint64_t{kMultiplier1} * c2;
    c0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
    c1 = static_cast<uint32_t>(p1);
    c2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c3 = static_cast<uint32_t>(p0);
    k0 += kWeyl0;
    k1 += kWeyl1;
  }
  return {{c0, c1, c2, c3}};
}

}  // namespace philox
}  // namespace minigrad
