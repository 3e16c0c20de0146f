/* inspect.c -- --list-ports and --probe: what an installer asks before there are settings.
 *
 * Neither needs a settings file, and neither touches a running gateway: a port that is in use is refused by its lock.
 * A coordinator that answers is followed by the lines to paste, with the name of the port that does not change at the
 * next unplugging. */
#include "gateway/inspect.h"

#include "config/log.h"
#include "radio/ports.h"
#include "radio/probe.h"
#include "radio/zigbee.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

static void print_forbidden(const struct ports *ports)
{
    size_t forbidden = 0;
    const char *one = "";
    for (size_t i = 0; i < ports->count; i++)
        if (access(ports->at[i].device, R_OK | W_OK) != 0) {
            forbidden++;
            one = ports->at[i].device;
        }
    if (forbidden > 0)
        printf("\n%zu of them (such as %s) may not be used by you: join their group and log in again, as in\n"
               "`sudo usermod -aG dialout $USER`; the service is in that group already.\n",
               forbidden, one);
}

int inspect_ports(void)
{
    static struct ports ports;
    ports_list(&ports_system, &ports);
    ports_print(&ports, stdout);
    print_forbidden(&ports);
    if (ports.count > 0 && ports.at[0].usb)
        printf("\nWhat is behind it: mqttsn-gateway --probe %s\n", port_path(&ports.at[0]));
    return EXIT_SUCCESS;
}

/* ---- --probe --------------------------------------------------------------------------------------------------- */

/* The name leads to the same device after the next unplugging as well. A link was chosen by somebody: it stays. */
static void print_settings(const struct probe_finding *f, const char *name)
{
    static struct ports ports;
    ports_list(&ports_system, &ports);
    const struct port *port = ports_find(&ports, name);
    printf("\nFor the settings:\n"
           "\n"
           "radios:\n"
           "  - name: field\n"
           "    driver: %s\n"
           "    port: \"%s\"\n",
           f->family->name, port && strcmp(port->device, name) == 0 ? port_path(port) : name);
    if (f->baud > 0)
        printf("    baud: %" PRIu32 "\n", f->baud);
    if (port && port->flow == FLOW_RTSCTS)
        puts("    flow_control: rtscts");
}

struct asked {
    struct event_base *loop;
    const char *port;
    enum probe_result result;
};

static void on_finding(void *context, const struct probe_finding *f)
{
    struct asked *a = context;
    a->result = f->result;
    probe_print(f, a->port, stdout);
    if (f->result == PROBE_FOUND)
        print_settings(f, a->port);
    event_base_loopbreak(a->loop);
}

int inspect_probe(const char *port, uint32_t baud)
{
    /* Who answers fastest and is least disturbed by the others' questions comes first. */
    const struct coordinator_family *const families[] = { zigbee_family(DRIVER_ZNP),
                                                          zigbee_family(DRIVER_EZSP),
                                                          zigbee_family(DRIVER_DECONZ),
                                                          zigbee_family(DRIVER_XBEE) };
    const struct probe_request request = { port,          baud,
                                           families,      sizeof families / sizeof *families,
                                           PROBE_WAIT_MS, stderr };
    if (port[0] != '/' && strncmp(port, "tcp://", 6) != 0) {
        fprintf(stderr,
                "%s is no port: name it as /dev/..., or tcp://host:port; see --list-ports\n", port);
        return EXIT_FAILURE;
    }
    log_setup(LEVEL_ERROR, false);
    struct asked asked = { event_base_new(), port, PROBE_CLOSED };
    struct probe *p = asked.loop ? probe_new(asked.loop, &request, on_finding, &asked) : NULL;
    if (p)
        event_base_dispatch(asked.loop);
    probe_free(p);
    if (asked.loop)
        event_base_free(asked.loop);
    return asked.result == PROBE_FOUND ? EXIT_SUCCESS : EXIT_FAILURE;
}
