//! The pure domain of the library: stubs, names, inode numbers.
