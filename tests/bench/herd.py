"""Ten thousand nodes behind one forwarder, so that one socket will do: they connect, register, subscribe, fall asleep.

mqttsn-bench loads the gateway; a herd only brings it into a state to be measured in, with a few requests that each node
makes in turn. Every answer is waited for and must be "accepted"."""
import socket

FORWARDED = 0xFE
CONNECT, CONNACK, REGISTER, REGACK, PUBLISH, PUBACK = 0x04, 0x05, 0x0A, 0x0B, 0x0C, 0x0D
SUBSCRIBE, SUBACK, DISCONNECT = 0x12, 0x13, 0x18
QOS_1, CLEAN = 0x20, 0x04
AT_ONCE = 256  # requests under way: what they and their answers need fits any receive buffer
DURATION = 3600
PATIENCE = 20


def u16(number):
    return number.to_bytes(2, "big")


class Herd:
    def __init__(self, port, count, prefix="herd"):
        self.nodes, self.prefix = range(count), prefix
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", port))
        self.socket.settimeout(PATIENCE)

    def say(self, node, kind, body):
        envelope = bytes((7, FORWARDED, 0)) + node.to_bytes(4, "big")
        self.socket.send(envelope + bytes((len(body) + 2, kind)) + body)

    def hear(self):
        """Who was sent what; of a longer message than 255 octets the kind is 0."""
        frame = self.socket.recv(2048)
        return int.from_bytes(frame[3:7], "big"), frame[8], frame[9:]

    def ask(self, kind, body, answer, asked=lambda: None):
        """Each of them asks `body(node)`; their answers by node. `asked` is called before any is waited for."""
        answers = {}
        for at in range(0, len(self.nodes), AT_ONCE):
            waiting = set(self.nodes[at:at + AT_ONCE])
            for node in self.nodes[at:at + AT_ONCE]:
                self.say(node, kind, body(node))
            asked()
            while waiting:
                node, heard, rest = self.hear()
                if heard == answer and node in waiting:
                    waiting.discard(node)
                    answers[node] = rest
                    if answer != DISCONNECT and rest[-1] != 0:
                        raise RuntimeError(f"node {node} was refused: {heard:#x} {rest.hex()}")
        return answers

    def connect(self, flags=CLEAN):
        self.ask(CONNECT, lambda n: bytes((flags, 1)) + u16(DURATION) + f"{self.prefix}-{n}".encode(), CONNACK)

    def register(self, topic):
        """topic(node); the ids, by node."""
        answers = self.ask(REGISTER, lambda n: u16(0) + u16(1) + topic(n).encode(), REGACK)
        return {n: rest[0:2] for n, rest in answers.items()}

    def subscribe(self, topic):
        self.ask(SUBSCRIBE, lambda n: bytes((QOS_1,)) + u16(2) + topic(n).encode(), SUBACK)

    def publish(self, topic_ids, message_id, payload, asked):
        """Once each, at QoS 1."""
        self.ask(PUBLISH, lambda n: bytes((QOS_1,)) + topic_ids[n] + u16(message_id) + payload, PUBACK, asked)

    def sleep(self):
        self.ask(DISCONNECT, lambda n: u16(DURATION), DISCONNECT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
