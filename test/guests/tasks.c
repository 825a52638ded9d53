// Processes and threads as objects: children, kills, waits, what a failed call takes with it.
#include <elf.h>
#include <stdint.h>
#include <string.h>
#include <threads.h>
#include <zircon/process.h>
#include <zircon/processargs.h>
#include <zircon/syscalls.h>
#include <zircon/syscalls/object.h>

#include "check.h"

#define PAGES(n) ((size_t)(n) << 12)

static zx_handle_t vdso_vmo;
static uint64_t vdso_code, vdso_code_size;

// The value of a symbol of the vDSO: its offset from the vDSO's base.
static uint64_t vdso_symbol(const char* name) {
  uint64_t base = 0;
  zx_object_get_property(zx_process_self(), ZX_PROP_PROCESS_VDSO_BASE_ADDRESS, &base, sizeof(base));
  const Elf64_Ehdr* header = (const Elf64_Ehdr*)base;
  const Elf64_Phdr* segments = (const Elf64_Phdr*)(base + header->e_phoff);
  const Elf64_Sym* symbols = NULL;
  const char* strings = NULL;
  const uint32_t* hash = NULL;
  for (int i = 0; i < header->e_phnum; ++i) {
    if (segments[i].p_type == PT_LOAD && (segments[i].p_flags & 1) != 0) {
      vdso_code = segments[i].p_vaddr;
      vdso_code_size = (segments[i].p_memsz + PAGES(1) - 1) & ~(PAGES(1) - 1);
    }
    if (segments[i].p_type != PT_DYNAMIC) continue;
    for (const Elf64_Dyn* d = (const Elf64_Dyn*)(base + segments[i].p_vaddr); d->d_tag != DT_NULL; ++d) {
      if (d->d_tag == DT_SYMTAB) symbols = (const Elf64_Sym*)(base + d->d_un.d_ptr);
      if (d->d_tag == DT_STRTAB) strings = (const char*)(base + d->d_un.d_ptr);
      if (d->d_tag == DT_HASH) hash = (const uint32_t*)(base + d->d_un.d_ptr);
    }
  }
  for (uint32_t i = 0; hash != NULL && i < hash[1]; ++i) {
    if (strcmp(strings + symbols[i].st_name, name) == 0) return symbols[i].st_value;
  }
  return 0;
}

struct child {
  zx_handle_t process, vmar, thread;
  zx_vaddr_t code, stack, vdso;
};

static zx_vaddr_t map_vdso(zx_handle_t vmar) {
  zx_handle_t region = ZX_HANDLE_INVALID;
  zx_vaddr_t base = 0, address = 0;
  EXPECT_OK(zx_vmar_allocate(vmar, ZX_VM_CAN_MAP_READ | ZX_VM_CAN_MAP_EXECUTE | ZX_VM_CAN_MAP_SPECIFIC, 0,
                             vdso_code + vdso_code_size, &region, &base));
  EXPECT_OK(zx_vmar_map(region, ZX_VM_PERM_READ | ZX_VM_SPECIFIC, 0, vdso_vmo, 0, vdso_code, &address));
  const zx_vm_option_t code = ZX_VM_PERM_READ | ZX_VM_PERM_EXECUTE | ZX_VM_SPECIFIC;
  // A failed call leaves no code behind, or the next couldn't map it.
  EXPECT_STATUS(zx_vmar_map(region, code, vdso_code, vdso_vmo, vdso_code, vdso_code_size, NULL), ZX_ERR_INVALID_ARGS);
  EXPECT_OK(zx_vmar_map(region, code, vdso_code, vdso_vmo, vdso_code, vdso_code_size, &address));
  EXPECT_STATUS(zx_vmar_destroy(region), ZX_ERR_ACCESS_DENIED);
  zx_handle_close(region);
  return base;
}

// A process with this code, a stack and the vDSO; its first thread isn't started.
static void make_child(struct child* c, const void* code, size_t size) {
  zx_handle_t vmo = ZX_HANDLE_INVALID;
  EXPECT_OK(zx_process_create(zx_job_default(), "child", 5, 0, &c->process, &c->vmar));
  EXPECT_OK(zx_vmo_create(size, 0, &vmo));
  EXPECT_OK(zx_vmo_write(vmo, code, 0, size));
  EXPECT_OK(zx_vmo_replace_as_executable(vmo, ZX_HANDLE_INVALID, &vmo));
  EXPECT_OK(zx_vmar_map(c->vmar, ZX_VM_PERM_READ | ZX_VM_PERM_EXECUTE, 0, vmo, 0, size, &c->code));
  zx_handle_close(vmo);
  EXPECT_OK(zx_vmo_create(PAGES(1), 0, &vmo));
  EXPECT_OK(zx_vmar_map(c->vmar, ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, PAGES(1), &c->stack));
  zx_handle_close(vmo);
  c->vdso = map_vdso(c->vmar);
  EXPECT_OK(zx_thread_create(c->process, "first", 5, 0, &c->thread));
}

