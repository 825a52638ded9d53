// Topics of zx_object_get_info and their structures; properties; return codes of killed tasks.
#ifndef ZIRCONIA_ABI_ZIRCON_SYSCALLS_OBJECT_H_
#define ZIRCONIA_ABI_ZIRCON_SYSCALLS_OBJECT_H_

#include <zircon/types.h>

__BEGIN_CDECLS

// A topic's version stands in its upper four bits.
#define __ZX_INFO_TOPIC(t, v) ((zx_object_info_topic_t)((t) | ((v) << 28)))

typedef uint32_t zx_object_info_topic_t;
#define ZX_INFO_NONE ((zx_object_info_topic_t)0u)
#define ZX_INFO_HANDLE_VALID ((zx_object_info_topic_t)1u)              // no record
#define ZX_INFO_HANDLE_BASIC ((zx_object_info_topic_t)2u)              // zx_info_handle_basic_t[1]
#define ZX_INFO_PROCESS_V1 __ZX_INFO_TOPIC(3u, 0u)                     // zx_info_process_t[1]
#define ZX_INFO_PROCESS_V2 __ZX_INFO_TOPIC(3u, 1u)                     // zx_info_process_v2_t[1]
#define ZX_INFO_PROCESS ZX_INFO_PROCESS_V1                             // zx_info_process_t[1]
#define ZX_INFO_PROCESS_THREADS ((zx_object_info_topic_t)4u)           // zx_koid_t[n]
#define ZX_INFO_VMAR ((zx_object_info_topic_t)7u)                      // zx_info_vmar_t[1]
#define ZX_INFO_JOB_CHILDREN ((zx_object_info_topic_t)8u)              // zx_koid_t[n]
#define ZX_INFO_JOB_PROCESSES ((zx_object_info_topic_t)9u)             // zx_koid_t[n]
#define ZX_INFO_THREAD ((zx_object_info_topic_t)10u)                   // zx_info_thread_t[1]
#define ZX_INFO_THREAD_EXCEPTION_REPORT ((zx_object_info_topic_t)11u)  // zx_exception_report_t[1]
#define ZX_INFO_TASK_STATS ((zx_object_info_topic_t)12u)               // zx_info_task_stats_t[1]
#define ZX_INFO_PROCESS_MAPS ((zx_object_info_topic_t)13u)             // zx_info_maps_t[n]
#define ZX_INFO_PROCESS_VMOS_V1 __ZX_INFO_TOPIC(14u, 0u)               // zx_info_vmo_v1_t[n]
#define ZX_INFO_PROCESS_VMOS __ZX_INFO_TOPIC(14u, 1u)                  // zx_info_vmo_t[n]
#define ZX_INFO_THREAD_STATS ((zx_object_info_topic_t)15u)             // zx_info_thread_stats_t[1]
#define ZX_INFO_CPU_STATS ((zx_object_info_topic_t)16u)                // zx_info_cpu_stats_t[n]
#define ZX_INFO_KMEM_STATS ((zx_object_info_topic_t)17u)               // zx_info_kmem_stats_t[1]
#define ZX_INFO_RESOURCE ((zx_object_info_topic_t)18u)                 // zx_info_resource_t[1]
#define ZX_INFO_HANDLE_COUNT ((zx_object_info_topic_t)19u)             // zx_info_handle_count_t[1]
#define ZX_INFO_BTI ((zx_object_info_topic_t)20u)                      // zx_info_bti_t[1]
#define ZX_INFO_PROCESS_HANDLE_STATS ((zx_object_info_topic_t)21u)     // zx_info_process_handle_stats_t[1]
#define ZX_INFO_SOCKET ((zx_object_info_topic_t)22u)                   // zx_info_socket_t[1]
#define ZX_INFO_VMO_V1 __ZX_INFO_TOPIC(23u, 0u)                        // zx_info_vmo_v1_t[1]
#define ZX_INFO_VMO __ZX_INFO_TOPIC(23u, 1u)                           // zx_info_vmo_t[1]
#define ZX_INFO_JOB ((zx_object_info_topic_t)24u)                      // zx_info_job_t[1]
#define ZX_INFO_TIMER ((zx_object_info_topic_t)25u)                    // zx_info_timer_t[1]
#define ZX_INFO_STREAM ((zx_object_info_topic_t)26u)                   // zx_info_stream_t[1]
#define ZX_INFO_HANDLE_TABLE ((zx_object_info_topic_t)27u)             // zx_info_handle_extended_t[n]
#define ZX_INFO_MSI ((zx_object_info_topic_t)28u)                      // zx_info_msi_t[1]
#define ZX_INFO_GUEST_STATS ((zx_object_info_topic_t)29u)              // zx_info_guest_stats_t[n]
#define ZX_INFO_TASK_RUNTIME_V1 __ZX_INFO_TOPIC(30u, 0u)               // zx_info_task_runtime_v1_t[1]
#define ZX_INFO_TASK_RUNTIME __ZX_INFO_TOPIC(30u, 1u)                  // zx_info_task_runtime_t[1]
#define ZX_INFO_KMEM_STATS_EXTENDED ((zx_object_info_topic_t)31u)      // zx_info_kmem_stats_extended_t[1]

