"""What the state file costs and gives: stored messages a second, others beside it, starts after a kill, memory, wear.

The gateway is the program that everybody runs. How long the disk takes to confirm is set from outside, by slow_disk.so
before its calls of fsync, so the machine's own disk is in none of these figures but wear, which waits for it as it is.
Files lie in the build folder; at the starts they are in the page cache, as after a kill and not as after a power cut.
"""
import contextlib
import os
import signal
import sqlite3
import tempfile
import time

from herd import Herd
from pair import Pair, measure, median, relative_cpu
from program import BUILD, PATIENCE

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = min(float(os.environ.get("BENCH_SECONDS", "5")), 5)
MODES = "aggregate", "transparent"
MANY = 10000
STATE_LINE = r"state: (\d+ clients and \d+ messages) of an earlier run"


def disk(fsync_ms):
    return {"LD_PRELOAD": f"{BUILD}/tests/bench/slow_disk.so", "FSYNC_MS": str(fsync_ms)}


class Kept(Pair):
    """A pair whose gateway has a state file, and can be killed and started again."""

    def __init__(self, kind, stub=(), env=None, **changes):
        self.folder = tempfile.TemporaryDirectory(dir=BUILD)
        try:
            super().__init__(kind, stub, env, state=os.path.join(self.folder.name, "state.db"), **changes)
        except Exception:
            self.folder.cleanup()
            raise

    def kill(self):
        self.under_test.child.kill()
        self.under_test.child.wait()

    def lose_broker(self):
        """Ends when the gateway has noticed."""
        self.stub.stop()
        self.under_test.wait_for(r"broker: .*; trying again")

    def restart(self):
        """Seconds until what an earlier run left is there, and what that was."""
        begun = time.monotonic()
        self.under_test = self.start_gateway()
        found = self.under_test.wait_for(STATE_LINE)
        return time.monotonic() - begun, found

    def size(self):
        """Octets of the file and of its log."""
        return sum(os.path.getsize(self.changes["state"] + ending) for ending in ("", "-wal"))

    def __exit__(self, *_):
        super().__exit__()
        self.folder.cleanup()


# ---- messages that are stored ---------------------------------------------------------------------------------------

UPLINK = ["--clients", 500, "--qos", 1, "--payload", 64]
BROKER_DIES = ["--die-after", 1]  # with the first message; the clients are connected by then
ROOM = 'uplink_queue: {bytes: "1GiB"}'
RETRY = 0.5  # seconds: what was on its way to the broker when it died is said again


def sample(k):
    """Now; messages that are on disk, by the newest one's number; CPU seconds of the loop and of the writer."""
    with contextlib.closing(sqlite3.connect(f"file:{k.changes['state']}?mode=ro", uri=True)) as file:
        rows = file.execute("SELECT max(row) FROM uplink").fetchone()[0] or 0
    cpu = []
    for thread in sorted(os.listdir(f"/proc/{k.under_test.pid}/task"), key=int):
        with open(f"/proc/{k.under_test.pid}/task/{thread}/schedstat") as f:
            cpu.append(int(f.read().split()[0]) / 1e9)
    return time.monotonic(), rows, cpu


def stored_by(mode, fsync_ms):
    """Messages a second, and what each cost the loop and the writer, in µs, once all have found the broker gone."""
    with Kept(mode, BROKER_DIES, disk(fsync_ms), limits=ROOM) as k:
        with k.bench("--seconds", 60, "--retry", RETRY, *UPLINK, "uplink") as load:
            k.stub.child.wait(PATIENCE)
            time.sleep(2 * RETRY)
            before = sample(k)
            time.sleep(SECONDS)
            after = sample(k)
            load.terminate()
        count = after[1] - before[1]
        return [count / (after[0] - before[0])] + [(b - a) / count * 1e6 for a, b in zip(before[2], after[2])]


def stored(table):
    """500 nodes, each of which says the next when the last is acknowledged; nothing leaves."""
    for mode in MODES:
        for fsync_ms in 0, 5, 50:
            runs = [stored_by(mode, fsync_ms) for _ in range(ROUNDS)]
            rate, loop, writer = (median(figures) for figures in zip(*runs))
            table.plain(f"QoS 1 stored, {mode}, broker away, 500 nodes, fsync {fsync_ms} ms", f"{rate:,.0f} msg/s",
                        f"a message of each node in {500 / rate * 1000:.1f} ms; CPU of a message: loop {loop:.1f} µs, "
                        f"writer {writer:.1f} µs")


# ---- others beside it -----------------------------------------------------------------------------------------------