static void close_child(struct child* c) {
  const zx_handle_t handles[] = {c->process, c->vmar, c->thread};
  EXPECT_OK(zx_handle_close_many(handles, 3));
}

static zx_status_t start_child(struct child* c, zx_handle_t arg1, uintptr_t arg2) {
  return zx_process_start(c->process, c->thread, c->code, c->stack + PAGES(1) - 8, arg1, arg2);
}

static int64_t code_of_dead(struct child* c) {
  EXPECT_OK(zx_object_wait_one(c->process, ZX_PROCESS_TERMINATED, zx_deadline_after(ZX_SEC(60)), NULL));
  zx_info_process_t info = {0};
  EXPECT_OK(zx_object_get_info(c->process, ZX_INFO_PROCESS, &info, sizeof(info), NULL, NULL));
  EXPECT(info.started && info.exited);
  return info.return_code;
}

// mov $42, %edi; call *%rsi
static const unsigned char call_with_42[] = {0xbf, 42, 0, 0, 0, 0xff, 0xd6};
// jmp .
static const unsigned char spin[] = {0xeb, 0xfe};
// mov $0x7fffffffffffffff, %rdi; call *%rsi; jmp back
static const unsigned char call_with_infinite[] = {0x48, 0xbf, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                   0xff, 0xff, 0x7f, 0xff, 0xd6, 0xeb, 0xf2};

static void a_child_process_ends_by_itself(void) {
  struct child c = {0};
  make_child(&c, call_with_42, sizeof(call_with_42));
  zx_handle_t ours = ZX_HANDLE_INVALID, theirs = ZX_HANDLE_INVALID;
  EXPECT_OK(zx_channel_create(0, &ours, &theirs));
  EXPECT_OK(start_child(&c, theirs, c.vdso + vdso_symbol("zx_process_exit")));
  EXPECT(code_of_dead(&c) == 42);
  // Its handles went with it.
  EXPECT_OK(zx_object_wait_one(ours, ZX_CHANNEL_PEER_CLOSED, zx_deadline_after(ZX_SEC(60)), NULL));
  zx_handle_close(ours);
  EXPECT_STATUS(start_child(&c, ZX_HANDLE_INVALID, 0), ZX_ERR_BAD_STATE);
  close_child(&c);
}

static void a_child_process_is_killed_wherever_it_is(void) {
  for (int i = 0; i < 20; ++i) {
    struct child c = {0};
    if (i % 2 == 0) {
      make_child(&c, spin, sizeof(spin));
      EXPECT_OK(start_child(&c, ZX_HANDLE_INVALID, 0));
    } else {
      make_child(&c, call_with_infinite, sizeof(call_with_infinite));
      EXPECT_OK(start_child(&c, ZX_HANDLE_INVALID, c.vdso + vdso_symbol("zx_nanosleep")));
    }
    if (i % 4 >= 2) zx_nanosleep(zx_deadline_after(ZX_MSEC(1)));
    EXPECT_OK(zx_task_kill(c.process));
    EXPECT(code_of_dead(&c) == ZX_TASK_RETCODE_SYSCALL_KILL);
    close_child(&c);
  }
}

static void starting_takes_its_argument_in_any_case(void) {
  struct child c = {0};
  make_child(&c, spin, sizeof(spin));
  zx_handle_t event = ZX_HANDLE_INVALID;
  EXPECT_OK(zx_event_create(0, &event));
  EXPECT_STATUS(zx_process_start(c.process, c.process, c.code, c.stack, event, 0), ZX_ERR_WRONG_TYPE);
  EXPECT_STATUS(zx_handle_close(event), ZX_ERR_BAD_HANDLE);
  zx_info_process_t info = {0};
  EXPECT_OK(zx_object_get_info(c.process, ZX_INFO_PROCESS, &info, sizeof(info), NULL, NULL));
  EXPECT(!info.started);
  // A process may be given its own handle.
  zx_handle_t own = c.process;
  EXPECT_OK(zx_handle_duplicate(own, ZX_RIGHT_SAME_RIGHTS, &c.process));
  EXPECT_OK(zx_process_start(own, c.thread, c.code, c.stack, own, 0));
  EXPECT_STATUS(zx_handle_close(own), ZX_ERR_BAD_HANDLE);
  EXPECT_OK(zx_task_kill(c.process));
  EXPECT(code_of_dead(&c) == ZX_TASK_RETCODE_SYSCALL_KILL);
  close_child(&c);
}

