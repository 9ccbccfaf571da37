"""The current published client, boxd 0.2.19, walks through what the local cluster has.

Reads the cluster from BOXD_API_URL and BOXD_API_KEY, as the client itself does. It takes no address of the
token exchange but derives it from the API's.
"""

import asyncio
import hashlib
import os
import socket

import boxd
from boxd import AsyncBoxd, Boxd, ProxyEntry, VolumeMount

from checks import contains, eventually, raises, same, step

EVERY_BYTE = bytes(range(256))
MIB = 1 << 20


def main():
    with Boxd() as cluster:
        machine = create(cluster)
        execute(cluster, machine.id)
        stream(cluster, machine.id)
        files(cluster, machine.id)
        folders(cluster, machine.id)
        logs(cluster, machine.id)
        ports(cluster, machine)
        routes(cluster, machine)
        disks(cluster, machine)
        by_name(cluster, machine)
        lifecycle(cluster, machine.id)
        rest(cluster, machine.id)
        rename(cluster, machine.id)
        asyncio.run(in_async_code(machine))
        absent(cluster, machine.id)
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


def ports(cluster, machine):
    on = cluster.machines.ports
    with step("ports: exposed, reached, listed, ended"):
        serve(cluster, machine.id, 7000)
        made = on.expose(machine.id, 7000)
        same((made.machine_id, made.machine_name, made.machine_port), (machine.id, machine.name, 7000), "what it is")
        same(made.protocol, "tcp", "its protocol")
        eventually(lambda: ask(made) == b"from 7000", "what the box's server says")
        for key in (None, machine.id, machine.name):
            same(on.list(key), [made], f"list({key!r})")
        again = on.expose(machine.id, 7000, protocol="both")
        same((again.public_port, again.protocol), (made.public_port, "both"), "exposed again")
        same(on.unexpose(machine.id, 7000), again, "what was ended")
        same(on.list(), [], "the list without it")
        raises(boxd.NotFoundError, 5, lambda: on.unexpose(machine.id, 7000), "ended twice")
        raises(boxd.APIStatusError, 3, lambda: on.expose(machine.id, 70000), "no port at all")


def routes(cluster, machine):
    on = cluster.machines.proxies
    with step("proxies and custom domains, by the machine's name and id"):
        same(on.create(machine.name, "api", 3001).port, 3001, "the port of a named one")
        on.set_port(machine.name, 3000)
        for key in (machine.id, machine.name):
            shown = {proxy.name: (proxy.port, proxy.port_mode, proxy.is_default) for proxy in on.list(key)}
            same(shown, {None: (3000, "locked", True), "api": (3001, "locked", False)}, f"list({key!r})")
        on.set_port(machine.name, "auto")
        same([proxy.port_mode for proxy in on.list(machine.id) if proxy.is_default], ["auto"], "an automatic one")
        on.delete(machine.name, "api")
        raises(boxd.NotFoundError, 5, lambda: on.delete(machine.name, "api"), "deleted twice")
        bound = cluster.domains.create("app.example.com", machine.id)
        same((bound.domain, bound.machine_id), ("app.example.com", machine.id), "a domain")
        same(cluster.domains.list(), [bound], "the list")
        cluster.domains.delete("app.example.com")
        same(cluster.domains.list(), [], "the list without it")


def disks(cluster, machine):
    with step("disks: attached to a running machine and made with one, one machine at a time"):
        disk = cluster.disks.create("data", "10G")
        same((disk.name, disk.size_bytes, disk.status), ("data", 10 << 30, "ready"), "what it is")
        cluster.disks.attach(disk.id, machine.id, "/mnt/data", read_only=True)
        (listed,) = cluster.disks.list()
        (at,) = listed.attachments
        same((at.machine_id, at.machine_name), (machine.id, machine.name), "where it is")
        same((at.mount_path, at.mount_mode), ("/mnt/data", "ro"), "and how")
        assert listed.created_at, f"when it was made: {listed}"
        assert cluster.machines.exec(machine.id, "touch /mnt/data/x").exit_code != 0, "a write to it"
        again = lambda: cluster.disks.attach(disk.id, machine.id, "/mnt/data")  # noqa: E731
        raises(boxd.ConflictError, 9, again, "attached twice")
        raises(boxd.ConflictError, 9, lambda: cluster.disks.delete(disk.id), "deleted while attached")
        cluster.disks.detach(disk.id, machine.id)
        volumes = [VolumeMount(disk_id=disk.id, mount_path="/srv/data", read_only=False)]
        other = cluster.machines.create("with-disk", volumes=volumes, proxies=[ProxyEntry(name="api", port=3001)])
        cluster.machines.wait_until_ready(other.id)
        same(cluster.machines.exec(other.id, "echo x > /srv/data/x && cat /srv/data/x").stdout, "x\n", "a write")
        same([proxy.name for proxy in cluster.machines.proxies.list(other.id)], [None, "api"], "its proxies")
        cluster.machines.delete(other.id)
        cluster.disks.delete(disk.id)
        same(cluster.disks.list(), [], "the list without it")
        raises(boxd.NotFoundError, 5, lambda: cluster.disks.delete(disk.id), "deleted twice")


