"""The current published client, boxd 0.2.19, walks through what the local cluster has.

Reads the cluster from BOXD_API_URL, BOXD_EXCHANGE_URL and BOXD_API_KEY. This client takes no address of
the token exchange but derives it from the API's; the local cluster has them on two ports, so the walk
exchanges the key itself and gives the client the token.
"""

import hashlib
import os

import boxd
import httpx
from boxd import Boxd

from checks import contains, eventually, raises, same, step

EVERY_BYTE = bytes(range(256))
MIB = 1 << 20


def main():
    with Boxd(token=exchange(os.environ.pop("BOXD_API_KEY"))) as cluster:
        machine = create(cluster)
        execute(cluster, machine.id)
        stream(cluster, machine.id)
        files(cluster, machine.id)
        folders(cluster, machine.id)
        logs(cluster, machine.id)
        lifecycle(cluster, machine.id)
        rename(cluster, machine.id)
        destroy(cluster, machine.id)
        api_keys(cluster)


def create(cluster):
    with step("account and config"):
        assert cluster.account.get().user_id, "a user"
    with step("create, get by id and by name, list"):
        machine = cluster.machines.create(
            "walk-0-2-19",
            cmd=["sh", "-c", "echo main started; exec sleep infinity"],
            vcpu=1,
            memory="512M",
            auto_suspend_timeout=0,
        )
        same(machine.name, "walk-0-2-19", "its name")
        ready = cluster.machines.wait_until_ready(machine.id)
        same(ready.status, "running", "its status")
        for key in (machine.id, machine.name):
            found = cluster.machines.get(key)
            same((found.id, found.name), (machine.id, machine.name), f"get({key!r})")
        same(found.resources.vcpu, 1, "its processors")
        same(found.resources.memory_bytes, 512 * MIB, "its memory")
        same(found.idle.suspend_after, 0, "its idle timer")
        assert found.created_at, "when it was created"
        same([one.name for one in cluster.machines.list()], [machine.name], "the list")
    return machine


def execute(cluster, id):
    def run(*args, **kwargs):
        return cluster.machines.exec(id, *args, **kwargs)

    with step("exec: stderr apart, environment, working directory, exit code"):
        result = run("echo out; echo err >&2; exit 3")
        same((result.stdout, result.stderr, result.exit_code), ("out\n", "err\n", 3), "both")
        same(run(["printf", "[%s]", "a b", "", "$HOME"]).stdout, "[a b][][$HOME]", "a list")
        same(run(["printenv", "FOO"], env={"FOO": "it's $x"}).stdout, "it's $x\n", "FOO")
        same(run("pwd", cwd="/usr/bin").stdout, "/usr/bin\n", "the working directory")
        same(run("pwd").stdout, "/home/boxd\n", "the working directory when none is asked for")
        assert run("pwd", cwd="/no/such").exit_code != 0, "a working directory that is not there"
        same(run(r"printf '\377\000\376'", encoding="buffer").stdout, b"\xff\x00\xfe", "raw bytes")
    with step("exec: a timeout"):
        error = raises(boxd.BoxdError, None, lambda: run("sleep 300", timeout=1), "sleep 300 for 1 s")
        contains(str(error), "timed out", "the error")
    with step("exec on a terminal"):
        result = run("stty size; echo err >&2", tty=True, cols=132, rows=43)
        same((result.stdout.split(), result.stderr), (["43", "132", "err"], ""), "stty size")


def stream(cluster, id):
    with step("a stream: input, its end, stderr apart"):
        with cluster.machines.stream_exec(id, command="cat; echo done >&2") as process:
            chunks = process.iter_chunks()
            process.write("ping\n")
            same(next(chunks), (b"ping\n", False), "what came back")
            process.write_eof()
            same(list(chunks), [(b"done\n", True)], "stderr")
            same(process.exit_code, 0, "its exit code")
    with step("an interactive shell and a new size"):
        with cluster.machines.stream_exec(id, command="sh", tty=True, cols=90, rows=30) as shell:
            output = iter(shell)
            shell.write("stty size\n")
            until(output, b"30 90")
            shell.resize(101, 37)
            shell.write("stty size\n")
            until(output, b"37 101")
            shell.write("exit 4\n")
            for _ in output:
                pass
            same(shell.exit_code, 4, "its exit code")


