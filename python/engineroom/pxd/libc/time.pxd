# libc.time — <time.h>.
cdef extern from "<time.h>" nogil:
    ctypedef long clock_t
    ctypedef long time_t
    const clock_t CLOCKS_PER_SEC
    clock_t clock()
    time_t time(time_t *result)
    double difftime(time_t later, time_t earlier)
    ctypedef int clockid_t
    const clockid_t CLOCK_REALTIME
    const clockid_t CLOCK_MONOTONIC
    struct timespec:
        time_t tv_sec
        long tv_nsec
    struct tm:
        int tm_sec
        int tm_min
        int tm_hour
        int tm_mday
        int tm_mon
        int tm_year
        int tm_wday
        int tm_yday
        int tm_isdst
        long tm_gmtoff
        const char *tm_zone
    int clock_gettime(clockid_t clock, timespec *now)
    time_t mktime(tm *parts)
    tm *gmtime(const time_t *when)
    tm *localtime(const time_t *when)
    tm *gmtime_r(const time_t *when, tm *parts)
    tm *localtime_r(const time_t *when, tm *parts)
    char *asctime(const tm *parts)
    char *asctime_r(const tm *parts, char *text)
    char *ctime(const time_t *when)
    char *ctime_r(const time_t *when, char *text)
    size_t strftime(char *text, size_t size, const char *format, const tm *parts)
    char *strptime(const char *text, const char *format, tm *parts)

cdef extern from "<time.h>" nogil:
    enum:
        TIME_UTC
    void tzset()
    tm *getdate(const char *text)
    int timespec_get(timespec *now, int base)
