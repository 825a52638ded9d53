#pragma once
#include <guest_linkage.h>
#define __need_size_t
#define __need_NULL
#include <stddef.h>
#include <strings.h>
__GUEST_BEGIN
void* memcpy(void* __restrict to, const void* __restrict from, size_t n) __GUEST_NOEXCEPT;
void* mempcpy(void* __restrict to, const void* __restrict from, size_t n) __GUEST_NOEXCEPT;
void* memmove(void* to, const void* from, size_t n) __GUEST_NOEXCEPT;
void* memset(void* to, int byte, size_t n) __GUEST_NOEXCEPT;
int memcmp(const void* a, const void* b, size_t n) __GUEST_NOEXCEPT;
void* memchr(const void* in, int byte, size_t n) __GUEST_NOEXCEPT;
void* memrchr(const void* in, int byte, size_t n) __GUEST_NOEXCEPT;
void* memmem(const void* in, size_t n, const void* what, size_t length) __GUEST_NOEXCEPT;
size_t strlen(const char* s) __GUEST_NOEXCEPT;
size_t strnlen(const char* s, size_t n) __GUEST_NOEXCEPT;
char* strcpy(char* __restrict to, const char* __restrict from) __GUEST_NOEXCEPT;
char* stpcpy(char* __restrict to, const char* __restrict from) __GUEST_NOEXCEPT;
char* strncpy(char* __restrict to, const char* __restrict from, size_t n) __GUEST_NOEXCEPT;
size_t strlcpy(char* __restrict to, const char* __restrict from, size_t size) __GUEST_NOEXCEPT;
size_t strlcat(char* __restrict to, const char* __restrict from, size_t size) __GUEST_NOEXCEPT;
char* strcat(char* __restrict to, const char* __restrict from) __GUEST_NOEXCEPT;
char* strncat(char* __restrict to, const char* __restrict from, size_t n) __GUEST_NOEXCEPT;
int strcmp(const char* a, const char* b) __GUEST_NOEXCEPT;
int strncmp(const char* a, const char* b, size_t n) __GUEST_NOEXCEPT;
int strcoll(const char* a, const char* b) __GUEST_NOEXCEPT;
size_t strxfrm(char* __restrict to, const char* __restrict from, size_t n) __GUEST_NOEXCEPT;
char* strchr(const char* s, int c) __GUEST_NOEXCEPT;
char* strrchr(const char* s, int c) __GUEST_NOEXCEPT;
char* strchrnul(const char* s, int c) __GUEST_NOEXCEPT;
char* strstr(const char* s, const char* what) __GUEST_NOEXCEPT;
size_t strspn(const char* s, const char* accept) __GUEST_NOEXCEPT;
size_t strcspn(const char* s, const char* reject) __GUEST_NOEXCEPT;
char* strpbrk(const char* s, const char* accept) __GUEST_NOEXCEPT;
char* strtok(char* __restrict s, const char* __restrict separators) __GUEST_NOEXCEPT;
char* strtok_r(char* __restrict s, const char* __restrict separators, char** __restrict rest) __GUEST_NOEXCEPT;
char* strsep(char** s, const char* separators) __GUEST_NOEXCEPT;
char* strdup(const char* s) __GUEST_NOEXCEPT;
char* strndup(const char* s, size_t n) __GUEST_NOEXCEPT;
char* strerror(int error) __GUEST_NOEXCEPT;
__GUEST_END