def by_name(cluster, machine):
    with step("a machine's name does wherever its id does"):
        on, name = cluster.machines, machine.name
        same(on.exec(name, "echo hi").stdout, "hi\n", "exec")
        on.files.upload(name, "/tmp/named", b"text")
        same(on.files.download(name, "/tmp/named"), b"text", "files")
        assert on.files.list_dir(name, "/tmp").entries, "a folder"
        assert b"main started\n" in b"".join(on.logs(name)), "logs"
        on.set_auto_suspend_timeout(name, 0)
        on.pause(name)
        on.resume(name)
        disk = cluster.disks.create("named", "1G")
        cluster.disks.attach(disk.id, name, "/mnt/named")
        cluster.disks.detach(disk.id, name)
        cluster.disks.delete(disk.id)


def rest(cluster, id):
    on = cluster.machines
    with step("hibernate and wake; an idle machine rests by itself and wakes when it is used"):
        on.hibernate(id)
        found = on.get(id)
        same(found.status, "hibernated", "its status")
        assert found.hibernated_at, "since when"
        on.wake(id)
        found = on.get(id)
        same((found.status, found.hibernated_at), ("running", None), "its status, awake")
        on.set_auto_suspend_timeout(id, 1)
        eventually(lambda: on.get(id).status == "suspended", "it is suspended")
        on.set_auto_hibernate_timeout(id, 1)
        eventually(lambda: on.get(id).status == "hibernated", "it is hibernated")
        same((on.get(id).idle.suspend_after, on.get(id).idle.hibernate_after), (1, 1), "its timers")
        same(on.exec(id, "echo awake").stdout, "awake\n", "a command wakes it")
        on.set_auto_suspend_timeout(id, 0)
        on.set_auto_hibernate_timeout(id, 0)
        on.resume(id)
        same(on.get(id).status, "running", "its status without timers")


async def in_async_code(machine):
    with step("the client's async form: 20 commands at once"):
        async with AsyncBoxd() as cluster:
            await cluster.account.get()  # One exchange of the key for all that follows.
            commands = (cluster.machines.exec(machine.id, f"sleep 0.2; echo {n}") for n in range(20))
            results = await asyncio.gather(*commands)
            same([result.stdout for result in results], [f"{n}\n" for n in range(20)], "their outputs")


def absent(cluster, id):
    with step("what a local cluster does not have says so by name"):
        for name, call in {
            "ListSnapshots": cluster.snapshots.list,
            "ListOrgs": cluster.orgs.list,
            "ResizeVm": lambda: cluster.machines.resize(id, vcpu=2),
        }.items():
            error = raises(boxd.APIStatusError, 12, call, name)
            same(error.code, "unimplemented", f"{name}: the code's name")
            contains(str(error), name, "the error")


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
        with Boxd(api_key=made.api_key) as other:
            same(other.machines.list(), [], "a client with the new key")
            (listed,) = [key for key in cluster.api_keys.list() if key.id == made.id]
            same((listed.name, listed.expires_at), ("for the walk", made.expires_at), "what the list tells")
            assert made.api_key.startswith(listed.key_prefix) and listed.last_used_at, f"prefix and use: {listed}"
            cluster.api_keys.delete(made.id)
            raises(boxd.AuthenticationError, 16, other.machines.list, "a client whose key was deleted")
        same([key.id for key in cluster.api_keys.list() if key.id == made.id], [], "the list without it")
        raises(boxd.NotFoundError, 5, lambda: cluster.api_keys.delete(made.id), "deleted twice")


def serve(cluster, id, port):
    """A server in the machine that says which port it is on."""
    script = (
        "import socketserver\n"
        "class Handler(socketserver.BaseRequestHandler):\n"
        f"    def handle(self): self.request.sendall(b'from {port}')\n"
        f"socketserver.TCPServer(('127.0.0.1', {port}), Handler).serve_forever()\n"
    )
    cluster.machines.files.upload(id, "/tmp/server.py", script)
    cluster.machines.exec(id, "setsid python3 /tmp/server.py </dev/null >/dev/null 2>&1 &")


def ask(port):
    """What a server says to whoever connects; nothing when nobody is there."""
    try:
        with socket.create_connection((port.dns, port.public_port), timeout=30) as connection:
            return b"".join(iter(lambda: connection.recv(4096), b""))
    except ConnectionError:
        return None


def until(output, mark):
    seen = b""
    while mark not in seen:
        seen += next(output)


if __name__ == "__main__":
    main()
