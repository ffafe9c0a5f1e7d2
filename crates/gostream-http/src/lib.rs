//! The HTTP faces of GoStream: for now the control socket.
