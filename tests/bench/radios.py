"""The ZigBee figures of make bench: each driver against a simulated stick on a paced pseudo-terminal.

The line is what limits: 921,600 bits a second, ten of them for an octet, no delay in the air. radio-sim paces both
directions as a UART would and holds its nodes back when the line is full, so what is measured is whether the gateway
keeps the line full. A message is judged by the octets that it must take on the line; deCONZ hands a frame over only when
it is asked for it, so there the question counts too.
"""
import os
import subprocess
import tempfile
import time

from program import BUILD, PATIENCE, Program

DRIVERS = "xbee", "znp", "ezsp", "deconz"
OCTETS_PER_SECOND = 92160
SECONDS = float(os.environ.get("BENCH_SECONDS", "5"))

SETTINGS = """
gateway: {{id: 1, name: bench, advertise: "0s", status: false, state: ""}}
radios: [{{name: field, driver: {driver}, port: "{port}", baud: 921600}}]
broker: {{url: "mqtt://127.0.0.1:{broker}", mode: aggregate}}
topics: {{"*": {{1: bench/data}}}}
limits: {{retry: {{interval: "{retry}", count: 5}}}}
admin: {{listen: ""}}
log: {{level: info}}
"""


class Field:
    """Mosquitto with a listener, a simulated stick with its nodes, and the gateway between them."""

    def __init__(self, driver, *options, retry="10s"):
        self.folder = tempfile.TemporaryDirectory()
        self.stick_path = os.path.join(self.folder.name, "stick")
        self.children = []
        try:
            self.start(driver, options, retry)
        except Exception:
            self.__exit__()
            raise

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def run(self, command, said, **files):
        self.children.append(Program(command, said, **files))
        return self.children[-1]

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)
        return self.path(name)

    def start_broker(self):
        for _ in range(5):
            port = 20000 + int.from_bytes(os.urandom(2), "big") % 10000
            file = self.write("mosquitto.conf", f"listener {port} 127.0.0.1\nallow_anonymous true\n")
            try:
                self.broker = self.run(["mosquitto", "-c", file], " running")
                return port
            except RuntimeError:
                continue  # that port was taken
        raise RuntimeError("mosquitto does not start")

    def start(self, driver, options, retry):
        os.environ["PATH"] += ":/usr/sbin"
        port = self.start_broker()
        self.heard = open(self.path("heard"), "w+")
        self.listener = subprocess.Popen(["mosquitto_sub", "-h", "127.0.0.1", "-p", str(port), "-q", "1", "-F",
                                          "%U %p", "-t", "bench/#", "-t", "sim/#"], stdout=self.heard)
        self.stick = self.run([f"{BUILD}/radio-sim", "--driver", driver, "--port", self.stick_path, "--formed",
                               "--baud", "921600", "--stay", *map(str, options)], "ready ", stdin=subprocess.PIPE)
        file = self.write("gateway.yaml", SETTINGS.format(driver=driver, port=self.stick_path, broker=port,
                                                          retry=retry))
        self.gateway = self.run([f"{BUILD}/mqttsn-gateway", "--config", file], "radio field: up: ")

    def tell(self, command):
        """A command to the stick; its answer, and when it came."""
        seen = len(self.stick.text())
        self.stick.child.stdin.write(command.encode() + b"\n")
        self.stick.child.stdin.flush()
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            answer = self.stick.text()[seen:]
            if answer.endswith("\n"):
                return answer.strip(), time.time()
            time.sleep(0.002)
        raise RuntimeError(f"radio-sim did not answer {command}")

    def counts(self):
        answer, _ = self.tell("status")
        return {k: int(v) for k, v in (pair.split("=") for pair in answer.split()[1:])}

    def cpu(self):
        """Seconds that the gateway has run."""
        with open(f"/proc/{self.gateway.pid}/schedstat") as f:
            return int(f.read().split()[0]) / 1e9

    def arrived(self):
        """What the listener heard: (time, node and number) of each message."""
        self.heard.flush()
        with open(self.heard.name) as f:
            words = [line.split() for line in f if line.endswith("\n")]
        return [(float(w[0]), f"{w[1]} {w[2]}") for w in words]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in reversed(self.children):
            child.stop()
        if hasattr(self, "listener"):
            self.listener.terminate()
            self.listener.wait()
            self.heard.close()
        self.folder.cleanup()


def settled(f, key, value):
    """Waits until the stick reports so much."""
    until = time.monotonic() + PATIENCE
    while f.counts()[key] < value and time.monotonic() < until:
        time.sleep(0.05)


def line_rate(table):
    """QoS 0, 64-octet payloads, as fast as the line takes them."""
    for driver in DRIVERS:
        with Field(driver, "--nodes", 20, "--interval", 0, "--qos", 0, "--size", 64, "--no-subscribe",
                   "--predefined", 1) as f:
            settled(f, "published", 200)
            before, cpu = f.counts(), f.cpu()
            time.sleep(SECONDS)
            after, cpu = f.counts(), f.cpu() - cpu
            share, rate, us, note = judge(driver, before, after, cpu)
            table.at_least(f"{driver} at 921,600 baud, 64-octet payloads: share of what the line allows", 0.95, share,
                           "", note)
            table.rows.append((f"{driver}: CPU of the gateway per frame", "", f"{us:.1f} µs", "",
                               f"{rate:,.0f} frames/s"))


def judge(driver, before, after, cpu):
    d = {k: after[k] - before[k] for k in after}
    seconds = d["elapsed_ms"] / 1000
    messages = d["published"]
    octets = d["octets_to_host"] + (d["octets_from_host"] if driver == "deconz" else 0)
    rate = messages / seconds
    return (octets / seconds / OCTETS_PER_SECOND, rate, cpu / messages * 1e6,
            f"{rate:,.0f} msg/s, {octets / messages:.1f} octets of the line each")


def replug(table):
    """From the port being back to the first message at the broker."""
    for driver in DRIVERS:
        with Field(driver, "--nodes", 5, "--interval", 20, "--qos", 0, "--no-subscribe", "--predefined", 1) as f:
            settled(f, "published", 20)
            f.tell("unplug")
            time.sleep(3)  # long enough for the attempts to become rare
            _, back = f.tell("replug")
            until = time.monotonic() + PATIENCE
            while not (after := [t for t, _ in f.arrived() if t > back]) and time.monotonic() < until:
                time.sleep(0.02)
            table.at_most(f"{driver}: port back to first message", 2, after[0] - back if after else PATIENCE, " s")


def field(table):
    """Ten simulated minutes, ten times as fast as life: 500 nodes, every fifth asleep, 5 % of all frames lost."""
    for driver in DRIVERS:
        with Field(driver, "--nodes", 500, "--sleepy", 20, "--loss", 5, "--speed", 10, "--interval", 30000,
                   "--retry", 10, "--retries", 5, "--duration", 600, retry="1s") as f:
            f.stick.child.wait(120)
            summary = f.stick.text().splitlines()[-1]
            counts = {k: int(v) for k, v in (pair.split("=") for pair in summary.split()[1:])}
            time.sleep(1)  # for what the broker still has to hand over
            distinct = len({message for _, message in f.arrived()})
            table.none(f"{driver}: 500 nodes, 20 % asleep, 5 % loss, 10 minutes: acknowledged and not arrived",
                       max(0, counts["acknowledged"] - distinct),
                       f"{counts['acknowledged']:,} acknowledged, {distinct:,} arrived")
            table.none(f"{driver}: 500 nodes, 20 % asleep, 5 % loss, 10 minutes: nodes stuck", counts["stuck"],
                       f"{counts['connected']} connected at the end")
