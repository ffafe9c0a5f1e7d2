//! What survives a restart: the SQLite store and the stub tree.
