// What libstdc++'s headers name. The memory and length functions exist, the rest is only declared.
#pragma once
#include <guest_linkage.h>
#include <stdarg.h>
#define __need_size_t
#define __need_wchar_t
#define __need_NULL
#define __need_wint_t
#include <stddef.h>
#ifndef _WINT_T
#define _WINT_T
typedef __WINT_TYPE__ wint_t;
#endif
#ifndef WCHAR_MAX
#define WCHAR_MAX __WCHAR_MAX__
#define WCHAR_MIN (-__WCHAR_MAX__ - 1)
#endif
#define WEOF (0xffffffffu)
typedef struct {
  int count;
  unsigned value;
} mbstate_t;
struct guest_file;
struct tm;
__GUEST_BEGIN
size_t wcslen(const wchar_t* s);
int wcscmp(const wchar_t* a, const wchar_t* b);
int wmemcmp(const wchar_t* a, const wchar_t* b, size_t n);
wchar_t* wmemchr(const wchar_t* in, wchar_t c, size_t n);
wchar_t* wmemcpy(wchar_t* __restrict to, const wchar_t* __restrict from, size_t n);
wchar_t* wmemmove(wchar_t* to, const wchar_t* from, size_t n);
wchar_t* wmemset(wchar_t* to, wchar_t c, size_t n);
wint_t btowc(int c);
int wctob(wint_t c);
int mbsinit(const mbstate_t* state);
size_t mbrlen(const char* s, size_t n, mbstate_t* state);
size_t mbrtowc(wchar_t* to, const char* s, size_t n, mbstate_t* state);
size_t wcrtomb(char* s, wchar_t c, mbstate_t* state);
size_t mbsrtowcs(wchar_t* to, const char** from, size_t n, mbstate_t* state);
size_t wcsrtombs(char* to, const wchar_t** from, size_t n, mbstate_t* state);
wint_t fgetwc(struct guest_file* file);
wchar_t* fgetws(wchar_t* to, int n, struct guest_file* file);
wint_t fputwc(wchar_t c, struct guest_file* file);
int fputws(const wchar_t* s, struct guest_file* file);
int fwide(struct guest_file* file, int mode);
int fwprintf(struct guest_file* file, const wchar_t* format, ...);
int fwscanf(struct guest_file* file, const wchar_t* format, ...);
wint_t getwc(struct guest_file* file);
wint_t getwchar(void);
wint_t putwc(wchar_t c, struct guest_file* file);
wint_t putwchar(wchar_t c);
wint_t ungetwc(wint_t c, struct guest_file* file);
int swprintf(wchar_t* to, size_t n, const wchar_t* format, ...);
int swscanf(const wchar_t* from, const wchar_t* format, ...);
int vfwprintf(struct guest_file* file, const wchar_t* format, va_list arguments);
int vfwscanf(struct guest_file* file, const wchar_t* format, va_list arguments);
int vswprintf(wchar_t* to, size_t n, const wchar_t* format, va_list arguments);
int vswscanf(const wchar_t* from, const wchar_t* format, va_list arguments);
int vwprintf(const wchar_t* format, va_list arguments);
int vwscanf(const wchar_t* format, va_list arguments);
int wprintf(const wchar_t* format, ...);
int wscanf(const wchar_t* format, ...);
wchar_t* wcscat(wchar_t* to, const wchar_t* from);
wchar_t* wcschr(const wchar_t* s, wchar_t c);
int wcscoll(const wchar_t* a, const wchar_t* b);
wchar_t* wcscpy(wchar_t* to, const wchar_t* from);
size_t wcscspn(const wchar_t* s, const wchar_t* reject);
size_t wcsftime(wchar_t* to, size_t n, const wchar_t* format, const struct tm* time);
wchar_t* wcsncat(wchar_t* to, const wchar_t* from, size_t n);
int wcsncmp(const wchar_t* a, const wchar_t* b, size_t n);
wchar_t* wcsncpy(wchar_t* to, const wchar_t* from, size_t n);
wchar_t* wcspbrk(const wchar_t* s, const wchar_t* accept);
wchar_t* wcsrchr(const wchar_t* s, wchar_t c);
size_t wcsspn(const wchar_t* s, const wchar_t* accept);
wchar_t* wcsstr(const wchar_t* s, const wchar_t* what);
double wcstod(const wchar_t* text, wchar_t** end);
float wcstof(const wchar_t* text, wchar_t** end);
long double wcstold(const wchar_t* text, wchar_t** end);
wchar_t* wcstok(wchar_t* s, const wchar_t* separators, wchar_t** rest);
long wcstol(const wchar_t* text, wchar_t** end, int base);
unsigned long wcstoul(const wchar_t* text, wchar_t** end, int base);
long long wcstoll(const wchar_t* text, wchar_t** end, int base);
unsigned long long wcstoull(const wchar_t* text, wchar_t** end, int base);
size_t wcsxfrm(wchar_t* to, const wchar_t* from, size_t n);
__GUEST_END
