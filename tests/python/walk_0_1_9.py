"""The published client boxd 0.1.9 walks through everything that a box can do.

Reads the cluster from BOXD_API_URL, BOXD_EXCHANGE_URL and BOXD_API_KEY, as the client itself does.
"""

import asyncio
import os
import pathlib
import tempfile
import time

import boxd
import boxd.aio
from boxd import BoxConfig, Compute, LifecycleConfig, NetworkConfig, ProxyEntry, VolumeMount

import resources
from checks import contains, eventually, raises, same, step

EVERY_BYTE = bytes(range(256))
# Says when it starts and then counts, so that a reader of the log sees it live.
MAIN = 'echo "main started: $GREETING"; n=0; while :; do n=$((n+1)); echo "tick $n"; sleep 0.1; done'


def main():
    with Compute() as compute:
        account(compute)
        box = create(compute)
        look_up(compute, box)
        execute(box)
        terminal(box)
        stream(box)
        ended(box)
        files(box)
        logs(box)
        fork(compute, box)
        suspend(compute, box)
        stop(compute, box)
        reboot(compute, box)
        tokens(compute)
        resources.walk(compute, box)
        templates_in_full(compute)
        absent(compute, box)
        asyncio.run(in_async_code())
        errors(compute, box)
    strangers()


def account(compute):
    with step("whoami and config"):
        me = compute.whoami()
        assert me.user_id and me.default_network_id, f"an identity has both: {me}"
        config = compute.config()
        assert config.default_image and config.zone, f"a cluster has both: {config}"


def create(compute):
    with step("create, and exec at once"):
        box = compute.box.create(
            name="walk",
            config=BoxConfig(
                vcpu=1,
                memory="512M",
                disk="1G",
                env={"GREETING": "hi $there, you"},
                cmd=["sh", "-c", MAIN],
                restart_policy="always",
                lifecycle=LifecycleConfig(auto_suspend_timeout=0),
            ),
        )
        assert box.id and box.image and box.url, f"the answer has all fields: {box}"
        same(box.name, "walk", "its name")
        result = box.exec("echo", "hello")
        same((result.stdout, result.stderr, result.exit_code, result.success), ("hello\n", "", 0, True), "echo")
        box.wait_until_ready()
        same(box.status, "running", "its status")
        same(box.exec("uname", "-n").stdout, "walk\n", "its host name")
    with step("a name that nobody chose"):
        unnamed = compute.box.create()
        assert unnamed.name and unnamed.name != unnamed.id, f"the cluster chooses a name: {unnamed}"
        same(compute.box.get(unnamed.name).id, unnamed.id, "found by that name")
        unnamed.destroy()
    return box


def look_up(compute, box):
    with step("get by id and by name, list"):
        for key in (box.id, "walk"):
            found = compute.box.get(key)
            same((found.id, found.name, found.status), (box.id, "walk", "running"), f"get({key!r})")
            same(found.restart_policy, "always", "its restart policy")
            same(found.disk_bytes, 1 << 30, "its disk")
            same(found.auto_suspend_timeout_secs, 0, "its auto-suspend timeout")
            same(found.image, box.image, "its image")
        listed = compute.box.list()
        same([(one.id, one.name) for one in listed], [(box.id, "walk")], "the list")


