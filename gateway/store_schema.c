/* store_schema.c -- what is in the file: the tables, and the one statement for each kind of change.
 *
 * The text of the tables is kept by SQLite as it stands, comments too, so that `.schema` in the sqlite3 shell explains
 * the file. Flash wears out by the pages that are written, not by the octets: pages are small, messages are only
 * appended, and nothing has a second index. What waits for a client is therefore found by a table in memory, which is
 * filled when the file is opened. */
#include "gateway/store_inside.h"

static const char version_1[] =
    "CREATE TABLE meta( -- about this file\n"
    "  key TEXT PRIMARY KEY, -- 'clock': the time, in ms since 1970 as all times here, when it was last written\n"
    "                        -- 'run': a number by chance, for each run of the gateway\n"
    "                        -- 'stopped': 1 the last stop was an orderly one, 0 it runs or was killed\n"
    "                        -- 'boot': a number for the start of the machine in which it runs or ran\n"
    "                        -- 'rows': higher numbers than this were never given to a message\n"
    "  value INTEGER\n"
    ") WITHOUT ROWID;\n"
    "CREATE TABLE session( -- one for each client that the gateway knows\n"
    "  client_id TEXT PRIMARY KEY,\n"
    "  state TEXT, -- 'active', 'asleep', 'disconnected' or 'lost'\n"
    "  since INTEGER, -- when it came into this state\n"
    "  clean INTEGER, -- 1: it ends with the connection\n"
    "  shared INTEGER, -- 1: on the gateway's own connection to the broker, 0: on one of its own\n"
    "  keep_alive_s INTEGER, -- 0: none\n"
    "  sleep_s INTEGER, -- how long it said that it sleeps\n"
    "  radio TEXT, -- where it was last heard; empty: nowhere\n"
    "  address BLOB, -- its address on that radio\n"
    "  node BLOB, -- its address behind a forwarder; empty: none\n"
    "  last_message_id INTEGER, -- of the gateway's messages to it\n"
    "  last_topic_id INTEGER, -- given to it\n"
    "  will INTEGER, -- 1: it has one\n"
    "  will_qos INTEGER,\n"
    "  will_retain INTEGER,\n"
    "  will_topic TEXT,\n"
    "  will_message BLOB\n"
    ") WITHOUT ROWID;\n"
    "CREATE TABLE topic( -- normal topic ids\n"
    "  client_id TEXT,\n"
    "  topic_id INTEGER,\n"
    "  name TEXT,\n"
    "  standing TEXT, -- 'confirmed': the client knows it; 'unconfirmed': perhaps; 'refused': by the client\n"
    "  PRIMARY KEY(client_id, topic_id)\n"
    ") WITHOUT ROWID;\n"
    "CREATE TABLE subscription(\n"
    "  client_id TEXT,\n"
    "  filter TEXT,\n"
    "  qos INTEGER, -- as the broker granted it\n"
    "  topic_id_type TEXT, -- 'normal', 'predefined' or 'short'\n"
    "  topic_id INTEGER, -- 0: none\n"
    "  PRIMARY KEY(client_id, filter)\n"
    ") WITHOUT ROWID;\n"
    "CREATE TABLE downlink( -- messages that wait for their client, in this order\n"
    "  row INTEGER PRIMARY KEY,\n"
    "  client_id TEXT,\n"
    "  qos INTEGER,\n"
    "  retain INTEGER,\n"
    "  phase TEXT, -- 'waiting'; 'sent': perhaps; 'released': QoS 2, only the end is missing\n"
    "  message_id INTEGER, -- under which it was sent; 0: none\n"
    "  since INTEGER, -- when it came\n"
    "  topic TEXT,\n"
    "  payload BLOB\n"
    ");\n"
    "CREATE TABLE uplink( -- messages that wait for the broker, in this order\n"
    "  row INTEGER PRIMARY KEY,\n"
    "  client_id TEXT, -- of the client that sent it\n"
    "  qos INTEGER,\n"
    "  retain INTEGER,\n"
    "  phase TEXT, -- as in downlink\n"
    "  message_id INTEGER, -- the packet id under which it was sent; 0: none\n"
    "  since INTEGER, -- when it came\n"
    "  topic TEXT,\n"
    "  payload BLOB\n"
    ");\n"
    "CREATE TABLE exchange( -- QoS 2 messages of clients, from PUBLISH to PUBCOMP and a while after\n"
    "  client_id TEXT,\n"
    "  place INTEGER, -- several can be open at once\n"
    "  phase TEXT, -- what is waited for: 'puback', 'pubrec', 'pubrel', 'pubcomp'; or 'answered'\n"
    "  message_id INTEGER, -- the client's\n"
    "  topic_id INTEGER,\n"
    "  digest INTEGER, -- of topic and payload: is a repetition the same message?\n"
    "  since INTEGER, -- when it came into this phase\n"
    "  PRIMARY KEY(client_id, place)\n"
    ") WITHOUT ROWID;\n"
    "CREATE TABLE arrival( -- the last QoS 2 messages of the broker that were taken\n"
    "  link TEXT, -- client id of the connection; empty: the one that many share\n"
    "  packet_id INTEGER,\n"
    "  digest INTEGER, -- of topic and payload: is it the same one, should the id come again?\n"
    "  PRIMARY KEY(link, packet_id)\n"
    ") WITHOUT ROWID;\n";

