//! The signaling service over real sockets.

mod calls;
mod desk;
mod hostile;
