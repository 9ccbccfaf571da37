"""The seed's own client, boxd 0.1.1.dev4, walks as far as its published wheel goes.

In that wheel `get`, `list` and with them `fork` raise AttributeError: they read a field that its wire
has not. It knows no `is_stderr` either: all output is stdout.
"""

import os

import boxd
from boxd import BoxConfig, Compute, LifecycleConfig

import resources
from checks import contains, eventually, raises, same, step

EVERY_BYTE = bytes(range(256))


def main():
    with Compute() as compute:
        with step("whoami and config"):
            assert compute.whoami().user_id, "a user"
            assert compute.config().zone, "a zone"
        with step("create, and exec at once"):
            config = BoxConfig(
                memory="256M",
                env={"GREETING": "hi"},
                cmd=["sh", "-c", "echo main says $GREETING; exec sleep infinity"],
                lifecycle=LifecycleConfig(auto_suspend_timeout=0),
            )
            box = compute.box.create(name="seed-walk", config=config)
            same(box.exec("echo", "hello").stdout, "hello\n", "echo")
            assert box.id and box.image and box.url, f"the answer has all fields: {box}"
        with step("get, list and fork fail in the wheel itself"):
            for call in (lambda: compute.box.get(box.id), compute.box.list, lambda: compute.box.fork(box.id)):
                raises(AttributeError, None, call, "the wheel")
        resources.walk(compute, box)
        walk(box)
    with step("errors: a bad key, a bad token"):
        with Compute(api_key="bxk_nobody_has_this_one") as stranger:
            raises(boxd.AuthenticationError, 16, stranger.whoami, "a bad key")
        del os.environ["BOXD_API_KEY"]
        with Compute(token="nonsense") as stranger:
            raises(boxd.AuthenticationError, 16, stranger.whoami, "a bad token")


def walk(box):
    with step("exec: arguments, environment, exit codes, a timeout"):
        arguments = ["a b", "it's", "$HOME", "two\nlines", ""]
        result = box.exec("printf", "[%s]", *arguments)
        same(result.stdout, "".join(f"[{argument}]" for argument in arguments), "printf")
        same(box.exec("sh", "-c", "echo $FOO", env={"FOO": "bar baz"}).stdout, "bar baz\n", "FOO")
        result = box.exec("sh", "-c", "echo out; echo err >&2; exit 3")
        same(sorted(result.stdout.split()), ["err", "out"], "both outputs are stdout to it")
        same((result.stderr, result.exit_code), ("", 3), "the rest")
        raises(boxd.TimeoutError, 4, lambda: box.exec("sleep", "300", timeout=1), "sleep 300 for 1 s")
    with step("exec on a terminal"):
        same(box.exec("stty", "size", pty=True).stdout.strip(), "24 80", "its size")
    with step("a stream, both ways"):
        process = box.exec("cat", stream=True)
        process.stdin.write(b"ping\n")
        same(process.read_stdout(), b"ping\n", "what came back")
        process.stdin.write_eof()
        same(process.wait(), 0, "its exit code")
    with step("files"):
        for path, source in (("/app/text", "grüße"), ("/app/bytes", EVERY_BYTE), ("/app/empty", b"")):
            box.write_file(source, path)
            same(box.read_file(path), source if isinstance(source, bytes) else source.encode(), path)
        raises(boxd.NotFoundError, 5, lambda: box.read_file("/app/nothing"), "a file that is not there")
    with step("logs"):
        contains(b"".join(box.stream_logs()).decode(), "main says hi\n", "the main process's output")
    with step("suspend, resume, stop, start, reboot"):
        assert box.suspend().suspend_us > 0 and box.resume().resume_us > 0, "how long they took"
        same(box.exec("echo", "resumed").stdout, "resumed\n", "a command after resume")
        for act in (lambda: (box.stop(), box.start()), box.reboot):
            act()
            eventually(lambda: runs(box), "it runs again")
            same(box.read_file("/app/bytes"), EVERY_BYTE, "its files")
    with step("destroy, twice"):
        box.destroy()
        raises(boxd.NotFoundError, 5, box.destroy, "a box destroyed twice")


def runs(box):
    try:
        return box.exec("true").success
    except boxd.BoxdError:
        return False


if __name__ == "__main__":
    main()
