"""What an account has besides the life of a box, as the clients of the seed and of 0.1.9 see it alike."""

import http.client
import os
import time
import urllib.parse

import boxd
from boxd import BoxConfig, Compute

from checks import contains, eventually, raises, same, step

SITE = "mkdir -p /tmp/site && echo 'port {port}' > /tmp/site/{port} && cd /tmp/site && setsid python3 -m http.server {port} --bind 127.0.0.1 </dev/null >/dev/null 2>&1 &"


def walk(compute, box):
    """Needs a box that runs, and leaves it as it was."""
    proxies(compute, box)
    domains(compute, box)
    templates(compute)
    disks(compute, box)
    networks(compute)
    tokens(compute)


def proxies(compute, box):
    with step("proxies: the default one, a named one, their ports, HTTP through both"):
        for port in (3000, 3001):
            box.exec("sh", "-c", SITE.format(port=port))
        (default,) = box.proxies()
        same((default.name, default.vm_name, default.is_default), ("", box.name, True), "the default proxy")
        box.set_proxy_port(port=3000)
        made = box.create_proxy("api", port=3001)
        same((made.name, made.vm_name, made.port), ("api", box.name, 3001), "a named one")
        contains(made.domain, f"api.{box.name}.", "its domain")
        shown = {proxy.name: (proxy.port, proxy.is_default, proxy.domain) for proxy in box.proxies()}
        same(shown, {"": (3000, True, default.domain), "api": (3001, False, made.domain)}, "the list")
        eventually(lambda: get(default.domain, "/3000") == "port 3000\n", "a page by the box's name")
        eventually(lambda: get(made.domain, "/3001") == "port 3001\n", "a page by the proxy's name")
        box.set_proxy_port(port=3000, name="api")
        same(get(made.domain, "/3000"), "port 3000\n", "a page by the proxy's name, its port changed")
        call = lambda: box.create_proxy("api", port=1)  # noqa: E731
        raises(boxd.InvalidArgumentError, 6, call, "a proxy that is there already")
        box.delete_proxy("api")
        same([proxy.name for proxy in box.proxies()], [""], "the list without it")
        raises(boxd.NotFoundError, 5, lambda: box.delete_proxy("api"), "deleted twice")


def domains(compute, box):
    with step("domains: bound, listed, HTTP through one, unbound"):
        compute.domain.bind("app.example.com", box)
        same([(one.domain, one.vm_id) for one in compute.domain.list()], [("app.example.com", box.id)], "the list")
        same(get("app.example.com", "/3000"), "port 3000\n", "a page by the domain")
        again = lambda: compute.domain.bind("app.example.com", box)  # noqa: E731
        raises(boxd.InvalidArgumentError, 6, again, "a domain that is bound already")
        compute.domain.unbind("app.example.com")
        same(compute.domain.list(), [], "the list without it")
        raises(boxd.NotFoundError, 5, lambda: compute.domain.unbind("app.example.com"), "unbound twice")


def templates(compute):
    with step("templates: made, listed, a box from one, deleted"):
        config = BoxConfig(vcpu=2, memory="4G")
        made = compute.template.create(name="t1", image="ghcr.io/org/img:tag", config=config)
        assert made.id and made.status, f"the answer has both: {made}"
        (listed,) = compute.template.list()
        same((listed.id, listed.name, listed.image), (made.id, "t1", "ghcr.io/org/img:tag"), "the list")
        same((listed.vcpu, listed.memory_bytes), (2, 4 << 30), "its sizes")
        for template, name in ((made, "from-t"), (made.id, "from-id")):
            box = compute.template.create_vm(template=template, name=name)
            same(box.exec("uname", "-n").stdout, f"{name}\n", "a box from it")
            box.destroy()
        again = lambda: compute.template.create(name="t1")  # noqa: E731
        raises(boxd.InvalidArgumentError, 6, again, "a name that is taken")
        compute.template.delete(made.id)
        same(compute.template.list(), [], "the list without it")
        raises(boxd.NotFoundError, 5, lambda: compute.template.delete(made.id), "deleted twice")


def disks(compute, box):
    with step("disks: attached to a running box, written, detached, read-only elsewhere"):
        disk = compute.disk.create("data", size="10G")
        same((disk.name, disk.size_bytes), ("data", 10 << 30), "what it is")
        same([(one.id, one.size_bytes) for one in compute.disk.list()], [(disk.id, 10 << 30)], "the list")
        disk.attach(box, mount_path="/mnt/data")
        box.write_file("content", "/mnt/data/file")
        same(box.exec("cat", "/mnt/data/file").stdout, "content", "a file on it")
        error = raises(boxd.BoxdError, 9, disk.destroy, "an attached disk destroyed")
        contains(str(error), box.name, "the error names the box")
        disk.detach(box)
        assert not box.exec("test", "-e", "/mnt/data/file").success, "the disk is out of the box"
        other = compute.box.create(name="reader")
        disk.attach(other, mount_path="/mnt/data", read_only=True)
        same(other.exec("cat", "/mnt/data/file").stdout, "content", "the file in another box")
        refused = other.exec("sh", "-c", "(echo x > /mnt/data/file) 2>/dev/null; cat /mnt/data/file")
        same(refused.stdout, "content", "the file on a read-only disk")
        other.destroy()
        disk.attach(box.id, mount_path="/mnt/data")
        disk.detach(box.id)
        disk.destroy()
        same(compute.disk.list(), [], "the list without it")
        raises(boxd.NotFoundError, 5, disk.destroy, "destroyed twice")
        raises(boxd.NotFoundError, 5, lambda: disk.attach(box, mount_path="/mnt/data"), "attached after that")


def networks(compute):
    with step("networks: made with and without a name, listed with the default one"):
        made = [compute.network.create(), compute.network.create(name="staging")]
        listed = {network.id: network for network in compute.network.list()}
        for id in (compute.whoami().default_network_id, *(network.id for network in made)):
            assert listed[id].subnet and listed[id].status, f"subnet and status: {listed[id]}"
        same(len({network.subnet for network in listed.values()}), 3, "subnets")


def tokens(compute):
    with step("tokens: the server's default life, the round trip, expired at once"):
        default = compute.token.create()
        assert 86_300 < default.expires_at - time.time() <= 86_401, f"in a day: {default.expires_at}"
        key = os.environ.pop("BOXD_API_KEY")
        try:
            with Compute(token=default.token) as other:
                short = other.token.create(expires_in=1)
                same(other.whoami().user_id, compute.whoami().user_id, "who the holder of a token is")
            with Compute(token=short.token) as other:
                eventually(lambda: refused(other), "the end of a token that lives for a second")
        finally:
            os.environ["BOXD_API_KEY"] = key
        for listed in compute.token.list():
            compute.token.revoke(listed.jti)
        same(compute.token.list(), [], "the list without them")
        raises(boxd.NotFoundError, 5, lambda: compute.token.revoke("tok-none"), "revoking what is not there")


def refused(compute):
    try:
        compute.whoami()
        return False
    except boxd.AuthenticationError as error:
        contains(str(error), "expired", "the error")
        return True


def get(host, path):
    """A page of that host, by way of the cluster's web port; nothing where there is none."""
    web = urllib.parse.urlsplit(os.environ["BOXD_EXCHANGE_URL"])
    connection = http.client.HTTPConnection(web.hostname, web.port, timeout=30)
    try:
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        body = answer.read().decode()
        return body if answer.status == 200 else None
    finally:
        connection.close()
