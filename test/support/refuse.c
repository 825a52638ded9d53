// refuse CALL COMMAND [ARGS...]: runs a command on a host that lacks something. CALL is `dispatch` (syscall user
// dispatch: EINVAL, as older kernels say) or `memfd` (memfd_create: ENOSYS).
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { kSetSyscallUserDispatch = 59 };

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define SKIP_IF_EQUAL(value, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (no))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (what))

static int install(struct sock_filter* code, unsigned short length) {
  struct sock_fprog program = {length, code};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

int main(int argc, char** argv) {
  struct sock_filter no_dispatch[] = {
      LOAD(nr),
      SKIP_IF_EQUAL(SYS_prctl, 3),
      LOAD(args[0]),
      SKIP_IF_EQUAL(kSetSyscallUserDispatch, 1),
      RETURN(SECCOMP_RET_ERRNO | EINVAL),
      RETURN(SECCOMP_RET_ALLOW),
  };
  struct sock_filter no_memfd[] = {
      LOAD(nr),
      SKIP_IF_EQUAL(SYS_memfd_create, 1),
      RETURN(SECCOMP_RET_ERRNO | ENOSYS),
      RETURN(SECCOMP_RET_ALLOW),
  };
  if (argc < 3) return 125;
  int done = 0;
  if (strcmp(argv[1], "dispatch") == 0) done = install(no_dispatch, sizeof(no_dispatch) / sizeof(no_dispatch[0]));
  if (strcmp(argv[1], "memfd") == 0) done = install(no_memfd, sizeof(no_memfd) / sizeof(no_memfd[0]));
  if (!done) {
    perror("refuse");
    return 125;
  }
  execv(argv[2], argv + 2);
  perror(argv[2]);
  return 125;
}
