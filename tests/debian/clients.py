"""Clients of the daemon that go on while it is restarted and replaced, and keep account of what became of them."""

import http.client, json, threading

PATIENCE_S = 30


def get(path, address=("127.0.0.1", 8080), token=None):
    """The status, and the body: as JSON where it is."""
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE_S)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        body = answer.read()
        is_json = "json" in (answer.getheader("content-type") or "")
        return answer.status, json.loads(body) if is_json else body.decode()
    finally:
        connection.close()


class Client(threading.Thread):
    def __init__(self):
        super().__init__(daemon=True)
        self.refused, self.cut, self.wrong, self.ended = 0, 0, [], threading.Event()

    def run(self):
        while not self.ended.is_set():
            try:
                self.ask()
            except ConnectionRefusedError:
                self.refused += 1
            except (OSError, http.client.HTTPException):
                # By a daemon that left while it was asked.
                self.cut += 1

    def end(self):
        self.ended.set()
        self.join()


class Follower(Client):
    """Follows the stream by long polls, each on a connection of its own."""

    def __init__(self):
        super().__init__()
        self.seqs, self.cursor = [], "0"

    def ask(self):
        status, page = get(f"/news/stream?after={self.cursor}&wait=1&limit=500")
        if status != 200:
            self.wrong.append((status, page))
            self.ended.set()
            return
        self.seqs += [article["seq"] for article in page["articles"]]
        self.cursor = page["cursor"]


class Knocker(Client):
    """Asks whether anybody is there, a hundred times a second."""

    def __init__(self):
        super().__init__()
        self.answered, self.longest_s = 0, 0.0

    def ask(self):
        status, _ = get("/health/live")
        self.answered += status == 200
        self.ended.wait(0.01)
