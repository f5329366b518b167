/* box: runs one command under limits and leaves nothing of it behind.
 *
 *   box [-w wall_ms] [-c cpu_s] [-a memory_bytes] [-f file_bytes] [-n open_files] [-o channel_fd] [-x path]... [-s] [-p] [-u]
 *       [-g group] -r report_fd -- command...
 *
 * Two processes: this one, trusted, waits outside of the limits; its child takes them on and becomes the command.
 * The command has its own process group and no file descriptors but 0, 1, 2 and, where -o is given, the channel as 3.
 * When it ends, when its wall clock runs out, or when whoever started the box is gone, every process that descends
 * from it is killed: the group at once, and those that left the group because the box is their reaper.
 *
 * With -x the command may read and run the files named so, or below the folders named so; read and write, but not run,
 * what is in the current folder; and read and write /dev/null. It reaches no other file (Landlock), no TCP port, and no
 * process outside of the box, as far as the kernel's Landlock has these. With -s it may only make system calls that
 * compilers make (seccomp): no connections, no tracing, no mounts. A kernel that has not got these is an error, unless
 * -u says that the command may run without. With -p, which takes root, it runs as the user that the current folder is of.
 *
 * With -g the command's processes are a control group (version 2) of their own below that one. Together they stay below
 * -a, or are killed together.
 *
 * On report_fd goes one line: "status=<wait status> cut=<0|1> oom=<0|1> cpu_us=<n> peak_kb=<n> wall_us=<n>", where oom
 * says that the control group ran out of memory. Without it the box itself was killed. The exit code is 0 when the command's was, 124 at the wall clock, else 1.
 */
#define _GNU_SOURCE
#include "confine.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long wall_ms = 0, cpu_s = -1, memory = -1, file_size = -1, open_files = -1;
static int report = -1, channel = -1, calls_filtered = 0, is_private = 0, unsafe_allowed = 0;
static char *readable[64];
static int readable_count = 0;
static const char *groups = NULL;
static char group[4096];

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

/* ---- The control group ---- */

enum { GROUPS_PROCESSES = 256 };

static FILE *open_of_group(const char *name, const char *mode) {
  char path[sizeof group + 32];
  snprintf(path, sizeof path, "%s/%s", group, name);
  return fopen(path, mode);
}

static int tell_group(const char *name, long long value) {
  FILE *file = open_of_group(name, "we");
  if (!file) return -1;
  int said = fprintf(file, "%lld", value);
  return fclose(file) || said < 0 ? -1 : 0;
}

static void make_group(void) {
  if (snprintf(group, sizeof group, "%s/%d", groups, getpid()) >= (int)sizeof group) fail("control group");
  rmdir(group); /* of a box that was killed, and had this number before */
  if (mkdir(group, 0700) || tell_group("pids.max", GROUPS_PROCESSES)) fail("control group");
  if (memory >= 0 && (tell_group("memory.max", memory) || tell_group("memory.oom.group", 1))) fail("control group");
  tell_group("memory.swap.max", 0); /* which is not there where nothing is swapped */
}

/* Ends all that is left in the group, and the group. Whether it ran out of memory. */
static int end_group(void) {
  tell_group("cgroup.kill", 1); /* since Linux 5.14 */
  int ran_out = 0;
  FILE *events = open_of_group("memory.events", "re");
  for (char line[128]; events && fgets(line, sizeof line, events);) {
    long long count;
    if (sscanf(line, "oom_kill %lld", &count) == 1) ran_out = count > 0;
  }
  if (events) fclose(events);
  struct timespec pause = {0, 200000};
  for (int tries = 0; rmdir(group) && errno == EBUSY && tries < 5000; tries++) nanosleep(&pause, NULL);
  return ran_out;
}

/* ---- Which files ---- */

static void allow(int ruleset, const char *path, uint64_t rights) {
  struct ll_rule rule = {rights, open(path, O_PATH | O_CLOEXEC)};
  struct stat about;
  if (rule.parent < 0 || fstat(rule.parent, &about)) fail(path);
  if (!S_ISDIR(about.st_mode)) rule.allowed &= LL_OF_FILES;
  if (syscall(LL_ADD, ruleset, 1, &rule, 0)) fail("landlock rule");
  close(rule.parent);
}

