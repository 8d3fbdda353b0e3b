/* SPDX-License-Identifier: MIT */
/*
 * Files of more than 5 GiB, of which only what is written exists: places in
 * them do not fit into 32 bits. GGUF: test_gguf_files.c.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <errno.h>
#include <fcntl.h>

#include "formats/pack_source.h"
#include "formats/safetensors.h"
#include "libconv/base/output.h"
#include "tests/unit/fixture.h"
#include "tests/unit/gguf_bytes.h"

#define FAR   ((uint64_t)5 << 30)
#define CHUNK ((size_t)1 << 20)

static char *dir;

static void setup(void)
{
    dir = fixture_folder();
}

static void teardown(void)
{
    fixture_remove(dir);
}

/* As a file system that cannot reserve: what is promised is one large hole. */
int fallocate(int fd, int mode, off_t at, off_t n)
{
    (void)fd;
    (void)mode;
    (void)at;
    (void)n;
    errno = EOPNOTSUPP;
    return -1;
}

/* A file of `size` bytes that begins with these and has a hole after them, and
 * its descriptor; -1 after saying that there are none here. */
static int make(const char *name, const struct phi_buf *b, uint64_t size)
{
    char *path = fixture_path(dir, name);
    const int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    struct stat st = {0};

    ck_assert_int_ge(fd, 0);
    free(path);
    if (ftruncate(fd, (off_t)size) != 0 || fstat(fd, &st) != 0 ||
        st.st_blocks > 2048) {
        unit_skip(name, "no files of 5 GiB with holes can be made here");
        close(fd);
        return -1;
    }
    if (b != NULL)
        ck_assert_int_eq(pwrite(fd, b->p, b->n, 0), (ssize_t)b->n);
    return fd;
}

static void write_at(int fd, uint64_t at, const char *text)
{
    const size_t n = strlen(text);

    ck_assert_int_eq(pwrite(fd, text, n, (off_t)at), (ssize_t)n);
}

START_TEST(safetensors)
{
    static const char header[] =
        "{\"a\":{\"dtype\":\"F16\",\"shape\":[2684354560],\"data_offsets\":["
        "0,5368709120]},\"b\":{\"dtype\":\"F16\",\"shape\":[4],"
        "\"data_offsets\":[5368709120,5368709128]}}";
    char *path = fixture_path(dir, "t.safetensors");
    struct phi_buf b = {0};
    struct phi_st *st = NULL;
    char got[8];
    int fd;

    phi_buf_u64(&b, strlen(header));
    phi_buf_text(&b, header);
    fd = make("t.safetensors", &b, b.n + FAR + 8);
    if (fd >= 0) {
        write_at(fd, b.n + ((uint64_t)1 << 32) - 4, "straddle");
        write_at(fd, b.n + FAR, "the last");
        ck_ok(phi_st_open(&st, path, &err));
        ck_assert_uint_eq(st->tensors[0].nbytes, FAR);
        ck_ok(phi_st_read(st, 1, 0, got, 8, &err));
        ck_assert_mem_eq(got, "the last", 8);
        ck_ok(phi_st_read(st, 0, ((uint64_t)1 << 32) - 4, got, 8, &err));
        ck_assert_mem_eq(got, "straddle", 8);
        ck_ok(phi_st_read(st, 0, FAR - 8, got, 8, &err));
        ck_assert_mem_eq(got, "\0\0\0\0\0\0\0\0", 8);
        phi_st_close(st);
        /* One byte less is noticed there, too. */
        ck_assert_int_eq(ftruncate(fd, (off_t)(b.n + FAR + 7)), 0);
        ck_refused(phi_st_open(&st, path, &err), PHI_E_FORMAT, "tensor \"b\"");
        close(fd);
    }
    phi_buf_release(&b);
    free(path);
}
END_TEST

/* Of the chunks all are zeros, but the last, which ends so. */
#define NCHUNKS ((size_t)(FAR / CHUNK))
#define END     "the last"

static void add_section(struct phi_buf *table, struct phi_buf *body,
                        uint64_t *end, uint32_t kind, uint32_t name,
                        const struct phi_buf *content)
{
    const uint64_t align = content != NULL ? 8 : 4096;
    const size_t gap = (size_t)((align - *end % align) % align);
    const uint64_t n = content != NULL ? content->n : FAR;

    phi_buf_u32(table, kind);
    phi_buf_u32(table, 0);
    phi_buf_u64(table, *end + gap);
    phi_buf_u64(table, n);
    phi_buf_u64(table, n);
    /* That of the data is for who reads all of them. */
    phi_buf_u32(table,
                content != NULL ? phi_crc32(0, content->p, content->n) : 0);
    phi_buf_u32(table, name);
    phi_buf_u64(table, 0);
    phi_buf_zeros(body, gap);
    if (content != NULL)
        phi_buf_put(body, content->p, content->n);
    *end += gap + n;
}