def execute(box):
    with step("exec: arguments arrive as they are"):
        arguments = ["a b", "it's", 'say "hi"', "$HOME `id` $(id)", "two\nlines", "", "\\", "*", "ü€🦀", "-n", "a;b&&c|d>e"]
        result = box.exec("printf", "[%s]", *arguments)
        same(result.stdout, "".join(f"[{argument}]" for argument in arguments), "printf")
    with step("exec: environment"):
        for value in ("bar", "it's $HOME", "two\nlines", ""):
            same(box.exec("printenv", "FOO", env={"FOO": value}).stdout, f"{value}\n", f"FOO={value!r}")
        same(box.exec("sh", "-c", "echo $A-$B", env={"A": "1", "B": "2"}).stdout, "1-2\n", "two of them")
    with step("exec: stderr apart, exit codes, death by a signal"):
        result = box.exec("sh", "-c", "echo out; echo err >&2; exit 3")
        same((result.stdout, result.stderr, result.exit_code, result.success), ("out\n", "err\n", 3, False), "both")
        for code in (0, 1, 42, 127, 255):
            same(box.exec("sh", "-c", f"exit {code}").exit_code, code, f"exit {code}")
        same(box.exec("sh", "-c", "kill -9 $$").exit_code, 137, "kill -9")
        same(box.exec("no-such-program").exit_code, 127, "a program that is not there")
    with step("exec: 8 MiB of output"):
        same(len(box.exec("sh", "-c", "head -c 8388608 /dev/zero | tr '\\0' x").stdout), 8 << 20, "its length")
    with step("exec: stdin is at its end"):
        same(box.exec("cat").exit_code, 0, "cat")
    with step("exec: a timeout, which ends what was started"):
        start = time.monotonic()
        run = ["sh", "-c", "echo $$ > /tmp/late; sleep 300 & echo $! >> /tmp/late; wait"]
        raises(boxd.TimeoutError, 4, lambda: box.exec(*run, timeout=1), "sleep 300 for 1 s")
        assert time.monotonic() - start < 60, "the timeout came late"
        gone(box, "/tmp/late")


def terminal(box):
    with step("exec on a terminal"):
        result = box.exec("sh", "-c", "tty; echo err >&2; exit 5", pty=True)
        assert result.stdout.startswith("/dev/pts/"), f"a terminal of its own: {result}"
        contains(result.stdout, "err", "a terminal merges stderr")
        same((result.stderr, result.exit_code), ("", 5), "the rest")
        same(box.exec("stty", "size", pty=True).stdout.strip(), "24 80", "its size when none is asked for")
        same(box.exec("stty", "size", pty=True, cols=132, rows=43).stdout.strip(), "43 132", "its size")
        for _ in range(10):
            same(box.exec("cat", pty=True, timeout=20).exit_code, 0, "the end of input reaches a terminal")
        close = ["sh", "-c", "exec <&- >&- 2>&-; sleep 0.3; exit 7"]
        same(box.exec(*close, pty=True).exit_code, 7, "a command that closes its terminal runs on")
    with step("an interactive shell: input, a new size, its end"):
        shell = box.exec("sh", interactive=True, stream=True, cols=90, rows=30)
        shell.stdin.write("stty size\n")
        seen = read_until(shell, b"30 90")
        shell.resize(101, 37)
        shell.stdin.write("stty size; echo done-$((40+2))\n")
        seen = read_until(shell, b"done-42")
        contains(seen, b"37 101", "its size after the change")
        shell.stdin.write("exit 9\n")
        same(shell.wait(), 9, "the shell's exit code")


def stream(box):
    with step("a stream: output while it runs, stderr apart, exit code"):
        process = box.exec("sh", "-c", "echo ready; read line; echo got $line; echo oops >&2; exit 7", stream=True)
        same(process.read_stdout(), b"ready\n", "output of a process that waits for input")
        process.stdin.write("an answer\n")
        same(b"".join(process.iter_stdout()), b"got an answer\n", "the rest of stdout")
        same(b"".join(process.iter_stderr()), b"oops\n", "stderr")
        same(process.wait(), 7, "its exit code")
    with step("a stream: every byte there and back, and the end of input"):
        process = box.exec("cat", stream=True)
        sent = EVERY_BYTE * 8192
        for at in range(0, len(sent), 1 << 16):
            process.stdin.write(sent[at : at + (1 << 16)])
        process.stdin.write_eof()
        assert b"".join(process.iter_stdout()) == sent, "2 MiB came back changed"
        same(process.wait(), 0, "its exit code")
        same(box.exec("cat", stream=True, close_stdin=True).wait(), 0, "input closed at once")
    with step("a stream that is closed ends its process group"):
        run = ["sh", "-c", "echo $$ > /tmp/closed; sleep 300 & echo $! >> /tmp/closed; echo up; wait"]
        process = box.exec(*run, stream=True)
        same(process.read_stdout(), b"up\n", "it runs")
        process.close()
        box.exec("true")
        gone(box, "/tmp/closed")


