// Preloaded into a process, it notes how much of each file was on the disk for certain: a line "INODE BYTES" at the end of the file that
// SYNCED_BYTES names, for every fsync and fdatasync that succeeded. The size is that from before the call: what is written during it may be too late.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void note(const struct stat *before) {
  const char *path = getenv("SYNCED_BYTES");
  if (path == NULL) return;
  int notes = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (notes < 0) return;
  char line[64];
  int length = snprintf(line, sizeof line, "%llu %lld\n", (unsigned long long)before->st_ino, (long long)before->st_size);
  // What can't be noted is taken for unsynced.
  if (write(notes, line, length) != length) errno = 0;
  close(notes);
}

static int sync_and_note(const char *name, int fd) {
  int (*sync_file)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  struct stat before;
  int known = fstat(fd, &before);
  int result = sync_file(fd);
  if (result == 0 && known == 0) note(&before);
  return result;
}

int fsync(int fd) { return sync_and_note("fsync", fd); }

int fdatasync(int fd) { return sync_and_note("fdatasync", fd); }
