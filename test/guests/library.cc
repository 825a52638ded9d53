// The C++ library's headers, and what the compiler needs at run time: constructors, guards, thread-locals, virtual
// calls, new and delete.
#include <threads.h>
#include <zircon/syscalls.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <semaphore>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace {

int failures = 0;

void Check(bool holds, const char* what) {
  std::printf("%s %s\n", holds ? "ok" : "FAIL", what);
  failures += !holds;
}

std::string events;

struct Logged {
  explicit Logged(char name) : name(name) { events += name; }
  ~Logged() { events += '~', events += name; }
  char name;
};

Logged global('g');
thread_local Logged per_thread('t');

Logged& OnFirstUse() {
  static Logged local('l');
  return local;
}

struct Shape {
  virtual ~Shape() = default;
  virtual int Area() const = 0;
};
struct Square final : Shape {
  explicit Square(int side) : side(side) {}
  int Area() const override { return side * side; }
  int side;
};

int UseThreadLocal(void*) {
  per_thread.name = 'u';
  return 0;
}

struct alignas(256) Aligned {
  char bytes[256];
};

}  // namespace

int main() {
  Check(events == "g", "globals are constructed before main");
  OnFirstUse();
  OnFirstUse();
  Check(events == "gl", "a local static is constructed once");
  thrd_t thread;
  thrd_create(&thread, UseThreadLocal, nullptr);
  thrd_join(thread, nullptr);
  Check(events == "glt~u", "a thread-local lives and dies with its thread");

  std::vector<int> numbers(1000);
  std::iota(numbers.rbegin(), numbers.rend(), 0);
  std::sort(numbers.begin(), numbers.end());
  Check(std::is_sorted(numbers.begin(), numbers.end()) && numbers[999] == 999, "vector and sort");

  std::map<std::string, int> tree;
  std::unordered_map<std::string, int> table;
  for (int n : numbers) tree[std::to_string(n)] = table[std::to_string(n)] = n;
  Check(tree.size() == 1000 && tree["517"] == 517 && table.at("999") == 999, "maps and strings");

  const std::unique_ptr<Shape> shape = std::make_unique<Square>(7);
  Check(shape->Area() == 49, "virtual calls");
  auto shared = std::make_shared<Aligned>();
  Check(reinterpret_cast<uintptr_t>(shared.get()) % 256 == 0, "over-aligned new");
  std::optional<std::variant<int, std::string>> value = std::string("text");
  Check(std::get<std::string>(*value) == "text", "optional and variant");
  const std::function<int(int)> twice = [](int n) { return 2 * n; };
  Check(twice(21) == 42, "function");
  std::mutex mutex;
  {
    const std::lock_guard<std::mutex> lock(mutex);
    Check(!mutex.try_lock(), "mutex");
  }
  std::atomic<int> atomic = 1;
  atomic.fetch_add(2);
  Check(atomic == 3 && std::popcount(7u) == 3, "atomic and bit");
  const std::span<int> view(numbers);
  Check(view.subspan(10, 5).front() == 10, "span");
  const std::string_view version = zx_system_get_version_string();
  Check(version.size() == std::strlen(version.data()), "string_view of the system's version");

  std::condition_variable_any condition;
  std::shared_mutex shared_mutex;
  std::counting_semaphore<4> semaphore{0};
  int turn = 0;
  std::thread other([&] {
    semaphore.release();
    std::unique_lock lock(shared_mutex);
    condition.wait(lock, [&] { return turn == 1; });
    turn = 2;
    condition.notify_all();
  });
  semaphore.acquire();
  {
    std::unique_lock lock(shared_mutex);
    turn = 1;
    condition.notify_all();
    condition.wait(lock, [&] { return turn == 2; });
  }
  other.join();
  Check(turn == 2 && std::thread::hardware_concurrency() > 0, "threads, condition variables, semaphores");
  return failures;
}
