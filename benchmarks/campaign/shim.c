/* Faults at the file operations of a command, below a folder; preloaded by LD_PRELOAD.

The operations of all processes of the command that change files below FAULTS_ROOT are numbered from
1. To remove what is not there, or to make a folder that is there, is none. Environment variables say
what happens:

  FAULTS_ROOT     the folder; nothing happens without it
  FAULTS_STATE    a file of 4096 zeros outside of it, which the processes share, see `State`
  FAULTS_RECORD   a file outside of it that receives a line "KIND PATH" for each operation, or unset
  FAULTS_ACTION   what happens, and FAULTS_PLACE, at which operation:
    record        nothing
    kill          SIGKILL to the process before the operation
    kill_all      the same to all processes of the command
    tear          the same after half of the bytes of a write
    error         the operation fails with FAULTS_ERRNO
    errors        it and all later ones fail so
    full          writes fail with ENOSPC once FAULTS_PLACE bytes were written
    signal        the signal FAULTS_ERRNO to the first process of the command before the operation

`faults_arm` reads the variables; it is called when the library is loaded, and again in a process
that was forked. C streams that write below the folder are made of `open` and `write`, so that an
operation here is one that the operating system sees. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MAX_PROCESSES = 256 };

/* What the processes of a command share. */
typedef struct {
  int64_t operations;
  int64_t bytes; /* written */
  int64_t hits; /* operations at which something happened */
  int64_t processes;
  int64_t pids[MAX_PROCESSES];
} State;

static State *state;
static char root[PATH_MAX], action[16];
static size_t root_length;
static int64_t place;
static int error_number, record = -1;

static void add_process(void) {
  if (!state) return;
  int64_t index = __atomic_fetch_add(&state->processes, 1, __ATOMIC_SEQ_CST);
  if (index < MAX_PROCESSES) state->pids[index] = getpid();
}

static const char *variable(const char *name) {
  const char *value = getenv(name);
  return value ? value : "";
}

