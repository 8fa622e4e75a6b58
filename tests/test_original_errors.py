"""Exceptions of engines as themselves (raise_original), and remote tracebacks that can be read."""

import traceback

import engineroom as ipp
import pytest
from conftest import ENGINES


@pytest.fixture
def balanced(client):
    return client.load_balanced_view()


def test_get_raises_the_original_if_asked(single):
    ar = single.apply_async(int, "five")
    with pytest.raises(ValueError, match="invalid literal") as caught:
        ar.get(raise_original=True)
    cause = caught.value.__cause__
    assert type(cause) is ipp.RemoteError
    assert cause.ename == "ValueError"
    with pytest.raises(ipp.RemoteError):
        ar.get()
    assert isinstance(ar.get(return_exceptions=True).original(), ValueError)


def test_flags_of_client_and_views(cluster):
    client = cluster.connect()
    old = client.load_balanced_view()
    client.raise_original = True
    view = client.load_balanced_view()
    with pytest.raises(ZeroDivisionError):
        view.apply_sync(divmod, 1, 0)
    ar = view.apply_async(divmod, 1, 0)
    assert isinstance(ar.exception(10), ZeroDivisionError)
    with pytest.raises(ZeroDivisionError):
        ar.result()
    with pytest.raises(ipp.RemoteError):
        ar.get(raise_original=False)
    # The flag of a view is its own.
    with pytest.raises(ipp.RemoteError):
        old.apply_sync(divmod, 1, 0)
    with old.temp_flags(raise_original=True), pytest.raises(ZeroDivisionError):
        old.apply_sync(divmod, 1, 0)
    with pytest.raises(ZeroDivisionError):
        client.get_result(ar.msg_ids[0], block=True).get()


def test_classes_of_the_session_are_the_same_ones(balanced):
    class Refused(Exception):
        def __init__(self, code):
            super().__init__(f"code {code}")
            self.code = code

        def __reduce__(self):
            return Refused, (self.code,)

    def refuse(code):
        raise Refused(code)

    with pytest.raises(Refused) as caught:
        balanced.apply_async(refuse, 7).get(raise_original=True)
    assert caught.value.code == 7


def test_notes_and_attributes_travel(single):
    def noted():
        error = OSError(2, "No such thing", "name")
        error.add_note("look elsewhere")
        raise error

    with pytest.raises(FileNotFoundError) as caught:
        single.apply_async(noted).get(raise_original=True)
    assert (caught.value.errno, caught.value.filename) == (2, "name")
    assert caught.value.__notes__ == ["look elsewhere"]


def test_the_first_of_many_is_raised_from_all(client):
    def fail(x):
        if x:
            raise KeyError(x)

    view = client[:]
    view.raise_original = True
    ar = view.map_async(fail, range(ENGINES))
    with pytest.raises(KeyError) as caught:
        ar.get()
    assert caught.value.args == (1,)
    assert isinstance(caught.value.__cause__, ipp.CompositeError)
    assert len(caught.value.__cause__.elist) == ENGINES - 1
    with pytest.raises(KeyError):
        list(ar)
    with pytest.raises(KeyError):
        view.execute("raise KeyError(3)", block=True)


def test_iteration_and_imap(balanced):
    balanced.raise_original = True
    results = balanced.imap(lambda x: 1 / x, [1, 0])
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)
    with pytest.raises(ZeroDivisionError):
        list(balanced.map_async(lambda x: 1 / x, [1, 0], ordered=False))


def test_what_cannot_be_sent_stays_a_remote_error(single):
    class TwoArguments(Exception):
        """Pickles, and cannot be unpickled."""

        def __init__(self, a, b):
            super().__init__(a)

    def unpicklable():
        import threading

        raise ValueError(threading.Lock())

    def large():
        raise ValueError("x" * 1_000_000)

    def leave():
        raise SystemExit(3)

    def two():
        raise TwoArguments(1, 2)

    for function, reason in [
        (unpicklable, "cannot be pickled: .*lock"),
        (large, "too large"),
        (two, "cannot be unpickled here: TypeError"),
        (leave, "not raised in another process"),
    ]:
        ar = single.apply_async(function)
        for _ in range(2):
            with pytest.raises(ipp.RemoteError) as caught:
                ar.get(raise_original=True)
        assert caught.match(f"original {caught.value.ename} cannot be raised: .*{reason}")
        assert sum("cannot be raised" in note for note in caught.value.__notes__) == 1
        assert caught.value.original() is None


def test_remote_tracebacks_are_shown_by_python(single, client):
    """Python prints notes; IPython prints render_traceback() instead."""

    def inner():
        return 1 / 0

    def outer():
        return inner()

    with pytest.raises(ipp.RemoteError) as caught:
        single.apply_sync(outer)
    text = "".join(traceback.format_exception(caught.value))
    assert "outer()" in text
    assert "--> " in text
    assert "inner()" in text
    assert "\x1b" not in text
    with pytest.raises(ZeroDivisionError) as original:
        single.apply_async(outer).get(raise_original=True)
    text = "".join(traceback.format_exception(original.value))
    assert text.index("inner()") < text.index("direct cause") < text.rindex("ZeroDivisionError")
    with pytest.raises(ipp.CompositeError) as many:
        client[:].apply_sync(outer)
    assert "".join(traceback.format_exception(many.value)).count("1 / 0") >= min(ENGINES, 4)
