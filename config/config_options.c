/* config_options.c -- the option table: every setting once.
 *
 * The reader looks keys up in it, the checks take ranges from it, --print-config, the sample file and the manual page
 * print it. So a new setting is a new row, and a key that is in no row is a mistake. The rows stand in the order in
 * which people read a settings file; the rows of one section stand together. "radios[]." and "clients[]." are the keys
 * of each item of a list and have a struct of their own.
 *
 * FOR_... says which drivers a radio's setting means something to: on any other it is a mistake, and is not printed. */
#include "config/config_internal.h"

#define FIELD(type, member) .at = offsetof(type, member), .width = sizeof(((type *)0)->member)
#define ROOT(member) FIELD(struct config, member)
#define RADIO(member) FIELD(struct config_radio, member)
#define CLIENT(member) FIELD(struct config_client, member)
#define RANGE(least, most) .min = (least), .max = (most)
#define FOR_IP .drivers = (1u << DRIVER_UDP | 1u << DRIVER_DTLS)
#define ZIGBEE (1u << DRIVER_XBEE | 1u << DRIVER_ZNP | 1u << DRIVER_EZSP | 1u << DRIVER_DECONZ)
#define FOR_ZIGBEE .drivers = ZIGBEE
#define FOR_PORT .drivers = (ZIGBEE | 1u << DRIVER_SERIAL)
#define FOR_MANY .drivers = (1u << DRIVER_UDP | 1u << DRIVER_DTLS | ZIGBEE)
#define FOR_LINE .drivers = 1u << DRIVER_SERIAL
#define FOR_XBEE .drivers = 1u << DRIVER_XBEE
#define MS(n) UINT64_C(n)
#define SECONDS(n) (UINT64_C(n) * 1000)
#define DAYS(n) (UINT64_C(n) * 86400000)
#define KIB(n) (UINT64_C(n) << 10)
#define GIB(n) (UINT64_C(n) << 30)

