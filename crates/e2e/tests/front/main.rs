//! The front as it is deployed, under attack and under change: nginx, coturn and the services,
//! each of them real, on the ports that callers use.

mod answers;
mod calls;
mod claims;
mod doctor;
mod limits;
mod names;
