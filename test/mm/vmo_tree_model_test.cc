// Trees of VMOs at random, against a model that keeps what every VMO holds: clones, slices, writes, resizes, commits,
// decommits, zeros, closes, mappings in two address spaces; frames that run out at any time. Some are pager-backed:
// then the test is the pager, clones are overlays, and what is dirty is part of the model.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <vector>

#include "mm/random.h"
#include "test/mm/fake_source.h"
#include "test/mm/fixture.h"

namespace zirconia::mm {
namespace {

using absl::StatusCode;

constexpr uint64_t kMostPages = 12;
constexpr uint64_t kSpacePages = 64;
constexpr size_t kWordsKept = 2;  // of each page: at its start, and at its end

// A page as the model has it: who holds the same one shares it.
struct Page {
  uint64_t words[kWordsKept] = {0, 0};
};
using PagePtr = std::shared_ptr<Page>;  // null: not committed

struct Store {
  std::vector<PagePtr> pages;
  bool resizable = false;
  bool is_snapshot = false;

  // Of a pager-backed VMO, or an overlay of one: which pages are its own; the others are absent, or its parent's.
  std::vector<bool> own;
  std::shared_ptr<Store> parent;
  uint64_t first = 0, limit = 0;
  std::shared_ptr<FakeSource> source;
  bool trap_dirty = false;
  std::vector<Dirt> dirt;
  std::weak_ptr<VmObject> pagers;  // the VMO that it supplies

  bool paged() const { return source != nullptr || parent != nullptr; }
  void SetSize(uint64_t size) {
    const uint64_t old = pages.size();
    pages.resize(size);
    if (!paged()) return;
    limit = std::min(limit, size);
    // Growth of what a pager provides is zeros, and dirty.
    own.resize(size, source != nullptr && old != size);
    dirt.resize(size, Dirt::kDirty);
  }

  struct Holds {
    bool absent = false;
    PagePtr page;  // null: zeros
  };
  Holds At(uint64_t page) const {
    if (!paged()) return {false, pages[page]};
    for (const Store* at = this;; at = at->parent.get()) {
      if (at->own[page]) return {false, at->pages[page]};
      if (at->source != nullptr) return {true, nullptr};
      if (page >= at->limit) return {false, nullptr};
      page += at->first;
    }
  }
  // A page that it may change: nobody else's.
  Page& Own(uint64_t page) {
    PagePtr& mine = pages[page];
    if (paged() && !own[page]) {
      const PagePtr old = At(page).page;
      mine = old == nullptr ? nullptr : std::make_shared<Page>(*old);
      own[page] = true;
    }
    if (mine == nullptr) {
      mine = std::make_shared<Page>();
    } else if (mine.use_count() > 1) {
      mine = std::make_shared<Page>(*mine);
    }
    return *mine;
  }
  void Clear(uint64_t page) {
    pages[page] = nullptr;
    if (paged()) own[page] = true;
  }
  void NoteWrite(uint64_t page) {
    if (source != nullptr) dirt[page] = Dirt::kDirty;
  }
};

struct Vmo {
  std::shared_ptr<VmObject> real;  // null: closed, but mapped
  std::weak_ptr<VmObject> alive;
  std::shared_ptr<Store> store;
  uint64_t first = 0;
  std::optional<uint64_t> slice;  // its pages
  uint64_t size() const { return slice.value_or(store->pages.size()); }
};

struct Shown {
  std::shared_ptr<Vmo> vmo;
  uint64_t page = 0;
  Protection protection;
};

class Model {
 public:
  explicit Model(uint64_t seed) : random_(seed), memory_(PageCount(160)), frames_(memory_) {
    for (auto& space : spaces_) space = std::make_unique<Space>(memory_, kSpacePages);
  }
  ~Model() { frames_.FailAfter(0); }

  uint64_t Dice(uint64_t n) { return NextRandom(random_) % n; }

  void Step() {
    Forget();
    if (vmos_.empty() || (Dice(12) == 0 && vmos_.size() < 20)) return Create();
    // Now and then each frame that the operation takes isn't to be had, one after the other: what is refused for that
    // has changed nothing, and is done again.
    const bool in_turn = Dice(6) == 0;
    const uint64_t before = random_;
    for (uint64_t n = in_turn ? 1 : 0;; ++n) {
      REQUIRE(n < 1000);
      random_ = before;
      exhausted_ = false;
      frames_.FailAfter(n);
      Operate();
      const bool still_to_come = frames_.FailAfter(0);
      if (!in_turn || !exhausted_ || still_to_come) return;
      ++refusals_;
      Check();
    }
  }

