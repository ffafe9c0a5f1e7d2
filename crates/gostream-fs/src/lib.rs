//! The FUSE file system: tree snapshot, inodes, handles, read and reply.
