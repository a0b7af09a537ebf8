// Elementwise rows whose operands lie as the loop reads them: in pieces that the loop takes, past the caches or not.
//
// Included by files compiled once; everything here has internal linkage all the same.
#pragma once

#include "kernels/elementwise_buffers.hpp"

namespace minigrad {
namespace {

// Rows that the loop can read and write where they lie. Results that fit into no cache go past the caches, through a
// buffer: a line of memory is then written without having been read before. It is a short one where loops are quick, so
// that reading goes on while lines wait to be written.
class DirectRows {
 public:
  // `size` elements of the output in pieces of `least` that follow one another; `repeats`: whether some operand is
  // repeated along them.
  DirectRows(const Call& call, const Map& map, int64_t size, int64_t least, bool repeats)
      : map_(map), item_(item_size(call.out[0].dtype)), block_(map.limit < kMapBlock || repeats ? map.limit : 0) {
    int64_t moved = size * item_, widest = item_;
    int large = 0;
    for (int i = 0; i < map.inputs; ++i) {
      const int64_t bytes = bytes_of(call.in[i]);
      items_[i] = item_size(call.in[i].dtype);
      far_[i] = bytes > kCached ? -1 : 0;
      moved += call.in[i].data == call.out[0].data ? 0 : bytes;
      widest = items_[i] > widest ? items_[i] : widest;
      large += bytes > kCached;
    }
    in_lines_ = (reinterpret_cast<uintptr_t>(call.out[0].data) | static_cast<uintptr_t>(least * item_)) % 64 == 0;
    streamed_ = past_caches(moved) && least * item_ >= (in_lines_ ? kShortest : kWorthStreaming);
    ahead_ = large > 1 ? kSoon : kLater;
    fetched_ = large > 1 || map.nanoseconds <= kQuick;
    if (!streamed_) return;
    const int64_t passing = map.streams ? INT64_MAX : (fetched_ ? kStreamed / 8 : kStreamed) / widest;
    block_ = 0 < map.limit && map.limit < passing ? map.limit : passing;
  }

  // Makes what the loop reads of an operand that is repeated along `count` elements.
  void fill(char* to, const char* from, int64_t item, int64_t count) const {
    fill_equal(to, from, item, map_.limit == 0 ? kLanes : count < block_ ? count : block_);
  }

  // Whether results go past the caches, and rows begin where lines of memory do.
  bool streamed_in_lines() const { return streamed_ && in_lines_; }

  // Whether the loop takes rows as they are.
  bool are_whole() const { return block_ == 0; }

  // Leaves `in` where it was or behind the elements.
  void run(char* out, int64_t count, Neighbours& in) const {
    if (map_.copies && in.mask[0] != 0) return move_bytes(out, in.x[0], count * item_, streamed_);
    if (block_ == 0 || (!streamed_ && count <= block_)) return map_.loop(map_.context, out, count, in);
    if (streamed_ && map_.streams) return run_past(out, count, in);
    run_blocks(out, count, in);
  }

  // As many as pass through the buffer at a time, or fewer.
  void run_few(char* out, int64_t count, const Neighbours& in) const {
    alignas(64) char buffer[kStreamed];
    const bool streamed = streamed_in_lines();
    map_.loop(map_.context, streamed ? buffer : out, count, in);
    if (streamed) copy_bytes(out, buffer, count * item_, true);
  }

  // What every worker does after its last row.
  void end() const {
    if (streamed_) stream_end();
  }

 private:
  static constexpr int64_t kStreamed = 2048;            // bytes of the widest operand that pass at a time
  static constexpr int64_t kCached = int64_t{1} << 20;  // bytes that the second cache holds
  // Bytes from what is read to what is asked for meanwhile, into the nearest cache alone: of several operands each has
  // less room there to wait in.
  static constexpr int64_t kSoon = 2048, kLater = 8192;
  static constexpr double kQuick = 0.2;  // nanoseconds for an element: what takes longer takes longer than its memory
  // Bytes of a row, in whole lines or not: of shorter ones the lines at both ends, which are not written as a whole,
  // cost too much.
  static constexpr int64_t kShortest = 256, kWorthStreaming = 2048;

  // The loop writes past the caches itself, but for what lies before the first line.
  [[gnu::noinline]] void run_past(char* out, int64_t count, Neighbours& in) const {
    for (int i = 0; i < map_.inputs; ++i) in.ahead[i] = ahead_ & in.mask[i] & far_[i];
    in.past = false;
    int64_t size = static_cast<int64_t>(-reinterpret_cast<uintptr_t>(out) % 64) / item_;
    for (; count > 0; count -= size, size = block_) {
      if (size > count) size = count;
      if (size > 0) map_.loop(map_.context, out, size, in);
      out += size * item_;
      step(in, size);
      in.past = true;
    }
  }

  void step(Neighbours& in, int64_t size) const {
    for (int i = 0; i < map_.inputs; ++i) {
      in.x[i] = static_cast<const char*>(in.x[i]) + (size * items_[i] & in.mask[i]);
    }
  }

  [[gnu::noinline]] void run_blocks(char* out, int64_t count, Neighbours& in) const {
    alignas(64) char buffer[kStreamed];
    int64_t size = block_;
    if (streamed_) size -= static_cast<int64_t>(reinterpret_cast<uintptr_t>(out) % 64) / item_;
    for (; count > 0; count -= size, size = block_) {
      if (size > count) size = count;
      map_.loop(map_.context, streamed_ ? buffer : out, size, in);
      if (streamed_ && fetched_) fetch(in, size);
      if (streamed_) copy_bytes(out, buffer, size * item_, true);
      out += size * item_;
      step(in, size);
    }
  }

  // As of all functions that only ask, the compiler would leave out the calls: to it they do nothing.
  [[gnu::always_inline]] void fetch(const Neighbours& in, int64_t size) const {
    for (int i = 0; i < map_.inputs; ++i) {
      const int64_t bytes = size * items_[i] & in.mask[i] & far_[i];
      const char* const next = static_cast<const char*>(in.x[i]);
      for (int64_t b = 0; b < bytes; b += 64) {
        __builtin_prefetch(next + ahead_ + b, 0, 0);
      }
    }
  }

  const Map& map_;
  int64_t item_;               // bytes
  int64_t items_[kMaxMapped];  // of the inputs
  int64_t far_[kMaxMapped];    // -1 for inputs that come from memory, else 0
  int64_t ahead_;              // bytes
  int64_t block_;              // elements that pass at a time; 0: all
  bool in_lines_, streamed_;
  bool fetched_;  // whether operands to come are asked for
};
}  // namespace
}  // namespace minigrad
