/* SPDX-License-Identifier: MIT */
/*
 * Signatures of SHA256SUMS, and so of everything: checked by the programs that
 * made them, minisign and gpgv, if a key is given. Nothing is run otherwise,
 * and what was not checked is said.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libconv/base/file.h"
#include "libconv/base/mem.h"
#include "tools/relcheck.h"
#include "tools/release_job.h"
#include "tools/signals.h"

extern char **environ;

/* Runs a program without input and output; *code is its exit code. One that
 * was killed has not said anything of what it was to look at. */
static enum phi_status run(const char *program, const char *const *argv,
                           int *code, struct phi_err *err)
{
    posix_spawn_file_actions_t actions;
    pid_t pid = 0;
    int status = 0;
    int rc = posix_spawn_file_actions_init(&actions);

    if (rc != 0)
        return phi_fail_sys(err, rc, "%s: cannot be run", program);
    for (int fd = 0; rc == 0 && fd <= 2; fd++)
        rc = posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR,
                                              0);
    if (rc == 0)
        rc = posix_spawnp(&pid, program, &actions, NULL, (char *const *)argv,
                          environ);
    posix_spawn_file_actions_destroy(&actions);
    if (rc != 0)
        return phi_fail_sys(err, rc, "%s: cannot be run", program);
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return phi_fail_sys(err, errno, "%s: waitpid", program);
    }
    /* Ctrl-C is for both of us, and some programs make an exit code of it. */
    if (signals_pending() && status != 0)
        return phi_fail(err, PHI_E_CANCELLED, "interrupted");
    if (!WIFEXITED(status))
        return phi_fail(err, PHI_E_IO, "%s: was ended by signal %d", program,
                        WTERMSIG(status));
    *code = WEXITSTATUS(status);
    /* What a shell says of a program that is not there, and some C libraries
     * of a spawned one. */
    if (*code == 127)
        return phi_fail_sys(err, ENOENT, "%s: cannot be run", program);
    return PHI_OK;
}

/* What the programs are asked, with numbers where words of a run belong. */
enum { KEY = 1, SIGNATURE, SIGNED };

static const struct method {
    const char *ending;
    const char *option;
    const char *program;
    /* The first character may be KEY, SIGNATURE or SIGNED. */
    const char *argv[10];
} methods[] = {
    {".minisig",
     "--minisign-key",
     "minisign",
     {"minisign", "-Vq", "-m", "\3", "-x", "\2", "-p", "\1"}},
    {".asc",
     "--gpg-key",
     "gpgv",
     {"gpgv", "-q", "--keyring", "\1", "--", "\2", "\3"}},
};

/* A key of minisign may be given itself: it is one word. */
static bool is_minisign_key(const char *key)
{
    return strlen(key) == 56 && strncmp(key, "RW", 2) == 0 &&
           phi_path_kind(key) == PHI_PATH_NONE;
}

static enum phi_status check(struct relcheck *c, const struct method *m,
                             const char *key, const char *signature,
                             const char *sums, struct phi_err *err)
{
    const char *given[] = {
        [KEY] = key, [SIGNATURE] = signature, [SIGNED] = sums};
    const char *argv[10] = {NULL};
    int code = 0;
    enum phi_status st;

    for (size_t i = 0; m->argv[i] != NULL; i++) {
        const char first = m->argv[i][0];

        argv[i] = first <= SIGNED ? given[(int)first] : m->argv[i];
        if (strcmp(m->argv[i], "-p") == 0 && is_minisign_key(key))
            argv[i] = "-P";
    }
    st = run(m->program, argv, &code, err);
    if (st != PHI_OK) {
        if (err->sys == ENOENT)
            phi_hint(err, "%s needs the program %s", m->option, m->program);
        return st;
    }
    if (code != 0)
        return relcheck_found(c, err,
                              RELEASE_SUMS
                              "%s: is no signature of " RELEASE_SUMS
                              " by the key given (%s says so)",
                              m->ending, m->program);
    return relcheck_note(&c->signatures, err, RELEASE_SUMS "%s: good",
                         m->ending);
}

/* gpgv reads a keyring from ~/.gnupg if its name has no slash. */
static char *key_path(const char *key, struct phi_err *err)
{
    if (strchr(key, '/') != NULL || is_minisign_key(key))
        return phi_sprintf(err, "%s", key);
    return phi_sprintf(err, "./%s", key);
}

static enum phi_status check_key(const char *key, const struct method *m,
                                 struct phi_err *err)
{
    struct phi_file *f = NULL;
    char head[11] = "";
    enum phi_status st;

    if (is_minisign_key(key))
        return PHI_OK;
    st = phi_file_open(&f, key, err);
    if (st == PHI_OK && phi_file_size(f) >= sizeof(head))
        st = phi_file_read(f, 0, head, sizeof(head), err);
    phi_file_close(f);
    if (st == PHI_OK && strcmp(m->program, "gpgv") == 0 &&
        memcmp(head, "-----BEGIN ", sizeof(head)) == 0) {
        phi_fail(err, PHI_E_ARG, "%s: is an armored key, expected a binary one",
                 key);
        st = phi_hint(err, "gpg --dearmor <%s makes one", key);
    }
    return st;
}

static enum phi_status look_at(struct relcheck *c, const struct method *m,
                               const char *key, struct phi_err *err)
{
    char *name = phi_sprintf(err, RELEASE_SUMS "%s", m->ending);
    char *path = name != NULL ? relcheck_path(c, name, err) : NULL;
    char *sums = relcheck_path(c, RELEASE_SUMS, err);
    char *where = key != NULL ? key_path(key, err) : NULL;
    bool plain = false;
    enum phi_status st = PHI_E_NOMEM;

    if (path == NULL || sums == NULL || (key != NULL && where == NULL))
        goto out;
    if ((st = phi_path_plain(&plain, path, err)) != PHI_OK)
        goto out;
    if (!plain) {
        if (key != NULL)
            st = relcheck_found(c, err, "%s: is missing, and %s is given", name,
                                m->option);
    } else if (key == NULL) {
        st = relcheck_note(&c->signatures, err, "%s: not checked, no %s", name,
                           m->option);
    } else {
        st = check_key(key, m, err);
        if (st == PHI_OK)
            st = check(c, m, where, path, sums, err);
    }
out:
    free(name);
    free(path);
    free(sums);
    free(where);
    return st;
}

enum phi_status relcheck_signature(struct relcheck *c, struct phi_err *err)
{
    const char *const keys[] = {c->args.minisign_key, c->args.gpg_key};
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < 2; i++)
        st = look_at(c, &methods[i], keys[i], err);
    if (st == PHI_OK && c->signatures.n == 0 && c->nfound == 0)
        st = relcheck_note(&c->signatures, err, "none");
    return st;
}
