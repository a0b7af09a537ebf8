// Freed buffers, kept for the next array of about the same size.
//
// Fresh memory from the system costs a page fault for every 4 KiB, which for large results is four fifths of the time
// of an addition. Safe to call from any thread.
#pragma once

#include <cstddef>

namespace minigrad {

constexpr size_t kAlignment = 64;  // of every buffer: a cache line, and the widest vector register

// At least `bytes` bytes, aligned to kAlignment, uninitialised; nullptr where there is no memory.
void* pool_allocate(size_t bytes);

// Takes a buffer back. `bytes` is what was asked for when it was allocated.
void pool_free(void* buffer, size_t bytes);

struct PoolStatistics {
  size_t in_use;  // bytes handed out
  size_t peak;    // the most that was handed out at once
  size_t cached;  // bytes kept for later
  size_t limit;   // the most that is kept
};

PoolStatistics pool_statistics();

// Gives all cached bytes back to the system.
void pool_empty_cache();

// Takes what is in use now for the peak.
void pool_reset_peak();

// Keeps at most so many bytes of freed buffers from now on.
void pool_set_limit(size_t bytes);

// A buffer for the time of one call.
class ScratchBuffer {
 public:
  explicit ScratchBuffer(size_t bytes) : bytes_(bytes), data_(bytes > 0 ? pool_allocate(bytes) : nullptr) {}
  ~ScratchBuffer() {
    if (data_ != nullptr) pool_free(data_, bytes_);
  }
  ScratchBuffer(const ScratchBuffer&) = delete;
  ScratchBuffer& operator=(const ScratchBuffer&) = delete;

  char* data() const { return static_cast<char*>(data_); }
  bool failed() const { return bytes_ > 0 && data_ == nullptr; }

 private:
  size_t bytes_;
  void* data_;
};

}  // namespace minigrad
