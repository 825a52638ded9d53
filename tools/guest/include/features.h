// What libstdc++'s configuration for GNU/Linux looks for: this isn't glibc.
#pragma once
#define __GLIBC_PREREQ(major, minor) 0
