// The mappings of a VMO, by the pages that they show.
#ifndef ZIRCONIA_MM_MAPPING_INDEX_H_
#define ZIRCONIA_MM_MAPPING_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/container/btree_set.h"
#include "absl/functional/function_ref.h"
#include "mm/pool.h"
#include "mm/units.h"

namespace zirconia::mm {

class VmMapping;

// A multiset of intervals of pages, by length: those of at least 2^n and less than 2^(n+1) pages are ordered by their
// first page. What overlaps an interval is found in O(log n) for each length in use, and O(1) for each candidate, at
// most about twice as many as overlap if they are spread evenly. Not thread-safe.
class MappingIndex {
 public:
  // A mapping, by the pages that it shows, which aren't none. It is erased before they change.
  void Insert(VmMapping& mapping);
  void Erase(VmMapping& mapping);

  bool Contains(VmMapping& mapping) const;
  size_t size() const { return entries_.size(); }

  // Calls `visit` for each that overlaps [begin, end). `visit` must not change the index.
  void ForEachIn(PageIndex begin, PageIndex end, absl::FunctionRef<void(VmMapping&)> visit) const;

 private:
  struct Entry {
    uint64_t key;  // the class of its length above kClassShift, its first page below
    VmMapping* mapping;
    friend bool operator<(const Entry& a, const Entry& b) {
      return a.key != b.key ? a.key < b.key : a.mapping < b.mapping;
    }
  };
  // Pages have numbers below 2^52, so that there are 53 classes.
  static constexpr unsigned kClassShift = 58;
  static Entry EntryOf(VmMapping& mapping);

  absl::btree_set<Entry, std::less<>, PoolAllocator<Entry>> entries_;  // faults insert
  uint64_t classes_ = 0;                                               // bit n: there are entries of class n
};

}  // namespace zirconia::mm

#endif  // ZIRCONIA_MM_MAPPING_INDEX_H_