static void memory_of_a_process_needs_both_rights_to_be_read(void) {
  struct child c = {0};
  make_child(&c, spin, sizeof(spin));
  unsigned char bytes[2] = {0};
  size_t actual = 0;
  EXPECT_OK(zx_process_read_memory(c.process, c.code, bytes, 2, &actual));
  EXPECT(actual == 2 && memcmp(bytes, spin, 2) == 0);
  zx_handle_t reader = ZX_HANDLE_INVALID;
  EXPECT_OK(zx_handle_duplicate(c.process, ZX_RIGHT_READ, &reader));
  EXPECT_STATUS(zx_process_read_memory(reader, c.code, bytes, 2, &actual), ZX_ERR_ACCESS_DENIED);
  zx_handle_close(reader);
  close_child(&c);
}

static void nobody_writes_to_the_vdso(void) {
  struct child c = {0};
  make_child(&c, spin, sizeof(spin));
  unsigned char before = 0, after = 0;
  size_t actual = 0;
  for (uint64_t at = 0; at <= vdso_code; at += vdso_code) {
    EXPECT_OK(zx_process_read_memory(c.process, c.vdso + at, &before, 1, &actual));
    const unsigned char other = (unsigned char)~before;
    EXPECT_STATUS(zx_process_write_memory(c.process, c.vdso + at, &other, 1, &actual), ZX_ERR_ACCESS_DENIED);
    EXPECT_OK(zx_process_read_memory(c.process, c.vdso + at, &after, 1, &actual));
    EXPECT(before == after);
  }
  // Other code may be changed, as debuggers do.
  EXPECT_OK(zx_process_write_memory(c.process, c.code, &before, 1, &actual));
  close_child(&c);
}

static void a_thread_is_not_killed_alone(void) { EXPECT_STATUS(zx_task_kill(zx_thread_self()), ZX_ERR_WRONG_TYPE); }

static zx_handle_t event;
static int strobe(void* argument) {
  (void)argument;
  zx_nanosleep(zx_deadline_after(ZX_MSEC(5)));
  zx_object_signal(event, 0, ZX_USER_SIGNAL_3);
  zx_object_signal(event, ZX_USER_SIGNAL_3, 0);
  return 0;
}
static int close_event(void* argument) {
  (void)argument;
  zx_nanosleep(zx_deadline_after(ZX_MSEC(5)));
  zx_handle_close(event);
  return 0;
}

static void a_wait_shows_the_signals_that_ended_it(void) {
  thrd_t thread;
  zx_signals_t observed = 0;
  EXPECT_OK(zx_event_create(0, &event));
  EXPECT(thrd_create(&thread, strobe, NULL) == thrd_success);
  EXPECT_OK(zx_object_wait_one(event, ZX_USER_SIGNAL_3, ZX_TIME_INFINITE, &observed));
  EXPECT((observed & ZX_USER_SIGNAL_3) != 0);
  thrd_join(thread, NULL);
  EXPECT(thrd_create(&thread, close_event, NULL) == thrd_success);
  EXPECT_STATUS(zx_object_wait_one(event, ZX_USER_SIGNAL_3, ZX_TIME_INFINITE, &observed), ZX_ERR_CANCELED);
  EXPECT((observed & ZX_SIGNAL_HANDLE_CLOSED) != 0);
  thrd_join(thread, NULL);
}

static zx_futex_t word;
static int wait_for_word(void* argument) {
  *(zx_handle_t*)argument = zx_thread_self();
  zx_futex_wait(&word, 0, ZX_HANDLE_INVALID, ZX_TIME_INFINITE);
  return 0;
}

