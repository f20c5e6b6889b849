# SPDX-License-Identifier: BSD-2-Clause
"""Python's threads: locks, conditions, queues, pools, timers, a signal to the main thread, sockets between threads."""
import queue
import signal
import socket
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

lock, total = threading.Lock(), 0


def adds(n):
    global total
    for _ in range(500):
        with lock:
            total += n


threads = [threading.Thread(target=adds, args=(n,), name=f"adder-{n}") for n in range(40)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print("sum", total)

work, done = queue.Queue(maxsize=4), []


def works():
    while (item := work.get()) is not None:
        done.append(item * item)
        work.task_done()


workers = [threading.Thread(target=works) for _ in range(6)]
for t in workers:
    t.start()
for n in range(500):
    work.put(n)
work.join()
for _ in workers:
    work.put(None)
for t in workers:
    t.join()
print("queue", len(done), sum(done))

# zlib lets go of the interpreter's lock: these run at once where there are CPUs.
with ThreadPoolExecutor(4) as pool:
    print("pool", list(pool.map(lambda n: zlib.crc32(zlib.compress(bytes([n]) * 400000)), range(8))))

turn = threading.Condition()
order = []


def takes_turns(mine):
    for _ in range(100):
        with turn:
            turn.wait_for(lambda: len(order) % 3 == mine)
            order.append(mine)
            turn.notify_all()


threads = [threading.Thread(target=takes_turns, args=(n,)) for n in range(3)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print("turns", order == [0, 1, 2] * 100)

ours, theirs = socket.socketpair()


def echoes():
    while data := theirs.recv(4096):
        theirs.sendall(data.upper())
    theirs.close()


echo = threading.Thread(target=echoes)
echo.start()
ours.sendall(b"hello " * 100)
ours.shutdown(socket.SHUT_WR)
got = b""
while data := ours.recv(100):
    got += data
echo.join()
print("echo", len(got), got[:6])

caught = []
signal.signal(signal.SIGALRM, lambda number, frame: caught.append(threading.current_thread().name))
signal.setitimer(signal.ITIMER_REAL, 0.01)
while not caught:
    time.sleep(0.001)
print("signal", caught)

event, late = threading.Event(), []
timer = threading.Timer(0.02, event.set)
timer.start()
print("event", event.wait(100), event.wait(0))
barrier = threading.Barrier(5)
ranks = []
threads = [threading.Thread(target=lambda: ranks.append(barrier.wait())) for _ in range(5)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print("barrier", sorted(ranks), threading.active_count())
raise SystemExit(7)
