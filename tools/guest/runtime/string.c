// Strings and characters, in the "C" locale.
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

char* stpcpy(char* restrict to, const char* restrict from) {
  const size_t n = strlen(from);
  return (char*)memcpy(to, from, n + 1) + n;
}
char* strcpy(char* restrict to, const char* restrict from) {
  stpcpy(to, from);
  return to;
}
char* strncpy(char* restrict to, const char* restrict from, size_t n) {
  const size_t length = strnlen(from, n);
  memset((char*)memcpy(to, from, length) + length, 0, n - length);
  return to;
}
size_t strlcpy(char* restrict to, const char* restrict from, size_t size) {
  const size_t length = strlen(from);
  if (size > 0) {
    const size_t n = length < size - 1 ? length : size - 1;
    memcpy(to, from, n);
    to[n] = '\0';
  }
  return length;
}
size_t strlcat(char* restrict to, const char* restrict from, size_t size) {
  const size_t before = strnlen(to, size);
  return before + strlcpy(to + before, from, size - before);
}
char* strcat(char* restrict to, const char* restrict from) {
  strcpy(to + strlen(to), from);
  return to;
}
char* strncat(char* restrict to, const char* restrict from, size_t n) {
  const size_t length = strnlen(from, n);
  char* end = to + strlen(to);
  memcpy(end, from, length);
  end[length] = '\0';
  return to;
}

int strncmp(const char* a, const char* b, size_t n) {
  for (; n > 0; --n, ++a, ++b)
    if (*a != *b || *a == '\0') return (unsigned char)*a - (unsigned char)*b;
  return 0;
}
int strcmp(const char* a, const char* b) { return strncmp(a, b, (size_t)-1); }
int strcoll(const char* a, const char* b) { return strcmp(a, b); }
size_t strxfrm(char* restrict to, const char* restrict from, size_t n) { return strlcpy(to, from, n); }
int strncasecmp(const char* a, const char* b, size_t n) {
  for (; n > 0; --n, ++a, ++b) {
    const int difference = tolower((unsigned char)*a) - tolower((unsigned char)*b);
    if (difference != 0 || *a == '\0') return difference;
  }
  return 0;
}
int strcasecmp(const char* a, const char* b) { return strncasecmp(a, b, (size_t)-1); }

char* strchrnul(const char* s, int c) {
  while (*s != '\0' && *s != (char)c) ++s;
  return (char*)s;
}
char* strchr(const char* s, int c) {
  char* at = strchrnul(s, c);
  return *at == (char)c ? at : NULL;
}
char* strrchr(const char* s, int c) { return memrchr(s, c, strlen(s) + 1); }
char* strstr(const char* s, const char* what) { return memmem(s, strlen(s), what, strlen(what)); }

// The length of the start of `s` whose characters are (or are not) in `set`.
static size_t span(const char* s, const char* set, bool in_set) {
  bool member[256] = {false};
  for (; *set != '\0'; ++set) member[(unsigned char)*set] = true;
  size_t n = 0;
  while (s[n] != '\0' && member[(unsigned char)s[n]] == in_set) ++n;
  return n;
}
size_t strspn(const char* s, const char* accept) { return span(s, accept, true); }
size_t strcspn(const char* s, const char* reject) { return span(s, reject, false); }
char* strpbrk(const char* s, const char* accept) {
  s += strcspn(s, accept);
  return *s != '\0' ? (char*)s : NULL;
}
char* strtok_r(char* restrict s, const char* restrict separators, char** restrict rest) {
  if (s == NULL) s = *rest;
  if (s == NULL) return NULL;
  s += strspn(s, separators);
  if (*s == '\0') {
    *rest = NULL;
    return NULL;
  }
  char* end = s + strcspn(s, separators);
  *rest = *end != '\0' ? end + 1 : NULL;
  *end = '\0';
  return s;
}
char* strtok(char* restrict s, const char* restrict separators) {
  static char* rest;
  return strtok_r(s, separators, &rest);
}
char* strsep(char** s, const char* separators) {
  char* start = *s;
  if (start == NULL) return NULL;
  char* end = start + strcspn(start, separators);
  *s = *end != '\0' ? end + 1 : NULL;
  *end = '\0';
  return start;
}

char* strndup(const char* s, size_t n) {
  const size_t length = strnlen(s, n);
  char* copy = malloc(length + 1);
  if (copy == NULL) return NULL;
  memcpy(copy, s, length);
  copy[length] = '\0';
  return copy;
}
char* strdup(const char* s) { return strndup(s, (size_t)-1); }

char* strerror(int error) {
  switch (error) {
    case 0:
      return "Success";
    case ENOMEM:
      return "Cannot allocate memory";
    case EINVAL:
      return "Invalid argument";
    case ERANGE:
      return "Numerical result out of range";
    case EDOM:
      return "Numerical argument out of domain";
    case EBUSY:
      return "Device or resource busy";
    case ENOSYS:
      return "Function not implemented";
    case EBADF:
      return "Bad file descriptor";
    case EACCES:
      return "Permission denied";
    case ETIMEDOUT:
      return "Connection timed out";
    default:
      return "Unknown error";
  }
}

int ffs(int bits) { return __builtin_ffs(bits); }

int isdigit(int c) { return (unsigned)c - '0' < 10; }
int islower(int c) { return (unsigned)c - 'a' < 26; }
int isupper(int c) { return (unsigned)c - 'A' < 26; }
int isalpha(int c) { return ((unsigned)c | 32) - 'a' < 26; }
int isalnum(int c) { return isalpha(c) || isdigit(c); }
int isblank(int c) { return c == ' ' || c == '\t'; }
int iscntrl(int c) { return (unsigned)c < 32 || c == 127; }
int isgraph(int c) { return (unsigned)c - '!' < 94; }
int isprint(int c) { return (unsigned)c - ' ' < 95; }
int ispunct(int c) { return isgraph(c) && !isalnum(c); }
int isspace(int c) { return c == ' ' || (unsigned)c - '\t' < 5; }
int isxdigit(int c) { return isdigit(c) || ((unsigned)c | 32) - 'a' < 6; }
int tolower(int c) { return isupper(c) ? c + 32 : c; }
int toupper(int c) { return islower(c) ? c - 32 : c; }

size_t wcslen(const wchar_t* s) {
  size_t n = 0;
  while (s[n] != 0) ++n;
  return n;
}
int wmemcmp(const wchar_t* a, const wchar_t* b, size_t n) {
  for (; n > 0; --n, ++a, ++b)
    if (*a != *b) return *a < *b ? -1 : 1;
  return 0;
}
int wcscmp(const wchar_t* a, const wchar_t* b) {
  while (*a != 0 && *a == *b) ++a, ++b;
  return *a == *b ? 0 : *a < *b ? -1 : 1;
}
wchar_t* wmemchr(const wchar_t* in, wchar_t c, size_t n) {
  for (; n > 0; --n, ++in)
    if (*in == c) return (wchar_t*)in;
  return NULL;
}
wchar_t* wmemcpy(wchar_t* restrict to, const wchar_t* restrict from, size_t n) {
  return memcpy(to, from, n * sizeof(wchar_t));
}
wchar_t* wmemmove(wchar_t* to, const wchar_t* from, size_t n) { return memmove(to, from, n * sizeof(wchar_t)); }
wchar_t* wmemset(wchar_t* to, wchar_t c, size_t n) {
  for (size_t i = 0; i < n; ++i) to[i] = c;
  return to;
}
