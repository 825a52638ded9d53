// VMOs and VMARs as a guest sees them.
#include <string.h>
#include <zircon/process.h>
#include <zircon/syscalls.h>
#include <zircon/syscalls/object.h>

#include "check.h"

#define PAGE ((size_t)4096)
#define READ_WRITE (ZX_VM_PERM_READ | ZX_VM_PERM_WRITE)

static zx_handle_t make_vmo(uint64_t size, uint32_t options) {
  zx_handle_t vmo = ZX_HANDLE_INVALID;
  EXPECT_OK(zx_vmo_create(size, options, &vmo));
  return vmo;
}

static char* map(zx_handle_t vmo, zx_vm_option_t options, uint64_t offset, size_t size) {
  zx_vaddr_t address = 0;
  EXPECT_OK(zx_vmar_map(zx_vmar_root_self(), options, 0, vmo, offset, size, &address));
  return (char*)address;
}

static void unmap(const void* address, size_t size) {
  EXPECT_OK(zx_vmar_unmap(zx_vmar_root_self(), (zx_vaddr_t)address, size));
}

static uint64_t committed(zx_handle_t vmo) {
  zx_info_vmo_t info = {0};
  EXPECT_OK(zx_object_get_info(vmo, ZX_INFO_VMO, &info, sizeof(info), NULL, NULL));
  return info.committed_bytes;
}

static void sizes_round_up_to_pages(void) {
  uint64_t size = 0;
  const zx_handle_t vmo = make_vmo(PAGE + 1, 0);
  EXPECT_OK(zx_vmo_get_size(vmo, &size));
  EXPECT(size == 2 * PAGE);
  EXPECT_STATUS(zx_vmo_set_size(vmo, PAGE), ZX_ERR_UNAVAILABLE);
  EXPECT_OK(zx_handle_close(vmo));
  EXPECT_STATUS(zx_vmo_get_size(vmo, &size), ZX_ERR_BAD_HANDLE);
  EXPECT_STATUS(zx_vmo_create(PAGE, 0x100, &(zx_handle_t){0}), ZX_ERR_INVALID_ARGS);
  EXPECT_STATUS(zx_vmo_create(UINT64_MAX, 0, &(zx_handle_t){0}), ZX_ERR_OUT_OF_RANGE);
}

static void new_memory_reads_as_zeros(void) {
  const zx_handle_t vmo = make_vmo(16 * PAGE, 0);
  const char* p = map(vmo, ZX_VM_PERM_READ, 0, 16 * PAGE);
  int sum = 0;
  for (size_t i = 0; i < 16 * PAGE; ++i) sum |= p[i];
  EXPECT(sum == 0);
  unmap(p, 16 * PAGE);
  zx_handle_close(vmo);
}

static void one_frame_stands_at_two_addresses(void) {
  const zx_handle_t vmo = make_vmo(PAGE, 0);
  char* a = map(vmo, READ_WRITE, 0, PAGE);
  const char* b = map(vmo, ZX_VM_PERM_READ, 0, PAGE);
  EXPECT(a != b);
  strcpy(a, "written through the first");
  EXPECT(strcmp(b, "written through the first") == 0);
  char c[16] = "";
  EXPECT_OK(zx_vmo_read(vmo, c, 8, 7));
  EXPECT(memcmp(c, "through", 7) == 0);
  EXPECT_OK(zx_vmo_write(vmo, "changed", 0, 8));
  EXPECT(strcmp(a, "changed") == 0 && strcmp(b, "changed") == 0);
  unmap(a, PAGE);
  EXPECT(strcmp(b, "changed") == 0);
  unmap(b, PAGE);
  zx_handle_close(vmo);
}

static void a_mapping_keeps_its_vmo_alive(void) {
  const zx_handle_t vmo = make_vmo(PAGE, 0);
  char* p = map(vmo, READ_WRITE, 0, PAGE);
  *p = 'x';
  EXPECT_OK(zx_handle_close(vmo));
  EXPECT(*p == 'x');
  unmap(p, PAGE);
}

