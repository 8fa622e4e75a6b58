# cpython.datetime — the objects of Python's module datetime: their fields, and making them in C.
#
# What needs the module's C functions fetches them the first time, so that import_datetime() may be
# forgotten.
from cpython.object cimport PyObject

cdef extern from "datetime.h":
    """
    // Null after an error.
    static inline PyDateTime_CAPI* er_datetime() {
      if (PyDateTimeAPI == nullptr) PyDateTime_IMPORT;
      return PyDateTimeAPI;
    }

    static inline int er_import_datetime() { return er_datetime() == nullptr ? -1 : 0; }

    static inline int er_is_date(PyObject* o) {
      return er_datetime() == nullptr ? -1 : PyObject_TypeCheck(o, PyDateTimeAPI->DateType);
    }

    static inline int er_is_exact_date(PyObject* o) {
      return er_datetime() == nullptr ? -1 : Py_IS_TYPE(o, PyDateTimeAPI->DateType);
    }

    static inline int er_is_datetime(PyObject* o) {
      return er_datetime() == nullptr ? -1 : PyObject_TypeCheck(o, PyDateTimeAPI->DateTimeType);
    }

    static inline int er_is_exact_datetime(PyObject* o) {
      return er_datetime() == nullptr ? -1 : Py_IS_TYPE(o, PyDateTimeAPI->DateTimeType);
    }

    static inline int er_is_time(PyObject* o) {
      return er_datetime() == nullptr ? -1 : PyObject_TypeCheck(o, PyDateTimeAPI->TimeType);
    }

    static inline int er_is_exact_time(PyObject* o) {
      return er_datetime() == nullptr ? -1 : Py_IS_TYPE(o, PyDateTimeAPI->TimeType);
    }

    static inline int er_is_timedelta(PyObject* o) {
      return er_datetime() == nullptr ? -1 : PyObject_TypeCheck(o, PyDateTimeAPI->DeltaType);
    }

    static inline int er_is_exact_timedelta(PyObject* o) {
      return er_datetime() == nullptr ? -1 : Py_IS_TYPE(o, PyDateTimeAPI->DeltaType);
    }

    static inline int er_is_tzinfo(PyObject* o) {
      return er_datetime() == nullptr ? -1 : PyObject_TypeCheck(o, PyDateTimeAPI->TZInfoType);
    }

    static inline int er_is_exact_tzinfo(PyObject* o) {
      return er_datetime() == nullptr ? -1 : Py_IS_TYPE(o, PyDateTimeAPI->TZInfoType);
    }

    static inline PyObject* er_new_date(int year, int month, int day) {
      const PyDateTime_CAPI* api = er_datetime();
      return api == nullptr ? nullptr : api->Date_FromDate(year, month, day, api->DateType);
    }

    static inline PyObject* er_new_time(int hour, int minute, int second, int microsecond,
                                        PyObject* tz, int fold) {
      const PyDateTime_CAPI* api = er_datetime();
      if (api == nullptr) return nullptr;
      return api->Time_FromTimeAndFold(hour, minute, second, microsecond, tz, fold, api->TimeType);
    }

    static inline PyObject* er_new_datetime(int year, int month, int day, int hour, int minute,
                                            int second, int microsecond, PyObject* tz, int fold) {
      const PyDateTime_CAPI* api = er_datetime();
      if (api == nullptr) return nullptr;
      return api->DateTime_FromDateAndTimeAndFold(year, month, day, hour, minute, second,
                                                  microsecond, tz, fold, api->DateTimeType);
    }

    static inline PyObject* er_new_timedelta(int days, int seconds, int microseconds) {
      const PyDateTime_CAPI* api = er_datetime();
      if (api == nullptr) return nullptr;
      return api->Delta_FromDelta(days, seconds, microseconds, 1, api->DeltaType);
    }

    static inline PyObject* er_new_timezone(PyObject* offset, PyObject* name) {
      const PyDateTime_CAPI* api = er_datetime();
      if (api == nullptr) return nullptr;
      if (!PyObject_TypeCheck(offset, api->DeltaType)) {
        PyErr_SetString(PyExc_TypeError, "the offset of a timezone must be a timedelta");
        return nullptr;
      }
      if (!Py_IsNone(name) && !PyUnicode_Check(name)) {
        PyErr_SetString(PyExc_TypeError, "the name of a timezone must be a str");
        return nullptr;
      }
      return api->TimeZone_FromTimeZone(offset, Py_IsNone(name) ? nullptr : name);
    }

    static inline PyObject* er_datetime_of_timestamp(PyObject* args) {
      const PyDateTime_CAPI* api = er_datetime();
      if (api == nullptr) return nullptr;
      return api->DateTime_FromTimestamp(reinterpret_cast<PyObject*>(api->DateTimeType), args,
                                         nullptr);
    }

    static inline PyObject* er_date_of_timestamp(PyObject* args) {
      const PyDateTime_CAPI* api = er_datetime();
      if (api == nullptr) return nullptr;
      return api->Date_FromTimestamp(reinterpret_cast<PyObject*>(api->DateType), args);
    }

    static inline PyObject* er_utc() {
      const PyDateTime_CAPI* api = er_datetime();
      return api == nullptr ? nullptr : Py_NewRef(api->TimeZone_UTC);
    }
    """
    int PyDateTime_GET_YEAR(object o) noexcept
    int PyDateTime_GET_MONTH(object o) noexcept
    int PyDateTime_GET_DAY(object o) noexcept
    int PyDateTime_DATE_GET_HOUR(object o) noexcept
    int PyDateTime_DATE_GET_MINUTE(object o) noexcept
    int PyDateTime_DATE_GET_SECOND(object o) noexcept
    int PyDateTime_DATE_GET_MICROSECOND(object o) noexcept
    PyObject *PyDateTime_DATE_GET_TZINFO(object o)
    int PyDateTime_DATE_GET_FOLD(object o) noexcept
    int PyDateTime_TIME_GET_HOUR(object o) noexcept
    int PyDateTime_TIME_GET_MINUTE(object o) noexcept
    int PyDateTime_TIME_GET_SECOND(object o) noexcept
    int PyDateTime_TIME_GET_MICROSECOND(object o) noexcept
    PyObject *PyDateTime_TIME_GET_TZINFO(object o)
    int PyDateTime_TIME_GET_FOLD(object o) noexcept
    int PyDateTime_DELTA_GET_DAYS(object o) noexcept
    int PyDateTime_DELTA_GET_SECONDS(object o) noexcept
    int PyDateTime_DELTA_GET_MICROSECONDS(object o) noexcept

    ctypedef class datetime.date [object PyDateTime_Date]:
        @property
        cdef inline int year(self) noexcept:
            return PyDateTime_GET_YEAR(self)

        @property
        cdef inline int month(self) noexcept:
            return PyDateTime_GET_MONTH(self)

        @property
        cdef inline int day(self) noexcept:
            return PyDateTime_GET_DAY(self)

    ctypedef class datetime.time [object PyDateTime_Time]:
        @property
        cdef inline int hour(self) noexcept:
            return PyDateTime_TIME_GET_HOUR(self)

        @property
        cdef inline int minute(self) noexcept:
            return PyDateTime_TIME_GET_MINUTE(self)

        @property
        cdef inline int second(self) noexcept:
            return PyDateTime_TIME_GET_SECOND(self)

        @property
        cdef inline int microsecond(self) noexcept:
            return PyDateTime_TIME_GET_MICROSECOND(self)

        @property
        cdef inline object tzinfo(self):
            return <object>PyDateTime_TIME_GET_TZINFO(self)

        @property
        cdef inline int fold(self) noexcept:
            return PyDateTime_TIME_GET_FOLD(self)

    ctypedef class datetime.datetime [object PyDateTime_DateTime]:
        @property
        cdef inline int year(self) noexcept:
            return PyDateTime_GET_YEAR(self)

        @property
        cdef inline int month(self) noexcept:
            return PyDateTime_GET_MONTH(self)

        @property
        cdef inline int day(self) noexcept:
            return PyDateTime_GET_DAY(self)

        @property
        cdef inline int hour(self) noexcept:
            return PyDateTime_DATE_GET_HOUR(self)

        @property
        cdef inline int minute(self) noexcept:
            return PyDateTime_DATE_GET_MINUTE(self)

        @property
        cdef inline int second(self) noexcept:
            return PyDateTime_DATE_GET_SECOND(self)

        @property
        cdef inline int microsecond(self) noexcept:
            return PyDateTime_DATE_GET_MICROSECOND(self)

        @property
        cdef inline object tzinfo(self):
            return <object>PyDateTime_DATE_GET_TZINFO(self)

        @property
        cdef inline int fold(self) noexcept:
            return PyDateTime_DATE_GET_FOLD(self)

    # Without the s: days, seconds and microseconds are Python's.
    ctypedef class datetime.timedelta [object PyDateTime_Delta]:
        @property
        cdef inline int day(self) noexcept:
            return PyDateTime_DELTA_GET_DAYS(self)

        @property
        cdef inline int second(self) noexcept:
            return PyDateTime_DELTA_GET_SECONDS(self)

        @property
        cdef inline int microsecond(self) noexcept:
            return PyDateTime_DELTA_GET_MICROSECONDS(self)

    ctypedef class datetime.tzinfo [object PyDateTime_TZInfo]:
        pass

    int PyDateTime_IMPORT "er_import_datetime" () except -1
    int import_datetime "er_import_datetime" () except -1

    int PyDate_Check "er_is_date" (object o) except -1
    int PyDate_CheckExact "er_is_exact_date" (object o) except -1
    int PyDateTime_Check "er_is_datetime" (object o) except -1
    int PyDateTime_CheckExact "er_is_exact_datetime" (object o) except -1
    int PyTime_Check "er_is_time" (object o) except -1
    int PyTime_CheckExact "er_is_exact_time" (object o) except -1
    int PyDelta_Check "er_is_timedelta" (object o) except -1
    int PyDelta_CheckExact "er_is_exact_timedelta" (object o) except -1
    int PyTZInfo_Check "er_is_tzinfo" (object o) except -1
    int PyTZInfo_CheckExact "er_is_exact_tzinfo" (object o) except -1

    date date_new "er_new_date" (int year, int month, int day)
    timedelta timedelta_new "er_new_timedelta" (int days, int seconds, int microseconds)
    object get_utc "er_utc" ()
    object PyTimeZone_FromOffsetAndName "er_new_timezone" (object offset, object name)
    datetime PyDateTime_FromTimestamp "er_datetime_of_timestamp" (object args)
    date PyDate_FromTimestamp "er_date_of_timestamp" (object args)
    time _new_time "er_new_time" (int hour, int minute, int second, int microsecond, object tz,
                                  int fold)
    datetime _new_datetime "er_new_datetime" (int year, int month, int day, int hour, int minute,
                                              int second, int microsecond, object tz, int fold)

