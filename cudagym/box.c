/* box: runs one command under limits and leaves nothing of it behind.
 *
 *   box [-w wall_ms] [-c cpu_s] [-a memory_bytes] [-f file_bytes] [-n open_files] [-o channel_fd] -r report_fd -- command...
 *
 * Two processes: this one, trusted, waits outside of the limits; its child takes them on and becomes the command.
 * The command has its own process group and no file descriptors but 0, 1, 2 and, where -o is given, the channel as 3.
 * When it ends, when its wall clock runs out, or when whoever started the box is gone, every process that descends
 * from it is killed: the group at once, and those that left the group because the box is their reaper.
 *
 * On report_fd goes one line: "status=<wait status> cut=<0|1> cpu_us=<n> peak_kb=<n> wall_us=<n>". Without it the box
 * itself was killed. The exit code is 0 when the command's was, 124 at the wall clock, else 1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long wall_ms = 0, cpu_s = -1, memory = -1, file_size = -1, open_files = -1;
static int report = -1, channel = -1;

static long long now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void fail(const char *what) {
  dprintf(report, "error=%s: %s\n", what, strerror(errno));
  _exit(125);
}

static void limit(int resource, long long soft, long long hard) {
  struct rlimit value = {soft, hard};
  if (soft >= 0 && setrlimit(resource, &value)) fail("setrlimit");
}

/* The child: takes on the limits and becomes the command. */
static void become(char **command) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  if (channel >= 0) {
    if (report == 3 && (report = dup(report)) < 0) fail("dup");
    if (channel != 3 && dup2(channel, 3) < 0) fail("dup2");
  }
  int kept = channel >= 0 ? 4 : 3;
  if (report > kept && syscall(SYS_close_range, kept, report - 1, 0)) fail("close_range");
  if (syscall(SYS_close_range, report + 1, ~0u, 0)) fail("close_range");
  fcntl(report, F_SETFD, FD_CLOEXEC);
  limit(RLIMIT_CORE, 0, 0);
  limit(RLIMIT_CPU, cpu_s, cpu_s + 1);
  limit(RLIMIT_FSIZE, file_size, file_size);
  limit(RLIMIT_NOFILE, open_files, open_files);
  limit(RLIMIT_AS, memory, memory);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) fail("no_new_privs");
  execv(command[0], command);
  fail(command[0]);
}

/* Kills the group, then whatever was reparented to this process, until no child is left. */
static void clear(pid_t group) {
  kill(-group, SIGKILL);
  for (;;) {
    int waited;
    while ((waited = waitpid(-1, NULL, WNOHANG)) > 0) {
    }
    if (waited < 0) return;
    FILE *children = fopen("/proc/thread-self/children", "r");
    int pid;
    while (children && fscanf(children, "%d", &pid) == 1) kill(pid, SIGKILL);
    if (!children) return;
    fclose(children);
    struct timespec pause = {0, 200000};
    nanosleep(&pause, NULL);
  }
}

static long long number(const char *text) {
  char *end;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  if (errno || *end || end == text || value < 0) {
    fprintf(stderr, "box: not a number: %s\n", text);
    exit(125);
  }
  return value;
}

int main(int count, char **arguments) {
  int option;
  while ((option = getopt(count, arguments, "+w:c:a:f:n:o:r:")) != -1) switch (option) {
      case 'w': wall_ms = number(optarg); break;
      case 'c': cpu_s = number(optarg); break;
      case 'a': memory = number(optarg); break;
      case 'f': file_size = number(optarg); break;
      case 'n': open_files = number(optarg); break;
      case 'o': channel = number(optarg); break;
      case 'r': report = number(optarg); break;
      default: return 125;
    }
  if (report < 3 || optind >= count) {
    fprintf(stderr, "box: needs -r and a command\n");
    return 125;
  }
  pid_t parent = getppid();
  prctl(PR_SET_PDEATHSIG, SIGTERM); /* sent when the *thread* that started the box ends */
  if (getppid() != parent) return 125;
  setsid();
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  sigset_t waited;
  sigemptyset(&waited);
  sigaddset(&waited, SIGCHLD);
  sigaddset(&waited, SIGTERM);
  sigaddset(&waited, SIGINT);
  sigaddset(&waited, SIGHUP);
  sigprocmask(SIG_BLOCK, &waited, NULL);

  long long start = now_us();
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) become(arguments + optind);
  setpgid(child, child); /* by both, so that it holds whoever runs first */

  int status = 0, cut = 0;
  for (;;) {
    long long left = wall_ms ? wall_ms * 1000 - (now_us() - start) : 3600000000LL;
    if (left < 0) left = 0;
    struct timespec timeout = {left / 1000000, left % 1000000 * 1000};
    int signal = sigtimedwait(&waited, NULL, &timeout);
    if (signal == SIGCHLD) {
      pid_t ended = waitpid(child, &status, WNOHANG);
      if (ended == child) break;
      continue; /* an orphan that ended: `clear` collects it */
    }
    if (signal < 0 && (errno != EAGAIN || !wall_ms || now_us() - start < wall_ms * 1000)) continue;
    cut = signal < 0;
    kill(-child, SIGKILL);
    waitpid(child, &status, 0);
    break;
  }
  clear(child);
  struct rusage use;
  getrusage(RUSAGE_CHILDREN, &use);
  long long cpu = (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000000LL + use.ru_utime.tv_usec + use.ru_stime.tv_usec;
  dprintf(report, "status=%d cut=%d cpu_us=%lld peak_kb=%ld wall_us=%lld\n", status, cut, cpu, use.ru_maxrss,
          now_us() - start);
  return cut ? 124 : status != 0;
}
