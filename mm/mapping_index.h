// The mappings of a VMO, by the pages that they show.
#ifndef ZIRCONIA_MM_MAPPING_INDEX_H_
#define ZIRCONIA_MM_MAPPING_INDEX_H_

#include <compare>
#include <cstddef>
#include <cstdint>

#include "absl/container/btree_set.h"
#include "absl/functional/function_ref.h"
#include "mm/units.h"

namespace zirconia::mm {

class VmMapping;

// A multiset of intervals of pages, by length: those of at least 2^n and less than 2^(n+1) pages are ordered by their
// first page. What overlaps an interval is found in O(log n) for each length in use, and O(1) for each candidate, at
// most about twice as many as overlap if they are spread evenly. Not thread-safe.
class MappingIndex {
 public:
  // Requires that `mapping` shows [first, end), which isn't empty. A mapping whose range is to change is erased first.
  void Insert(PageIndex first, PageIndex end, VmMapping* mapping);
  void Erase(PageIndex first, PageIndex end, VmMapping* mapping);

  bool Contains(PageIndex first, PageIndex end, VmMapping* mapping) const;
  size_t size() const { return entries_.size(); }

  // Calls `visit` for each that overlaps [begin, end). `visit` must not change the index.
  void ForEachIn(PageIndex begin, PageIndex end, absl::FunctionRef<void(VmMapping&)> visit) const;

 private:
  struct Entry {
    unsigned length_class;
    PageIndex first;
    PageIndex end;
    VmMapping* mapping;
    friend auto operator<=>(const Entry&, const Entry&) = default;
  };
  static Entry MakeEntry(PageIndex first, PageIndex end, VmMapping* mapping);

  absl::btree_set<Entry> entries_;
  uint64_t classes_ = 0;  // bit n: there are entries of class n
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_MAPPING_INDEX_H_
