// What the parts of the guest runtime share.
#ifndef ZIRCONIA_GUEST_INTERNAL_H_
#define ZIRCONIA_GUEST_INTERNAL_H_

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <zircon/syscalls.h>
#include <zircon/types.h>

// A mutex of one word: 0 free, 1 held, 2 held and somebody waits. Zero-initialized is free.
typedef struct {
  zx_futex_t word;
} guest_lock_t;
void guest_lock(guest_lock_t* lock);
void guest_unlock(guest_lock_t* lock);

// The thread control block, at the FS base. Compilers know the fixed offsets: 0x00 (the block's own address), 0x10 and
// 0x28 (stack guards of Zircon's and of Linux's compilers), 0x18 (Zircon's unsafe stack).
struct guest_thread {
  struct guest_thread* self;
  void* unused;
  uintptr_t zircon_stack_guard;
  uintptr_t unsafe_stack;
  void* unused2;
  uintptr_t linux_stack_guard;

  zx_handle_t handle;
  zx_handle_t region;       // the VMAR that holds stack and TLS; none for the first thread
  zx_futex_t detach_state;  // see threads.c
  int result;
  void* pointer_result;
  int (*start)(void*);
  void* (*pointer_start)(void*);
  void* argument;
  void** specific;  // values of thread-specific keys
  struct guest_destructor* destructors;
  struct guest_thread* next_dead;
  int error_number;
};

static inline struct guest_thread* guest_thread_self(void) {
  struct guest_thread* self;
  __asm__("mov %%fs:0, %0" : "=r"(self));
  return self;
}

// The executable's TLS segment as the program headers give it; size 0: none.
struct guest_tls_template {
  const void* image;
  size_t file_size;
  size_t memory_size;
  size_t alignment;
};
extern struct guest_tls_template guest_tls;

// The bytes that a control block and its TLS take, alignment included.
size_t guest_tls_block_size(void);
// Lays both out in zeroed memory of that size; the FS base of the thread is what it returns.
struct guest_thread* guest_tls_place(void* memory);

// What the bootstrap message held.
extern zx_handle_t guest_process_self, guest_thread_self_handle, guest_vmar_root, guest_job_default;

// Runs at thread end: C++ destructors of thread_local objects, then those of thread-specific values.
void guest_run_thread_destructors(struct guest_thread* self);
int guest_atexit(void (*function)(void*), void* argument);
void guest_flush_all(void);

// Writes to the console, all of it.
void guest_console_write(const char* bytes, size_t n);
// Reports a broken assumption of the runtime and ends the process. Needs neither TLS nor stdio.
void guest_panic(const char* message) __attribute__((__noreturn__));

// Where formatted output goes, piece by piece.
struct guest_sink {
  void (*put)(struct guest_sink* sink, const char* bytes, size_t n);
};
int guest_format(struct guest_sink* sink, const char* format, va_list arguments);
// A floating-point number's text (conversion f, e, g or a, or upper case) without sign and padding. `to` has room for
// GUEST_FLOAT_ROOM plus `precision` bytes. Returns the length.
#define GUEST_FLOAT_ROOM 340
int guest_format_float(char* to, double value, char conversion, int precision, int alternate);

#endif  // ZIRCONIA_GUEST_INTERNAL_H_
