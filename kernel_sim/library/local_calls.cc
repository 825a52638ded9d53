// The calls that need no system call: for guests, the vDSO and the C runtime have them.
#include <zircon/process.h>
#include <zircon/processargs.h>
#include <zircon/status.h>
#include <zircon/syscalls.h>

#include <algorithm>
#include <cstring>
#include <thread>

#include "kernel_sim/library/library_thread.h"
#include "kernel_sim/status.h"
#include "kernel_sim/vdso/constants.h"
#include "mm/units.h"

using zirconia::kernel::Attachment;

extern "C" {

zx_ticks_t zx_ticks_get() { return zx_clock_get_monotonic(); }
zx_ticks_t zx_ticks_per_second() { return 1'000'000'000; }
zx_time_t zx_deadline_after(zx_duration_t nanoseconds) {
  return zx_time_add_duration(zx_clock_get_monotonic(), nanoseconds);
}

uint32_t zx_system_get_page_size() { return zirconia::mm::kPageSize; }
uint32_t zx_system_get_num_cpus() { return std::max(1u, std::thread::hardware_concurrency()); }
uint64_t zx_system_get_physmem() {
  return Attachment::Current().process().kernel().frames().stats().total.bytes().value();
}
uint32_t zx_system_get_dcache_line_size() { return ZIRCONIA_DCACHE_LINE_SIZE; }
zx_string_view_t zx_system_get_version_string() {
  return {ZIRCONIA_VERSION_STRING, std::strlen(ZIRCONIA_VERSION_STRING)};
}

zx_handle_t zx_thread_self() { return Attachment::Current().self(); }
zx_handle_t zx_process_self() { return Attachment::Current().process().self(); }
zx_handle_t zx_vmar_root_self() { return Attachment::Current().process().root_vmar(); }
zx_handle_t zx_job_default() { return Attachment::Current().process().job(); }
zx_handle_t _zx_thread_self() { return zx_thread_self(); }
zx_handle_t _zx_process_self() { return zx_process_self(); }
zx_handle_t _zx_vmar_root_self() { return zx_vmar_root_self(); }
zx_handle_t _zx_job_default() { return zx_job_default(); }

zx_handle_t zx_take_startup_handle(uint32_t hnd_info) {
  return Attachment::Current().process().TakeStartupHandle(hnd_info);
}

const char* zx_status_get_string(zx_status_t status) {
  const char* const name = zirconia::kernel::StatusName(status);
  return std::strcmp(name, "ZX_ERR_?") == 0 ? "(UNKNOWN)" : name;
}

}  // extern "C"
