// Memory functions. Small sizes are done with two overlapping accesses, middle ones with 16-byte registers, large ones
// with the processor's string instructions. Compiled so that the compiler doesn't turn these loops into calls of
// themselves.
#include <emmintrin.h>
#include <string.h>

#include "internal.h"

#define LARGE 1024

typedef uint16_t __attribute__((__may_alias__, __aligned__(1))) u16;
typedef uint32_t __attribute__((__may_alias__, __aligned__(1))) u32;
typedef uint64_t __attribute__((__may_alias__, __aligned__(1))) u64;

static inline __m128i load(const char* p) { return _mm_loadu_si128((const __m128i*)p); }
static inline void store(char* p, __m128i v) { _mm_storeu_si128((__m128i*)p, v); }

// Up to 32 bytes: everything is read before anything is written, so the ranges may overlap.
static inline void copy_small(char* to, const char* from, size_t n) {
  if (n >= 16) {
    const __m128i head = load(from), tail = load(from + n - 16);
    store(to, head);
    store(to + n - 16, tail);
  } else if (n >= 8) {
    const uint64_t head = *(const u64*)from, tail = *(const u64*)(from + n - 8);
    *(u64*)to = head;
    *(u64*)(to + n - 8) = tail;
  } else if (n >= 4) {
    const uint32_t head = *(const u32*)from, tail = *(const u32*)(from + n - 4);
    *(u32*)to = head;
    *(u32*)(to + n - 4) = tail;
  } else if (n >= 2) {
    const uint16_t head = *(const u16*)from, tail = *(const u16*)(from + n - 2);
    *(u16*)to = head;
    *(u16*)(to + n - 2) = tail;
  } else if (n == 1) {
    *to = *from;
  }
}

void* memmove(void* to_, const void* from_, size_t n) {
  char* to = to_;
  const char* from = from_;
  if (n <= 32) {
    copy_small(to, from, n);
    return to_;
  }
  if ((uintptr_t)to - (uintptr_t)from >= n) {  // forwards: `to` isn't inside [from, from + n)
    if (n >= LARGE && (uintptr_t)from - (uintptr_t)to >= 64) {
      void* t = to;
      const void* f = from;
      __asm__ volatile("rep movsb" : "+D"(t), "+S"(f), "+c"(n) : : "memory");
      return to_;
    }
    const __m128i tail1 = load(from + n - 32), tail2 = load(from + n - 16);
    char* const end = to + n;
    for (; n > 32; n -= 32, to += 32, from += 32) {
      const __m128i a = load(from), b = load(from + 16);
      store(to, a);
      store(to + 16, b);
    }
    store(end - 32, tail1);
    store(end - 16, tail2);
  } else {
    const __m128i head1 = load(from), head2 = load(from + 16);
    for (; n > 32; n -= 32) {
      const __m128i a = load(from + n - 16), b = load(from + n - 32);
      store(to + n - 16, a);
      store(to + n - 32, b);
    }
    store(to, head1);
    store(to + 16, head2);
  }
  return to_;
}

void* memcpy(void* restrict to, const void* restrict from, size_t n) { return memmove(to, from, n); }

void* mempcpy(void* restrict to, const void* restrict from, size_t n) { return (char*)memmove(to, from, n) + n; }

void* memset(void* to_, int byte, size_t n) {
  char* to = to_;
  const __m128i v = _mm_set1_epi8((char)byte);
  if (n >= 16) {
    if (n >= LARGE) {
      void* t = to;
      __asm__ volatile("rep stosb" : "+D"(t), "+c"(n) : "a"(byte) : "memory");
      return to_;
    }
    char* const last = to + n - 16;
    for (; to < last; to += 16) store(to, v);
    store(last, v);
  } else if (n >= 8) {
    const uint64_t word = (uint64_t)_mm_cvtsi128_si64(v);
    *(u64*)to = word;
    *(u64*)(to + n - 8) = word;
  } else if (n >= 4) {
    const uint32_t word = (uint32_t)_mm_cvtsi128_si32(v);
    *(u32*)to = word;
    *(u32*)(to + n - 4) = word;
  } else {
    for (size_t i = 0; i < n; ++i) to[i] = (char)byte;
  }
  return to_;
}

int memcmp(const void* a_, const void* b_, size_t n) {
  const unsigned char *a = a_, *b = b_;
  for (; n >= 16; n -= 16, a += 16, b += 16) {
    const unsigned differ =
        (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(load((const char*)a), load((const char*)b))) ^ 0xffffu;
    if (differ != 0) {
      const int at = __builtin_ctz(differ);
      return a[at] - b[at];
    }
  }
  for (; n > 0; --n, ++a, ++b)
    if (*a != *b) return *a - *b;
  return 0;
}

int bcmp(const void* a, const void* b, size_t n) { return memcmp(a, b, n); }

// The bytes equal to v among the aligned 16 at p, as a mask. Aligned reads don't cross into another page.
static inline unsigned matches(const char* p, __m128i v) {
  return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_load_si128((const __m128i*)p), v));
}

void* memchr(const void* in, int byte, size_t n) {
  if (n == 0) return NULL;
  const __m128i v = _mm_set1_epi8((char)byte);
  const char* const start = in;
  const char* p = (const char*)((uintptr_t)start & ~(uintptr_t)15);
  const char* const end = n > UINTPTR_MAX - (uintptr_t)start ? (const char*)UINTPTR_MAX : start + n;
  unsigned found = matches(p, v) & (0xffffu << ((uintptr_t)start & 15)) & 0xffffu;
  while (found == 0) {
    if ((size_t)(end - p) <= 16) return NULL;
    p += 16;
    found = matches(p, v);
  }
  const char* const at = p + __builtin_ctz(found);
  return at < end ? (void*)at : NULL;
}

void* memrchr(const void* in, int byte, size_t n) {
  const unsigned char* p = in;
  while (n > 0)
    if (p[--n] == (unsigned char)byte) return (void*)(p + n);
  return NULL;
}

size_t strlen(const char* s) {
  const __m128i zero = _mm_setzero_si128();
  const char* p = (const char*)((uintptr_t)s & ~(uintptr_t)15);
  unsigned found = matches(p, zero) >> ((uintptr_t)s & 15);
  if (found != 0) return (size_t)__builtin_ctz(found);
  do {
    p += 16;
    found = matches(p, zero);
  } while (found == 0);
  return (size_t)(p - s) + (size_t)__builtin_ctz(found);
}

size_t strnlen(const char* s, size_t n) {
  const char* end = memchr(s, '\0', n);
  return end != NULL ? (size_t)(end - s) : n;
}

void* memmem(const void* in, size_t n, const void* what, size_t length) {
  if (length == 0) return (void*)in;
  const char* p = in;
  const char* const end = p + n;
  while ((size_t)(end - p) >= length) {
    p = memchr(p, *(const unsigned char*)what, (size_t)(end - p) - length + 1);
    if (p == NULL) return NULL;
    if (memcmp(p, what, length) == 0) return (void*)p;
    ++p;
  }
  return NULL;
}
