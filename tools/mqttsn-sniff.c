/* mqttsn-sniff.c -- prints MQTT-SN traffic, live or from a capture file, a line for each message.
 *
 * libpcap brings the packets: it knows every capture file format and the kernel's capture socket, and filters in the
 * kernel. packet.c finds the datagram in a packet, sniff_text.c makes the line. What is left is here: which ports are
 * of interest, when it happened, and a tally at the end. Live capture needs the right to do so, and says which. */
#include "tools/options.h"
#include "tools/packet.h"
#include "tools/sniff_text.h"

#include <inttypes.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PROGRAM "mqttsn-sniff"

enum { SNAP_LEN = 262144, WAKE_MS = 100, PORTS_MAX = 2048, LINE_ROOM = 2048 };

struct sniff {
    const char *interface, *file;
    struct option_list port_texts;
    uint32_t count;
    bool summary, utc;
    uint16_t ports[OPTION_LIST_MAX];
    size_t port_count;
    pcap_t *pcap;
    int link;
    uint64_t packets, shown, left_out[PACKET_ERRORS];
    struct sniff_tally tally;
};

static const char examples[] =
    "  mqttsn-sniff -i lo                           # as root; ports 1883 and 10000\n"
    "  mqttsn-sniff -i any -p 1883 -p 1884 --summary\n"
    "  mqttsn-sniff -r capture.pcap --summary\n"
    "  tcpdump -i any -U -w - udp | mqttsn-sniff -r -\n";

static void add_options(struct options *o, struct sniff *s)
{
    const struct option_row rows[] = {
        { "interface", 'i', OPTION_TEXT, &s->interface, 0, 0, "IFACE",
          "capture there, 'any' for all (needs root or CAP_NET_RAW)" },
        { "read", 'r', OPTION_TEXT, &s->file, 0, 0, "FILE",
          "read a pcap or pcapng file, '-' for standard input" },
        { "port", 'p', OPTION_LIST, &s->port_texts, 0, 0, "PORT",
          "UDP port of a gateway; may be repeated (1883, 10000)" },
        { "count", 'C', OPTION_NUMBER, &s->count, 1, UINT32_MAX, "N", "leave after N messages" },
        { "summary", 's', OPTION_FLAG, &s->summary, 0, 0, NULL, "count messages by type at the end" },
        { "utc", 'u', OPTION_FLAG, &s->utc, 0, 0, NULL, "print times in UTC, not in local time" },
    };
    options_add(o, rows, sizeof rows / sizeof *rows);
}

