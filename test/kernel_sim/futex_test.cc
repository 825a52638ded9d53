// zx_futex_*: who waits, who is woken and moved, who owns; words in mapped memory, on either page table.
#include <array>
#include <memory>
#include <vector>

#include "test/kernel_sim/background.h"

namespace zirconia {
namespace {

struct FutexTest : VmoTest {
  zx_handle_t vmo = MakeVmo(kPage);
  zx_vaddr_t mapped = MapAt(0, vmo, 1);
  const zx_futex_t* const a = Word(0);
  const zx_futex_t* const b = Word(1);
  std::vector<std::unique_ptr<Actor>> waiters;

  const zx_futex_t* Word(uint64_t i) const { return reinterpret_cast<const zx_futex_t*>(mapped + i * sizeof(int)); }
  void Set(const zx_futex_t* word, int value) { REQUIRE(kernel.Store(reinterpret_cast<zx_vaddr_t>(word), value)); }
  static zx_koid_t OwnerOf(const zx_futex_t* word) {
    zx_koid_t koid = 99;
    REQUIRE(zx_futex_get_owner(word, &koid) == ZX_OK);
    return koid;
  }
  static zx_koid_t Me() { return KoidOf(zx_thread_self()); }
  // A thread that waits on a word, which is 0.
  Actor& Wait(const zx_futex_t* word, zx_handle_t owner = ZX_HANDLE_INVALID, zx_time_t deadline = ZX_TIME_INFINITE) {
    waiters.push_back(
        std::make_unique<Actor>(kernel, [word, owner, deadline] { return zx_futex_wait(word, 0, owner, deadline); }));
    return waiters.back()->Await(ZX_THREAD_STATE_BLOCKED_FUTEX);
  }
  // Which of them have returned, once as many as these have.
  std::vector<size_t> Woken(size_t count) const {
    std::vector<size_t> woken;
    while (woken.size() < count) {
      woken.clear();
      for (size_t i = 0; i < waiters.size(); ++i) {
        if (waiters[i]->done()) woken.push_back(i);
      }
      std::this_thread::yield();
    }
    return woken;
  }
  void WakeAll() {
    for (const zx_futex_t* word : {a, b}) REQUIRE(zx_futex_wake(word, UINT32_MAX) == ZX_OK);
    for (const auto& waiter : waiters) CHECK(waiter->Get() == ZX_OK);
  }
  // A handle to a thread of this process that has ended; and to one that wasn't started.
  zx_handle_t EndedThread() {
    zx_handle_t out = ZX_HANDLE_INVALID;
    {
      Actor actor(kernel, [&] { return zx_handle_duplicate(zx_thread_self(), ZX_RIGHT_SAME_RIGHTS, &out); });
      REQUIRE(actor.Get() == ZX_OK);
    }
    return out;
  }
  static zx_handle_t NewThread() {
    zx_handle_t out = ZX_HANDLE_INVALID;
    REQUIRE(zx_thread_create(zx_process_self(), "new", 3, 0, &out) == ZX_OK);
    return out;
  }
};
using Order = std::vector<size_t>;

TEST_CASE_METHOD(FutexTest, "a wait sets the futex's owner, each wait anew, while somebody waits", "[futex]") {
  CHECK(OwnerOf(a) == ZX_KOID_INVALID);
  Wait(a, zx_thread_self());
  CHECK(OwnerOf(a) == Me());
  CHECK(OwnerOf(b) == ZX_KOID_INVALID);
  const Actor& other = Wait(b);
  CHECK(OwnerOf(b) == ZX_KOID_INVALID);
  Wait(a, other.handle());
  CHECK(OwnerOf(a) == other.koid());
  Wait(a);
  CHECK(OwnerOf(a) == ZX_KOID_INVALID);
  WakeAll();
}

TEST_CASE_METHOD(FutexTest, "a wait that fails leaves the owner, and one that times out", "[futex]") {
  Wait(a, zx_thread_self());
  CHECK(zx_futex_wait(a, 1, ZX_HANDLE_INVALID, ZX_TIME_INFINITE) == ZX_ERR_BAD_STATE);
  CHECK(zx_futex_wait(a, 0, vmo, ZX_TIME_INFINITE) == ZX_ERR_WRONG_TYPE);
  CHECK(OwnerOf(a) == Me());
  const Actor& owner = Wait(b);
  CHECK(zx_futex_wait(a, 0, owner.handle(), 0) == ZX_ERR_TIMED_OUT);
  CHECK(OwnerOf(a) == owner.koid());
  WakeAll();
  // The last one that leaves takes the owner with it.
  CHECK(zx_futex_wait(a, 0, owner.handle(), 0) == ZX_ERR_TIMED_OUT);
  CHECK(OwnerOf(a) == ZX_KOID_INVALID);
}

TEST_CASE_METHOD(FutexTest, "a thread that has ended owns nothing, whether it ends before the wait or after",
                 "[futex]") {
  Actor owner(kernel, [] { return ZX_OK; });
  Wait(a, owner.handle());
  CHECK(OwnerOf(a) == owner.koid());
  owner.End();
  CHECK(OwnerOf(a) == ZX_KOID_INVALID);
  Wait(a, zx_thread_self());
  CHECK(OwnerOf(a) == Me());
  const zx_handle_t ended = EndedThread();
  Wait(a, ended);
  CHECK(OwnerOf(a) == ZX_KOID_INVALID);
  CHECK(zx_futex_requeue(a, 0, 0, b, 1, ended) == ZX_OK);
  CHECK(OwnerOf(b) == ZX_KOID_INVALID);
  WakeAll();
}

TEST_CASE_METHOD(FutexTest, "futex_wait looks at the word first, then at the new owner", "[futex]") {
  const zx_handle_t not_started = NewThread();
  testing::Process other(kernel);
  zx_handle_t foreign = ZX_HANDLE_INVALID;
  REQUIRE(zx_thread_create(other.MakeHandle(), "foreign", 7, 0, &foreign) == ZX_OK);
  const Actor& waiter = Wait(a);
  for (const zx_handle_t owner : {zx_handle_t{3}, vmo, zx_thread_self(), not_started, foreign, waiter.handle()}) {
    CHECK(zx_futex_wait(a, 1, owner, ZX_TIME_INFINITE) == ZX_ERR_BAD_STATE);
  }
  CHECK(zx_futex_wait(a, 0, 3, ZX_TIME_INFINITE) == ZX_ERR_BAD_HANDLE);
  CHECK(zx_futex_wait(a, 0, vmo, ZX_TIME_INFINITE) == ZX_ERR_WRONG_TYPE);
  for (const zx_handle_t owner : {zx_thread_self(), not_started, foreign, waiter.handle()}) {
    CHECK(zx_futex_wait(a, 0, owner, ZX_TIME_INFINITE) == ZX_ERR_INVALID_ARGS);
  }
  const auto* const misaligned = reinterpret_cast<const zx_futex_t*>(mapped + 2);
  CHECK(zx_futex_wait(misaligned, 0, ZX_HANDLE_INVALID, 0) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_futex_wait(Word(kPage), 0, ZX_HANDLE_INVALID, 0) == ZX_ERR_INVALID_ARGS);  // nothing is mapped there
  CHECK(zx_futex_wait(reinterpret_cast<const zx_futex_t*>(uint64_t{1} << 63), 0, ZX_HANDLE_INVALID, 0) ==
        ZX_ERR_INVALID_ARGS);
  CHECK(zx_futex_wait(a, 0, ZX_HANDLE_INVALID, 0) == ZX_ERR_TIMED_OUT);
  WakeAll();
}

TEST_CASE_METHOD(FutexTest, "futex_wake wakes the longest waiting, and leaves no owner whatever the count", "[futex]") {
  for (int i = 0; i < 3; ++i) Wait(a, zx_thread_self());
  CHECK(zx_futex_wake(b, 1) == ZX_OK);  // nobody waits
  CHECK(OwnerOf(a) == Me());
  CHECK(zx_futex_wake(a, 0) == ZX_OK);
  CHECK(OwnerOf(a) == ZX_KOID_INVALID);
  CHECK(zx_futex_wake(a, 2) == ZX_OK);
  CHECK(Woken(2) == Order{0, 1});
  CHECK(OwnerOf(a) == ZX_KOID_INVALID);
  const auto* const misaligned = reinterpret_cast<const zx_futex_t*>(mapped + 1);
  CHECK(zx_futex_wake(misaligned, 1) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_futex_wake(Word(kPage), 1) == ZX_OK);  // nothing is mapped there
  WakeAll();
}

TEST_CASE_METHOD(FutexTest, "futex_wake_single_owner wakes one, who owns the futex while others wait", "[futex]") {
  CHECK(zx_futex_wake_single_owner(a) == ZX_OK);
  CHECK(OwnerOf(a) == ZX_KOID_INVALID);
  for (int i = 0; i < 3; ++i) Wait(a, zx_thread_self());
  for (size_t i = 0; i < 2; ++i) {
    CHECK(zx_futex_wake_single_owner(a) == ZX_OK);
    CHECK(Woken(i + 1).size() == i + 1);
    CHECK(OwnerOf(a) == waiters[i]->koid());
  }
  CHECK(zx_futex_wake_single_owner(a) == ZX_OK);
  CHECK(Woken(3) == Order{0, 1, 2});
  CHECK(OwnerOf(a) == ZX_KOID_INVALID);  // without waiters there is no futex
  const auto* const misaligned = reinterpret_cast<const zx_futex_t*>(mapped + 2);
  CHECK(zx_futex_wake_single_owner(misaligned) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_futex_wake_single_owner(Word(kPage)) == ZX_OK);
  WakeAll();
}

TEST_CASE_METHOD(FutexTest, "futex_requeue wakes some, moves some in their order, and sets both owners", "[futex]") {
  Wait(b, zx_thread_self());
  for (int i = 0; i < 5; ++i) Wait(a, zx_thread_self());
  const zx_koid_t owner = waiters[1]->koid();
  // The woken one may own the other futex: it is woken no longer where the requeue looks.
  REQUIRE(zx_futex_wake(a, 1) == ZX_OK);
  CHECK(Woken(1) == Order{1});
  REQUIRE(zx_futex_requeue(a, 1, 0, b, 2, waiters[1]->handle()) == ZX_OK);
  CHECK(Woken(2) == Order{1, 2});
  CHECK(OwnerOf(a) == ZX_KOID_INVALID);
  CHECK(OwnerOf(b) == owner);
  // On b now: 0, 3, 4; on a: 5.
  REQUIRE(zx_futex_wake(b, 2) == ZX_OK);
  CHECK(Woken(4) == Order{0, 1, 2, 3});
  REQUIRE(zx_futex_wake(a, 9) == ZX_OK);
  CHECK(Woken(5) == Order{0, 1, 2, 3, 5});
  REQUIRE(zx_futex_wake(b, 9) == ZX_OK);
  CHECK(Woken(6).size() == 6);
  WakeAll();
}

TEST_CASE_METHOD(FutexTest, "futex_requeue of nobody sets the owner of who waits already, and of an empty futex none",
                 "[futex]") {
  CHECK(zx_futex_requeue(a, 1, 0, b, 1, zx_thread_self()) == ZX_OK);
  CHECK(OwnerOf(b) == ZX_KOID_INVALID);
  Wait(b);
  CHECK(zx_futex_requeue(a, 1, 0, b, 1, zx_thread_self()) == ZX_OK);
  CHECK(OwnerOf(b) == Me());
  CHECK(zx_futex_requeue(a, 1, 0, b, 1, ZX_HANDLE_INVALID) == ZX_OK);
  CHECK(OwnerOf(b) == ZX_KOID_INVALID);
  Wait(a, zx_thread_self());
  CHECK(zx_futex_requeue(a, 0, 0, b, 0, ZX_HANDLE_INVALID) == ZX_OK);
  CHECK(OwnerOf(a) == ZX_KOID_INVALID);  // regardless of the wake count
  CHECK(zx_futex_requeue(a, 0, 0, b, UINT32_MAX, zx_thread_self()) == ZX_OK);
  CHECK(OwnerOf(b) == Me());
  CHECK(zx_futex_wake(b, 2) == ZX_OK);
  CHECK(Woken(2).size() == 2);
  WakeAll();
}

TEST_CASE_METHOD(FutexTest, "futex_requeue_single_owner gives the first futex to the one that it wakes", "[futex]") {
  CHECK(zx_futex_requeue_single_owner(a, 0, b, 1, ZX_HANDLE_INVALID) == ZX_OK);
  for (int i = 0; i < 4; ++i) Wait(a, zx_thread_self());
  CHECK(zx_futex_requeue_single_owner(a, 1, b, 2, ZX_HANDLE_INVALID) == ZX_ERR_BAD_STATE);
  CHECK(OwnerOf(a) == Me());
  CHECK(zx_futex_requeue_single_owner(a, 0, b, 2, zx_thread_self()) == ZX_OK);
  CHECK(Woken(1) == Order{0});
  CHECK(OwnerOf(a) == waiters[0]->koid());
  CHECK(OwnerOf(b) == Me());
  CHECK(zx_futex_wake(b, 9) == ZX_OK);
  CHECK(Woken(3) == Order{0, 1, 2});
  WakeAll();
}

TEST_CASE_METHOD(FutexTest, "what futex_requeue refuses changes nothing", "[futex]") {
  const bool single = GENERATE(false, true);
  const auto requeue = [=](const zx_futex_t* from, int value, const zx_futex_t* to, zx_handle_t owner) {
    return single ? zx_futex_requeue_single_owner(from, value, to, 9, owner)
                  : zx_futex_requeue(from, 1, value, to, 9, owner);
  };
  const zx_handle_t not_started = NewThread();
  testing::Process other(kernel);
  zx_handle_t foreign = ZX_HANDLE_INVALID;
  REQUIRE(zx_thread_create(other.MakeHandle(), "foreign", 7, 0, &foreign) == ZX_OK);
  const Actor& on_a = Wait(a, zx_thread_self());
  const Actor& on_b = Wait(b, zx_thread_self());
  const auto* const misaligned = reinterpret_cast<const zx_futex_t*>(mapped + 6);
  const auto* const nowhere = reinterpret_cast<const zx_futex_t*>(uint64_t{1} << 63);
  for (const zx_futex_t* bad : {misaligned, nowhere}) {
    CHECK(requeue(bad, 0, b, ZX_HANDLE_INVALID) == ZX_ERR_INVALID_ARGS);
    CHECK(requeue(a, 0, bad, ZX_HANDLE_INVALID) == ZX_ERR_INVALID_ARGS);
  }
  CHECK(requeue(Word(kPage), 0, b, ZX_HANDLE_INVALID) == ZX_ERR_INVALID_ARGS);  // nothing is mapped there
  CHECK(requeue(a, 0, a, ZX_HANDLE_INVALID) == ZX_ERR_INVALID_ARGS);
  for (const zx_handle_t owner : {on_a.handle(), on_b.handle(), not_started, foreign}) {
    CHECK(requeue(a, 1, b, owner) == ZX_ERR_BAD_STATE);
    CHECK(requeue(a, 0, b, owner) == ZX_ERR_INVALID_ARGS);
  }
  CHECK(requeue(a, 0, b, 3) == ZX_ERR_BAD_HANDLE);
  CHECK(requeue(a, 1, b, 3) == ZX_ERR_BAD_STATE);
  CHECK(requeue(a, 0, b, vmo) == ZX_ERR_WRONG_TYPE);
  CHECK(OwnerOf(a) == Me());
  CHECK(OwnerOf(b) == Me());
  CHECK_FALSE(on_a.done());
  CHECK_FALSE(on_b.done());
  CHECK(zx_futex_wake(b, 9) == ZX_OK);
  CHECK(Woken(1) == Order{1});
  WakeAll();
}

TEST_CASE_METHOD(FutexTest, "futex_get_owner refuses bad pointers", "[futex]") {
  zx_koid_t koid = 0;
  const auto* const misaligned = reinterpret_cast<const zx_futex_t*>(mapped + 2);
  CHECK(zx_futex_get_owner(misaligned, &koid) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_futex_get_owner(reinterpret_cast<const zx_futex_t*>(uint64_t{1} << 63), &koid) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_futex_get_owner(a, nullptr) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_futex_get_owner(a, BadPointer<zx_koid_t>()) == ZX_ERR_INVALID_ARGS);
}

TEST_CASE_METHOD(FutexTest, "a waiter that was moved can be killed", "[futex]") {
  testing::Process other(kernel);
  const zx_handle_t process = other.MakeHandle();
  const zx_handle_t theirs = other.Give(vmo);
  std::atomic<zx_vaddr_t> word{0};
  std::atomic<bool> ended{false};
  std::thread waiter([&] {
    try {
      const testing::Process::Enter enter(other);
      zx_vaddr_t address = 0;
      zx_vmar_map(zx_vmar_root_self(), kReadWrite, 0, theirs, 0, kPage, &address);
      word = address;
      zx_futex_wait(reinterpret_cast<const zx_futex_t*>(address), 0, ZX_HANDLE_INVALID, ZX_TIME_INFINITE);
    } catch (const testing::ProcessExited&) {
      ended = true;
    }
  });
  while (word == 0) std::this_thread::yield();
  {
    const testing::Process::Enter enter(other);
    const auto* const there = reinterpret_cast<const zx_futex_t*>(word.load());
    zx_koid_t owner = 0;
    while (owner == 0) {
      // Before it waits there is nobody to be moved.
      zx_futex_requeue(there, 0, 0, there + 1, 1, zx_thread_self());
      REQUIRE(zx_futex_get_owner(there + 1, &owner) == ZX_OK);
    }
  }
  CHECK(zx_task_kill(process) == ZX_OK);
  waiter.join();
  CHECK(ended);
}

TEST_CASE_METHOD(FutexTest, "requeues beside wakes of both futexes lose nobody", "[futex]") {
  constexpr int kWaiters = 4;
  constexpr int kRounds = 200;
  std::atomic<int> running{kWaiters};
  for (int i = 0; i < kWaiters; ++i) {
    waiters.push_back(std::make_unique<Actor>(kernel, [&, i] {
      zx_status_t status = ZX_OK;
      for (int round = 0; round < kRounds && (status == ZX_OK || status == ZX_ERR_TIMED_OUT); ++round) {
        // Some leave on their own while they are moved and woken.
        const zx_time_t deadline = i == 0 ? zx_clock_get_monotonic() + ZX_USEC(50) : ZX_TIME_INFINITE;
        status = zx_futex_wait(round % 2 == 0 ? a : b, 0, ZX_HANDLE_INVALID, deadline);
      }
      --running;
      return status == ZX_ERR_TIMED_OUT ? ZX_OK : status;
    }));
  }
  Actor mover(kernel, [&] {
    zx_status_t status = ZX_OK;
    while (running > 0 && status == ZX_OK) {
      status = zx_futex_requeue(a, 0, 0, b, 1, zx_thread_self());
      if (status == ZX_OK) status = zx_futex_requeue_single_owner(b, 0, a, 1, ZX_HANDLE_INVALID);
    }
    return status;
  });
  while (running > 0) {
    CHECK(zx_futex_wake(a, 1) == ZX_OK);
    CHECK(zx_futex_wake_single_owner(b) == ZX_OK);
  }
  CHECK(mover.Get() == ZX_OK);
  WakeAll();
  CHECK(OwnerOf(a) == ZX_KOID_INVALID);
  CHECK(OwnerOf(b) == ZX_KOID_INVALID);
}

TEST_CASE_METHOD(FutexTest, "owners may end while they are asked for", "[futex]") {
  Wait(a);
  Actor asker(kernel, [&] {
    zx_koid_t koid = 0;
    for (int i = 0; i < 2000; ++i) {
      if (const zx_status_t s = zx_futex_get_owner(a, &koid); s != ZX_OK) return s;
    }
    return ZX_OK;
  });
  for (int i = 0; i < 50; ++i) {
    Actor owner(kernel, [&] { return zx_futex_requeue(b, 0, 0, a, 0, zx_thread_self()); });
    CHECK(owner.Get() == ZX_OK);
    CHECK(OwnerOf(a) == owner.koid());
  }
  CHECK(OwnerOf(a) == ZX_KOID_INVALID);
  CHECK(asker.Get() == ZX_OK);
  WakeAll();
}

TEST_CASE("in virtual time a waiter that was moved waits until its deadline", "[futex]") {
  testing::KernelOptions options = OnEitherPageTable();
  options.virtual_time = true;
  testing::Kernel kernel(options);
  static constexpr std::array<zx_futex_t, 2> kWords{};
  const zx_time_t deadline = kernel.Now() + ZX_HOUR(1);
  std::atomic<bool> here{false};
  zx_status_t status = ZX_OK;
  zx_time_t left = 0;
  std::thread waiter([&] {
    const testing::Kernel::Use use(kernel);
    here = true;
    status = zx_futex_wait(&kWords[0], 0, ZX_HANDLE_INVALID, deadline);
    left = zx_clock_get_monotonic();
  });
  while (!here) std::this_thread::yield();
  zx_koid_t owner = ZX_KOID_INVALID;
  while (owner == ZX_KOID_INVALID) {
    REQUIRE(zx_futex_requeue(&kWords[0], 0, 0, &kWords[1], 1, zx_thread_self()) == ZX_OK);
    REQUIRE(zx_futex_get_owner(&kWords[1], &owner) == ZX_OK);
  }
  CHECK(zx_nanosleep(deadline + 5) == ZX_OK);
  {
    const testing::Kernel::Away away(kernel);
    waiter.join();
  }
  CHECK(status == ZX_ERR_TIMED_OUT);
  CHECK(left == deadline);
  REQUIRE(zx_futex_get_owner(&kWords[1], &owner) == ZX_OK);
  CHECK(owner == ZX_KOID_INVALID);  // nobody is left there
}

// ---- zx_futex_wake_handle_close_thread_exit

struct ThreadExitTest : FutexTest {
  enum class End { kNone, kThread, kProcess };
  testing::Process other{kernel};
  zx_handle_t other_vmo = other.Give(vmo);
  zx_handle_t process = other.MakeHandle();