static void restrict_files(void) {
  int version = landlock_version();
  if (version < 1) {
    if (unsafe_allowed) return;
    fail("no Landlock in this kernel");
  }
  uint64_t all = landlock_rights(version);
  int ruleset = landlock_ruleset(version);
  if (ruleset < 0) fail("landlock ruleset");
  for (int i = 0; i < readable_count; i++) allow(ruleset, readable[i], LL_EXECUTE | LL_READ | LL_LIST);
  allow(ruleset, ".", all & ~(LL_EXECUTE | LL_MAKE_CHAR | LL_MAKE_BLOCK | LL_MAKE_SOCKET));
  allow(ruleset, "/dev/null", (LL_READ | LL_WRITE | LL_TRUNCATE | LL_IOCTL) & all);
  if (landlock_enforce(ruleset)) fail("landlock");
}

/* ---- Which system calls ---- */

static const int compilers_calls[] = {
  SYS_brk, SYS_chdir, SYS_clock_getres, SYS_clock_gettime, SYS_clock_nanosleep, SYS_clone, SYS_close, SYS_close_range,
  SYS_copy_file_range, SYS_dup, SYS_dup3, SYS_execve, SYS_exit, SYS_exit_group, SYS_faccessat, SYS_faccessat2,
  SYS_fadvise64, SYS_fallocate, SYS_fchdir, SYS_fchmod, SYS_fchmodat, SYS_fcntl, SYS_fdatasync, SYS_flock, SYS_fstat,
  SYS_fstatfs, SYS_fsync, SYS_ftruncate, SYS_futex, SYS_get_robust_list, SYS_getcwd, SYS_getdents64, SYS_getegid,
  SYS_geteuid, SYS_getgid, SYS_getgroups, SYS_getpgid, SYS_getpid, SYS_getppid, SYS_getrandom, SYS_getrusage,
  SYS_gettid, SYS_gettimeofday, SYS_getuid, SYS_ioctl, SYS_lseek, SYS_madvise, SYS_membarrier, SYS_mkdirat, SYS_mmap,
  SYS_mprotect, SYS_mremap, SYS_msync, SYS_munmap, SYS_nanosleep, SYS_newfstatat, SYS_openat, SYS_pipe2, SYS_ppoll,
  SYS_pread64, SYS_pwrite64, SYS_read, SYS_readlinkat, SYS_readv, SYS_renameat, SYS_renameat2, SYS_restart_syscall,
  SYS_rseq, SYS_rt_sigaction, SYS_rt_sigpending, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigsuspend,
  SYS_rt_sigtimedwait, SYS_sched_get_priority_max, SYS_sched_get_priority_min, SYS_sched_getaffinity,
  SYS_sched_getparam, SYS_sched_getscheduler, SYS_sched_yield, SYS_sendfile, SYS_set_robust_list, SYS_set_tid_address,
  SYS_sigaltstack, SYS_statfs, SYS_statx, SYS_sysinfo, SYS_times, SYS_truncate, SYS_umask, SYS_uname,
  SYS_unlinkat, SYS_utimensat, SYS_wait4, SYS_waitid, SYS_write, SYS_writev,
#ifdef __x86_64__
  SYS_access, SYS_arch_prctl, SYS_chmod, SYS_dup2, SYS_fork, SYS_getdents, SYS_getpgrp, SYS_getrlimit, SYS_lstat,
  SYS_mkdir, SYS_open, SYS_pipe, SYS_poll, SYS_readlink, SYS_rename, SYS_rmdir, SYS_stat, SYS_time, SYS_unlink,
  SYS_utime, SYS_vfork,
#endif
};

/* Other calls fail as on a kernel without them, for which C libraries are prepared. */
static void filter_calls(void) {
  struct filter filter;
  filter_begin(&filter);
  filter_allow(&filter, compilers_calls, sizeof compilers_calls / sizeof *compilers_calls);
  if (landlock_version() >= 6) filter_answer(&filter, SYS_tgkill, SECCOMP_RET_ALLOW); /* which bounds whom it reaches */
  filter_allow_if(&filter, SYS_prlimit64, 0, BPF_JEQ, 0, SECCOMP_RET_ERRNO | EPERM); /* own limits, to lower them */
  if (filter_enforce(&filter, SECCOMP_RET_ERRNO | ENOSYS) && !unsafe_allowed) fail("no seccomp in this kernel");
}