  void Operate() {
    const auto vmo = vmos_[Dice(vmos_.size())];
    const uint64_t n = Dice(14);
    if (n < 4) {
      Access(Dice(2) == 0 ? 0 : 1);
    } else if (n < 5) {
      Map(vmo);
    } else if (n < 6) {
      UnmapOrProtect();
    } else if (vmo->real == nullptr) {
      return;
    } else if (n < 7) {
      if (Dice(3) != 0) vmo->real.reset();
    } else if (n < 9) {
      MakeChild(vmo);
    } else if (n < 10) {
      Resize(*vmo);
    } else if (n < 12) {
      Write(*vmo);
    } else if (n < 13 && vmo->store->source != nullptr) {
      PagerOp(*vmo);
    } else {
      RangeOp(*vmo);
    }
  }

  uint64_t refusals() const { return refusals_; }

  void Check() {
    Forget();
    std::vector<std::shared_ptr<VmObject>> alive;
    // Who has a page is charged for it; what nobody has any more, who shows it.
    std::set<const Page*> known, had;
    for (const auto& vmo : vmos_) {
      for (uint64_t page = 0; page < vmo->size(); ++page) had.insert(vmo->store->pages[vmo->first + page].get());
    }
    for (const auto& vmo : vmos_) {
      const auto real = vmo->alive.lock();
      if (real == nullptr) continue;
      alive.push_back(real);
      REQUIRE(real->size() == Pages(vmo->size()));
      uint64_t charged = 0;
      for (uint64_t page = 0; page < vmo->size(); ++page) {
        const PagePtr& mine = vmo->store->pages[vmo->first + page];
        const Store::Holds holds = vmo->store->At(vmo->first + page);
        const PagePtr& paid = had.count(holds.page.get()) == 0 ? holds.page : mine;
        if (paid != nullptr && known.insert(paid.get()).second) ++charged;
        for (size_t w = 0; w < kWordsKept; ++w) {
          uint64_t word = ~uint64_t{0};
          PageWait wait;
          const auto status = real->Read(WordAt(page, w), {reinterpret_cast<std::byte*>(&word), 8}, &wait);
          REQUIRE(status.code() == (holds.absent ? StatusCode::kAborted : StatusCode::kOk));
          if (!holds.absent) REQUIRE(word == (holds.page == nullptr ? 0 : holds.page->words[w]));
        }
      }
      REQUIRE(real->committed_pages() == PageCount(charged));
      if (vmo->store->source != nullptr) CheckDirty(*vmo->store, *real);
    }
    // What is closed and shows through its clones all the same.
    for (const auto& vmo : vmos_) {
      for (const Store* at = vmo->store->parent.get(); at != nullptr; at = at->parent.get()) {
        for (const PagePtr& page : at->pages) {
          if (page != nullptr) known.insert(page.get());
        }
      }
    }
    for (const auto& vmo : vmos_) Root(*vmo->store).asked.clear();
    REQUIRE(frames_.stats().used == PageCount(known.size()));
    REQUIRE(VerifyFrames(frames_, alive) == absl::OkStatus());
    for (auto& space : spaces_) REQUIRE(space->Verify() == absl::OkStatus());
  }

  // Every address reads as the model says.
  void CheckAddresses() {
    for (size_t s = 0; s < 2; ++s) {
      for (uint64_t at = 0; at < kSpacePages; ++at) Load(s, at, Dice(kWordsKept));
    }
  }

  void CloseAll() {
    for (auto& space : spaces_) space->space->Destroy();
    for (auto& map : shown_) map.clear();
    while (!vmos_.empty()) vmos_.erase(vmos_.begin() + static_cast<long>(Dice(vmos_.size())));
    REQUIRE(frames_.stats().used == PageCount(0));
  }

 private:
  static ByteSize WordAt(uint64_t page, size_t w) { return Pages(page) + ByteSize(w == 0 ? 0 : kPageSize - 8); }

