// A program of a hundred bytes that needs no file, no library and no loader.
#ifndef ZIRCONIA_PLATFORM_DOCTOR_SMALL_PROGRAM_H_
#define ZIRCONIA_PLATFORM_DOCTOR_SMALL_PROGRAM_H_

#include <string>

namespace zirconia::platform::doctor {

// An ELF file. The program waits until its standard input has a byte or ends, then forks; the exit status is that of
// the child.
std::string SmallProgram();

inline constexpr int kSmallProgramStatus = 7;

}  // namespace zirconia::platform::doctor

#endif  // ZIRCONIA_PLATFORM_DOCTOR_SMALL_PROGRAM_H_
