// What zx_object_get_info and the properties tell, and in which order they refuse.
#include <stdint.h>
#include <string.h>
#include <threads.h>
#include <zircon/process.h>
#include <zircon/processargs.h>
#include <zircon/syscalls.h>
#include <zircon/syscalls/object.h>

#include "check.h"

static zx_handle_t event;

static zx_handle_t without(zx_handle_t handle, zx_rights_t rights) {
  zx_info_handle_basic_t info;
  zx_handle_t reduced = ZX_HANDLE_INVALID;
  EXPECT_OK(zx_object_get_info(handle, ZX_INFO_HANDLE_BASIC, &info, sizeof(info), NULL, NULL));
  EXPECT_OK(zx_handle_duplicate(handle, info.rights & ~rights, &reduced));
  return reduced;
}

static zx_koid_t koid_of(zx_handle_t handle) {
  zx_info_handle_basic_t info = {0};
  zx_object_get_info(handle, ZX_INFO_HANDLE_BASIC, &info, sizeof(info), NULL, NULL);
  return info.koid;
}

static void topics_of_other_objects_are_of_the_wrong_type(void) {
  static const uint32_t topics[] = {ZX_INFO_CPU_STATS,  ZX_INFO_KMEM_STATS, ZX_INFO_KMEM_STATS_EXTENDED,
                                    ZX_INFO_RESOURCE,   ZX_INFO_BTI,        ZX_INFO_SOCKET,
                                    ZX_INFO_TIMER,      ZX_INFO_STREAM,     ZX_INFO_MSI,
                                    ZX_INFO_GUEST_STATS};
  char buffer[256];
  for (size_t i = 0; i < sizeof(topics) / sizeof(*topics); ++i) {
    EXPECT_STATUS(zx_object_get_info(event, topics[i], buffer, sizeof(buffer), NULL, NULL), ZX_ERR_WRONG_TYPE);
    EXPECT_STATUS(zx_object_get_info(ZX_HANDLE_INVALID, topics[i], buffer, sizeof(buffer), NULL, NULL),
                  ZX_ERR_BAD_HANDLE);
  }
  EXPECT_STATUS(zx_object_get_info(event, 999, buffer, sizeof(buffer), NULL, NULL), ZX_ERR_NOT_SUPPORTED);
}

static void a_process_lists_its_handles(void) {
  static zx_info_handle_extended_t table[4096];
  size_t actual = 0, avail = 0;
  EXPECT_OK(zx_object_get_info(zx_process_self(), ZX_INFO_HANDLE_TABLE, table, sizeof(table), &actual, &avail));
  EXPECT(actual == avail && actual > 4);
  bool found = false;
  for (size_t i = 0; i < actual; ++i) {
    if (table[i].handle_value != event) continue;
    found = table[i].koid == koid_of(event) && table[i].type == ZX_OBJ_TYPE_EVENT &&
            table[i].rights == ZX_DEFAULT_EVENT_RIGHTS && table[i].related_koid == 0;
  }
  EXPECT(found);
  EXPECT_OK(zx_object_get_info(zx_process_self(), ZX_INFO_HANDLE_TABLE, table, sizeof(*table), &actual, &avail));
  EXPECT(actual == 1 && avail > 4);
  const zx_handle_t weak = without(zx_process_self(), ZX_RIGHT_INSPECT);
  EXPECT_STATUS(zx_object_get_info(weak, ZX_INFO_HANDLE_TABLE, table, sizeof(table), NULL, NULL), ZX_ERR_ACCESS_DENIED);
  zx_handle_close(weak);
}

static zx_duration_t runtime_of(zx_handle_t task) {
  zx_info_task_runtime_t info = {0};
  EXPECT_OK(zx_object_get_info(task, ZX_INFO_TASK_RUNTIME, &info, sizeof(info), NULL, NULL));
  return info.cpu_time;
}

static int count_to_a_million(void* unused) {
  (void)unused;
  for (volatile int i = 0; i < 1000000;) i = i + 1;
  return 0;
}

static void tasks_tell_their_processor_time(void) {
  const zx_duration_t process_before = runtime_of(zx_process_self()), thread_before = runtime_of(zx_thread_self());
  thrd_t thread;
  EXPECT(thrd_create(&thread, count_to_a_million, NULL) == thrd_success);
  EXPECT(thrd_join(thread, NULL) == thrd_success);
  const zx_duration_t process_after = runtime_of(zx_process_self());
  EXPECT(process_after > process_before);  // that of threads that ended counts
  count_to_a_million(NULL);
  const zx_duration_t thread_after = runtime_of(zx_thread_self());
  EXPECT(thread_after > thread_before);
  EXPECT(runtime_of(zx_process_self()) >= thread_after);
  EXPECT(runtime_of(zx_job_default()) >= process_after);

  char buffer[64];
  EXPECT_STATUS(zx_object_get_info(event, ZX_INFO_TASK_RUNTIME, buffer, sizeof(buffer), NULL, NULL), ZX_ERR_WRONG_TYPE);
  const zx_handle_t weak = without(zx_process_self(), ZX_RIGHT_INSPECT);
  EXPECT_STATUS(zx_object_get_info(weak, ZX_INFO_TASK_RUNTIME, buffer, sizeof(buffer), NULL, NULL),
                ZX_ERR_ACCESS_DENIED);
  zx_handle_close(weak);
}

