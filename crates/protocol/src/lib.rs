//! What travels: the wire types of every dialect.
