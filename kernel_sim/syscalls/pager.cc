// zx_pager_*.
#include "kernel_sim/pager.h"

#include <zircon/syscalls/pager.h>

#include <algorithm>
#include <vector>

#include "kernel_sim/status.h"
#include "kernel_sim/syscalls/caller.h"

namespace zirconia::kernel {
namespace {

// A pager and a VMO of its own.
struct PagerAndVmo {
  std::shared_ptr<PagerDispatcher> pager;
  std::shared_ptr<VmoDispatcher> vmo;
  std::shared_ptr<PagerSource> source;

  mm::VmObject& object() const { return *vmo->vmo(); }

  // BAD_HANDLE, WRONG_TYPE; after `Get` of both, `FindSource`: INVALID_ARGS: the VMO isn't the pager's.
  zx_status_t Get(const Caller& caller, zx_handle_t pager_handle, zx_handle_t vmo_handle) {
    if (const zx_status_t s = caller.handles().Get(pager_handle, 0, &pager); s != ZX_OK) return s;
    return caller.handles().Get(vmo_handle, 0, &vmo);
  }
  zx_status_t FindSource() {
    source = pager->SourceOf(vmo->koid());
    return source == nullptr ? ZX_ERR_INVALID_ARGS : ZX_OK;
  }
  // INVALID_ARGS: not aligned; OUT_OF_RANGE: not wholly inside.
  zx_status_t RangeFrom(uint64_t offset, uint64_t length, mm::PageRange* range) const {
    const mm::ByteSize at(offset);
    const mm::ByteSize size(length);
    if (!at.IsPageAligned() || !size.IsPageAligned()) return ZX_ERR_INVALID_ARGS;
    const uint64_t end = object().size().value();
    if (offset > end || length > end - offset) return ZX_ERR_OUT_OF_RANGE;
    *range = {mm::PageIndex::Of(at), mm::PageCount::Of(size)};
    return ZX_OK;
  }
};

bool MayFailWith(uint64_t data) {
  switch (static_cast<int64_t>(data)) {
    case ZX_ERR_IO:
    case ZX_ERR_IO_DATA_INTEGRITY:
    case ZX_ERR_BAD_STATE:
    case ZX_ERR_NO_SPACE:
    case ZX_ERR_BUFFER_TOO_SMALL:
      return true;
    default:
      return false;
  }
}

// Whether `data` is an argument that an operation of zx_pager_op_range takes; of one that there isn't, any is.
bool MayComeWith(uint32_t op, uint64_t data) {
  switch (op) {
    case ZX_PAGER_OP_FAIL:
      return MayFailWith(data);
    case ZX_PAGER_OP_WRITEBACK_BEGIN:
      return data == 0 || data == ZX_VMO_DIRTY_RANGE_IS_ZERO;
    case ZX_PAGER_OP_DIRTY:
    case ZX_PAGER_OP_WRITEBACK_END:
      return data == 0;
    default:
      return true;
  }
}

}  // namespace

namespace sys {

zx_status_t pager_create(const Caller& caller, uint32_t options, UserPtr<zx_handle_t> out) {
  if (options != 0) return ZX_ERR_INVALID_ARGS;
  return caller.GiveHandle(std::make_shared<PagerDispatcher>(caller.kernel.koids()), out);
}

zx_status_t pager_create_vmo(const Caller& caller, zx_handle_t pager_handle, uint32_t options, zx_handle_t port_handle,
                             uint64_t key, uint64_t size, UserPtr<zx_handle_t> out) {
  if ((options & ~(ZX_VMO_RESIZABLE | ZX_VMO_TRAP_DIRTY)) != 0) return ZX_ERR_INVALID_ARGS;
  std::shared_ptr<PagerDispatcher> pager;
  if (const zx_status_t s = caller.handles().Get(pager_handle, 0, &pager); s != ZX_OK) return s;
  std::shared_ptr<PortDispatcher> port;
  if (const zx_status_t s = caller.handles().Get(port_handle, ZX_RIGHT_WRITE, &port); s != ZX_OK) return s;
  const auto source = std::make_shared<PagerSource>(caller.kernel.koids().Next(), std::move(port), key);
  auto made = mm::VmObject::CreatePaged(caller.kernel.frames(), mm::ByteSize(size), (options & ZX_VMO_RESIZABLE) != 0,
                                        source, (options & ZX_VMO_TRAP_DIRTY) != 0);
  if (!made.ok()) return ToZxStatus(made.status());
  auto vmo = std::make_shared<VmoDispatcher>(caller.kernel.koids(), *std::move(made), size);
  pager->Add(vmo->koid(), source);
  const zx_status_t status = caller.GiveHandle(vmo, out);
  if (status != ZX_OK) source->Abandon();  // nobody has heard of it
  return status;
}

zx_status_t pager_detach_vmo(const Caller& caller, zx_handle_t pager_handle, zx_handle_t vmo_handle) {
  PagerAndVmo p;
  if (const zx_status_t s = p.Get(caller, pager_handle, vmo_handle); s != ZX_OK) return s;
  if (const zx_status_t s = p.FindSource(); s != ZX_OK) return s;
  p.source->Detach();
  p.object().EvictClean();
  return ZX_OK;
}

zx_status_t pager_supply_pages(const Caller& caller, zx_handle_t pager_handle, zx_handle_t vmo_handle, uint64_t offset,
                               uint64_t length, zx_handle_t aux_handle, uint64_t aux_offset) {
  PagerAndVmo p;
  if (const zx_status_t s = p.Get(caller, pager_handle, vmo_handle); s != ZX_OK) return s;
  std::shared_ptr<VmoDispatcher> aux;
  if (const zx_status_t s = caller.handles().Get(aux_handle, ZX_RIGHT_READ | ZX_RIGHT_WRITE, &aux); s != ZX_OK)
    return s;
  if (const zx_status_t s = p.FindSource(); s != ZX_OK) return s;
  if (!mm::ByteSize(aux_offset).IsPageAligned()) return ZX_ERR_INVALID_ARGS;
  mm::PageRange range;
  if (const zx_status_t s = p.RangeFrom(offset, length, &range); s != ZX_OK) return s;
  const uint64_t aux_end = aux->vmo()->size().value();
  if (aux_offset > aux_end || length > aux_end - aux_offset) return ZX_ERR_OUT_OF_RANGE;
  if (aux->vmo() == p.vmo->vmo()) return ZX_ERR_BAD_STATE;
  return ToZxStatus(p.object().Supply(range, *aux->vmo(), mm::PageIndex::Of(mm::ByteSize(aux_offset))));
}

zx_status_t pager_op_range(const Caller& caller, zx_handle_t pager_handle, uint32_t op, zx_handle_t vmo_handle,
                           uint64_t offset, uint64_t length, uint64_t data) {
  PagerAndVmo p;
  if (const zx_status_t s = p.Get(caller, pager_handle, vmo_handle); s != ZX_OK) return s;
  if (const zx_status_t s = p.FindSource(); s != ZX_OK) return s;
  if (!MayComeWith(op, data)) return ZX_ERR_INVALID_ARGS;
  mm::PageRange range;
  if (const zx_status_t s = p.RangeFrom(offset, length, &range); s != ZX_OK) return s;
  switch (op) {
    case ZX_PAGER_OP_FAIL:
      p.source->Fail(range, static_cast<zx_status_t>(data));
      return ZX_OK;
    case ZX_PAGER_OP_DIRTY:
      return ToZxStatus(p.object().MarkDirty(range));
    case ZX_PAGER_OP_WRITEBACK_BEGIN:
      return ToZxStatus(p.object().BeginWriteback(range, data == ZX_VMO_DIRTY_RANGE_IS_ZERO));
    case ZX_PAGER_OP_WRITEBACK_END:
      return ToZxStatus(p.object().EndWriteback(range));
    default:
      return ZX_ERR_NOT_SUPPORTED;
  }
}

zx_status_t pager_query_dirty_ranges(const Caller& caller, zx_handle_t pager_handle, zx_handle_t vmo_handle,
                                     uint64_t offset, uint64_t length, UserPtr<void> buffer, size_t buffer_size,
                                     UserPtr<size_t> actual, UserPtr<size_t> avail) {
  PagerAndVmo p;
  if (const zx_status_t s = p.Get(caller, pager_handle, vmo_handle); s != ZX_OK) return s;
  if (const zx_status_t s = p.FindSource(); s != ZX_OK) return s;
  const uint64_t end = p.object().size().value();
  if (offset > end || length > end - offset) return ZX_ERR_OUT_OF_RANGE;
  const mm::PageIndex first = mm::PageIndex::Of(mm::ByteSize(offset));
  const mm::PageIndex last = length == 0 ? first : mm::PageIndex::Of(*mm::ByteSize(offset + length).RoundUpToPage());
  const auto dirty = p.object().DirtyRanges(mm::PageRange::FromTo(first, last));
  if (!dirty.ok()) return ToZxStatus(dirty.status());
  std::vector<zx_vmo_dirty_range_t> ranges;
  for (const mm::VmPages::DirtyRange& r : *dirty) {
    ranges.push_back(
        {r.pages.first.offset().value(), r.pages.count.bytes().value(), r.zero ? ZX_VMO_DIRTY_RANGE_IS_ZERO : 0});
  }
  const size_t n = std::min(ranges.size(), buffer_size / sizeof(zx_vmo_dirty_range_t));
  if (buffer.as<zx_vmo_dirty_range_t>().WriteArray(caller.memory, ranges.data(), n) != ZX_OK)
    return ZX_ERR_INVALID_ARGS;
  if (actual.WriteIfWanted(caller.memory, n) != ZX_OK) return ZX_ERR_INVALID_ARGS;
  return avail.WriteIfWanted(caller.memory, ranges.size());
}

zx_status_t pager_query_vmo_stats(const Caller& caller, zx_handle_t pager_handle, zx_handle_t vmo_handle,
                                  uint32_t options, UserPtr<void> buffer, size_t buffer_size) {
  PagerAndVmo p;
  if (const zx_status_t s = p.Get(caller, pager_handle, vmo_handle); s != ZX_OK) return s;
  if (const zx_status_t s = p.FindSource(); s != ZX_OK) return s;
  if ((options & ~ZX_PAGER_RESET_VMO_STATS) != 0) return ZX_ERR_INVALID_ARGS;
  zx_pager_vmo_stats_t stats{};
  if (buffer_size < sizeof(stats)) return ZX_ERR_BUFFER_TOO_SMALL;
  const UserPtr<zx_pager_vmo_stats_t> to = buffer.as<zx_pager_vmo_stats_t>();
  // What is reset can't be told again: a bad buffer is found out first.
  if (to.Write(caller.memory, stats) != ZX_OK) return ZX_ERR_INVALID_ARGS;
  const bool reset = (options & ZX_PAGER_RESET_VMO_STATS) != 0;
  stats.modified = p.object().Modified(reset) ? ZX_PAGER_VMO_STATS_MODIFIED : 0;
  return to.Write(caller.memory, stats);
}

}  // namespace sys
}  // namespace zirconia::kernel
