# posix.resource — limits and use of resources.
from posix.time cimport timeval
from posix.types cimport id_t

cdef extern from "<sys/resource.h>":
    enum:
        PRIO_PROCESS
        PRIO_PGRP
        PRIO_USER
        RLIM_INFINITY
        RUSAGE_SELF
        RUSAGE_CHILDREN
        RLIMIT_CORE
        RLIMIT_CPU
        RLIMIT_DATA
        RLIMIT_FSIZE
        RLIMIT_NOFILE
        RLIMIT_STACK
        RLIMIT_AS
    ctypedef unsigned long rlim_t
    struct rlimit:
        rlim_t rlim_cur
        rlim_t rlim_max
    struct rusage:
        timeval ru_utime
        timeval ru_stime
        long ru_maxrss
        long ru_minflt
        long ru_majflt
        long ru_inblock
        long ru_oublock
        long ru_nvcsw
        long ru_nivcsw
    int getpriority(int which, id_t who) nogil
    int setpriority(int which, id_t who, int value) nogil
    int getrlimit(int resource, rlimit *limit) nogil
    int setrlimit(int resource, const rlimit *limit) nogil
    int getrusage(int who, rusage *used) nogil

cdef extern from "<sys/resource.h>" nogil:
    enum:
        RLIM_SAVED_CUR
        RLIM_SAVED_MAX
