# SPDX-License-Identifier: MIT
"""Power cuts, replayed from a log of what a run asked of the system.

A disk keeps what was synced. Of what was not, any part may be on it when the
power goes: a write whole, in some of its sectors, or not at all, the size of
a file without its bytes, and of the changes of a folder any first ones, of
each folder by itself. (That is more than journals of file systems allow;
what is safe here is safe on them. Pillai et al., All File Systems Are Not
Created Equal, OSDI 2014.) This builds the states that a cut after each call
can leave of a job's outputs.
"""

import itertools
import random
import re

CALLS = ("openat,pwrite64,write,fsync,fdatasync,renameat2,renameat,unlinkat,"
         "mkdirat,fallocate,ftruncate,copy_file_range")
# What strace is to print: paths of descriptors, all bytes, in hexadecimal.
OPTIONS = ["-y", "-xx", "-s", "16777216", "-e", "trace=" + CALLS]

SECTOR = 512


class File:
    def __init__(self, content=b""):
        self.durable = content
        self.live = content
        self.pending = []  # (offset, bytes) since the last sync

    def put(self, offset, content):
        self.pending.append((offset, content))
        self.live = patched(self.live, offset, content)

    def resize(self, n):
        self.live = self.live[:n].ljust(n, b"\0")

    def sync(self):
        self.durable = self.live
        self.pending = []

    def states(self, rng, most):
        """What the disk may hold of it."""
        if self.durable == self.live:
            return [self.live]
        # The size, without a byte.
        zeros = self.durable[:len(self.live)].ljust(len(self.live), b"\0")
        some = self.pending
        if len(some) > most:
            some = rng.sample(some, most)
        out = [self.durable, zeros, self.live]
        for one in some:
            out.append(with_writes(zeros, [one]))
            out.append(with_writes(self.durable, [one]))
            out.append(with_writes(zeros, [w for w in self.pending
                                           if w is not one]))
        for _ in range(8):
            out.append(with_writes(zeros, torn(self.pending, rng)))
        return out


def patched(content, offset, new):
    content = content.ljust(offset, b"\0")
    return content[:offset] + new + content[offset + len(new):]


def with_writes(content, writes):
    for offset, new in writes:
        content = patched(content, offset, new)
    return content


def torn(writes, rng):
    """Some of the sectors of each."""
    for offset, new in writes:
        at = 0
        while at < len(new):
            n = min(len(new) - at, SECTOR - (offset + at) % SECTOR)
            if rng.random() < 0.5:
                yield offset + at, new[at:at + n]
            at += n


class Folder:
    def __init__(self, entries):
        self.durable = dict(entries)
        self.live = dict(entries)
        self.pending = []  # lists of (name, what it is or None)

    def change(self, *changes):
        self.pending.append(changes)
        self.apply(self.live, [changes])

    @staticmethod
    def apply(entries, pending):
        for changes in pending:
            for name, what in changes:
                entries.pop(name, None)
                if what is not None:
                    entries[name] = what

    def sync(self):
        self.durable = dict(self.live)
        self.pending = []

    def after(self, n):
        """The names, if n of the changes since the sync are on the disk."""
        entries = dict(self.durable)
        self.apply(entries, self.pending[:n])
        return entries


class Disk:
    """What is below one folder."""

    def __init__(self, root, content):
        self.root = root
        self.top = self.folder_of(content)

    def folder_of(self, content):
        return Folder({
            name.rstrip("/"): self.folder_of(what) if isinstance(what, dict)
            else File(what) for name, what in content.items()})

    def find(self, path):
        """The folder and the name in it; None if it lies elsewhere."""
        if path == self.root:
            return None, ""
        if not path.startswith(self.root + "/"):
            return None
        parts = path[len(self.root) + 1:].split("/")
        at = self.top
        for part in parts[:-1]:
            at = at.live[part]
        return at, parts[-1]

    def what(self, path):
        found = self.find(path)
        if found is None:
            return None
        folder, name = found
        return self.top if folder is None else folder.live.get(name)

    def folders(self):
        """All that there are, or were when they were last synced."""
        out, queue = [], [self.top]
        while queue:
            folder = queue.pop()
            if folder in out:
                continue
            out.append(folder)
            for what in itertools.chain(
                    folder.live.values(), folder.durable.values(),
                    (w for c in folder.pending for _, w in c)):
                if isinstance(what, Folder):
                    queue.append(what)
        return out

    def cuts(self, names, rng, most):
        """What may be at the names: dictionaries of bytes, of dictionaries
        for folders, of None for nothing."""
        folders = self.folders()
        choices = [range(len(f.pending) + 1) for f in folders]
        for lengths in itertools.product(*choices):
            entries = {id(f): f.after(n) for f, n in zip(folders, lengths)}
            top = entries[id(self.top)]
            found = {}
            for name in names:
                what = top.get(name.rstrip("/"))
                found[name] = entries[id(what)] if isinstance(what, Folder) \
                    else what
            yield from fillings(found, rng, most)


