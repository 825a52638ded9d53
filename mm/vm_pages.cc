#include "mm/vm_pages.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_format.h"
#include "mm/check.h"
#include "mm/vm_mapping.h"

namespace zirconia::mm {
namespace {

// The most pages that one write copies at once where they are shared.
constexpr PageCount kMostCopied = PageCount(16);

// One past the last page that the bytes up to `offset` touch.
PageIndex EndOf(ByteSize offset) { return PageIndex((offset.value() + kPageSize - 1) >> kPageShift); }

bool Overlap(std::pair<PageIndex, PageIndex> range, PageIndex begin, PageIndex end) {
  return range.first < end && begin < range.second;
}

}  // namespace

WriteHold::~WriteHold() {
  if (pages_ == nullptr) return;
  absl::MutexLock lock(&pages_->mutex());
  auto& writes = pages_->writes_;
  const auto it = std::find(writes.begin(), writes.end(), std::pair(begin_, end_));
  ZIRCONIA_CHECK(it != writes.end(), "a write ends that never began");
  *it = writes.back();
  writes.pop_back();
  pages_->CollapseIfUnused();
}

VmPages::VmPages(FrameAllocator& frames, PageCount size, Kind kind, std::unique_ptr<Paging> paging)
    : frames_(frames),
      kind_(kind),
      is_snapshot_(false),
      family_(std::make_shared<VmFamily>()),
      paging_(std::move(paging)),
      end_(size.value()),
      birth_(family_->NextBirth()) {
  absl::MutexLock lock(&family_->mutex);
  family_->members.emplace(birth_, this);
}

VmPages::VmPages(FrameAllocator& frames, PageCount size, std::shared_ptr<VmFamily> family, PageTree tree,
                 std::unique_ptr<Paging> paging)
    : frames_(frames),
      kind_(paging != nullptr ? Kind::kPaged : Kind::kAnonymous),
      is_snapshot_(true),
      family_(std::move(family)),
      paging_(std::move(paging)),
      end_(size.value()),
      birth_(family_->NextBirth()),
      tree_(std::move(tree)) {
  family_->mutex.AssertHeld();
  family_->members.emplace_hint(family_->members.end(), birth_, this);
}

std::shared_ptr<VmPages> VmPages::CreateAnonymous(FrameAllocator& frames, PageCount size) {
  return std::shared_ptr<VmPages>(new VmPages(frames, size, Kind::kAnonymous));
}

std::shared_ptr<VmPages> VmPages::CreatePaged(FrameAllocator& frames, PageCount size,
                                              std::shared_ptr<PageSource> source, bool trap_dirty) {
  return std::shared_ptr<VmPages>(
      new VmPages(frames, size, Kind::kPaged, std::make_unique<Paging>(std::move(source), trap_dirty)));
}

absl::StatusOr<std::shared_ptr<VmPages>> VmPages::CreateContiguous(FrameAllocator& frames, PageCount size,
                                                                   unsigned align_log2) {
  const auto run = frames.AllocateContiguous(size, align_log2);
  if (!run.ok()) return run.status();
  std::shared_ptr<VmPages> pages(new VmPages(frames, size, Kind::kContiguous));
  absl::MutexLock lock(&pages->mutex());
  pages->tree_.Insert({PageIndex(0), *run});
  return pages;
}

absl::StatusOr<std::shared_ptr<VmPages>> VmPages::CreatePhysical(FrameAllocator& frames, FrameRun run) {
  if (absl::Status status = frames.Expose(run); !status.ok()) return status;
  std::shared_ptr<VmPages> pages(new VmPages(frames, run.count, Kind::kPhysical));
  absl::MutexLock lock(&pages->mutex());
  pages->tree_.Insert({PageIndex(0), run});
  return pages;
}

VmPages::~VmPages() {
  if (discardable()) frames_.discardable().Remove(discard_place_);
  std::shared_ptr<VmPages> parent;
  std::shared_ptr<PageSource> source;
  FreedFrames freed;
  absl::MutexLock lock(&mutex());
  if (paged()) {
    source = paging_->source;
    parent = std::move(paging_->parent);
    if (parent != nullptr) {
      parent->mutex().AssertHeld();
      parent->paging_->overlays.erase(this);
    }
    if (source != nullptr) source->Close();
  }
  if (kind_ == Kind::kPhysical) frames_.Conceal(tree_.FindFrom(PageIndex(0))->pages.frames);
  ZIRCONIA_CHECK(mapping_count_ == 0, "a VMO dies while it is mapped");
  tree_.Clear([&](FrameRun run) { Release(run, freed); });
  family_->members.erase(birth_);
}

void VmPages::MakeDiscardable() {
  discardable_.store(true, std::memory_order_relaxed);
  frames_.discardable().Add(*this, discard_place_);
}

bool VmPages::LockContent() {
  if (content_locks_++ == 0) frames_.discardable().Remove(discard_place_);
  return std::exchange(discarded_, false);
}

absl::Status VmPages::UnlockContent() {
  if (content_locks_ == 0) return absl::FailedPreconditionError("it isn't locked");
  if (--content_locks_ == 0) frames_.discardable().Add(*this, discard_place_);
  return absl::OkStatus();
}

bool VmPages::Discard(FreedFrames& freed) {
  if (tree_.empty() || IsHeldForDevice(PageIndex(0), end())) return false;
  Decommit(PageIndex(0), end(), freed);
  // Zeros that are shown are no content either.
  TakeOutZeros(PageIndex(0), end(), nullptr);
  discarded_ = true;
  reclaims_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

PageCount VmPages::Charged(PageIndex begin, PageIndex end) const {
  if (kind_ == Kind::kPhysical) return PageCount();
  if (!MayShare()) return tree_.CountIn(begin, end);
  std::vector<const PageTree*> older;
  for (const auto& [birth, pages] : family_->members) {
    if (pages == this) break;
    pages->mutex().AssertHeld();
    older.push_back(&pages->tree_);
  }
  const PageCount own = tree_.CountNotIn(begin, end, older);
  return parent() == nullptr ? own : own + ChargedForRoot(begin, end);
}

void VmPages::Copy(FrameRun from, FrameRun to) const {
  std::memcpy(frames_.memory().data(to.first), frames_.memory().data(from.first), to.count.bytes().value());
}

std::optional<FrameNumber> VmPages::Hint(PageIndex page) const {
  const auto before = tree_.FindBefore(page);
  const auto after = tree_.FindFrom(page);
  if (before && (!after || page - before->pages.end() <= after->pages.first - page)) {
    return before->pages.FrameOf(page);
  }
  if (after && after->pages.frames.first.value() >= (after->pages.first - page).value()) {
    return after->pages.frames.first - (after->pages.first - page);
  }
  return std::nullopt;
}

VmPages::Stretch VmPages::StretchAt(PageIndex page) const {
  if (paged()) return PagedStretchAt(page);
  Stretch stretch;
  const auto run = tree_.FindFrom(page);
  if (run && run->pages.first <= page) {
    stretch = Of(*run);
  } else {
    stretch.first = page;
    stretch.end = run ? run->pages.first : end();
  }
  return stretch;
}

VmPages::Stretch VmPages::Of(const PageTree::Run& run) {
  Stretch stretch;
  stretch.holds = Stretch::Holds::kFrames;
  stretch.write = run.shared ? Stretch::Write::kCopy : Stretch::Write::kInPlace;
  stretch.first = run.pages.first;
  stretch.end = run.pages.end();
  stretch.frame = run.pages.frames.first;
  return stretch;
}

PageIndex VmPages::ZerosBefore(PageIndex page) const {
  if (paged()) return page;
  const auto before = tree_.FindBefore(page);
  return before ? before->pages.end() : PageIndex(0);
}

void VmPages::ForEachStretch(PageIndex begin, PageIndex end, absl::FunctionRef<void(const Stretch&)> visit) const {
  Stretch stretch;
  if (paged()) {
    for (PageIndex at = begin; at < end; at = stretch.end) {
      stretch = PagedStretchAt(at);
      if (stretch.has_frames()) stretch.frame = stretch.FrameOf(at);
      stretch.first = at;
      stretch.end = std::min(end, stretch.end);
      visit(stretch);
    }
    return;
  }
  PageIndex at = begin;
  const auto zeros_until = [&](PageIndex until) {
    if (at >= until) return;
    stretch = Stretch();
    stretch.first = at;
    stretch.end = until;
    visit(stretch);
  };
  tree_.ForEach(begin, end, [&](const PageTree::Run& run) {
    zeros_until(run.pages.first);
    stretch = Of(run);
    visit(stretch);
    at = run.pages.end();
    return true;
  });
  zeros_until(end);
}

absl::StatusOr<VmPages::NewPages> VmPages::MakeSome(const Stretch& stretch, PageIndex first, PageCount wanted) {
  const bool copy = stretch.has_frames();
  wanted = std::min(wanted, stretch.end - first);
  if (copy) wanted = std::min(wanted, kMostCopied);
  auto frames =
      frames_.AllocateRun(wanted, Hint(first), {first - PageIndex(0), end() - first - std::min(wanted, end() - first)});
  if (!frames.ok()) return frames.status();
  if (copy) Copy({stretch.FrameOf(first), frames->count}, *frames);
  NewPages made;
  made.Add(frames_, {first, *frames});
  return made;
}

absl::StatusOr<VmPages::NewPages> VmPages::MakeAll(PageIndex begin, PageIndex end, bool fill) {
  // Each gap is filled from where its neighbours would continue, so that runs grow together.
  std::vector<Stretch> stretches;
  ForEachStretch(begin, end, [&](const Stretch& stretch) {
    if (stretch.has_frames() ? stretch.write == Stretch::Write::kCopy : fill) stretches.push_back(stretch);
  });
  NewPages made;
  for (const Stretch& stretch : stretches) {
    auto frames = frames_.Allocate(stretch.end - stretch.first, Hint(stretch.first),
                                   {stretch.first - PageIndex(0), this->end() - std::min(stretch.end, this->end())});
    if (!frames.ok()) return frames.status();
    PageIndex page = stretch.first;
    for (const FrameRun run : *frames) {
      if (stretch.has_frames()) Copy({stretch.FrameOf(page), run.count}, run);
      made.Add(frames_, {page, run});
      page = page + run.count;
    }
  }
  return made;
}

void VmPages::Install(NewPages pages, const VmMapping* except, FreedFrames& freed) {
  const bool overlays = parent() != nullptr;
  pages.ForEach([&](const PageRun& run) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const bool has_pages = tree_.CountIn(run.first, run.end()) != PageCount();
    if (!has_pages && !overlays) {
      TakeOutZeros(run.first, run.end(), except);
    } else {
      TakeOut(run.first, run.end(), except);
    }
    // Nobody else may have it any more.
    if (has_pages) tree_.Remove(run.first, run.end(), [&](FrameRun old) { Release(old, freed); });
    tree_.Insert(run);
    if (paged()) MarkFrames(run.first, run.end());
  });
  pages.Forget();
}

void VmPages::Decommit(PageIndex begin, PageIndex end, FreedFrames& freed) {
  if (paged()) {
    TakeOut(begin, end, nullptr);
    paging_->states.Set(PageRange::FromTo(begin, end), std::nullopt);
  } else {
    const auto first = tree_.FindFrom(begin);
    if (!first || first->pages.first >= end) return;
    TakeOut(std::max(begin, first->pages.first), std::min(end, tree_.FindBefore(end)->pages.end()), nullptr);
  }
  tree_.Remove(begin, end, [&](FrameRun run) { Release(run, freed); });
}

void VmPages::SetEnd(PageIndex new_end, FreedFrames& freed) {
  const PageIndex old_end = end();
  end_.store(new_end.value(), std::memory_order_release);
  if (new_end < old_end) {
    TakeOut(new_end, old_end, nullptr);
    tree_.Remove(new_end, old_end, [&](FrameRun run) { Release(run, freed); });
  }
  if (paged()) SetPagedEnd(old_end, new_end);
}

absl::Status VmPages::Zero(ByteSize offset, ByteSize length, FreedFrames& freed) {
  if (length == ByteSize(0)) return absl::OkStatus();
  const ByteSize end = offset + length;
  const PageIndex begin_page = PageIndex::Of(offset), end_page = EndOf(end);
  // What can't be taken away is overwritten, and so are the pages of which only a part goes.
  const bool in_place = kind_ == Kind::kContiguous || kind_ == Kind::kPhysical || IsHeldForDevice(begin_page, end_page);
  PageIndex first_whole = begin_page, end_whole = end_page;
  if (in_place) {
    first_whole = end_whole;
  } else {
    if (!offset.IsPageAligned()) first_whole = first_whole + PageCount(1);
    if (!end.IsPageAligned()) end_whole = end_whole - PageCount(1);
  }
  NewPages copies[2];
  const auto copy_if_shared = [&](PageIndex page, NewPages& copy) ABSL_NO_THREAD_SAFETY_ANALYSIS -> absl::Status {
    const Stretch stretch = StretchAt(page);
    if (!stretch.has_frames() || stretch.write != Stretch::Write::kCopy) return absl::OkStatus();
    auto made = MakeSome(stretch, page, PageCount(1));
    if (!made.ok()) return made.status();
    copy = *std::move(made);
    return absl::OkStatus();
  };
  if (!in_place) {
    // At most two pages are cut: the first, and the last if it is another.
    if (begin_page < first_whole) {
      if (absl::Status status = copy_if_shared(begin_page, copies[0]); !status.ok()) return status;
    }
    if (end_whole < end_page && end_whole >= first_whole) {
      if (absl::Status status = copy_if_shared(end_whole, copies[1]); !status.ok()) return status;
    }
  } else {
    auto made = MakeAll(begin_page, end_page, /*fill=*/paged());
    if (!made.ok()) return made.status();
    copies[0] = *std::move(made);
  }
  for (NewPages& copy : copies) Install(std::move(copy), nullptr, freed);
  if (paged()) {
    // An edge that is its parent's zeros is its own from now on.
    for (const PageIndex page : {begin_page, end_page - PageCount(1)}) {
      if (StretchAt(page).holds == Stretch::Holds::kZeros) MarkZeros(page, page + PageCount(1));
    }
    NoteWritePaged(begin_page, end_page);
  }
  const auto clear = [&](ByteSize from, ByteSize to) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    tree_.ForEach(PageIndex::Of(from), EndOf(to), [&](const PageTree::Run& run) {
      const ByteSize begin = std::max(from, run.pages.first.offset());
      std::byte* const data =
          frames_.memory().data(run.pages.frames.first) + (begin - run.pages.first.offset()).value();
      std::memset(data, 0, (std::min(to, run.pages.end().offset()) - begin).value());
      return true;
    });
  };
  if (first_whole >= end_whole) {
    clear(offset, end);
    return absl::OkStatus();
  }
  clear(offset, first_whole.offset());
  clear(end_whole.offset(), end);
  Decommit(first_whole, end_whole, freed);
  if (paged()) MarkZeros(first_whole, end_whole);
  return absl::OkStatus();
}

