//! The kill matrix: each service is killed at each fault point, and everything comes to the same end as if
//! nothing had happened. Then the same with the recovery taken out, and it must not.

mod acknowledged;
mod case;
mod database;
mod load;
mod matrix;
mod points;
