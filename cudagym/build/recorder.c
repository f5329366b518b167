/* recorder: loads a candidate's host library against a recording CUDA runtime, calls `solve`, and reports what it did.
 *
 *   recorder <library>       input on stdin (see `read_input`), the plan on file descriptor 3
 *
 * Everything the candidate needs is in memory before its code can run: from `close_box` on, no file can be opened and
 * no process or connection started. Nothing that comes out is trusted; recorder.py checks it.
 */
#define _GNU_SOURCE
#include "confine.h"
#include "recorder.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

struct kernel *kernels;
struct variable *variables;
int kernel_count, variable_count, first_scratch_slot;
struct device device;
int recording;

/* ---- The channel ---- */

static void send(const void *data, size_t size) {
  for (const char *at = data; size;) {
    ssize_t sent = write(3, at, size);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) _exit(97);
    at += sent;
    size -= sent;
  }
}

void emit(enum operation operation, int pieces, const struct piece *piece) {
  static unsigned records;
  static uint64_t bytes;
  uint64_t size = 0;
  for (int i = 0; i < pieces; i++) size += piece[i].size;
  if (operation < DONE) {
    if (++records > 20000) finish(TOO_MUCH, "more than 20000 operations");
    if ((bytes += size) > (64 << 20)) finish(TOO_MUCH, "more than 64 MiB copied from the host");
  }
  uint32_t header[2] = {operation, size};
  send(header, sizeof header);
  for (int i = 0; i < pieces; i++) send(piece[i].data, piece[i].size);
}

_Noreturn void finish(enum operation operation, const char *text) {
  emit(operation, 1, &(struct piece){text, strlen(text)});
  fflush(NULL); /* what the candidate printed may explain how it ended */
  _exit(0);
}

/* ---- Signals ---- */

static int library_fd = -1;

#define CALL(name) {SYS_##name, #name}
static const struct {
  long number;
  const char *name;
} call_names[] = {
    CALL(openat), CALL(socket), CALL(socketpair), CALL(connect), CALL(bind), CALL(listen), CALL(clone), CALL(execve),
    CALL(execveat), CALL(kill), CALL(tgkill), CALL(tkill), CALL(ptrace), CALL(unlinkat), CALL(mkdirat), CALL(renameat2),
    CALL(ioctl), CALL(pipe2), CALL(dup), CALL(dup3), CALL(fcntl), CALL(getcwd), CALL(chdir), CALL(prctl), CALL(setsid),
    CALL(rt_sigaction), CALL(memfd_create), CALL(mount), CALL(bpf), CALL(io_uring_setup), CALL(setrlimit), CALL(wait4),
    CALL(prlimit64), CALL(process_vm_readv), CALL(sched_setaffinity), CALL(readlinkat), CALL(faccessat),
    CALL(newfstatat), CALL(statx),
#ifdef SYS_fork
    CALL(open), CALL(fork), CALL(vfork), CALL(pipe), CALL(dup2), CALL(unlink), CALL(mkdir), CALL(rename), CALL(access),
    CALL(readlink), CALL(stat), CALL(creat), CALL(alarm), CALL(poll),
#endif
};

#if defined(__x86_64__)
#define REGISTER(state, x86, arm) ((state)->uc_mcontext.gregs[REG_##x86])
#elif defined(__aarch64__)
#define REGISTER(state, x86, arm) ((state)->uc_mcontext.regs[arm])
#endif

/* A blocked system call. The loader's one openat gets the library, opened beforehand. Newer C libraries write fstat()
 * as a call that can ask for files by name too, which a filter cannot see. All else ends the recording. */
static void on_blocked_call(int signal, siginfo_t *info, void *context) {
  (void)signal;
  ucontext_t *state = context;
  if (info->si_syscall == SYS_openat && library_fd >= 0) {
    REGISTER(state, RAX, 0) = library_fd;
    library_fd = -1;
    return;
  }
  if (info->si_syscall == SYS_newfstatat && !*(const char *)REGISTER(state, RSI, 1)) {
    int failed = syscall(SYS_fstat, (int)REGISTER(state, RDI, 0), REGISTER(state, RDX, 2));
    REGISTER(state, RAX, 0) = failed ? -errno : 0;
    return;
  }
  char text[32];
  snprintf(text, sizeof text, "%d", info->si_syscall);
  for (size_t i = 0; i < sizeof call_names / sizeof *call_names; i++)
    if (call_names[i].number == info->si_syscall) snprintf(text, sizeof text, "%s", call_names[i].name);
  emit(SYSTEM_CALL, 1, &(struct piece){text, strlen(text)});
  _exit(0);
}