/* clang-format off: a table */
static const struct option table[] = {
    { "gateway.id", OPTION_COUNT, ROOT(gateway.id), RANGE(1, 255), .preset = "1",
      .help = "GwId in ADVERTISE and GWINFO" },
    { "gateway.name", OPTION_NAME, ROOT(gateway.name), .preset = "mqttsn-gateway",
      .example = "greenhouse",
      .help = "MQTT client id of the gateway's own link, root of its status topics" },
    { "gateway.status", OPTION_FLAG, ROOT(gateway.status), .preset = "true",
      .help = "say online or offline in the retained topic <name>/status" },
    { "gateway.advertise", OPTION_DURATION, ROOT(gateway.advertise_ms), RANGE(0, SECONDS(65535)),
      .preset = "15m", .help = "T_ADV, the time between two ADVERTISE; \"0s\" = never" },
    { "gateway.stand_by_for", OPTION_COUNT, ROOT(gateway.stand_by_for), RANGE(0, 255),
      .preset = "0", .example = "2",
      .help =
          "neither advertise nor answer SEARCHGW while the gateway of this id is heard; 0 = nobody" },
    { "gateway.stand_by_after", OPTION_COUNT, ROOT(gateway.stand_by_after), RANGE(1, 255),
      .preset = "3",
      .help = "N_ADV, so many of its ADVERTISE must stay away before this gateway takes over" },
    { "gateway.state", OPTION_PATH, ROOT(gateway.state), .preset = "/var/lib/mqttsn-gateway/state.db",
      .help = "what survives a restart is kept here; \"\" = keep nothing on disk" },

    { "radios[].name", OPTION_NAME, RADIO(name), .preset = "lan",
      .help = "in log lines and metrics; absent with a port = the driver's name" },
    { "radios[].driver", OPTION_CHOICE, RADIO(driver),
      .words = "udp|dtls|xbee|znp|ezsp|deconz|serial", .words_unbuilt = "dtls", .preset = "udp",
      .help = "UDP, the family of a ZigBee coordinator, or a serial line without ZigBee" },
    { "radios[].listen", OPTION_LISTEN, RADIO(listen), FOR_IP, .preset = "127.0.0.1:1883",
      .example = "0.0.0.0:1883", .help = "local address and port; IPv6 as \"[::]:1883\"" },
    { "radios[].multicast", OPTION_GROUP, RADIO(multicast), FOR_IP, .preset = "",
      .example = "239.192.0.50",
      .help = "group[:port] for discovery; port default that of listen; \"\" = none" },
    { "radios[].interface", OPTION_TEXT, RADIO(interface), FOR_IP, .preset = "",
      .help = "where to join the group; \"\" = the interface of the listen address" },
    { "radios[].port", OPTION_NAME, RADIO(port), FOR_PORT, .absent = "none, it must be set",
      .example = "/dev/serial/by-id/usb-FTDI_FT231X_USB_UART_D30A4K2Q-if00-port0",
      .help =
          "a serial port; tcp://host:port of a networked coordinator; auto: the one port that fits the driver" },
    { "radios[].baud", OPTION_COUNT, RADIO(baud), FOR_PORT, RANGE(1200, 4000000),
      .absent = "found out", .example = "115200",
      .help = "speed of the serial port, in bits per second" },
    { "radios[].flow_control", OPTION_CHOICE, RADIO(flow_control), FOR_PORT,
      .words = "none|rtscts|xonxoff", .preset = "none",
      .help = "of the serial port; as the adapter is wired or its firmware was built" },
    { "radios[].framing", OPTION_CHOICE, RADIO(framing), FOR_LINE, .words = "raw|slip|slip-crc16",
      .preset = "raw", .help = "raw: a message's own length octet ends it; or SLIP, with a CRC-16" },
    { "radios[].form", OPTION_CHOICE, RADIO(form), FOR_ZIGBEE, .words = "blank|never|replace",
      .preset = "blank",
      .help = "make a network on a coordinator that has none; replace: also over one that differs from these settings, "
              "whose nodes are lost" },
    { "radios[].channel", OPTION_COUNT, RADIO(channel), FOR_ZIGBEE, RANGE(11, 26),
      .absent = "as the coordinator has it", .example = "15",
      .help = "15, 20 and 25 lie between the Wi-Fi channels; 26 is often sent with less power" },
    { "radios[].pan_id", OPTION_HEX, RADIO(pan_id), FOR_ZIGBEE, RANGE(1, 0xFFFE), .absent = "any",
      .example = "0x1A62",
      .help = "the network's short id; an XBee chooses its own when it makes a network" },
    { "radios[].extended_pan_id", OPTION_HEX, RADIO(extended_pan_id), FOR_ZIGBEE,
      RANGE(1, UINT64_MAX - 1), .absent = "any", .example = "0x00124B0001020304",
      .help = "the network's 64-bit id" },
    { "radios[].network_key_file", OPTION_PATH, RADIO(network_key_file), FOR_ZIGBEE, .preset = "",
      .help = "32 hexadecimal digits; when a network is made and the file is not there, it gets a random key; "
              "\"\" = the key is kept nowhere but in the coordinator" },
    { "radios[].security", OPTION_FLAG, RADIO(security), FOR_XBEE, .preset = "true",
      .help = "make the network with encryption; false for old XBee networks without it" },
    { "radios[].permit_join", OPTION_SECONDS, RADIO(permit_join_s), FOR_ZIGBEE,
      RANGE(0, SECONDS(254)), .preset = "0s", .help = "how long new nodes may join after the start" },
    { "radios[].profile", OPTION_HEX, RADIO(profile), FOR_ZIGBEE, RANGE(1, 0xFFFE), .preset = "0xC105",
      .help = "application profile of the nodes' frames; this is the one of XBee" },
    { "radios[].cluster", OPTION_HEX, RADIO(cluster), FOR_ZIGBEE, RANGE(0, 0xFFFF),
      .preset = "0x0011", .help = "likewise" },
    { "radios[].endpoint", OPTION_HEX, RADIO(endpoint), FOR_ZIGBEE, RANGE(1, 240), .preset = "0xE8",
      .help = "ours, and that of nodes which were not heard yet" },
    { "radios[].any_endpoint", OPTION_FLAG, RADIO(any_endpoint), FOR_ZIGBEE, .preset = "false",
      .help = "take frames for other endpoints too" },
    { "radios[].broadcast_pace", OPTION_DURATION, RADIO(broadcast_pace_ms), FOR_ZIGBEE,
      RANGE(MS(10), SECONDS(60)), .preset = "1s",
      .help = "between two broadcasts, which every router repeats" },
    { "radios[].queue", OPTION_COUNT, RADIO(queue), FOR_ZIGBEE, RANGE(1, 65535), .preset = "1024",
      .help = "frames that wait for the radio" },
    { "radios[].queue_per_node", OPTION_COUNT, RADIO(queue_per_node), FOR_ZIGBEE, RANGE(1, 65535),
      .preset = "16", .help = "of these for one node" },
    { "radios[].forwarders", OPTION_FLAG, RADIO(forwarders), .preset = "false",
      .help = "accept encapsulated frames (0xFE) here" },
    { "radios[].forwarders_from", OPTION_LIST, RADIO(forwarders_from), FOR_MANY,
      .count_at = offsetof(struct config_radio, forwarders_from_count), .absent = "any",
      .example = "[]",
      .help =
          "only from these: [\"192.0.2.7\"] whatever the port, or ZigBee nodes as the log shows them" },
    { "radios[].forwarder_depth", OPTION_COUNT, RADIO(forwarder_depth), RANGE(1, 8), .preset = "1",
      .help = "forwarders that may stand behind one another; what is nested deeper is dropped" },
    { "radios[].assign_client_id", OPTION_FLAG, RADIO(assign_client_id), .preset = "false",
      .help = "a CONNECT without a client id gets one made of the radio's name and the node's address, else it is "
              "refused" },
    { "radios[].gwinfo", OPTION_CHOICE, RADIO(gwinfo), .words = "broadcast|unicast|both",
      .absent = "broadcast for udp, else both", .example = "broadcast",
      .help = "how a node that searches a gateway is answered" },
    { "radios[].clients", OPTION_COUNT, RADIO(clients), RANGE(0, 1000000), .preset = "0",
      .help = "sessions on this radio; 0 = no more limit than limits.clients" },
    { "radios[].max_message", OPTION_COUNT, RADIO(max_message), RANGE(12, 65535),
      .absent = "1400 for udp, else what the radio reports", .example = "1400",
      .help = "octets of the longest frame, either way" },

    { "broker.url", OPTION_NAME, ROOT(broker.url), .preset = "mqtt://127.0.0.1:1883",
      .help = "mqtt:// or mqtts://, host or [IPv6], port default 1883 or 8883" },
    { "broker.mode", OPTION_CHOICE, ROOT(broker.mode), .words = "transparent|aggregate",
      .preset = "transparent", .help = "one connection per client, or one for all" },
    { "broker.username", OPTION_TEXT, ROOT(broker.username), .preset = "", .help = "\"\" = none" },
    { "broker.password_file", OPTION_FILE, ROOT(broker.password_file), .preset = "",
      .help = "file that holds the password and nothing else; \"\" = none" },
    { "broker.ca_file", OPTION_FILE, ROOT(broker.ca_file), .preset = "",
      .help = "whom to trust (PEM); \"\" = the system's certificates" },
    { "broker.cert_file", OPTION_FILE, ROOT(broker.cert_file), .preset = "",
      .help = "our own certificate (PEM), with key_file; \"\" = none" },
    { "broker.key_file", OPTION_FILE, ROOT(broker.key_file), .preset = "",
      .help = "the private key of cert_file (PEM)" },
    { "broker.server_name", OPTION_TEXT, ROOT(broker.server_name), .preset = "",
      .help = "SNI and the name checked; \"\" = the host of the url" },
    { "broker.alpn", OPTION_TEXT, ROOT(broker.alpn), .preset = "",
      .help = "application protocol to ask for; \"\" = none" },
    { "broker.keepalive", OPTION_SECONDS, ROOT(broker.keepalive_s), RANGE(SECONDS(1), SECONDS(65535)),
      .preset = "60s", .help = "of the gateway's own link; a client's link has the client's" },
    { "broker.prefix", OPTION_TEXT, ROOT(broker.prefix), .preset = "", .example = "site-4/",
      .help = "put before every topic towards the broker, taken off on the way back" },
    { "broker.max_qos", OPTION_COUNT, ROOT(broker.max_qos), RANGE(1, 2), .preset = "2", .example = "1",
      .help = "1 for a broker without QoS 2, such as AWS IoT; nodes may use it all the same" },
    { "broker.retain", OPTION_FLAG, ROOT(broker.retain), .preset = "true",
      .help = "false for a broker that takes no retained messages: the flag is cleared" },

    { "topics", OPTION_TOPICS, .absent = "none",
      .help = "predefined ids, 1..65534; \"*\" is every client, its own row wins" },
    { "topics_file", OPTION_FILE, FIELD(struct settings, topics_file), .preset = "",
      .example = "topics.csv", .help = "more of them, rows `client,topic,id`" },

    { "clients[].match", OPTION_NAME, CLIENT(match), .preset = "*", .example = "sensor-*",
      .help = "glob over the client id; the first row that matches wins" },
    { "clients[].allow", OPTION_FLAG, CLIENT(allow), .preset = "true",
      .help = "false: its CONNECT is refused" },
    { "clients[].mode", OPTION_CHOICE, CLIENT(mode), .words = "transparent|aggregate",
      .absent = "broker.mode", .example = "aggregate", .help = "overrides broker.mode" },
    { "clients[].publish", OPTION_FILTERS, CLIENT(publish),
      .count_at = offsetof(struct config_client, publish_count), .absent = "all",
      .example = "[\"greenhouse/#\"]",
      .help = "topic filters the client may publish to; absent = all" },
    { "clients[].subscribe", OPTION_FILTERS, CLIENT(subscribe),
      .count_at = offsetof(struct config_client, subscribe_count), .absent = "all",
      .example = "[\"greenhouse/{client}/#\"]",
      .help = "topic filters it may subscribe to; {client} is its id" },
    { "clients[].username", OPTION_TEXT, CLIENT(username), .preset = "",
      .help = "towards the broker in transparent mode; \"\" = as in broker" },
    { "clients[].password_file", OPTION_FILE, CLIENT(password_file), .preset = "",
      .help = "likewise" },
    { "clients[].tolerance", OPTION_CHOICE, CLIENT(tolerance), .words = "half|spec",
      .preset = "half", .help = "lost after 1.5 x keep-alive; spec: 1.1 x above a minute" },
    { "clients[].probe", OPTION_FLAG, CLIENT(probe), .preset = "false",
      .help = "send PINGREQ to an active client that is silent, before it is lost" },
    { "clients[].wake_connect", OPTION_CHOICE, CLIENT(wake_connect), .words = "honour|resume",
      .preset = "honour", .help = "a CONNECT from sleep: its flags, or \"I am back\"" },
    { "clients[].will_update", OPTION_CHOICE, CLIENT(will_update), .words = "keep|reconnect",
      .preset = "keep",
      .help = "a changed will stays with the gateway; or a transparent client's broker connection is made anew, so "
              "that the broker has it too if the gateway dies" },
    { "clients[].strict_sleep", OPTION_FLAG, CLIENT(strict_sleep), .preset = "false",
      .help = "answer DISCONNECT to a request of a sleeping client" },
    { "clients[].sleep_qos0", OPTION_FLAG, CLIENT(sleep_qos0), .preset = "true",
      .help = "keep QoS 0 messages for a sleeping client too" },
    { "clients[].will_on_takeover", OPTION_FLAG, CLIENT(will_on_takeover), .preset = "false",
      .help = "publish the old will when an active client connects anew" },
    { "clients[].strict_client_id", OPTION_FLAG, CLIENT(strict_client_id), .preset = "false",
      .help = "refuse client ids above 23 characters" },
    { "clients[].reject_zero_keepalive", OPTION_FLAG, CLIENT(reject_zero_keepalive),
      .preset = "false", .help = "refuse a CONNECT with duration 0" },
    { "clients[].address_change", OPTION_CHOICE, CLIENT(address_change), .words = "any|same_ip|deny",
      .preset = "same_ip", .help = "from where a CONNECT may take an active session" },
    { "clients[].wake_address_change", OPTION_CHOICE, CLIENT(wake_address_change),
      .words = "any|same_ip|deny", .preset = "any", .help = "from where a sleeping client may wake" },
    { "clients[].awake_max", OPTION_COUNT, CLIENT(awake_extra), RANGE(0, 65535), .preset = "10",
      .help = "messages delivered at a wake-up beyond those queued before it" },

    { "qos_minus_one", OPTION_FLAG, ROOT(qos_minus_one), .preset = "false",
      .help = "accept PUBLISH with QoS -1 (no connection needed)" },
    { "qos_m1_retain", OPTION_FLAG, ROOT(qos_m1_retain), .preset = "false",
      .help = "leave the retain flag of QoS -1 messages as it is, else it is cleared" },
    { "qos_m1_long_topic", OPTION_FLAG, ROOT(qos_m1_long_topic), .preset = "false",
      .help = "QoS -1 with topic id type 0: the id is the length of a topic name before the data, as some client "
              "libraries send it" },

    { "limits.clients", OPTION_COUNT, ROOT(limits.clients), RANGE(1, 1000000), .preset = "10000",
      .help = "sessions" },
    { "limits.topics_per_client", OPTION_COUNT, ROOT(limits.topics_per_client), RANGE(1, 65534),
      .preset = "64", .help = "topic ids given out to one client" },
    { "limits.subscriptions_per_client", OPTION_COUNT, ROOT(limits.subscriptions_per_client),
      RANGE(1, 65535), .preset = "64", .help = "topic filters one client may hold" },
    { "limits.sleep_queue.messages", OPTION_COUNT, ROOT(limits.sleep_queue.messages),
      RANGE(1, 1000000), .preset = "100", .help = "for each client, asleep or too slow" },
    { "limits.sleep_queue.bytes", OPTION_SIZE, ROOT(limits.sleep_queue.bytes),
      RANGE(KIB(1), GIB(1)), .preset = "64KiB", .help = "for each client, asleep or too slow" },
    { "limits.sleep_queue.ttl", OPTION_DURATION, ROOT(limits.sleep_queue.ttl_ms),
      RANGE(SECONDS(1), DAYS(365)), .preset = "7d", .help = "an older message is dropped" },
    { "limits.sleep_queue.overflow", OPTION_CHOICE, ROOT(limits.sleep_queue.overflow),
      .words = "newest|oldest", .preset = "newest",
      .help = "which QoS 1 or 2 message a full queue drops, when no QoS 0 message can make room" },
    { "limits.uplink_queue.bytes", OPTION_SIZE, ROOT(limits.uplink_queue.bytes),
      RANGE(KIB(1), GIB(64)), .preset = "16MiB",
      .help = "for the whole gateway, while the broker is away" },
    { "limits.uplink_queue.ttl", OPTION_DURATION, ROOT(limits.uplink_queue.ttl_ms),
      RANGE(SECONDS(1), DAYS(365)), .preset = "7d", .help = "an older message is dropped" },
    { "limits.uplink_queue.qos0", OPTION_CHOICE, ROOT(limits.uplink_queue.qos0),
      .words = "none|memory|latest", .preset = "memory",
      .help = "QoS 0 messages while the broker is away: dropped, kept in memory, or the latest of each client and "
              "topic; without gateway.state all are dropped" },
    { "limits.uplink_queue.memory", OPTION_SIZE, ROOT(limits.uplink_queue.memory),
      RANGE(KIB(1), GIB(64)), .preset = "1MiB",
      .help = "for QoS 0 messages that wait for the broker" },
    { "limits.uplink_queue.rate", OPTION_COUNT, ROOT(limits.uplink_queue.rate), RANGE(1, 1000000),
      .preset = "1000", .help = "messages per second that leave the queue when the broker is back" },
    { "limits.retry.interval", OPTION_DURATION, ROOT(limits.retry.interval_ms),
      RANGE(MS(10), SECONDS(3600)), .preset = "10s",
      .help = "T_RETRY, the wait for an answer before a message is sent again" },
    { "limits.retry.count", OPTION_COUNT, ROOT(limits.retry.count), RANGE(0, 100), .preset = "3",
      .help = "N_RETRY, how often it is sent again before the client is lost" },
    { "limits.retry.factor", OPTION_COUNT, ROOT(limits.retry.factor), RANGE(100, 200),
      .preset = "100", .help = "percent by which T_RETRY grows each time, up to a minute" },
    { "limits.broker_grace", OPTION_DURATION, ROOT(limits.broker_grace_ms), RANGE(0, DAYS(365)),
      .preset = "0s",
      .help = "a client whose own broker connection is gone for so long must go; \"0s\" = never" },
    { "limits.wait", OPTION_DURATION, ROOT(limits.wait_ms), RANGE(0, DAYS(1)), .preset = "5m",
      .help = "T_WAIT, the pause after a client said \"congestion\"" },
    { "limits.connect_timeout", OPTION_DURATION, ROOT(limits.connect_timeout_ms),
      RANGE(MS(10), SECONDS(3600)), .preset = "10s",
      .help = "how long a CONNECT waits for the broker's answer" },
    { "limits.max_idle", OPTION_DURATION, ROOT(limits.max_idle_ms), RANGE(SECONDS(1), DAYS(365)),
      .preset = "24h", .help = "ends a silent session that has keep-alive 0" },
    { "limits.session_expiry", OPTION_DURATION, ROOT(limits.session_expiry_ms),
      RANGE(SECONDS(1), DAYS(3650)), .preset = "7d",
      .help = "a kept session that is unused for so long is forgotten" },
    { "limits.qos2_expiry", OPTION_DURATION, ROOT(limits.qos2_expiry_ms), RANGE(SECONDS(1), DAYS(365)),
      .preset = "1h", .help = "how long a QoS 2 message id waits for its PUBREL" },
    { "limits.inflight_in", OPTION_COUNT, ROOT(limits.inflight_in), RANGE(1, 8), .preset = "4",
      .help = "QoS 1 and 2 publishes of one client under way at once" },
    { "limits.max_client_id", OPTION_COUNT, ROOT(limits.max_client_id), RANGE(23, 1024),
      .preset = "128", .help = "octets of the longest client id" },
    { "limits.reconnects", OPTION_COUNT, ROOT(limits.reconnects), RANGE(1, 100000), .preset = "50",
      .help = "transparent connections dialled again, per second" },
    { "limits.stranger_replies", OPTION_COUNT, ROOT(limits.stranger_replies), RANGE(1, 1000000),
      .preset = "1000", .help = "answers to addresses without a session, per second" },
    { "limits.clients_per_source", OPTION_COUNT, ROOT(limits.clients_per_source), RANGE(0, 1000000),
      .preset = "5000",
      .help = "sessions of one source: a host without its port, a forwarder with all behind it, a ZigBee node; "
              "0 = no limit" },
    { "limits.connects", OPTION_COUNT, ROOT(limits.connects), RANGE(0, 1000000), .preset = "10000",
      .help = "CONNECTs of clients without a session, per second; 0 = no limit" },
    { "limits.connects_per_source", OPTION_COUNT, ROOT(limits.connects_per_source),
      RANGE(0, 1000000), .preset = "5000", .help = "of these from one source; 0 = no limit" },
    { "limits.connecting", OPTION_COUNT, ROOT(limits.connecting), RANGE(0, 1000000),
      .preset = "5000", .help = "clients that wait for their CONNACK at once; 0 = no limit" },
    { "limits.frames_per_source", OPTION_COUNT, ROOT(limits.frames_per_source), RANGE(0, 1000000),
      .preset = "0",
      .help = "frames of one source per second, what is more is dropped; 0 = no limit, since all nodes behind one "
              "router or forwarder are one source" },
    { "limits.qos_minus_one", OPTION_COUNT, ROOT(limits.qos_minus_one), RANGE(0, 1000000),
      .preset = "10000", .help = "QoS -1 messages per second; 0 = no limit" },
    { "limits.qos_minus_one_per_source", OPTION_COUNT, ROOT(limits.qos_minus_one_per_source),
      RANGE(0, 1000000), .preset = "1000", .help = "of these from one source; 0 = no limit" },

    { "admin.listen", OPTION_BIND, ROOT(admin.listen), .preset = "127.0.0.1:9883",
      .help = "HTTP: status page, /metrics, /healthz, /api/...; \"\" = off" },
    { "admin.token_file", OPTION_FILE, ROOT(admin.token_file), .preset = "",
      .help = "file with the token of /api" },

    { "log.level", OPTION_CHOICE, ROOT(log.level), .words = "error|warn|info|debug|trace",
      .preset = "info", .help = "the least important lines" },
    { "log.format", OPTION_CHOICE, ROOT(log.json), .words = "text|json", .preset = "text",
      .help = "to standard error" },
};
/* clang-format on */

