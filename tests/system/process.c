/* process.c -- child processes that log into a pipe which the test reads.
 *
 * A test never sleeps until a child is "surely" ready: it waits for the line that the child logs. The pipe is made
 * large, so that a child with much to say is not held up by a test that is busy elsewhere, and its end of file is also
 * the notice that the child has ended: nobody else holds the writing end. */
#include "tests/system/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LOG_PIPE = 1 << 20, READ_AT_ONCE = 4096, EXIT_NO_PROGRAM = 127, SIGNALLED = 128 };

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

uint16_t stretched(uint16_t amount)
{
    const char *slow = getenv("TEST_SLOW");
    long factor = slow ? strtol(slow, NULL, 10) : 1;
    return (uint16_t)(amount * (factor < 1 ? 1 : factor));
}

int64_t deadline_in(int ms)
{
    return now_ms() + (int64_t)ms * stretched(1);
}

int deadline_left(int64_t deadline)
{
    int64_t left = deadline - now_ms();
    return left > 0 ? (int)left : 0;
}

static _Noreturn void become(const char *const argv[], int in, const char *out, int log)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int to = out ? open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600) : log;
    if (in < 0 || to < 0 || dup2(in, 0) < 0 || dup2(to, 1) < 0 || dup2(log, 2) < 0)
        _exit(EXIT_NO_PROGRAM);
    union {
        const char *const *mine;
        char *const *theirs; /* execvp changes nothing, it only says so too late for `const` */
    } words = { argv };
    execvp(argv[0], words.theirs);
    _exit(EXIT_NO_PROGRAM);
}

/* `in` becomes the child's standard input and is closed here. */
static bool start(struct process *p, const char *const argv[], int in, const char *out)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    fcntl(ends[1], F_SETPIPE_SZ, LOG_PIPE);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    p->pid = fork();
    if (p->pid == 0)
        become(argv, in, out, ends[1]);
    close(in);
    close(ends[1]);
    p->log = ends[0];
    return p->pid > 0;
}

bool process_start(struct process *p, const char *const argv[], const char *out)
{
    *p = (struct process){ .log = -1, .input = -1 };
    return start(p, argv, open("/dev/null", O_RDONLY | O_CLOEXEC), out);
}

bool process_start_with_input(struct process *p, const char *const argv[])
{
    int ends[2];
    *p = (struct process){ .log = -1, .input = -1 };
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    p->input = ends[1];
    return start(p, argv, ends[0], NULL);
}

bool process_told(const struct process *p, const char *line)
{
    char text[256];
    int len = snprintf(text, sizeof text, "%s\n", line);
    return len < (int)sizeof text && write(p->input, text, (size_t)len) == len;
}

/* Reads what is there. False at the end of the log. */
static bool take_in(struct process *p)
{
    for (;;) {
        if (p->room - p->len < READ_AT_ONCE + 1) {
            size_t room = p->room * 2 + 4 * READ_AT_ONCE;
            char *text = realloc(p->text, room);
            if (!text)
                return false;
            p->text = text;
            p->room = room;
        }
        ssize_t n = read(p->log, p->text + p->len, READ_AT_ONCE);
        if (n <= 0) {
            p->text[p->len] = '\0';
            return n < 0;
        }
        p->len += (size_t)n;
    }
}

/* Waits for more of the log. False: there will be none, or not in time. */
static bool wait_for_more(struct process *p, int64_t deadline)
{
    struct pollfd ready = { p->log, POLLIN, 0 };
    return poll(&ready, 1, deadline_left(deadline)) > 0 && take_in(p);
}

static bool find_line(const struct process *p, const char *text, char *line, size_t room)
{
    const char *found = p->text ? strstr(p->text + p->mark, text) : NULL;
    const char *end = found ? strchr(found, '\n') : NULL;
    if (!end)
        return false;
    const char *start = found;
    while (start > p->text && start[-1] != '\n')
        start--;
    snprintf(line, room, "%.*s", (int)(end - start), start);
    return true;
}

bool process_says(struct process *p, const char *text, int patience_ms, char *line, size_t room)
{
    int64_t deadline = deadline_in(patience_ms);
    while (!find_line(p, text, line, room))
        if (!wait_for_more(p, deadline))
            return find_line(p, text, line, room);
    return true;
}

size_t process_count(struct process *p, const char *text)
{
    size_t count = 0;
    if (p->log >= 0)
        take_in(p);
    for (const char *at = p->text ? p->text + p->mark : NULL; at && (at = strstr(at, text));
         at += strlen(text))
        count++;
    return count;
}

void process_mark(struct process *p)
{
    if (p->log >= 0)
        take_in(p);
    p->mark = p->len;
}

void process_prints(const struct process *p, const char *name)
{
    fprintf(stderr, "---- log of the %s:\n%s\n", name, p->text ? p->text : "");
}

int process_end(struct process *p, int signal)
{
    if (p->pid <= 0)
        return 0;
    if (signal)
        kill(p->pid, signal);
    int64_t deadline = deadline_in(2 * PATIENCE_MS);
    while (wait_for_more(p, deadline)) {
    }
    bool late = deadline_left(deadline) == 0;
    if (late)
        kill(p->pid, SIGKILL);
    int status = 0;
    waitpid(p->pid, &status, 0);
    close(p->log);
    if (p->input >= 0)
        close(p->input);
    p->log = p->input = -1;
    p->pid = 0;
    if (late)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : SIGNALLED + WTERMSIG(status);
}

void process_forget(struct process *p)
{
    free(p->text);
    *p = (struct process){ .log = -1, .input = -1 };
}
