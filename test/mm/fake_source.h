// A pager for tests of mm: remembers what it was asked for and told.
#ifndef ZIRCONIA_TEST_MM_FAKE_SOURCE_H_
#define ZIRCONIA_TEST_MM_FAKE_SOURCE_H_

#include <memory>
#include <ostream>
#include <utility>
#include <vector>

#include "mm/page_source.h"
#include "mm/vm_object.h"

namespace zirconia::mm {

struct FakeSource : PageSource {
  struct Asked {
    Need need;
    uint64_t first, count;
    friend bool operator==(const Asked&, const Asked&) = default;
    friend std::ostream& operator<<(std::ostream& out, const Asked& a) {
      return out << (a.need == Need::kRead ? "read " : "dirty ") << a.first << "+" << a.count;
    }
  };

  absl::StatusOr<std::shared_ptr<PageRequest>> Request(Need need, PageRange range) override {
    if (gone) return absl::FailedPreconditionError("");
    asked.push_back({need, range.first.value(), range.count.value()});
    return std::make_shared<PageRequest>();
  }
  void Resolve(Need need, PageRange range) override {
    resolved.push_back({need, range.first.value(), range.count.value()});
  }
  void Close() override { ++closed; }

  std::vector<Asked> Take() { return std::exchange(asked, {}); }
  std::vector<Asked> TakeResolved() { return std::exchange(resolved, {}); }

  bool gone = false;
  int closed = 0;
  std::vector<Asked> asked, resolved;
};

constexpr PageRange Range(uint64_t first, uint64_t count) { return {PageIndex(first), PageCount(count)}; }

}  // namespace zirconia::mm

#endif  // ZIRCONIA_TEST_MM_FAKE_SOURCE_H_