absl::StatusOr<VmPages::Piece> VmPages::PieceAt(ByteSize offset, ByteSize length, Access access, FreedFrames& freed,
                                                PageWait* wait) {
  if (discarded_) return CheckContent();
  const PageIndex page = PageIndex::Of(offset);
  const PageIndex end = EndOf(offset + length);
  if (paged()) {
    if (absl::Status s = BringPaged(page, page + PageCount(1), end, access, wait); !s.ok()) return s;
  }
  const auto part = paged() ? std::nullopt : tree_.FindPart(page);
  const Stretch stretch = part ? Of(*part) : StretchAt(page);
  const bool frames = stretch.has_frames();
  Piece piece;
  if (!frames && access != Access::kWrite) {
    piece.size = std::min(length, std::min(stretch.end, end).offset() - offset);
    return piece;
  }
  if (frames && (access != Access::kWrite || stretch.write != Stretch::Write::kCopy)) {
    piece.frames = {stretch.FrameOf(page), std::min(stretch.end, end) - page};
  } else {
    auto made = MakeSome(stretch, page, end - page);
    if (!made.ok()) return made.status();
    piece.frames = made->first().frames;
    Install(*std::move(made), nullptr, freed);
  }
  if (access == Access::kWrite) NoteWrite(page, page + piece.frames.count);
  piece.in_frame = offset - page.offset();
  piece.size = std::min(length, piece.frames.count.bytes() - piece.in_frame);
  return piece;
}