def ended(box):
    with step("what a command leaves running stays, and does not hold the command up"):
        start = time.monotonic()
        same(box.exec("sh", "-c", "sleep 300 >/dev/null 2>&1 & echo $! > /tmp/left").exit_code, 0, "the command")
        assert time.monotonic() - start < 60, "the command waited for what it left"
        same(box.exec("sh", "-c", "kill -0 $(cat /tmp/left) && kill $(cat /tmp/left)").exit_code, 0, "it runs on")


def files(box):
    with step("files: text, bytes, all 256 bytes, a local file, an empty one"):
        with tempfile.TemporaryDirectory() as folder:
            local = pathlib.Path(folder, "local.bin")
            local.write_bytes(EVERY_BYTE * 3)
            contents = {
                "/app/text.txt": ("grüße\n€ 🦀\n", "grüße\n€ 🦀\n".encode()),
                "/app/deep/er/bytes.bin": (b"\x00binary\xff", b"\x00binary\xff"),
                "/app/every.bin": (EVERY_BYTE, EVERY_BYTE),
                "/app/local.bin": (local, EVERY_BYTE * 3),
                "/app/empty": (b"", b""),
                "/app/with space 'and' quotes": (b"1", b"1"),
                "/app/3MiB": (EVERY_BYTE * 12288, EVERY_BYTE * 12288),
            }
            for path, (source, wanted) in contents.items():
                box.write_file(source, path)
                same(box.read_file(path), wanted, path)
        same(box.exec("cat", "/app/text.txt").stdout, "grüße\n€ 🦀\n", "as a command sees it")
        box.exec("sh", "-c", "printf made-here > /app/made")
        same(box.read_file("/app/made"), b"made-here", "what a command wrote")
    with step("files: a relative path, a shorter content, what is not there"):
        box.write_file("in the home", "notes/here.txt")
        same(box.exec("cat", "/home/boxd/notes/here.txt").stdout, "in the home", "a relative path")
        same(box.read_file("notes/here.txt"), b"in the home", "read by a relative path")
        box.write_file("short", "/app/text.txt")
        same(box.read_file("/app/text.txt"), b"short", "nothing of the old content is left")
        raises(boxd.NotFoundError, 5, lambda: box.read_file("/app/nothing"), "a file that is not there")


def logs(box):
    with step("logs: what is there, and what comes"):
        text = b"".join(box.stream_logs()).decode()
        contains(text, "main started: hi $there, you\n", "the main process's output")
        contains(text, "tick 1\n", "and more of it")
        last = text.count("tick ")
        followed = b""
        following = box.stream_logs(follow=True)
        for chunk in following:
            followed += chunk
            if f"tick {last + 5}\n".encode() in followed:
                break
        following.close()
        contains(followed, b"main started", "following starts with what is there")


def fork(compute, box):
    with step("fork keeps the files and shares nothing"):
        box.write_file(EVERY_BYTE, "/app/kept.bin")
        box.exec("sh", "-c", "echo run > /app/tool; chmod 750 /app/tool; ln -s tool /app/link")
        copy = compute.box.fork("walk", name="walk-fork")
        same((copy.name, copy.forked_from), ("walk-fork", box.id), "what it is")
        copy.wait_until_ready()
        same(copy.read_file("/app/kept.bin"), EVERY_BYTE, "a file in the fork")
        same(copy.exec("sh", "-c", "stat -c %a /app/tool; readlink /app/link").stdout, "750\ntool\n", "its kinds")
        same(copy.exec("uname", "-n").stdout, "walk-fork\n", "its host name")
        copy.write_file("changed", "/app/kept.bin")
        same(box.read_file("/app/kept.bin"), EVERY_BYTE, "the source's file")
        same({one.name for one in compute.box.list()}, {"walk", "walk-fork"}, "the list")
        copy.destroy()
        same(box.exec("echo", "alive").stdout, "alive\n", "the source, its fork destroyed")


