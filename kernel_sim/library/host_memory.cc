#include "zirconia/host_memory.h"

#include "kernel_sim/library/library_thread.h"
#include "kernel_sim/status.h"
#include "mm/vm_address_region.h"
#include "platform/engine/host_faults.h"

namespace zirconia::kernel {
namespace {

bool IsReady(const std::optional<mm::Translation>& shown, mm::Access access) {
  return shown.has_value() && shown->realized && mm::Permits(shown->protection, access);
}

zx_status_t Prepare(const void* address, size_t size, mm::Access access) {
  LibraryProcess& process = Attachment::Current().process();
  mm::VirtRange range{mm::VirtAddr(reinterpret_cast<uint64_t>(address)), mm::ByteSize(size)};
  if (!range.IsValid()) return ZX_ERR_OUT_OF_RANGE;
  range = range.Intersect(process.aspace().range());
  if (range.empty()) return ZX_OK;
  const mm::PageTable& table = process.space()->table();
  // In bulk, where the range is one that the call takes; page by page otherwise.
  if (access == mm::Access::kWrite && range.size > mm::ByteSize(mm::kPageSize)) {
    const mm::VirtAddr begin = range.base.RoundDownToPage();
    const auto bytes = (range.end() - begin).RoundUpToPage();
    if (bytes.has_value()) {
      process.aspace().root()->OpRange(mm::VmAddressRegion::RangeOp::kCommit, {begin, *bytes}).IgnoreError();
    }
  }
  for (mm::VirtAddr at = range.base; at < range.end();) {
    auto shown = table.Query(at);
    if (!IsReady(shown, access)) {
      if (const zx_status_t s = Attachment::AnswerFault(process, at, access); s != ZX_OK) return s;
      shown = table.Query(at);
      if (!IsReady(shown, access)) continue;  // another thread took it away
    }
    at = shown->range.end();
  }
  return ZX_OK;
}

}  // namespace
}  // namespace zirconia::kernel

extern "C" {

zx_status_t zirconia_prepare_host_write(void* address, size_t size) {
  return zirconia::kernel::Prepare(address, size, zirconia::mm::Access::kWrite);
}

zx_status_t zirconia_prepare_host_read(const void* address, size_t size) {
  return zirconia::kernel::Prepare(address, size, zirconia::mm::Access::kRead);
}

void zirconia_install_fault_handlers() { zirconia::platform::InstallFaultHandlers(); }

}  // extern "C"
