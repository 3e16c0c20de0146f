"""Child processes of the benches, and where things are."""
import os
import re
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(TREE, os.environ.get("BUILD", "build"))
PATIENCE = 10  # seconds for a program to say that it is ready


class Program:
    """A child process that says on one of its outputs that it is ready, mostly where it listens."""

    def __init__(self, command, said, **files):
        self.log = tempfile.TemporaryFile("w+")
        self.child = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT, **files)
        self.pid = self.child.pid
        self.said = self.wait_for(said)

    @property
    def port(self):
        return int(self.said)

    def text(self):
        self.log.flush()
        return os.pread(self.log.fileno(), 1 << 24, 0).decode(errors="replace")

    def wait_for(self, pattern):
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self.child.poll() is None:
            found = re.search(pattern, self.text())
            if found:
                return found[1] if found.groups() else found[0]
            time.sleep(0.005)
        self.stop()
        raise RuntimeError(f"{self.child.args[0]} did not say {pattern!r}:\n{self.text()}")

    def stop(self):
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        return self.text()