static void reading_past_the_end_is_refused_whole(void) {
  const zx_handle_t vmo = make_vmo(PAGE, 0);
  char buffer[8];
  EXPECT_STATUS(zx_vmo_read(vmo, buffer, PAGE - 4, 8), ZX_ERR_OUT_OF_RANGE);
  EXPECT_STATUS(zx_vmo_read(vmo, buffer, UINT64_MAX, 8), ZX_ERR_OUT_OF_RANGE);
  EXPECT_STATUS(zx_vmo_read(vmo, buffer, PAGE + 1, 0), ZX_ERR_OUT_OF_RANGE);
  EXPECT_OK(zx_vmo_read(vmo, buffer, PAGE, 0));
  EXPECT_STATUS(zx_vmo_write(vmo, buffer, PAGE - 4, 8), ZX_ERR_OUT_OF_RANGE);
  zx_handle_close(vmo);
}

static void resizing_shows_zeros_where_memory_was(void) {
  const zx_handle_t vmo = make_vmo(4 * PAGE, ZX_VMO_RESIZABLE);
  char* p = map(vmo, READ_WRITE | ZX_VM_ALLOW_FAULTS, 0, 4 * PAGE);
  p[3 * PAGE] = 'x';
  EXPECT_OK(zx_vmo_set_size(vmo, 2 * PAGE));
  EXPECT_OK(zx_vmo_set_size(vmo, 4 * PAGE));
  EXPECT(p[3 * PAGE] == 0);
  unmap(p, 4 * PAGE);
  zx_handle_close(vmo);
}

static void committing_and_decommitting_is_counted(void) {
  const zx_handle_t vmo = make_vmo(8 * PAGE, 0);
  EXPECT(committed(vmo) == 0);
  EXPECT_OK(zx_vmo_op_range(vmo, ZX_VMO_OP_COMMIT, 0, 8 * PAGE, NULL, 0));
  EXPECT(committed(vmo) == 8 * PAGE);
  char* p = map(vmo, READ_WRITE, 0, 8 * PAGE);
  memset(p, 1, 8 * PAGE);
  EXPECT_OK(zx_vmo_op_range(vmo, ZX_VMO_OP_DECOMMIT, 2 * PAGE, 2 * PAGE, NULL, 0));
  EXPECT(committed(vmo) == 6 * PAGE);
  EXPECT(p[PAGE] == 1 && p[2 * PAGE] == 0 && p[4 * PAGE - 1] == 0 && p[4 * PAGE] == 1);
  EXPECT_STATUS(zx_vmo_op_range(vmo, ZX_VMO_OP_DECOMMIT, 1, PAGE, NULL, 0), ZX_ERR_INVALID_ARGS);
  EXPECT_STATUS(zx_vmo_op_range(vmo, ZX_VMO_OP_COMMIT, 0, 9 * PAGE, NULL, 0), ZX_ERR_OUT_OF_RANGE);
  unmap(p, 8 * PAGE);
  zx_handle_close(vmo);
}

static void zeroing_a_range_shows_at_once(void) {
  const zx_handle_t vmo = make_vmo(2 * PAGE, 0);
  char* p = map(vmo, READ_WRITE, 0, 2 * PAGE);
  memset(p, 7, 2 * PAGE);
  EXPECT_OK(zx_vmo_op_range(vmo, ZX_VMO_OP_ZERO, 100, PAGE, NULL, 0));
  EXPECT(p[99] == 7 && p[100] == 0 && p[PAGE + 99] == 0 && p[PAGE + 100] == 7);
  unmap(p, 2 * PAGE);
  zx_handle_close(vmo);
}

static void missing_rights_are_refused(void) {
  const zx_handle_t vmo = make_vmo(PAGE, 0);
  zx_handle_t read_only = ZX_HANDLE_INVALID;
  zx_vaddr_t address;
  EXPECT_OK(zx_handle_duplicate(vmo, ZX_RIGHT_READ | ZX_RIGHT_MAP, &read_only));
  EXPECT_STATUS(zx_vmo_write(read_only, "x", 0, 1), ZX_ERR_ACCESS_DENIED);
  EXPECT_STATUS(zx_vmo_write(read_only, "x", 0, 0), ZX_ERR_ACCESS_DENIED);
  EXPECT_STATUS(zx_vmar_map(zx_vmar_root_self(), READ_WRITE, 0, read_only, 0, PAGE, &address), ZX_ERR_ACCESS_DENIED);
  EXPECT_STATUS(zx_handle_duplicate(read_only, ZX_RIGHT_READ, &(zx_handle_t){0}), ZX_ERR_ACCESS_DENIED);
  EXPECT_OK(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ, 0, read_only, 0, PAGE, &address));
  EXPECT_STATUS(zx_vmar_protect(zx_vmar_root_self(), READ_WRITE, address, PAGE), ZX_ERR_ACCESS_DENIED);
  unmap((void*)address, PAGE);
  zx_handle_close(read_only);
  zx_handle_close(vmo);
}