// Return codes of tasks that were killed.
#define ZX_TASK_RETCODE_SYSCALL_KILL ((int64_t)-1024)
#define ZX_TASK_RETCODE_OOM_KILL ((int64_t)-1025)
#define ZX_TASK_RETCODE_POLICY_KILL ((int64_t)-1026)
#define ZX_TASK_RETCODE_VDSO_KILL ((int64_t)-1027)
#define ZX_TASK_RETCODE_EXCEPTION_KILL ((int64_t)-1028)
#define ZX_TASK_RETCODE_CRITICAL_PROCESS_KILL ((int64_t)-1029)

#define ZX_INFO_INVALID_CPU ((uint32_t)0xFFFFFFFFu)

// ---- Any object

typedef struct zx_info_handle_basic {
  zx_koid_t koid;
  zx_rights_t rights;
  zx_obj_type_t type;
  zx_koid_t related_koid;  // the peer's, or the parent's; never changes; 0: none
  uint32_t reserved;
  uint8_t padding1[4];
} zx_info_handle_basic_t;

typedef struct zx_info_handle_extended {
  zx_obj_type_t type;
  zx_handle_t handle_value;  // in the process that was asked about
  zx_rights_t rights;
  uint32_t reserved;
  zx_koid_t koid;
  zx_koid_t related_koid;
  zx_koid_t peer_owner_koid;
} zx_info_handle_extended_t;

typedef struct zx_info_handle_count {
  uint32_t handle_count;
} zx_info_handle_count_t;

typedef struct zx_info_process_handle_stats {
  uint32_t handle_count[ZX_OBJ_TYPE_UPPER_BOUND];  // by object type
} zx_info_process_handle_stats_t;

// ---- Tasks

typedef struct zx_info_process {
  int64_t return_code;  // if `exited`
  bool started;
  bool exited;
  bool debugger_attached;
  uint8_t padding1[5];
} zx_info_process_t;

#define ZX_INFO_PROCESS_FLAG_STARTED ((uint32_t)1u << 0)
#define ZX_INFO_PROCESS_FLAG_EXITED ((uint32_t)1u << 1)
#define ZX_INFO_PROCESS_FLAG_DEBUGGER_ATTACHED ((uint32_t)1u << 2)

typedef struct zx_info_process_v2 {
  int64_t return_code;
  zx_time_t start_time;
  uint32_t flags;  // ZX_INFO_PROCESS_FLAG_*
  uint8_t padding1[4];
} zx_info_process_v2_t;

typedef struct zx_info_job {
  int64_t return_code;
  bool exited;
  bool kill_on_oom;
  bool debugger_attached;
  uint8_t padding1[5];
} zx_info_job_t;