  // Takes out what is gone. A closed overlay leaves what it had to its own, and them to its parent.
  void Forget() {
    for (auto it = vmos_.begin(); it != vmos_.end();) {
      if (!(*it)->alive.expired()) {
        ++it;
        continue;
      }
      const std::shared_ptr<Store> gone = (*it)->store;
      for (const auto& vmo : vmos_) {
        Store& over = *vmo->store;
        if (gone->parent == nullptr || over.parent != gone) continue;
        for (uint64_t page = 0; page < over.limit; ++page) {
          if (over.own[page] || !gone->own[page + over.first]) continue;
          over.own[page] = true;
          over.pages[page] = gone->pages[page + over.first];
        }
        over.limit = std::min(over.limit, gone->limit - std::min(gone->limit, over.first));
        over.first += gone->first;
        over.parent = gone->parent;
      }
      it = vmos_.erase(it);
    }
  }

  // Who provides the pages, or nobody.
  FakeSource& Root(const Store& store) {
    const Store* at = &store;
    while (at->parent != nullptr) at = at->parent.get();
    return at->source != nullptr ? *at->source : no_source_;
  }

  // Carries out what may have to wait, being the pager. ABORTED: there is no VMO any more to supply.
  template <typename Operation>
  absl::Status Run(Store& store, Operation operation) {
    Store* root = &store;
    while (root->parent != nullptr) root = root->parent.get();
    while (true) {
      PageWait wait;
      absl::Status status = operation(&wait);
      if (!absl::IsAborted(status)) return status;
      REQUIRE(wait.request != nullptr);
      REQUIRE(root->source->asked.size() == 1);
      const FakeSource::Asked asked = root->source->Take().front();
      const auto vmo = root->pagers.lock();
      if (vmo == nullptr) return status;
      frames_.FailAfter(0);
      for (uint64_t page = asked.first; page < asked.first + asked.count; ++page) {
        REQUIRE((asked.need == PageSource::Need::kRead ? !root->own[page]
                                                       : root->own[page] && root->dirt[page] != Dirt::kDirty));
      }
      if (asked.need == PageSource::Need::kRead) {
        Supply(*root, *vmo, asked.first, asked.count);
      } else {
        REQUIRE(vmo->MarkDirty(Range(asked.first, asked.count)).ok());
        std::fill_n(root->dirt.begin() + static_cast<long>(asked.first), asked.count, Dirt::kDirty);
      }
    }
  }

  void Supply(Store& root, VmObject& vmo, uint64_t first, uint64_t count) {
    const auto aux = *VmObject::Create(frames_, Pages(count), false);
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t word = NextRandom(random_), page = first + i;
      const bool zeros = Dice(4) == 0 || !aux->Write(Pages(i), {reinterpret_cast<const std::byte*>(&word), 8}).ok();
      if (root.own[page]) continue;
      root.own[page] = true;
      root.dirt[page] = Dirt::kClean;
      if (!zeros) root.Own(page).words[0] = word;
    }
    REQUIRE(vmo.Supply(Range(first, count), *aux, PageIndex(0)).ok());
    REQUIRE(aux->committed_pages() == PageCount(0));
  }

  void PagerOp(Vmo& vmo) {
    Store& root = *vmo.store;
    const uint64_t first = Dice(vmo.size() + 1), count = Dice(vmo.size() - first + 1);
    const uint64_t kind = Dice(5);
    if (kind == 0) {
      frames_.FailAfter(0);
      return Supply(root, *vmo.real, first, count);
    }
    if (kind == 1) vmo.real->EvictClean();
    if (kind == 2 || kind == 3) REQUIRE(vmo.real->BeginWriteback(Range(first, count), kind == 3).ok());
    if (kind == 4) REQUIRE(vmo.real->EndWriteback(Range(first, count)).ok());
    for (uint64_t page = 0; page < vmo.size(); ++page) {
      Dirt& dirt = root.dirt[page];
      if (!root.own[page]) continue;
      if (kind == 1 && dirt == Dirt::kClean) {
        root.own[page] = false;
        root.pages[page] = nullptr;
      }
      if (page < first || page >= first + count) continue;
      if (kind == 4 && dirt == Dirt::kAwaitingClean) dirt = Dirt::kClean;
      if ((kind == 2 || (kind == 3 && root.pages[page] == nullptr)) && dirt == Dirt::kDirty) {
        dirt = Dirt::kAwaitingClean;
      }
    }
  }

