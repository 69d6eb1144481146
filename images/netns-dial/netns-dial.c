/*
 * One TCP connection into another network namespace, between stdin and stdout.
 *
 *   netns-dial /proc/PID/ns/net PORT
 *
 * Joins the namespace, connects to PORT of its loopback (127.0.0.1, then ::1) and says so with one byte '+' on
 * stdout; what comes on stdin then goes to the connection, what it answers to stdout. The end of either direction is
 * handed on and leaves the other open. Cannot connect: '-' and the number of the error as text, and exit code 1. Two
 * processes, a direction each, so that neither ever waits for the other; both die with whoever started them. No libc:
 * raw system calls on x86_64 and aarch64.
 */

#if defined(__x86_64__)
#define SYS_read 0
#define SYS_write 1
#define SYS_close 3
#define SYS_socket 41
#define SYS_connect 42
#define SYS_shutdown 48
#define SYS_clone 56
#define SYS_wait4 61
#define SYS_prctl 157
#define SYS_exit_group 231
#define SYS_openat 257
#define SYS_setns 308

static long call(long number, long a, long b, long c, long d, long e) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                   : "rcx", "r11", "memory");
  return result;
}

__asm__(".globl _start\n_start:\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call run\n");
#elif defined(__aarch64__)
#define SYS_read 63
#define SYS_write 64
#define SYS_close 57
#define SYS_socket 198
#define SYS_connect 203
#define SYS_shutdown 210
#define SYS_clone 220
#define SYS_wait4 260
#define SYS_prctl 167
#define SYS_exit_group 94
#define SYS_openat 56
#define SYS_setns 268

static long call(long number, long a, long b, long c, long d, long e) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
  return x0;
}

__asm__(".globl _start\n_start:\n  mov x0, sp\n  bl run\n");
#else
#error "netns-dial is written for x86_64 and aarch64"
#endif

#define AT_FDCWD -100
#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define SHUT_WR 1
#define SIGKILL 9
#define SIGCHLD 17
#define EINTR 4
#define PR_SET_PDEATHSIG 1
#define CLONE_NEWNET 0x40000000

static unsigned char buffer[65536];

__attribute__((noreturn)) static void leave(long code) {
  for (;;) call(SYS_exit_group, code, 0, 0, 0, 0);
}

__attribute__((noreturn)) static void refuse(long error) {
  char text[8] = "-";
  char digits[6];
  long size = 1, count = 0;
  for (error = -error; error > 0 && count < 6; error /= 10) digits[count++] = '0' + error % 10;
  while (count > 0) text[size++] = digits[--count];
  call(SYS_write, 1, (long)text, size, 0, 0);
  leave(1);
}

/* Until the source ends or the sink breaks. */
static void copy(long from, long to) {
  for (;;) {
    const long size = call(SYS_read, from, (long)buffer, sizeof buffer, 0, 0);
    if (size == -EINTR) continue;
    if (size <= 0) return;
    for (long at = 0; at < size;) {
      const long sent = call(SYS_write, to, (long)buffer + at, size - at, 0, 0);
      if (sent == -EINTR) continue;
      if (sent <= 0) return;
      at += sent;
    }
  }
}

static long dial(int family, unsigned port) {
  unsigned char address[28];
  volatile unsigned char *bytes = address;
  for (int at = 0; at < 28; at++) bytes[at] = 0;
  address[0] = family;
  address[2] = port >> 8;
  address[3] = port & 255;
  if (family == AF_INET) {
    address[4] = 127;
    address[7] = 1;
  } else {
    address[23] = 1;
  }
  const long fd = call(SYS_socket, family, SOCK_STREAM, 0, 0, 0);
  if (fd < 0) return fd;
  const long failed = call(SYS_connect, fd, (long)address, family == AF_INET ? 16 : 28, 0, 0);
  if (failed == 0) return fd;
  call(SYS_close, fd, 0, 0, 0, 0);
  return failed;
}

__attribute__((noreturn, used)) void run(const long *stack) {
  char **arguments = (char **)(stack + 1);
  unsigned port = 0;
  if (stack[0] != 3) leave(2);
  for (const char *digit = arguments[2]; *digit >= '0' && *digit <= '9'; digit++)
    port = port * 10 + (*digit - '0');
  call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);

  const long namespace = call(SYS_openat, AT_FDCWD, (long)arguments[1], 0, 0, 0);
  if (namespace < 0) refuse(namespace);
  const long joined = call(SYS_setns, namespace, CLONE_NEWNET, 0, 0, 0);
  if (joined < 0) refuse(joined);
  const long first = dial(AF_INET, port);
  const long connection = first < 0 ? dial(AF_INET6, port) : first;
  if (connection < 0) refuse(first);
  call(SYS_write, 1, (long)"+", 1, 0, 0);

  if (call(SYS_clone, SIGCHLD, 0, 0, 0, 0) == 0) {
    call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    copy(connection, 1);
    leave(0);
  }
  call(SYS_close, 1, 0, 0, 0, 0);
  copy(0, connection);
  call(SYS_shutdown, connection, SHUT_WR, 0, 0, 0);
  call(SYS_wait4, -1, 0, 0, 0, 0);
  leave(0);
}