def suspend(compute, box):
    with step("suspend halts, resume continues with memory intact"):
        # One beat is a counter kept in memory and the time it was written, in ns.
        beat(box, "/home/boxd/beats")
        halted = box.suspend()
        assert halted.suspend_us > 0, f"how long it took: {halted}"
        same(box.status, "suspended", "its status here")
        same(compute.box.get(box.id).status, "suspended", "its status there")
        start = time.time_ns()
        time.sleep(1.5)  # Time in which nothing must happen.
        end = time.time_ns()
        assert box.resume().resume_us > 0, "how long it took"
        box.wait_until_ready()
        seen = len(beats(box, "/home/boxd/beats"))
        eventually(lambda: len(beats(box, "/home/boxd/beats")) > seen, "the process goes on")
        counted = beats(box, "/home/boxd/beats")
        same([count for count, _ in counted], list(range(1, len(counted) + 1)), "its memory")
        # Halting may take hold just after the answer: a quarter of a second is granted.
        halting = 250_000_000
        during = [at for _, at in counted if start + halting < at < end]
        same(during, [], "beats while it was suspended")


def stop(compute, box):
    with step("stop ends every process, start boots with the files kept"):
        before = len(beats(box, "/home/boxd/beats"))
        box.write_file("kept", "/app/over-stop")
        box.stop()
        same(compute.box.get(box.id).status, "stopped", "its status")
        try:
            box.exec("true")
            raise AssertionError("a stopped box ran a command")
        except boxd.BoxdError as error:
            assert "walk" in str(error) or box.id in str(error), f"the error names the box: {error}"
        box.start()
        box.wait_until_ready()
        same(box.read_file("/app/over-stop"), b"kept", "a file over a stop")
        counted = len(beats(box, "/home/boxd/beats"))
        assert counted >= before, "the beats are kept"
        box.exec("sleep", "0.3")
        same(len(beats(box, "/home/boxd/beats")), counted, "a process over a stop")
        same(box.exec("uname", "-n").stdout, "walk\n", "its host name")


def reboot(compute, box):
    with step("reboot ends every process and keeps the files"):
        beat(box, "/home/boxd/rebooted")
        box.write_file("kept", "/app/over-reboot")
        box.reboot()
        box.wait_until_ready()
        same(compute.box.get("walk").status, "running", "its status")
        same(box.read_file("/app/over-reboot"), b"kept", "a file over a reboot")
        counted = len(beats(box, "/home/boxd/rebooted"))
        box.exec("sleep", "0.3")
        same(len(beats(box, "/home/boxd/rebooted")), counted, "a process over a reboot")
        eventually(lambda: tick_of(box) > 0, "the main process runs again")


def tokens(compute):
    with step("tokens: made, used, listed, revoked"):
        known = {token.jti for token in compute.token.list()}
        made = compute.token.create(expires_in=3600)
        assert made.token.startswith("eyJ"), "a token is a JWT"
        assert 3500 < made.expires_at - time.time() <= 3601, f"in an hour: {made.expires_at}"
        (listed,) = [token for token in compute.token.list() if token.jti not in known]
        same(listed.expires_at, made.expires_at, "when it expires, in the list")
        key = os.environ.pop("BOXD_API_KEY")
        with Compute(token=made.token) as other:
            same([box.name for box in other.box.list()], ["walk"], "what a client with the token sees")
            compute.token.revoke(listed.jti)
            raises(boxd.AuthenticationError, 16, other.box.list, "a client whose token was revoked")
        os.environ["BOXD_API_KEY"] = key
        same([token.jti for token in compute.token.list() if token.jti == listed.jti], [], "the list without it")


def templates_in_full(compute):
    with step("a box with all that its template says, its disk too"):
        disk = compute.disk.create("of-template", size="1G")
        config = BoxConfig(
            disk="20G",
            lifecycle=LifecycleConfig(auto_suspend_timeout=600),
            network=NetworkConfig(proxies=[ProxyEntry(name="api", port=3001)]),
            volumes=[VolumeMount(disk_id=disk.id, mount_path="/mnt/data")],
        )
        template = compute.template.create(name="full", config=config)
        made = compute.template.create_vm(template, config=BoxConfig(vcpu=2))
        found = compute.box.get(made.name)
        same((found.disk_bytes, found.auto_suspend_timeout_secs), (20 << 30, 600), "what the template says")
        same([proxy.name for proxy in made.proxies()], ["", "api"], "its proxies")
        same(made.exec("sh", "-c", "echo here > /mnt/data/x && cat /mnt/data/x").stdout, "here\n", "its disk")
        made.destroy()
        compute.template.delete(template.id)
        disk.destroy()


