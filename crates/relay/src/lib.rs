//! An embedded TURN relay for development and single-process use.
