/* enclosure: shuts the executor's process in, once all that it needs is loaded. Built as a library, for Python to call.
 *
 * From then on it opens no file, starts no process, makes no connection and signals nobody. It computes, starts threads,
 * and talks over the socket that it has. What is not on the list fails with EPERM.
 */
#define _GNU_SOURCE
#include "confine.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

#define MAX_THREADS 128 /* where the user is this process's own: the kernel counts by user */
#define MAX_FILES 128   /* a request brings at most 64 */

static const int allowed[] = {
    /* Memory, which RLIMIT_AS bounds. Compiled kernels are code that is mapped here. */
    SYS_mmap, SYS_mprotect, SYS_munmap, SYS_mremap, SYS_madvise, SYS_brk,
    /* The judge's socket, and the descriptors that it sends. Without sendmsg none is sent back. */
    SYS_recvfrom, SYS_recvmsg, SYS_sendto, SYS_close,
    /* What Python says of its end, to /dev/null; reading and asking about what is open reveals nothing new. */
    SYS_write, SYS_writev, SYS_read, SYS_fstat, SYS_lseek,
    /* Threads: their start, their locks, their end. */
    SYS_futex, SYS_set_robust_list, SYS_rseq, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sigaltstack, SYS_sched_yield,
    SYS_sched_getaffinity, SYS_getpid, SYS_gettid, SYS_exit, SYS_exit_group, SYS_restart_syscall,
    /* Clocks, for limits and for what a run took. getrusage speaks of this process alone: it has had no child. */
    SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday, SYS_nanosleep, SYS_clock_nanosleep, SYS_getrusage,
    SYS_getrandom, SYS_sysinfo, SYS_uname, SYS_getcpu,
};

static int drop_capabilities(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct none[2] = {{0}};
  return syscall(SYS_capset, &header, none);
}

static int limit(int resource, rlim_t most) {
  struct rlimit now;
  if (getrlimit(resource, &now)) return -1;
  if (now.rlim_max < most) most = now.rlim_max;
  return setrlimit(resource, &(struct rlimit){most, most});
}

static int restrict_files(void) {
  int version = landlock_version();
  if (version < 1) return -1;
  int ruleset = landlock_ruleset(version);
  return ruleset < 0 ? -1 : landlock_enforce(ruleset);
}

static int filter_calls(void) {
  struct filter filter;
  filter_begin(&filter);
  filter_allow(&filter, allowed, sizeof allowed / sizeof *allowed);
  filter_answer(&filter, SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS); /* its flags cannot be seen: clone is tried next */
  filter_allow_if(&filter, SYS_clone, 0, BPF_JSET, CLONE_THREAD, SECCOMP_RET_ERRNO | EPERM);
  filter_allow_if(&filter, SYS_rt_sigaction, 0, BPF_JGE, 32, SECCOMP_RET_ERRNO | EPERM); /* the thread library's own */
  /* Python maps a copy of a descriptor. Others of this call's operations have signals sent. */
  filter_allow_if(&filter, SYS_fcntl, 1, BPF_JEQ, F_DUPFD_CLOEXEC, SECCOMP_RET_ERRNO | EPERM);
  return filter_enforce(&filter, SECCOMP_RET_ERRNO | EPERM);
}

/* Encloses this process, which must have a single thread, and has it killed when the thread that started it ends.
 * `user` becomes its user and group unless it is 0; `parent` is who should have started it. Returns NULL, or what
 * failed; errno says why. With `unsafe`, a kernel that lacks Landlock or seccomp is put up with. */
const char *enclose(unsigned user, int parent, int unsafe) {
  if (user && (setgroups(0, NULL) || setresgid(user, user, user) || setresuid(user, user, user))) return "private user";
  if (drop_capabilities()) return "capabilities";
  if (limit(RLIMIT_NOFILE, MAX_FILES) || (user && limit(RLIMIT_NPROC, MAX_THREADS))) return "limits";
  if (prctl(PR_SET_PDEATHSIG, SIGKILL)) return "end with the parent"; /* a change of user would have undone it */
  if (getppid() != parent) _exit(0);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return "no new privileges";
  if (restrict_files() && !unsafe) return "Landlock";
  if (filter_calls() && !unsafe) return "seccomp";
  return NULL;
}