absl::StatusOr<PinnedBytes> VmPages::Pin(ByteSize offset, ByteSize length, Access access, FreedFrames& freed,
                                         PageWait* wait) {
  if (access == Access::kWrite) {
    length = std::min(length, (PageIndex::Of(offset) + kMostWritten).offset() - offset);
  }
  const auto piece = PieceAt(offset, length, access, freed, wait);
  if (!piece.ok()) return piece.status();
  PinnedBytes pinned;
  pinned.size = piece->size;
  if (piece->frames.empty()) return pinned;
  if (kind_ != Kind::kPhysical) pinned.pin = frames_.Pin(piece->frames);
  pinned.data = DataOf(*piece);
  if (access == Access::kWrite) {
    pinned.hold.pages_ = shared_from_this();
    pinned.hold.begin_ = PageIndex::Of(offset);
    pinned.hold.end_ = pinned.hold.begin_ + piece->frames.count;
    writes_.emplace_back(pinned.hold.begin_, pinned.hold.end_);
  }
  return pinned;
}

void VmPages::HoldForDevice(PageIndex begin, PageIndex end) { device_holds_.emplace_back(begin, end); }

void VmPages::DropForDevice(PageIndex begin, PageIndex end) {
  const auto it = std::find(device_holds_.begin(), device_holds_.end(), std::pair(begin, end));
  ZIRCONIA_CHECK(it != device_holds_.end(), "pages are let go that no device holds");
  *it = device_holds_.back();
  device_holds_.pop_back();
}

