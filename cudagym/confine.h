/* confine: what cudagym's own programs ask of the kernel before untrusted work begins. Landlock says which files,
 * ports and processes are in reach, seccomp which system calls. Whatever fails leaves its reason in errno.
 */
#ifndef CONFINE_H
#define CONFINE_H

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- Landlock. Its numbers are written out here, since headers may be older than the kernel. ---- */

enum {
  LL_CREATE = 444, LL_ADD = 445, LL_RESTRICT = 446,
  LL_EXECUTE = 1, LL_WRITE = 1 << 1, LL_READ = 1 << 2, LL_LIST = 1 << 3, LL_MAKE_CHAR = 1 << 6, LL_MAKE_SOCKET = 1 << 9,
  LL_MAKE_BLOCK = 1 << 11, LL_REFER = 1 << 13, LL_TRUNCATE = 1 << 14, LL_IOCTL = 1 << 15,
  LL_OF_FILES = LL_EXECUTE | LL_WRITE | LL_READ | LL_TRUNCATE,
};

struct ll_ruleset { uint64_t files, ports, scopes; };
struct __attribute__((packed)) ll_rule { uint64_t allowed; int32_t parent; };

/* 0 or less where the kernel has none. */
static inline int landlock_version(void) { return syscall(LL_CREATE, NULL, 0, 1); }

static inline uint64_t landlock_rights(int version) {
  uint64_t all = LL_REFER - 1;
  if (version >= 2) all |= LL_REFER;
  if (version >= 3) all |= LL_TRUNCATE;
  if (version >= 5) all |= LL_IOCTL;
  return all;
}

/* A ruleset that refuses everything that this kernel's Landlock knows of; negative when it cannot be made. */
static inline int landlock_ruleset(int version) {
  struct ll_ruleset rules = {landlock_rights(version), version >= 4 ? 3 : 0, version >= 6 ? 3 : 0};
  return syscall(LL_CREATE, &rules, version >= 6 ? 24 : version >= 4 ? 16 : 8, 0);
}

/* Holds the calling thread, and what it starts from now on, to the ruleset, which this closes. */
static inline int landlock_enforce(int ruleset) {
  int outcome = syscall(LL_RESTRICT, ruleset, 0);
  close(ruleset);
  return outcome;
}

/* ---- seccomp: a list of system calls that are allowed, some only with certain arguments ---- */

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "cudagym knows the system calls of x86-64 and aarch64 only"
#endif

struct filter {
  int size;
  struct sock_filter code[1024];
};

static inline void statement(struct filter *f, int operation, uint32_t value) {
  f->code[f->size++] = (struct sock_filter)BPF_STMT(operation, value);
}

static inline void jump(struct filter *f, int test, uint32_t value, int yes, int no) {
  f->code[f->size++] = (struct sock_filter)BPF_JUMP(BPF_JMP | test | BPF_K, value, yes, no);
}

/* The 32-bit door, int $0x80, numbers calls differently: whoever takes it is killed. Calls of the x32 interface have
 * numbers with a bit more, which are on no list. */
static inline void filter_begin(struct filter *f) {
  f->size = 0;
  statement(f, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
  jump(f, BPF_JEQ, ARCHITECTURE, 1, 0);
  statement(f, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  statement(f, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
}

static inline void filter_answer(struct filter *f, int call, uint32_t answer) {
  jump(f, BPF_JEQ, call, 0, 1);
  statement(f, BPF_RET | BPF_K, answer);
}

static inline void filter_allow(struct filter *f, const int *calls, size_t count) {
  for (size_t i = 0; i < count; i++) filter_answer(f, calls[i], SECCOMP_RET_ALLOW);
}

/* Allows a call where `test` (BPF_JEQ, BPF_JGE, BPF_JSET) holds for the low half of an argument and `value`. */
static inline void filter_allow_if(struct filter *f, int call, int argument, int test, uint32_t value, uint32_t otherwise) {
  jump(f, BPF_JEQ, call, 0, 4);
  statement(f, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + 8 * argument);
  jump(f, test, value, 0, 1);
  statement(f, BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  statement(f, BPF_RET | BPF_K, otherwise);
}

/* Holds every thread of this process to the filter; calls that nothing was said of get `otherwise`. */
static inline int filter_enforce(struct filter *f, uint32_t otherwise) {
  statement(f, BPF_RET | BPF_K, otherwise);
  struct sock_fprog program = {f->size, f->code};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
}

#endif