SLEEPERS = 500
BESIDE_ROUNDS = 6 + 2 * ROUNDS
QOS_0 = ["--clients", 100, "--rate", 5000, "--seconds", 0.5, "--drain", 0.1, "uplink"]


def put_to_sleep(herd, topic):
    """All are asleep; then one more subscription sets the stub off, which publishes when it has one more than nodes."""
    herd.connect()
    herd.subscribe(topic)
    herd.sleep()
    with Herd(herd.socket.getpeername()[1], 1, "trigger") as one:
        one.connect()
        one.subscribe(lambda n: "trigger")
        one.sleep()


def latency_beside(mode, qos, fsync_ms):
    """p99 of others' QoS 0 in µs, and how many messages went to the disk meanwhile."""
    options = ["--publish-rate", 2000, "--publish-size", 64, "--publish-qos", qos, "--publish-after", SLEEPERS + 1]
    with Kept(mode, options, disk(fsync_ms), forwarders="true") as k, Herd(k.under_test.port, SLEEPERS) as herd:
        put_to_sleep(herd, lambda n: f"herd/{n}")
        before = k.counts()["acknowledged"]
        counts = k.load(*QOS_0)["stub"]
        return counts["p99_ns"] / 1e3, counts["acknowledged"] - before


def lower_quartile(figures):
    return sorted(figures)[len(figures) // 4]


def beside(table):
    """The same traffic to sleepers at QoS 0, which stays in memory, and at QoS 1, which goes to the disk.

    What is the store's doing is in every round, a neighbour on the machine only in some, and it is tens of times as
    large: so the rounds are short and many, the lower quartiles are compared (the best would be a lucky one), and the
    medians are told."""
    for mode in MODES:
        idle, busy, kept = [], {5: [], 50: []}, {5: [], 50: []}
        for _ in range(BESIDE_ROUNDS):
            idle.append(latency_beside(mode, 0, 0)[0])
            for fsync_ms in busy:
                p99, count = latency_beside(mode, 1, fsync_ms)
                busy[fsync_ms].append(p99)
                kept[fsync_ms].append(count)
        usual = lower_quartile(idle)
        for fsync_ms, p99 in busy.items():
            table.at_most(f"QoS 0 of others beside a busy store, {mode}, fsync {fsync_ms} ms: p99 of latency", 1.5,
                          lower_quartile(p99) / usual, " × that with the store idle",
                          f"lower quartile of {BESIDE_ROUNDS} rounds {lower_quartile(p99):.0f} µs, idle {usual:.0f} "
                          f"µs (medians {median(p99):.0f} and {median(idle):.0f}); {median(kept[fsync_ms]):,.0f} "
                          "messages stored meanwhile")


# ---- nothing to store -----------------------------------------------------------------------------------------------

LIVE_ROUNDS = 3 + 2 * ROUNDS
LIVE = {0: ["--clients", 100, "--rate", 20000, "--payload", 32], 1: ["--clients", 100, "--qos", 1, "--payload", 32]}


def with_file(mode, *load):
    with Kept(mode) as k:
        return k.load(*load)


def costs_more(qos, with_it, without):
    """By how much; as everywhere, at QoS 0 both are divided by what the generator cost in the same run."""
    if qos == 0:
        return relative_cpu(with_it) / relative_cpu(without)
    return with_it["pid_cpu_us"] / without["pid_cpu_us"]


def hot_paths(table):
    """Live QoS 0 and 1 with a state file and without, in turn. A pair says little, ten per cent either way."""
    for mode in MODES:
        for qos, load in LIVE.items():
            load = ["--seconds", SECONDS, *load, "uplink"]
            pairs = [(with_file(mode, *load), measure(mode, *load)) for _ in range(LIVE_ROUNDS)]
            ratio = median([costs_more(qos, a, b) for a, b in pairs])
            table.at_most(f"QoS {qos} uplink, {mode}, live, with a state file: CPU per message", 1.1, ratio,
                          " × without one",
                          f"{median([a['pid_cpu_us'] for a, _ in pairs]):.2f} µs, without one "
                          f"{median([b['pid_cpu_us'] for _, b in pairs]):.2f} µs; {LIVE_ROUNDS} rounds")


# ---- starts ---------------------------------------------------------------------------------------------------------

QUEUE = 16 << 20


def fill(k):
    """16 MiB of topics and payloads; the broker dies with the first."""
    count = QUEUE // (64 + len("bench/250"))
    run = k.burden(*UPLINK, "--messages", count, "--retry", RETRY, "uplink")
    if run["acknowledged"] < count:
        raise RuntimeError(f"{run['acknowledged']} of {count} messages were taken")


def recovery(table):
    """Killed with a full uplink queue, and started again with the broker there."""
    for mode in MODES:
        with Kept(mode, BROKER_DIES, disk(0), limits=ROOM) as k:
            fill(k)
            octets, here, there, found = k.size(), [], [], []
            for _ in range(ROUNDS):
                k.kill()
                k.start_stub()
                begun = time.monotonic()
                seconds, left = k.restart()
                here.append(seconds)
                found.append(left)
                k.wait_for("publishes", 1, "no message came to the broker")
                there.append(time.monotonic() - begun)
                k.stub.stop()
        note = f"{found[0]}, {octets / (1 << 20):.1f} MiB of file and log"
        table.at_most(f"Start after a kill, {mode}, uplink queue of 16 MiB: all is there", 1, median(here), " s", note)
        table.at_most(f"Start after a kill, {mode}, uplink queue of 16 MiB: first message at the broker", 1,
                      median(there), " s")


def restart(table):
    """Ten thousand sessions that stay, each with five topics and two subscriptions."""
    for mode in MODES:
        with Kept(mode, env=disk(0), forwarders="true") as k:
            with Herd(k.under_test.port, MANY) as herd:
                herd.connect(flags=0)
                for i in range(5):
                    herd.register(lambda n: f"greenhouse/{n}/sensor/{i}")
                for i in range(2):
                    herd.subscribe(lambda n: f"greenhouse/{n}/command/{i}")
            octets, seconds, found = k.size(), [], ""
            for _ in range(ROUNDS):
                k.kill()
                passed, found = k.restart()
                seconds.append(passed)
            table.at_most(f"Start after a kill, {mode}, 10,000 sessions with 5 topics and 2 subscriptions", 1,
                          median(seconds), " s", f"{found}, {octets / (1 << 20):.1f} MiB of file and log")


# ---- memory and wear ------------------------------------------------------------------------------------------------

def memory(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("Rss:"))


def sleepers(table):
    """Ten thousand that sleep, with five messages of 64 octets waiting for each."""
    options = ["--publish-rate", 50000, "--publish-size", 64, "--publish-qos", 1, "--publish-after", MANY + 1,
               "--publish-each", 5]
    for mode in MODES:
        with Kept(mode, options, disk(0), forwarders="true") as k, Herd(k.under_test.port, MANY) as herd:
            before = memory(k.under_test.pid)
            put_to_sleep(herd, lambda n: f"herd/{n}")
            k.wait_for("acknowledged", 5 * MANY, "the messages were not taken")
            each = (memory(k.under_test.pid) - before) / MANY
        table.plain(f"10,000 sleeping clients, {mode}, 5 messages of 64 octets waiting: memory per client",
                    f"{each:,.0f} octets", "with the store's own")


WEAR_NODES, WEAR_TURNS, MESSAGE = 10, 500, 200


def written(pid):
    """Octets that were handed to the system, and octets of pages that it has to write for them."""
    with open(f"/proc/{pid}/io") as f:
        counts = dict(line.split(": ") for line in f)
    return int(counts["wchar"]), int(counts["write_bytes"])


def store_in_turns(k, herd):
    """Ten messages in each turn: the gateway is halted until all ten have been sent."""
    topics = herd.register(lambda n: f"greenhouse/{n}/temperature")
    payload = bytes(MESSAGE - len("greenhouse/0/temperature"))
    k.lose_broker()
    before = written(k.under_test.pid)
    for turn in range(WEAR_TURNS):
        os.kill(k.under_test.pid, signal.SIGSTOP)
        herd.publish(topics, turn + 1, payload, lambda: os.kill(k.under_test.pid, signal.SIGCONT))
    return before


def wear(table):
    """A broker that is away and a disk as it is: all that is written until the gateway has stopped in order."""
    with Kept("aggregate", forwarders="true") as k, Herd(k.under_test.port, WEAR_NODES) as herd:
        herd.connect()
        before = store_in_turns(k, herd)
        k.under_test.child.terminate()
        os.waitid(os.P_PID, k.under_test.pid, os.WEXITED | os.WNOWAIT)  # what it has written is known as long as it is
        octets, pages = (a - b for a, b in zip(written(k.under_test.pid), before))
    size = WEAR_NODES * WEAR_TURNS * MESSAGE
    table.at_most("Stored messages of 200 octets, 10 a turn: octets written, until the stop", 4, octets / size,
                  " × their size", "log, file and all, as handed to the system (wchar of /proc/PID/io)")
    table.plain("The same in whole pages of the system", f"{pages / size:.2f} × their size",
                "each commit confirms a last page of 4 KiB that is not full yet (write_bytes of /proc/PID/io)")
