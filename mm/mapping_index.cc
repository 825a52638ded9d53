#include "mm/mapping_index.h"

#include <bit>
#include <iterator>

#include "mm/vm_mapping.h"

namespace zirconia::mm {

MappingIndex::Entry MappingIndex::EntryOf(VmMapping& mapping) {
  const uint64_t length_class = std::bit_width((mapping.end_page() - mapping.first_page).value()) - 1;
  return {length_class << kClassShift | mapping.first_page.value(), &mapping};
}

void MappingIndex::Insert(VmMapping& mapping) {
  const Entry entry = EntryOf(mapping);
  entries_.insert(entry);
  classes_ |= uint64_t{1} << (entry.key >> kClassShift);
}

void MappingIndex::Erase(VmMapping& mapping) {
  const Entry entry = EntryOf(mapping);
  const uint64_t length_class = entry.key >> kClassShift;
  const auto next = entries_.erase(entries_.find(entry));
  const bool left = (next != entries_.end() && next->key >> kClassShift == length_class) ||
                    (next != entries_.begin() && std::prev(next)->key >> kClassShift == length_class);
  if (!left) classes_ &= ~(uint64_t{1} << length_class);
}

bool MappingIndex::Contains(VmMapping& mapping) const {
  return !mapping.range.empty() && entries_.contains(EntryOf(mapping));
}

void MappingIndex::ForEachIn(PageIndex begin, PageIndex end, absl::FunctionRef<void(VmMapping&)> visit) const {
  for (uint64_t left = classes_; left != 0; left &= left - 1) {
    const unsigned length_class = static_cast<unsigned>(std::countr_zero(left));
    const uint64_t low = uint64_t{length_class} << kClassShift;
    // None of this class that begins before this reaches `begin`.
    const uint64_t longest = uint64_t{2} << length_class;
    const uint64_t from = begin.value() >= longest ? begin.value() - (longest - 1) : 0;
    for (auto it = entries_.lower_bound({low | from, nullptr}); it != entries_.end(); ++it) {
      if (it->key >> kClassShift != length_class || PageIndex(it->key - low) >= end) break;
      if (it->mapping->end_page() > begin) visit(*it->mapping);
    }
  }
}

}  // namespace zirconia::mm
