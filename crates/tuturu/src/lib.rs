//! Everything in one process: page, signaling, credentials and relay on one machine.
