// Output to the console. stdout is buffered by line, stderr not at all; both are flushed at exit and before an abort.
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

struct guest_file {
  guest_lock_t lock;
  int descriptor;
  int mode;  // _IOFBF, _IOLBF, _IONBF
  bool at_end;
  char* buffer;
  size_t size, used;
};

static char stdout_buffer[BUFSIZ];
static FILE files[3] = {{.descriptor = 0, .mode = _IOFBF},
                        {.descriptor = 1, .mode = _IOLBF, .buffer = stdout_buffer, .size = sizeof(stdout_buffer)},
                        {.descriptor = 2, .mode = _IONBF}};
#undef stdin
#undef stdout
#undef stderr
FILE* const stdin = &files[0];
FILE* const stdout = &files[1];
FILE* const stderr = &files[2];

void guest_console_write(const char* bytes, size_t n) {
  // The call may be given any length; pieces keep one guest's output from holding the console for long.
  while (n > 0) {
    const size_t piece = n < 65536 ? n : 65536;
    if (zx_debug_write(bytes, piece) != ZX_OK) return;
    bytes += piece;
    n -= piece;
  }
}

static void flush_locked(FILE* file) {
  if (file->used > 0) guest_console_write(file->buffer, file->used);
  file->used = 0;
}

static void write_locked(FILE* file, const char* bytes, size_t n) {
  if (file->used + n > file->size) flush_locked(file);
  if (n > file->size || file->mode == _IONBF) {
    flush_locked(file);
    guest_console_write(bytes, n);
    return;
  }
  memcpy(file->buffer + file->used, bytes, n);
  file->used += n;
  if (file->mode == _IOLBF && memchr(bytes, '\n', n) != NULL) flush_locked(file);
}

static void write_file(FILE* file, const char* bytes, size_t n) {
  guest_lock(&file->lock);
  write_locked(file, bytes, n);
  guest_unlock(&file->lock);
}

int fflush(FILE* file) {
  if (file == NULL) {
    fflush(stdout);
    return 0;
  }
  guest_lock(&file->lock);
  flush_locked(file);
  guest_unlock(&file->lock);
  return 0;
}