static char stack[16384] __attribute__((aligned(16)));
static void exit_at_once(uintptr_t a, uintptr_t b) {
  (void)a, (void)b;
  zx_object_wait_one(event, ZX_EVENT_SIGNALED, ZX_TIME_INFINITE, NULL);
  zx_thread_exit();
}

static void a_thread_tells_whether_it_runs(void) {
  zx_handle_t thread;
  zx_signals_t observed = ~0u;
  zx_info_thread_stats_t stats = {.total_runtime = -1};
  zx_info_thread_t info = {0};
  EXPECT_OK(zx_thread_create(zx_process_self(), "t", 1, 0, &thread));
  EXPECT_STATUS(zx_object_wait_one(thread, ZX_THREAD_RUNNING, 0, &observed), ZX_ERR_TIMED_OUT);
  EXPECT(observed == 0);
  EXPECT_OK(zx_object_get_info(thread, ZX_INFO_THREAD_STATS, &stats, sizeof(stats), NULL, NULL));
  EXPECT(stats.total_runtime == 0 && stats.last_scheduled_cpu == ZX_INFO_INVALID_CPU);
  EXPECT_OK(zx_object_get_info(thread, ZX_INFO_THREAD, &info, sizeof(info), NULL, NULL));
  EXPECT(info.state == ZX_THREAD_STATE_NEW && info.cpu_affinity_mask.mask[0] != 0);

  EXPECT_OK(zx_thread_start(thread, (uintptr_t)exit_at_once, (uintptr_t)stack + sizeof(stack) - 8, 0, 0));
  EXPECT_OK(zx_object_wait_one(thread, ZX_THREAD_RUNNING, ZX_TIME_INFINITE, &observed));
  EXPECT(observed == ZX_THREAD_RUNNING);
  EXPECT_OK(zx_object_get_info(thread, ZX_INFO_THREAD_STATS, &stats, sizeof(stats), NULL, NULL));
  EXPECT(stats.last_scheduled_cpu < zx_system_get_num_cpus());
  EXPECT_OK(zx_object_signal(event, 0, ZX_EVENT_SIGNALED));
  EXPECT_OK(zx_object_wait_one(thread, ZX_THREAD_TERMINATED, ZX_TIME_INFINITE, &observed));
  EXPECT(observed == ZX_THREAD_TERMINATED);
  EXPECT_STATUS(zx_object_get_info(thread, ZX_INFO_THREAD_STATS, &stats, sizeof(stats), NULL, NULL), ZX_ERR_BAD_STATE);
  zx_handle_close(thread);
}

static void old_records_are_the_first_part_of_todays(void) {
  zx_handle_t vmo;
  EXPECT_OK(zx_vmo_create(8192, 0, &vmo));
  zx_info_vmo_t now;
  zx_info_vmo_v1_t old;
  EXPECT_OK(zx_object_get_info(vmo, ZX_INFO_VMO, &now, sizeof(now), NULL, NULL));
  EXPECT_OK(zx_object_get_info(vmo, ZX_INFO_VMO_V1, &old, sizeof(old), NULL, NULL));
  EXPECT(memcmp(&old, &now, sizeof(old)) == 0);
  EXPECT(now.size_bytes == 8192 && now.flags == (ZX_INFO_VMO_TYPE_PAGED | ZX_INFO_VMO_VIA_HANDLE));
  zx_handle_close(vmo);
  zx_info_task_runtime_v1_t runtime = {0};
  EXPECT_OK(zx_object_get_info(zx_thread_self(), ZX_INFO_TASK_RUNTIME_V1, &runtime, sizeof(runtime), NULL, NULL));
  EXPECT(runtime.cpu_time > 0);
}

static void a_job_keeps_whether_it_dies_for_memory(void) {
  zx_info_job_t info;
  for (size_t value = 2; value-- > 0;) {
    EXPECT_OK(zx_object_set_property(zx_job_default(), ZX_PROP_JOB_KILL_ON_OOM, &value, sizeof(value)));
    EXPECT_OK(zx_object_get_info(zx_job_default(), ZX_INFO_JOB, &info, sizeof(info), NULL, NULL));
    EXPECT(info.kill_on_oom == (value != 0));
  }
  const size_t two = 2;
  EXPECT_STATUS(zx_object_set_property(zx_job_default(), ZX_PROP_JOB_KILL_ON_OOM, &two, sizeof(two)),
                ZX_ERR_INVALID_ARGS);
  EXPECT_STATUS(zx_object_set_property(zx_job_default(), ZX_PROP_JOB_KILL_ON_OOM, &two, 4), ZX_ERR_BUFFER_TOO_SMALL);
  EXPECT_STATUS(zx_object_set_property(zx_process_self(), ZX_PROP_JOB_KILL_ON_OOM, &two, sizeof(two)),
                ZX_ERR_WRONG_TYPE);
  EXPECT_STATUS(zx_object_set_property(zx_process_self(), ZX_PROP_SOCKET_RX_THRESHOLD, &two, sizeof(two)),
                ZX_ERR_WRONG_TYPE);
}

