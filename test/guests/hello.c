// Prints its arguments and environment, and what the vDSO says of the machine. Exit code: the number of arguments.
#include <stdio.h>
#include <stdlib.h>
#include <zircon/syscalls.h>

int main(int argc, char** argv, char** envp) {
  puts("hello, world");
  for (int i = 0; i < argc; ++i) printf("argument %d: %s\n", i, argv[i]);
  for (char** e = envp; *e != NULL; ++e) printf("environment: %s\n", *e);
  printf("%u-byte pages, %u processors, %lu MiB of memory\n", zx_system_get_page_size(), zx_system_get_num_cpus(),
         zx_system_get_physmem() >> 20);
  return argc - 1;
}
