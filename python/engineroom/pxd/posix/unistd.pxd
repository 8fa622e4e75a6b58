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

cdef extern from "<unistd.h>" nogil:
    enum:
        _CS_PATH
        _CS_POSIX_V6_ILP32_OFF32_CFLAGS
        _CS_POSIX_V6_ILP32_OFF32_LDFLAGS
        _CS_POSIX_V6_ILP32_OFF32_LIBS
        _CS_POSIX_V6_ILP32_OFFBIG_CFLAGS
        _CS_POSIX_V6_ILP32_OFFBIG_LDFLAGS
        _CS_POSIX_V6_ILP32_OFFBIG_LIBS
        _CS_POSIX_V6_LP64_OFF64_CFLAGS
        _CS_POSIX_V6_LP64_OFF64_LDFLAGS
        _CS_POSIX_V6_LP64_OFF64_LIBS
        _CS_POSIX_V6_LPBIG_OFFBIG_CFLAGS
        _CS_POSIX_V6_LPBIG_OFFBIG_LDFLAGS
        _CS_POSIX_V6_LPBIG_OFFBIG_LIBS
        _CS_POSIX_V6_WIDTH_RESTRICTED_ENVS
        _PC_2_SYMLINKS
        _PC_ALLOC_SIZE_MIN
        _PC_ASYNC_IO
        _PC_CHOWN_RESTRICTED
        _PC_FILESIZEBITS
        _PC_LINK_MAX
        _PC_MAX_CANON
        _PC_MAX_INPUT
        _PC_NAME_MAX
        _PC_NO_TRUNC
        _PC_PATH_MAX
        _PC_PIPE_BUF
        _PC_PRIO_IO
        _PC_REC_INCR_XFER_SIZE
        _PC_REC_MIN_XFER_SIZE
        _PC_REC_XFER_ALIGN
        _PC_SYMLINK_MAX
        _PC_SYNC_IO
        _PC_VDISABLE
        _SC_2_CHAR_TERM
        _SC_2_C_BIND
        _SC_2_C_DEV
        _SC_2_FORT_DEV
        _SC_2_FORT_RUN
        _SC_2_LOCALEDEF
        _SC_2_PBS
        _SC_2_PBS_ACCOUNTING
        _SC_2_PBS_CHECKPOINT
        _SC_2_PBS_LOCATE
        _SC_2_PBS_MESSAGE
        _SC_2_PBS_TRACK
        _SC_2_SW_DEV
        _SC_2_UPE
        _SC_2_VERSION
        _SC_ADVISORY_INFO
        _SC_AIO_LISTIO_MAX
        _SC_AIO_MAX
        _SC_AIO_PRIO_DELTA_MAX
        _SC_ARG_MAX
        _SC_ASYNCHRONOUS_IO
        _SC_ATEXIT_MAX
        _SC_BARRIERS
        _SC_BC_BASE_MAX
        _SC_BC_DIM_MAX
        _SC_BC_SCALE_MAX
        _SC_BC_STRING_MAX
        _SC_CHILD_MAX
        _SC_CLOCK_SELECTION
        _SC_COLL_WEIGHTS_MAX
        _SC_CPUTIME
        _SC_DELAYTIMER_MAX
        _SC_EXPR_NEST_MAX
        _SC_FSYNC
        _SC_GETGR_R_SIZE_MAX
        _SC_GETPW_R_SIZE_MAX
        _SC_HOST_NAME_MAX
        _SC_IOV_MAX
        _SC_IPV6
        _SC_JOB_CONTROL
        _SC_LINE_MAX
        _SC_LOGIN_NAME_MAX
        _SC_MAPPED_FILES
        _SC_MEMLOCK
        _SC_MEMLOCK_RANGE
        _SC_MEMORY_PROTECTION
        _SC_MESSAGE_PASSING
        _SC_MONOTONIC_CLOCK
        _SC_MQ_OPEN_MAX
        _SC_MQ_PRIO_MAX
        _SC_NGROUPS_MAX
        _SC_PAGE_SIZE
        _SC_PRIORITIZED_IO
        _SC_PRIORITY_SCHEDULING
        _SC_RAW_SOCKETS
        _SC_READER_WRITER_LOCKS
        _SC_REALTIME_SIGNALS
        _SC_REGEXP
        _SC_RE_DUP_MAX
        _SC_RTSIG_MAX
        _SC_SAVED_IDS
        _SC_SEMAPHORES
        _SC_SEM_NSEMS_MAX
        _SC_SEM_VALUE_MAX
        _SC_SHARED_MEMORY_OBJECTS
        _SC_SHELL
        _SC_SIGQUEUE_MAX
        _SC_SPAWN
        _SC_SPIN_LOCKS
        _SC_SPORADIC_SERVER
        _SC_SS_REPL_MAX
        _SC_STREAM_MAX
        _SC_SYMLOOP_MAX
        _SC_SYNCHRONIZED_IO
        _SC_THREADS
        _SC_THREAD_ATTR_STACKADDR
        _SC_THREAD_ATTR_STACKSIZE
        _SC_THREAD_CPUTIME
        _SC_THREAD_DESTRUCTOR_ITERATIONS
        _SC_THREAD_KEYS_MAX
        _SC_THREAD_PRIORITY_SCHEDULING
        _SC_THREAD_PRIO_INHERIT
        _SC_THREAD_PRIO_PROTECT
        _SC_THREAD_PROCESS_SHARED
        _SC_THREAD_SAFE_FUNCTIONS
        _SC_THREAD_SPORADIC_SERVER
        _SC_THREAD_STACK_MIN
        _SC_THREAD_THREADS_MAX
        _SC_TIMEOUTS
        _SC_TIMERS
        _SC_TIMER_MAX
        _SC_TRACE
        _SC_TRACE_EVENT_FILTER
        _SC_TRACE_EVENT_NAME_MAX
        _SC_TRACE_INHERIT
        _SC_TRACE_LOG
        _SC_TRACE_NAME_MAX
        _SC_TRACE_SYS_MAX
        _SC_TRACE_USER_EVENT_MAX
        _SC_TTY_NAME_MAX
        _SC_TYPED_MEMORY_OBJECTS
        _SC_TZNAME_MAX
        _SC_V6_ILP32_OFF32
        _SC_V6_ILP32_OFFBIG
        _SC_V6_LP64_OFF64
        _SC_V6_LPBIG_OFFBIG
        _SC_VERSION
        _SC_XBS5_ILP32_OFF32
        _SC_XBS5_ILP32_OFFBIG
        _SC_XBS5_LP64_OFF64
        _SC_XBS5_LPBIG_OFFBIG
        _SC_XOPEN_CRYPT
        _SC_XOPEN_ENH_I18N
        _SC_XOPEN_LEGACY
        _SC_XOPEN_REALTIME
        _SC_XOPEN_REALTIME_THREADS
        _SC_XOPEN_SHM
        _SC_XOPEN_STREAMS
        _SC_XOPEN_UNIX
        _SC_XOPEN_VERSION
    char *optarg
    int optind, opterr, optopt
    char *crypt(const char *key, const char *salt)
    char *ctermid(char *s)
    int execl(const char *path, const char *arg, ...)
    int execle(const char *path, const char *arg, ...)
    int execlp(const char *file, const char *arg, ...)
    long gethostid()
    int getlogin_r(char *name, size_t n)
    int getopt(int argc, char *const *argv, const char *options)
    char *getwd(char *buffer)
    int setpgrp()
    int setregid(gid_t real, gid_t effective)
    int setreuid(uid_t real, uid_t effective)
    void swab(const void *source, void *target, ssize_t n)
    pid_t tcgetpgrp(int fd)
    int tcsetpgrp(int fd, pid_t group)
    int ttyname_r(int fd, char *buffer, size_t n)
    unsigned ualarm(unsigned value, unsigned interval)
    pid_t vfork()