/* All before the data of a packed file with one tensor of 5 GiB. */
static struct phi_buf front_of(const uint8_t *zeros, const uint8_t *last,
                               uint64_t *size)
{
    struct phi_buf head = gguf_bytes("'GGUF i3 q1 q0 $a i1 q1342177280 i0 q0 "
                                     "p32");
    struct phi_buf tensors = {0};
    struct phi_buf chunks = {0};
    struct phi_buf table = {0};
    struct phi_buf body = {0};
    struct phi_buf b = gguf_bytes("'PHIPACK x1a h1 h3 i1048576");
    const uint32_t zero = phi_crc32(0, zeros, CHUNK);

    phi_buf_u64(&tensors, head.n + FAR);
    phi_buf_u32(&tensors, 1);
    phi_buf_zeros(&tensors, 12);
    phi_buf_u64(&tensors, FAR);
    phi_buf_zeros(&tensors, 8);
    phi_buf_u32(&tensors, (uint32_t)NCHUNKS);
    phi_buf_u32(&tensors, 0);
    for (size_t i = 0; i < NCHUNKS; i++) {
        phi_buf_u32(&chunks, (uint32_t)CHUNK);
        phi_buf_u32(&chunks,
                    i + 1 < NCHUNKS ? zero : phi_crc32(0, last, CHUNK));
        phi_buf_zeros(&chunks, 32); /* the tree is for who reads all, too */
    }
    *size = 128 + 4 * 48 + 21;
    add_section(&table, &body, size, 1, 4, &head);
    add_section(&table, &body, size, 2, 7, &tensors);
    add_section(&table, &body, size, 3, 6, &chunks);
    add_section(&table, &body, size, 6, 4, NULL);
    phi_buf_text(&table, "headtensorschunksdata");
    phi_buf_u64(&b, *size);
    phi_buf_u32(&b, 4);
    phi_buf_u32(&b, 21);
    phi_buf_zeros(&b, 32);
    phi_buf_u32(&b, phi_crc32(0, table.p, table.n));
    phi_buf_zeros(&b, 56);
    phi_buf_u32(&b, phi_crc32(0, b.p, b.n));
    phi_buf_put(&b, table.p, table.n);
    phi_buf_put(&b, body.p, body.n);
    ck_ok(phi_buf_status(&b, &err));
    phi_buf_release(&head);
    phi_buf_release(&tensors);
    phi_buf_release(&chunks);
    phi_buf_release(&table);
    phi_buf_release(&body);
    return b;
}

START_TEST(packed)
{
    char *path = fixture_path(dir, "m.phipack");
    uint8_t *zeros = phi_alloc(CHUNK, 1, NULL);
    uint8_t *last = phi_alloc(CHUNK, 1, NULL);
    struct phi_source *s = NULL;
    struct phi_buf b;
    uint64_t size = 0;
    char got[8];
    int fd;

    ck_assert(zeros != NULL && last != NULL);
    memcpy(last + CHUNK - 8, END, 8);
    b = front_of(zeros, last, &size);
    ck_assert_uint_eq(b.n + FAR, size);
    fd = make("m.phipack", &b, size);
    if (fd >= 0) {
        write_at(fd, size - 8, END);
        ck_ok(phi_pack_open(&s, path, &err));
        ck_assert_uint_eq(s->tensors[0].nbytes, FAR);
        ck_ok(phi_source_read(s, 0, FAR - 8, got, 8, &err));
        ck_assert_mem_eq(got, END, 8);
        phi_source_close(s);
        /* A wrong byte is noticed there, and where it is said. */
        write_at(fd, size - CHUNK, "x");
        ck_ok(phi_pack_open(&s, path, &err));
        ck_refused(phi_source_read(s, 0, FAR - 8, got, 8, &err), PHI_E_FORMAT,
                   "chunk 5119 of 5120 is damaged");
        phi_source_close(s);
        close(fd);
    }
    phi_buf_release(&b);
    free(zeros);
    free(last);
    free(path);
}
END_TEST

/* The bytes of a file from byte `from` on. */
static void check_written(const char *path, uint64_t from, const void *want,
                          size_t n)
{
    uint8_t *got = phi_alloc(n, 1, NULL);
    struct phi_file *f = NULL;

    ck_assert_ptr_nonnull(got);
    ck_ok(phi_file_open(&f, path, &err));
    ck_assert_uint_eq(phi_file_size(f), FAR + n);
    ck_ok(phi_file_read(f, from, got, n, &err));
    ck_assert_mem_eq(got, want, n);
    phi_file_close(f);
    free(got);
}

/* Pages, which pass by the cache where that can be, and some bytes more; then
 * the same copied from there to there in another file. */
START_TEST(outputs)
{
    enum { N = (1 << 20) + 5 };
    const struct phi_output_options options = {.size = FAR + N};
    char *paths[] = {fixture_path(dir, "put"), fixture_path(dir, "copied")};
    const int fd = make("try", NULL, FAR);
    uint8_t *bytes = phi_alloc_pages(2 * N, NULL);
    struct phi_output *o = NULL;
    struct phi_file *f = NULL;
    uint8_t *zeros = bytes + N;

    ck_assert_ptr_nonnull(bytes);
    memset(zeros, 0, N);
    for (size_t i = 0; i < N; i++)
        bytes[i] = (uint8_t)(i % 251 + 1);
    for (int k = 0; fd >= 0 && k < 2; k++) {
        ck_ok(phi_output_open(&o, paths[k], &options, &err));
        ck_ok(phi_output_zeros(o, 0, FAR, &err));
        if (k == 0)
            ck_ok(phi_output_put(o, FAR, bytes, N, &err));
        else
            ck_ok(phi_output_copy(o, FAR, f, FAR, N, &err));
        ck_assert_uint_eq(phi_output_size(o), FAR + N);
        ck_ok(phi_output_commit(o, &err));
        phi_output_close(o);
        check_written(paths[k], FAR, bytes, N);
        /* Nothing of it where the lower 32 bits alone would have put it. */
        check_written(paths[k], (uint32_t)FAR, zeros, N);
        if (k == 0)
            ck_ok(phi_file_open(&f, paths[0], &err));
    }
    phi_file_close(f);
    if (fd >= 0)
        close(fd);
    free(bytes);
    free(paths[0]);
    free(paths[1]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("large_files");
    TCase *t = tcase_create("large_files");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, safetensors);
    tcase_add_test(t, packed);
    tcase_add_test(t, outputs);
    suite_add_tcase(s, t);
    return unit_main(s);
}
