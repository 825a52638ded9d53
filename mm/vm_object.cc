#include "mm/vm_object.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "mm/check.h"
#include "mm/vm_mapping.h"
#include "mm/vmo_locks.h"

namespace zirconia::mm {
namespace {

absl::Status Outside() { return absl::OutOfRangeError("not inside of the VMO"); }
absl::Status TooLarge() { return absl::OutOfRangeError("too large for a VMO"); }
absl::Status NotToBeMoved() { return absl::FailedPreconditionError("its pages can't be moved"); }
absl::Status HeldForDevice() { return absl::FailedPreconditionError("a device reaches some of the pages"); }

// One past the last page that the bytes up to `offset` touch.
PageIndex EndOf(ByteSize offset) { return PageIndex((offset.value() + kPageSize - 1) >> kPageShift); }

}  // namespace

std::shared_ptr<VmObject> VmObject::Make(std::shared_ptr<VmPages> pages, bool resizable) {
  std::shared_ptr<VmObject> vmo(new VmObject(std::move(pages), resizable, PageIndex(0), std::nullopt));
  absl::MutexLock lock(&vmo->mutex());
  vmo->pages_->AddView(vmo.get());
  return vmo;
}

absl::StatusOr<std::shared_ptr<VmObject>> VmObject::Create(FrameAllocator& frames, ByteSize size, bool resizable) {
  if (size > kMaxSize) return TooLarge();
  return Make(VmPages::CreateAnonymous(frames, EndOf(size) - PageIndex(0)), resizable);
}

absl::StatusOr<std::shared_ptr<VmObject>> VmObject::CreateContiguous(FrameAllocator& frames, ByteSize size,
                                                                     unsigned align_log2) {
  if (size == ByteSize(0)) return absl::InvalidArgumentError("empty");
  if (size > kMaxSize) return TooLarge();
  const unsigned align_frames = align_log2 > kPageShift ? align_log2 - unsigned{kPageShift} : 0;
  auto pages = VmPages::CreateContiguous(frames, EndOf(size) - PageIndex(0), align_frames);
  if (!pages.ok()) return pages.status();
  return Make(*std::move(pages), /*resizable=*/false);
}

absl::StatusOr<std::shared_ptr<VmObject>> VmObject::CreatePhysical(FrameAllocator& frames, FrameRun run) {
  if (run.empty()) return absl::InvalidArgumentError("empty");
  auto pages = VmPages::CreatePhysical(frames, run);
  if (!pages.ok()) return pages.status();
  return Make(*std::move(pages), /*resizable=*/false);
}

absl::StatusOr<std::shared_ptr<VmObject>> VmObject::CreatePaged(FrameAllocator& frames, ByteSize size, bool resizable,
                                                                std::shared_ptr<PageSource> source, bool trap_dirty) {
  if (size > kMaxSize) return TooLarge();
  return Make(VmPages::CreatePaged(frames, EndOf(size) - PageIndex(0), std::move(source), trap_dirty), resizable);
}

absl::StatusOr<std::shared_ptr<VmObject>> VmObject::CreateSnapshot(ByteSize offset, ByteSize size, bool resizable) {
  if (paged()) return absl::UnimplementedError("what a pager provides isn't copied");
  return CreateClone(offset, size, resizable);
}

absl::StatusOr<std::shared_ptr<VmObject>> VmObject::CreateOverlay(ByteSize offset, ByteSize size, bool resizable) {
  if (!paged()) return absl::UnimplementedError("not paged");
  return CreateClone(offset, size, resizable);
}

absl::StatusOr<std::shared_ptr<VmObject>> VmObject::CreateClone(ByteSize offset, ByteSize size, bool resizable) {
  if (!offset.IsPageAligned()) return absl::InvalidArgumentError("the offset isn't page-aligned");
  if (size > kMaxSize || offset + size < offset) return TooLarge();
  if ((kind() != VmPages::Kind::kAnonymous && !paged()) || discardable()) {
    return absl::UnimplementedError("this memory can't be shared by snapshots");
  }
  const PageCount count = EndOf(size) - PageIndex(0);
  absl::MutexLock lock(&mutex());
  // What begins beyond the end shows nothing of this one, wherever that is.
  const PageIndex begin = std::min(first_ + (PageIndex::Of(offset) - PageIndex(0)), end());
  if (pages_->IsHeldForDevice(PageIndex(0), PageIndex(~uint64_t{0}))) return HeldForDevice();
  if (cache_policy() != 0) return absl::FailedPreconditionError("it isn't cached");
  if (!pages_->tree().MayBeginAt(begin)) return absl::ResourceExhaustedError("too many clones of the ends of clones");
  // A slice shows no more than itself.
  std::shared_ptr<VmPages> pages;
  if (paged()) {
    pages = pages_->Overlay(begin, count, end());
  } else {
    auto snapshot = pages_->Snapshot(begin, count, end());
    if (!snapshot.ok()) return snapshot.status();
    pages = *std::move(snapshot);
  }
  std::shared_ptr<VmObject> child(new VmObject(std::move(pages), resizable, PageIndex(0), std::nullopt));
  child->mutex().AssertHeld();
  child->pages_->AddView(child.get());
  Adopt(*child);
  return child;
}

absl::StatusOr<std::shared_ptr<VmObject>> VmObject::CreateSlice(ByteSize offset, ByteSize size) {
  if (!offset.IsPageAligned()) return absl::InvalidArgumentError("the offset isn't page-aligned");
  if (resizable_ || discardable()) return absl::UnimplementedError("a resizable or discardable VMO has no slices");
  if (size > kMaxSize || offset + size < offset) return TooLarge();
  const PageCount count = EndOf(size) - PageIndex(0);
  if (!IsInside(offset, count.bytes())) return absl::InvalidArgumentError("not inside of the VMO");
  std::shared_ptr<VmObject> child(new VmObject(pages_, false, PageIndex::Of(InPages(offset)), count));
  absl::MutexLock lock(&mutex());
  child->mutex().AssertHeld();
  child->pages_->AddView(child.get());
  Adopt(*child);
  return child;
}

VmObject::~VmObject() {
  FreedFrames freed;
  absl::MutexLock lock(&mutex());
  ZIRCONIA_CHECK(mapping_count_ == 0, "a VMO dies while it is mapped");
  for (VmObject* child : children_) {
    child->mutex().AssertHeld();
    child->parent_ = nullptr;
    if (parent_ == nullptr) continue;
    parent_->mutex().AssertHeld();
    parent_->Adopt(*child);
  }
  // What nobody sees any more goes, where it is owned: of views, the youngest is the one that sees what nobody else
  // does. Overlays see more than views do.
  pages_->RemoveView(this);
  const auto covers = [&](const VmObject* view) { return view->first_ <= first_ && end() <= view->end(); };
  if (std::any_of(pages_->views().begin(), pages_->views().end(), covers)) {
    // Nothing was seen by this one alone.
  } else if (!pages_->views().empty() && kind() != VmPages::Kind::kPhysical && !pages_->HasOverlays()) {
    pages_->AddView(this);
    ForEachOwn(first_, end(),
               [&](PageIndex from, PageIndex to) ABSL_NO_THREAD_SAFETY_ANALYSIS { pages_->Decommit(from, to, freed); });
    pages_->RemoveView(this);
  } else if (pages_->views().empty() && pages_->is_snapshot() && !paged()) {
    pages_->Decommit(PageIndex(0), pages_->end(), freed);
  }
  // Last: who hears that it is gone may count on its pages.
  if (parent_ != nullptr) {
    parent_->mutex().AssertHeld();
    parent_->Lose(*this);
  }
}

void VmObject::Adopt(VmObject& child) {
  child.mutex().AssertHeld();
  if (child.parent_user_id_ == 0) child.parent_user_id_ = user_id();
  child.parent_ = this;
  children_.insert(&child);
  if (child.pages_ != pages_) ++snapshots_;
  if (children_.size() == 1 && observer_ != nullptr) observer_->OnChildren(true);
}

void VmObject::Lose(VmObject& child) {
  children_.erase(&child);
  if (child.pages_ != pages_) --snapshots_;
  if (children_.empty() && observer_ != nullptr) observer_->OnChildren(false);
}

std::string VmObject::name() const {
  absl::MutexLock lock(&mutex());
  return name_;
}

void VmObject::set_name(std::string name) {
  absl::MutexLock lock(&mutex());
  name_ = std::move(name);
}

size_t VmObject::child_count() const {
  absl::MutexLock lock(&mutex());
  return children_.size();
}

void VmObject::ObserveChildren(ChildrenObserver* observer) {
  absl::MutexLock lock(&mutex());
  observer_ = observer;
  if (observer_ != nullptr) observer_->OnChildren(!children_.empty());
}

absl::Status VmObject::SetCachePolicy(uint32_t policy) {
  absl::MutexLock lock(&mutex());
  const bool has_pages = kind() != VmPages::Kind::kPhysical && pages_->tree().size() != PageCount();
  if (has_pages || pages_->IsMapped() || is_child() || !children_.empty() ||
      pages_->IsHeldForDevice(PageIndex(0), end())) {
    return absl::FailedPreconditionError("it is in use");
  }
  pages_->set_cache_policy(policy);
  return absl::OkStatus();
}

PageCount VmObject::ChargedIn(PageIndex begin, PageIndex end) const {
  PageCount count;
  ForEachOwn(std::max(begin, first_), std::min(end, this->end()),
             [&](PageIndex from, PageIndex to) ABSL_NO_THREAD_SAFETY_ANALYSIS { count += pages_->Charged(from, to); });
  return count;
}

void VmObject::ForEachOwn(PageIndex begin, PageIndex end, absl::FunctionRef<void(PageIndex, PageIndex)> visit) const {
  absl::InlinedVector<std::pair<PageIndex, PageIndex>, 4> others;
  for (const VmObject* view : pages_->views()) {
    if (view == this) break;
    others.emplace_back(view->first_, view->end());
  }
  std::sort(others.begin(), others.end());
  for (const auto& [from, to] : others) {
    if (from > begin && begin < end) visit(begin, std::min(from, end));
    begin = std::max(begin, to);
  }
  if (begin < end) visit(begin, end);
}

PageCount VmObject::committed_pages() const {
  absl::MutexLock lock(&mutex());
  return ChargedIn(PageIndex(0), pages_->end());
}

PageCount VmObject::CommittedIn(ByteSize offset, ByteSize length) const {
  absl::MutexLock lock(&mutex());
  return ChargedIn(PageIndex::Of(InPages(offset)), EndOf(InPages(offset) + length));
}

size_t VmObject::mapping_count() const {
  absl::MutexLock lock(&mutex());
  return mapping_count_;
}

size_t VmObject::share_count() const {
  absl::MutexLock lock(&mutex());
  return spaces_.size();
}

size_t VmObject::run_count() const {
  absl::MutexLock lock(&mutex());
  size_t runs = 0;
  pages_->tree().ForEach(first_, end(), [&](const PageTree::Run&) { return ++runs, true; });
  return runs;
}

bool VmObject::IsInside(ByteSize offset, ByteSize length) const {
  const ByteSize all = size();
  return offset <= all && length <= all - offset;
}

bool VmObject::LockContent() {
  absl::MutexLock lock(&mutex());
  return pages_->LockContent();
}

absl::Status VmObject::TryLockContent() {
  absl::MutexLock lock(&mutex());
  if (pages_->discarded()) return absl::UnavailableError("it was discarded");
  pages_->LockContent();
  return absl::OkStatus();
}

absl::Status VmObject::UnlockContent() {
  absl::MutexLock lock(&mutex());
  return pages_->UnlockContent();
}

absl::Status VmObject::Resize(ByteSize size, PageWait* wait) {
  if (!resizable_) return absl::UnavailableError("not resizable");
  if (size > kMaxSize) return TooLarge();
  const PageIndex new_end = EndOf(size);
  FreedFrames freed;
  absl::MutexLock lock(&mutex());
  if (new_end < end() && pages_->IsHeldForDevice(new_end, end())) return HeldForDevice();
  if (size < end().offset()) {
    if (absl::Status s = pages_->Bring(PageIndex::Of(size), new_end, Access::kWrite, wait); !s.ok()) return s;
    if (absl::Status status = pages_->Zero(size, new_end.offset() - size, freed); !status.ok()) return status;
  }
  pages_->SetEnd(new_end, freed);
  return absl::OkStatus();
}

absl::Status VmObject::Commit(ByteSize offset, ByteSize length, PageWait* wait) {
  FreedFrames freed;
  absl::MutexLock lock(&mutex());
  if (!IsInside(offset, length)) return Outside();
  if (length == ByteSize(0)) return absl::OkStatus();
  if (absl::Status status = pages_->CheckContent(); !status.ok()) return status;
  const PageIndex begin = PageIndex::Of(InPages(offset)), end = EndOf(InPages(offset) + length);
  if (absl::Status s = pages_->Bring(begin, end, Access::kRead, wait); !s.ok()) return s;
  auto made = pages_->MakeAll(begin, end, /*fill=*/true);
  if (!made.ok()) return made.status();
  pages_->Install(*std::move(made), nullptr, freed);
  return absl::OkStatus();
}

absl::Status VmObject::Prefetch(ByteSize offset, ByteSize length, PageWait* wait) {
  absl::MutexLock lock(&mutex());
  if (!IsInside(offset, length)) return Outside();
  if (length == ByteSize(0)) return absl::OkStatus();
  return pages_->Bring(PageIndex::Of(InPages(offset)), EndOf(InPages(offset) + length), Access::kRead, wait);
}

absl::Status VmObject::MayDecommit(PageIndex begin, PageIndex end) const {
  const bool has_snapshots = std::any_of(pages_->views().begin(), pages_->views().end(), [&](const VmObject* view) {
    view->mutex().AssertHeld();
    return view->snapshots_ != 0;
  });
  if (kind() != VmPages::Kind::kAnonymous || pages_->is_snapshot() || has_snapshots) {
    return absl::UnimplementedError("its pages can't be given back one by one");
  }
  return pages_->IsHeldForDevice(begin, end) ? HeldForDevice() : absl::OkStatus();
}

absl::Status VmObject::Decommit(ByteSize offset, ByteSize length) {
  if (!offset.IsPageAligned() || !length.IsPageAligned()) return absl::InvalidArgumentError("not page-aligned");
  FreedFrames freed;
  absl::MutexLock lock(&mutex());
  if (!IsInside(offset, length)) return Outside();
  const PageIndex begin = PageIndex::Of(InPages(offset));
  const PageIndex end = PageIndex::Of(InPages(offset) + length);
  if (absl::Status status = MayDecommit(begin, end); !status.ok()) return status;
  pages_->Decommit(begin, end, freed);
  return absl::OkStatus();
}

absl::Status VmObject::Zero(ByteSize offset, ByteSize length, PageWait* wait) {
  FreedFrames freed;
  absl::MutexLock lock(&mutex());
  if (!IsInside(offset, length)) return Outside();
  if (absl::Status status = pages_->CheckContent(); !status.ok()) return status;
  if (length == ByteSize(0)) return absl::OkStatus();
  const PageIndex begin = PageIndex::Of(InPages(offset)), end = EndOf(InPages(offset) + length);
  if (absl::Status s = pages_->Bring(begin, end, Access::kWrite, wait); !s.ok()) return s;
  return pages_->Zero(InPages(offset), length, freed);
}

absl::Status VmObject::Read(ByteSize offset, absl::Span<std::byte> to, PageWait* wait) {
  {
    absl::MutexLock lock(&mutex());
    if (!IsInside(offset, ByteSize(to.size()))) return Outside();
  }
  while (!to.empty()) {
    auto piece = Pin(offset, ByteSize(to.size()), Access::kRead, wait);
    if (!piece.ok()) return piece.status();
    const size_t n = piece->size.value();
    if (piece->data != nullptr) {
      std::memcpy(to.data(), piece->data, n);
    } else {
      std::memset(to.data(), 0, n);
    }
    to.remove_prefix(n);
    offset += piece->size;
  }
  return absl::OkStatus();
}

absl::Status VmObject::Write(ByteSize offset, absl::Span<const std::byte> from, PageWait* wait) {
  if (absl::Status status = Commit(offset, ByteSize(from.size()), wait); !status.ok()) return status;
  while (!from.empty()) {
    auto piece = Pin(offset, ByteSize(from.size()), Access::kWrite, wait);
    if (!piece.ok()) return piece.status();
    std::memcpy(piece->data, from.data(), piece->size.value());
    from.remove_prefix(piece->size.value());
    offset += piece->size;
  }
  return absl::OkStatus();
}

absl::StatusOr<PinnedBytes> VmObject::Pin(ByteSize offset, ByteSize length, Access access, PageWait* wait) {
  FreedFrames freed;
  absl::MutexLock lock(&mutex());
  if (offset >= size()) return Outside();
  return pages_->Pin(InPages(offset), std::min(length, size() - offset), access, freed, wait);
}

absl::StatusOr<std::vector<FrameRun>> VmObject::HoldForDevice(ByteSize offset, ByteSize length, Access access,
                                                              PageWait* wait) {
  FreedFrames freed;
  std::vector<FrameRun> runs;
  absl::MutexLock lock(&mutex());
  if (!IsInside(offset, length)) return Outside();
  if (absl::Status status = pages_->CheckContent(); !status.ok()) return status;
  const PageIndex begin = PageIndex::Of(InPages(offset)), end = EndOf(InPages(offset) + length);
  if (absl::Status s = pages_->Bring(begin, end, access, wait); !s.ok()) return s;
  auto made = pages_->MakeAll(begin, end, /*fill=*/true);
  if (!made.ok()) return made.status();
  pages_->Install(*std::move(made), nullptr, freed);
  if (access == Access::kWrite) pages_->NoteWrite(begin, end);
  pages_->HoldForDevice(begin, end);
  pages_->tree().ForEach(begin, end, [&](const PageTree::Run& run) {
    runs.push_back(run.pages.frames);
    return true;
  });
  return runs;
}

void VmObject::DropForDevice(ByteSize offset, ByteSize length) {
  absl::MutexLock lock(&mutex());
  pages_->DropForDevice(PageIndex::Of(InPages(offset)), EndOf(InPages(offset) + length));
}

absl::Status VmObject::Supply(PageRange range, VmObject& from, PageIndex from_first) {
  if (from.kind() == VmPages::Kind::kPhysical) return absl::UnimplementedError("physical memory can't be moved");
  if (from.kind() != VmPages::Kind::kAnonymous || from.is_child()) return NotToBeMoved();
  FreedFrames freed;
  VmoLocks locks;
  locks.Add(*this);
  locks.Add(from);
  locks.Lock();
  mutex().AssertHeld();
  pages_->mutex().AssertHeld();
  from.mutex().AssertHeld();
  from.pages_->mutex().AssertHeld();
  if (!IsInside(range) || !from.IsInside(PageRange{from_first, range.count})) return Outside();
  const PageIndex from_end = from_first + range.count;
  // A snapshot that has just been closed may have its pages still: the kernel writes to them.
  bool is_shared = false;
  from.pages_->tree().ForEach(from_first, from_end,
                              [&](const PageTree::Run& run) { return !(is_shared = run.shared); });
  if (is_shared || from.mapping_count_ != 0 || !from.children_.empty() || from.cache_policy() != 0 ||
      !from.pages_->CheckContent().ok() || from.pages_->IsInUse(from_first, from_end)) {
    return NotToBeMoved();
  }
  pages_->Supply(range, *from.pages_, from_first, freed);
  return absl::OkStatus();
}

absl::Status VmObject::MarkDirty(PageRange range) {
  absl::MutexLock lock(&mutex());
  return IsInside(range) ? pages_->MarkDirty(range) : Outside();
}

absl::Status VmObject::BeginWriteback(PageRange range, bool only_zeros) {
  absl::MutexLock lock(&mutex());
  if (!IsInside(range)) return Outside();
  pages_->BeginWriteback(range, only_zeros);
  return absl::OkStatus();
}

absl::Status VmObject::EndWriteback(PageRange range) {
  absl::MutexLock lock(&mutex());
  if (!IsInside(range)) return Outside();
  pages_->EndWriteback(range);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<VmPages::DirtyRange>> VmObject::DirtyRanges(PageRange range) const {
  absl::MutexLock lock(&mutex());
  if (!IsInside(range)) return Outside();
  return pages_->DirtyRanges(range);
}

bool VmObject::Modified(bool reset) {
  absl::MutexLock lock(&mutex());
  return pages_->Modified(reset);
}

void VmObject::EvictClean() {
  FreedFrames freed;
  absl::MutexLock lock(&mutex());
  pages_->EvictClean(freed);
}

void VmObject::AddMapping(VmMapping& mapping) {
  pages_->AddMapping(mapping);
  ++mapping_count_;
  ++spaces_[mapping.space];
}

void VmObject::RemoveMapping(VmMapping& mapping) {
  pages_->RemoveMapping(mapping);
  --mapping_count_;
  const auto it = spaces_.find(mapping.space);
  if (--it->second == 0) spaces_.erase(it);
}

bool VmObject::HasMapping(const VmMapping& mapping) const { return pages_->HasMapping(mapping); }

absl::Status VmObject::Verify() const {
  absl::MutexLock lock(&mutex());
  size_t mappings = 0;
  for (const auto& [space, count] : spaces_) mappings += count;
  if (mappings != mapping_count_) return absl::InternalError("count of mappings by address space is wrong");
  return pages_->Verify();
}

}  // namespace zirconia::mm
