// From _start to main: relocates the program, connects it to the vDSO, reads the bootstrap message, sets up the first
// thread.
//
// Until guest_thread_init has run there is no TLS: nothing here may use errno, a thread-local or the stack protector,
// and until `relocate` has run nothing may go through a relocated pointer.
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <zircon/process.h>
#include <zircon/processargs.h>

#include "internal.h"

extern const Elf64_Ehdr __ehdr_start __attribute__((__visibility__("hidden")));

typedef void (*initializer_t)(int, char**, char**);
extern initializer_t __preinit_array_start[] __attribute__((__visibility__("hidden")));
extern initializer_t __preinit_array_end[] __attribute__((__visibility__("hidden")));
extern initializer_t __init_array_start[] __attribute__((__visibility__("hidden")));
extern initializer_t __init_array_end[] __attribute__((__visibility__("hidden")));
extern void (*__fini_array_start[])(void) __attribute__((__visibility__("hidden")));
extern void (*__fini_array_end[])(void) __attribute__((__visibility__("hidden")));
extern const Elf64_Rela __rela_iplt_start[] __attribute__((__weak__, __visibility__("hidden")));
extern const Elf64_Rela __rela_iplt_end[] __attribute__((__weak__, __visibility__("hidden")));

int main(int argc, char** argv, char** envp);

char** environ;
void* __dso_handle __attribute__((__visibility__("hidden"))) = NULL;

// ---- Relocation

static void apply_relr(uintptr_t bias, const uint64_t* entries, size_t size) {
  uint64_t* where = NULL;
  for (size_t i = 0; i < size / sizeof(*entries); ++i) {
    uint64_t entry = entries[i];
    if ((entry & 1) == 0) {
      where = (uint64_t*)(bias + entry);
      *where++ += bias;
      continue;
    }
    for (size_t bit = 0; (entry >>= 1) != 0; ++bit)
      if (entry & 1) where[bit] += bias;
    where += 63;
  }
}

// Whether any relocation calls a function to learn its value; those wait until the vDSO is connected.
static void apply_indirect(uintptr_t bias, const Elf64_Rela* begin, const Elf64_Rela* end) {
  for (const Elf64_Rela* r = begin; r < end; ++r)
    if (ELF64_R_TYPE(r->r_info) == R_X86_64_IRELATIVE)
      *(uint64_t*)(bias + r->r_offset) = ((uint64_t(*)(void))(bias + (uintptr_t)r->r_addend))();
}

struct relocations {
  const Elf64_Rela *begin, *end;
};

static struct relocations relocate(uintptr_t bias, const Elf64_Dyn* dynamic) {
  struct relocations rela = {NULL, NULL};
  if (dynamic == NULL) return rela;
  const uint64_t* relr = NULL;
  size_t rela_size = 0, relr_size = 0;
  for (const Elf64_Dyn* d = dynamic; d->d_tag != DT_NULL; ++d) {
    switch (d->d_tag) {
      case DT_RELA:
        rela.begin = (const Elf64_Rela*)(bias + d->d_un.d_ptr);
        break;
      case DT_RELASZ:
        rela_size = d->d_un.d_val;
        break;
      case DT_RELR:
        relr = (const uint64_t*)(bias + d->d_un.d_ptr);
        break;
      case DT_RELRSZ:
        relr_size = d->d_un.d_val;
        break;
      default:
        break;
    }
  }
  rela.end = rela.begin + rela_size / sizeof(Elf64_Rela);
  apply_relr(bias, relr, relr_size);
  for (const Elf64_Rela* r = rela.begin; r < rela.end; ++r)
    if (ELF64_R_TYPE(r->r_info) == R_X86_64_RELATIVE) *(uint64_t*)(bias + r->r_offset) = bias + (uint64_t)r->r_addend;
  return rela;
}

// ---- The vDSO

extern uintptr_t guest_import_slots[] __attribute__((__visibility__("hidden")));
extern const char guest_import_names[] __attribute__((__visibility__("hidden")));

struct vdso {
  uintptr_t base;
  const uint32_t* hash;  // DT_HASH
  const Elf64_Sym* symbols;
  const char* strings;
};

