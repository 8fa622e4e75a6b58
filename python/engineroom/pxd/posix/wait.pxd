# posix.wait — waiting for processes.
from posix.resource cimport rusage
from posix.signal cimport siginfo_t
from posix.types cimport *

cdef extern from "<sys/wait.h>":
    enum:
        WNOHANG
        WUNTRACED
        WCONTINUED
    int WEXITSTATUS(int status) nogil
    bint WIFEXITED(int status) nogil
    bint WIFSIGNALED(int status) nogil
    bint WIFSTOPPED(int status) nogil
    int WSTOPSIG(int status) nogil
    int WTERMSIG(int status) nogil
    pid_t wait(int *status) nogil
    pid_t waitpid(pid_t process, int *status, int options) nogil

cdef extern from "<sys/wait.h>" nogil:
    enum:
        P_ALL
        P_PGID
        P_PID
        WEXITED
        WNOWAIT
        WSTOPPED
    ctypedef int idtype_t
    int WIFCONTINUED(int status)
    pid_t wait3(int *status, int options, rusage *usage)
    pid_t wait4(pid_t process, int *status, int options, rusage *usage)
    int waitid(idtype_t kind, id_t id, siginfo_t *info, int options)
