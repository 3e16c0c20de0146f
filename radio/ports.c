/* ports.c -- the list of serial ports, and which of them `port: auto` means.
 *
 * The list is read from sysfs: every tty that has a device behind it, and what its USB device says of itself.
 * libserialport has such a list too, but it opens each built-in port to see whether it exists, and it cannot be shown a
 * tree that a test has made. */
#include "radio/ports.h"

#include "radio/ports_inside.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

const struct ports_roots ports_system = { "/dev", "/sys" };

enum { USB_LEVELS = 4 }; /* from a tty up to its USB device at most */

const char *port_path(const struct port *p)
{
    return p->by_id[0] ? p->by_id : p->device;
}

const struct port *ports_find(const struct ports *ports, const char *path)
{
    char real[PATH_MAX], device[PATH_MAX];
    if (!realpath(path, real))
        return NULL;
    for (size_t i = 0; i < ports->count; i++) {
        if (realpath(ports->at[i].device, device) && strcmp(real, device) == 0)
            return &ports->at[i];
    }
    return NULL;
}

/* ---- sysfs ------------------------------------------------------------------------------------------------------- */

/* The first line of folder/name; false: there is no such file. */
static bool read_line(const char *folder, const char *name, char *line, size_t room)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return false;
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    const bool any = fgets(line, (int)room, f) != NULL;
    fclose(f);
    if (any)
        line[strcspn(line, "\n")] = '\0';
    return any;
}

static uint16_t read_hex(const char *folder, const char *name)
{
    char line[16];
    return read_line(folder, name, line, sizeof line) ? (uint16_t)strtoul(line, NULL, 16) : 0;
}

/* `folder` becomes the one above it. */
static void go_up(char *folder)
{
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = '\0';
}

/* Names come from the device: what a terminal could take as a command is replaced. */
static void make_printable(char *text)
{
    for (; *text; text++) {
        if ((uint8_t)*text < ' ' || *text == 127)
            *text = '?';
    }
}

/* What the USB device above the tty's `folder` says. */
static void ask_usb(char *folder, struct port *p)
{
    char line[16];
    for (int level = 0; level < USB_LEVELS; level++, go_up(folder)) {
        if (read_line(folder, "bInterfaceNumber", line, sizeof line))
            p->interface = (uint8_t)strtoul(line, NULL, 16);
        p->usb = read_line(folder, "idVendor", line, sizeof line);
        if (!p->usb)
            continue;
        p->vendor = read_hex(folder, "idVendor");
        p->id = read_hex(folder, "idProduct");
        (void)read_line(folder, "product", p->product, sizeof p->product);
        make_printable(p->product);
        return;
    }
}

/* Built-in ports have an entry for each that could be; type 0 means that there is none. */
static bool is_there(const char *folder)
{
    char type[16];
    return !read_line(folder, "type", type, sizeof type) || strtol(type, NULL, 10) != 0;
}

/* The tty `name`, if it is a port with hardware. */
static bool ask_tty(const struct ports_roots *roots, const char *name, struct port *p)
{
    char entry[PATH_MAX], device[PATH_MAX];
    struct stat about;
    *p = (struct port){ .kind = "" };
    snprintf(p->device, sizeof p->device, "%s/%s", roots->dev, name);
    snprintf(entry, sizeof entry, "%s/class/tty/%s", roots->sys, name);
    if (stat(p->device, &about) < 0 || !is_there(entry) ||
        strlen(entry) + sizeof "/device" > sizeof entry)
        return false;
    memcpy(entry + strlen(entry), "/device", sizeof "/device");
    if (!realpath(entry, device))
        return false;
    ask_usb(device, p);
    return true;
}

/* ---- by-id names ------------------------------------------------------------------------------------------------- */

static void name_port(struct ports *ports, const char *link)
{
    char real[PATH_MAX], device[PATH_MAX];
    if (!realpath(link, real))
        return;
    for (size_t i = 0; i < ports->count; i++) {
        struct port *p = &ports->at[i];
        if (p->by_id[0] == '\0' && realpath(p->device, device) && strcmp(real, device) == 0)
            snprintf(p->by_id, sizeof p->by_id, "%s", link);
    }
}

static void name_ports(const struct ports_roots *roots, struct ports *ports)
{
    char folder[PORT_PATH], link[PORT_PATH];
    snprintf(folder, sizeof folder, "%s/serial/by-id", roots->dev);
    DIR *names = opendir(folder);
    if (!names)
        return;
    for (const struct dirent *e = readdir(names); e; e = readdir(names)) {
        if (e->d_name[0] != '.' &&
            snprintf(link, sizeof link, "%s/%s", folder, e->d_name) < (int)sizeof link)
            name_port(ports, link);
    }
    closedir(names);
}

/* ---- the list ---------------------------------------------------------------------------------------------------- */

static int by_kind_and_name(const void *a, const void *b)
{
    const struct port *one = a, *other = b;
    if (one->usb != other->usb)
        return one->usb ? -1 : 1;
    return strverscmp(one->device, other->device);
}

