// zx_pager_*.
#include <zircon/syscalls/pager.h>
#include <zircon/syscalls/port.h>

#include <array>

#include "test/fuzz/program.h"

namespace zirconia::fuzz {
namespace {

void Create(Program& p) {
  const uint32_t options = p.input().Byte() == 0xff ? 1 : 0;
  Program::Out<zx_handle_t> out(p);
  p.Made(ZX_CALL(kMakesOne, pager_create, options, out.pointer()), out);
}

void CreateVmo(Program& p) {
  const zx_handle_t pager = p.Pick(ZX_OBJ_TYPE_PAGER);
  const zx_handle_t port = p.Pick(ZX_OBJ_TYPE_PORT);
  const uint32_t options = p.Bits(ZX_VMO_RESIZABLE | ZX_VMO_TRAP_DIRTY);
  const uint64_t key = p.input().Below(4);
  const uint64_t size = p.Size();
  Program::Out<zx_handle_t> out(p);
  p.Made(ZX_CALL(kMakesOne, pager_create_vmo, pager, options, port, key, size, out.pointer()), out);
}

void Detach(Program& p) {
  const zx_handle_t pager = p.Pick(ZX_OBJ_TYPE_PAGER);
  const zx_handle_t vmo = p.Pick(ZX_OBJ_TYPE_VMO);
  ZX_CALL(kPlain, pager_detach_vmo, pager, vmo);
}

// New pages, of a VMO that is made for it.
zx_handle_t MakePages(Program& p, uint64_t size) {
  zx_handle_t pages = ZX_HANDLE_INVALID;
  if (size > 64 * kPage || ZX_CALL(kMakesOne, vmo_create, size, 0, &pages) != ZX_OK) return ZX_HANDLE_INVALID;
  if (p.input().Flag()) (void)ZX_CALL(kPlain, vmo_op_range, pages, ZX_VMO_OP_COMMIT, 0, size, nullptr, 0);
  return pages;
}

void Supply(Program& p) {
  const zx_handle_t pager = p.Pick(ZX_OBJ_TYPE_PAGER);
  const zx_handle_t vmo = p.Pick(ZX_OBJ_TYPE_VMO);
  const uint64_t offset = p.Offset();
  const uint64_t length = p.Size();
  const bool fresh = p.input().Byte() < 0xa0;
  const zx_handle_t from = fresh ? MakePages(p, length) : p.Pick(ZX_OBJ_TYPE_VMO);
  const uint64_t from_offset = fresh ? 0 : p.Offset();
  ZX_CALL(kPlain, pager_supply_pages, pager, vmo, offset, length, from, from_offset);
  if (fresh && from != ZX_HANDLE_INVALID) ZX_CALL(kClosesOne, handle_close, from);
}

void OpRange(Program& p) {
  constexpr std::array<uint32_t, 6> kOps = {
      ZX_PAGER_OP_FAIL, ZX_PAGER_OP_DIRTY, ZX_PAGER_OP_WRITEBACK_BEGIN, ZX_PAGER_OP_WRITEBACK_END, 0, 9};
  constexpr std::array<zx_status_t, 4> kReasons = {ZX_ERR_IO, ZX_ERR_IO_DATA_INTEGRITY, ZX_ERR_BAD_STATE,
                                                   ZX_ERR_INVALID_ARGS};
  const zx_handle_t pager = p.Pick(ZX_OBJ_TYPE_PAGER);
  const uint32_t op = kOps[p.input().Below(kOps.size())];
  const zx_handle_t vmo = p.Pick(ZX_OBJ_TYPE_VMO);
  const uint64_t offset = p.Offset();
  const uint64_t length = p.Size();
  const uint64_t data =
      op == ZX_PAGER_OP_FAIL ? static_cast<uint64_t>(int64_t{kReasons[p.input().Below(kReasons.size())]}) : 0;
  ZX_CALL(kPlain, pager_op_range, pager, op, vmo, offset, length, data);
}

void QueryDirtyRanges(Program& p) {
  const zx_handle_t pager = p.Pick(ZX_OBJ_TYPE_PAGER);
  const zx_handle_t vmo = p.Pick(ZX_OBJ_TYPE_VMO);
  const uint64_t offset = p.Offset();
  const uint64_t length = p.Size();
  const size_t size = p.ShortSize();
  void* const buffer = p.Buffer(size);
  Program::Out<size_t> actual(p);
  Program::Out<size_t> avail(p);
  ZX_CALL(kPlain, pager_query_dirty_ranges, pager, vmo, offset, length, buffer, size, actual.pointer(),
          avail.pointer());
}

void QueryStats(Program& p) {
  const zx_handle_t pager = p.Pick(ZX_OBJ_TYPE_PAGER);
  const zx_handle_t vmo = p.Pick(ZX_OBJ_TYPE_VMO);
  const uint32_t options = p.Bits(ZX_PAGER_RESET_VMO_STATS);
  const size_t size = p.input().Below(16);
  void* const buffer = p.Buffer(size);
  ZX_CALL(kPlain, pager_query_vmo_stats, pager, vmo, options, buffer, size);
}

// What a pager does: takes a request, and answers it.
void Serve(Program& p) {
  const zx_handle_t port = p.Pick(ZX_OBJ_TYPE_PORT);
  const zx_handle_t pager = p.Pick(ZX_OBJ_TYPE_PAGER);
  const zx_handle_t vmo = p.Pick(ZX_OBJ_TYPE_VMO);
  zx_port_packet_t packet{};
  if (ZX_CALL(kPlain, port_wait, port, 0, &packet) != ZX_OK || packet.type != ZX_PKT_TYPE_PAGE_REQUEST) return;
  const zx_packet_page_request_t& request = packet.page_request;
  if (request.command == ZX_PAGER_VMO_READ) {
    const zx_handle_t pages = MakePages(p, request.length);
    ZX_CALL(kPlain, pager_supply_pages, pager, vmo, request.offset, request.length, pages, 0);
    if (pages != ZX_HANDLE_INVALID) ZX_CALL(kClosesOne, handle_close, pages);
  } else if (request.command == ZX_PAGER_VMO_DIRTY) {
    ZX_CALL(kPlain, pager_op_range, pager, ZX_PAGER_OP_DIRTY, vmo, request.offset, request.length, 0);
  }
}

constexpr std::array<Operation, 8> kOperations = {{{"pager_create", Create},
                                                   {"pager_create_vmo", CreateVmo},
                                                   {"pager_detach_vmo", Detach},
                                                   {"pager_supply_pages", Supply},
                                                   {"pager_op_range", OpRange},
                                                   {"pager_query_dirty_ranges", QueryDirtyRanges},
                                                   {"pager_query_vmo_stats", QueryStats},
                                                   {"serve a page request", Serve}}};

}  // namespace

std::span<const Operation> PagerOperations() { return kOperations; }

}  // namespace zirconia::fuzz
