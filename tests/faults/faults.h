/* What fault_choice.c decides for the functions of fault_shim.c. */
#pragma once
#include <errno.h>
#include <time.h>

#pragma GCC visibility push(hidden)

enum kind {
  kind_read, kind_pread, kind_write, kind_pwrite, kind_fsync, kind_ftruncate, kind_rename, kind_open, kind_close, kind_fallocate,
  kind_stat, kind_mmap, kind_lock, kind_unlink, kind_mkdir, kind_access, kind_readlink, kind_attributes, kind_memory, kind_thread,
  kind_count
};
enum fate { fate_pass, fate_refuse, fate_short, fate_kill_after };

extern int in_main;          /* the program has begun */
extern int refusal;          /* errno of calls that fail */
extern time_t frozen_clock;  /* what the wall clock shows; 0: the time */

/* Whether a call about this file counts. */
int concerns_descriptor(int descriptor);
int concerns_path(const char* path);
int concerns_path_at(int directory, const char* path);
/* Counts one call and decides about it. */
enum fate decide(enum kind kind);
__attribute__((noreturn)) void die(void);
/* A file is about to be changed, or is on disk. */
void mark(int descriptor, int changed);
/* A file or folder has got this name. */
void mark_name(const char* path);

#pragma GCC visibility pop

/* The body of a function that stands for `call`, unless it has to fail. */
#define REPLACE(type, failure, kind, concerned, call)              \
  const enum fate fate = (concerned) ? decide(kind) : fate_pass;   \
  if (fate == fate_refuse) { errno = refusal; return failure; }    \
  type const result = (type)(call);                                \
  if (fate == fate_kill_after) die();                              \
  return result

/* On 64-bit systems both names mean the same function. */
#define ALSO(other, name) __asm__(".globl " #other "\n.type " #other ", %function\n.set " #other ", " #name)

#define BYTES(bytes) (fate == fate_short && (bytes) > 1 ? (bytes) / 2 : (bytes))
