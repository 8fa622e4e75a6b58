# posix.signal — signals, the POSIX way.
from posix.types cimport *

cdef extern from "<signal.h>":
    ctypedef struct sigset_t:
        pass
    struct sigaction_t "sigaction":
        void (*sa_handler)(int)
        sigset_t sa_mask
        int sa_flags
    enum:
        SA_RESTART
        SA_NOCLDSTOP
        SA_SIGINFO
        SIG_BLOCK
        SIG_UNBLOCK
        SIG_SETMASK
    int kill(pid_t process, int number) nogil
    int killpg(pid_t group, int number) nogil
    int sigaction(int number, const sigaction_t *action, sigaction_t *old) nogil
    int sigprocmask(int how, const sigset_t *set, sigset_t *old) nogil
    int sigemptyset(sigset_t *set) nogil
    int sigfillset(sigset_t *set) nogil
    int sigaddset(sigset_t *set, int number) nogil
    int sigdelset(sigset_t *set, int number) nogil
    int sigismember(const sigset_t *set, int number) nogil

cdef extern from "<signal.h>" nogil:
    enum:
        MINSIGSTKSZ
        SA_NOCLDWAIT
        SA_NODEFER
        SA_ONSTACK
        SA_RESETHAND
        SIGEV_NONE
        SIGEV_SIGNAL
        SIGEV_THREAD
        SIGEV_THREAD_ID
        SIGSTKSZ
        SS_DISABLE
        SS_ONSTACK
    union sigval:
        int sival_int
        void *sival_ptr
    struct sigevent:
        int sigev_notify
        int sigev_signo
        sigval sigev_value
        void sigev_notify_function(sigval)
    ctypedef struct siginfo_t:
        int si_signo
        int si_code
        int si_errno
        pid_t si_pid
        uid_t si_uid
        void *si_addr
        int si_status
        long si_band
        sigval si_value
    ctypedef struct stack_t:
        void *ss_sp
        int ss_flags
        size_t ss_size
    int sigaltstack(const stack_t *new, stack_t *old)
    int sigpending(sigset_t *pending)
    int sigsuspend(const sigset_t *mask)