  static void CheckDirty(const Store& root, const VmObject& real) {
    const uint64_t size = root.pages.size();
    std::vector<int> found(size, 0);  // 1: dirty, 2: and zeros
    const auto ranges = real.DirtyRanges(Range(0, size));
    REQUIRE(ranges.ok());
    for (const auto& r : ranges.value()) {
      for (uint64_t i = 0; i < r.pages.count.value(); ++i) found[r.pages.first.value() + i] = r.zero ? 2 : 1;
    }
    for (uint64_t page = 0; page < size; ++page) {
      const bool dirty = root.own[page] && root.dirt[page] != Dirt::kClean;
      REQUIRE(found[page] == (!dirty ? 0 : root.pages[page] == nullptr ? 2 : 1));
    }
  }

  void Create() {
    frames_.FailAfter(0);
    auto vmo = std::make_shared<Vmo>();
    vmo->store = std::make_shared<Store>();
    vmo->store->resizable = Dice(2) == 0;
    const uint64_t size = Dice(kMostPages + 1);
    if (Dice(2) == 0) {
      vmo->store->source = std::make_shared<FakeSource>();
      vmo->store->trap_dirty = Dice(2) == 0;
      vmo->store->SetSize(size);
      vmo->store->own.assign(size, false);
      vmo->real = *VmObject::CreatePaged(frames_, Pages(size), vmo->store->resizable, vmo->store->source,
                                         vmo->store->trap_dirty);
      vmo->store->pagers = vmo->real;
    } else {
      vmo->store->SetSize(size);
      vmo->real = *VmObject::Create(frames_, Pages(size), vmo->store->resizable);
    }
    vmo->alive = vmo->real;
    vmos_.push_back(std::move(vmo));
  }

  void MakeChild(const std::shared_ptr<Vmo>& of) {
    if (vmos_.size() >= 24) return;
    auto child = std::make_shared<Vmo>();
    const uint64_t first = Dice(of->size() + 2), size = Dice(kMostPages + 1);
    if (of->store->paged()) {
      REQUIRE(of->real->CreateSnapshot(Pages(first), Pages(size), false).status().code() == StatusCode::kUnimplemented);
      child->store = std::make_shared<Store>();
      child->store->resizable = Dice(2) == 0;
      child->real = *of->real->CreateOverlay(Pages(first), Pages(size), child->store->resizable);
      child->store->parent = of->store;
      child->store->first = first;
      child->store->SetSize(size);
      child->store->limit = std::min(size, of->size() - std::min(of->size(), first));
    } else if (Dice(3) == 0) {
      auto made = of->real->CreateSlice(Pages(first), Pages(size));
      if (of->store->resizable) {
        REQUIRE(made.status().code() == StatusCode::kUnimplemented);
        return;
      }
      REQUIRE(made.status().code() == (first + size <= of->size() ? StatusCode::kOk : StatusCode::kInvalidArgument));
      if (!made.ok()) return;
      child->real = *std::move(made);
      child->store = of->store;
      child->first = of->first + first;
      child->slice = size;
    } else {
      const bool resizable = Dice(2) == 0;
      auto made = of->real->CreateSnapshot(Pages(first), Pages(size), resizable);
      REQUIRE(made.ok());  // nobody writes meanwhile: it needs no frame
      child->real = *std::move(made);
      child->store = std::make_shared<Store>();
      child->store->resizable = resizable;
      child->store->is_snapshot = true;
      child->store->pages.resize(size);
      for (uint64_t page = 0; page < size && first + page < of->size(); ++page) {
        child->store->pages[page] = of->store->pages[of->first + first + page];
      }
    }
    child->alive = child->real;
    vmos_.push_back(std::move(child));
  }

  void Resize(Vmo& vmo) {
    const uint64_t size = Dice(kMostPages + 1);
    const auto code = vmo.real->Resize(Pages(size)).code();
    REQUIRE(code == (vmo.store->resizable && !vmo.slice ? StatusCode::kOk : StatusCode::kUnavailable));
    if (code != StatusCode::kOk) return;
    vmo.store->SetSize(size);
    for (const auto& other : vmos_) {
      Store& over = *other->store;
      if (over.parent == vmo.store) over.limit = std::min(over.limit, size - std::min(size, over.first));
    }
  }

