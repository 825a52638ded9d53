// Writes every byte value, a line longer than any buffer, and many lines: the console shows them unchanged.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
  for (int c = 0; c < 256; ++c) putchar(c);
  putchar('\n');
  const size_t length = 300000;
  char* line = malloc(length);
  for (size_t i = 0; i < length; ++i) line[i] = (char)('a' + i % 26);
  fwrite(line, 1, length, stdout);
  putchar('\n');
  for (int i = 0; i < 1000; ++i) printf("line %d\n", i);
  free(line);
  return 0;
}
