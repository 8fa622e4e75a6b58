"""cpython.datetime: fields of Python's dates and times in C, and making such."""

import datetime
import textwrap

import engineroom as er
import pytest


def build(source):
    return er.compile(textwrap.dedent(source))


@pytest.fixture(scope="module")
def functions():
    # Without import_datetime(): what needs it does it.
    return build(
        """
        from cpython.datetime cimport *
        PyDateTime_IMPORT

        def new_date(y, m, d):
            return date_new(y, m, d)

        def new_time(h, m, s, us, tz=None, fold=0):
            return time_new(h, m, s, us, tz, fold)

        def new_datetime(y, mo, d, h, m, s, us, tz=None):
            return datetime_new(y, mo, d, h, m, s, us, tz)

        def new_timedelta(d, s, us):
            return timedelta_new(d, s, us)

        def new_timezone(offset, name=None):
            return timezone_new(offset, name), PyTimeZone_FromOffset(offset)

        def from_timestamp(t, tz=None):
            return date_from_timestamp(t), datetime_from_timestamp(t, tz)

        def utc():
            return get_utc()

        def checks(o):
            return [bool(x) for x in (
                PyDate_Check(o), PyDate_CheckExact(o), PyDateTime_Check(o),
                PyTime_Check(o), PyDelta_Check(o), PyTZInfo_Check(o))]
        """
    )


def test_fields():
    m = build(
        """
        from cpython.datetime cimport date, time, datetime, timedelta, import_datetime
        from cpython.datetime cimport total_seconds, date_year, datetime_hour, timedelta_days
        from cpython.datetime cimport time_tzinfo, datetime_tzinfo, PyDateTime_DELTA_GET_DAYS
        import_datetime()

        def of_date(date d not None):
            return d.year, d.month, d.day, date_year(d), d.isoformat()

        def of_time(time t not None):
            return t.hour, t.minute, t.second, t.microsecond, t.tzinfo, t.fold, time_tzinfo(t)

        def of_datetime(datetime t not None):
            cdef int sum = t.year + t.month + t.day + t.hour + t.minute + t.second + t.microsecond
            return sum, t.tzinfo, datetime_tzinfo(t), t.fold, datetime_hour(t)

        def of_timedelta(timedelta t not None):
            return t.day, t.second, t.microsecond, timedelta_days(t), PyDateTime_DELTA_GET_DAYS(t)

        def seconds(timedelta t not None):
            return total_seconds(t)

        def days_times(timedelta t not None, int n):
            return t.days * n
        """
    )
    assert m.of_date(datetime.date(2026, 3, 31)) == (2026, 3, 31, 2026, "2026-03-31")
    assert m.of_date(datetime.datetime(1999, 12, 1, 5))[:3] == (1999, 12, 1)
    utc = datetime.UTC
    assert m.of_time(datetime.time(1, 2, 3, 456789, utc, fold=1)) == (1, 2, 3, 456789, utc, 1, utc)
    assert m.of_time(datetime.time(23))[4:] == (None, 0, None)
    t = datetime.datetime(2000, 1, 2, 3, 4, 5, 999999, utc)
    assert m.of_datetime(t) == (2015 + 999999, utc, utc, 0, 3)
    delta = datetime.timedelta(days=-1, seconds=86399, microseconds=5)
    assert m.of_timedelta(delta) == (-1, 86399, 5, -1, -1)
    assert m.seconds(delta) == pytest.approx(delta.total_seconds())
    assert m.days_times(datetime.timedelta(days=999999999), 1000) == 999999999000
    with pytest.raises(TypeError):
        m.of_datetime(datetime.date(2000, 1, 1))


def test_making(functions):
    utc = datetime.UTC
    assert functions.new_date(2026, 2, 28) == datetime.date(2026, 2, 28)
    assert functions.new_time(1, 2, 3, 4) == datetime.time(1, 2, 3, 4)
    made = functions.new_time(1, 2, 3, 4, utc, 1)
    assert (made.tzinfo, made.fold) == (utc, 1)
    assert functions.new_datetime(1, 2, 3, 4, 5, 6, 7, utc) == datetime.datetime(
        1, 2, 3, 4, 5, 6, 7, utc
    )
    assert functions.new_timedelta(0, 90000, 1) == datetime.timedelta(0, 90000, 1)
    assert functions.utc() is utc
    with pytest.raises(ValueError, match="month"):
        functions.new_date(2026, 13, 1)
    with pytest.raises(TypeError):
        functions.new_time(1, 2, 3, 4, "no zone")


def test_time_zones(functions):
    hour = datetime.timedelta(hours=1)
    named, unnamed = functions.new_timezone(hour, "CET")
    assert named == datetime.timezone(hour, "CET")
    assert named.tzname(None) == "CET"
    assert unnamed == datetime.timezone(hour)
    with pytest.raises(TypeError, match="offset"):
        functions.new_timezone(3600)
    with pytest.raises(TypeError, match="name"):
        functions.new_timezone(hour, b"CET")


def test_timestamps(functions):
    t = 1518185542
    utc = datetime.UTC
    assert functions.from_timestamp(t) == (
        datetime.date.fromtimestamp(t),
        datetime.datetime.fromtimestamp(t),
    )
    assert functions.from_timestamp(t, utc)[1] == datetime.datetime.fromtimestamp(t, utc)


def test_checks(functions):
    assert functions.checks(datetime.date(1, 1, 1)) == [True, True, False, False, False, False]
    assert functions.checks(datetime.datetime(1, 1, 1))[:3] == [True, False, True]
    assert functions.checks(datetime.time())[3]
    assert functions.checks(datetime.timedelta())[4]
    assert functions.checks(datetime.UTC)[5]
    assert not any(functions.checks(1))
