#include "mm/vm_object.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_format.h"
#include "mm/check.h"
#include "mm/vm_mapping.h"

namespace zirconia::mm {
namespace {

absl::Status Outside() { return absl::OutOfRangeError("not inside of the VMO"); }

// One past the last page that the bytes up to `offset` touch.
PageIndex EndOf(ByteSize offset) { return PageIndex((offset.value() + kPageSize - 1) >> kPageShift); }

}  // namespace

absl::StatusOr<std::shared_ptr<VmObject>> VmObject::Create(FrameAllocator& frames, ByteSize size, bool resizable) {
  if (size > kMaxSize) return absl::OutOfRangeError("too large for a VMO");
  return std::shared_ptr<VmObject>(new VmObject(frames, EndOf(size), resizable));
}

VmObject::~VmObject() {
  ZIRCONIA_CHECK(mappings_.size() == 0, "a VMO dies while it is mapped");
  pages_.ForEach(PageIndex(0), end_, [this](PageRun run) { frames_.Free(run.frames); });
}

std::string VmObject::name() const {
  absl::MutexLock lock(&mutex_);
  return name_;
}

void VmObject::set_name(std::string name) {
  absl::MutexLock lock(&mutex_);
  name_ = std::move(name);
}

PageCount VmObject::committed_pages() const {
  absl::MutexLock lock(&mutex_);
  return pages_.size();
}

size_t VmObject::mapping_count() const {
  absl::MutexLock lock(&mutex_);
  return mappings_.size();
}

size_t VmObject::share_count() const {
  absl::MutexLock lock(&mutex_);
  return spaces_.size();
}

size_t VmObject::run_count() const {
  absl::MutexLock lock(&mutex_);
  return pages_.run_count();
}

bool VmObject::IsInside(ByteSize offset, ByteSize length) const {
  return offset <= end_.offset() && length <= end_.offset() - offset;
}

absl::Status VmObject::Resize(ByteSize size) {
  if (!resizable_) return absl::UnavailableError("not resizable");
  if (size > kMaxSize) return absl::OutOfRangeError("too large for a VMO");
  FreedFrames freed;
  absl::MutexLock lock(&mutex_);
  const PageIndex old_end = std::exchange(end_, EndOf(size));
  size_.store(end_.value(), std::memory_order_release);
  if (end_ >= old_end) return absl::OkStatus();
  TakeOut(end_, old_end);
  pages_.Remove(end_, old_end, [&](PageRun run) { freed.Add(frames_, run.frames); });
  return absl::OkStatus();
}

absl::Status VmObject::Commit(ByteSize offset, ByteSize length) {
  absl::MutexLock lock(&mutex_);
  if (!IsInside(offset, length)) return Outside();
  if (length == ByteSize(0)) return absl::OkStatus();
  return CommitLocked(PageIndex::Of(offset), EndOf(offset + length), nullptr);
}

absl::Status VmObject::Decommit(ByteSize offset, ByteSize length) {
  if (!offset.IsPageAligned() || !length.IsPageAligned()) return absl::InvalidArgumentError("not page-aligned");
  FreedFrames freed;
  absl::MutexLock lock(&mutex_);
  if (!IsInside(offset, length)) return Outside();
  DecommitLocked(PageIndex::Of(offset), PageIndex::Of(offset + length), freed);
  return absl::OkStatus();
}

absl::Status VmObject::Zero(ByteSize offset, ByteSize length) {
  FreedFrames freed;
  absl::MutexLock lock(&mutex_);
  if (!IsInside(offset, length)) return Outside();
  const ByteSize end = offset + length;
  const auto clear = [&](ByteSize from, ByteSize to) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const PageIndex page = PageIndex::Of(from);
    if (const auto run = pages_.Find(page)) {
      std::memset(frames_.memory().data(run->FrameOf(page)) + (from - page.offset()).value(), 0, (to - from).value());
    }
  };
  PageIndex first_whole = PageIndex::Of(offset), end_whole = PageIndex::Of(end);
  if (!offset.IsPageAligned()) {
    first_whole = first_whole + PageCount(1);
    clear(offset, std::min(end, first_whole.offset()));
  }
  if (!end.IsPageAligned() && end_whole >= first_whole) clear(end_whole.offset(), end);
  if (first_whole < end_whole) DecommitLocked(first_whole, end_whole, freed);
  return absl::OkStatus();
}

