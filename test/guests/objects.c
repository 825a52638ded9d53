// Ports, streams, resources, devices and pagers, by real system calls; run it with --resource root.
#include <stdint.h>
#include <string.h>
#include <zircon/process.h>
#include <zircon/processargs.h>
#include <zircon/syscalls.h>
#include <zircon/syscalls/iommu.h>

#include "check.h"

#define PAGE 4096

static zx_handle_t root;

static void a_port_tells_of_signals_and_of_programs(void) {
  zx_handle_t port, event;
  EXPECT_OK(zx_port_create(0, &port));
  EXPECT_OK(zx_event_create(0, &event));
  EXPECT_OK(zx_object_wait_async(event, port, 7, ZX_EVENT_SIGNALED, ZX_WAIT_ASYNC_TIMESTAMP));
  const zx_port_packet_t user = {.key = 8, .user = {.u64 = {1, 2, 3, 4}}};
  EXPECT_OK(zx_port_queue(port, &user));
  EXPECT_OK(zx_object_signal(event, 0, ZX_EVENT_SIGNALED));
  zx_port_packet_t packet;
  EXPECT_OK(zx_port_wait(port, ZX_TIME_INFINITE, &packet));
  EXPECT(packet.key == 8 && packet.type == ZX_PKT_TYPE_USER && packet.user.u64[3] == 4);
  EXPECT_OK(zx_port_wait(port, ZX_TIME_INFINITE, &packet));
  EXPECT(packet.key == 7 && packet.type == ZX_PKT_TYPE_SIGNAL_ONE && packet.signal.timestamp != 0);
  EXPECT_STATUS(zx_port_wait(port, zx_deadline_after(1000), &packet), ZX_ERR_TIMED_OUT);
  EXPECT_STATUS(zx_port_cancel(port, event, 7), ZX_ERR_NOT_FOUND);
  zx_handle_close(port);
  zx_handle_close(event);
}

static void a_stream_reads_what_was_written(void) {
  zx_handle_t vmo, stream;
  EXPECT_OK(zx_vmo_create(0, ZX_VMO_RESIZABLE, &vmo));
  EXPECT_OK(zx_stream_create(ZX_STREAM_MODE_READ | ZX_STREAM_MODE_WRITE, vmo, 0, &stream));
  char hello[] = "hello, ", world[] = "world";
  const zx_iovec_t out[] = {{hello, 7}, {world, 5}};
  size_t actual = 0;
  EXPECT_OK(zx_stream_writev(stream, 0, out, 2, &actual));
  EXPECT(actual == 12);
  zx_off_t seek = 0;
  EXPECT_OK(zx_stream_seek(stream, ZX_STREAM_SEEK_ORIGIN_END, -5, &seek));
  EXPECT(seek == 7);
  char back[32] = {0};
  zx_iovec_t in = {back, sizeof(back)};
  EXPECT_OK(zx_stream_readv(stream, 0, &in, 1, &actual));
  EXPECT(actual == 5 && memcmp(back, "world", 5) == 0);
  EXPECT_OK(zx_stream_readv_at(stream, 0, 0, &in, 1, &actual));
  EXPECT(actual == 12 && memcmp(back, "hello, world", 12) == 0);
  EXPECT_OK(zx_stream_writev_at(stream, 0, 5, out, 1, &actual));
  zx_info_stream_t info;
  EXPECT_OK(zx_object_get_info(stream, ZX_INFO_STREAM, &info, sizeof(info), NULL, NULL));
  EXPECT(info.content_size == 12 && info.seek == 12);
  // A buffer in the VMO that the stream is over.
  zx_vaddr_t address;
  EXPECT_OK(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, PAGE, &address));
  in = (zx_iovec_t){(void*)(address + 100), 12};
  EXPECT_OK(zx_stream_readv_at(stream, 0, 0, &in, 1, &actual));
  EXPECT(actual == 12 && memcmp((void*)(address + 100), "hellohello, ", 12) == 0);
  EXPECT_OK(zx_vmar_unmap(zx_vmar_root_self(), address, PAGE));
  zx_handle_close(stream);
  zx_handle_close(vmo);
}

static void a_device_gets_addresses(void) {
  zx_handle_t iommu, bti, vmo, pmt;
  const zx_iommu_desc_dummy_t desc = {0};
  EXPECT_OK(zx_iommu_create(root, ZX_IOMMU_TYPE_DUMMY, &desc, sizeof(desc), &iommu));
  EXPECT_OK(zx_bti_create(iommu, 0, 0, &bti));
  EXPECT_OK(zx_vmo_create(3 * PAGE, 0, &vmo));
  zx_paddr_t addresses[3] = {1, 1, 1};
  EXPECT_OK(
      zx_bti_pin(bti, ZX_BTI_PERM_READ, vmo, 0, sizeof(addresses) / sizeof(addresses[0]) * PAGE, addresses, 3, &pmt));
  for (int i = 0; i < 3; ++i) EXPECT(addresses[i] % PAGE == 0);
  EXPECT_OK(zx_pmt_unpin(pmt));
  EXPECT_OK(zx_bti_release_quarantine(bti));
  zx_handle_close(vmo);
  zx_handle_close(bti);
  zx_handle_close(iommu);
}

static void a_resource_makes_smaller_ones(void) {
  zx_handle_t vmex, vmo, executable;
  EXPECT_OK(zx_resource_create(root, ZX_RSRC_KIND_SYSTEM, ZX_RSRC_SYSTEM_VMEX_BASE, 1, "vmex", 4, &vmex));
  zx_info_resource_t info;
  EXPECT_OK(zx_object_get_info(vmex, ZX_INFO_RESOURCE, &info, sizeof(info), NULL, NULL));
  EXPECT(strcmp(info.name, "vmex") == 0);
  EXPECT_OK(zx_vmo_create(PAGE, 0, &vmo));
  EXPECT_OK(zx_vmo_replace_as_executable(vmo, vmex, &executable));
  zx_handle_close(executable);
  zx_handle_close(vmex);
}

static void a_pager_is_made(void) {
  zx_handle_t pager;
  EXPECT_OK(zx_pager_create(0, &pager));
  EXPECT_STATUS(zx_pager_detach_vmo(pager, pager), ZX_ERR_WRONG_TYPE);
  zx_handle_close(pager);
}

int main(void) {
  root = zx_take_startup_handle(PA_HND(PA_RESOURCE, 0));
  RUN(a_port_tells_of_signals_and_of_programs);
  RUN(a_stream_reads_what_was_written);
  RUN(a_device_gets_addresses);
  RUN(a_resource_makes_smaller_ones);
  RUN(a_pager_is_made);
  return failures;
}