// At the end of the process. A thread that was stopped in the middle of writing may hold the lock for ever: don't wait
// for it.
void guest_flush_all(void) {
  zx_futex_storage_t expected = 0;
  if (!__atomic_compare_exchange_n((int*)&stdout->lock.word, &expected, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
    return;
  flush_locked(stdout);
  guest_unlock(&stdout->lock);
}

size_t fwrite(const void* restrict from, size_t size, size_t count, FILE* restrict file) {
  size_t n;
  if (__builtin_mul_overflow(size, count, &n)) return 0;
  write_file(file, from, n);
  return count;
}
int fputs(const char* restrict s, FILE* restrict file) {
  write_file(file, s, strlen(s));
  return 1;
}
int puts(const char* s) {
  guest_lock(&stdout->lock);
  write_locked(stdout, s, strlen(s));
  write_locked(stdout, "\n", 1);
  guest_unlock(&stdout->lock);
  return 1;
}
int fputc(int c, FILE* file) {
  const char byte = (char)c;
  write_file(file, &byte, 1);
  return (unsigned char)c;
}
int putc(int c, FILE* file) { return fputc(c, file); }
int putchar(int c) { return fputc(c, stdout); }

ssize_t write(int fd, const void* from, size_t n) {
  if (fd != STDOUT_FILENO && fd != STDERR_FILENO) {
    errno = EBADF;
    return -1;
  }
  guest_console_write(from, n);
  return (ssize_t)n;
}
ssize_t read(int fd, void* to, size_t n) {
  (void)fd, (void)to, (void)n;
  return 0;
}

int setvbuf(FILE* restrict file, char* restrict buffer, int mode, size_t size) {
  (void)buffer, (void)size;
  guest_lock(&file->lock);
  flush_locked(file);
  file->mode = mode;
  guest_unlock(&file->lock);
  return 0;
}
void setbuf(FILE* restrict file, char* restrict buffer) {
  setvbuf(file, buffer, buffer != NULL ? _IOFBF : _IONBF, BUFSIZ);
}
int fileno(FILE* file) { return file->descriptor; }
int ferror(FILE* file) {
  (void)file;
  return 0;
}
int feof(FILE* file) { return file->at_end; }
void clearerr(FILE* file) { file->at_end = false; }
int fgetc(FILE* file) {
  file->at_end = true;
  return EOF;
}
int getc(FILE* file) { return fgetc(file); }
int getchar(void) { return fgetc(stdin); }
char* fgets(char* restrict to, int size, FILE* restrict file) {
  (void)to, (void)size;
  file->at_end = true;
  return NULL;
}
size_t fread(void* restrict to, size_t size, size_t count, FILE* restrict file) {
  (void)to, (void)size, (void)count;
  file->at_end = true;
  return 0;
}
int isatty(int fd) {
  (void)fd;
  return 0;
}
void perror(const char* prefix) {
  const int error = errno;
  if (prefix != NULL && *prefix != '\0') fprintf(stderr, "%s: ", prefix);
  fprintf(stderr, "%s\n", strerror(error));
}

// ---- Formatted output

struct file_sink {
  struct guest_sink base;
  FILE* file;
  size_t used;  // of `buffer`, for a file without one of its own: a line is to arrive in one piece
  char buffer[512];
};

static void put_to_buffered_file(struct guest_sink* sink, const char* bytes, size_t n) {
  write_locked(((struct file_sink*)sink)->file, bytes, n);
}

static void put_to_unbuffered_file(struct guest_sink* base, const char* bytes, size_t n) {
  struct file_sink* sink = (struct file_sink*)base;
  while (n > 0) {
    if (sink->used == sizeof(sink->buffer)) {
      write_locked(sink->file, sink->buffer, sink->used);
      sink->used = 0;
    }
    const size_t room = sizeof(sink->buffer) - sink->used;
    const size_t piece = n < room ? n : room;
    memcpy(sink->buffer + sink->used, bytes, piece);
    sink->used += piece;
    bytes += piece;
    n -= piece;
  }
}

int vfprintf(FILE* restrict file, const char* restrict format, va_list arguments) {
  struct file_sink sink;
  sink.base.put = file->mode == _IONBF ? put_to_unbuffered_file : put_to_buffered_file;
  sink.file = file;
  sink.used = 0;
  guest_lock(&file->lock);
  const int n = guest_format(&sink.base, format, arguments);
  if (sink.used > 0) write_locked(file, sink.buffer, sink.used);
  guest_unlock(&file->lock);
  return n;
}

struct memory_sink {
  struct guest_sink base;
  char* to;
  size_t room;  // without the terminator
};

static void put_to_memory(struct guest_sink* base, const char* bytes, size_t n) {
  struct memory_sink* sink = (struct memory_sink*)base;
  const size_t piece = n < sink->room ? n : sink->room;
  memcpy(sink->to, bytes, piece);
  sink->to += piece;
  sink->room -= piece;
}

int vsnprintf(char* restrict to, size_t size, const char* restrict format, va_list arguments) {
  struct memory_sink sink = {{put_to_memory}, to, size > 0 ? size - 1 : 0};
  const int n = guest_format(&sink.base, format, arguments);
  if (size > 0) *sink.to = '\0';
  return n;
}
int vsprintf(char* restrict to, const char* restrict format, va_list arguments) {
  return vsnprintf(to, (size_t)1 << 30, format, arguments);
}
int vasprintf(char** restrict to, const char* restrict format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  const int n = vsnprintf(NULL, 0, format, again);
  va_end(again);
  *to = malloc((size_t)n + 1);
  return *to != NULL ? vsnprintf(*to, (size_t)n + 1, format, arguments) : -1;
}
int vprintf(const char* restrict format, va_list arguments) { return vfprintf(stdout, format, arguments); }

#define FORWARD(call)          \
  va_list arguments;           \
  va_start(arguments, format); \
  const int n = call;          \
  va_end(arguments);           \
  return n

int printf(const char* restrict format, ...) { FORWARD(vfprintf(stdout, format, arguments)); }
int fprintf(FILE* restrict file, const char* restrict format, ...) { FORWARD(vfprintf(file, format, arguments)); }
int dprintf(int fd, const char* restrict format, ...) {
  FORWARD(vfprintf(fd == STDERR_FILENO ? stderr : stdout, format, arguments));
}
int sprintf(char* restrict to, const char* restrict format, ...) { FORWARD(vsprintf(to, format, arguments)); }
int snprintf(char* restrict to, size_t size, const char* restrict format, ...) {
  FORWARD(vsnprintf(to, size, format, arguments));
}
int asprintf(char** restrict to, const char* restrict format, ...) { FORWARD(vasprintf(to, format, arguments)); }

// Called by functions compiled with -fstack-protector.
void __stack_chk_fail(void) {
  fflush(stdout);
  fputs("stack smashing detected\n", stderr);
  abort();
}

void __assert_fail(const char* condition, const char* file, unsigned line, const char* function) {
  fflush(stdout);
  fprintf(stderr, "%s:%u: %s: assertion `%s' failed\n", file, line, function, condition);
  abort();
}