  // What the call's thread, of the other process, which maps the words too, ends by.
  End Exit(uint64_t offset, zx_handle_t close) {
    End end = End::kNone;
    std::thread thread([&] {
      try {
        const testing::Process::Enter enter(other);
        zx_vaddr_t address = 0;
        zx_vmar_map(zx_vmar_root_self(), kReadWrite, 0, other_vmo, 0, kPage, &address);
        zx_futex_wake_handle_close_thread_exit(reinterpret_cast<const zx_futex_t*>(address + offset), 1, 7, close);
      } catch (const testing::ThreadExited&) {
        end = End::kThread;
      } catch (const testing::ProcessExited&) {
        end = End::kProcess;
      }
    });
    thread.join();
    return end;
  }
  int64_t ReturnCode() const {
    zx_info_process_t info{};
    REQUIRE(zx_object_get_info(process, ZX_INFO_PROCESS, &info, sizeof(info), nullptr, nullptr) == ZX_OK);
    return info.return_code;
  }
};

TEST_CASE_METHOD(ThreadExitTest, "futex_wake_handle_close_thread_exit stores, closes, and ends the thread", "[futex]") {
  zx_handle_t ends[2] = {};
  REQUIRE(zx_eventpair_create(0, &ends[0], &ends[1]) == ZX_OK);
  const zx_handle_t theirs = [&] {
    const zx_handle_t given = other.Give(ends[0]);
    Close(ends[0]);
    return given;
  }();
  CHECK(Exit(8, theirs) == End::kThread);
  CHECK(kernel.Load<int>(mapped + 8) == 7);
  CHECK(zx_object_wait_one(ends[1], ZX_EVENTPAIR_PEER_CLOSED, 0, nullptr) == ZX_OK);
  CHECK(Exit(12, ZX_HANDLE_INVALID) == End::kThread);
  CHECK(kernel.Load<int>(mapped + 12) == 7);
}

TEST_CASE_METHOD(FutexTest, "futex_wake_handle_close_thread_exit wakes, after the store", "[futex]") {
  Actor& waiter = Wait(a);
  const zx_futex_t* const word = a;
  bool exited = false;
  std::thread thread([&] {
    try {
      const testing::Kernel::Use use(kernel);
      zx_futex_wake_handle_close_thread_exit(word, 1, 5, ZX_HANDLE_INVALID);
    } catch (const testing::ThreadExited&) {
      exited = true;
    }
  });
  CHECK(waiter.Get() == ZX_OK);
  CHECK(kernel.Load<int>(mapped) == 5);
  thread.join();
  CHECK(exited);
  // A word of the program's own memory.
  static zx_futex_t own = 0;
  std::thread([&] {
    try {
      const testing::Kernel::Use use(kernel);
      zx_futex_wake_handle_close_thread_exit(&own, 0, -1, ZX_HANDLE_INVALID);
    } catch (const testing::ThreadExited&) {
    }
  }).join();
  CHECK(own == -1);
}

TEST_CASE_METHOD(ThreadExitTest, "any operation of futex_wake_handle_close_thread_exit that fails is a trap",
                 "[futex]") {
  SECTION("a bad handle") {
    CHECK(Exit(0, 3) == End::kProcess);
    CHECK(kernel.Load<int>(mapped) == 7);  // the store came before
  }
  SECTION("a misaligned word") {
    CHECK(Exit(2, ZX_HANDLE_INVALID) == End::kProcess);
    CHECK(kernel.Load<int>(mapped) == 0);
  }
  SECTION("a word that isn't there") { CHECK(Exit(kPage, ZX_HANDLE_INVALID) == End::kProcess); }
  SECTION("a word far away") { CHECK(Exit(uint64_t{1} << 62, ZX_HANDLE_INVALID) == End::kProcess); }
  CHECK(ReturnCode() == ZX_TASK_RETCODE_EXCEPTION_KILL);
}

}  // namespace
}  // namespace zirconia
