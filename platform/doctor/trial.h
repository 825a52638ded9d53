// What experiments share. They run in a scratch process, so nothing is given back.
#ifndef ZIRCONIA_PLATFORM_DOCTOR_TRIAL_H_
#define ZIRCONIA_PLATFORM_DOCTOR_TRIAL_H_

#include <cstddef>
#include <string>

#include "platform/doctor/facts.h"

namespace zirconia::platform::doctor {

inline constexpr size_t kPage = 4096;

// "EPERM" for the present errno.
std::string ErrnoName();

// It couldn't be tried, because `what` failed with the present errno.
Finding Failed(const char* what);

// Yes; or no, with the present errno.
Finding YesOrErrno(bool yes);

// A memfd of `pages`, whose first bytes are 0, 1, 2...; -1 with errno.
int MakeFile(size_t pages);

// Maps a file, shared; nullptr with errno.
char* MapShared(int fd, size_t pages, int protection);

// An inaccessible reservation of `pages` to put things in; nullptr with errno.
char* Reserve(size_t pages);

// Whether something is mapped at this page.
bool Stands(const char* page);

}  // namespace zirconia::platform::doctor

#endif  // ZIRCONIA_PLATFORM_DOCTOR_TRIAL_H_
