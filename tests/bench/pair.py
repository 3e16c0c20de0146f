"""What is measured and the broker stub behind it: a new pair for each run."""
import json
import os
import signal
import statistics
import subprocess
import tempfile
import time

from program import BUILD, PATIENCE, Program

SETTINGS = """
gateway: {{id: 1, name: bench, advertise: "0s", status: false, state: "{state}"}}
radios: [{{name: lan, driver: udp, listen: "127.0.0.1:0", forwarders: {forwarders}}}]
broker: {{url: "mqtt://127.0.0.1:{port}", mode: {mode}}}
limits: {{clients: 20000, clients_per_source: 0, connects: 0, connects_per_source: 0, connecting: 0, {limits}}}
admin: {{listen: ""}}
log: {{level: info}}
"""


class Pair:
    """Broker stub and, in front of it, the gateway in one of its modes or the bare relay.

    `changes` are the blanks of SETTINGS: state, forwarders, limits; `stub` options of the stub, `env` variables of the
    gateway."""

    def __init__(self, kind, stub=(), env=None, **changes):
        self.kind, self.env, self.file = kind, env, None
        self.changes = {"state": "", "forwarders": "false", "limits": ""} | changes
        self.start_stub(*stub)
        try:
            self.under_test = self.start_relay() if kind == "relay" else self.start_gateway()
        except Exception:
            self.stub.stop()
            raise

    def start_stub(self, *options):
        self.stub = Program([f"{BUILD}/tests/bench/broker_stub", *map(str, options)], r"port (\d+)")

    def start_relay(self):
        return Program([f"{BUILD}/tests/bench/bare_relay", str(self.stub.port)], r"port (\d+)")

    def start_gateway(self):
        self.file = tempfile.NamedTemporaryFile("w", suffix=".yaml")
        self.file.write(SETTINGS.format(port=self.stub.port, mode=self.kind, **self.changes))
        self.file.flush()
        gateway = Program([f"{BUILD}/mqttsn-gateway", "--config", self.file.name],
                          r"radio lan: listening on 127\.0\.0\.1:(\d+)", env={**os.environ, **(self.env or {})})
        if self.kind == "aggregate":
            self.wait_for("connects", 1, "the gateway did not connect to the broker stub")
        return gateway

    def wait_for(self, what, count, complaint):
        until = time.monotonic() + PATIENCE
        while self.counts()[what] < count:
            if time.monotonic() > until:
                raise RuntimeError(complaint)
            time.sleep(0.01)

    def counts(self):
        lines = self.stub.text().count("counts ")
        os.kill(self.stub.pid, signal.SIGUSR1)
        while self.stub.text().count("\n") < lines + 2:
            time.sleep(0.005)
        line = [s for s in self.stub.text().splitlines() if s.startswith("counts ")][-1]
        return {k: int(v) for k, v in (pair.split("=") for pair in line.split()[1:])}

    def load(self, *arguments):
        """One run of mqttsn-bench; its figures, and what the stub saw."""
        figures = self.burden(*arguments)
        figures["stub"] = self.counts()
        figures["lost"] = figures["sent"] - figures["stub"]["distinct"]
        return figures

    def burden(self, *arguments):
        """The same with nobody asked behind the gateway."""
        with self.bench(*arguments) as child:
            said = child.stdout.read()
        if not said:
            raise RuntimeError(" ".join(child.args) + f" ended with {child.returncode}")
        return json.loads(said)

    def bench(self, *arguments):
        return subprocess.Popen([f"{BUILD}/mqttsn-bench", "--json", "--pid", str(self.under_test.pid),
                                 *map(str, arguments), f"127.0.0.1:{self.under_test.port}"],
                                stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.under_test.stop()
        self.stub.stop()


def measure(kind, *arguments):
    with Pair(kind) as p:
        return p.load(*arguments)


def median(values):
    return statistics.median(values)


def relative_cpu(run):
    """On a machine that is faster and slower by the minute the load generator's own CPU is the yardstick."""
    return run["pid_cpu_us"] / run["own_cpu_us"]
