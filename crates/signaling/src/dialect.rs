//! Dialects: what each kind of client says and hears. The rooms never learn of them.

pub(crate) mod call;