cdef inline time time_new(int hour, int minute, int second, int microsecond, object tz,
                          int fold=0):
    return _new_time(hour, minute, second, microsecond, tz, fold)

cdef inline datetime datetime_new(int year, int month, int day, int hour, int minute, int second,
                                  int microsecond, object tz, int fold=0):
    return _new_datetime(year, month, day, hour, minute, second, microsecond, tz, fold)

cdef inline object timezone_new(object offset, object name=None):
    return PyTimeZone_FromOffsetAndName(offset, name)

cdef inline object PyTimeZone_FromOffset(object offset):
    return PyTimeZone_FromOffsetAndName(offset, None)

cdef inline datetime datetime_from_timestamp(timestamp, tz=None):
    return PyDateTime_FromTimestamp((timestamp,) if tz is None else (timestamp, tz))

cdef inline date date_from_timestamp(timestamp):
    return PyDate_FromTimestamp((timestamp,))

cdef inline int date_year(object o) noexcept:
    return PyDateTime_GET_YEAR(o)

cdef inline int date_month(object o) noexcept:
    return PyDateTime_GET_MONTH(o)

cdef inline int date_day(object o) noexcept:
    return PyDateTime_GET_DAY(o)

cdef inline int time_hour(object o) noexcept:
    return PyDateTime_TIME_GET_HOUR(o)