static void a_child_is_refused_for_its_rights_before_it_is_looked_for(void) {
  zx_handle_t child;
  EXPECT_STATUS(zx_object_get_child(zx_job_default(), 1, 1u << 30, &child), ZX_ERR_ACCESS_DENIED);
  EXPECT_STATUS(zx_object_get_child(zx_job_default(), 1, 0, &child), ZX_ERR_NOT_FOUND);
}

// The vDSO stands in a region of its own: what changes its code is denied through the root all the same.
static void the_vdso_is_guarded_through_every_region(void) {
  uint64_t base = 0, size = 0;
  zx_vaddr_t address;
  zx_info_vmar_t root;
  const zx_handle_t vdso = zx_take_startup_handle(PA_HND(PA_VMO_VDSO, 0));
  EXPECT_OK(zx_vmo_get_size(vdso, &size));
  EXPECT_OK(zx_object_get_info(zx_vmar_root_self(), ZX_INFO_VMAR, &root, sizeof(root), NULL, NULL));
  EXPECT_OK(zx_object_get_property(zx_process_self(), ZX_PROP_PROCESS_VDSO_BASE_ADDRESS, &base, sizeof(base)));
  EXPECT_STATUS(zx_vmar_unmap(zx_vmar_root_self(), base, size), ZX_ERR_ACCESS_DENIED);
  EXPECT_STATUS(zx_vmar_unmap(zx_vmar_root_self(), base + size - 4096, 4096), ZX_ERR_ACCESS_DENIED);
  EXPECT_STATUS(zx_vmar_protect(zx_vmar_root_self(), ZX_VM_PERM_READ, base, size), ZX_ERR_ACCESS_DENIED);
  EXPECT_STATUS(zx_vmar_protect(zx_vmar_root_self(), 0, base + size - 4096, 4096), ZX_ERR_ACCESS_DENIED);
  EXPECT_STATUS(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_SPECIFIC_OVERWRITE, base - root.base, vdso, 0,
                            size, &address),
                ZX_ERR_ACCESS_DENIED);
  zx_handle_close(vdso);
}

// x86-64 can't hide code from readers, so that this option gives reading.
static void execute_only_is_readable(void) {
  zx_handle_t vmo;
  zx_vaddr_t address;
  const zx_vm_option_t options = ZX_VM_PERM_EXECUTE | ZX_VM_PERM_READ_IF_XOM_UNSUPPORTED;
  EXPECT_OK(zx_vmo_create(4096, 0, &vmo));
  EXPECT_OK(zx_vmo_write(vmo, "\xc3", 0, 1));
  EXPECT_OK(zx_vmo_replace_as_executable(vmo, ZX_HANDLE_INVALID, &vmo));
  EXPECT_STATUS(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_EXECUTE, 0, vmo, 0, 4096, &address), ZX_ERR_INVALID_ARGS);
  EXPECT_OK(zx_vmar_map(zx_vmar_root_self(), options, 0, vmo, 0, 4096, &address));
  ((void (*)(void))address)();
  EXPECT(*(unsigned char*)address == 0xc3);
  EXPECT_OK(zx_vmar_protect(zx_vmar_root_self(), options, address, 4096));
  EXPECT(*(volatile unsigned char*)address == 0xc3);
  const zx_handle_t weak = without(vmo, ZX_RIGHT_READ);
  EXPECT_STATUS(zx_vmar_map(zx_vmar_root_self(), options, 0, weak, 0, 4096, &address), ZX_ERR_ACCESS_DENIED);
  zx_handle_close(weak);
  zx_handle_close(vmo);
}

int main(void) {
  zx_event_create(0, &event);
  RUN(topics_of_other_objects_are_of_the_wrong_type);
  RUN(a_process_lists_its_handles);
  RUN(tasks_tell_their_processor_time);
  RUN(a_thread_tells_whether_it_runs);
  RUN(old_records_are_the_first_part_of_todays);
  RUN(a_job_keeps_whether_it_dies_for_memory);
  RUN(a_child_is_refused_for_its_rights_before_it_is_looked_for);
  RUN(the_vdso_is_guarded_through_every_region);
  RUN(execute_only_is_readable);
  return failures;
}