static bool check(struct sniff *s)
{
    int64_t port = 0;
    if (!s->interface == !s->file) {
        tool_complain(PROGRAM, "give either --interface or --read; try '" PROGRAM " --help'");
        return false;
    }
    for (size_t i = 0; i < s->port_texts.count; i++) {
        if (!option_number(s->port_texts.at[i], 1, 65535, &port)) {
            tool_complain(PROGRAM, "--port %s: must be a whole number from 1 to 65535",
                          s->port_texts.at[i]);
            return false;
        }
        s->ports[s->port_count++] = (uint16_t)port;
    }
    if (s->port_count == 0) {
        s->ports[s->port_count++] = 1883;
        s->ports[s->port_count++] = 10000;
    }
    return true;
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static bool open_file(struct sniff *s)
{
    char why[PCAP_ERRBUF_SIZE] = "";
    s->pcap = pcap_open_offline(s->file, why);
    if (!s->pcap)
        tool_complain(PROGRAM, "cannot read %s: %s", s->file, why);
    return s->pcap != NULL;
}

/* The kernel drops what is not for our ports; packet.c decides again. Tagged packets need a clause of their own. */
static bool set_filter(struct sniff *s)
{
    char ports[PORTS_MAX] = "", filter[2 * PORTS_MAX + 32];
    struct bpf_program program;
    size_t used = 0;
    for (size_t i = 0; i < s->port_count; i++)
        used += (size_t)snprintf(ports + used, sizeof ports - used, "%sudp port %u",
                                 i > 0 ? " or " : "", s->ports[i]);
    snprintf(filter, sizeof filter, "(%s) or (vlan and (%s))", ports, ports);
    if (pcap_compile(s->pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN) != 0 &&
        pcap_compile(s->pcap, &program, ports, 1, PCAP_NETMASK_UNKNOWN) != 0) { /* no VLANs there */
        tool_complain(PROGRAM, "cannot filter: %s", pcap_geterr(s->pcap));
        return false;
    }
    int set = pcap_setfilter(s->pcap, &program);
    pcap_freecode(&program);
    if (set != 0)
        tool_complain(PROGRAM, "cannot filter: %s", pcap_geterr(s->pcap));
    return set == 0;
}

static bool explain_capture(const struct sniff *s, int status)
{
    const char *reason = pcap_geterr(s->pcap);
    if (status == PCAP_ERROR_PERM_DENIED)
        tool_complain(PROGRAM,
                      "capturing on %s is not allowed: run it as root or give it the right once "
                      "with 'setcap cap_net_raw+ep'",
                      s->interface);
    else if (status == PCAP_ERROR_NO_SUCH_DEVICE)
        tool_complain(PROGRAM, "there is no interface %s; 'ip link' lists them", s->interface);
    else
        tool_complain(PROGRAM, "cannot capture on %s: %s%s%s", s->interface,
                      pcap_statustostr(status), *reason ? ": " : "", reason);
    return false;
}

static bool open_live(struct sniff *s)
{
    char why[PCAP_ERRBUF_SIZE] = "";
    s->pcap = pcap_create(s->interface, why);
    if (!s->pcap) {
        tool_complain(PROGRAM, "cannot capture on %s: %s", s->interface, why);
        return false;
    }
    pcap_set_snaplen(s->pcap, SNAP_LEN);
    pcap_set_immediate_mode(s->pcap, 1);
    pcap_set_timeout(s->pcap, WAKE_MS);
    int status = pcap_activate(s->pcap); /* above 0: a warning, it works */
    if (status < 0)
        return explain_capture(s, status);
    /* Silence on a quiet port must not look like a capture that failed. */
    fprintf(stderr, "%s: listening on %s, UDP port", PROGRAM, s->interface);
    for (size_t i = 0; i < s->port_count; i++)
        fprintf(stderr, "%s %u", i > 0 ? "," : "", s->ports[i]);
    fputs(" (-p for others)\n", stderr);
    return set_filter(s);
}

/* ---- printing ---------------------------------------------------------------------------------------------------- */

static bool is_of_interest(const struct sniff *s, const struct packet *p)
{
    for (size_t i = 0; i < s->port_count; i++)
        if (p->from.port == s->ports[i] || p->to.port == s->ports[i])
            return true;
    return false;
}

static void print_packet(struct sniff *s, const struct timeval *when, const struct packet *p)
{
    char clock[16] = "--:--:--", from[PACKET_END_TEXT], to[PACKET_END_TEXT], line[LINE_ROOM];
    struct tm parts;
    if (s->utc ? gmtime_r(&when->tv_sec, &parts) : localtime_r(&when->tv_sec, &parts))
        strftime(clock, sizeof clock, "%H:%M:%S", &parts);
    printf("%s.%06ld %s > %s %s\n", clock, (long)when->tv_usec,
           packet_end_text(&p->from, from, sizeof from), packet_end_text(&p->to, to, sizeof to),
           sniff_text(p->payload, &s->tally, line, sizeof line));
    fflush(stdout);
}

static void take_packet(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes)
{
    struct sniff *s = (struct sniff *)(void *)user;
    struct packet p;
    s->packets++;
    enum packet_error e = packet_parse(s->link, span_of(bytes, header->caplen), &p);
    if (e != PACKET_OK) {
        s->left_out[e]++;
        return;
    }
    if (!is_of_interest(s, &p))
        return;
    print_packet(s, &header->ts, &p);
    if (++s->shown == s->count)
        pcap_breakloop(s->pcap);
}

static void print_count(const char *what, const char *detail, uint64_t count)
{
    if (count > 0)
        printf("%10" PRIu64 "  %s%s\n", count, what, detail);
}

static void print_summary(const struct sniff *s)
{
    printf("\n%" PRIu64 " packets, %" PRIu64 " MQTT-SN frames\n", s->packets, s->shown);
    for (int type = 0; type < MQTTSN_TYPES; type++)
        print_count("", mqttsn_type_name((enum mqttsn_type)type), s->tally.types[type]);
    print_count("", "of them behind a forwarder", s->tally.encapsulated);
    for (int e = 0; e < MQTTSN_ERRORS; e++)
        print_count("malformed: ", mqttsn_strerror((enum mqttsn_error)e), s->tally.malformed[e]);
    for (int e = 0; e < PACKET_ERRORS; e++)
        print_count("packets left out: ", packet_strerror((enum packet_error)e), s->left_out[e]);
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static pcap_t *running; /* for the signal handler, which gets no argument */

static void stop(int signal_number)
{
    (void)signal_number;
    pcap_breakloop(running);
}

static void catch_signals(struct sniff *s)
{
    const struct sigaction action = { .sa_handler = stop };
    running = s->pcap;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static enum exit_code run(struct sniff *s)
{
    s->link = pcap_datalink(s->pcap);
    if (!packet_knows(s->link)) {
        const char *name = pcap_datalink_val_to_name(s->link);
        tool_complain(PROGRAM,
                      "link type %s (%d) is not understood; Ethernet, Linux cooked, "
                      "raw IP and loopback are",
                      name ? name : "?", s->link);
        return EXIT_LOCAL;
    }
    catch_signals(s);
    int result = pcap_loop(s->pcap, -1, take_packet, (u_char *)s);
    if (result == PCAP_ERROR)
        tool_complain(PROGRAM, "%s: %s", s->file ? s->file : s->interface, pcap_geterr(s->pcap));
    if (s->summary)
        print_summary(s);
    return result == PCAP_ERROR ? EXIT_LOCAL : EXIT_DONE;
}

int main(int argc, char **argv)
{
    static struct sniff s;
    struct options o = {
        .program = PROGRAM,
        .about = "Prints MQTT-SN messages over UDP, live or from a capture file.",
        .examples = examples,
    };
    enum exit_code code;
    add_options(&o, &s);
    if (!options_parse(&o, argc, argv, &code))
        return (int)code;
    if (!check(&s))
        return EXIT_USAGE;
    code = EXIT_LOCAL;
    if (s.file ? open_file(&s) : open_live(&s))
        code = run(&s);
    if (s.pcap)
        pcap_close(s.pcap);
    return (int)code;
}