  void Write(Vmo& vmo) {
    if (vmo.size() == 0) return;
    const uint64_t page = Dice(vmo.size()), value = NextRandom(random_);
    const size_t w = Dice(kWordsKept);
    const auto status = Run(*vmo.store, [&](PageWait* wait) {
      return vmo.real->Write(WordAt(page, w), {reinterpret_cast<const std::byte*>(&value), 8}, wait);
    });
    if (Failed(status)) return;
    REQUIRE(status.ok());
    vmo.store->Own(vmo.first + page).words[w] = value;
    vmo.store->NoteWrite(vmo.first + page);
  }

  void RangeOp(Vmo& vmo) {
    const uint64_t first = Dice(vmo.size() + 1), count = Dice(vmo.size() - first + 1);
    Store& store = *vmo.store;
    switch (Dice(3)) {
      case 0: {
        const auto status =
            Run(store, [&](PageWait* wait) { return vmo.real->Commit(Pages(first), Pages(count), wait); });
        if (Failed(status)) return;
        REQUIRE(status.ok());
        for (uint64_t page = first; page < first + count; ++page) store.Own(vmo.first + page);
        return;
      }
      case 1: {
        const auto code = vmo.real->Decommit(Pages(first), Pages(count)).code();
        if (code == StatusCode::kUnimplemented) {
          // Whether its snapshots are all gone only their family knows; the tests of examples look at that.
          REQUIRE((store.paged() || store.is_snapshot || AnySnapshot()));
          return;
        }
        REQUIRE(code == StatusCode::kOk);
        REQUIRE_FALSE((store.is_snapshot || store.paged()));
        for (uint64_t page = first; page < first + count; ++page) store.Clear(vmo.first + page);
        return;
      }
      default: {
        // Aligned or not at either end: a word is cleared where its eight bytes are inside.
        const uint64_t from = first * kPageSize + (Dice(2) == 0 ? 0 : 8 * Dice(512));
        const uint64_t size = vmo.size() * kPageSize;
        if (from > size) return;
        const uint64_t to = std::max(from, std::min(size, (first + count) * kPageSize + 8 * Dice(512)));
        const auto status =
            Run(store, [&](PageWait* wait) { return vmo.real->Zero(ByteSize(from), ByteSize(to - from), wait); });
        if (Failed(status)) return;
        REQUIRE(status.ok());
        for (uint64_t page = from / kPageSize; page * kPageSize < to && from < to; ++page) {
          const uint64_t begin = page * kPageSize, end = begin + kPageSize;
          if ((from <= begin && end <= to) || store.At(vmo.first + page).page == nullptr) {
            store.Clear(vmo.first + page);
          } else {
            Page& own = store.Own(vmo.first + page);
            if (from <= begin && begin + 8 <= to) own.words[0] = 0;
            if (from <= end - 8 && end <= to) own.words[1] = 0;
          }
          store.NoteWrite(vmo.first + page);
        }
        return;
      }
    }
  }

  bool AnySnapshot() const {
    return std::any_of(vmos_.begin(), vmos_.end(),
                       [](const auto& v) { return v->store->is_snapshot && !v->alive.expired(); });
  }

  void Map(const std::shared_ptr<Vmo>& vmo) {
    const size_t s = Dice(2);
    const uint64_t at = Dice(kSpacePages - kMostPages), page = Dice(kMostPages), count = 1 + Dice(kMostPages);
    const Protection protection = Dice(3) == 0 ? kR : kRW;
    auto request = Replacing(MapAt(at, vmo->alive.lock(), page, count, protection));
    request.populate = Dice(4) == 0;
    REQUIRE(spaces_[s]->root->Map(request).ok());
    for (uint64_t i = 0; i < count; ++i) shown_[s][at + i] = {vmo, page + i, protection};
  }

  void UnmapOrProtect() {
    const size_t s = Dice(2);
    const uint64_t at = Dice(kSpacePages - kMostPages), count = 1 + Dice(kMostPages);
    if (Dice(2) == 0) {
      REQUIRE(spaces_[s]->root->Unmap(AtPages(at, count)).ok());
      shown_[s].erase(shown_[s].lower_bound(at), shown_[s].lower_bound(at + count));
      return;
    }
    const Protection protection = Dice(2) == 0 ? kR : kRW;
    const auto code = spaces_[s]->root->Protect(AtPages(at, count), protection).code();
    const auto begin = shown_[s].lower_bound(at), end = shown_[s].lower_bound(at + count);
    REQUIRE(code ==
            (static_cast<uint64_t>(std::distance(begin, end)) == count ? StatusCode::kOk : StatusCode::kNotFound));
    if (code == StatusCode::kOk) std::for_each(begin, end, [&](auto& shown) { shown.second.protection = protection; });
  }

