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

// A cached buffer's first bytes point to the next one of its class.
struct Link {
  Link* next;
};

struct Pool {
  std::mutex mutex;
  Link* free[kClasses] = {};
  PoolStatistics statistics = {.in_use = 0, .peak = 0, .cached = 0, .limit = size_t{1} << 30};
};

// Counts a buffer as in use; the caller holds the lock.
void hand_out(Pool& p, size_t bytes) {
  p.statistics.in_use += bytes;
  p.statistics.peak = std::max(p.statistics.peak, p.statistics.in_use);
}

// Gives cached buffers of other classes back, the largest first, until one of `size` can be kept. What is freed now
// will sooner be asked for than what nobody has asked for since. The caller holds the lock.
void make_room(Pool& p, SizeClass size) {
  for (int i = kClasses - 1; i >= 0 && p.statistics.cached + size.bytes > p.statistics.limit; --i) {
    while (i != size.index && p.free[i] != nullptr && p.statistics.cached + size.bytes > p.statistics.limit) {
      Link* const link = p.free[i];
      p.free[i] = link->next;
      p.statistics.cached -= bytes_of_class(i);
      std::free(link);
    }
  }
}

// Gives every cached buffer back; the caller holds the lock. The C library keeps what it gets where something that is
// in use lies behind it, unless it is told to look.
void empty(Pool& p) {
  for (Link*& head : p.free) {
    while (head != nullptr) {
      Link* const next = head->next;
      std::free(head);
      head = next;
    }
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
    if (Link* const link = p.free[size.index]; link != nullptr) {
      p.free[size.index] = link->next;
      p.statistics.cached -= size.bytes;
      hand_out(p, size.bytes);
      return link;
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
    if (kReuse && size.bytes <= p.statistics.limit) make_room(p, size);
    if (kReuse && p.statistics.cached + size.bytes <= p.statistics.limit) {
      p.free[size.index] = new (buffer) Link{p.free[size.index]};
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
