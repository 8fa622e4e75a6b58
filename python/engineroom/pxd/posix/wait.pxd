# posix.wait — waiting for processes.
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