void faults_arm(void) {
  if (!*variable("FAULTS_ROOT")) return;
  snprintf(root, sizeof root, "%s", variable("FAULTS_ROOT"));
  root_length = strlen(root);
  snprintf(action, sizeof action, "%s", variable("FAULTS_ACTION"));
  place = atoll(variable("FAULTS_PLACE"));
  error_number = atoi(variable("FAULTS_ERRNO"));
  record = -1;
  if (*variable("FAULTS_RECORD"))
    record = syscall(SYS_openat, AT_FDCWD, variable("FAULTS_RECORD"),
                     O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  int file = syscall(SYS_openat, AT_FDCWD, variable("FAULTS_STATE"), O_RDWR | O_CLOEXEC, 0);
  void *shared = mmap(NULL, sizeof(State), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  syscall(SYS_close, file);
  if (file < 0 || shared == MAP_FAILED) _exit(99);
  state = shared;
  add_process();
}

__attribute__((constructor)) static void start(void) {
  faults_arm();
  pthread_atfork(NULL, NULL, add_process);
}

/* Puts the path of a descriptor of this process into `path`; returns whether it has one. */
static int path_of(int descriptor, char *path) {
  char link[32];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  path[length < 0 ? 0 : length] = 0;
  return length > 0;
}

/* The part of a path below the root, in `full`; NULL if it is elsewhere. */
static const char *below(int folder, const char *path, char *full) {
  if (!state || !path) return NULL;
  *full = 0;
  if (*path != '/') {
    if (folder == AT_FDCWD ? !getcwd(full, PATH_MAX) : !path_of(folder, full)) return NULL;
    strcat(full, "/");
  }
  strncat(full, path, PATH_MAX - 1);
  if (strncmp(full, root, root_length)) return NULL;
  if (full[root_length] == 0) return ".";
  return full[root_length] == '/' ? full + root_length + 1 : NULL;
}

static void kill_all(void) {
  for (int64_t i = 0; i < state->processes && i < MAX_PROCESSES; i++)
    if (state->pids[i] && state->pids[i] != getpid()) kill(state->pids[i], SIGKILL);
  kill(getpid(), SIGKILL);
}

/* What an operation is to do. */
typedef enum { GO_ON, FAIL, TEAR } Fate;

/* Counts an operation on a path below the root, and does what is due. With FAIL, errno is set. */
static Fate count(const char *kind, const char *path) {
  int64_t number = __atomic_add_fetch(&state->operations, 1, __ATOMIC_SEQ_CST);
  if (record >= 0) {
    char line[PATH_MAX + 32];
    int length = snprintf(line, sizeof line, "%s %s\n", kind, path);
    syscall(SYS_write, record, line, length);
  }
  int here = !strcmp(action, "errors") ? number >= place
                                       : number == place && strcmp(action, "full");
  if (!here) return GO_ON;
  __atomic_add_fetch(&state->hits, 1, __ATOMIC_SEQ_CST);
  if (!strncmp(action, "error", 5)) {
    errno = error_number;
    return FAIL;
  }
  if (!strcmp(action, "kill")) kill(getpid(), SIGKILL);
  if (!strcmp(action, "kill_all")) kill_all();
  if (!strcmp(action, "signal")) kill(state->pids[0], error_number);
  return strcmp(action, "tear") ? GO_ON : TEAR;
}

static Fate at_path(const char *kind, int folder, const char *path) {
  char full[PATH_MAX * 2];
  const char *name = below(folder, path, full);
  return name ? count(kind, name) : GO_ON;
}

static Fate at_descriptor(const char *kind, int descriptor) {
  char path[PATH_MAX], full[PATH_MAX * 2];
  if (!state || !path_of(descriptor, path)) return GO_ON;
  const char *name = below(AT_FDCWD, path, full);
  return name ? count(kind, name) : GO_ON;
}

/* How many of the bytes of a write are to be written; -1 with errno set if it fails. */
static ssize_t allowed(int descriptor, size_t size, int *tear) {
  char path[PATH_MAX], full[PATH_MAX * 2];
  *tear = 0;
  if (!state || !path_of(descriptor, path)) return size;
  const char *name = below(AT_FDCWD, path, full);
  if (!name) return size;
  Fate fate = count("write", name);
  if (fate == FAIL) return -1;
  if (fate == TEAR) {
    *tear = 1;
    return size / 2;
  }
  int64_t before = __atomic_fetch_add(&state->bytes, size, __ATOMIC_SEQ_CST);
  if (strcmp(action, "full") || before + (int64_t)size <= place) return size;
  __atomic_add_fetch(&state->hits, 1, __ATOMIC_SEQ_CST);
  if (before < place) return place - before;
  errno = ENOSPC;
  return -1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
/* A call of the C library, unless it fails by `fate`. */
#define UNLESS(fate, name, ...) ((fate) == FAIL ? -1 : REAL(name)(__VA_ARGS__))
#define CHANGES(flags) \
  (((flags)&O_ACCMODE) != O_RDONLY || ((flags) & (O_CREAT | O_TRUNC)))

#define OPENS(name)                                                                  \
  int name(const char *path, int flags, ...) {                                       \
    va_list arguments;                                                               \
    va_start(arguments, flags);                                                      \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;     \
    va_end(arguments);                                                               \
    Fate fate = CHANGES(flags) ? at_path("open", AT_FDCWD, path) : GO_ON;            \
    return UNLESS(fate, name, path, flags, mode);                                    \
  }
#define OPENS_AT(name)                                                               \
  int name(int folder, const char *path, int flags, ...) {                           \
    va_list arguments;                                                               \
    va_start(arguments, flags);                                                      \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;     \
    va_end(arguments);                                                               \
    Fate fate = CHANGES(flags) ? at_path("open", folder, path) : GO_ON;              \
    return UNLESS(fate, name, folder, path, flags, mode);                            \
  }
OPENS(open)
OPENS(open64)
OPENS_AT(openat)
OPENS_AT(openat64)

#define WRITES(name, size, parameters, ...)                                          \
  ssize_t name parameters {                                                          \
    int tear;                                                                        \
    ssize_t part = allowed(file, size, &tear);                                       \
    if (part < 0) return -1;                                                         \
    ssize_t written = REAL(name)(__VA_ARGS__);                                       \
    if (tear) kill(getpid(), SIGKILL);                                               \
    return written;                                                                  \
  }
WRITES(write, size, (int file, const void *bytes, size_t size), file, bytes, part)
WRITES(pwrite64, size, (int file, const void *bytes, size_t size, off64_t from), file, bytes, part,
       from)
WRITES(sendfile, size, (int file, int source, off_t *from, size_t size), file, source, from, part)
WRITES(sendfile64, size, (int file, int source, off64_t *from, size_t size), file, source, from,
       part)
WRITES(copy_file_range, size,
       (int source, off64_t *from, int file, off64_t *to, size_t size, unsigned flags), source,
       from, file, to, part, flags)

ssize_t writev(int file, const struct iovec *parts, int number) {
  /* A part at a time, as the operating system may do too. */
  ssize_t written = 0;
  for (int i = 0; i < number; i++) {
    if (!parts[i].iov_len) continue;
    ssize_t part = write(file, parts[i].iov_base, parts[i].iov_len);
    if (part < 0) return written ? written : -1;
    written += part;
    if ((size_t)part < parts[i].iov_len) break;
  }
  return written;
}

int rename(const char *from, const char *to) {
  /* Counted once, by where it ends. */
  char full[PATH_MAX * 2];
  const char *counted = below(AT_FDCWD, to, full) ? to : from;
  return UNLESS(at_path("rename", AT_FDCWD, counted), rename, from, to);
}
/* An operation that needs a path, or needs that there is none; without that it changes nothing. */
static Fate at_path_if(int is_there, const char *kind, int folder, const char *path) {
  struct stat found;
  int missing = fstatat(folder, path, &found, AT_SYMLINK_NOFOLLOW);
  return !missing == is_there ? at_path(kind, folder, path) : GO_ON;
}

int unlink(const char *path) {
  return UNLESS(at_path_if(1, "unlink", AT_FDCWD, path), unlink, path);
}
int unlinkat(int folder, const char *path, int flags) {
  return UNLESS(at_path_if(1, "unlink", folder, path), unlinkat, folder, path, flags);
}
int rmdir(const char *path) {
  return UNLESS(at_path_if(1, "rmdir", AT_FDCWD, path), rmdir, path);
}
int mkdir(const char *path, mode_t mode) {
  return UNLESS(at_path_if(0, "mkdir", AT_FDCWD, path), mkdir, path, mode);
}
int ftruncate(int file, off_t size) {
  return UNLESS(at_descriptor("truncate", file), ftruncate, file, size);
}
int ftruncate64(int file, off64_t size) {
  return UNLESS(at_descriptor("truncate", file), ftruncate64, file, size);
}
int fsync(int file) { return UNLESS(at_descriptor("sync", file), fsync, file); }
int fdatasync(int file) { return UNLESS(at_descriptor("sync", file), fdatasync, file); }

/* C streams that write below the root, of `open` and `write`. */

static int descriptor_of(void *cookie) { return (int)(intptr_t)cookie; }
static ssize_t stream_read(void *cookie, char *bytes, size_t size) {
  return read(descriptor_of(cookie), bytes, size);
}
static ssize_t stream_write(void *cookie, const char *bytes, size_t size) {
  size_t written = 0;
  while (written < size) {
    ssize_t part = write(descriptor_of(cookie), bytes + written, size - written);
    if (part < 0) break;
    written += part;
  }
  return written; /* Less than size is an error, whose errno stays. */
}
static int stream_seek(void *cookie, off64_t *to, int whence) {
  off64_t found = lseek64(descriptor_of(cookie), *to, whence);
  if (found < 0) return -1;
  *to = found;
  return 0;
}
static int stream_close(void *cookie) { return close(descriptor_of(cookie)); }

static FILE *open_stream(const char *path, const char *mode) {
  int both = strchr(mode, '+') != NULL;
  int flags = (both ? O_RDWR : *mode == 'r' ? O_RDONLY : O_WRONLY) |
              (*mode == 'w' ? O_CREAT | O_TRUNC : *mode == 'a' ? O_CREAT | O_APPEND : 0) |
              (strchr(mode, 'e') ? O_CLOEXEC : 0) | (strchr(mode, 'x') ? O_EXCL : 0);
  int file = open(path, flags, 0666);
  if (file < 0) return NULL;
  cookie_io_functions_t functions = {stream_read, stream_write, stream_seek, stream_close};
  return fopencookie((void *)(intptr_t)file, mode, functions);
}

#define OPENS_STREAM(name)                                                           \
  FILE *name(const char *path, const char *mode) {                                   \
    char full[PATH_MAX * 2];                                                         \
    int writes = *mode != 'r' || strchr(mode, '+');                                  \
    return writes && below(AT_FDCWD, path, full) ? open_stream(path, mode)           \
                                                 : REAL(name)(path, mode);           \
  }
OPENS_STREAM(fopen)
OPENS_STREAM(fopen64)
