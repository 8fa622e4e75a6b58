# posix.stat — what is known of files.
from posix.time cimport timespec
from posix.types cimport *

cdef extern from "<sys/stat.h>":
    struct struct_stat "stat":
        dev_t st_dev
        ino_t st_ino
        mode_t st_mode
        nlink_t st_nlink
        uid_t st_uid
        gid_t st_gid
        dev_t st_rdev
        off_t st_size
        blksize_t st_blksize
        blkcnt_t st_blocks
        time_t st_atime
        time_t st_mtime
        time_t st_ctime
    int fchmod(int file, mode_t mode) nogil
    int chmod(const char *path, mode_t mode) nogil
    int fstat(int file, struct_stat *known) nogil
    int lstat(const char *path, struct_stat *known) nogil
    int stat(const char *path, struct_stat *known) nogil
    int mkdir(const char *path, mode_t mode) nogil
    int mkfifo(const char *path, mode_t mode) nogil
    mode_t umask(mode_t mode) nogil
    bint S_ISDIR(mode_t mode) nogil
    bint S_ISCHR(mode_t mode) nogil
    bint S_ISBLK(mode_t mode) nogil
    bint S_ISREG(mode_t mode) nogil
    bint S_ISFIFO(mode_t mode) nogil
    bint S_ISLNK(mode_t mode) nogil
    bint S_ISSOCK(mode_t mode) nogil
    enum:
        S_IFMT
        S_IFREG
        S_IFDIR
        S_IFCHR
        S_IFBLK
        S_IFIFO
        S_IFLNK
        S_IFSOCK
        S_ISUID
        S_ISGID
        S_ISVTX
        S_IRWXU
        S_IRUSR
        S_IWUSR
        S_IXUSR
        S_IRWXG
        S_IRGRP
        S_IWGRP
        S_IXGRP
        S_IRWXO
        S_IROTH
        S_IWOTH
        S_IXOTH

cdef extern from "<sys/stat.h>" nogil:
    int fchmodat(int fd, const char *path, mode_t mode, int flags)
    int fstatat(int fd, const char *path, struct_stat *result, int flags)
    int futimens(int fd, const timespec *times)
    int mkdirat(int fd, const char *path, mode_t mode)
    int mkfifoat(int fd, const char *path, mode_t mode)
    int mknod(const char *path, mode_t mode, dev_t device)
    int mknodat(int fd, const char *path, mode_t mode, dev_t device)
    int utimensat(int fd, const char *path, const timespec *times, int flags)
    bint S_TYPEISMQ(struct_stat *status)
    bint S_TYPEISSEM(struct_stat *status)
    bint S_TYPEISSHM(struct_stat *status)
    bint S_TYPEISTMO(struct_stat *status)
