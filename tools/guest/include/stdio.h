// Output goes to the console; there are no files, and stdin is always at its end.
#pragma once
#include <guest_linkage.h>
#include <stdarg.h>
#define __need_size_t
#define __need_NULL
#include <stddef.h>
#define EOF (-1)
#define BUFSIZ 4096
#define _IOFBF 0
#define _IOLBF 1
#define _IONBF 2
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#define FILENAME_MAX 4096
#define FOPEN_MAX 16
#define TMP_MAX 16
#define L_tmpnam 16
typedef struct guest_file FILE;
typedef long fpos_t;
__GUEST_BEGIN
extern FILE* const stdin;
extern FILE* const stdout;
extern FILE* const stderr;
#define stdin stdin
#define stdout stdout
#define stderr stderr
int printf(const char* __restrict format, ...) __attribute__((__format__(__printf__, 1, 2)));
int fprintf(FILE* __restrict file, const char* __restrict format, ...) __attribute__((__format__(__printf__, 2, 3)));
int dprintf(int fd, const char* __restrict format, ...) __attribute__((__format__(__printf__, 2, 3)));
int sprintf(char* __restrict to, const char* __restrict format, ...) __GUEST_NOEXCEPT
    __attribute__((__format__(__printf__, 2, 3)));
int snprintf(char* __restrict to, size_t size, const char* __restrict format, ...) __GUEST_NOEXCEPT
    __attribute__((__format__(__printf__, 3, 4)));
int asprintf(char** __restrict to, const char* __restrict format, ...) __GUEST_NOEXCEPT
    __attribute__((__format__(__printf__, 2, 3)));
int vprintf(const char* __restrict format, va_list arguments) __attribute__((__format__(__printf__, 1, 0)));
int vfprintf(FILE* __restrict file, const char* __restrict format, va_list arguments)
    __attribute__((__format__(__printf__, 2, 0)));
int vsprintf(char* __restrict to, const char* __restrict format, va_list arguments) __GUEST_NOEXCEPT
    __attribute__((__format__(__printf__, 2, 0)));
int vsnprintf(char* __restrict to, size_t size, const char* __restrict format, va_list arguments) __GUEST_NOEXCEPT
    __attribute__((__format__(__printf__, 3, 0)));
int vasprintf(char** __restrict to, const char* __restrict format, va_list arguments) __GUEST_NOEXCEPT
    __attribute__((__format__(__printf__, 2, 0)));
int puts(const char* s);
int fputs(const char* __restrict s, FILE* __restrict file);
int putchar(int c);
int putc(int c, FILE* file);
int fputc(int c, FILE* file);
size_t fwrite(const void* __restrict from, size_t size, size_t count, FILE* __restrict file);
int fflush(FILE* file);
int setvbuf(FILE* __restrict file, char* __restrict buffer, int mode, size_t size) __GUEST_NOEXCEPT;
void setbuf(FILE* __restrict file, char* __restrict buffer) __GUEST_NOEXCEPT;
int fileno(FILE* file) __GUEST_NOEXCEPT;
int ferror(FILE* file) __GUEST_NOEXCEPT;
int feof(FILE* file) __GUEST_NOEXCEPT;
void clearerr(FILE* file) __GUEST_NOEXCEPT;
int getchar(void);
int getc(FILE* file);
int fgetc(FILE* file);
char* fgets(char* __restrict to, int size, FILE* __restrict file);
size_t fread(void* __restrict to, size_t size, size_t count, FILE* __restrict file);
void perror(const char* prefix);

// Named by libstdc++'s headers and only declared: there are no files, and nothing to scan.
FILE* fopen(const char* __restrict path, const char* __restrict mode);
FILE* freopen(const char* __restrict path, const char* __restrict mode, FILE* __restrict file);
FILE* tmpfile(void);
char* tmpnam(char* name);
int fclose(FILE* file);
int fgetpos(FILE* __restrict file, fpos_t* __restrict position);
int fsetpos(FILE* file, const fpos_t* position);
int fseek(FILE* file, long offset, int origin);
long ftell(FILE* file);
void rewind(FILE* file);
int ungetc(int c, FILE* file);
int remove(const char* path);
int rename(const char* from, const char* to);
int scanf(const char* __restrict format, ...);
int fscanf(FILE* __restrict file, const char* __restrict format, ...);
int sscanf(const char* __restrict from, const char* __restrict format, ...);
int vscanf(const char* __restrict format, va_list arguments);
int vfscanf(FILE* __restrict file, const char* __restrict format, va_list arguments);
int vsscanf(const char* __restrict from, const char* __restrict format, va_list arguments);
__GUEST_END
