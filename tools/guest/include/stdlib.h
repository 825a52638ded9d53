#pragma once
#include <guest_linkage.h>
#define __need_size_t
#define __need_wchar_t
#define __need_NULL
#include <stddef.h>
#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1
#define RAND_MAX 2147483647
#define MB_CUR_MAX ((size_t)1)
typedef struct {
  int quot, rem;
} div_t;
typedef struct {
  long quot, rem;
} ldiv_t;
typedef struct {
  long long quot, rem;
} lldiv_t;
__GUEST_BEGIN
void* malloc(size_t size) __GUEST_NOEXCEPT __attribute__((__malloc__, __alloc_size__(1)));
void* calloc(size_t count, size_t size) __GUEST_NOEXCEPT __attribute__((__malloc__, __alloc_size__(1, 2)));
void* realloc(void* block, size_t size) __GUEST_NOEXCEPT __attribute__((__alloc_size__(2)));
void* reallocarray(void* block, size_t count, size_t size) __GUEST_NOEXCEPT __attribute__((__alloc_size__(2, 3)));
void free(void* block) __GUEST_NOEXCEPT;
void* aligned_alloc(size_t alignment, size_t size) __GUEST_NOEXCEPT;
void* memalign(size_t alignment, size_t size) __GUEST_NOEXCEPT;
int posix_memalign(void** block, size_t alignment, size_t size) __GUEST_NOEXCEPT;
size_t malloc_usable_size(void* block) __GUEST_NOEXCEPT;
void abort(void) __GUEST_NOEXCEPT __attribute__((__noreturn__));
void exit(int code) __GUEST_NOEXCEPT __attribute__((__noreturn__));
void _Exit(int code) __GUEST_NOEXCEPT __attribute__((__noreturn__));
void quick_exit(int code) __GUEST_NOEXCEPT __attribute__((__noreturn__));
int atexit(void (*function)(void)) __GUEST_NOEXCEPT;
int at_quick_exit(void (*function)(void)) __GUEST_NOEXCEPT;
char* getenv(const char* name) __GUEST_NOEXCEPT;
int system(const char* command) __GUEST_NOEXCEPT;
int abs(int n) __GUEST_NOEXCEPT __attribute__((__const__));
long labs(long n) __GUEST_NOEXCEPT __attribute__((__const__));
long long llabs(long long n) __GUEST_NOEXCEPT __attribute__((__const__));
div_t div(int numerator, int denominator) __GUEST_NOEXCEPT;
ldiv_t ldiv(long numerator, long denominator) __GUEST_NOEXCEPT;
lldiv_t lldiv(long long numerator, long long denominator) __GUEST_NOEXCEPT;
int atoi(const char* text) __GUEST_NOEXCEPT;
long atol(const char* text) __GUEST_NOEXCEPT;
long long atoll(const char* text) __GUEST_NOEXCEPT;
double atof(const char* text) __GUEST_NOEXCEPT;
long strtol(const char* __restrict text, char** __restrict end, int base) __GUEST_NOEXCEPT;
long long strtoll(const char* __restrict text, char** __restrict end, int base) __GUEST_NOEXCEPT;
unsigned long strtoul(const char* __restrict text, char** __restrict end, int base) __GUEST_NOEXCEPT;
unsigned long long strtoull(const char* __restrict text, char** __restrict end, int base) __GUEST_NOEXCEPT;
double strtod(const char* __restrict text, char** __restrict end) __GUEST_NOEXCEPT;
float strtof(const char* __restrict text, char** __restrict end) __GUEST_NOEXCEPT;
long double strtold(const char* __restrict text, char** __restrict end) __GUEST_NOEXCEPT;
void qsort(void* base, size_t count, size_t size, int (*compare)(const void*, const void*));
void qsort_r(void* base, size_t count, size_t size, int (*compare)(const void*, const void*, void*), void* context);
void* bsearch(const void* key, const void* base, size_t count, size_t size, int (*compare)(const void*, const void*));
int rand(void) __GUEST_NOEXCEPT;
int rand_r(unsigned* state) __GUEST_NOEXCEPT;
void srand(unsigned seed) __GUEST_NOEXCEPT;
int mblen(const char* s, size_t n) __GUEST_NOEXCEPT;
int mbtowc(wchar_t* __restrict to, const char* __restrict s, size_t n) __GUEST_NOEXCEPT;
int wctomb(char* s, wchar_t c) __GUEST_NOEXCEPT;
size_t mbstowcs(wchar_t* __restrict to, const char* __restrict from, size_t n) __GUEST_NOEXCEPT;
size_t wcstombs(char* __restrict to, const wchar_t* __restrict from, size_t n) __GUEST_NOEXCEPT;
extern char** environ;
__GUEST_END
