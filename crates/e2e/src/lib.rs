//! Tests only: real binaries, a real relay and real browsers.
