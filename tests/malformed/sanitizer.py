# SPDX-License-Identifier: MIT
"""The exit code of a program in which a sanitizer found something.

ASan, UBSan and LSan end a program with 1 by themselves, and so does doctor
where a model is not well: what they find would pass for its verdict.
"""

import os

CODE = 86  # none of phiconv's
TOOLS = ("ASAN", "UBSAN", "LSAN", "MSAN", "TSAN")


def options(*more):
    """{variable: what is in the environment, more and the exit code}"""
    return {name: ":".join(filter(None, [
        os.environ.get(name), *more, "exitcode=%d" % CODE]))
        for name in (tool + "_OPTIONS" for tool in TOOLS)}
