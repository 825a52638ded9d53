// An ELF executable or shared object, checked.
#ifndef ZIRCONIA_KERNEL_SIM_LOADER_ELF_IMAGE_H_
#define ZIRCONIA_KERNEL_SIM_LOADER_ELF_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "mm/units.h"

namespace zirconia::kernel {

// A PT_LOAD segment. Guaranteed: file_offset + file_size lies in the file, file_size <= memory_size, address and
// file_offset are equal modulo the page size, addresses ascend, and no two segments share a page.
struct ElfSegment {
  uint64_t address = 0;
  uint64_t memory_size = 0;
  uint64_t file_offset = 0;
  uint64_t file_size = 0;
  mm::Protection protection;

  uint64_t page_begin() const { return address & ~(mm::kPageSize - 1); }
  uint64_t page_end() const { return (address + memory_size + mm::kPageSize - 1) & ~(mm::kPageSize - 1); }
};

// What the headers of a file say, after every one of them was checked: a file can be hostile. Immutable.
class ElfImage {
 public:
  // INVALID_ARGUMENT, naming what is wrong with the file.
  static absl::StatusOr<ElfImage> Parse(absl::Span<const std::byte> file);

  bool position_independent() const { return position_independent_; }
  // As linked; lies in an executable segment, unless the file is a shared object without an entry (0).
  uint64_t entry() const { return entry_; }
  const std::vector<ElfSegment>& segments() const { return segments_; }
  // From the first segment's page to the last one's, as linked.
  uint64_t page_begin() const { return segments_.front().page_begin(); }
  uint64_t page_end() const { return segments_.back().page_end(); }
  // PT_GNU_STACK's size, if the linker was told one.
  std::optional<uint64_t> stack_size() const { return stack_size_; }

  // The address of a defined symbol, as linked.
  std::optional<uint64_t> FindSymbol(absl::string_view name) const;
  // The function that covers an address as linked, and the offset in it.
  std::optional<std::pair<std::string, uint64_t>> SymbolAt(uint64_t address) const;

 private:
  struct Symbol {
    std::string name;
    uint64_t size = 0;
  };

  bool position_independent_ = false;
  uint64_t entry_ = 0;
  std::vector<ElfSegment> segments_;
  std::optional<uint64_t> stack_size_;
  absl::btree_map<uint64_t, Symbol> functions_;     // by address
  absl::btree_map<std::string, uint64_t> symbols_;  // by name
};

}  // namespace zirconia::kernel

#endif  // ZIRCONIA_KERNEL_SIM_LOADER_ELF_IMAGE_H_