static void protection_can_be_taken_and_given_back(void) {
  const zx_handle_t vmo = make_vmo(3 * PAGE, 0);
  char* p = map(vmo, READ_WRITE, 0, 3 * PAGE);
  memset(p, 5, 3 * PAGE);
  const zx_vaddr_t middle = (zx_vaddr_t)p + PAGE;
  EXPECT_OK(zx_vmar_protect(zx_vmar_root_self(), ZX_VM_PERM_READ, middle, PAGE));
  EXPECT(p[PAGE] == 5);
  p[0] = p[2 * PAGE] = 6;
  // The kernel obeys the protection, too: it can't write where the guest can't.
  EXPECT_STATUS(zx_vmo_read(vmo, (void*)middle, 0, 1), ZX_ERR_NOT_FOUND);
  EXPECT_OK(zx_vmar_protect(zx_vmar_root_self(), READ_WRITE, middle, PAGE));
  p[PAGE] = 6;
  EXPECT_STATUS(zx_vmar_protect(zx_vmar_root_self(), ZX_VM_PERM_WRITE, middle, PAGE), ZX_ERR_INVALID_ARGS);
  EXPECT_STATUS(zx_vmar_protect(zx_vmar_root_self(), ZX_VM_PERM_READ, middle + 1, PAGE), ZX_ERR_INVALID_ARGS);
  EXPECT_OK(zx_vmar_unmap(zx_vmar_root_self(), middle, PAGE));
  EXPECT_STATUS(zx_vmar_protect(zx_vmar_root_self(), ZX_VM_PERM_READ, (zx_vaddr_t)p, 3 * PAGE), ZX_ERR_NOT_FOUND);
  p[0] = 7;
  EXPECT(p[2 * PAGE] == 6);
  unmap(p, 3 * PAGE);
  zx_handle_close(vmo);
}

static void regions_hold_mappings_at_chosen_places(void) {
  zx_handle_t region = ZX_HANDLE_INVALID;
  zx_vaddr_t base = 0, a = 0;
  EXPECT_OK(zx_vmar_allocate(zx_vmar_root_self(), ZX_VM_CAN_MAP_READ | ZX_VM_CAN_MAP_WRITE | ZX_VM_CAN_MAP_SPECIFIC, 0,
                             16 * PAGE, &region, &base));
  const zx_handle_t first = make_vmo(2 * PAGE, 0), second = make_vmo(PAGE, 0);
  const zx_vm_option_t specific = READ_WRITE | ZX_VM_SPECIFIC;
  EXPECT_OK(zx_vmar_map(region, specific, 4 * PAGE, first, 0, 2 * PAGE, &a));
  EXPECT(a == base + 4 * PAGE);
  memset((void*)a, 1, 2 * PAGE);
  EXPECT_STATUS(zx_vmar_map(region, specific, 5 * PAGE, second, 0, PAGE, &a), ZX_ERR_NO_MEMORY);
  EXPECT_STATUS(zx_vmar_map(region, specific, 16 * PAGE, second, 0, PAGE, &a), ZX_ERR_INVALID_ARGS);
  EXPECT_STATUS(zx_vmar_map(region, READ_WRITE, PAGE, second, 0, PAGE, &a), ZX_ERR_INVALID_ARGS);
  EXPECT_STATUS(zx_vmar_map(region, specific | ZX_VM_PERM_EXECUTE, 0, second, 0, PAGE, &a), ZX_ERR_ACCESS_DENIED);
  EXPECT_OK(zx_vmar_map(region, READ_WRITE | ZX_VM_SPECIFIC_OVERWRITE, 5 * PAGE, second, 0, PAGE, &a));
  const char* p = (const char*)base;
  EXPECT(p[4 * PAGE] == 1 && p[5 * PAGE] == 0);
  EXPECT_OK(zx_vmar_destroy(region));
  EXPECT_STATUS(zx_vmar_map(region, READ_WRITE, 0, second, 0, PAGE, &a), ZX_ERR_BAD_STATE);
  zx_handle_close(region);
  zx_handle_close(first);
  zx_handle_close(second);
}

static void a_vmo_can_be_read_into_its_own_mapping(void) {
  const zx_handle_t vmo = make_vmo(2 * PAGE, 0);
  char* p = map(vmo, READ_WRITE, 0, 2 * PAGE);
  memset(p, 1, PAGE);
  EXPECT_OK(zx_vmo_read(vmo, p + PAGE, 0, PAGE));
  EXPECT(memcmp(p, p + PAGE, PAGE) == 0);
  unmap(p, 2 * PAGE);
  zx_handle_close(vmo);
}

