# posix.fcntl — opening and locking files.
from posix.types cimport *

cdef extern from "<fcntl.h>":
    enum:
        F_DUPFD
        F_GETFD
        F_SETFD
        F_GETFL
        F_SETFL
        F_GETLK
        F_SETLK
        F_SETLKW
        F_GETOWN
        F_SETOWN
        F_RDLCK
        F_UNLCK
        F_WRLCK
        FD_CLOEXEC
        O_CREAT
        O_EXCL
        O_NOCTTY
        O_TRUNC
        O_APPEND
        O_NONBLOCK
        O_SYNC
        O_DSYNC
        O_RSYNC
        O_RDONLY
        O_RDWR
        O_WRONLY
        O_ACCMODE
        O_CLOEXEC
        O_DIRECTORY
        O_NOFOLLOW
        AT_FDCWD
        SEEK_SET
        SEEK_CUR
        SEEK_END
    struct flock:
        short l_type
        short l_whence
        off_t l_start
        off_t l_len
        pid_t l_pid
    int creat(const char *path, mode_t mode) nogil
    int fcntl(int file, int command, ...) nogil
    int open(const char *path, int flags, ...) nogil
    int openat(int folder, const char *path, int flags, ...) nogil
