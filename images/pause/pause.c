/*
 * The sandbox of a pod: holds its namespaces and does nothing else.
 *
 * As PID 1 it blocks every signal and takes them one at a time: SIGTERM and SIGINT end it with 0, SIGCHLD reaps what
 * was left behind in a shared PID namespace. No libc: raw system calls on x86_64 and aarch64, so that the binary is
 * a few hundred bytes and the agent can carry it.
 */

#if defined(__x86_64__)
#define SYS_rt_sigprocmask 14
#define SYS_rt_sigtimedwait 128
#define SYS_wait4 61
#define SYS_exit_group 231

static long syscall4(long number, long a, long b, long c, long d) {
  long result;
  register long r10 __asm__("r10") = d;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                   : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
#define SYS_rt_sigprocmask 135
#define SYS_rt_sigtimedwait 137
#define SYS_wait4 260
#define SYS_exit_group 94

static long syscall4(long number, long a, long b, long c, long d) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  return x0;
}
#else
#error "pause is written for x86_64 and aarch64"
#endif

#define SIG_BLOCK 0
#define SIGINT 2
#define SIGTERM 15
#define SIGCHLD 17
#define WNOHANG 1
/* Size of the kernel's signal set in bytes. */
#define SIGSET_SIZE 8

__attribute__((noreturn, used)) void _start(void) {
  const unsigned long all = ~0UL;
  syscall4(SYS_rt_sigprocmask, SIG_BLOCK, (long)&all, 0, SIGSET_SIZE);
  for (;;) {
    const long signal = syscall4(SYS_rt_sigtimedwait, (long)&all, 0, 0, SIGSET_SIZE);
    if (signal == SIGTERM || signal == SIGINT) syscall4(SYS_exit_group, 0, 0, 0, 0);
    if (signal == SIGCHLD) {
      while (syscall4(SYS_wait4, -1, 0, WNOHANG, 0) > 0) {
      }
    }
  }
}
