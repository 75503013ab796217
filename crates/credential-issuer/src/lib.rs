//! The credential issuer: short-lived TURN credentials.
