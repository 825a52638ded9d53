#include "mm/software_page_table.h"

#include <algorithm>
#include <cstring>

namespace zirconia::mm {
namespace {

// A fault that is said to be healed so often, and isn't, is a broken kernel rather than a race.
constexpr int kMostFaults = 1000;

}  // namespace

absl::StatusOr<PageTable::Reservation> SoftwarePageTable::Prepare(absl::Span<const PageTableEdit> edits) {
  absl::MutexLock lock(&mutex_);
  ++counts_.prepares;
  if (fail_after_ != 0 && --fail_after_ == 0) return absl::ResourceExhaustedError("no room for the edits");
  reserved_ += edits.size();
  return MakeReservation(edits.size());
}

void SoftwarePageTable::ReleaseReservation(uint64_t units) {
  absl::MutexLock lock(&mutex_);
  reserved_ -= units;
}

void SoftwarePageTable::Commit(absl::Span<const PageTableEdit> edits, [[maybe_unused]] Reservation reservation,
                               PageTableEffects* effects) {
  // `reservation` gives itself back when it is destroyed, after the lock is dropped.
  absl::MutexLock lock(&mutex_);
  for (const PageTableEdit& edit : edits) {
    ++counts_.edits;
    if (log_ != nullptr) log_->push_back(edit);
    extents_.Apply(edit, !refuses_, effects);
  }
}

absl::Status SoftwarePageTable::Realize(VirtRange range) {
  absl::MutexLock lock(&mutex_);
  if (!refuses_) {
    extents_.SetRealized(range, true);
    return absl::OkStatus();
  }
  bool all = true;
  extents_.ForEach(range, [&](const Translation& t) { return all = t.realized; });
  return all ? absl::OkStatus() : absl::ResourceExhaustedError("the host refuses");
}

std::optional<Translation> SoftwarePageTable::Query(VirtAddr address) const {
  absl::MutexLock lock(&mutex_);
  return extents_.Find(address);
}

std::vector<Translation> SoftwarePageTable::Snapshot() const {
  absl::MutexLock lock(&mutex_);
  return extents_.Snapshot();
}

absl::Status SoftwarePageTable::Transfer(VirtAddr address, size_t size, Access access, FaultHandler fault,
                                         absl::FunctionRef<void(std::byte*, size_t, size_t)> copy) {
  for (size_t done = 0; done < size;) {
    const uint64_t in_page = address.value() % kPageSize;
    const size_t n = std::min<size_t>(size - done, kPageSize - in_page);
    for (int faults = 0;; ++faults) {
      {
        absl::MutexLock lock(&mutex_);
        const auto t = extents_.Find(address);
        if (t && t->realized && Permits(t->protection, access)) {
          std::byte* data = nullptr;
          if (t->first_frame) data = memory_.data(*t->first_frame) + (address - t->range.base).value();
          copy(data, done, n);
          break;
        }
        ++counts_.faults;
      }
      if (faults == kMostFaults) return absl::InternalError("a fault is never healed");
      if (absl::Status status = fault(address, access); !status.ok()) return status;
    }
    done += n;
    address = address + ByteSize(n);
  }
  return absl::OkStatus();
}

absl::Status SoftwarePageTable::Load(VirtAddr address, absl::Span<std::byte> to, FaultHandler fault) {
  return Transfer(address, to.size(), Access::kRead, fault, [&](std::byte* data, size_t done, size_t n) {
    if (data != nullptr) {
      std::memcpy(&to[done], data, n);
    } else {
      std::memset(&to[done], 0, n);
    }
  });
}

absl::Status SoftwarePageTable::Store(VirtAddr address, absl::Span<const std::byte> from, FaultHandler fault) {
  return Transfer(address, from.size(), Access::kWrite, fault,
                  [&](std::byte* data, size_t done, size_t n) { std::memcpy(data, &from[done], n); });
}

void SoftwarePageTable::FailPrepareAfter(uint64_t n) {
  absl::MutexLock lock(&mutex_);
  fail_after_ = n;
}

void SoftwarePageTable::set_refuses(bool refuses) {
  absl::MutexLock lock(&mutex_);
  refuses_ = refuses;
}

void SoftwarePageTable::Evict(VirtRange range) {
  absl::MutexLock lock(&mutex_);
  extents_.SetRealized(range, false);
}

void SoftwarePageTable::Forget(VirtRange range) {
  absl::MutexLock lock(&mutex_);
  extents_.Unmap(range);
}

void SoftwarePageTable::set_log(std::vector<PageTableEdit>* log) {
  absl::MutexLock lock(&mutex_);
  log_ = log;
}

SoftwarePageTable::Counts SoftwarePageTable::counts() const {
  absl::MutexLock lock(&mutex_);
  return counts_;
}

uint64_t SoftwarePageTable::reserved() const {
  absl::MutexLock lock(&mutex_);
  return reserved_;
}

absl::Status SoftwarePageTable::Verify() const {
  absl::MutexLock lock(&mutex_);
  return extents_.Verify();
}

}  // namespace zirconia::mm
