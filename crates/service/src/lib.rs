//! The shell kit that every service shares.
