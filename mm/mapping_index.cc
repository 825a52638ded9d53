#include "mm/mapping_index.h"

#include <bit>

#include "mm/vm_mapping.h"

namespace zirconia::mm {

MappingIndex::Entry MappingIndex::MakeEntry(PageIndex first, PageIndex end, VmMapping* mapping) {
  return {static_cast<unsigned>(std::bit_width((end - first).value())) - 1, first, end, mapping};
}

void MappingIndex::Insert(PageIndex first, PageIndex end, VmMapping* mapping) {
  const Entry entry = MakeEntry(first, end, mapping);
  entries_.insert(entry);
  classes_ |= uint64_t{1} << entry.length_class;
}

void MappingIndex::Erase(PageIndex first, PageIndex end, VmMapping* mapping) {
  const Entry entry = MakeEntry(first, end, mapping);
  entries_.erase(entry);
  const auto left = entries_.lower_bound({entry.length_class, PageIndex(0), PageIndex(0), nullptr});
  if (left == entries_.end() || left->length_class != entry.length_class) {
    classes_ &= ~(uint64_t{1} << entry.length_class);
  }
}

bool MappingIndex::Contains(PageIndex first, PageIndex end, VmMapping* mapping) const {
  return first < end && entries_.contains(MakeEntry(first, end, mapping));
}

void MappingIndex::ForEachIn(PageIndex begin, PageIndex end, absl::FunctionRef<void(VmMapping&)> visit) const {
  for (uint64_t left = classes_; left != 0; left &= left - 1) {
    const unsigned c = static_cast<unsigned>(std::countr_zero(left));
    // None of this class that begins before this reaches `begin`.
    const uint64_t longest = uint64_t{2} << c;
    const PageIndex from = begin.value() >= longest ? begin - PageCount(longest - 1) : PageIndex(0);
    for (auto it = entries_.lower_bound({c, from, PageIndex(0), nullptr}); it != entries_.end(); ++it) {
      if (it->length_class != c || it->first >= end) break;
      if (it->end > begin) visit(*it->mapping);
    }
  }
}

}  // namespace zirconia::mm
