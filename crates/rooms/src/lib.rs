//! Who sits where, what they hear, who may still guess: a pure state machine.
