#!/usr/bin/env python3
"""A client of an SMB share, which does what each line on standard input says: a JSON object with "do" and arguments.

One connection is kept from first to last. Each line is answered by one JSON line; what the server refused is
{"error": name of the NT status}. Prints {"ready": true} once it is connected.

  list    path                      names with inode, size and whether they are directories
  sha256  path                      of the whole file
  ranges  path, original, readers   random ranges by so many clients at a time, compared with the original: bytes read
  seeks   path, original, offsets   a MiB at each offset, in this order, through one handle: bytes read
  open    path                      keeps a handle for `read`
  read    offset, length            of the file that is open: SHA-256
  remove  path
"""

import argparse
import concurrent.futures
import faulthandler
import hashlib
import json
import random
import sys

import smbclient
from smbprotocol.exceptions import SMBException, SMBOSError

MIB = 1 << 20
# A request that takes so many seconds hangs: where each thread stands goes to the standard error.
HANGS = 60


class Client:
    def __init__(self, args):
        self.root = rf"\\{args.server}\{args.share}"
        self.login = {
            "port": args.port,
            "username": args.user,
            "password": args.password,
            "auth_protocol": "ntlm",
            "connection_timeout": 30,
        }
        smbclient.register_session(args.server, **self.login)
        self.opened = None

    def path(self, path):
        return self.root + "\\" + path.replace("/", "\\") if path else self.root

    def file(self, path, **more):
        return smbclient.open_file(self.path(path), mode="rb", share_access="rwd", buffering=0, **self.login, **more)

    def do_list(self, path):
        entries = [entry for entry in smbclient.scandir(self.path(path), **self.login) if entry.name not in (".", "..")]
        return [
            {
                "name": entry.name,
                "inode": entry.inode(),
                "stat_inode": smbclient.stat(entry.path, **self.login).st_ino,
                "size": entry.smb_info.end_of_file,
                "directory": entry.is_dir(),
            }
            for entry in entries
        ]

    def do_sha256(self, path):
        digest = hashlib.sha256()
        with self.file(path) as file:
            while part := file.read(MIB):
                digest.update(part)
        return digest.hexdigest()

    def read_at(self, file, offset, length):
        parts = []
        file.seek(offset)
        while length:
            part = file.read(min(length, MIB))
            if not part:
                raise ValueError(f"the file ends {length} bytes early")
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def compared(self, file, original, offset, length):
        original.seek(offset)
        if self.read_at(file, offset, length) != original.read(length):
            raise ValueError(f"a wrong byte in the {length} bytes from {offset}")
        return length

    def do_ranges(self, path, original, readers):
        def reader(number):
            numbers = random.Random(number)
            with files[number] as file, open(original, "rb") as own:
                size = own.seek(0, 2)
                length = min(3_000_001, size // 2)
                offsets = [numbers.randrange(size - length) for _ in range(3)]
                return sum(self.compared(file, own, offset, length) for offset in offsets)

        # Each on a connection of its own, as several clients are; made one after the other, since all say that they
        # are the same client, and of those that smbd gathers at the same time it sometimes leaves one without an answer.
        files = [self.file(path, connection_cache={}) for _ in range(readers)]
        with concurrent.futures.ThreadPoolExecutor(readers) as pool:
            return sum(pool.map(reader, range(readers)))

    def do_seeks(self, path, original, offsets):
        with self.file(path) as file, open(original, "rb") as own:
            return sum(self.compared(file, own, offset, MIB) for offset in offsets)

    def do_open(self, path):
        self.opened = self.file(path)
        return True

    def do_read(self, offset, length):
        return hashlib.sha256(self.read_at(self.opened, offset, length)).hexdigest()

    def do_remove(self, path):
        smbclient.remove(self.path(path), **self.login)
        return True

    def answer(self, line):
        request = json.loads(line)
        action = getattr(self, "do_" + request.pop("do"))
        try:
            return {"answer": action(**request)}
        except SMBOSError as error:
            return {"error": f"{error.ntstatus:#010x} {error.strerror}"}
        except (SMBException, ValueError) as error:
            return {"error": f"{type(error).__name__}: {error}"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--share", required=True)
    parser.add_argument("--user", required=True)
    parser.add_argument("--password", required=True)
    client = Client(parser.parse_args())
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        faulthandler.dump_traceback_later(HANGS)
        print(json.dumps(client.answer(line)), flush=True)
        faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    main()
