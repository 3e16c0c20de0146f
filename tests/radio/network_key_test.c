/* network_key_test.c -- the key is kept before it is used, and never written over. */
#include "radio/network_key.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64], path[96], why[256];
static uint8_t key[16];

/* In place of the C library's: what was synced last, and how the next sync of a folder ends. */
static mode_t synced;
static int folder_error;

int fsync(int fd)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    synced = st.st_mode & S_IFMT;
    errno = folder_error;
    return S_ISDIR(st.st_mode) && folder_error != 0 ? -1 : 0;
}

static int begin(void **state)
{
    (void)state;
    synced = 0;
    folder_error = 0;
    snprintf(folder, sizeof folder, "%s", "/tmp/network-key-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/key", folder);
    why[0] = '\0';
    return 0;
}

static int end(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder);
}

static void file_holds(const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void a_made_key_is_read_again_and_is_private(void **state)
{
    (void)state;
    uint8_t again[16];
    struct stat st;
    assert_int_equal(network_key_read(path, key, why, sizeof why), NETWORK_KEY_ABSENT);
    assert_true(network_key_make(path, key, why, sizeof why));
    assert_int_equal(network_key_read(path, again, why, sizeof why), NETWORK_KEY_FOUND);
    assert_memory_equal(key, again, sizeof key);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_key_that_is_there_is_never_written_over(void **state)
{
    (void)state;
    file_holds("000102030405060708090a0b0c0d0e0f\n");
    assert_false(network_key_make(path, key, why, sizeof why));
    assert_non_null(strstr(why, "cannot keep"));
    assert_int_equal(network_key_read(path, key, why, sizeof why), NETWORK_KEY_FOUND);
    assert_int_equal(key[15], 15);
}

static void what_is_no_key_is_refused_in_words(void **state)
{
    (void)state;
    static const char *const wrong[] = { "",
                                         "0001",
                                         "000102030405060708090a0b0c0d0e0g",
                                         "000102030405060708090a0b0c0d0e0f00",
                                         "000102030405060708090a0b0c0d0e\x10\x11",
                                         "000102030405060708090a0b0c0d0e0f            and more" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        file_holds(wrong[i]);
        assert_int_equal(network_key_read(path, key, why, sizeof why), NETWORK_KEY_BROKEN);
        assert_non_null(strstr(why, "32 hex digits"));
    }
}

static void a_key_outlives_a_power_cut(void **state)
{
    (void)state;
    assert_true(network_key_make(path, key, why, sizeof why));
    assert_int_equal(synced, S_IFDIR); /* after the file */
}

static void a_key_whose_folder_is_not_kept_is_not_used(void **state)
{
    (void)state;
    folder_error = EIO;
    assert_false(network_key_make(path, key, why, sizeof why));
    assert_non_null(strstr(why, strerror(EIO)));
    assert_int_equal(network_key_read(path, key, why, sizeof why), NETWORK_KEY_ABSENT);
}

static void a_file_system_without_sync_of_folders_will_do(void **state)
{
    (void)state;
    folder_error = EINVAL;
    assert_true(network_key_make(path, key, why, sizeof why));
}

static void no_file_is_named(void **state)
{
    (void)state;
    assert_int_equal(network_key_read("", key, why, sizeof why), NETWORK_KEY_ABSENT);
    assert_true(network_key_make("", key, why, sizeof why));
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
    (void)state;
    assert_false(network_key_make("/nonexistent/key", key, why, sizeof why));
    assert_non_null(strstr(why, "/nonexistent/key"));
}

static void the_key_of_the_guides_is_known(void **state)
{
    (void)state;
    file_holds("01030507090B0D0F00020406080A0C0D");
    assert_int_equal(network_key_read(path, key, why, sizeof why), NETWORK_KEY_FOUND);
    assert_true(network_key_is_well_known(key));
    key[0] = 2;
    assert_false(network_key_is_well_known(key));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_made_key_is_read_again_and_is_private),
        TEST(a_key_that_is_there_is_never_written_over),
        TEST(what_is_no_key_is_refused_in_words),
        TEST(a_key_outlives_a_power_cut),
        TEST(a_key_whose_folder_is_not_kept_is_not_used),
        TEST(a_file_system_without_sync_of_folders_will_do),
        TEST(no_file_is_named),
        TEST(a_folder_that_is_not_there_is_an_error),
        TEST(the_key_of_the_guides_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