static void on_crash(int signal, siginfo_t *info, void *context) {
  (void)context;
  uint64_t address = (uint64_t)info->si_addr;
  int fault = signal == SIGSEGV || signal == SIGBUS;
  if (fault && address >= FIRST_ADDRESS && (address - FIRST_ADDRESS) >> SLOT_BITS < MAX_SLOTS)
    emit(DEVICE_ADDRESS, 1, &(struct piece){&address, sizeof address});
  uint64_t crash[2] = {signal, address};
  emit(CRASHED, 1, &(struct piece){crash, sizeof crash});
  _exit(0);
}

static void catch_signals(void) {
  static char stack[1 << 16];
  sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
  struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGXCPU, SIGXFSZ};
  for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++) sigaction(crashes[i], &action, NULL);
  action.sa_sigaction = on_blocked_call;
  sigaction(SIGSYS, &action, NULL);
}

/* ---- The system-call filter ---- */

/* What is allowed reaches nothing outside of this process but its four descriptors: stdin, which has been read, and
 * stdout, stderr and the plan, of which the box keeps so many bytes. */
static const int allowed[] = {
    /* The loader reads the library that was opened for it; stdio reads and writes open descriptors. */
    SYS_read, SYS_pread64, SYS_write, SYS_writev, SYS_close, SYS_fstat, SYS_lseek,
    /* The loader maps segments and protects them; malloc. Bounded by the address space. Code that the candidate maps
     * for itself may do no more than the code it came with. */
    SYS_mmap, SYS_mprotect, SYS_munmap, SYS_mremap, SYS_madvise, SYS_brk,
    /* Locks, which C++ takes even with a single thread. Bounded by CPU time and the wall clock, as sleeping is. */
    SYS_futex, SYS_sched_yield, SYS_nanosleep, SYS_clock_nanosleep, SYS_restart_syscall,
    /* Clocks, where the fast path in user space does not serve: nothing that is measured here is believed. */
    SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday,
#ifdef SYS_time
    SYS_time,
#endif
    /* Ending, and abort(), which unblocks its signal; handlers of ours return. */
    SYS_exit, SYS_exit_group, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sigaltstack,
    /* Questions whose answers are no secrets: std::random_device, thread counts, memory sizes. */
    SYS_getpid, SYS_gettid, SYS_getrandom, SYS_uname, SYS_sysinfo, SYS_sched_getaffinity, SYS_getcpu,
};

static void close_box(void) {
  struct filter filter;
  filter_begin(&filter);
  filter_allow(&filter, allowed, sizeof allowed / sizeof *allowed);
  filter_answer(&filter, SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS); /* so that clone is tried, which has a name */
  filter_allow_if(&filter, SYS_tgkill, 0, BPF_JEQ, getpid(), SECCOMP_RET_TRAP); /* abort() signals itself */
  /* The thread library's own two signals, no others: what ends a recording stays ours to report. */
  filter_allow_if(&filter, SYS_rt_sigaction, 0, BPF_JGE, 32, SECCOMP_RET_TRAP);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || filter_enforce(&filter, SECCOMP_RET_TRAP)) {
    perror("recorder: seccomp");
    _exit(96);
  }
}

#if defined(__x86_64__)
#define INTEGER_REGISTERS 6
#elif defined(__aarch64__)
#define INTEGER_REGISTERS 8
#endif

/* ---- Input and the call ---- */

#define FLOAT_REGISTERS 8
#define STACK_WORDS 48

static struct {
  uint64_t integer[INTEGER_REGISTERS], stack[STACK_WORDS];
  double floating[FLOAT_REGISTERS];
} arguments;

