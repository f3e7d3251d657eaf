"""A WSGI application that waits and computes as its query says: /?wait=MICROSECONDS&compute=..."""

import time
from urllib.parse import parse_qs


def app(environ, start_response):
    query = parse_qs(environ.get("QUERY_STRING", ""))
    wait, compute = (int(query.get(name, ["0"])[0]) / 1e6 for name in ("wait", "compute"))
    time.sleep(wait)
    end = time.thread_time() + compute
    while time.thread_time() < end:
        pass
    body = b"done\n"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