typedef uint32_t zx_thread_state_t;

typedef struct zx_info_thread {
  zx_thread_state_t state;
  uint32_t wait_exception_channel_type;  // ZX_EXCEPTION_CHANNEL_TYPE_*
  zx_cpu_set_t cpu_affinity_mask;
} zx_info_thread_t;

typedef struct zx_info_thread_stats {
  zx_duration_t total_runtime;
  uint32_t last_scheduled_cpu;
  uint8_t padding1[4];
} zx_info_thread_stats_t;

typedef struct zx_info_task_stats {
  size_t mem_mapped_bytes;
  size_t mem_private_bytes;        // committed, mapped by this task only
  size_t mem_shared_bytes;         // committed, mapped by others too
  size_t mem_scaled_shared_bytes;  // each shared byte divided by the number of tasks that map it
} zx_info_task_stats_t;

typedef struct zx_info_task_runtime {
  zx_duration_t cpu_time;
  zx_duration_t queue_time;
  zx_duration_t page_fault_time;
  zx_duration_t lock_contention_time;
} zx_info_task_runtime_t;

typedef struct zx_info_task_runtime_v1 {
  zx_duration_t cpu_time;
  zx_duration_t queue_time;
} zx_info_task_runtime_v1_t;

// ---- Memory

typedef struct zx_info_vmar {
  uintptr_t base;
  size_t len;
} zx_info_vmar_t;

typedef struct zx_info_maps_mapping {
  zx_vm_option_t mmu_flags;  // ZX_VM_PERM_*
  uint8_t padding1[4];
  zx_koid_t vmo_koid;
  uint64_t vmo_offset;
  size_t committed_pages;
} zx_info_maps_mapping_t;

typedef uint32_t zx_info_maps_type_t;
#define ZX_INFO_MAPS_TYPE_NONE ((zx_info_maps_type_t)0u)
#define ZX_INFO_MAPS_TYPE_ASPACE ((zx_info_maps_type_t)1u)
#define ZX_INFO_MAPS_TYPE_VMAR ((zx_info_maps_type_t)2u)
#define ZX_INFO_MAPS_TYPE_MAPPING ((zx_info_maps_type_t)3u)

// A node of the address space; nodes come in depth-first order, parents first.
typedef struct zx_info_maps {
  char name[ZX_MAX_NAME_LEN];
  zx_vaddr_t base;
  size_t size;
  size_t depth;
  zx_info_maps_type_t type;
  uint8_t padding1[4];
  union {
    zx_info_maps_mapping_t mapping;
  } u;
} zx_info_maps_t;

#define ZX_INFO_VMO_TYPE_PHYSICAL ((uint32_t)0u << 0)
#define ZX_INFO_VMO_TYPE_PAGED ((uint32_t)1u << 0)
#define ZX_INFO_VMO_TYPE(flags) ((flags) & (1u << 0))
#define ZX_INFO_VMO_RESIZABLE ((uint32_t)1u << 1)
#define ZX_INFO_VMO_IS_COW_CLONE ((uint32_t)1u << 2)
#define ZX_INFO_VMO_VIA_HANDLE ((uint32_t)1u << 3)
#define ZX_INFO_VMO_VIA_MAPPING ((uint32_t)1u << 4)
#define ZX_INFO_VMO_PAGER_BACKED ((uint32_t)1u << 5)
#define ZX_INFO_VMO_CONTIGUOUS ((uint32_t)1u << 6)
#define ZX_INFO_VMO_DISCARDABLE ((uint32_t)1u << 7)
#define ZX_INFO_VMO_IMMUTABLE ((uint32_t)1u << 8)

