# posix.time — clocks and timers.
from posix.signal cimport sigevent
from posix.types cimport *

cdef extern from "<sys/time.h>":
    struct timeval:
        time_t tv_sec
        suseconds_t tv_usec
    struct timezone:
        int tz_minuteswest
        int tz_dsttime
    struct itimerval:
        timeval it_interval
        timeval it_value
    enum:
        ITIMER_REAL
        ITIMER_VIRTUAL
        ITIMER_PROF
    int getitimer(int which, itimerval *value) nogil
    int setitimer(int which, const itimerval *value, itimerval *old) nogil
    int gettimeofday(timeval *now, timezone *zone) nogil

cdef extern from "<time.h>":
    struct timespec:
        time_t tv_sec
        long tv_nsec
    struct itimerspec:
        timespec it_interval
        timespec it_value
    enum:
        CLOCK_REALTIME
        CLOCK_MONOTONIC
        CLOCK_PROCESS_CPUTIME_ID
        CLOCK_THREAD_CPUTIME_ID
        TIMER_ABSTIME
    int clock_getres(clockid_t clock, timespec *resolution) nogil
    int clock_gettime(clockid_t clock, timespec *now) nogil
    int clock_settime(clockid_t clock, const timespec *now) nogil
    int clock_nanosleep(clockid_t clock, int flags, const timespec *time, timespec *left) nogil
    int nanosleep(const timespec *time, timespec *left) nogil

cdef extern from "<time.h>" nogil:
    enum:
        CLOCK_BOOTTIME
        CLOCK_BOOTTIME_ALARM
        CLOCK_MONOTONIC_COARSE
        CLOCK_MONOTONIC_FAST
        CLOCK_MONOTONIC_PRECISE
        CLOCK_MONOTONIC_RAW
        CLOCK_REALTIME_ALARM
        CLOCK_REALTIME_COARSE
        CLOCK_REALTIME_FAST
        CLOCK_REALTIME_PRECISE
        CLOCK_SECOND
        CLOCK_UPTIME
        CLOCK_UPTIME_FAST
        CLOCK_UPTIME_PRECISE
    int clock_getcpuclockid(pid_t process, clockid_t *clock)
    int timer_create(clockid_t clock, sigevent *event, timer_t *timer)
    int timer_delete(timer_t timer)
    int timer_getoverrun(timer_t timer)
    int timer_gettime(timer_t timer, itimerspec *left)
    int timer_settime(timer_t timer, int flags, const itimerspec *start, itimerspec *before)
