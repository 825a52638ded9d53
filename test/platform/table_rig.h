// A page table over a small machine, whose every state is checked.
#ifndef ZIRCONIA_TEST_PLATFORM_TABLE_RIG_H_
#define ZIRCONIA_TEST_PLATFORM_TABLE_RIG_H_

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "platform/backing_file.h"
#include "platform/host_counting.h"
#include "platform/host_faulty.h"
#include "platform/host_linux.h"
#include "platform/host_page_table.h"
#include "platform/map_budget.h"
#include "platform/window.h"

namespace zirconia::platform {

// One window, one table, and a model of what each page should show. Every frame begins with its own number. When the
// rig dies, and whenever `Check` is called, bookkeeping and host must agree.
class TableRig {
 public:
  static constexpr uint64_t kPages = 512;
  static constexpr uint64_t kFrames = 1024;

  explicit TableRig(uint64_t budget_limit = 1000, HostPageTable::Options options = HostPageTable::Options());
  ~TableRig();

  mm::VirtRange Pages(uint64_t first, uint64_t count) const;
  mm::VirtAddr Page(uint64_t page) const { return Pages(page, 1).base; }

  // Edits, in pages of the window. Each prepares and commits, and tells the model.
  void Map(uint64_t page, uint64_t count, uint64_t frame, mm::Protection protection);
  void MapZero(uint64_t page, uint64_t count, mm::Protection protection);
  void Unmap(uint64_t page, uint64_t count);
  void Protect(uint64_t page, uint64_t count, mm::Protection protection);
  void Edit(const std::vector<mm::PageTableEdit>& edits, mm::PageTableEffects* effects = nullptr);
  absl::Status Realize(uint64_t page, uint64_t count) { return table().Realize(Pages(page, count)); }

  // Bookkeeping equals the host's, and the recorded translations equal the model.
  void Check() const;
  // Realizes everything, and reads and writes every page through its guest address: content and protection are the
  // model's.
  void RealizeAndTouchAll();
  // Reads the number at the beginning of a page, through its guest address.
  uint64_t Read(uint64_t page) const;

  // How many host calls `action` makes.
  template <typename F>
  HostCallCounts Counted(F action) {
    const HostCallCounts before = counting.counts();
    action();
    return counting.counts() - before;
  }

  HostPageTable& table() { return *table_; }
  const HostPageTable& table() const { return *table_; }
  BackingFile& file() { return *file_; }
  Window& window() { return *window_; }

  LinuxHost linux_host;
  CountingHost counting{linux_host};
  FaultyHost faulty{counting};
  MapBudget budget;

 private:
  struct ModelPage {
    std::optional<uint64_t> frame;
    mm::Protection protection;
  };

  std::unique_ptr<BackingFile> file_;
  std::unique_ptr<Window> window_;
  std::unique_ptr<HostPageTable> table_;
  std::map<uint64_t, ModelPage> model_;
};

}  // namespace zirconia::platform

#endif  // ZIRCONIA_TEST_PLATFORM_TABLE_RIG_H_
