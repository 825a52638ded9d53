// Macros of the engine's assembly files.
#ifndef ZIRCONIA_PLATFORM_ENGINE_ASM_H_
#define ZIRCONIA_PLATFORM_ENGINE_ASM_H_

// A label that C++ and the other assembly files see, and nobody outside this binary.
#define HIDDEN(name) \
  .globl name;       \
  .hidden name;      \
  name:

#endif  // ZIRCONIA_PLATFORM_ENGINE_ASM_H_
