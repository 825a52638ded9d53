// Operations that wait for a pager: which do, what they ask for, what ends the wait.
#include <atomic>
#include <cstring>
#include <functional>

#include "test/kernel_sim/pager_fixture.h"

namespace zirconia {
namespace {

TEST_CASE_METHOD(PagerTest, "whatever reads an absent page waits for it", "[pager]") {
  const zx_handle_t vmo = MakePaged(4);
  MapAt(0, vmo, 4);
  const zx_handle_t anonymous = MakeVmo(kPage), self = zx_process_self();
  uint64_t word = 0;
  size_t actual = 0;
  const std::vector<std::function<zx_status_t()>> operations{
      [&] { return zx_vmo_read(vmo, &word, kPage, sizeof(word)); },
      [&] { return kernel.Load<uint64_t>(base + kPage) == 20u ? ZX_OK : ZX_ERR_INTERNAL; },
      [&] { return OpPages(vmo, ZX_VMO_OP_COMMIT, 1, 1); },
      [&] { return OpPages(vmo, ZX_VMO_OP_ALWAYS_NEED, 1, 1); },
      [&] { return zx_vmar_op_range(vmar, ZX_VMAR_OP_COMMIT, base + kPage, kPage, nullptr, 0); },
      [&] { return zx_vmar_op_range(vmar, ZX_VMAR_OP_ALWAYS_NEED, base + kPage, kPage, nullptr, 0); },
      [&] { return zx_process_read_memory(self, base + kPage, &word, sizeof(word), &actual); },
      // Memory of the caller.
      [&] { return zx_vmo_write(anonymous, reinterpret_cast<const void*>(base + kPage), 0, 8); },
      [&] { return zx_futex_wait(reinterpret_cast<const zx_futex_t*>(base + kPage), 20, 0, 0); },
      [&] { return zx_object_set_property(vmo, ZX_PROP_NAME, reinterpret_cast<const void*>(base + kPage), 8); },
  };
  for (size_t i = 0; i < operations.size(); ++i) {
    INFO("operation " << i);
    Background operation(kernel, operations[i]);
    CHECK(Next() == Read(1, 1));
    Supply(vmo, 1, 1, 20);
    const zx_status_t status = operation.Get();
    CHECK((status == ZX_OK || status == ZX_ERR_TIMED_OUT));  // the futex
    CHECK(Dirty(vmo).empty());
    // Away with it.
    REQUIRE(OpPages(vmo, ZX_VMO_OP_DONT_NEED, 1, 1) == ZX_OK);
    Evict(vmo);
  }
  CHECK(NextNow() == Request{});
}

TEST_CASE_METHOD(PagerTest, "whatever writes to an absent page waits for it, and then for leave to dirty it",
                 "[pager]") {
  const zx_handle_t vmo = MakePaged(4, ZX_VMO_TRAP_DIRTY | ZX_VMO_RESIZABLE);
  MapAt(0, vmo, 4);
  const zx_handle_t self = zx_process_self();
  const zx_handle_t anonymous = MakeVmo(kPage);
  const uint64_t word = 5;
  size_t actual = 0;
  const std::vector<std::function<zx_status_t()>> operations{
      [&] { return zx_vmo_write(vmo, &word, kPage, sizeof(word)); },
      [&] { return kernel.Store(base + kPage, word) ? ZX_OK : ZX_ERR_INTERNAL; },
      [&] { return Op(vmo, ZX_VMO_OP_ZERO, kPage, 8); },
      [&] { return OpPages(vmo, ZX_VMO_OP_ZERO, 1, 1); },
      [&] { return zx_process_write_memory(self, base + kPage, &word, sizeof(word), &actual); },
      [&] { return zx_vmo_read(anonymous, reinterpret_cast<void*>(base + kPage), 0, 1000); },
      [&] { return zx_vmo_get_size(vmo, reinterpret_cast<uint64_t*>(base + kPage)); },
      [&] { return zx_vmo_set_size(vmo, kPage + 100); },
  };
  for (size_t i = 0; i < operations.size(); ++i) {
    INFO("operation " << i);
    Background operation(kernel, operations[i]);
    CHECK(Next() == Read(1, 1));
    Supply(vmo, 1, 1, 20);
    CHECK(Next() == Trapped(1, 1));
    CHECK_FALSE(Modified(vmo));
    CHECK(Dirty(vmo).empty());
    REQUIRE(PagerOp(ZX_PAGER_OP_DIRTY, vmo, 1, 1) == ZX_OK);
    CHECK(operation.Get() == ZX_OK);
    CHECK(Modified(vmo, ZX_PAGER_RESET_VMO_STATS));
    CHECK_FALSE(Dirty(vmo).empty());
    REQUIRE(PagerOp(ZX_PAGER_OP_WRITEBACK_BEGIN, vmo, 1, 1) == ZX_OK);
    REQUIRE(PagerOp(ZX_PAGER_OP_WRITEBACK_END, vmo, 1, 1) == ZX_OK);
    Evict(vmo);
  }
  CHECK(NextNow() == Request{});
}

TEST_CASE_METHOD(PagerTest, "a refusal to dirty a page is the error of the write", "[pager]") {
  const zx_handle_t vmo = MakeSupplied(2, 10, ZX_VMO_TRAP_DIRTY);
  MapAt(0, vmo, 2);
  Background write(kernel, [&] { return Write(vmo, 0, 5); });
  CHECK(Next() == Trapped(0, 1));
  REQUIRE(Fail(vmo, 0, 1, ZX_ERR_NO_SPACE) == ZX_OK);
  CHECK(write.Get() == ZX_ERR_NO_SPACE);
  Background store(kernel, [&] { return kernel.Store(base, uint64_t{5}); });
  CHECK(Next() == Trapped(0, 1));
  REQUIRE(Fail(vmo, 0, 1, ZX_ERR_NO_SPACE) == ZX_OK);
  CHECK_FALSE(store.Get());
  CHECK(WordsOf(vmo) == std::vector<uint64_t>{10, 11});
  CHECK(Dirty(vmo).empty());
}

TEST_CASE_METHOD(PagerTest, "one operation asks for all that it needs at once", "[pager]") {
  const zx_handle_t vmo = MakePaged(8);
  Supply(vmo, 3, 1, 30);
  std::vector<std::byte> bytes(6 * kPage);
  Background read(kernel, [&] { return zx_vmo_read(vmo, bytes.data(), kPage, bytes.size()); });
  CHECK(Next() == Read(1, 2));
  Supply(vmo, 1, 2, 10);
  CHECK(Next() == Read(4, 3));
  Supply(vmo, 4, 1, 40);
  Supply(vmo, 5, 2, 50);  // in parts
  CHECK(read.Get() == ZX_OK);
  const auto word = [&](uint64_t page) {
    uint64_t value = 0;
    std::memcpy(&value, &bytes[page * kPage], sizeof(value));
    return value;
  };
  CHECK(std::vector<uint64_t>{word(0), word(1), word(2), word(3), word(4), word(5)} ==
        std::vector<uint64_t>{10, 11, 30, 40, 50, 51});
}

TEST_CASE_METHOD(PagerTest, "a copy that waits for its buffer holds nothing of the VMO meanwhile", "[pager]") {
  const zx_handle_t paged = MakePaged(2);
  MapAt(0, paged, 2);
  for (const size_t size : {size_t{8}, size_t{2000}, size_t{kPage + 8}}) {
    INFO(size);
    const zx_handle_t vmo = MakeVmo(2 * kPage);
    Background write(kernel, [&] { return zx_vmo_write(vmo, reinterpret_cast<const void*>(base), 0, size); });
    CHECK(Next() == Read(0, size > kPage ? 2 : 1));
    REQUIRE(OpPages(vmo, ZX_VMO_OP_DECOMMIT, 0, 2) == ZX_OK);
    Supply(paged, 0, 2, 20);
    CHECK(write.Get() == ZX_OK);
    CHECK(WordAt(vmo, 0) == 20);
    Evict(paged);
  }
}

TEST_CASE_METHOD(PagerTest, "growth reads as zeros, dirty and without a request", "[pager]") {
  const zx_handle_t vmo = MakePaged(1, ZX_VMO_RESIZABLE | ZX_VMO_TRAP_DIRTY);
  CHECK(zx_vmo_set_size(MakePaged(1), 2 * kPage) == ZX_ERR_UNAVAILABLE);
  REQUIRE(zx_vmo_set_size(vmo, 4 * kPage) == ZX_OK);
  MapAt(0, vmo, 4);
  CHECK(kernel.Load<uint64_t>(base + kPage) == 0u);
  CHECK(WordAt(vmo, 2 * kPage) == 0);
  REQUIRE(kernel.Store(base + 3 * kPage, uint64_t{5}));
  CHECK(Dirty(vmo) == Ranges{"1+2z", "3+1"});
  CHECK(NextNow() == Request{});
}

TEST_CASE_METHOD(PagerTest, "a shrink ends the wait for what is beyond the end", "[pager]") {
  const zx_handle_t vmo = MakePaged(4, ZX_VMO_RESIZABLE);
  MapAt(0, vmo, 4);
  Background load(kernel, [&] { return kernel.Load<uint64_t>(base + 3 * kPage).has_value(); });
  CHECK(Next() == Read(3, 1));
  Background commit(kernel, [&] { return OpPages(vmo, ZX_VMO_OP_COMMIT, 1, 3); });
  CHECK(Next() == Read(1, 2));
  REQUIRE(zx_vmo_set_size(vmo, kPage) == ZX_OK);
  CHECK_FALSE(load.Get());
  CHECK(commit.Get() == ZX_ERR_OUT_OF_RANGE);
}

TEST_CASE_METHOD(PagerTest, "killing a process ends its threads' waits", "[pager]") {
  const zx_handle_t vmo = MakePaged(2);
  testing::Process other(kernel);
  const zx_handle_t theirs = other.Give(vmo), process = other.MakeHandle();
  std::atomic<int> ended{0};
  std::thread faults([&] {
    const testing::Process::Enter enter(other);
    zx_vaddr_t at = 0;
    if (zx_vmar_map(zx_vmar_root_self(), kRead, 0, theirs, 0, kPage, &at) != ZX_OK) return;
    if (!kernel.Load<uint64_t>(at).has_value()) ++ended;
  });
  CHECK(Next() == Read(0, 1));
  std::thread reads([&] {
    const testing::Process::Enter enter(other);
    try {
      uint64_t word = 0;
      zx_vmo_read(theirs, &word, kPage, sizeof(word));
    } catch (const testing::ProcessExited&) {
      ++ended;
    }
  });
  CHECK(Next() == Read(1, 1));
  REQUIRE(zx_task_kill(process) == ZX_OK);
  faults.join();
  reads.join();
  CHECK(ended == 2);
  // Nobody waits any more: who asks now asks anew.
  uint64_t word = 0;
  Background again(kernel, [&] { return zx_vmo_read(vmo, &word, 0, sizeof(word)); });
  CHECK(Next() == Read(0, 1));
  Supply(vmo, 0, 2, 7);
  CHECK(again.Get() == ZX_OK);
  CHECK(word == 7);
}

TEST_CASE_METHOD(PagerTest, "several threads fault on pages that another supplies, and on clones", "[pager]") {
  constexpr uint64_t kPages = 32, kThreads = 3;
  const zx_handle_t vmo = MakePaged(kPages, ZX_VMO_TRAP_DIRTY);
  const zx_handle_t clone = Child(vmo, kAtLeastOnWrite, 0, kPages);
  MapAt(0, vmo, kPages);
  MapAt(kPages, clone, kPages);
  std::atomic<bool> right{true};
  std::vector<std::thread> threads;
  std::atomic<uint64_t> running{kThreads};
  for (uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const testing::Kernel::Use use(kernel);
      for (uint64_t i = 0; i < kPages; ++i) {
        const uint64_t page = (i * 5 + t * 11) % kPages;
        if (kernel.Load<uint64_t>(base + (kPages + page) * kPage) != 1000 + page) right = false;
        if (!kernel.Store(base + page * kPage + 8 + 8 * t, t + page)) right = false;
        if (kernel.Load<uint64_t>(base + page * kPage + 8 + 8 * t) != t + page) right = false;
      }
      --running;
    });
  }
  while (running != 0) {
    const Request request = NextBefore(zx_clock_get_monotonic() + ZX_MSEC(5));
    if (request.command == ZX_PAGER_VMO_READ) Supply(vmo, request.first, request.count, 1000 + request.first);
    if (request.command == ZX_PAGER_VMO_DIRTY) {
      REQUIRE(PagerOp(ZX_PAGER_OP_DIRTY, vmo, request.first, request.count) == ZX_OK);
    }
    // Now and then some are written back.
    const uint64_t first = request.first / 2;
    REQUIRE(PagerOp(ZX_PAGER_OP_WRITEBACK_BEGIN, vmo, first, 2) == ZX_OK);
    REQUIRE(PagerOp(ZX_PAGER_OP_WRITEBACK_END, vmo, first, 2) == ZX_OK);
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(right);
}

}  // namespace
}  // namespace zirconia
