// Hands bad pointers to every system call of the table, in each pointer argument, with each kind of handle. None may
// succeed, and the guest survives them all. Left out are calls without pointers, and zx_cprng_draw, which ends its
// caller.
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <zircon/process.h>
#include <zircon/status.h>
#include <zircon/syscalls.h>
#include <zircon/syscalls/object.h>

enum kind {
  kind_handle,
  kind_size,
  kind_address,
  kind_hex,
  kind_number,
  kind_signed,
  kind_status,
  kind_signals,
  kind_rights,
  kind_deadline,
  kind_topic,
  kind_property,
  kind_clock,
  // From here on: pointers.
  kind_in_bytes,
  kind_in_string,
  kind_in_handles,
  kind_in_pointer,
  kind_out_handle,
  kind_out_u32,
  kind_out_u64,
  kind_out_size,
  kind_out_address,
  kind_out_pointer,
};

struct argument {
  enum kind kind;
  const char* name;
};

typedef zx_status_t (*call_t)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

static const struct call {
  const char* name;
  call_t function;
  const char* return_type;
  int count;
  struct argument arguments[9];
} calls[] = {
#define A(kind, name) {kind_##kind, #name},
#define ZX_SYSCALL(number, type, name, count, ...) {#name, (call_t)(void*)zx_##name, #type, count, {__VA_ARGS__}},
#include "syscalls.def"
};

static char scratch[65536];  // what the good pointers point at

static int is_pointer(const struct argument* a) {
  return a->kind >= kind_in_bytes || strcmp(a->name, "value_ptr") == 0;
}

// Handles of every type, without the rights to end this process or to change its code and stack.
enum { kVmo, kRegion, kChannel, kEvent, kProcess, kThread, kJob, kHandleKinds };
static zx_handle_t handles[kHandleKinds];
static zx_handle_t other_end;

static void make_handles(void) {
  const zx_rights_t harmless = ZX_RIGHTS_BASIC | ZX_RIGHTS_IO | ZX_RIGHTS_PROPERTY | ZX_RIGHT_MANAGE_PROCESS;
  zx_vaddr_t base;
  zx_vmo_create(65536, 0, &handles[kVmo]);
  zx_vmar_allocate(zx_vmar_root_self(), ZX_VM_CAN_MAP_READ | ZX_VM_CAN_MAP_WRITE, 0, 1 << 20, &handles[kRegion], &base);
  zx_channel_create(0, &handles[kChannel], &other_end);
  zx_event_create(0, &handles[kEvent]);
  zx_handle_duplicate(zx_process_self(), harmless, &handles[kProcess]);
  zx_handle_duplicate(zx_thread_self(), ZX_RIGHTS_BASIC | ZX_RIGHT_GET_PROPERTY, &handles[kThread]);
  zx_handle_duplicate(zx_job_default(), harmless | ZX_RIGHT_MANAGE_JOB, &handles[kJob]);
}

// A plausible value for an argument that isn't under test.
static uint64_t plausible(const struct argument* a, zx_handle_t handle) {
  if (is_pointer(a)) return (uintptr_t)scratch;
  switch (a->kind) {
    case kind_handle:
      return strcmp(a->name, "vmo") == 0 ? handles[kVmo] : handle;
    case kind_size:
      return 4096;
    case kind_number:
      return 1;
    case kind_signals:
      return ZX_USER_SIGNAL_0;
    case kind_rights:
      return ZX_RIGHT_SAME_RIGHTS;
    case kind_topic:
      return ZX_INFO_HANDLE_BASIC;
    case kind_property:
      return ZX_PROP_NAME;
    default:
      return 0;
  }
}

// Which results say nothing: the pointer isn't looked at for these arguments.
static int ignores_pointer(const struct call* call, const struct argument* a) {
  // Those of who waits at that address; nobody does.
  if (strncmp(call->name, "futex_wake", 10) == 0) return 1;
  if (strcmp(call->name, "futex_get_owner") == 0 && strcmp(a->name, "value_ptr") == 0) return 1;
  return strcmp(call->name, "vmo_op_range") == 0 && strcmp(a->name, "buffer") == 0;
}

static long made, succeeded;

static void try_call(const struct call* call, int bad, uint64_t pointer, zx_handle_t original) {
  zx_handle_t handle = ZX_HANDLE_INVALID;  // a new one each time: some calls take it away
  if (zx_handle_duplicate(original, ZX_RIGHT_SAME_RIGHTS, &handle) != ZX_OK) handle = original;
  if (strstr(call->name, "channel_read") != NULL) zx_channel_write(other_end, 0, "message", 8, NULL, 0);
  uint64_t v[8] = {0};
  for (int i = 0; i < call->count; ++i) v[i] = plausible(&call->arguments[i], handle);
  v[bad] = pointer;
  memset(scratch, 0, 64);
  const zx_status_t status = call->function(v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]);
  ++made;
  if (status == ZX_OK && !ignores_pointer(call, &call->arguments[bad])) {
    ++succeeded;
    printf("FAIL zx_%s succeeded with %s at %#lx\n", call->name, call->arguments[bad].name, pointer);
  }
  if (handle != original) zx_handle_close(handle);
}

int main(void) {
  make_handles();
  // A page with nothing behind it, to point at the end of.
  zx_handle_t vmo, region;
  zx_vaddr_t base, page = 0;
  zx_vmo_create(4096, 0, &vmo);
  zx_vmar_allocate(zx_vmar_root_self(), ZX_VM_CAN_MAP_READ | ZX_VM_CAN_MAP_WRITE | ZX_VM_CAN_MAP_SPECIFIC, 0, 8192,
                   &region, &base);
  zx_vmar_map(region, ZX_VM_PERM_READ | ZX_VM_PERM_WRITE | ZX_VM_SPECIFIC, 0, vmo, 0, 4096, &page);
  const uint64_t unmapped[] = {
      0x10, page + 4096, page + 4095, 0x7fffffffffff, 0x8000000000000000, 0xffffffff80000000, UINT64_MAX};
  for (size_t c = 0; c < sizeof(calls) / sizeof(calls[0]); ++c) {
    const struct call* call = &calls[c];
    if (strcmp(call->return_type, "zx_status_t") != 0) continue;
    for (int bad = 0; bad < call->count; ++bad) {
      const struct argument* a = &call->arguments[bad];
      if (!is_pointer(a)) continue;
      for (int h = 0; h < kHandleKinds; ++h) {
        for (size_t i = 0; i < sizeof(unmapped) / sizeof(unmapped[0]); ++i)
          try_call(call, bad, unmapped[i], handles[h]);
        // What the guest may only read, the kernel may not write for it.
        if (a->kind >= kind_out_handle) try_call(call, bad, (uintptr_t) "constant text", handles[h]);
      }
    }
  }
  printf("%s %ld calls with bad pointers\n", succeeded == 0 ? "ok" : "FAIL", made);
  return succeeded != 0;
}