typedef struct zx_info_vmo {
  zx_koid_t koid;
  char name[ZX_MAX_NAME_LEN];
  uint64_t size_bytes;
  zx_koid_t parent_koid;
  size_t num_children;
  size_t num_mappings;
  size_t share_count;  // address spaces that map it
  uint32_t flags;      // ZX_INFO_VMO_*
  uint8_t padding1[4];
  uint64_t committed_bytes;
  zx_rights_t handle_rights;  // if ZX_INFO_VMO_VIA_HANDLE
  uint32_t cache_policy;
  uint64_t metadata_bytes;
  uint64_t committed_change_events;
} zx_info_vmo_t;

typedef struct zx_info_vmo_v1 {
  zx_koid_t koid;
  char name[ZX_MAX_NAME_LEN];
  uint64_t size_bytes;
  zx_koid_t parent_koid;
  size_t num_children;
  size_t num_mappings;
  size_t share_count;
  uint32_t flags;
  uint8_t padding1[4];
  uint64_t committed_bytes;
  zx_rights_t handle_rights;
  uint32_t cache_policy;
} zx_info_vmo_v1_t;

// ---- Other objects

typedef struct zx_info_timer {
  uint32_t options;
  uint8_t padding1[4];
  zx_time_t deadline;  // 0: not set
  zx_duration_t slack;
} zx_info_timer_t;

typedef struct zx_info_stream {
  uint32_t options;
  uint8_t padding1[4];
  zx_off_t seek;
  uint64_t content_size;
} zx_info_stream_t;

typedef struct zx_info_socket {
  uint32_t options;
  uint8_t padding1[4];
  size_t rx_buf_max;
  size_t rx_buf_size;
  size_t rx_buf_available;
  size_t tx_buf_max;
  size_t tx_buf_size;
} zx_info_socket_t;

typedef struct zx_info_bti {
  uint64_t minimum_contiguity;
  uint64_t aspace_size;
  uint64_t pmo_count;
  uint64_t quarantine_count;
} zx_info_bti_t;

typedef struct zx_info_resource {
  uint32_t kind;
  uint32_t flags;
  uint64_t base;
  size_t size;
  char name[ZX_MAX_NAME_LEN];
} zx_info_resource_t;

// ---- The system

#define ZX_INFO_CPU_STATS_FLAG_ONLINE ((uint32_t)1u << 0)

typedef struct zx_info_cpu_stats {
  uint32_t cpu_number;
  uint32_t flags;
  zx_duration_t idle_time;
  uint64_t reschedules;
  uint64_t context_switches;
  uint64_t irq_preempts;
  uint64_t preempts;
  uint64_t yields;
  uint64_t ints;
  uint64_t timer_ints;
  uint64_t timers;
  uint64_t page_faults;
  uint64_t exceptions;
  uint64_t syscalls;
  uint64_t reschedule_ipis;
  uint64_t generic_ipis;
} zx_info_cpu_stats_t;

typedef struct zx_info_kmem_stats {
  uint64_t total_bytes;
  uint64_t free_bytes;
  uint64_t wired_bytes;
  uint64_t total_heap_bytes;
  uint64_t free_heap_bytes;
  uint64_t vmo_bytes;
  uint64_t mmu_overhead_bytes;
  uint64_t ipc_bytes;
  uint64_t other_bytes;
} zx_info_kmem_stats_t;

typedef struct zx_info_kmem_stats_extended {
  uint64_t total_bytes;
  uint64_t free_bytes;
  uint64_t wired_bytes;
  uint64_t total_heap_bytes;
  uint64_t free_heap_bytes;
  uint64_t vmo_bytes;
  uint64_t vmo_pager_total_bytes;
  uint64_t vmo_pager_newest_bytes;
  uint64_t vmo_pager_oldest_bytes;
  uint64_t vmo_discardable_locked_bytes;
  uint64_t vmo_discardable_unlocked_bytes;
  uint64_t mmu_overhead_bytes;
  uint64_t ipc_bytes;
  uint64_t other_bytes;
} zx_info_kmem_stats_extended_t;

// ---- Properties

