# libc.signal — signals.
cdef extern from "<signal.h>":
    ctypedef void (*sighandler_t)(int)
    ctypedef int sig_atomic_t
    sighandler_t SIG_DFL
    sighandler_t SIG_IGN
    sighandler_t SIG_ERR
    sighandler_t signal(int number, sighandler_t handler) nogil
    int raise_ "raise"(int number) nogil
    enum:
        SIGABRT
        SIGFPE
        SIGILL
        SIGINT
        SIGSEGV
        SIGTERM
        SIGALRM
        SIGBUS
        SIGCHLD
        SIGCONT
        SIGHUP
        SIGKILL
        SIGPIPE
        SIGQUIT
        SIGSTOP
        SIGTSTP
        SIGTTIN
        SIGTTOU
        SIGUSR1
        SIGUSR2
        SIGTRAP
        SIGURG
        SIGVTALRM
        SIGXCPU
        SIGXFSZ
        SIGWINCH