static void code_runs_from_a_vmo_that_may_execute(void) {
  static const unsigned char answer[] = {0xb8, 42, 0, 0, 0, 0xc3};  // mov $42, %eax; ret
  zx_handle_t executable = ZX_HANDLE_INVALID;
  const zx_handle_t vmo = make_vmo(PAGE, 0);
  EXPECT_OK(zx_vmo_write(vmo, answer, 0, sizeof(answer)));
  zx_vaddr_t address;
  EXPECT_STATUS(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_EXECUTE, 0, vmo, 0, PAGE, &address),
                ZX_ERR_ACCESS_DENIED);
  EXPECT_OK(zx_vmo_replace_as_executable(vmo, ZX_HANDLE_INVALID, &executable));
  const char* code = map(executable, ZX_VM_PERM_READ | ZX_VM_PERM_EXECUTE, 0, PAGE);
  if (behaviour_holds) EXPECT(((int (*)(void))code)() == 42);
  unmap(code, PAGE);
  zx_handle_close(executable);
}

static void signals_and_waits(void) {
  zx_handle_t event = ZX_HANDLE_INVALID;
  zx_signals_t observed = 0;
  EXPECT_OK(zx_event_create(0, &event));
  EXPECT_STATUS(zx_object_wait_one(event, ZX_EVENT_SIGNALED, 0, &observed), ZX_ERR_TIMED_OUT);
  EXPECT_OK(zx_object_signal(event, 0, ZX_EVENT_SIGNALED | ZX_USER_SIGNAL_3));
  EXPECT_OK(zx_object_wait_one(event, ZX_EVENT_SIGNALED, ZX_TIME_INFINITE, &observed));
  EXPECT((observed & ZX_USER_SIGNAL_3) != 0);
  zx_handle_close(event);
}

static void a_channel_carries_bytes_and_handles(void) {
  zx_handle_t a = ZX_HANDLE_INVALID, b = ZX_HANDLE_INVALID;
  EXPECT_OK(zx_channel_create(0, &a, &b));
  zx_handle_t vmo = make_vmo(PAGE, 0);
  EXPECT_OK(zx_channel_write(a, 0, "ping", 5, &vmo, 1));
  char bytes[8] = "";
  zx_handle_t received = ZX_HANDLE_INVALID;
  uint32_t byte_count = 0, handle_count = 0;
  EXPECT_STATUS(zx_channel_read(b, 0, bytes, NULL, sizeof(bytes), 0, &byte_count, &handle_count),
                ZX_ERR_BUFFER_TOO_SMALL);
  EXPECT(byte_count == 5 && handle_count == 1);
  EXPECT_OK(zx_channel_read(b, 0, bytes, &received, sizeof(bytes), 1, &byte_count, &handle_count));
  EXPECT(strcmp(bytes, "ping") == 0);
  uint64_t size = 0;
  EXPECT_OK(zx_vmo_get_size(received, &size));
  EXPECT_STATUS(zx_channel_read(b, 0, bytes, NULL, sizeof(bytes), 0, NULL, NULL), ZX_ERR_SHOULD_WAIT);
  zx_handle_close(a);
  EXPECT_STATUS(zx_channel_read(b, 0, bytes, NULL, sizeof(bytes), 0, NULL, NULL), ZX_ERR_PEER_CLOSED);
  zx_handle_close(b);
  zx_handle_close(received);
}

int main(void) {
  RUN(sizes_round_up_to_pages);
  RUN(new_memory_reads_as_zeros);
  RUN(one_frame_stands_at_two_addresses);
  RUN(a_mapping_keeps_its_vmo_alive);
  RUN(reading_past_the_end_is_refused_whole);
  RUN(resizing_shows_zeros_where_memory_was);
  RUN(committing_and_decommitting_is_counted);
  RUN(zeroing_a_range_shows_at_once);
  RUN(missing_rights_are_refused);
  RUN(protection_can_be_taken_and_given_back);
  RUN(regions_hold_mappings_at_chosen_places);
  RUN(a_vmo_can_be_read_into_its_own_mapping);
  RUN(code_runs_from_a_vmo_that_may_execute);
  RUN(signals_and_waits);
  RUN(a_channel_carries_bytes_and_handles);
  return failures;
}
