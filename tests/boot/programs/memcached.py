# SPDX-License-Identifier: BSD-2-Clause
"""A cache on a socket with a name, and clients in threads."""

import os
import signal
import socket
import subprocess
import threading
import time

PATH = "/tmp/cache.sock"
# In the oracle's namespace it may not change its groups, and says so.
server = subprocess.Popen(["memcached", "-u", "root", "-s", PATH, "-t", "2", "-m", "8"], stderr=subprocess.DEVNULL)
while True:
    try:
        probe = socket.socket(socket.AF_UNIX)
        probe.connect(PATH)
        break
    except OSError:
        time.sleep(0.05)
print("mode", oct(os.stat(PATH).st_mode))


def ask(link, words, data=None):
    link.sendall(words.encode() + b"\r\n" + (data + b"\r\n" if data is not None else b""))


def client(number, results):
    link = socket.socket(socket.AF_UNIX)
    link.connect(PATH)
    lines = link.makefile("rb")
    for i in range(100):
        value = bytes([65 + number]) * (10 * i + 1)
        ask(link, f"set k{number}.{i} 0 0 {len(value)}", value)
        assert lines.readline() == b"STORED\r\n"
    total = 0
    for i in range(100):
        ask(link, f"get k{number}.{i}")
        header = lines.readline().split()
        total += len(lines.read(int(header[3]) + 2)) - 2
        assert lines.readline() == b"END\r\n"
    ask(link, "set n 0 0 1", b"0")
    lines.readline()
    results[number] = total
    link.close()


results = {}
threads = [threading.Thread(target=client, args=(n, results)) for n in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sorted(results.items()))
lines = probe.makefile("rb")
for _ in range(50):
    ask(probe, "incr n 3")
    answer = lines.readline()
print(answer)
ask(probe, "stats")
stats = {}
while (line := lines.readline()) != b"END\r\n":
    _, key, value = line.split(b" ", 2)
    stats[key.decode()] = value.strip().decode()
print({key: stats[key] for key in ("threads", "cmd_set", "cmd_get", "get_hits", "total_items")})
probe.close()
server.send_signal(signal.SIGTERM)
print("ended", server.wait())