  void Load(size_t s, uint64_t at, size_t w) {
    const auto it = shown_[s].find(at);
    uint64_t word = 0;
    const auto status = spaces_[s]->table.Load(kBase + WordAt(at, w), {reinterpret_cast<std::byte*>(&word), 8},
                                               [&](VirtAddr a, mm::Access access) { return Fault(s, at, a, access); });
    if (it == shown_[s].end()) {
      REQUIRE(status.code() == StatusCode::kNotFound);
      return;
    }
    const Shown& shown = it->second;
    if (shown.page >= shown.vmo->size()) {
      REQUIRE(status.code() == StatusCode::kOutOfRange);
      return;
    }
    const Store::Holds holds = shown.vmo->store->At(shown.vmo->first + shown.page);
    REQUIRE(status.code() == (holds.absent ? StatusCode::kAborted : StatusCode::kOk));
    if (!holds.absent) REQUIRE(word == (holds.page == nullptr ? 0 : holds.page->words[w]));
  }

  absl::Status Fault(size_t s, uint64_t at, VirtAddr address, mm::Access access) {
    Store nothing;
    const auto it = shown_[s].find(at);
    return Run(it == shown_[s].end() ? nothing : *it->second.vmo->store,
               [&](PageWait* wait) { return spaces_[s]->space->HandleFault(address, access, wait); });
  }

  void Access(size_t s) {
    const uint64_t at = Dice(kSpacePages);
    const size_t w = Dice(kWordsKept);
    if (Dice(2) == 0) return Load(s, at, w);
    const uint64_t value = NextRandom(random_);
    const auto status = spaces_[s]->table.Store(kBase + WordAt(at, w), {reinterpret_cast<const std::byte*>(&value), 8},
                                                [&](VirtAddr a, mm::Access access) { return Fault(s, at, a, access); });
    const auto it = shown_[s].find(at);
    if (it == shown_[s].end()) {
      REQUIRE(status.code() == StatusCode::kNotFound);
    } else if (!it->second.protection.write()) {
      REQUIRE(status.code() == StatusCode::kPermissionDenied);
    } else if (it->second.page >= it->second.vmo->size()) {
      REQUIRE(status.code() == StatusCode::kOutOfRange);
    } else if (!Failed(status)) {
      REQUIRE(status.ok());
      Vmo& vmo = *it->second.vmo;
      vmo.store->Own(vmo.first + it->second.page).words[w] = value;
      vmo.store->NoteWrite(vmo.first + it->second.page);
    }
  }

  // No frame is left, or nobody supplies what is missing.
  bool Failed(const absl::Status& status) {
    exhausted_ |= absl::IsResourceExhausted(status);
    return absl::IsResourceExhausted(status) || absl::IsAborted(status);
  }

  uint64_t random_;
  bool exhausted_ = false;  // the operation was refused for want of a frame
  uint64_t refusals_ = 0;   // how often an operation was, because that frame was made to fail
  FakeSource no_source_;
  HeapPhysicalMemory memory_;
  FrameAllocator frames_;
  std::unique_ptr<Space> spaces_[2];
  std::vector<std::shared_ptr<Vmo>> vmos_;  // oldest first
  std::map<uint64_t, Shown> shown_[2];
};

TEST_CASE("Trees of VMOs hold, show and are charged what a model of whole contents says") {
  const char* const wanted = std::getenv("ZIRCONIA_TEST_SEED");
  const uint64_t first = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 1;
  const uint64_t last = wanted != nullptr ? first : 40;
  for (uint64_t seed = first; seed <= last; ++seed) {
    Model model(seed);
    for (int step = 0; step < 500; ++step) {
      INFO("ZIRCONIA_TEST_SEED=" << seed << ", step " << step);
      model.Step();
      model.Check();
      if (step % 20 == 0) model.CheckAddresses();
    }
    model.CloseAll();
    CHECK(model.refusals() > 0);
  }
}

}  // namespace
}  // namespace zirconia::mm