bool VmPages::IsHeldForDevice(PageIndex begin, PageIndex end) const {
  return std::any_of(device_holds_.begin(), device_holds_.end(),
                     [&](const auto& hold) { return Overlap(hold, begin, end); });
}

bool VmPages::IsInUse(PageIndex begin, PageIndex end) const {
  return IsHeldForDevice(begin, end) ||
         std::any_of(writes_.begin(), writes_.end(), [&](const auto& write) { return Overlap(write, begin, end); });
}

absl::StatusOr<std::shared_ptr<VmPages>> VmPages::Snapshot(PageIndex begin, PageCount size, PageIndex limit) {
  const PageIndex end = std::max(std::min(begin + size, limit), begin);
  // The kernel may be writing to pages right now, and goes on doing so when this has returned. Those are copied at
  // once, and stay ours alone.
  NewPages copies;
  for (const auto& write : writes_) {
    if (!Overlap(write, begin, end)) continue;
    for (PageIndex page = std::max(begin, write.first); page < std::min(end, write.second);
         page = page + PageCount(1)) {
      const auto run = tree_.Find(page);
      bool is_copied = false;
      copies.ForEach([&](const PageRun& copy) { is_copied |= copy.first == page; });
      if (!run || is_copied) continue;
      const auto frame = frames_.AllocateRun(PageCount(1));
      if (!frame.ok()) return frame.status();
      Copy({run->pages.FrameOf(page), PageCount(1)}, *frame);
      copies.Add(frames_, {page, *frame});
    }
  }
  std::shared_ptr<VmPages> snapshot(new VmPages(frames_, size, family_, tree_.Snapshot(begin, end), nullptr));
  snapshot->mutex().AssertHeld();
  copies.ForEach([&](const PageRun& copy) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const PageRun there{copy.first - (begin - PageIndex(0)), copy.frames};
    snapshot->tree_.Remove(there.first, there.end(), [](FrameRun) {});
    snapshot->tree_.Insert(there);
  });
  copies.Forget();
  WriteProtect(begin, end);  // a write must find the page shared
  return snapshot;
}

