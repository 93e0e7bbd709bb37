/* A library to be preloaded (LD_PRELOAD) that counts a program's system calls by kind and lets chosen ones fail.
 *
 *   FAULT_LOG     file that receives the counters (struct counters below), also of a process that is killed
 *   FAULT_FOLDER  calls about files count only where the file is below this folder; absent: any file
 *   FAULT_KIND    kind of call that fails (names: kind_names)
 *   FAULT_CALL    the number of the call, from 1
 *   FAULT_STICKY  1: all later calls of the kind fail as well
 *   FAULT_ERROR   name of an errno value; SHORT: half of the bytes are transferred; KILL: the process is killed before the
 *                 call; KILL_AFTER: after it
 *   FAULT_CLOCK   seconds since 1970: what the wall clock shows, so that equal runs write equal bytes
 *
 * It also counts files that are renamed before they are on disk, and names that are not on disk in the end (struct counters).
 * Only calls between the beginning of main() and the end of the process count. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "faults.h"

static const char* const kind_names[kind_count] = {
  "read", "pread", "write", "pwrite", "fsync", "ftruncate", "rename", "open", "close", "fallocate",
  "stat", "mmap", "lock", "unlink", "mkdir", "access", "readlink", "attributes", "memory", "thread"};

static const struct { const char* name; int value; } errors[] = {
  {"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EINTR", EINTR}, {"ESTALE", ESTALE}, {"EMFILE", EMFILE},
  {"ENOMEM", ENOMEM}, {"EAGAIN", EAGAIN}, {"ENOLCK", ENOLCK}, {"EOPNOTSUPP", EOPNOTSUPP}, {"EPERM", EPERM}, {"EACCES", EACCES},
  {"EFBIG", EFBIG}, {"ENODEV", ENODEV}, {"ENOSYS", ENOSYS}};

/* What tests/faults/shim.py reads. */
struct counters {
  long calls[kind_count];
  long fired;
  long early_names;     /* files that got another name with content that was not on disk */
  long pending_folders; /* folders whose newest names are not on disk */
};

enum action { action_errno, action_short, action_kill, action_kill_after };

static struct counters own_counters;
static struct counters* counters = &own_counters;
int in_main;
static enum kind chosen_kind = kind_count;
static long chosen_call;
static int sticky;
static enum action action;
int refusal = EIO;
static char folder[4096];
static char start_folder[4096];
time_t frozen_clock;

static void fail_setup(const char* what) {
  static const char text[] = "fault_shim: ";
  if (syscall(SYS_write, 2, text, sizeof text - 1) < 0 || syscall(SYS_write, 2, what, strlen(what)) < 0) _exit(125);
  _exit(124);
}

static void choose_error(const char* name) {
  if (strcmp(name, "SHORT") == 0) { action = action_short; return; }
  if (strcmp(name, "KILL") == 0) { action = action_kill; return; }
  if (strcmp(name, "KILL_AFTER") == 0) { action = action_kill_after; return; }
  for (size_t i = 0; i < sizeof errors / sizeof *errors; ++i) {
    if (strcmp(name, errors[i].name) == 0) { refusal = errors[i].value; return; }
  }
  fail_setup("unknown FAULT_ERROR\n");
}

static void open_log(const char* path) {
  const int log = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (log < 0 || syscall(SYS_ftruncate, log, (long)sizeof *counters) != 0) fail_setup("FAULT_LOG cannot be made\n");
  void* const shared = (void*)syscall(SYS_mmap, 0, sizeof *counters, PROT_READ | PROT_WRITE, MAP_SHARED, log, 0);
  if (shared == MAP_FAILED) fail_setup("FAULT_LOG cannot be mapped\n");
  counters = shared;
  syscall(SYS_close, log);
}

