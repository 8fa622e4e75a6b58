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
