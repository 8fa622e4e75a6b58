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

cdef extern from "<fcntl.h>" nogil:
    enum:
        AT_EACCESS
        AT_REMOVEDIR
        AT_SYMLINK_FOLLOW
        AT_SYMLINK_NOFOLLOW
        F_DUPFD_CLOEXEC
        O_DIRECT
        O_EXEC
        O_SEARCH
        O_TTY_INIT
        POSIX_FADV_DONTNEED
        POSIX_FADV_NOREUSE
        POSIX_FADV_NORMAL
        POSIX_FADV_RANDOM
        POSIX_FADV_SEQUENTIAL
        POSIX_FADV_WILLNEED
        S_IFBLK
        S_IFCHR
        S_IFDIR
        S_IFIFO
        S_IFLNK
        S_IFMT
        S_IFREG
        S_IFSOCK
    int posix_fadvise(int fd, off_t offset, off_t length, int advice)
    int posix_fallocate(int fd, off_t offset, off_t length)