def files(cluster, id):
    with step("files: 100 MiB up and down, every byte, an empty one"):
        large = EVERY_BYTE * (100 * MIB // 256)
        same(cluster.machines.files.upload(id, "/app/large", large), len(large), "bytes written")
        sums = cluster.machines.exec(id, "sha256sum < /app/large").stdout.split()[0]
        same(sums, hashlib.sha256(large).hexdigest(), "its checksum in the box")
        assert cluster.machines.files.download(id, "/app/large") == large, "100 MiB came back changed"
        same(cluster.machines.files.upload(id, "/app/empty", b""), 0, "bytes written")
        same(cluster.machines.files.download(id, "/app/empty"), b"", "an empty file")
        call = lambda: cluster.machines.files.download(id, "/app/nothing")  # noqa: E731
        raises(boxd.NotFoundError, 5, call, "a file that is not there")


def folders(cluster, id):
    on = cluster.machines.files
    with step("folders: make, list, copy, move, delete"):
        on.mkdir(id, "/app/folder")
        on.upload(id, "/app/folder/file", b"content")
        cluster.machines.exec(id, "chmod 640 /app/folder/file")
        listing = on.list_dir(id, "/app")
        same(sorted(entry.name for entry in listing.entries), ["empty", "folder", "large"], "what is there")
        same(listing.truncated, False, "the list is whole")
        kinds = {entry.name: (entry.is_dir, entry.size_bytes) for entry in listing.entries}
        same(kinds, {"empty": (False, 0), "folder": (True, 0), "large": (False, 100 * MIB)}, "kinds and sizes")
        (file,) = on.list_dir(id, "/app/folder").entries
        same(file.permissions, "-rw-r-----", "its permissions")
        assert file.modified_at.timestamp() > 1_700_000_000, f"when it changed: {file}"
        on.copy(id, "/app/folder", "/app/copy")
        on.rename(id, "/app/copy/file", "/app/moved")
        same(on.download(id, "/app/moved"), b"content", "a copied and moved file")
        same(on.list_dir(id, "/app/copy").entries, [], "the copy, its file moved away")
        on.delete(id, "/app/folder")
        raises(boxd.NotFoundError, 5, lambda: on.list_dir(id, "/app/folder"), "a deleted folder")
        raises(boxd.NotFoundError, 5, lambda: on.delete(id, "/app/folder"), "deleted twice")


def logs(cluster, id):
    with step("logs"):
        eventually(lambda: b"main started\n" in b"".join(cluster.machines.logs(id)), "the main process's output")


def lifecycle(cluster, id):
    with step("pause, resume, stop, start, reboot, fork"):
        assert cluster.machines.pause(id).suspend_us > 0, "how long it took"
        same(cluster.machines.get(id).status, "suspended", "its status")
        assert cluster.machines.resume(id).resume_us > 0, "how long it took"
        cluster.machines.stop(id)
        same(cluster.machines.get(id).status, "stopped", "its status")
        cluster.machines.start(id)
        cluster.machines.wait_until_ready(id)
        cluster.machines.reboot(id)
        cluster.machines.wait_until_ready(id)
        copy = cluster.machines.fork(id, "walk-0-2-19-fork")
        cluster.machines.wait_until_ready(copy.id)
        same(cluster.machines.exec(copy.id, "stat -c %s /app/large").stdout, f"{100 * MIB}\n", "a file in the fork")
        cluster.machines.delete(copy.id)


def rename(cluster, id):
    with step("another name, another idle timer"):
        name = cluster.machines.suggest_name()
        same(cluster.machines.rename(id, name), name, "the name it has now")
        cluster.machines.wait_until_ready(id)
        same(cluster.machines.get(name).id, id, "found by it")
        same(cluster.machines.exec(id, "uname -n").stdout, f"{name}\n", "its host name")
        same(cluster.machines.rename(id, "walk-0-2-19"), "walk-0-2-19", "the old name again")
        cluster.machines.set_auto_suspend_timeout(id, 600)
        same(cluster.machines.get(id).idle.suspend_after, 600, "its idle timer")


def destroy(cluster, id):
    with step("delete, twice, and what is unknown"):
        call = lambda: cluster.machines.create("walk-0-2-19")  # noqa: E731
        raises(boxd.ConflictError, 6, call, "a name that is taken")
        cluster.machines.delete(id)
        raises(boxd.NotFoundError, 5, lambda: cluster.machines.delete(id), "deleted twice")
        raises(boxd.NotFoundError, 5, lambda: cluster.machines.get(id), "getting it")
        same(cluster.machines.list(), [], "the list")


def api_keys(cluster):
    with step("API keys: made, exchanged, listed, deleted"):
        made = cluster.api_keys.create("for the walk", expires_in=3600)
        assert made.expires_at, f"when it expires: {made}"
        with Boxd(token=exchange(made.api_key)) as other:
            same(other.machines.list(), [], "a client with the new key")
            (listed,) = [key for key in cluster.api_keys.list() if key.id == made.id]
            same((listed.name, listed.expires_at), ("for the walk", made.expires_at), "what the list tells")
            assert made.api_key.startswith(listed.key_prefix) and listed.last_used_at, f"prefix and use: {listed}"
            cluster.api_keys.delete(made.id)
            raises(boxd.AuthenticationError, 16, other.machines.list, "a client whose key was deleted")
        same([key.id for key in cluster.api_keys.list() if key.id == made.id], [], "the list without it")
        raises(boxd.NotFoundError, 5, lambda: cluster.api_keys.delete(made.id), "deleted twice")


def exchange(key):
    answer = httpx.post(os.environ["BOXD_EXCHANGE_URL"], json={"api_key": key}, timeout=10)
    return answer.raise_for_status().json()["token"]


def until(output, mark):
    seen = b""
    while mark not in seen:
        seen += next(output)


if __name__ == "__main__":
    main()