enum { OPTIONS = sizeof table / sizeof *table };

struct option_range config_options(enum option_scope scope)
{
    static const char *const prefixes[SCOPES] = { "", "radios[].", "clients[]." };
    struct option_range range = { NULL, 0 };
    for (const struct option *o = table; o < table + OPTIONS; o++)
        if (strncmp(o->path, prefixes[scope], strlen(prefixes[scope])) == 0) {
            range.first = range.first ? range.first : o;
            range.count++;
        }
    return range;
}

const struct option *config_option_find(const char *path)
{
    for (const struct option *o = table; o < table + OPTIONS; o++)
        if (strcmp(o->path, path) == 0)
            return o;
    return NULL;
}

bool config_option_section(const char *path)
{
    size_t len = strlen(path);
    for (const struct option *o = table; o < table + OPTIONS; o++)
        if (strncmp(o->path, path, len) == 0 && o->path[len] == '.')
            return true;
    return false;
}

size_t config_option_words(const char *prefix, const char **words, size_t room, struct arena *memory)
{
    size_t count = 0, skip = strlen(prefix);
    for (const struct option *o = table; o < table + OPTIONS && count < room; o++) {
        if (strncmp(o->path, prefix, skip) != 0)
            continue;
        size_t len = strcspn(o->path + skip, ".[");
        bool again = count > 0 && strncmp(words[count - 1], o->path + skip, len) == 0 &&
                     words[count - 1][len] == '\0';
        if (!again)
            words[count++] = config_arena_text(memory, span_of(o->path + skip, len));
    }
    return count;
}

size_t config_option_choices(const struct option *o, const char **words, size_t room,
                             struct arena *memory)
{
    size_t count = 0;
    for (const char *at = o->words; at && count < room;
         at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        words[count++] = config_arena_text(memory, span_of(at, strcspn(at, "|")));
    return count;
}

bool config_option_applies(const struct option *o, enum config_driver driver)
{
    return o->drivers == 0 || (o->drivers & 1u << driver);
}

bool config_word_listed(const char *words, const char *word, size_t len)
{
    for (const char *at = words; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        if (strcspn(at, "|") == len && memcmp(at, word, len) == 0)
            return true;
    return false;
}

void config_option_drivers(const struct option *o, char *text, size_t room)
{
    const struct option *driver = config_option_find("radios[].driver");
    size_t n = 0, len;
    unsigned bit = 1;
    text[0] = '\0';
    for (const char *word = driver->words; word && n < room; bit <<= 1) {
        len = strcspn(word, "|");
        if ((o->drivers & bit) && !config_word_listed(driver->words_unbuilt, word, len))
            n += (size_t)snprintf(text + n, room - n, "%s%.*s", n > 0 ? " | " : "", (int)len, word);
        word = word[len] == '|' ? word + len + 1 : NULL;
    }
}
