"""Where a player gets its film from: a file of a mount, or an HTTP URL that answers ranges."""

import http.client
import os
import time
import urllib.parse


class FileSource:
    """Ordinary buffered reads of one open file, as players make them."""

    def __init__(self, path):
        self.path = path

    def open(self):
        # A mount that is made only now may need a moment until it shows the file.
        while True:
            try:
                self.file = os.open(self.path, os.O_RDONLY)
                return
            except FileNotFoundError:
                time.sleep(0.002)

    def read(self, offset, length):
        parts = []
        while length:
            part = os.pread(self.file, length, offset)
            if not part:
                raise OSError(f"the file ends at {offset}")
            parts.append(part)
            offset += len(part)
            length -= len(part)
        return b"".join(parts)


class HttpSource:
    """One request to the end of the film as long as reads follow one another; a jump closes it and asks anew,
    as players do. `wake` is a URL that is POSTed to at the start."""

    def __init__(self, url, wake=None):
        self.url = urllib.parse.urlsplit(url)
        self.wake = wake
        self.connection = None
        self.at = None

    def open(self):
        if self.wake:
            wake = urllib.parse.urlsplit(self.wake)
            connection = http.client.HTTPConnection(wake.hostname, wake.port)
            connection.request("POST", wake.path, headers={"Content-Length": "0"})
            connection.getresponse().read()
            connection.close()

    def _request(self, offset):
        if self.connection:
            self.connection.close()
        self.connection = http.client.HTTPConnection(self.url.hostname, self.url.port)
        self.connection.request("GET", self.url.path, headers={"Range": f"bytes={offset}-"})
        self.answer = self.connection.getresponse()
        if self.answer.status != 206:
            raise OSError(f"the answer to a range is {self.answer.status}")
        self.at = offset

    def read(self, offset, length):
        parts = []
        while length:
            if self.at != offset:
                self._request(offset)
            part = self.answer.read(length)
            if not part:
                # The server ended the answer early: ask for the rest, as players do.
                self.at = None
                time.sleep(0.05)
                continue
            parts.append(part)
            offset += len(part)
            length -= len(part)
            self.at = offset
        return b"".join(parts)