#define ZX_PROP_REGISTER_GS ((uint32_t)2u)                  // uintptr_t
#define ZX_PROP_NAME ((uint32_t)3u)                         // char[ZX_MAX_NAME_LEN]
#define ZX_PROP_REGISTER_FS ((uint32_t)4u)                  // uintptr_t
#define ZX_PROP_PROCESS_DEBUG_ADDR ((uint32_t)5u)           // uintptr_t
#define ZX_PROP_PROCESS_VDSO_BASE_ADDRESS ((uint32_t)6u)    // uintptr_t
#define ZX_PROP_PROCESS_BREAK_ON_LOAD ((uint32_t)7u)        // uintptr_t
#define ZX_PROP_PROCESS_HW_TRACE_CONTEXT_ID ((uint32_t)8u)  // uintptr_t
#define ZX_PROP_SOCKET_RX_THRESHOLD ((uint32_t)12u)         // size_t
#define ZX_PROP_SOCKET_TX_THRESHOLD ((uint32_t)13u)         // size_t
#define ZX_PROP_JOB_KILL_ON_OOM ((uint32_t)15u)             // size_t
#define ZX_PROP_EXCEPTION_STATE ((uint32_t)16u)             // uint32_t
#define ZX_PROP_VMO_CONTENT_SIZE ((uint32_t)17u)            // uint64_t
#define ZX_PROP_EXCEPTION_STRATEGY ((uint32_t)18u)          // uint32_t

#define ZX_PROCESS_DEBUG_ADDR_BREAK_ON_SET ((uintptr_t)1u)

#define ZX_EXCEPTION_STATE_TRY_NEXT ((uint32_t)0u)
#define ZX_EXCEPTION_STATE_HANDLED ((uint32_t)1u)
#define ZX_EXCEPTION_STATE_THREAD_EXIT ((uint32_t)2u)

#define ZX_EXCEPTION_STRATEGY_FIRST_CHANCE ((uint32_t)0u)
#define ZX_EXCEPTION_STRATEGY_SECOND_CHANCE ((uint32_t)1u)

// ---- Thread states; the low byte is the basic state.

#define ZX_THREAD_STATE_NEW ((zx_thread_state_t)0x0000u)
#define ZX_THREAD_STATE_RUNNING ((zx_thread_state_t)0x0001u)
#define ZX_THREAD_STATE_SUSPENDED ((zx_thread_state_t)0x0002u)
#define ZX_THREAD_STATE_BLOCKED ((zx_thread_state_t)0x0003u)
#define ZX_THREAD_STATE_DYING ((zx_thread_state_t)0x0004u)
#define ZX_THREAD_STATE_DEAD ((zx_thread_state_t)0x0005u)
#define ZX_THREAD_STATE_BLOCKED_EXCEPTION ((zx_thread_state_t)0x0103u)
#define ZX_THREAD_STATE_BLOCKED_SLEEPING ((zx_thread_state_t)0x0203u)
#define ZX_THREAD_STATE_BLOCKED_FUTEX ((zx_thread_state_t)0x0303u)
#define ZX_THREAD_STATE_BLOCKED_PORT ((zx_thread_state_t)0x0403u)
#define ZX_THREAD_STATE_BLOCKED_CHANNEL ((zx_thread_state_t)0x0503u)
#define ZX_THREAD_STATE_BLOCKED_WAIT_ONE ((zx_thread_state_t)0x0603u)
#define ZX_THREAD_STATE_BLOCKED_WAIT_MANY ((zx_thread_state_t)0x0703u)
#define ZX_THREAD_STATE_BLOCKED_INTERRUPT ((zx_thread_state_t)0x0803u)
#define ZX_THREAD_STATE_BLOCKED_PAGER ((zx_thread_state_t)0x0903u)
#define ZX_THREAD_STATE_BASIC(n) ((n)&0xff)

__END_CDECLS

#endif  // ZIRCONIA_ABI_ZIRCON_SYSCALLS_OBJECT_H_