static int same(const char* a, const char* b) {
  while (*a != '\0' && *a == *b) ++a, ++b;
  return *a == *b;
}

static uintptr_t find_symbol(const struct vdso* vdso, const char* name) {
  uint32_t hash = 0;
  for (const char* c = name; *c != '\0'; ++c) {
    hash = (hash << 4) + (unsigned char)*c;
    hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fffffff;
  }
  const uint32_t bucket_count = vdso->hash[0];
  const uint32_t* buckets = vdso->hash + 2;
  const uint32_t* chains = buckets + bucket_count;
  for (uint32_t i = buckets[hash % bucket_count]; i != STN_UNDEF; i = chains[i])
    if (same(name, vdso->strings + vdso->symbols[i].st_name)) return vdso->base + vdso->symbols[i].st_value;
  return 0;
}

// A call that this vDSO doesn't have: the stub jumps here.
static void missing_call(void) { __builtin_trap(); }

static void connect_vdso(uintptr_t base) {
  const Elf64_Ehdr* header = (const Elf64_Ehdr*)base;
  const Elf64_Phdr* segments = (const Elf64_Phdr*)(base + header->e_phoff);
  struct vdso vdso = {base, NULL, NULL, NULL};
  for (int i = 0; i < header->e_phnum; ++i) {
    if (segments[i].p_type != PT_DYNAMIC) continue;
    for (const Elf64_Dyn* d = (const Elf64_Dyn*)(base + segments[i].p_vaddr); d->d_tag != DT_NULL; ++d) {
      if (d->d_tag == DT_HASH) vdso.hash = (const uint32_t*)(base + d->d_un.d_ptr);
      if (d->d_tag == DT_SYMTAB) vdso.symbols = (const Elf64_Sym*)(base + d->d_un.d_ptr);
      if (d->d_tag == DT_STRTAB) vdso.strings = (const char*)(base + d->d_un.d_ptr);
    }
  }
  if (vdso.hash == NULL || vdso.symbols == NULL || vdso.strings == NULL) __builtin_trap();
  uintptr_t* slot = guest_import_slots;
  for (const char* name = guest_import_names; *name != '\0'; ++slot) {
    const uintptr_t address = find_symbol(&vdso, name);
    *slot = address != 0 ? address : (uintptr_t)&missing_call;
    while (*name++ != '\0') continue;
  }
}

// ---- The bootstrap message

zx_handle_t guest_process_self, guest_thread_self_handle, guest_vmar_root, guest_job_default;

static guest_lock_t startup_lock;
static zx_handle_t startup_handles[ZX_CHANNEL_MAX_MSG_HANDLES];
static uint32_t startup_infos[ZX_CHANNEL_MAX_MSG_HANDLES];
static uint32_t startup_count;

// Keeps handle `i` of the message for the runtime, so that nobody takes it.
static void keep(uint32_t i, zx_handle_t* place) {
  if (*place != ZX_HANDLE_INVALID) return;
  *place = startup_handles[i];
  startup_handles[i] = ZX_HANDLE_INVALID;
}

static void sort_handles(const uint32_t* infos, uint32_t count) {
  startup_count = count;
  for (uint32_t i = 0; i < count; ++i) {
    startup_infos[i] = infos[i];
    switch (PA_HND_TYPE(infos[i])) {
      case PA_PROC_SELF:
        keep(i, &guest_process_self);
        break;
      case PA_THREAD_SELF:
        keep(i, &guest_thread_self_handle);
        break;
      case PA_VMAR_ROOT:
        keep(i, &guest_vmar_root);
        break;
      case PA_JOB_DEFAULT:
        keep(i, &guest_job_default);
        break;
      default:
        break;
    }
  }
}

zx_handle_t zx_take_startup_handle(uint32_t hnd_info) {
  zx_handle_t taken = ZX_HANDLE_INVALID;
  guest_lock(&startup_lock);
  for (uint32_t i = 0; i < startup_count && taken == ZX_HANDLE_INVALID; ++i) {
    if (startup_infos[i] != hnd_info) continue;
    taken = startup_handles[i];
    startup_handles[i] = ZX_HANDLE_INVALID;
  }
  guest_unlock(&startup_lock);
  return taken;
}