def fillings(found, rng, most):
    """One after the other, the states of each file among the live others."""
    def values(entries):
        return {n: w.live if isinstance(w, File) else values(w)
                if isinstance(w, dict) else None for n, w in entries.items()}

    whole = values(found)
    yield whole
    for name, what in found.items():
        inner = what if isinstance(what, dict) else {None: what}
        for key, one in inner.items():
            if not isinstance(one, File):
                continue
            for state in one.states(rng, most):
                changed = dict(whole)
                changed[name] = state if key is None else dict(
                    whole[name], **{key: state})
                yield changed


# --- the log -----------------------------------------------------------------

def whole(log):
    """The text of each call, without the process, in the order in which they
    ended: strace splits a line where another thread comes between."""
    begun = {}
    for line in log:
        pid, _, text = line.rstrip("\n").partition(" ")
        text = text.strip()
        if text.endswith("<unfinished ...>"):
            begun[pid] = text[:-len("<unfinished ...>")]
            continue
        resumed = re.match(r"<\.\.\. \w+ resumed>", text)
        if resumed:
            text = begun.pop(pid) + text[resumed.end():]
        yield text


def calls_of(log):
    """(name, arguments, result) of each call that did not fail."""
    for text in whole(log):
        m = re.match(r"(\w+)\((.*)\)\s+= (\d+)(<.*>)?$", text)
        if m:
            yield m.group(1), arguments(m.group(2)), int(m.group(3))


def arguments(text):
    """Texts as bytes, descriptors as their paths, the others as they are."""
    out = []
    for m in re.finditer(r'"([^"]*)"|(?:\w+|-?\d+)<([^>]*)>|\[([^]]*)\]|'
                         r'[^\s,][^,]*', text):
        quoted, path, boxed = m.groups()
        if quoted is not None:
            out.append(bytes.fromhex(quoted.replace("\\x", "")))
        elif path is not None:
            out.append(re.sub(r"\\x([0-9a-f]{2})",
                              lambda h: chr(int(h.group(1), 16)), path))
        else:
            out.append(boxed if boxed is not None else m.group())
    return out


def below(folder, name):
    name = name.decode()
    return name if name.startswith("/") else (folder + "/" + name).rstrip("/")


def happen(disk, call, a, result):
    """One call. True if it changed what may be on the disk."""
    if call == "openat":
        path = below(a[0], a[1])
        if "O_CREAT" not in a[2] or disk.find(path) is None or \
                disk.what(path) is not None:
            return False
        folder, name = disk.find(path)
        folder.change((name, File()))
    elif call == "mkdirat":
        folder, name = disk.find(below(a[0], a[1]))
        folder.change((name, Folder({})))
    elif call in ("renameat2", "renameat"):
        (one, x), (two, y) = (disk.find(below(a[i], a[i + 1]))
                              for i in (0, 2))
        assert one is two, "a rename from folder to folder"
        exchange = "RENAME_EXCHANGE" in a[4:]
        one.change((x, one.live[y] if exchange else None), (y, one.live[x]))
    elif call == "unlinkat":
        folder, name = disk.find(below(a[0], a[1]))
        folder.change((name, None))
    else:
        what = disk.what(a[2] if call == "copy_file_range" else a[0])
        if what is None:
            return False
        if call in ("fsync", "fdatasync"):
            what.sync()
        elif call == "pwrite64":
            what.put(int(a[3]), a[1][:result])
        elif call == "ftruncate":
            what.resize(int(a[1]))
        elif call == "fallocate":
            assert a[1] == "0", "fallocate() of another mode"
            what.resize(max(len(what.live), int(a[2]) + int(a[3])))
        elif call == "copy_file_range":
            at = int(a[1])
            content = disk.what(a[0]).live[at:at + result]
            what.put(int(a[3]), content)
        else:
            # Appended, as phiconv writes nothing at a descriptor's place.
            assert call == "write", call
            what.put(len(what.live), a[1][:result])
    return True


def cuts(calls, root, content, names, seed, most):
    """Calls as calls_of() has them, on what was in the folder `root`. Gives
    (how many were made, state of the names), without repetitions; and last
    what is there if the power goes after the end: (None, state)."""
    disk = Disk(root, content)
    rng = random.Random(seed)
    seen = set()
    n = 0
    for call, a, result in calls:
        if not happen(disk, call, a, result):
            continue
        n += 1
        for state in disk.cuts(names, rng, most):
            key = key_of(state)
            if key not in seen:
                seen.add(key)
                yield n, state
    # Nothing that was not synced.
    for state in Disk.cuts(synced(disk), names, rng, 0):
        yield None, state


def key_of(state):
    return hash(state) if not isinstance(state, dict) else hash(
        tuple((n, key_of(w)) for n, w in sorted(state.items())))


def synced(disk):
    for folder in disk.folders():
        folder.live = dict(folder.durable)
        folder.pending = []
        for what in folder.live.values():
            if isinstance(what, File):
                what.live = what.durable
                what.pending = []
    return disk
