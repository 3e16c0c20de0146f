/* ports_scene.h -- a machine with serial ports, made of files: a /dev and a /sys below a folder of its own. */
#pragma once

#include "radio/ports.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { TREE_PATH = 1024 };

struct tree {
    char folder[256], dev[300], sys[300];
    struct ports_roots roots;
};

struct plug {
    const char *tty;     /* "ttyUSB0" */
    const char *ids;     /* "10c4:ea60"; NULL = no USB device */
    const char *product; /* NULL = says nothing */
    const char *by_id;   /* NULL = none */
    const char *leads_to; /* /dev/ttyUSB0 is a symlink to it; NULL = a file that stands for the device */
    unsigned interface;
};

static inline void make_folders(const char *path)
{
    char part[TREE_PATH];
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        mkdir(part, 0755);
    }
}

/* The file folder/name with one line, and the folders above it. */
static inline void make_file(const char *folder, const char *name, const char *text)
{
    char path[TREE_PATH * 2];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    make_folders(path);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fprintf(f, "%s\n", text);
    fclose(f);
}

static inline void make_link(const char *folder, const char *name, const char *to)
{
    char path[TREE_PATH * 2];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    make_folders(path);
    assert_int_equal(symlink(to, path), 0);
}

static inline void tree_grow(struct tree *t, const char *folder)
{
    snprintf(t->folder, sizeof t->folder, "%s", folder);
    snprintf(t->dev, sizeof t->dev, "%s/dev", folder);
    snprintf(t->sys, sizeof t->sys, "%s/sys", folder);
    t->roots = (struct ports_roots){ t->dev, t->sys };
    make_file(t->sys, "class/tty/tty0/dev", "4:0"); /* a console: no hardware behind it */
    make_file(t->dev, "tty0", "");
}

static inline void describe_usb(const char *usb, const struct plug *p)
{
    char text[16];
    snprintf(text, sizeof text, "%.4s", p->ids);
    make_file(usb, "idVendor", text);
    make_file(usb, "idProduct", p->ids + 5);
    if (p->product)
        make_file(usb, "product", p->product);
}

static inline void plug_in(struct tree *t, struct plug p)
{
    char usb[TREE_PATH], interface[TREE_PATH], text[400];
    snprintf(usb, sizeof usb, "%s/devices/%s/1-1", t->sys, p.tty);
    snprintf(interface, sizeof interface, "%.600s/1-1:1.%u", usb, p.interface);
    snprintf(text, sizeof text, "%02x", p.interface);
    make_file(interface, p.ids ? "bInterfaceNumber" : "modalias", text);
    if (p.ids)
        describe_usb(usb, &p);
    snprintf(text, sizeof text, "class/tty/%s/device", p.tty);
    make_link(t->sys, text, interface);
    if (p.leads_to)
        make_link(t->dev, p.tty, p.leads_to);
    else
        make_file(t->dev, p.tty, "");
    snprintf(text, sizeof text, "../../%s", p.tty);
    char by_id[TREE_PATH];
    snprintf(by_id, sizeof by_id, "%s/serial/by-id", t->dev);
    if (p.by_id)
        make_link(by_id, p.by_id, text);
}

static inline int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about;
    (void)kind;
    (void)where;
    return remove(path);
}

static inline void remove_all(const char *folder)
{
    (void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
