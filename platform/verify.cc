// HostPageTable::Verify: the bookkeeping against the host.
#include <optional>
#include <vector>

#include "absl/strings/str_format.h"
#include "platform/host_files.h"
#include "platform/host_page_table.h"

namespace zirconia::platform {
namespace {

using mm::Translation;
using mm::VirtAddr;
using mm::VirtRange;

std::string Describe(const HostExtent& e) {
  const mm::Protection p = e.mapping.protection;
  return absl::StrFormat("[%#x, %#x) %c%c%c %s", e.range.base.value(), e.range.end().value(), p.read() ? 'r' : '-',
                         p.write() ? 'w' : '-', p.execute() ? 'x' : '-',
                         e.mapping.first_frame.has_value() ? absl::StrFormat("frame %d", e.mapping.first_frame->value())
                                                           : std::string("anonymous"));
}

// What /proc/self/maps shows in the window, with neighbours joined that could be one: the host doesn't always join
// them.
absl::StatusOr<std::vector<HostExtent>> ReadHost(Host& host, VirtRange window, const BackingFile& file) {
  const absl::StatusOr<mm::PoolVector<HostVma>> vmas = ReadHostVmas(host, window);
  if (!vmas.ok()) return vmas.status();
  std::vector<HostExtent> extents;
  VirtAddr cursor = window.base;
  for (const HostVma& vma : *vmas) {
    const std::optional<HostMapping> mapping = ToHostMapping(vma, file);
    if (!mapping.has_value()) {
      return absl::InternalError(
          absl::StrFormat("a stranger (%s) stands in the window at %#x", vma.path.c_str(), vma.range.base.value()));
    }
    const HostExtent extent = HostExtent{vma.range, *mapping}.CutTo(window);
    if (extent.range.base != cursor) {
      return absl::InternalError(absl::StrFormat("the host has a hole in the window at %#x", cursor.value()));
    }
    cursor = extent.range.end();
    if (!extents.empty() && extents.back().mapping.Advanced(extents.back().range.size) == extent.mapping) {
      extents.back().range.size += extent.range.size;
    } else {
      extents.push_back(extent);
    }
  }
  if (cursor != window.end()) {
    return absl::InternalError(absl::StrFormat("the host has a hole in the window at %#x", cursor.value()));
  }
  return extents;
}

absl::Status CompareWithHost(Host& host, VirtRange window, const BackingFile& file, const HostMappings& mappings) {
  const absl::StatusOr<std::vector<HostExtent>> found = ReadHost(host, window, file);
  if (!found.ok()) return found.status();
  absl::Status status;
  size_t next = 0;
  mappings.ForEach(window, [&](const HostExtent& recorded) {
    if (next >= found->size() || (*found)[next] != recorded) {
      status = absl::InternalError(absl::StrFormat("recorded is %s, the host has %s", Describe(recorded),
                                                   next < found->size() ? Describe((*found)[next]) : "nothing"));
    }
    ++next;
    return status.ok();
  });
  if (!status.ok()) return status;
  if (next != found->size()) return absl::InternalError("the host has more than is recorded");
  return absl::OkStatus();
}

}  // namespace

absl::Status HostPageTable::Verify() const {
  absl::MutexLock lock(&mutex_);
  const HostMappings& mappings = remapper_.mappings();
  if (absl::Status s = translations_.Verify(); !s.ok()) return s;
  if (absl::Status s = mappings.Verify(); !s.ok()) return s;
  if (charged_ != mappings.count() + remapper_.leftovers())
    return absl::InternalError("the map-count budget is charged a wrong number");

  // The host tells of its mappings piece by piece: while others map below the window, some may be left out. What is
  // really wrong is wrong each time.
  constexpr int kReadings = 5;
  absl::Status status = absl::InternalError("not compared");
  for (int i = 0; i < kReadings && !status.ok(); ++i) status = CompareWithHost(host_, window_, file_, mappings);
  if (!status.ok()) return status;

  // No access that no translation gives.
  mappings.ForEach(window_, [&](const HostExtent& e) {
    mutex_.AssertHeld();
    if (!e.mapping.accessible()) return true;
    VirtAddr permitted_to = e.range.base;
    translations_.ForEach(e.range, [&](const Translation& t) {
      const HostMapping wanted = HostMapping::Of(t, t.range.base);
      const HostMapping has = e.CutTo(t.range).mapping;
      if (t.range.base != permitted_to || has.first_frame != wanted.first_frame ||
          !wanted.protection.Covers(has.protection)) {
        return false;
      }
      permitted_to = t.range.end();
      return true;
    });
    if (permitted_to != e.range.end()) {
      status = absl::InternalError(
          absl::StrFormat("%s is more than any translation gives, at %#x", Describe(e), permitted_to.value()));
    }
    return status.ok();
  });
  return status;
}

}  // namespace zirconia::platform
