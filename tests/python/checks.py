"""What the walks share: a step that says what it does, and checks that say what failed."""

import contextlib
import time


@contextlib.contextmanager
def step(what):
    """Prints a step when it is done. The first failing one ends the walk with its traceback."""
    print(f"- {what} ...", end="", flush=True)
    start = time.monotonic()
    yield
    print(f" ok ({(time.monotonic() - start) * 1000:.0f} ms)", flush=True)


def same(got, wanted, what):
    assert got == wanted, f"{what}: got {short(got)}, wanted {short(wanted)}"


def contains(text, part, what):
    assert part in text, f"{what}: {short(part)} is not in {short(text)}"


def raises(kind, code, call, what):
    """The call fails with exactly this class and gRPC status code."""
    try:
        result = call()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is judged below
        assert type(error) is kind, f"{what}: raised {error!r}, not {kind.__name__}"
        got = getattr(error, "grpc_code", None)
        assert got == code, f"{what}: grpc_code is {got}, not {code} ({error})"
        assert str(error), f"{what}: the error says nothing"
        return error
    raise AssertionError(f"{what}: raised nothing but returned {short(result)}")


def eventually(holds, what, seconds=30):
    """Waits for something that no event tells of."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.05)


def short(value):
    text = repr(value)
    return text if len(text) <= 400 else f"{text[:400]}... ({len(text)} characters)"