void VmPages::WriteProtect(PageIndex begin, PageIndex end) {
  mappings_.ForEachIn(begin, end, [&](VmMapping& mapping) {
    if (!mapping.protection.write()) return;
    const PageTableEdit edit = PageTableEdit::Protect(mapping.RangeOf(begin, end), mapping.protection.WithoutWrite());
    mapping.table.Commit({&edit, 1});
  });
}

void VmPages::TakeOut(PageIndex begin, PageIndex end, const VmMapping* except) {
  TakeOutOfMappings(begin, end, except);
  if (HasOverlays()) TakeOutOfOverlays(begin, end);
}

void VmPages::TakeOutOfMappings(PageIndex begin, PageIndex end, const VmMapping* except) {
  mappings_.ForEachIn(begin, end, [&](VmMapping& mapping) {
    if (&mapping == except) return;
    const PageTableEdit edit = PageTableEdit::Unmap(mapping.RangeOf(begin, end));
    mapping.table.Commit({&edit, 1});
  });
}

void VmPages::TakeOutZeros(PageIndex begin, PageIndex end, const VmMapping* except) {
  if (HasOverlays()) TakeOutOfOverlays(begin, end);
  if (zero_mappings_ == 0) return;
  mappings_.ForEachIn(begin, end, [&](VmMapping& mapping) {
    if (!mapping.may_show_zeros || &mapping == except) return;
    const PageTableEdit edit = PageTableEdit::Unmap(mapping.RangeOf(begin, end));
    mapping.table.Commit({&edit, 1});
  });
}

