// What should be there: what VMOs hold, and which page of them stands where. Knows nothing of frames, tables or hosts.
#ifndef ZIRCONIA_TEST_CAMPAIGN_MODEL_H_
#define ZIRCONIA_TEST_CAMPAIGN_MODEL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mm/page_states.h"
#include "mm/units.h"
#include "mm/vm_address_region.h"
#include "mm/vm_object.h"
#include "test/campaign/pager.h"

namespace zirconia::campaign {

// The first and the last word of a page; the rest is zeros. The first may be executed: it begins with a `ret`.
struct Content {
  uint64_t head = 0;
  uint64_t tail = 0;
};

class ModelVmo;

// The pages of a VMO and of its slices. Snapshots hold the same `Content` until somebody writes. Those of a
// pager-backed VMO, and of clones of it, are paged: a page that isn't `own` is absent, or, in a clone, what its parent
// has.
struct ModelPages {
  ModelPages(uint64_t number, uint64_t count) : birth(number), contents(count) {}
  ModelPages(const ModelPages&) = delete;
  ModelPages& operator=(const ModelPages&) = delete;
  ~ModelPages();

  const uint64_t birth;  // of several that share a page, the one born first is charged for it
  bool is_snapshot = false;
  std::vector<std::shared_ptr<Content>> contents;  // null: not committed, zeros
  std::vector<ModelVmo*> views;

  // Of paged ones, and otherwise unused.
  std::vector<bool> own;
  std::vector<mm::Dirt> dirt;
  std::shared_ptr<FakePager> pager;      // of the root of clones
  std::weak_ptr<mm::VmObject> supplied;  // to whom it gives
  bool trap_dirty = false;               // it is asked before a page becomes dirty
  std::shared_ptr<ModelPages> parent;    // of a clone
  uint64_t first = 0, limit = 0;         // page 0 shows the parent's page `first`; from `limit` on there are zeros
  std::vector<ModelPages*> clones;

  bool paged() const { return pager != nullptr || parent != nullptr; }
  ModelPages& Root() { return parent == nullptr ? *this : parent->Root(); }
  void MakePaged() {
    own.resize(contents.size());
    dirt.resize(contents.size());
  }
  void MakeClone(std::shared_ptr<ModelPages> of, uint64_t page);
  struct Found {
    bool absent = false;
    const Content* content = nullptr;  // null: zeros
  };
  Found Find(uint64_t page) const;
  void Resize(uint64_t count);
  void NoteWrite(uint64_t page) {
    if (pager != nullptr) dirt[page] = mm::Dirt::kDirty;
  }
  void EvictClean();
  // Nobody has a VMO of these any more: clones of it take over what they show of it.
  void Collapse();
};

// As its counterpart, it lives as long as it has a handle or is mapped; what only it saw of its pages goes with it.
class ModelVmo {
 public:
  ModelVmo(size_t number, std::shared_ptr<ModelPages> of, bool may_resize, ModelVmo* made_from = nullptr);
  // A slice: [first, first + count) of the pages of `made_from`.
  ModelVmo(size_t number, ModelVmo& made_from, uint64_t first, uint64_t count);
  ~ModelVmo();
  ModelVmo(const ModelVmo&) = delete;
  ModelVmo& operator=(const ModelVmo&) = delete;

  const size_t id;
  const std::shared_ptr<ModelPages> pages;
  const bool resizable;
  std::weak_ptr<mm::VmObject> real;

  bool is_slice() const { return slice_.has_value(); }
  uint64_t size() const { return slice_.value_or(pages->contents.size()); }
  bool Shows(uint64_t page_of_pages) const { return page_of_pages >= first_ && page_of_pages < first_ + size(); }

