#include "platform/forks.h"

#include <pthread.h>

#include <atomic>

namespace zirconia::platform {
namespace {

std::atomic<uint32_t> g_forks{0};

void CountFork() { g_forks.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

uint32_t ForkCount() {
  // Where the C library has no memory for it, a child is as it would be without us.
  [[maybe_unused]] static const int counted = pthread_atfork(nullptr, nullptr, CountFork);
  return g_forks.load(std::memory_order_relaxed);
}

}  // namespace zirconia::platform