cdef inline int time_minute(object o) noexcept:
    return PyDateTime_TIME_GET_MINUTE(o)

cdef inline int time_second(object o) noexcept:
    return PyDateTime_TIME_GET_SECOND(o)

cdef inline int time_microsecond(object o) noexcept:
    return PyDateTime_TIME_GET_MICROSECOND(o)

cdef inline object time_tzinfo(object o):
    return <object>PyDateTime_TIME_GET_TZINFO(o)

cdef inline int time_fold(object o) noexcept:
    return PyDateTime_TIME_GET_FOLD(o)

cdef inline int datetime_year(object o) noexcept:
    return PyDateTime_GET_YEAR(o)

cdef inline int datetime_month(object o) noexcept:
    return PyDateTime_GET_MONTH(o)

cdef inline int datetime_day(object o) noexcept:
    return PyDateTime_GET_DAY(o)

cdef inline int datetime_hour(object o) noexcept:
    return PyDateTime_DATE_GET_HOUR(o)

cdef inline int datetime_minute(object o) noexcept:
    return PyDateTime_DATE_GET_MINUTE(o)

cdef inline int datetime_second(object o) noexcept:
    return PyDateTime_DATE_GET_SECOND(o)

cdef inline int datetime_microsecond(object o) noexcept:
    return PyDateTime_DATE_GET_MICROSECOND(o)

cdef inline object datetime_tzinfo(object o):
    return <object>PyDateTime_DATE_GET_TZINFO(o)

cdef inline int datetime_fold(object o) noexcept:
    return PyDateTime_DATE_GET_FOLD(o)

cdef inline int timedelta_days(object o) noexcept:
    return PyDateTime_DELTA_GET_DAYS(o)

cdef inline int timedelta_seconds(object o) noexcept:
    return PyDateTime_DELTA_GET_SECONDS(o)

cdef inline int timedelta_microseconds(object o) noexcept:
    return PyDateTime_DELTA_GET_MICROSECONDS(o)

cdef inline double total_seconds(timedelta o) noexcept:
    cdef double days = o.day
    return days * 86400 + o.second + o.microsecond / 1e6