void VmPages::AddMapping(VmMapping& mapping) {
  ++mapping_count_;
  if (mapping.may_show_frames) mappings_.Insert(mapping);
  if (mapping.may_show_zeros) ++zero_mappings_;
}

void VmPages::RemoveMapping(VmMapping& mapping) {
  --mapping_count_;
  if (mapping.may_show_frames) mappings_.Erase(mapping);
  if (mapping.may_show_zeros) --zero_mappings_;
}

bool VmPages::HasMapping(const VmMapping& mapping) const {
  return mappings_.Contains(const_cast<VmMapping&>(mapping)) == mapping.may_show_frames;
}

void VmPages::NoteShown(VmMapping& mapping) {
  if (!std::exchange(mapping.may_show_frames, true)) mappings_.Insert(mapping);
}

void VmPages::NoteZeros(VmMapping& mapping) {
  NoteShown(mapping);
  if (!std::exchange(mapping.may_show_zeros, true)) ++zero_mappings_;
}

void VmPages::RemoveView(VmObject* view) {
  views_.erase(std::find(views_.begin(), views_.end(), view));
  CollapseIfUnused();
}

absl::Status VmPages::Verify() const {
  std::vector<const PageTree*> trees;
  for (const auto& [birth, pages] : family_->members) {
    pages->mutex().AssertHeld();
    trees.push_back(&pages->tree_);
  }
  if (absl::Status status = PageTree::Verify(trees); !status.ok()) return status;
  absl::Status status;
  tree_.ForEach(PageIndex(0), PageIndex(~uint64_t{0}), [&](const PageTree::Run& run) {
    if (run.pages.end() > end()) status = absl::InternalError("a page lies beyond the end of its VMO");
    if (kind_ != Kind::kPhysical && !frames_.IsAllocated(run.pages.frames)) {
      status = absl::InternalError(absl::StrFormat("page %d of a VMO has a free frame", run.pages.first.value()));
    }
    return true;
  });
  size_t zeros = 0;
  mappings_.ForEachIn(PageIndex(0), PageIndex(~uint64_t{0}), [&](VmMapping& mapping) {
    if (&mapping.pages != this) status = absl::InternalError("a VMO lists a mapping of another");
    if (!mapping.may_show_frames) status = absl::InternalError("a VMO lists a mapping that shows nothing");
    if (mapping.may_show_zeros) ++zeros;
  });
  if (zeros != zero_mappings_) return absl::InternalError("count of mappings that show zeros is wrong");
  if (status.ok() && paged()) status = VerifyPaging();
  return status;
}

}  // namespace zirconia::mm
