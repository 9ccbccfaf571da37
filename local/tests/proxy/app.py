"""A server in a box. Says `up` once it listens; its argument is its name, the second one its port."""

import base64
import hashlib
import json
import select
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME, PORT = sys.argv[1], int(sys.argv[2])
# What one request waits for and another one tells.
told = {name: threading.Event() for name in ("asked", "next", "gone")}
blocked_after = []
blocked = threading.Event()


class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, body, status=200, **headers):
        body = body.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def begin(self, content_type="application/octet-stream"):
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def body(self):
        """The request's chunks as they come."""
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def do_POST(self):
        if self.path == "/echo":
            self.begin()
            for part in self.body():
                self.chunk(part)
            self.chunk(b"")
        elif self.path == "/count":
            self.answer(str(sum(len(part) for part in self.body())))
        elif self.path == "/next":
            told["next"].set()
            self.answer("")
        else:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.answer(f"{NAME} {self.path}")

    def do_GET(self):
        path = self.path.partition("?")[0]
        handler = getattr(self, "get_" + path.strip("/").replace("-", "_"), None)
        if handler:
            handler()
        else:
            self.answer(f"{NAME} {self.path}")

    do_HEAD = do_GET

    def get_headers(self):
        heads = [[name.lower(), value] for name, value in self.headers.items()]
        self.answer(json.dumps(heads), Keep_Alive="timeout=5", X_Own="1")

    def get_events(self):
        self.begin("text/event-stream")
        self.chunk(b"data: one\n\n")
        told["next"].wait()
        self.chunk(b"data: two\n\n")
        self.chunk(b"")

    def get_forever(self):
        """Sends until nobody listens."""
        self.begin()
        try:
            while True:
                self.chunk(b"x" * 1024)
        except OSError:
            told["gone"].set()

    def get_silence(self):
        """Answers nothing, and notices when nobody waits any more."""
        told["asked"].set()
        self.connection.recv(1)
        told["gone"].set()

    def get_asked(self):
        self.answer(str(told["asked"].wait(30)))

    def get_gone(self):
        self.answer(str(told["gone"].wait(30)))

    def get_flood(self):
        """Sends until the other side takes no more, then tells how much went out."""
        self.begin()
        sent = 0
        self.connection.setblocking(False)
        data = b"%x\r\n%s\r\n" % (65536, b"x" * 65536)
        while select.select([], [self.connection], [], 2)[1]:
            try:
                sent += self.connection.send(data)
            except BlockingIOError:
                pass
        blocked_after.append(sent)
        blocked.set()
        self.close_connection = True

    def get_blocked(self):
        blocked.wait(60)
        self.answer(str(blocked_after[0]))

    def get_short(self):
        """Promises more than it sends."""
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"ten bytes.")
        self.close_connection = True

    def get_garbage(self):
        self.wfile.write(b"This is no HTTP.\r\n\r\n")
        self.close_connection = True

    def get_unasked(self):
        self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        self.close_connection = True

    def get_old(self):
        """As servers of HTTP/1.0 do: the end of the connection is the end of the answer."""
        self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\nold")
        self.close_connection = True

    def get_ws(self):
        """Echoes WebSocket messages, as RFC 6455 has them, until the client closes."""
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "websocket")
        self.send_header("Sec-WebSocket-Accept", accept)
        self.end_headers()
        self.close_connection = True
        while True:
            first, second = self.rfile.read(2)
            size = second & 127
            if size > 125:
                size = int.from_bytes(self.rfile.read(2 if size == 126 else 8), "big")
            mask = self.rfile.read(4)
            whole = (mask * (size // 4 + 1))[:size]
            data = self.rfile.read(size)
            data = (int.from_bytes(data, "big") ^ int.from_bytes(whole, "big")).to_bytes(size, "big")
            opcode = first & 15
            reply = {9: 10}.get(opcode, opcode)
            if size < 126:
                head = struct.pack(">BB", first & 240 | reply, size)
            elif size < 65536:
                head = struct.pack(">BBH", first & 240 | reply, 126, size)
            else:
                head = struct.pack(">BBQ", first & 240 | reply, 127, size)
            self.wfile.write(head + data)
            if opcode == 8:
                return


server = ThreadingHTTPServer(("127.0.0.1", PORT), App)
server.daemon_threads = True
print("up", flush=True)
server.serve_forever()
