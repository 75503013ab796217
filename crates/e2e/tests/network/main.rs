//! Calls from every network to every other, and what happens to networks meanwhile, in the
//! [lab](e2e::lab). `make test-network` runs all; what is not ignored is the smaller set.

mod diagnosis;
mod faults;
mod messages;
mod narrow;
mod paths;
