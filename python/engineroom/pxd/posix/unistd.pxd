# posix.unistd — files, processes, and what the system says of itself.
from posix.types cimport *

cdef extern from "<unistd.h>":
    enum:
        R_OK
        W_OK
        X_OK
        F_OK
        SEEK_SET
        SEEK_CUR
        SEEK_END
        F_LOCK
        F_TEST
        F_TLOCK
        F_ULOCK
        STDIN_FILENO
        STDOUT_FILENO
        STDERR_FILENO
        _SC_CLK_TCK
        _SC_NPROCESSORS_CONF
        _SC_NPROCESSORS_ONLN
        _SC_OPEN_MAX
        _SC_PAGESIZE
        _SC_PHYS_PAGES
    char **environ
    int access(const char *path, int mode) nogil
    unsigned alarm(unsigned seconds) nogil
    int chdir(const char *path) nogil
    int chown(const char *path, uid_t user, gid_t group) nogil
    int close(int file) nogil
    size_t confstr(int name, char *text, size_t n) nogil
    int dup(int file) nogil
    int dup2(int file, int other) nogil
    int execv(const char *path, char *const args[]) nogil
    int execve(const char *path, char *const args[], char *const env[]) nogil
    int execvp(const char *file, char *const args[]) nogil
    void _exit(int status) nogil
    int fchdir(int file) nogil
    int fchown(int file, uid_t user, gid_t group) nogil
    int fdatasync(int file) nogil
    pid_t fork() nogil
    long fpathconf(int file, int name) nogil
    int fsync(int file) nogil
    int ftruncate(int file, off_t size) nogil
    char *getcwd(char *text, size_t n) nogil
    gid_t getegid() nogil
    uid_t geteuid() nogil
    gid_t getgid() nogil
    int getgroups(int n, gid_t *groups) nogil
    int gethostname(char *name, size_t n) nogil
    char *getlogin() nogil
    pid_t getpgid(pid_t process) nogil
    pid_t getpgrp() nogil
    pid_t getpid() nogil
    pid_t getppid() nogil
    pid_t getsid(pid_t process) nogil
    uid_t getuid() nogil
    int isatty(int file) nogil
    int lchown(const char *path, uid_t user, gid_t group) nogil
    int link(const char *old, const char *new) nogil
    int lockf(int file, int command, off_t n) nogil
    off_t lseek(int file, off_t offset, int whence) nogil
    int nice(int by) nogil
    long pathconf(const char *path, int name) nogil
    int pause() nogil
    int pipe(int *files) nogil
    ssize_t pread(int file, void *to, size_t n, off_t at) nogil
    ssize_t pwrite(int file, const void *from_, size_t n, off_t at) nogil
    ssize_t read(int file, void *to, size_t n) nogil
    ssize_t readlink(const char *path, char *to, size_t n) nogil
    int rmdir(const char *path) nogil
    int setegid(gid_t group) nogil
    int seteuid(uid_t user) nogil
    int setgid(gid_t group) nogil
    int setpgid(pid_t process, pid_t group) nogil
    pid_t setsid() nogil
    int setuid(uid_t user) nogil
    unsigned sleep(unsigned seconds) nogil
    int symlink(const char *old, const char *new) nogil
    void sync() nogil
    long sysconf(int name) nogil
    int truncate(const char *path, off_t size) nogil
    char *ttyname(int file) nogil
    int unlink(const char *path) nogil
    int usleep(unsigned microseconds) nogil
    ssize_t write(int file, const void *from_, size_t n) nogil
