// Allocates and frees blocks of all sizes at random, each filled with a pattern that is checked when it goes. The
// argument is the number of steps.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 512

static struct {
  unsigned char* block;
  size_t size;
  unsigned char pattern;
} slots[SLOTS];

static unsigned state = 12345;
static unsigned random_below(unsigned n) { return (unsigned)rand_r(&state) % n; }

static void fill(int i, unsigned char* block, size_t size) {
  slots[i].block = block;
  slots[i].size = size;
  slots[i].pattern = (unsigned char)random_below(256);
  memset(block, slots[i].pattern, size);
}

static void check_pattern(int i) {
  for (size_t b = 0; b < slots[i].size; ++b) {
    if (slots[i].block[b] == slots[i].pattern) continue;
    printf("FAIL byte %zu of a block of %zu is %#x, not %#x\n", b, slots[i].size, slots[i].block[b], slots[i].pattern);
    exit(1);
  }
}

static size_t random_size(void) {
  switch (random_below(8)) {
    case 0:
      return random_below(300000);
    case 1:
      return random_below(40000);
    default:
      return random_below(1200);
  }
}

int main(int argc, char** argv) {
  const int steps = argc > 1 ? atoi(argv[1]) : 20000;
  for (int step = 0; step < steps; ++step) {
    const int i = (int)random_below(SLOTS);
    const size_t size = random_size();
    if (slots[i].block == NULL) {
      if (random_below(4) == 0) {
        const size_t alignment = (size_t)16 << random_below(9);
        unsigned char* block = aligned_alloc(alignment, size);
        if (block == NULL || ((uintptr_t)block & (alignment - 1)) != 0) return puts("FAIL aligned_alloc"), 1;
        fill(i, block, size);
      } else if (random_below(3) == 0) {
        unsigned char* block = calloc(1, size);
        for (size_t b = 0; b < size; ++b)
          if (block[b] != 0) return puts("FAIL calloc isn't zero"), 1;
        fill(i, block, size);
      } else {
        fill(i, malloc(size), size);
      }
    } else {
      check_pattern(i);
      if (random_below(3) == 0) {
        unsigned char* block = realloc(slots[i].block, size);
        slots[i].block = block;
        if (size < slots[i].size) slots[i].size = size;
        check_pattern(i);
        fill(i, block, size);
      } else {
        free(slots[i].block);
        slots[i].block = NULL;
      }
    }
  }
  for (int i = 0; i < SLOTS; ++i) {
    if (slots[i].block != NULL) check_pattern(i);
    free(slots[i].block);
  }
  void* volatile impossible = malloc((size_t)1 << 60);
  if (impossible != NULL) return puts("FAIL an impossible size was allocated"), 1;
  printf("ok %d steps\n", steps);
  return 0;
}
