#include "core/pool.hpp"

#include <pthread.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace minigrad {
namespace {

// Sizes are rounded up to a class: multiples of 64 bytes up to 512, then four classes for each doubling, so that at
// most a fifth of a buffer is wasted.
constexpr int kSmallClasses = 8;
constexpr int kDoublings = 40;
constexpr int kClasses = kSmallClasses + 4 * kDoublings;
constexpr size_t kLargest = size_t{512} << kDoublings;  // of the last class: more than there are addresses

struct SizeClass {
  int index;
  size_t bytes;
};

SizeClass size_class(size_t bytes) {
  if (bytes <= 64 * kSmallClasses) {
    const size_t lines = std::max<size_t>(1, (bytes + 63) / 64);
    return {static_cast<int>(lines - 1), lines * 64};
  }
  const int doubling = std::bit_width(bytes - 1) - 1;  // 2^doubling < bytes <= 2^(doubling + 1)
  const size_t quarter = size_t{1} << (doubling - 2);
  const size_t quarters = (bytes - 1) / quarter + 1;  // 5 ... 8
  return {kSmallClasses + 4 * (doubling - 9) + static_cast<int>(quarters) - 5, quarters * quarter};
}

size_t bytes_of_class(int index) {
  if (index < kSmallClasses) return 64 * static_cast<size_t>(index + 1);
  const int above = index - kSmallClasses;
  return static_cast<size_t>(5 + above % 4) << (7 + above / 4);
}

// Large buffers begin where a huge page would, and ask for such pages: the processor then looks up one address in place
// of 512, which for arrays larger than its caches is a quarter of the time of a copy. For those that its last cache
// holds it is up to a fifth, or nothing, as small pages happen to lie.
constexpr size_t kHugePage = size_t{2} << 20;

void* allocate(size_t bytes) {
  if (bytes < kHugePage) return std::aligned_alloc(kAlignment, bytes);
  void* buffer = nullptr;
  if (posix_memalign(&buffer, kHugePage, bytes) != 0) return nullptr;
#if defined(MADV_HUGEPAGE)
  madvise(buffer, bytes, MADV_HUGEPAGE);  // where the system has none, nothing is lost
#endif
  return buffer;
}

// What a cached buffer's first bytes hold: its neighbours in the stack of its class, and when it was freed. `above` is
// set when another buffer is put on top; in the topmost one it means nothing.
struct Link {
  Link* below;
  Link* above;
  uint64_t freed;
};

// The cached buffers of one class. They come and go at the top; the bottom one has waited longest.
struct Stack {
  Link* top = nullptr;
  Link* bottom = nullptr;

  void push(void* buffer, uint64_t now) {
    Link* const link = new (buffer) Link{top, nullptr, now};
    (top == nullptr ? bottom : top->above) = link;
    top = link;
  }

  Link* pop() {
    Link* const link = top;
    top = link->below;
    return link;
  }

  Link* take_bottom() {
    Link* const link = bottom;
    if (link == top) {
      top = nullptr;
    } else {
      bottom = link->above;
      bottom->below = nullptr;
    }
    return link;
  }
};

struct Pool {
  std::mutex mutex;
  Stack free[kClasses];
  uint64_t clock = 0;  // how many buffers were freed
  PoolStatistics statistics = {.in_use = 0, .peak = 0, .cached = 0, .limit = size_t{1} << 30};
};

// Counts a buffer as in use; the caller holds the lock.
void hand_out(Pool& p, size_t bytes) {
  p.statistics.in_use += bytes;
  p.statistics.peak = std::max(p.statistics.peak, p.statistics.in_use);
}

// Returns the index of the class whose bottom buffer has waited longest; at least one buffer is cached.
int longest_waiting(const Pool& p) {
  int longest = -1;
  for (int i = 0; i < kClasses; ++i) {
    if (p.free[i].top == nullptr) continue;
    if (longest < 0 || p.free[i].bottom->freed < p.free[longest].bottom->freed) longest = i;
  }
  return longest;
}

// Gives cached buffers back, those that nobody has asked for longest, until one of so many bytes, at most the limit,
// can be kept: a loop whose buffers all fit soon finds all of them again, whatever was cached before it. The caller
// holds the lock.
void make_room(Pool& p, size_t bytes) {
  while (p.statistics.cached + bytes > p.statistics.limit) {
    const int i = longest_waiting(p);
    std::free(p.free[i].take_bottom());
    p.statistics.cached -= bytes_of_class(i);
  }
}

// Gives every cached buffer back; the caller holds the lock. The C library keeps what it gets where something that is
// in use lies behind it, unless it is told to look.
void empty(Pool& p) {
  for (Stack& stack : p.free) {
    while (stack.top != nullptr) std::free(stack.pop());
  }
  p.statistics.cached = 0;
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

Pool& pool() {
  static Pool* const instance = new Pool;  // never destroyed: arrays may be freed while the interpreter shuts down
  return *instance;
}

// The child of a fork gets the pool as it was; nobody must hold its lock at that moment.
[[maybe_unused]] const int g_fork_handler =
    pthread_atfork([] { pool().mutex.lock(); }, [] { pool().mutex.unlock(); }, [] { pool().mutex.unlock(); });

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kReuse = false;  // let the sanitizer see every allocation
#else
constexpr bool kReuse = true;
#endif

}  // namespace

void* pool_allocate(size_t bytes) {
  if (bytes > kLargest) return nullptr;
  const SizeClass size = size_class(bytes);
  Pool& p = pool();
  {
    const std::lock_guard lock(p.mutex);
    if (Stack& stack = p.free[size.index]; stack.top != nullptr) {
      p.statistics.cached -= size.bytes;
      hand_out(p, size.bytes);
      return stack.pop();
    }
  }
  void* buffer = allocate(size.bytes);
  if (buffer == nullptr) {
    pool_empty_cache();
    buffer = allocate(size.bytes);
  }
  if (buffer != nullptr) {
    const std::lock_guard lock(p.mutex);
    hand_out(p, size.bytes);
  }
  return buffer;
}

void pool_free(void* buffer, size_t bytes) {
  const SizeClass size = size_class(bytes);
  Pool& p = pool();
  {
    const std::lock_guard lock(p.mutex);
    p.statistics.in_use -= size.bytes;
    if (kReuse && size.bytes <= p.statistics.limit) {
      make_room(p, size.bytes);
      p.free[size.index].push(buffer, p.clock++);
      p.statistics.cached += size.bytes;
      return;
    }
  }
  std::free(buffer);
}

PoolStatistics pool_statistics() {
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  return p.statistics;
}

void pool_empty_cache() {
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  empty(p);
}

void pool_reset_peak() {
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  p.statistics.peak = p.statistics.in_use;
}

void pool_set_limit(size_t bytes) {
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  p.statistics.limit = bytes;
  if (p.statistics.cached > bytes) empty(p);
}

}  // namespace minigrad
