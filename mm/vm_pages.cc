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
}

VmPages::VmPages(FrameAllocator& frames, PageCount size, Kind kind)
    : frames_(frames),
      kind_(kind),
      is_snapshot_(false),
      family_(std::make_shared<VmFamily>()),
      end_(size.value()),
      birth_(family_->NextBirth()) {
  absl::MutexLock lock(&family_->mutex);
  family_->members.emplace(birth_, this);
}

VmPages::VmPages(FrameAllocator& frames, PageCount size, std::shared_ptr<VmFamily> family, PageTree tree)
    : frames_(frames),
      kind_(Kind::kAnonymous),
      is_snapshot_(true),
      family_(std::move(family)),
      end_(size.value()),
      birth_(family_->NextBirth()),
      tree_(std::move(tree)) {
  family_->mutex.AssertHeld();
  family_->members.emplace_hint(family_->members.end(), birth_, this);
}

std::shared_ptr<VmPages> VmPages::CreateAnonymous(FrameAllocator& frames, PageCount size) {
  return std::shared_ptr<VmPages>(new VmPages(frames, size, Kind::kAnonymous));
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
  if (discardable()) frames_.discardable().Remove(*this);
  FreedFrames freed;
  absl::MutexLock lock(&mutex());
  if (kind_ == Kind::kPhysical) frames_.Conceal(tree_.FindFrom(PageIndex(0))->pages.frames);
  ZIRCONIA_CHECK(mappings_.size() == 0, "a VMO dies while it is mapped");
  tree_.Clear([&](FrameRun run) { Release(run, freed); });
  family_->members.erase(birth_);
}

void VmPages::MakeDiscardable() {
  discardable_.store(true, std::memory_order_relaxed);
  frames_.discardable().Add(*this);
}

bool VmPages::LockContent() {
  if (content_locks_++ == 0) frames_.discardable().Remove(*this);
  return std::exchange(discarded_, false);
}

absl::Status VmPages::UnlockContent() {
  if (content_locks_ == 0) return absl::FailedPreconditionError("it isn't locked");
  if (--content_locks_ == 0) frames_.discardable().Add(*this);
  return absl::OkStatus();
}

bool VmPages::Discard(FreedFrames& freed) {
  if (tree_.empty() || IsHeldForDevice(PageIndex(0), end())) return false;
  Decommit(PageIndex(0), end(), freed);
  // Zeros that are shown are no content either.
  TakeOutZeros(PageIndex(0), end(), nullptr);
  discarded_ = true;
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
  return tree_.CountNotIn(begin, end, older);
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

absl::StatusOr<VmPages::NewPages> VmPages::MakeSome(PageIndex first, PageCount wanted) {
  const auto old = tree_.Find(first);
  if (old) wanted = std::min({wanted, kMostCopied, old->pages.end() - first});
  auto frames =
      frames_.AllocateRun(wanted, Hint(first), {first - PageIndex(0), end() - first - std::min(wanted, end() - first)});
  if (!frames.ok()) return frames.status();
  if (old) Copy(old->pages.Cut(first, first + frames->count).frames, *frames);
  NewPages made;
  made.Add(frames_, {first, *frames});
  return made;
}

absl::StatusOr<VmPages::NewPages> VmPages::MakeAll(PageIndex begin, PageIndex end, bool fill) {
  // Each gap is filled from where its neighbours would continue, so that runs grow together.
  struct Stretch {
    PageIndex begin, end;
    std::optional<FrameRun> old;
  };
  std::vector<Stretch> stretches;
  PageIndex at = begin;
  tree_.ForEach(begin, end, [&](const PageTree::Run& run) {
    if (fill && at < run.pages.first) stretches.push_back({at, run.pages.first, {}});
    if (run.shared) stretches.push_back({run.pages.first, run.pages.end(), run.pages.frames});
    at = run.pages.end();
    return true;
  });
  if (fill && at < end) stretches.push_back({at, end, {}});
  NewPages made;
  for (const Stretch& stretch : stretches) {
    auto frames = frames_.Allocate(stretch.end - stretch.begin, Hint(stretch.begin),
                                   {stretch.begin - PageIndex(0), this->end() - std::min(stretch.end, this->end())});
    if (!frames.ok()) return frames.status();
    PageIndex page = stretch.begin;
    for (const FrameRun run : *frames) {
      if (stretch.old) Copy({stretch.old->first + (page - stretch.begin), run.count}, run);
      made.Add(frames_, {page, run});
      page = page + run.count;
    }
  }
  return made;
}

void VmPages::Install(NewPages pages, const VmMapping* except, FreedFrames& freed) {
  pages.ForEach([&](const PageRun& run) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (tree_.CountIn(run.first, run.end()) == PageCount()) {
      TakeOutZeros(run.first, run.end(), except);
    } else {
      TakeOut(run.first, run.end(), except);
      // Nobody else may have it any more.
      tree_.Remove(run.first, run.end(), [&](FrameRun old) { Release(old, freed); });
    }
    tree_.Insert(run);
  });
  pages.Forget();
}

void VmPages::Decommit(PageIndex begin, PageIndex end, FreedFrames& freed) {
  const auto first = tree_.FindFrom(begin);
  if (!first || first->pages.first >= end) return;
  TakeOut(std::max(begin, first->pages.first), std::min(end, tree_.FindBefore(end)->pages.end()), nullptr);
  tree_.Remove(begin, end, [&](FrameRun run) { Release(run, freed); });
}

void VmPages::SetEnd(PageIndex new_end, FreedFrames& freed) {
  const PageIndex old_end = end();
  end_.store(new_end.value(), std::memory_order_release);
  if (new_end >= old_end) return;
  TakeOut(new_end, old_end, nullptr);
  tree_.Remove(new_end, old_end, [&](FrameRun run) { Release(run, freed); });
}

