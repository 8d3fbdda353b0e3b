/* SPDX-License-Identifier: MIT */
/*
 * main: picks the subcommand, and makes sure that an exit code of 0 means
 * that standard output reached its destination too.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <fenv.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/commands.h"
#include "tools/help_pages.h"
#include "tools/options.h"
#include "tools/signals.h"
#include "tools/version.h"

static int run(int argc, char **argv)
{
    const struct command *cmd;
    const char *near;

    if (argc < 2 || strcmp(argv[1], "--help") == 0 ||
        strcmp(argv[1], "-h") == 0) {
        help_list();
        return EXIT_CODE_DONE;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        printf("phiconv " PHICONV_VERSION "\n");
        return EXIT_CODE_DONE;
    }
    if (argv[1][0] == '-') {
        static const char *const words[] = {"--help", "--version"};

        near = nearest_word(argv[1], words, 2);
        if (near != NULL)
            return usage_error(NULL, "unknown option %s, did you mean %s?",
                               argv[1], near);
        return usage_error(NULL, "unknown option %s", argv[1]);
    }
    cmd = command_find(argv[1], &near);
    if (cmd != NULL)
        return cmd->run(cmd, argc - 1, argv + 1);
    if (near != NULL)
        return usage_error(NULL, "unknown command \"%s\", did you mean %s?",
                           argv[1], near);
    return usage_error(NULL, "unknown command \"%s\"", argv[1]);
}

/*
 * Closed standard descriptors would be handed to the next file opened, and a
 * stray message would land in a model. Read-only, so that a result printed to
 * a closed stdout is noticed. False if there is nothing to put there.
 */
static bool claim_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        /* The lowest that is free is the one that is not open. */
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
            return false;
    }
    return true;
}

/* Why standard output is not whole. What failed before the end may have left
 * errno to another call since: only what a write fails with is a reason. */
static const char *why_not(int sys)
{
    static const int reasons[] = {ENOSPC, EDQUOT, EFBIG, EIO,
                                  EPIPE,  EBADF,  EAGAIN};

    for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
        if (sys == reasons[i])
            return strerror(sys);
    }
    return "not all could be written";
}

int main(int argc, char **argv)
{
    int code;

    /* A library that is loaded before may round otherwise, or flush small
     * numbers to zero; threads get what this one has. */
    if (!claim_standard_descriptors() || fesetenv(FE_DFL_ENV) != 0) {
        fputs("phiconv: cannot have standard streams and rounding\n", stderr);
        return EXIT_CODE_SYSTEM;
    }
    signals_install();
    code = run(argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "phiconv: standard output: %s\n", why_not(errno));
        if (code == EXIT_CODE_DONE || code == EXIT_CODE_GATE)
            code = EXIT_CODE_SYSTEM;
    }
    signals_reraise();
    return code;
}