/* Whether all users may use what the command may read: not so where root installed it under a strict umask. */
static int is_for_all(void) {
  struct stat about;
  for (int i = 0; i < readable_count; i++)
    if (stat(readable[i], &about) || !(about.st_mode & S_IROTH)) return 0;
  return 1;
}

/* Root becomes the current folder's user, and keeps one power: to reach files in folders that are closed to others, as
 * the toolkit or the cache may be root's own. Landlock bounds which. Without a user to become, and where files are not
 * for all, it is the power over files' permissions. */
static void drop_privileges(void) {
  struct stat folder;
  unsigned kept = 1u << CAP_DAC_READ_SEARCH;
  if (!is_private || !is_for_all()) kept |= 1u << CAP_DAC_OVERRIDE;
  if (!readable_count) /* it is trusted to run boxes */
    kept |= 1u << CAP_SETUID | 1u << CAP_SETGID | 1u << CAP_KILL | 1u << CAP_SETPCAP;
  if (is_private) {
    /* Powers outlast the change of user, and hold for access() too. */
    if (stat(".", &folder) || prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) || setgroups(0, NULL) ||
        setresgid(folder.st_gid, folder.st_gid, folder.st_gid) || setresuid(folder.st_uid, folder.st_uid, folder.st_uid))
      fail("private user");
  }
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &header, data)) fail("capget");
  if (!(data[0].permitted & 1u << CAP_DAC_READ_SEARCH)) kept |= 1u << CAP_DAC_OVERRIDE; /* as containers have it */
  data[0].permitted &= kept;
  data[0].effective = data[0].inheritable = data[0].permitted;
  data[1].permitted = data[1].effective = data[1].inheritable = 0;
  if (syscall(SYS_capset, &header, data)) fail("capset");
  for (int power = 0; is_private && power < 32; power++) /* what a user other than root takes into the command */
    if (data[0].permitted >> power & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, power, 0, 0)) fail("ambient");
}

/* The child: takes on the limits and becomes the command. */
static void become(char **command, pid_t box) {
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
  if (groups && tell_group("cgroup.procs", 0)) fail("control group");
  limit(RLIMIT_CORE, 0, 0);
  limit(RLIMIT_CPU, cpu_s, cpu_s + 1);
  limit(RLIMIT_FSIZE, file_size, file_size);
  limit(RLIMIT_NOFILE, open_files, open_files);
  limit(RLIMIT_AS, memory, memory);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) fail("no_new_privs");
  drop_privileges();
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* a change of user would undo it */
  if (getppid() != box) _exit(125);
  if (readable_count) restrict_files();
  if (calls_filtered) filter_calls();
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
  while ((option = getopt(count, arguments, "+w:c:a:f:n:o:r:x:g:spu")) != -1) switch (option) {
      case 'w': wall_ms = number(optarg); break;
      case 'c': cpu_s = number(optarg); break;
      case 'a': memory = number(optarg); break;
      case 'f': file_size = number(optarg); break;
      case 'n': open_files = number(optarg); break;
      case 'o': channel = number(optarg); break;
      case 'r': report = number(optarg); break;
      case 'g': groups = optarg; break;
      case 's': calls_filtered = 1; break;
      case 'p': is_private = 1; break;
      case 'u': unsafe_allowed = 1; break;
      case 'x':
        if (readable_count == sizeof readable / sizeof *readable) return 125;
        readable[readable_count++] = optarg;
        break;
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
  if (groups) make_group();
  pid_t box = getpid(), child = fork();
  if (child < 0) fail("fork");
  if (child == 0) become(arguments + optind, box);
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
  int ran_out = groups ? end_group() : 0;
  struct rusage use;
  getrusage(RUSAGE_CHILDREN, &use);
  long long cpu = (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000000LL + use.ru_utime.tv_usec + use.ru_stime.tv_usec;
  dprintf(report, "status=%d cut=%d oom=%d cpu_us=%lld peak_kb=%ld wall_us=%lld\n", status, cut, ran_out, cpu,
          use.ru_maxrss, now_us() - start);
  return cut ? 124 : status != 0;
}
