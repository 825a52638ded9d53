// What the compiler and the header-only part of the C++ library call. There are no exceptions: what would be thrown
// aborts.
#include <bits/functexcept.h>
#include <stdio.h>
#include <stdlib.h>
#include <zircon/syscalls.h>

#include <new>

extern "C" int guest_atexit(void (*function)(void*), void* argument);

namespace {

[[noreturn]] void Die(const char* what) {
  fflush(stdout);
  fprintf(stderr, "C++ library: %s\n", what);
  abort();
}

void* AllocateOrDie(size_t size, size_t alignment) {
  void* block = aligned_alloc(alignment, size);
  if (block == nullptr) Die("out of memory");
  return block;
}

}  // namespace

extern "C" {
int __cxa_atexit(void (*function)(void*), void* argument, void*) { return guest_atexit(function, argument); }
[[noreturn]] void __cxa_pure_virtual() { Die("pure virtual function called"); }
[[noreturn]] void __cxa_deleted_virtual() { Die("deleted virtual function called"); }
[[noreturn]] void __cxa_bad_cast() { Die("bad cast"); }
[[noreturn]] void __cxa_bad_typeid() { Die("bad typeid"); }
[[noreturn]] void __cxa_throw_bad_array_new_length() { Die("bad array length"); }

// The compiled parts of the C++ library were built with exceptions. Throwing one ends the program.
[[noreturn]] int __gxx_personality_v0(...) { Die("exception thrown"); }
[[noreturn]] void _Unwind_Resume(void*) { Die("exception thrown"); }
[[noreturn]] void* __cxa_allocate_exception(size_t) noexcept { Die("exception thrown"); }
void __cxa_free_exception(void*) noexcept {}
[[noreturn]] void __cxa_throw(void*, void*, void (*)(void*)) { Die("exception thrown"); }
[[noreturn]] void __cxa_rethrow() { Die("exception thrown"); }
void* __cxa_begin_catch(void* exception) noexcept { return exception; }
void __cxa_end_catch() {}

// A guard: the first byte says that the object is there; the word behind it is a lock: 0 free, 1 taken, 2 others wait.
struct Guard {
  char done;
  int state;
};
int __cxa_guard_acquire(Guard* guard) {
  for (;;) {
    if (__atomic_load_n(&guard->done, __ATOMIC_ACQUIRE) != 0) return 0;
    int state = 0;
    if (__atomic_compare_exchange_n(&guard->state, &state, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
      if (__atomic_load_n(&guard->done, __ATOMIC_ACQUIRE) == 0) return 1;
      __atomic_store_n(&guard->state, 0, __ATOMIC_RELEASE);
      return 0;
    }
    if (state == 1 && !__atomic_compare_exchange_n(&guard->state, &state, 2, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
      continue;
    zx_futex_wait(&guard->state, 2, ZX_HANDLE_INVALID, ZX_TIME_INFINITE);
  }
}
static void Release(Guard* guard) {
  if (__atomic_exchange_n(&guard->state, 0, __ATOMIC_RELEASE) == 2) zx_futex_wake(&guard->state, ~0u);
}
void __cxa_guard_release(Guard* guard) {
  __atomic_store_n(&guard->done, 1, __ATOMIC_RELEASE);
  Release(guard);
}
void __cxa_guard_abort(Guard* guard) { Release(guard); }
}

const std::nothrow_t std::nothrow{};

void* operator new(size_t size) { return AllocateOrDie(size, 16); }
void* operator new[](size_t size) { return AllocateOrDie(size, 16); }
void* operator new(size_t size, std::align_val_t alignment) {
  return AllocateOrDie(size, static_cast<size_t>(alignment));
}
void* operator new[](size_t size, std::align_val_t alignment) {
  return AllocateOrDie(size, static_cast<size_t>(alignment));
}
void* operator new(size_t size, const std::nothrow_t&) noexcept { return malloc(size); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return malloc(size); }
void* operator new(size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return aligned_alloc(static_cast<size_t>(alignment), size);
}
void* operator new[](size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return aligned_alloc(static_cast<size_t>(alignment), size);
}
void operator delete(void* block) noexcept { free(block); }
void operator delete[](void* block) noexcept { free(block); }
void operator delete(void* block, size_t) noexcept { free(block); }
void operator delete[](void* block, size_t) noexcept { free(block); }
void operator delete(void* block, std::align_val_t) noexcept { free(block); }
void operator delete[](void* block, std::align_val_t) noexcept { free(block); }
void operator delete(void* block, size_t, std::align_val_t) noexcept { free(block); }
void operator delete[](void* block, size_t, std::align_val_t) noexcept { free(block); }
void operator delete(void* block, const std::nothrow_t&) noexcept { free(block); }
void operator delete[](void* block, const std::nothrow_t&) noexcept { free(block); }
void operator delete(void* block, std::align_val_t, const std::nothrow_t&) noexcept { free(block); }
void operator delete[](void* block, std::align_val_t, const std::nothrow_t&) noexcept { free(block); }

namespace std {
bool uncaught_exception() noexcept { return false; }
int uncaught_exceptions() noexcept { return 0; }
void terminate() noexcept { Die("terminate called"); }
void __throw_bad_exception() { Die("bad_exception"); }
void __throw_bad_alloc() { Die("out of memory"); }
void __throw_bad_array_new_length() { Die("bad array length"); }
void __throw_bad_cast() { Die("bad cast"); }
void __throw_bad_typeid() { Die("bad typeid"); }
void __throw_logic_error(const char* what) { Die(what); }
void __throw_domain_error(const char* what) { Die(what); }
void __throw_invalid_argument(const char* what) { Die(what); }
void __throw_length_error(const char* what) { Die(what); }
void __throw_out_of_range(const char* what) { Die(what); }
void __throw_out_of_range_fmt(const char* what, ...) { Die(what); }
void __throw_runtime_error(const char* what) { Die(what); }
void __throw_range_error(const char* what) { Die(what); }
void __throw_overflow_error(const char* what) { Die(what); }
void __throw_underflow_error(const char* what) { Die(what); }
void __throw_system_error(int) { Die("system error"); }
void __throw_bad_function_call() { Die("empty function called"); }
void __glibcxx_assert_fail(const char* file, int line, const char* function, const char* condition) noexcept {
  fflush(stdout);
  fprintf(stderr, "%s:%d: %s: assertion `%s' failed\n", file, line, function, condition);
  abort();
}
}  // namespace std
