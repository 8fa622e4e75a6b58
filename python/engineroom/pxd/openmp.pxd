# openmp — the functions of OpenMP that ask and say how many threads there are, its locks and its
# clock. A module that cimports it is compiled and linked with OpenMP.
cdef extern from "<omp.h>":
    ctypedef struct omp_lock_t:
        pass
    ctypedef struct omp_nest_lock_t:
        pass
    ctypedef enum omp_sched_t:
        omp_sched_static
        omp_sched_dynamic
        omp_sched_guided
        omp_sched_auto
    int omp_get_max_threads() nogil
    int omp_get_num_procs() nogil
    int omp_get_num_threads() nogil
    int omp_get_thread_limit() nogil
    int omp_get_thread_num() nogil
    void omp_set_num_threads(int n) nogil
    int omp_in_parallel() nogil
    int omp_get_dynamic() nogil
    void omp_set_dynamic(int is_on) nogil
    int omp_get_nested() nogil
    void omp_set_nested(int is_on) nogil
    int omp_get_level() nogil
    int omp_get_active_level() nogil
    int omp_get_ancestor_thread_num(int level) nogil
    int omp_get_team_size(int level) nogil
    int omp_get_max_active_levels() nogil
    void omp_set_max_active_levels(int n) nogil
    void omp_get_schedule(omp_sched_t *kind, int *chunk) nogil
    void omp_set_schedule(omp_sched_t kind, int chunk) nogil
    double omp_get_wtick() nogil
    double omp_get_wtime() nogil
    void omp_init_lock(omp_lock_t *lock) nogil
    void omp_destroy_lock(omp_lock_t *lock) nogil
    void omp_set_lock(omp_lock_t *lock) nogil
    void omp_unset_lock(omp_lock_t *lock) nogil
    int omp_test_lock(omp_lock_t *lock) nogil
    void omp_init_nest_lock(omp_nest_lock_t *lock) nogil
    void omp_destroy_nest_lock(omp_nest_lock_t *lock) nogil
    void omp_set_nest_lock(omp_nest_lock_t *lock) nogil
    void omp_unset_nest_lock(omp_nest_lock_t *lock) nogil
    int omp_test_nest_lock(omp_nest_lock_t *lock) nogil