def absent(compute, box):
    with step("what a local cluster does not have says so by name"):
        for name, call in {
            "ListOrgs": compute.box.list_orgs,
            "ShareVm": box.share,
            "UnshareVm": box.unshare,
            "ListPlans": compute.billing.list_plans,
            "GetBilling": compute.billing.status,
        }.items():
            contains(str(raises(boxd.BoxdError, 12, call, name)), name, "the error")


async def in_async_code():
    with step("the client's async form: 20 commands at once in one box"):
        async with boxd.aio.Compute() as compute:
            await compute.whoami()  # One exchange of the key for all that follows.
            box = await compute.box.get("walk")
            results = await asyncio.gather(*(box.exec("sh", "-c", f"sleep 0.2; echo {n}") for n in range(20)))
            same([result.stdout for result in results], [f"{n}\n" for n in range(20)], "their outputs")


def errors(compute, box):
    with step("errors: unknown, taken, destroyed, destroyed twice"):
        raises(boxd.NotFoundError, None, lambda: compute.box.get("nope"), "a box that is not there")
        raises(boxd.NotFoundError, None, lambda: compute.box.fork("nope"), "a fork of it")
        raises(boxd.InvalidArgumentError, 6, lambda: compute.box.create(name="walk"), "a name that is taken")
        raises(boxd.InvalidArgumentError, 3, lambda: compute.box.create(name="No Host Name!"), "no name at all")
        box.destroy()
        same(box.status, "destroyed", "its status here")
        error = raises(boxd.NotFoundError, 5, box.destroy, "a box destroyed twice")
        contains(str(error), box.id, "the error names the box")
        raises(boxd.NotFoundError, 5, lambda: box.exec("true"), "a command in it")
        raises(boxd.NotFoundError, 5, lambda: box.read_file("/app/made"), "a file of it")
        raises(boxd.NotFoundError, None, lambda: compute.box.get("walk"), "getting it")
        same(compute.box.list(), [], "the list")


def strangers():
    with step("errors: a bad key, a bad token, none, nobody there"):
        with Compute(api_key="bxk_nobody_has_this_one") as stranger:
            raises(boxd.AuthenticationError, 16, stranger.box.list, "a bad key")
        key = os.environ.pop("BOXD_API_KEY")
        for token in ("nonsense", "eyJhbGciOiJub25lIn0.e30."):
            with Compute(token=token) as stranger:
                raises(boxd.AuthenticationError, 16, stranger.whoami, f"a bad token, {token!r}")
        raises(boxd.AuthenticationError, None, Compute, "no credential")
        with Compute(token=key) as stranger:
            raises(boxd.AuthenticationError, 16, stranger.whoami, "an API key where a token belongs")
        with Compute(token="any", api_url="http://127.0.0.1:1") as stranger:
            raises(boxd.ConnectionError, 14, stranger.whoami, "a cluster that is not there")


def read_until(process, mark):
    seen = b""
    while mark not in seen:
        chunk = process.read_stdout()
        assert chunk, f"the output ended before {mark!r}: {seen!r}"
        seen += chunk
    return seen


def gone(box, path):
    """The processes whose ids stand in that file are no more."""
    alive = f"test -s {path} || exit 1; for id in $(cat {path}); do kill -0 $id 2>/dev/null && exit 1; done; exit 0"
    eventually(lambda: box.exec("sh", "-c", alive).success, f"the processes of {path} end")


def beat(box, path):
    """Starts a process that counts on, apart from the command that started it."""
    count = f"n=0; while :; do n=$((n+1)); echo $n $(date +%s%N); sleep 0.05; done > {path}"
    box.exec("sh", "-c", f"setsid sh -c '{count}' </dev/null >/dev/null 2>&1 &")
    eventually(lambda: len(beats(box, path)) > 3, "the process beats")


def beats(box, path):
    lines = box.exec("cat", path).stdout.splitlines()
    return [tuple(map(int, line.split())) for line in lines if len(line.split()) == 2]


def tick_of(box):
    """How often the main process has counted since it last started."""
    return b"".join(box.stream_logs()).decode().rpartition("main started")[2].count("tick ")


if __name__ == "__main__":
    main()