zx_handle_t zx_process_self(void) { return guest_process_self; }
zx_handle_t zx_vmar_root_self(void) { return guest_vmar_root; }
zx_handle_t zx_job_default(void) { return guest_job_default; }
zx_handle_t zx_thread_self(void) { return guest_thread_self()->handle; }
zx_handle_t _zx_process_self(void) { return guest_process_self; }
zx_handle_t _zx_vmar_root_self(void) { return guest_vmar_root; }
zx_handle_t _zx_job_default(void) { return guest_job_default; }
zx_handle_t _zx_thread_self(void) { return zx_thread_self(); }

// Points `vector` at the `count` strings that begin at `strings`; the message ends at `end`.
static void split_strings(char** vector, uint32_t count, char* strings, char* end) {
  for (uint32_t i = 0; i < count; ++i) {
    vector[i] = strings;
    while (strings < end && *strings != '\0') ++strings;
    if (strings == end) guest_panic("bootstrap message: a string isn't ended");
    ++strings;
  }
  vector[count] = NULL;
}

// ---- The first thread

static void guest_thread_init(void) {
  static char room[1024] __attribute__((__aligned__(64)));
  char* memory = room;
  const size_t size = guest_tls_block_size();
  if (size > sizeof(room) || guest_tls.alignment > 64) {
    zx_handle_t vmo;
    zx_vaddr_t address;
    if (zx_vmo_create(size, 0, &vmo) != ZX_OK ||
        zx_vmar_map(guest_vmar_root, ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, size, &address) != ZX_OK)
      guest_panic("no memory for the first thread's TLS");
    zx_handle_close(vmo);
    memory = (char*)address;
  }
  struct guest_thread* self = guest_tls_place(memory);
  self->handle = guest_thread_self_handle;
  zx_cprng_draw(&self->linux_stack_guard, sizeof(self->linux_stack_guard));
  self->linux_stack_guard &= ~(uintptr_t)0xff;
  self->zircon_stack_guard = self->linux_stack_guard;
  const uintptr_t fs_base = (uintptr_t)self;
  if (zx_object_set_property(guest_thread_self_handle, ZX_PROP_REGISTER_FS, &fs_base, sizeof(fs_base)) != ZX_OK)
    guest_panic("the thread's FS base can't be set");
}

static void find_tls(uintptr_t bias) {
  const Elf64_Phdr* segments = (const Elf64_Phdr*)((uintptr_t)&__ehdr_start + __ehdr_start.e_phoff);
  for (int i = 0; i < __ehdr_start.e_phnum; ++i) {
    if (segments[i].p_type != PT_TLS) continue;
    guest_tls.image = (const void*)(bias + segments[i].p_vaddr);
    guest_tls.file_size = segments[i].p_filesz;
    guest_tls.memory_size = segments[i].p_memsz;
    if (segments[i].p_align > 1) guest_tls.alignment = segments[i].p_align;
  }
}

static void run_initializers(initializer_t* begin, initializer_t* end, int argc, char** argv) {
  for (initializer_t* i = begin; i < end; ++i) (*i)(argc, argv, environ);
}

