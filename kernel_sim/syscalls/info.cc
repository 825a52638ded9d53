// zx_object_get_info.
#include <zircon/syscalls/exception.h>
#include <zircon/syscalls/object.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "kernel_sim/syscalls/info_out.h"
#include "kernel_sim/vmar.h"

namespace zirconia::kernel {
namespace {

zx_vm_option_t OptionsFrom(mm::Protection p) {
  return (p.read() ? ZX_VM_PERM_READ : 0) | (p.write() ? ZX_VM_PERM_WRITE : 0) | (p.execute() ? ZX_VM_PERM_EXECUTE : 0);
}

zx_info_vmo_t VmoInfo(const mm::VmObject& vmo) {
  zx_info_vmo_t info{};
  info.koid = vmo.user_id();
  CopyName(vmo.name(), info.name);
  info.size_bytes = vmo.size().value();
  info.num_mappings = vmo.mapping_count();
  info.share_count = vmo.share_count();
  info.parent_koid = vmo.parent_user_id();
  info.num_children = vmo.child_count();
  using Kind = mm::VmPages::Kind;
  info.flags = (vmo.kind() == Kind::kPhysical ? ZX_INFO_VMO_TYPE_PHYSICAL : ZX_INFO_VMO_TYPE_PAGED) |
               (vmo.kind() == Kind::kContiguous || vmo.kind() == Kind::kPhysical ? ZX_INFO_VMO_CONTIGUOUS : 0) |
               (vmo.resizable() ? ZX_INFO_VMO_RESIZABLE : 0) | (vmo.immutable() ? ZX_INFO_VMO_IMMUTABLE : 0) |
               (vmo.discardable() ? ZX_INFO_VMO_DISCARDABLE : 0) | (vmo.paged() ? ZX_INFO_VMO_PAGER_BACKED : 0) |
               (vmo.is_child() && !vmo.is_slice() ? ZX_INFO_VMO_IS_COW_CLONE : 0);
  info.committed_bytes = vmo.committed_pages().bytes().value();
  info.cache_policy = vmo.cache_policy();
  info.committed_change_events = vmo.reclaims();
  info.metadata_bytes = vmo.run_count() * 32;
  return info;
}

std::vector<zx_info_maps_t> Maps(const ProcessDispatcher& process) {
  std::vector<zx_info_maps_t> maps;
  zx_info_maps_t space{};
  CopyName(process.name(), space.name);
  space.base = process.aspace().range().base.value();
  space.size = process.aspace().range().size.value();
  space.type = ZX_INFO_MAPS_TYPE_ASPACE;
  maps.push_back(space);
  for (const mm::RegionInfo& r : process.aspace().Regions()) {
    zx_info_maps_t entry{};
    CopyName(r.name, entry.name);
    entry.base = r.range.base.value();
    entry.size = r.range.size.value();
    entry.depth = static_cast<size_t>(r.depth) + 1;
    entry.type = r.is_mapping ? ZX_INFO_MAPS_TYPE_MAPPING : ZX_INFO_MAPS_TYPE_VMAR;
    if (r.is_mapping) {
      entry.u.mapping.mmu_flags = OptionsFrom(r.protection);
      entry.u.mapping.vmo_koid = r.vmo->user_id();
      entry.u.mapping.vmo_offset = r.vmo_offset.value();
      entry.u.mapping.committed_pages = r.committed.value();
    }
    maps.push_back(entry);
  }
  return maps;
}

std::vector<zx_info_vmo_t> Vmos(ProcessDispatcher& process) {
  std::vector<zx_info_vmo_t> vmos;
  for (const HandleTable::Entry& entry : process.handles().Entries()) {
    if (const auto vmo = As<VmoDispatcher>(entry.object)) {
      vmos.push_back(VmoInfo(*vmo->vmo()));
      vmos.back().flags |= ZX_INFO_VMO_VIA_HANDLE;
      vmos.back().handle_rights = entry.rights;
    }
  }
  for (const mm::RegionInfo& r : process.aspace().Regions()) {
    if (!r.is_mapping) continue;
    vmos.push_back(VmoInfo(*r.vmo));
    vmos.back().flags |= ZX_INFO_VMO_VIA_MAPPING;
  }
  return vmos;
}

// The records of old callers are the first part of today's.
zx_info_vmo_v1_t Version1(const zx_info_vmo_t& info) {
  zx_info_vmo_v1_t old{};
  static_assert(offsetof(zx_info_vmo_t, metadata_bytes) == sizeof(old));
  std::memcpy(&old, &info, sizeof(old));
  return old;
}
std::vector<zx_info_vmo_v1_t> Version1(const std::vector<zx_info_vmo_t>& infos) {
  std::vector<zx_info_vmo_v1_t> old;
  old.reserve(infos.size());
  for (const zx_info_vmo_t& info : infos) old.push_back(Version1(info));
  return old;
}

std::vector<zx_info_handle_extended_t> Handles(const ProcessDispatcher& process) {
  std::vector<zx_info_handle_extended_t> handles;
  for (const HandleTable::Entry& entry : process.handles().Entries()) {
    zx_info_handle_extended_t info{};
    info.type = entry.object->type();
    info.handle_value = entry.value;
    info.rights = entry.rights;
    info.koid = entry.object->koid();
    info.related_koid = entry.object->related_koid();
    handles.push_back(info);
  }
  return handles;
}

zx_info_thread_t ThreadInfo(const ThreadDispatcher& thread) {
  zx_info_thread_t info{};
  info.state = thread.state();
  for (size_t cpu = 0; cpu < std::min<size_t>(std::thread::hardware_concurrency(), ZX_CPU_SET_MAX_CPUS); ++cpu) {
    info.cpu_affinity_mask.mask[cpu / ZX_CPU_SET_BITS_PER_WORD] |= uint64_t{1} << (cpu % ZX_CPU_SET_BITS_PER_WORD);
  }
  return info;
}

zx_info_task_stats_t TaskStats(const ProcessDispatcher& process) {
  zx_info_task_stats_t stats{};
  for (const mm::RegionInfo& r : process.aspace().Regions()) {
    if (!r.is_mapping) continue;
    stats.mem_mapped_bytes += r.range.size.value();
    const uint64_t committed = r.committed.bytes().value();
    const size_t sharers = std::max<size_t>(r.vmo->share_count(), 1);
    (sharers > 1 ? stats.mem_shared_bytes : stats.mem_private_bytes) += committed;
    if (sharers > 1) stats.mem_scaled_shared_bytes += committed / sharers;
  }
  return stats;
}

// Processor time; nullopt: not a task.
std::optional<zx_duration_t> RuntimeOf(const std::shared_ptr<Dispatcher>& object) {
  if (const auto thread = As<ThreadDispatcher>(object)) return thread->runtime();
  if (const auto process = As<ProcessDispatcher>(object)) return process->runtime();
  if (const auto job = As<JobDispatcher>(object)) return job->runtime();
  return std::nullopt;
}

bool HasExited(const ProcessDispatcher& p) {
  return p.state() == ProcessDispatcher::State::kDying || p.state() == ProcessDispatcher::State::kDead;
}

zx_info_process_t ProcessInfo(const ProcessDispatcher& p) {
  zx_info_process_t info{};
  info.return_code = p.return_code();
  info.started = p.start_time() != 0;
  info.exited = HasExited(p);
  return info;
}

zx_info_process_v2_t ProcessInfoV2(const ProcessDispatcher& p) {
  zx_info_process_v2_t info{};
  info.return_code = p.return_code();
  info.start_time = p.start_time();
  info.flags =
      (p.start_time() != 0 ? ZX_INFO_PROCESS_FLAG_STARTED : 0) | (HasExited(p) ? ZX_INFO_PROCESS_FLAG_EXITED : 0);
  return info;
}

template <typename Objects>
std::vector<zx_koid_t> Koids(const Objects& objects) {
  std::vector<zx_koid_t> koids;
  koids.reserve(objects.size());
  for (const auto& o : objects) koids.push_back(o->koid());
  return koids;
}

}  // namespace

namespace sys {

zx_status_t object_get_info(const Caller& caller, zx_handle_t handle, uint32_t topic, UserPtr<void> buffer,
                            size_t buffer_size, UserPtr<size_t> actual, UserPtr<size_t> avail) {
  const InfoOut out{caller, buffer, buffer_size, actual, avail};
  const HandleTable& handles = caller.handles();
  // Runs `answer(object)` if the handle is a `T` with the rights that the topic needs.
  const auto with = [&]<typename T>(zx_rights_t needed, auto answer, T*) -> zx_status_t {
    std::shared_ptr<T> object;
    if (const zx_status_t s = handles.Get(handle, needed, &object); s != ZX_OK) return s;
    return answer(*object);
  };
  ProcessDispatcher* const process = nullptr;  // only for their types
  ThreadDispatcher* const thread = nullptr;
  JobDispatcher* const job = nullptr;
  VmarDispatcher* const vmar = nullptr;

  switch (topic) {
    case ZX_INFO_HANDLE_VALID: {
      std::shared_ptr<Dispatcher> object;
      zx_rights_t rights = 0;
      return handles.Get(handle, &object, &rights);
    }
    case ZX_INFO_HANDLE_BASIC: {
      std::shared_ptr<Dispatcher> object;
      zx_info_handle_basic_t info{};
      if (const zx_status_t s = handles.Get(handle, &object, &info.rights); s != ZX_OK) return s;
      info.koid = object->koid();
      info.type = object->type();
      info.related_koid = object->related_koid();
      return out.One(info);
    }
    case ZX_INFO_HANDLE_COUNT: {
      std::shared_ptr<Dispatcher> object;
      zx_rights_t rights = 0;
      if (const zx_status_t s = handles.Get(handle, &object, &rights); s != ZX_OK) return s;
      if ((rights & ZX_RIGHT_INSPECT) == 0) return ZX_ERR_ACCESS_DENIED;
      return out.One(zx_info_handle_count_t{object->handle_count()});
    }
    case ZX_INFO_PROCESS_V1:
      return with(
          ZX_RIGHT_INSPECT, [&](ProcessDispatcher& p) { return out.One(ProcessInfo(p)); }, process);
    case ZX_INFO_PROCESS_V2:
      return with(
          ZX_RIGHT_INSPECT, [&](ProcessDispatcher& p) { return out.One(ProcessInfoV2(p)); }, process);
    case ZX_INFO_PROCESS_THREADS:
      return with(
          ZX_RIGHT_ENUMERATE, [&](ProcessDispatcher& p) { return out.Many(Koids(p.threads())); }, process);
    case ZX_INFO_PROCESS_HANDLE_STATS:
      return with(
          ZX_RIGHT_INSPECT,
          [&](ProcessDispatcher& p) {
            zx_info_process_handle_stats_t stats{};
            for (const auto& entry : p.handles().Entries()) ++stats.handle_count[entry.object->type()];
            return out.One(stats);
          },
          process);
    case ZX_INFO_TASK_STATS:
      return with(
          ZX_RIGHT_INSPECT,
          [&](ProcessDispatcher& p) { return HasExited(p) ? ZX_ERR_BAD_STATE : out.One(TaskStats(p)); }, process);
    case ZX_INFO_HANDLE_TABLE:
      return with(
          ZX_RIGHT_INSPECT | ZX_RIGHT_MANAGE_PROCESS | ZX_RIGHT_MANAGE_THREAD,
          [&](ProcessDispatcher& p) { return out.Many(Handles(p)); }, process);
    case ZX_INFO_PROCESS_MAPS:
    case ZX_INFO_PROCESS_VMOS_V1:
    case ZX_INFO_PROCESS_VMOS:
      return with(
          ZX_RIGHT_INSPECT | ZX_RIGHT_READ,
          [&](ProcessDispatcher& p) {
            // The answer goes to the caller's memory: about itself it would be wrong before it is read.
            if (&p == &caller.process) return ZX_ERR_ACCESS_DENIED;
            if (HasExited(p)) return ZX_ERR_BAD_STATE;
            if (topic == ZX_INFO_PROCESS_MAPS) return out.Many(Maps(p));
            return topic == ZX_INFO_PROCESS_VMOS ? out.Many(Vmos(p)) : out.Many(Version1(Vmos(p)));
          },
          process);
    case ZX_INFO_THREAD:
      return with(
          ZX_RIGHT_INSPECT, [&](ThreadDispatcher& t) { return out.One(ThreadInfo(t)); }, thread);
    case ZX_INFO_THREAD_STATS:
      return with(
          ZX_RIGHT_INSPECT,
          [&](ThreadDispatcher& t) {
            const uint32_t state = t.state();
            if (state == ZX_THREAD_STATE_DEAD || state == ZX_THREAD_STATE_DYING) return ZX_ERR_BAD_STATE;
            // Threads go where the host puts them, which it doesn't tell of another: the first processor stands for
            // all.
            zx_info_thread_stats_t info{};
            info.total_runtime = t.runtime();
            info.last_scheduled_cpu = state == ZX_THREAD_STATE_NEW ? ZX_INFO_INVALID_CPU : 0;
            return out.One(info);
          },
          thread);
    case ZX_INFO_TASK_RUNTIME_V1:
    case ZX_INFO_TASK_RUNTIME: {
      std::shared_ptr<Dispatcher> task;
      zx_rights_t rights = 0;
      if (const zx_status_t s = handles.Get(handle, &task, &rights); s != ZX_OK) return s;
      const auto runtime = RuntimeOf(task);
      if (!runtime.has_value()) return ZX_ERR_WRONG_TYPE;
      if ((rights & ZX_RIGHT_INSPECT) == 0) return ZX_ERR_ACCESS_DENIED;
      if (topic == ZX_INFO_TASK_RUNTIME_V1) return out.One(zx_info_task_runtime_v1_t{*runtime, 0});
      return out.One(zx_info_task_runtime_t{*runtime, 0, 0, 0});
    }
    case ZX_INFO_THREAD_EXCEPTION_REPORT:
      // Nothing waits in an exception: without exception channels an exception is the end of the process.
      return with(
          ZX_RIGHT_INSPECT, [](ThreadDispatcher&) { return ZX_ERR_BAD_STATE; }, thread);
    case ZX_INFO_VMAR:
      return with(
          ZX_RIGHT_INSPECT,
          [&](VmarDispatcher& v) {
            return out.One(zx_info_vmar_t{v.region().range().base.value(), v.region().range().size.value()});
          },
          vmar);
    case ZX_INFO_VMO_V1:
    case ZX_INFO_VMO: {
      std::shared_ptr<VmoDispatcher> vmo;
      zx_rights_t rights = 0;
      if (const zx_status_t s = handles.Get(handle, 0, &vmo, &rights); s != ZX_OK) return s;
      zx_info_vmo_t info = VmoInfo(*vmo->vmo());
      info.flags |= ZX_INFO_VMO_VIA_HANDLE;
      info.handle_rights = rights;
      return topic == ZX_INFO_VMO ? out.One(info) : out.One(Version1(info));
    }
    case ZX_INFO_JOB:
      return with(
          ZX_RIGHT_INSPECT,
          [&](JobDispatcher& j) {
            zx_info_job_t info{};
            info.kill_on_oom = j.kill_on_oom;
            info.exited = j.killed();
            info.return_code = j.killed() ? ZX_TASK_RETCODE_SYSCALL_KILL : 0;
            return out.One(info);
          },
          job);
    case ZX_INFO_JOB_CHILDREN:
      return with(
          ZX_RIGHT_ENUMERATE, [&](JobDispatcher&) { return out.Many(std::vector<zx_koid_t>()); }, job);
    case ZX_INFO_JOB_PROCESSES:
      return with(
          ZX_RIGHT_ENUMERATE, [&](JobDispatcher& j) { return out.Many(Koids(j.processes())); }, job);
    case ZX_INFO_RESOURCE:
    case ZX_INFO_BTI:
    case ZX_INFO_STREAM:
    case ZX_INFO_CPU_STATS:
    case ZX_INFO_KMEM_STATS:
    case ZX_INFO_KMEM_STATS_EXTENDED:
    case ZX_INFO_GUEST_STATS:
      return DeviceInfo(out, handle, topic);
    case ZX_INFO_SOCKET:
    case ZX_INFO_TIMER:
    case ZX_INFO_MSI: {
      // About objects of types that don't exist here.
      std::shared_ptr<Dispatcher> object;
      zx_rights_t rights = 0;
      const zx_status_t s = handles.Get(handle, &object, &rights);
      return s != ZX_OK ? s : ZX_ERR_WRONG_TYPE;
    }
    default:
      return ZX_ERR_NOT_SUPPORTED;
  }
}

}  // namespace sys
}  // namespace zirconia::kernel
