#pragma once
#include <guest_linkage.h>
typedef unsigned long jmp_buf[8];
__GUEST_BEGIN
int setjmp(jmp_buf state) __attribute__((__returns_twice__));
void longjmp(jmp_buf state, int value) __attribute__((__noreturn__));
__GUEST_END
#define setjmp(state) setjmp(state)
