/* notify_test.c -- what the service manager hears. */
#include "gateway/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static int manager_at(const char *name, size_t len)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    memcpy(a.sun_path, name, len);
    assert_true(fd >= 0);
    assert_int_equal(
        bind(fd, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
        0);
    return fd;
}

static void a_manager_hears_the_state(void **state)
{
    char name[64], heard[32] = "";
    (void)state;
    int len = snprintf(name, sizeof name, "@mqttsn-notify-%d", (int)getpid());
    setenv("NOTIFY_SOCKET", name, 1);
    name[0] = '\0';
    int fd = manager_at(name, (size_t)len);
    notify_service("READY=1");
    assert_int_equal(recv(fd, heard, sizeof heard - 1, MSG_DONTWAIT), 7);
    assert_string_equal(heard, "READY=1");
    close(fd);
}

static void nobody_is_told_when_nobody_asked(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    notify_service("READY=1");
    setenv("NOTIFY_SOCKET", "/nobody/listens/here", 1);
    notify_service("READY=1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manager_hears_the_state),
        cmocka_unit_test(nobody_is_told_when_nobody_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
