/* capture.h -- what the gateway sent, written as a pcap file that tshark reads.
 *
 * The test itself writes the file from what its sockets received, with Ethernet, IP and UDP or TCP headers made up
 * around it, so that no privilege to capture is needed. */
#pragma once

#include "mqtt/bytes.h"
#include "tests/system/scene.h"

enum { CAPTURE_MQTTSN_PORT = 1883, CAPTURE_MQTT_PORT = 1883 };

/* From now on this scene keeps every datagram that its nodes receive. */
void capture_start(struct scene *s);

/* Adds a datagram from the gateway; does nothing when the scene captures nothing. */
void capture_datagram(struct scene *s, struct span frame);

/* Adds a piece of the TCP stream that the gateway sends over connection `stream` (a number of the caller's), of which
 * `before` octets have been added already. */
void capture_stream(struct scene *s, uint16_t stream, uint32_t before, struct span piece);

/* Runs tshark over what was captured and returns what `fields` (NULL-ended words for its command line, e.g. "-T",
 * "fields", "-e", "mqtt.msgtype") print; the caller frees it. */
char *capture_read(struct scene *s, const char *const words[]);