static void check(int read, int wanted) {
  if (read != wanted) {
    fprintf(stderr, "recorder: bad input\n");
    _exit(95);
  }
}

static void *allocate(int count, size_t size) {
  void *memory = calloc(count ? count : 1, size);
  check(memory != NULL, 1);
  return memory;
}

/* The input is text: the device, then kernels, variables and arguments, each after its count. */
static void read_input(void) {
  check(scanf("%d %d %d %d %d %d %d %d %d %d %d %d %d %lu %255[^\n]", &device.major, &device.minor, &device.sms,
              &device.clock_khz, &device.memory_khz, &device.bus_bits, &device.l2, &device.shared_per_sm,
              &device.shared_per_block, &device.registers_per_sm, &device.threads_per_sm, &device.blocks_per_sm,
              &device.threads_per_block, &device.memory, device.title), 15);
  check(scanf("%d", &kernel_count), 1);
  kernels = allocate(kernel_count, sizeof *kernels);
  for (struct kernel *k = kernels; k < kernels + kernel_count; k++) {
    check(scanf("%ms %d %d %d %d %d %d", &k->name, &k->registers, &k->static_shared, &k->local, &k->max_threads,
                &k->argument_bytes, &k->parameters), 7);
    k->max_dynamic = 48 << 10;
    k->parameter = allocate(k->parameters, sizeof *k->parameter);
    for (struct parameter *p = k->parameter; p < k->parameter + k->parameters; p++)
      check(scanf("%u %u", &p->offset, &p->size), 2);
  }
  check(scanf("%d", &variable_count), 1);
  variables = allocate(variable_count, sizeof *variables);
  for (struct variable *v = variables; v < variables + variable_count; v++)
    check(scanf("%ms %lu %lx", &v->name, &v->size, &v->address), 3);
  int count, integers = 0, floats = 0, words = 0;
  check(scanf("%d %d", &first_scratch_slot, &count), 2);
  while (count--) {
    char class;
    uint64_t word;
    check(scanf(" %c %lx", &class, &word), 2);
    if (class == 'f' && floats < FLOAT_REGISTERS)
      memcpy(&arguments.floating[floats++], &word, sizeof word);
    else if (class == 'i' && integers < INTEGER_REGISTERS)
      arguments.integer[integers++] = word;
    else {
      check(words < STACK_WORDS, 1);
      arguments.stack[words++] = word;
    }
  }
}

#define W(i) arguments.stack[i], arguments.stack[i + 1], arguments.stack[i + 2], arguments.stack[i + 3]

/* Calls `solve` whatever its parameters are. In both conventions (System V x86-64, AAPCS64) integers and pointers fill
 * one set of registers in order, floats another, and what is left goes to 8-byte words on the stack in order, so one
 * call with all registers and enough words serves every signature: no libffi, nothing to compile per signature. A
 * float is the low half of its register. */
static void call(void *solve) {
  typedef void solve_type(
      uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
#if INTEGER_REGISTERS == 8
      uint64_t, uint64_t,
#endif
      double, double, double, double, double, double, double, double,
#define T uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t
      T, T, T, T, T, T);
  uint64_t *i = arguments.integer;
  double *f = arguments.floating;
  ((solve_type *)solve)(i[0], i[1], i[2], i[3], i[4], i[5],
#if INTEGER_REGISTERS == 8
                        i[6], i[7],
#endif
                        f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], W(0), W(4), W(8), W(12), W(16), W(20), W(24),
                        W(28), W(32), W(36), W(40), W(44));
}

int main(int count, char **words) {
  check(count, 2);
  read_input();
  library_fd = open(words[1], O_RDONLY | O_CLOEXEC);
  if (library_fd < 0) {
    perror(words[1]);
    return 95;
  }
  catch_signals();
  close_box();
  emit(READY, 0, NULL); /* from here on, what this process says or does may be the candidate's */
  void *library = dlopen(words[1], RTLD_NOW | RTLD_LOCAL);
  if (!library) finish(NOT_LOADED, dlerror());
  void *solve = dlsym(library, "solve");
  if (!solve) finish(NOT_LOADED, "solve is not visible in the library");
  recording = 1;
  call(solve);
  recording = 0;
  finish(DONE, "");
}