static void a_futex_looks_at_the_word_before_the_owner(void) {
  zx_handle_t thread = ZX_HANDLE_INVALID;
  EXPECT_OK(zx_thread_create(zx_process_self(), "new", 3, 0, &thread));
  EXPECT_STATUS(zx_futex_wait(&word, 1, 7, ZX_TIME_INFINITE), ZX_ERR_BAD_STATE);
  EXPECT_STATUS(zx_futex_wait(&word, 0, 7, ZX_TIME_INFINITE), ZX_ERR_BAD_HANDLE);
  EXPECT_STATUS(zx_futex_wait(&word, 0, zx_process_self(), ZX_TIME_INFINITE), ZX_ERR_WRONG_TYPE);
  EXPECT_STATUS(zx_futex_wait(&word, 0, zx_thread_self(), ZX_TIME_INFINITE), ZX_ERR_INVALID_ARGS);
  EXPECT_STATUS(zx_futex_wait(&word, 0, thread, ZX_TIME_INFINITE), ZX_ERR_INVALID_ARGS);
  zx_handle_close(thread);

  // Who waits there can't own it.
  static volatile zx_handle_t waiter;
  thrd_t waiting;
  EXPECT(thrd_create(&waiting, wait_for_word, (void*)&waiter) == thrd_success);
  zx_info_thread_t info = {0};
  while (info.state != ZX_THREAD_STATE_BLOCKED_FUTEX) {
    zx_nanosleep(zx_deadline_after(ZX_MSEC(1)));
    if (waiter != ZX_HANDLE_INVALID) zx_object_get_info(waiter, ZX_INFO_THREAD, &info, sizeof(info), NULL, NULL);
  }
  EXPECT_STATUS(zx_futex_wait(&word, 0, waiter, zx_deadline_after(ZX_SEC(5))), ZX_ERR_INVALID_ARGS);
  word = 1;
  zx_futex_wake(&word, 1);
  thrd_join(waiting, NULL);
}

static void a_failed_write_takes_all_its_handles(void) {
  zx_handle_t a = ZX_HANDLE_INVALID, b = ZX_HANDLE_INVALID, other = ZX_HANDLE_INVALID;
  EXPECT_OK(zx_channel_create(0, &a, &b));
  EXPECT_OK(zx_event_create(0, &other));
  const zx_handle_t handles[] = {other, a, other};
  EXPECT_STATUS(zx_channel_write(a, 0, NULL, 0, handles, 3), ZX_ERR_BAD_HANDLE);
  EXPECT_STATUS(zx_handle_close(other), ZX_ERR_BAD_HANDLE);
  EXPECT_STATUS(zx_handle_close(a), ZX_ERR_BAD_HANDLE);
  EXPECT_OK(zx_object_wait_one(b, ZX_CHANNEL_PEER_CLOSED, 0, NULL));
  zx_handle_close(b);
}

static void random_bytes_come_in_any_number(void) {
  static unsigned char bytes[PAGES(2)];
  zx_cprng_draw(NULL, 0);
  zx_cprng_draw(bytes + 1, sizeof(bytes) - 2);
  int zeros = 0;
  for (size_t i = 1; i < sizeof(bytes) - 1; ++i) zeros += bytes[i] == 0;
  EXPECT(zeros < 200);
  EXPECT(bytes[0] == 0 && bytes[sizeof(bytes) - 1] == 0);
}

static void the_root_vmar_stays(void) { EXPECT_STATUS(zx_vmar_destroy(zx_vmar_root_self()), ZX_ERR_NOT_SUPPORTED); }

static void a_new_vmo_has_no_children(void) {
  zx_handle_t vmo = ZX_HANDLE_INVALID;
  EXPECT_OK(zx_vmo_create(0, 0, &vmo));
  EXPECT_OK(zx_object_wait_one(vmo, ZX_VMO_ZERO_CHILDREN, 0, NULL));
  zx_handle_close(vmo);
}

int main(void) {
  vdso_vmo = zx_take_startup_handle(PA_HND(PA_VMO_VDSO, 0));
  vdso_symbol("");
  RUN(a_child_process_ends_by_itself);
  RUN(a_child_process_is_killed_wherever_it_is);
  RUN(starting_takes_its_argument_in_any_case);
  RUN(memory_of_a_process_needs_both_rights_to_be_read);
  RUN(nobody_writes_to_the_vdso);
  RUN(a_thread_is_not_killed_alone);
  RUN(a_wait_shows_the_signals_that_ended_it);
  RUN(a_futex_looks_at_the_word_before_the_owner);
  RUN(a_failed_write_takes_all_its_handles);
  RUN(random_bytes_come_in_any_number);
  RUN(the_root_vmar_stays);
  RUN(a_new_vmo_has_no_children);
  return failures;
}
