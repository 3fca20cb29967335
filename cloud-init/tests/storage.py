"""Cloud Storage as a guest sees it: upload sessions and downloads, which break off when told to."""

import base64
import hashlib
import http.server
import json
import socket
import threading
import time

TOKEN = "object-token-canary"


class Storage(http.server.ThreadingHTTPServer):
    """One object. `faults` are what happens to the next requests: a status, `cut` after a part of the body,
    or `keep` of a part of it; then all is well."""

    daemon_threads = True

    def __init__(self, content=None):
        super().__init__(("127.0.0.1", 8080), Handler)
        self.content, self.parts, self.faults, self.requests, self.generation, self.slow = content, bytearray(), [], [], "1", 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """A client that was killed, mostly."""

    upload = "http://127.0.0.1:8080/upload/storage/v1/b/b/o?uploadType=resumable&upload_id=session-canary"
    object = "http://127.0.0.1:8080/storage/v1/b/b/o/o?alt=media"

    def close(self):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def fault(self):
        self.server.requests.append((self.command, dict(self.headers)))
        return self.server.faults.pop(0) if self.server.faults else None

    def do_PUT(self):
        store, fault = self.server, self.fault()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        span, _, total = self.headers["Content-Range"].removeprefix("bytes ").partition("/")
        if isinstance(fault, int):
            return self.answer(fault)
        if fault == "cut":
            return self.connection.shutdown(socket.SHUT_RDWR)
        if store.content is None and body:
            first = int(span.partition("-")[0])
            assert first <= len(store.parts), "a gap"
            assert total != "*" or fault or len(body) % (256 << 10) == 0, "Google takes whole pieces only"
            if fault == "keep":
                body = body[: 256 << 10]
            store.parts[first:] = body
            time.sleep(store.slow)
        if total != "*" and len(store.parts) == int(total):
            store.content = bytes(store.parts)
            if fault == "lose":  # the answer alone
                return self.connection.shutdown(socket.SHUT_RDWR)
        if store.content is not None:
            md5 = base64.b64encode(hashlib.md5(store.content).digest()).decode()
            return self.answer(200, json.dumps({"size": str(len(store.content)), "md5Hash": md5, "crc32c": "AAAAAA=="}).encode())
        return self.answer(308, headers={"Range": f"bytes=0-{len(store.parts) - 1}"} if store.parts else {})

    def do_DELETE(self):
        self.fault()
        self.server.parts = None
        self.answer(499)

    def do_GET(self):
        store, fault = self.server, self.fault()
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            return self.answer(401)
        if isinstance(fault, int):
            return self.answer(fault)
        if fault == "replace":
            store.generation = "2"
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        body = store.content[start:]
        md5 = base64.b64encode(hashlib.md5(store.content).digest()).decode()
        if fault == "damage":
            body = body[:-1] + bytes([body[-1] ^ 1])
        headers = {"x-goog-hash": f"crc32c=AAAAAA==,md5={md5}", "x-goog-generation": store.generation}
        self.answer(206 if start else 200, body, headers, cut=len(body) // 3 if fault == "cut" else None)

    def answer(self, status, body=b"", headers=None, cut=None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:cut])
        if cut is not None:
            self.wfile.flush()
            self.close_connection = True

    def log_message(self, *_):
        pass