absl::Status VmObject::Read(ByteSize offset, absl::Span<std::byte> to) {
  {
    absl::MutexLock lock(&mutex_);
    if (!IsInside(offset, ByteSize(to.size()))) return Outside();
  }
  while (!to.empty()) {
    auto piece = Pin(offset, ByteSize(to.size()), Access::kRead);
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

absl::Status VmObject::Write(ByteSize offset, absl::Span<const std::byte> from) {
  if (absl::Status status = Commit(offset, ByteSize(from.size())); !status.ok()) return status;
  while (!from.empty()) {
    auto piece = Pin(offset, ByteSize(from.size()), Access::kWrite);
    if (!piece.ok()) return piece.status();
    std::memcpy(piece->data, from.data(), piece->size.value());
    from.remove_prefix(piece->size.value());
    offset += piece->size;
  }
  return absl::OkStatus();
}

absl::StatusOr<PinnedBytes> VmObject::Pin(ByteSize offset, ByteSize length, Access access) {
  absl::MutexLock lock(&mutex_);
  return PinLocked(offset, length, access);
}

absl::StatusOr<VmObject::Piece> VmObject::PieceAt(ByteSize offset, ByteSize length, Access access) {
  if (offset >= end_.offset()) return Outside();
  length = std::min(length, end_.offset() - offset);
  const PageIndex page = PageIndex::Of(offset);
  const PageIndex end = EndOf(offset + length);
  auto run = pages_.FindFrom(page);
  Piece piece;
  if (!run || run->first > page) {
    const PageIndex stretch_end = run ? std::min(run->first, end) : end;
    if (access != Access::kWrite) {
      piece.size = std::min(length, stretch_end.offset() - offset);
      return piece;
    }
    auto committed = CommitStretch(page, stretch_end - page, nullptr);
    if (!committed.ok()) return committed.status();
    run = *committed;
  }
  piece.frames = run->Cut(page, end).frames;
  piece.in_frame = offset - page.offset();
  piece.size = std::min(length, piece.frames.count.bytes() - piece.in_frame);
  return piece;
}

absl::StatusOr<PinnedBytes> VmObject::PinLocked(ByteSize offset, ByteSize length, Access access) {
  const auto piece = PieceAt(offset, length, access);
  if (!piece.ok()) return piece.status();
  PinnedBytes pinned;
  pinned.size = piece->size;
  if (!piece->frames.empty()) {
    pinned.pin = frames_.Pin(piece->frames);
    pinned.data = DataOf(*piece);
  }
  return pinned;
}

std::optional<FrameNumber> VmObject::Hint(PageIndex page) const {
  const auto before = pages_.FindBefore(page);
  const auto after = pages_.FindFrom(page);
  if (before && (!after || page - before->end() <= after->first - page)) return before->FrameOf(page);
  if (after && after->frames.first.value() >= (after->first - page).value()) {
    return after->frames.first - (after->first - page);
  }
  return std::nullopt;
}

absl::StatusOr<PageRun> VmObject::CommitStretch(PageIndex first, PageCount wanted, const VmMapping* except) {
  auto frames =
      frames_.AllocateRun(wanted, Hint(first), {first - PageIndex(0), end_ - first - std::min(wanted, end_ - first)});
  if (!frames.ok()) return frames.status();
  const PageRun run{first, *frames};
  pages_.Insert(run);
  TakeOutZeros(run.first, run.end(), except);
  return run;
}

absl::Status VmObject::CommitLocked(PageIndex begin, PageIndex end, std::vector<PageRun>* added) {
  // Each gap is filled from where its neighbours would continue, so that runs grow together; the page list changes when
  // all are had.
  std::vector<PageRun> filled;
  absl::Status status;
  pages_.ForEachGap(begin, end, [&](PageIndex from, PageIndex to) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (!status.ok()) return;
    auto frames = frames_.Allocate(to - from, Hint(from), {from - PageIndex(0), end_ - to});
    if (!frames.ok()) {
      status = frames.status();
      return;
    }
    for (const FrameRun run : *frames) {
      filled.push_back({from, run});
      from = from + run.count;
    }
  });
  if (!status.ok()) {
    for (const PageRun& run : filled) frames_.Free(run.frames);
    return status;
  }
  for (const PageRun& run : filled) {
    pages_.Insert(run);
    TakeOutZeros(run.first, run.end(), nullptr);
  }
  if (added != nullptr) *added = std::move(filled);
  return absl::OkStatus();
}

void VmObject::DecommitLocked(PageIndex begin, PageIndex end, FreedFrames& freed) {
  const auto first = pages_.FindFrom(begin);
  if (!first || first->first >= end) return;
  TakeOut(std::max(begin, first->first), std::min(end, pages_.FindBefore(end)->end()));
  pages_.Remove(begin, end, [&](PageRun run) { freed.Add(frames_, run.frames); });
}

void VmObject::TakeOut(PageIndex begin, PageIndex end) {
  mappings_.ForEachIn(begin, end, [&](VmMapping& mapping) {
    if (!mapping.may_show_frames) return;
    const PageTableEdit edit = PageTableEdit::Unmap(mapping.RangeOf(begin, end));
    mapping.table.Commit({&edit, 1});
  });
}

void VmObject::TakeOutZeros(PageIndex begin, PageIndex end, const VmMapping* except) {
  if (zero_mappings_ == 0) return;
  mappings_.ForEachIn(begin, end, [&](VmMapping& mapping) {
    if (!mapping.may_show_zeros || &mapping == except) return;
    const PageTableEdit edit = PageTableEdit::Unmap(mapping.RangeOf(begin, end));
    mapping.table.Commit({&edit, 1});
  });
}

void VmObject::AddMapping(VmMapping& mapping) {
  mappings_.Insert(mapping.first_page, mapping.end_page(), &mapping);
  if (mapping.may_show_zeros) ++zero_mappings_;
  ++spaces_[mapping.space];
}

void VmObject::RemoveMapping(VmMapping& mapping) {
  mappings_.Erase(mapping.first_page, mapping.end_page(), &mapping);
  if (mapping.may_show_zeros) --zero_mappings_;
  const auto it = spaces_.find(mapping.space);
  if (--it->second == 0) spaces_.erase(it);
}

bool VmObject::HasMapping(const VmMapping& mapping) const {
  return mappings_.Contains(mapping.first_page, mapping.end_page(), const_cast<VmMapping*>(&mapping));
}

void VmObject::NoteZeros(VmMapping& mapping) {
  mapping.may_show_frames = true;
  if (std::exchange(mapping.may_show_zeros, true)) return;
  ++zero_mappings_;
}

absl::Status VmObject::Verify() const {
  absl::MutexLock lock(&mutex_);
  if (absl::Status status = pages_.Verify(); !status.ok()) return status;
  absl::Status status;
  pages_.ForEach(PageIndex(0), PageIndex(~uint64_t{0}), [&](PageRun run) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (run.end() > end_) status = absl::InternalError("a page lies beyond the end of its VMO");
    if (!frames_.IsAllocated(run.frames)) {
      status = absl::InternalError(absl::StrFormat("page %d of a VMO has a free frame", run.first.value()));
    }
  });
  if (!status.ok()) return status;
  size_t zeros = 0, spaces = 0;
  mappings_.ForEachIn(PageIndex(0), PageIndex(~uint64_t{0}), [&](VmMapping& mapping) {
    if (mapping.vmo.get() != this) status = absl::InternalError("a VMO lists a mapping of another");
    if (mapping.may_show_zeros) ++zeros;
  });
  for (const auto& [space, count] : spaces_) spaces += count;
  if (zeros != zero_mappings_) return absl::InternalError("count of mappings that show zeros is wrong");
  if (spaces != mappings_.size()) return absl::InternalError("count of mappings by address space is wrong");
  return status;
}

}  // namespace zirconia::mm
