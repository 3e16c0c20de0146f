/* scene.c -- the frame around every system test: a folder, things to close, and a verdict.
 *
 * cmocka leaves a failed assertion by longjmp, so a test cannot clean up behind itself. Whatever it opens is therefore
 * kept here with the way to close it. A test that passes closes its things as its last step, still as a part of the
 * test, because how the gateway stops is a result too; after one that failed the teardown does it, and the gateway
 * prints its log. */
#include "tests/system/scene.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int scene_open(void **state)
{
    const struct scene_test *test = *state;
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    const char *base = getenv("TMPDIR");
    snprintf(s->folder, sizeof s->folder, "%.40s/mqttsn-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(s->folder));
    s->test = test->run;
    s->mode = test->mode;
    s->driver = test->driver;
    *state = s;
    return 0;
}

static bool close_things(struct scene *s, bool failed)
{
    bool all_well = true;
    while (s->thing_count > 0) {
        s->thing_count--;
        void *thing = s->things[s->thing_count].thing;
        if (!s->things[s->thing_count].close(thing, failed))
            all_well = false;
        free(thing);
    }
    return all_well;
}

void scene_run(void **state)
{
    struct scene *s = *state;
    s->failed = true;
    s->test(s);
    assert_true(close_things(s, false));
    s->failed = false;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

int scene_close(void **state)
{
    struct scene *s = *state;
    close_things(s, s->failed);
    nftw(s->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(s);
    return 0;
}

void scene_keeps(struct scene *s, void *thing, bool (*close)(void *thing, bool failed))
{
    assert_true(s->thing_count < SCENE_THINGS);
    s->things[s->thing_count].thing = thing;
    s->things[s->thing_count].close = close;
    s->thing_count++;
}

void scene_writes(struct scene *s, const char *name, const char *text, char path[static SCENE_PATH])
{
    snprintf(path, SCENE_PATH, "%s/%s", s->folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

char *scene_reads(const char *path)
{
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("cannot read %s", path);
    char *text = NULL;
    size_t room = 0;
    if (getdelim(&text, &room, '\0', f) < 0)
        text[0] = '\0';
    fclose(f);
    return text;
}

void scene_runs(const char *const argv[])
{
    struct process p;
    assert_true(process_start(&p, argv, NULL));
    int status = process_end(&p, 0);
    if (status != 0)
        print_error("%s ended with %d:\n%s\n", argv[0], status, p.text);
    process_forget(&p);
    assert_int_equal(status, 0);
}

int scene_listens(uint16_t *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, SOMAXCONN), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *port = ntohs(a.sin_port);
    return fd;
}

uint16_t scene_free_port(void)
{
    uint16_t port;
    close(scene_listens(&port));
    return port;
}
