/* replay.c -- runs one fuzz target over the files of its corpus, without a fuzzer.
 *
 * Linked with each fuzz_*.c in the place of libFuzzer's main, so that `make test` feeds every input that was ever worth
 * keeping to the decoders, under any compiler and sanitizer. An input passes when the target comes back; it dies where
 * it fails, and the name printed before it says on which one. Each input lies in a block of exactly its size, so that
 * a sanitizer sees a read of one octet too many. The count is printed as cmocka prints it, for tests/run to add up. */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* The file's octets in a block of their own; NULL when it cannot be read whole. */
static uint8_t *read_whole(const char *path, size_t *len)
{
    struct stat about;
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    uint8_t *bytes = NULL;
    if (fstat(fileno(file), &about) == 0 && S_ISREG(about.st_mode)) {
        *len = (size_t)about.st_size;
        bytes = malloc(*len);
        if (bytes && fread(bytes, 1, *len, file) != *len) {
            free(bytes);
            bytes = NULL;
        }
    }
    fclose(file);
    return bytes;
}

static bool replay(const char *folder, const char *name)
{
    char path[4096];
    size_t len = 0;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    uint8_t *bytes = read_whole(path, &len);
    if (!bytes) {
        printf("cannot read %s\n", path);
        return false;
    }
    printf("%s\n", path);
    fflush(stdout);
    LLVMFuzzerTestOneInput(bytes, len);
    free(bytes);
    return true;
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    if (!folder) {
        fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
        return 2;
    }
    unsigned passed = 0, failed = 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        if (replay(argv[1], entry->d_name))
            passed++;
        else
            failed++;
    }
    closedir(folder);
    printf("[  PASSED  ] %u test(s).\n", passed);
    if (failed > 0)
        printf("\n %u FAILED TEST(S)\n", failed);
    return failed > 0 || passed == 0;
}
