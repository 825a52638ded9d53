// zx_object_get_info for resources, BTIs, streams and the machine.
#include "kernel_sim/bti.h"
#include "kernel_sim/resource.h"
#include "kernel_sim/stream.h"
#include "kernel_sim/syscalls/info_out.h"

namespace zirconia::kernel {
namespace {

zx_status_t ResourceInfo(const InfoOut& out, zx_handle_t handle) {
  std::shared_ptr<ResourceDispatcher> resource;
  if (const zx_status_t s = out.caller.handles().Get(handle, ZX_RIGHT_INSPECT, &resource); s != ZX_OK) return s;
  zx_info_resource_t info{};
  info.kind = resource->range().kind;
  info.flags = resource->flags();
  info.base = resource->range().base;
  info.size = resource->range().size;
  CopyName(resource->name(), info.name);
  return out.One(info);
}

zx_status_t BtiInfo(const InfoOut& out, zx_handle_t handle) {
  std::shared_ptr<BtiDispatcher> bti;
  if (const zx_status_t s = out.caller.handles().Get(handle, ZX_RIGHT_INSPECT, &bti); s != ZX_OK) return s;
  return out.One(zx_info_bti_t{BtiDispatcher::kMinimumContiguity, BtiDispatcher::kAddressSpaceSize, bti->token_count(),
                               bti->quarantine_count()});
}

zx_status_t StreamInfo(const InfoOut& out, zx_handle_t handle) {
  std::shared_ptr<StreamDispatcher> stream;
  if (const zx_status_t s = out.caller.handles().Get(handle, ZX_RIGHT_INSPECT, &stream); s != ZX_OK) return s;
  zx_info_stream_t info{};
  info.options = stream->options();
  info.seek = stream->seek();
  info.content_size = stream->content_size();
  return out.One(info);
}

// The kernel's own memory is the host's; what is known is the machine's frames.
template <typename Record>
Record MemoryStats(const mm::FrameAllocator::Stats& stats) {
  Record info{};
  info.total_bytes = stats.total.bytes().value();
  info.vmo_bytes = stats.used.bytes().value();
  info.free_bytes = info.total_bytes - info.vmo_bytes;
  return info;
}

zx_status_t MachineInfo(const InfoOut& out, zx_handle_t handle, uint32_t topic) {
  const Caller& caller = out.caller;
  if (const zx_status_t s = CheckSystemResource(caller.handles(), handle, ZX_RSRC_SYSTEM_INFO_BASE); s != ZX_OK)
    return s;
  const auto stats = caller.kernel.frames().stats();
  switch (topic) {
    case ZX_INFO_KMEM_STATS:
      return out.One(MemoryStats<zx_info_kmem_stats_t>(stats));
    case ZX_INFO_KMEM_STATS_EXTENDED:
      return out.One(MemoryStats<zx_info_kmem_stats_extended_t>(stats));
    default:
      return ZX_ERR_NOT_SUPPORTED;
  }
}

}  // namespace

zx_status_t DeviceInfo(const InfoOut& out, zx_handle_t handle, uint32_t topic) {
  switch (topic) {
    case ZX_INFO_RESOURCE:
      return ResourceInfo(out, handle);
    case ZX_INFO_BTI:
      return BtiInfo(out, handle);
    case ZX_INFO_STREAM:
      return StreamInfo(out, handle);
    default:
      return MachineInfo(out, handle, topic);
  }
}

}  // namespace zirconia::kernel