void ports_list(const struct ports_roots *roots, struct ports *out)
{
    char folder[PORT_PATH];
    out->count = 0;
    snprintf(folder, sizeof folder, "%s/class/tty", roots->sys);
    DIR *ttys = opendir(folder);
    if (!ttys)
        return;
    for (const struct dirent *e = readdir(ttys); e && out->count < PORTS_MAX; e = readdir(ttys)) {
        if (e->d_name[0] != '.' && ask_tty(roots, e->d_name, &out->at[out->count]))
            out->count++;
    }
    closedir(ttys);
    name_ports(roots, out);
    for (size_t i = 0; i < out->count; i++)
        ports_recognise(&out->at[i]);
    qsort(out->at, out->count, sizeof out->at[0], by_kind_and_name);
}

/* ---- the choice -------------------------------------------------------------------------------------------------- */

/* Sticks with a debugger have two ports: the first is the radio's. */
static bool is_second_port(const struct ports *ports, const struct port *p)
{
    for (size_t i = 0; i < ports->count; i++) {
        const struct port *q = &ports->at[i];
        if (p->certain && q->certain && q->vendor == p->vendor && q->id == p->id &&
            q->interface < p->interface)
            return true;
    }
    return false;
}

static bool fits(const struct ports *ports, const struct port *p, uint32_t driver, bool certain)
{
    return (p->drivers & driver) != 0 && p->certain == certain && !is_second_port(ports, p);
}

/* Is any port recognised as one for the driver? Then those that may be anything do not count. */
static bool has_certain(const struct ports *ports, uint32_t driver)
{
    for (size_t i = 0; i < ports->count; i++) {
        if (fits(ports, &ports->at[i], driver, true))
            return true;
    }
    return false;
}

enum ports_error ports_choose(const struct ports *ports, enum config_driver driver,
                              const struct port **chosen)
{
    const uint32_t bit = 1U << driver;
    const bool certain = has_certain(ports, bit);
    const struct port *one = NULL;
    for (size_t i = 0; i < ports->count; i++) {
        if (!fits(ports, &ports->at[i], bit, certain))
            continue;
        if (one)
            return PORTS_MANY;
        one = &ports->at[i];
    }
    if (!one)
        return PORTS_NONE;
    *chosen = one;
    return PORTS_OK;
}

/* ---- as text ----------------------------------------------------------------------------------------------------- */

/* Adds " and " or ", " and the path; what does not fit is cut. */
static void add_path(char *line, size_t room, const char *path, bool last)
{
    const size_t len = strlen(line);
    snprintf(line + len, room - len, "%s%s", len == 0 ? "" : last ? " and " : ", ", path);
}

const char *ports_fitting(const struct ports *ports, enum config_driver driver, char *line,
                          size_t room)
{
    const uint32_t bit = 1U << driver;
    const bool certain = has_certain(ports, bit);
    const struct port *before = NULL;
    line[0] = '\0';
    for (size_t i = 0; i < ports->count; i++) {
        if (!fits(ports, &ports->at[i], bit, certain))
            continue;
        if (before)
            add_path(line, room, port_path(before), false);
        before = &ports->at[i];
    }
    if (before)
        add_path(line, room, port_path(before), true);
    return line;
}

const char *ports_present(const struct ports *ports, char *line, size_t room)
{
    size_t usb = 0;
    line[0] = '\0';
    while (usb < ports->count && ports->at[usb].usb)
        usb++;
    for (size_t i = 0; i < usb; i++)
        add_path(line, room, port_path(&ports->at[i]), i + 1 == usb);
    return line;
}

static const char *drivers_text(uint32_t drivers, char *line, size_t room)
{
    static const char *const names[] = {
        [DRIVER_XBEE] = "xbee",     [DRIVER_ZNP] = "znp",       [DRIVER_EZSP] = "ezsp",
        [DRIVER_DECONZ] = "deconz", [DRIVER_SERIAL] = "serial",
    };
    line[0] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i] && (drivers & 1U << i))
            add_path(line, room, names[i], false);
    }
    return line;
}

static void print_port(const struct port *p, FILE *out)
{
    char ids[16] = "-", drivers[64] = "-";
    if (p->usb)
        snprintf(ids, sizeof ids, "%04x:%04x", p->vendor, p->id);
    if (p->certain && p->drivers)
        drivers_text(p->drivers, drivers, sizeof drivers);
    else if (p->drivers)
        snprintf(drivers, sizeof drivers, "any");
    fprintf(out, "%-14s %-10s %-8s %-24s %s\n", p->device, ids, drivers, p->kind, p->product);
    if (p->by_id[0])
        fprintf(out, "    %s\n", p->by_id);
}

void ports_print(const struct ports *ports, FILE *out)
{
    if (ports->count == 0) {
        fprintf(
            out,
            "no serial port found: is the stick plugged in? in a container, is it passed through?\n");
        return;
    }
    fprintf(out, "%-14s %-10s %-8s %-24s %s\n", "DEVICE", "USB ID", "DRIVER", "KIND", "CALLS ITSELF");
    for (size_t i = 0; i < ports->count; i++)
        print_port(&ports->at[i], out);
}