  // Pages are counted from its own first one from here on.
  bool IsCommitted(uint64_t page) const { return At(page) != nullptr; }
  // Only its pager knows what it holds.
  bool IsAbsent(uint64_t page) const { return pages->Find(first_ + page).absent; }
  // Whether a write may ask a pager.
  bool MayWait(uint64_t page) const;
  // Committed, nobody else's, and dirty already where that matters: a write changes no more than content.
  bool IsOwn(uint64_t page) const;
  bool IsShared(uint64_t page) const { return At(page).use_count() > 1; }
  Content Holds(uint64_t page) const;
  // Where that stands, its own or a parent's; null: zeros, or absent.
  const Content* Found(uint64_t page) const { return pages->Find(first_ + page).content; }
  // Which other VMOs hold too where they share it; null: not committed.
  const Content* Shared(uint64_t page) const { return At(page).get(); }
  // Commits the page to this one alone.
  Content& Own(uint64_t page);
  // A write does that, and makes it dirty.
  Content& Write(uint64_t page);
  void Clear(uint64_t page, uint64_t count);
  // Whether its pages can be given back one by one: nobody may share them.
  bool MayDecommit() const;

  // What a snapshot of [page, page + count) holds.
  std::vector<std::shared_ptr<Content>> Snapshot(uint64_t page, uint64_t count) const;

 private:
  const std::shared_ptr<Content>& At(uint64_t page) const { return pages->contents[first_ + page]; }
  void Adopt(ModelVmo& child);

  const uint64_t first_ = 0;
  const std::optional<uint64_t> slice_;
  ModelVmo* parent_ = nullptr;
  std::vector<ModelVmo*> children_;
};

// What stands at a page of an address space.
struct ModelMapping {
  std::shared_ptr<ModelVmo> vmo;  // null: nothing
  uint64_t page = 0;
  mm::Protection protection;
  size_t region = 0;

  // Whether an access meets a page of the VMO: there is none beyond its end.
  bool hits() const { return vmo != nullptr && page < vmo->size(); }
  // These require that it does.
  Content content() const { return vmo->Holds(page); }
  bool committed() const { return vmo->IsCommitted(page); }
  Content& Write() const { return vmo->Write(page); }
};

struct ModelRegion {
  uint64_t first = 0;
  uint64_t count = 0;
  size_t parent = 0;
  bool alive = false;
  std::shared_ptr<mm::VmAddressRegion> real;
  bool Contains(uint64_t f, uint64_t n) const { return f >= first && f + n <= first + count; }
  bool Overlaps(uint64_t f, uint64_t n) const { return f < first + count && first < f + n; }
};

struct ModelSpace {
  static constexpr size_t kRegions = 4;  // the root, and slots for what is allocated in it
  std::vector<ModelMapping> pages;
  ModelRegion regions[kRegions];
};

struct Model {
  static constexpr size_t kVmos = 6;

  std::vector<ModelSpace> spaces;
  std::shared_ptr<ModelVmo> vmos[kVmos];         // those that have a handle; null: none
  std::shared_ptr<mm::VmObject> handles[kVmos];  // real ones live as long as a handle or a mapping does
  std::vector<std::weak_ptr<ModelVmo>> all;
  size_t next_id = 0;
  uint64_t next_stamp = 1;
  // Pagers refuse one request in so many; 0: none.
  uint64_t pager_refuses_one_in = 0;
  uint64_t pager_random = 1;
  uint64_t pager_refusals = 0;       // requests so far that were refused, by whatever pager
  std::optional<size_t> only_space;  // random operations on spaces choose this one

  // Content that no page has had before.
  Content FreshContent() {
    const uint64_t n = next_stamp++;
    return {n << 8 | 0xc3, n * 0x9e3779b97f4a7c15};
  }
  // Puts a VMO and its counterpart into a slot. What was there lives on where it is mapped.
  void SetHandle(size_t slot, std::shared_ptr<ModelVmo> vmo, std::shared_ptr<mm::VmObject> real);
  void Close(size_t slot) {
    vmos[slot].reset();
    handles[slot].reset();
  }
  // The VMOs that live: they have a handle or are mapped. In the order in which they are charged for what they share.
  std::vector<std::shared_ptr<ModelVmo>> Living() const;
};

// How many pages each of `living` is charged for: a page that several have counts for the first, and so does one that
// none has and several show.
std::vector<uint64_t> ChargesOf(const std::vector<std::shared_ptr<ModelVmo>>& living);

}  // namespace zirconia::campaign

#endif  // ZIRCONIA_TEST_CAMPAIGN_MODEL_H_