// `dynamic` is the program's own dynamic section; NULL: it has none, because it is linked for a fixed address.
__attribute__((__noreturn__)) void guest_start(zx_handle_t bootstrap, uintptr_t vdso, const Elf64_Dyn* dynamic) {
  // A position-independent program is linked at 0, so its header's address is the bias.
  const uintptr_t bias = dynamic != NULL ? (uintptr_t)&__ehdr_start : 0;
  const struct relocations rela = relocate(bias, dynamic);
  connect_vdso(vdso);
  apply_indirect(bias, rela.begin, rela.end);
  if (dynamic == NULL) apply_indirect(0, __rela_iplt_start, __rela_iplt_end);

  uint32_t size = 0, handle_count = 0;
  if (zx_channel_read(bootstrap, 0, NULL, NULL, 0, 0, &size, &handle_count) != ZX_ERR_BUFFER_TOO_SMALL)
    guest_panic("no bootstrap message");
  if (handle_count > ZX_CHANNEL_MAX_MSG_HANDLES) guest_panic("bootstrap message: too many handles");
  // What the arguments and the environment point at; this function never returns.
  char* message = __builtin_alloca(size + 8);
  message = (char*)(((uintptr_t)message + 7) & ~(uintptr_t)7);
  if (zx_channel_read(bootstrap, 0, message, startup_handles, size, handle_count, &size, &handle_count) != ZX_OK)
    guest_panic("the bootstrap message can't be read");
  zx_handle_close(bootstrap);

  const zx_proc_args_t* head = (const zx_proc_args_t*)message;
  if (size < sizeof(*head) || head->protocol != ZX_PROCARGS_PROTOCOL || head->version != ZX_PROCARGS_VERSION)
    guest_panic("bootstrap message: unknown protocol");
  if (head->handle_info_off > size || (size - head->handle_info_off) / sizeof(uint32_t) < handle_count ||
      head->args_off > size || head->environ_off > size || head->args_num > size || head->environ_num > size)
    guest_panic("bootstrap message: an offset lies outside");
  sort_handles((const uint32_t*)(message + head->handle_info_off), handle_count);
  char** argv = __builtin_alloca((head->args_num + 1) * sizeof(char*));
  split_strings(argv, head->args_num, message + head->args_off, message + size);
  environ = __builtin_alloca((head->environ_num + 1) * sizeof(char*));
  split_strings(environ, head->environ_num, message + head->environ_off, message + size);

  find_tls(bias);
  guest_thread_init();
  const int argc = (int)head->args_num;
  run_initializers(__preinit_array_start, __preinit_array_end, argc, argv);
  run_initializers(__init_array_start, __init_array_end, argc, argv);
  exit(main(argc, argv, environ));
}

// ---- The end

struct exit_entry {
  void (*function)(void*);
  void* argument;
};
// A list of blocks, so that registering the first ones needs no heap.
static struct exit_block {
  struct exit_block* older;
  size_t count;
  struct exit_entry entries[32];
} first_exit_block, *exit_blocks = &first_exit_block;
static guest_lock_t exit_lock;

int guest_atexit(void (*function)(void*), void* argument) {
  guest_lock(&exit_lock);
  int failed = 0;
  if (exit_blocks->count == 32) {
    struct exit_block* block = calloc(1, sizeof(*block));
    failed = block == NULL;
    if (!failed) {
      block->older = exit_blocks;
      exit_blocks = block;
    }
  }
  if (!failed) exit_blocks->entries[exit_blocks->count++] = (struct exit_entry){function, argument};
  guest_unlock(&exit_lock);
  return failed;
}

static void call_without_argument(void* function) { ((void (*)(void))function)(); }

int atexit(void (*function)(void)) { return guest_atexit(call_without_argument, (void*)function); }

// The last one registered, taken off the list. A function that runs at exit may register another.
static struct exit_entry take_exit_entry(void) {
  struct exit_entry entry = {NULL, NULL};
  guest_lock(&exit_lock);
  while (exit_blocks->count == 0 && exit_blocks->older != NULL) exit_blocks = exit_blocks->older;
  if (exit_blocks->count > 0) entry = exit_blocks->entries[--exit_blocks->count];
  guest_unlock(&exit_lock);
  return entry;
}

void exit(int code) {
  guest_run_thread_destructors(guest_thread_self());
  for (struct exit_entry e = take_exit_entry(); e.function != NULL; e = take_exit_entry()) e.function(e.argument);
  for (size_t i = (size_t)(__fini_array_end - __fini_array_start); i > 0; --i) __fini_array_start[i - 1]();
  guest_flush_all();
  zx_process_exit(code);
}

void _Exit(int code) { zx_process_exit(code); }
void _exit(int code) { zx_process_exit(code); }
void quick_exit(int code) { zx_process_exit(code); }

void abort(void) {
  guest_flush_all();
  __builtin_trap();
}

void guest_panic(const char* message) {
  zx_debug_write("guest runtime: ", 15);
  zx_debug_write(message, strlen(message));
  zx_debug_write("\n", 1);
  zx_process_exit(127);
}