__attribute__((constructor)) static void read_environment(void) {
  const char* text;
  if ((text = getenv("FAULT_FOLDER")) != NULL) snprintf(folder, sizeof folder, "%s", text);
  if ((text = getenv("FAULT_CALL")) != NULL) chosen_call = atol(text);
  if ((text = getenv("FAULT_STICKY")) != NULL) sticky = atoi(text);
  if ((text = getenv("FAULT_CLOCK")) != NULL) frozen_clock = atol(text);
  if ((text = getenv("FAULT_ERROR")) != NULL) choose_error(text);
  if ((text = getenv("FAULT_KIND")) != NULL) {
    for (int kind = 0; kind < kind_count; ++kind) {
      if (strcmp(text, kind_names[kind]) == 0) chosen_kind = (enum kind)kind;
    }
    if (chosen_kind == kind_count) fail_setup("unknown FAULT_KIND\n");
  }
  if (syscall(SYS_getcwd, start_folder, sizeof start_folder) < 0) start_folder[0] = 0;
  if ((text = getenv("FAULT_LOG")) != NULL) open_log(text);
}

/* -- which calls count ------------------------------------------------------------------------------------------------ */

static int is_below(const char* path) {
  const size_t length = strlen(folder);
  return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == 0);
}

int concerns_descriptor(int descriptor) {
  if (descriptor < 0) return 0;
  if (folder[0] == 0) return 1;
  char link[40];
  char path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const long length = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return is_below(path);
}

int concerns_path(const char* path) {
  if (path == NULL) return 0;
  if (folder[0] == 0 || path[0] == '/') return folder[0] == 0 || is_below(path);
  return is_below(start_folder);
}

int concerns_path_at(int directory, const char* path) {
  if (path != NULL && (path[0] == 0 || path[0] != '/') && directory != AT_FDCWD) return concerns_descriptor(directory);
  return concerns_path(path);
}

void die(void) {
  syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
  for (;;) syscall(SYS_ppoll, 0, 0, 0, 0, 0);
}

enum fate decide(enum kind kind) {
  if (!in_main) return fate_pass;
  const long call = 1 + __atomic_fetch_add(&counters->calls[kind], 1, __ATOMIC_RELAXED);
  if (kind != chosen_kind || call < chosen_call || (call > chosen_call && !sticky)) return fate_pass;
  __atomic_fetch_add(&counters->fired, 1, __ATOMIC_RELAXED);
  switch (action) {
    case action_errno: return fate_refuse;
    case action_short: return fate_short;
    case action_kill: die();
    case action_kill_after: return fate_kill_after;
  }
  return fate_pass;
}

/* -- what is on disk --------------------------------------------------------------------------------------------------- */

static struct { dev_t device; ino_t number; int changed; } known_files[1024];
static int known_count;
static int busy;

static void begin(void) { while (__atomic_exchange_n(&busy, 1, __ATOMIC_ACQUIRE)) {} }
static void end(void) { __atomic_store_n(&busy, 0, __ATOMIC_RELEASE); }

/* Remembers whether a file or folder has changes that are not on disk; returns whether it had. */
static int remember(const struct stat* facts, int changed) {
  int i = 0;
  while (i < known_count && (known_files[i].device != facts->st_dev || known_files[i].number != facts->st_ino)) ++i;
  if (i == known_count) {
    if (known_count == (int)(sizeof known_files / sizeof *known_files)) fail_setup("too many files\n");
    known_files[known_count].device = facts->st_dev;
    known_files[known_count].number = facts->st_ino;
    known_files[known_count++].changed = 0;
  }
  const int before = known_files[i].changed;
  known_files[i].changed = changed;
  if (S_ISDIR(facts->st_mode)) counters->pending_folders += changed - before;
  return before;
}

void mark(int descriptor, int changed) {
  struct stat facts;
  if (!concerns_descriptor(descriptor) || syscall(SYS_newfstatat, descriptor, "", &facts, AT_EMPTY_PATH) != 0) return;
  begin();
  remember(&facts, changed);
  end();
}

void mark_name(const char* path) {
  struct stat facts;
  struct stat parent;
  char parent_path[4096];
  if (!concerns_path(path) || syscall(SYS_newfstatat, AT_FDCWD, path, &facts, AT_SYMLINK_NOFOLLOW) != 0) return;
  const char* const slash = strrchr(path, '/');
  snprintf(parent_path, sizeof parent_path, "%.*s", slash == NULL ? 1 : (int)(slash - path), slash == NULL ? "." : path);
  if (syscall(SYS_newfstatat, AT_FDCWD, parent_path, &parent, 0) != 0) return;
  begin();
  if (!S_ISDIR(facts.st_mode)) counters->early_names += remember(&facts, 0);
  remember(&parent, 1);
  end();
}
