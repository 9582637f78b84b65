"""Follows the stream with sseclient-py, and prints each article as JSON with the id of its event.

usage: sse_library.py URL COUNT [LAST_EVENT_ID]
"""

import json
import sys

import requests
import sseclient

url, count = sys.argv[1], int(sys.argv[2])
headers = {"Accept": "text/event-stream"}
if len(sys.argv) > 3:
    headers["Last-Event-ID"] = sys.argv[3]
# The timeout is that of a silence.
with requests.get(url, headers=headers, stream=True, timeout=(5, 30)) as answer:
    answer.raise_for_status()
    for event in sseclient.SSEClient(answer).events():
        if event.event != "article":
            continue
        print(json.dumps({"id": event.id, "article": json.loads(event.data)}), flush=True)
        count -= 1
        if count == 0:
            break