absl::Status VmPages::Zero(ByteSize offset, ByteSize length, FreedFrames& freed) {
  if (length == ByteSize(0)) return absl::OkStatus();
  const ByteSize end = offset + length;
  const PageIndex begin_page = PageIndex::Of(offset), end_page = EndOf(end);
  // What can't be taken away is overwritten, and so are the pages of which only a part goes.
  const bool in_place = kind_ != Kind::kAnonymous || IsHeldForDevice(begin_page, end_page);
  PageIndex first_whole = begin_page, end_whole = end_page;
  if (in_place) {
    first_whole = end_whole;
  } else {
    if (!offset.IsPageAligned()) first_whole = first_whole + PageCount(1);
    if (!end.IsPageAligned()) end_whole = end_whole - PageCount(1);
  }
  NewPages copies[2];
  const auto copy_if_shared = [&](PageIndex page, NewPages& copy) ABSL_NO_THREAD_SAFETY_ANALYSIS -> absl::Status {
    const auto run = tree_.Find(page);
    if (!run || !run->shared) return absl::OkStatus();
    auto made = MakeSome(page, PageCount(1));
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
    auto made = MakeAll(begin_page, end_page, /*fill=*/false);
    if (!made.ok()) return made.status();
    copies[0] = *std::move(made);
  }
  for (NewPages& copy : copies) Install(std::move(copy), nullptr, freed);
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
  return absl::OkStatus();
}

absl::StatusOr<VmPages::Piece> VmPages::PieceAt(ByteSize offset, ByteSize length, Access access, FreedFrames& freed) {
  if (discarded_) return CheckContent();
  const PageIndex page = PageIndex::Of(offset);
  const PageIndex end = EndOf(offset + length);
  const auto run = tree_.FindFrom(page);
  const bool committed = run && run->pages.first <= page;
  Piece piece;
  if (!committed && access != Access::kWrite) {
    piece.size = std::min(length, (run ? std::min(run->pages.first, end) : end).offset() - offset);
    return piece;
  }
  PageRun pages;
  if (committed && (access != Access::kWrite || !run->shared)) {
    pages = run->pages;
  } else {
    const PageIndex stretch_end = committed ? run->pages.end() : run ? run->pages.first : end;
    auto made = MakeSome(page, std::min(stretch_end, end) - page);
    if (!made.ok()) return made.status();
    pages = made->first();
    Install(*std::move(made), nullptr, freed);
  }
  piece.frames = pages.Cut(page, end).frames;
  piece.in_frame = offset - page.offset();
  piece.size = std::min(length, piece.frames.count.bytes() - piece.in_frame);
  return piece;
}

absl::StatusOr<PinnedBytes> VmPages::Pin(ByteSize offset, ByteSize length, Access access, FreedFrames& freed) {
  if (access == Access::kWrite) {
    length = std::min(length, (PageIndex::Of(offset) + kMostWritten).offset() - offset);
  }
  const auto piece = PieceAt(offset, length, access, freed);
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
  std::shared_ptr<VmPages> snapshot(new VmPages(frames_, size, family_, tree_.Snapshot(begin, end)));
  snapshot->mutex().AssertHeld();
  copies.ForEach([&](const PageRun& copy) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const PageRun there{copy.first - (begin - PageIndex(0)), copy.frames};
    snapshot->tree_.Remove(there.first, there.end(), [](FrameRun) {});
    snapshot->tree_.Insert(there);
  });
  copies.Forget();
  // A write must find the page shared.
  mappings_.ForEachIn(begin, end, [&](VmMapping& mapping) {
    if (!mapping.may_show_frames || !mapping.protection.write()) return;
    const PageTableEdit edit = PageTableEdit::Protect(mapping.RangeOf(begin, end), mapping.protection.WithoutWrite());
    mapping.table.Commit({&edit, 1});
  });
  return snapshot;
}

void VmPages::TakeOut(PageIndex begin, PageIndex end, const VmMapping* except) {
  mappings_.ForEachIn(begin, end, [&](VmMapping& mapping) {
    if (!mapping.may_show_frames || &mapping == except) return;
    const PageTableEdit edit = PageTableEdit::Unmap(mapping.RangeOf(begin, end));
    mapping.table.Commit({&edit, 1});
  });
}

void VmPages::TakeOutZeros(PageIndex begin, PageIndex end, const VmMapping* except) {
  if (zero_mappings_ == 0) return;
  mappings_.ForEachIn(begin, end, [&](VmMapping& mapping) {
    if (!mapping.may_show_zeros || &mapping == except) return;
    const PageTableEdit edit = PageTableEdit::Unmap(mapping.RangeOf(begin, end));
    mapping.table.Commit({&edit, 1});
  });
}

void VmPages::AddMapping(VmMapping& mapping) {
  mappings_.Insert(mapping);
  if (mapping.may_show_zeros) ++zero_mappings_;
}

void VmPages::RemoveMapping(VmMapping& mapping) {
  mappings_.Erase(mapping);
  if (mapping.may_show_zeros) --zero_mappings_;
}

bool VmPages::HasMapping(const VmMapping& mapping) const { return mappings_.Contains(const_cast<VmMapping&>(mapping)); }

void VmPages::NoteZeros(VmMapping& mapping) {
  mapping.may_show_frames = true;
  if (std::exchange(mapping.may_show_zeros, true)) return;
  ++zero_mappings_;
}

void VmPages::RemoveView(VmObject* view) { views_.erase(std::find(views_.begin(), views_.end(), view)); }

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
    if (mapping.may_show_zeros) ++zeros;
  });
  if (zeros != zero_mappings_) return absl::InternalError("count of mappings that show zeros is wrong");
  return status;
}

}  // namespace zirconia::mm