/* The text of a column is kept as it stands only between its first word and its last. */
static const char version_2[] =
    "ALTER TABLE subscription ADD COLUMN standing TEXT"
    " /* 'granted'; 'stale': the broker is to be asked again; 'leaving': the client gave it up, and the broker"
    " is to be told */ DEFAULT 'granted'";

/* From version i to i + 1. */
const char *const store_migrations[STORE_VERSION] = { version_1, version_2 };

/* What waits for whom: the index that downlink has not, in memory only. */
const char store_waits[] =
    "CREATE TEMP TABLE waits(client_id TEXT, row INTEGER, PRIMARY KEY(client_id, row)) WITHOUT ROWID;"
    "CREATE TEMP TRIGGER comes AFTER INSERT ON main.downlink BEGIN"
    " INSERT OR REPLACE INTO waits VALUES(new.client_id, new.row); END;"
    "CREATE TEMP TRIGGER leaves AFTER DELETE ON main.downlink BEGIN"
    " DELETE FROM waits WHERE client_id = old.client_id AND row = old.row; END;";

const char *const store_statements[STORE_OPS] = {
    [STORE_PUT_SESSION] = "INSERT OR REPLACE INTO session VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [STORE_PUT_TOPIC] = "INSERT OR REPLACE INTO topic VALUES(?,?,?,?)",
    [STORE_PUT_SUBSCRIPTION] = "INSERT OR REPLACE INTO subscription VALUES(?,?,?,?,?,?)",
    [STORE_PUT_DOWNLINK] = "INSERT OR REPLACE INTO downlink VALUES(?,?,?,?,?,?,?,?,?)",
    [STORE_PUT_UPLINK] = "INSERT OR REPLACE INTO uplink VALUES(?,?,?,?,?,?,?,?,?)",
    [STORE_PUT_EXCHANGE] = "INSERT OR REPLACE INTO exchange VALUES(?,?,?,?,?,?,?)",
    [STORE_PUT_ARRIVAL] = "INSERT OR REPLACE INTO arrival VALUES(?,?,?)",
    [STORE_STEP_DOWNLINK] = "UPDATE downlink SET phase = ?2, message_id = ?3 WHERE row = ?1",
    [STORE_STEP_UPLINK] = "UPDATE uplink SET phase = ?2, message_id = ?3 WHERE row = ?1",
    [STORE_DROP_SESSION] = "DELETE FROM session WHERE client_id = ?",
    [STORE_DROP_TOPICS] = "DELETE FROM topic WHERE client_id = ?",
    [STORE_DROP_SUBSCRIPTIONS] = "DELETE FROM subscription WHERE client_id = ?",
    [STORE_DROP_EXCHANGES] = "DELETE FROM exchange WHERE client_id = ?",
    [STORE_DROP_QUEUE] =
        "DELETE FROM downlink WHERE row IN (SELECT row FROM waits WHERE client_id = ?)",
    [STORE_DROP_DOWNLINK] = "DELETE FROM downlink WHERE row = ?",
    [STORE_DROP_UPLINK] = "DELETE FROM uplink WHERE row = ?",
    [STORE_DROP_EXCHANGE] = "DELETE FROM exchange WHERE client_id = ? AND place = ?",
    [STORE_DROP_ARRIVAL] = "DELETE FROM arrival WHERE link = ? AND packet_id = ?",
    [STORE_DROP_ARRIVALS] = "DELETE FROM arrival WHERE link = ?",
};
