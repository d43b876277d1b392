//! Nothing but the targets of this package: `schedule` compares with peers, `count` is for callgrind; and
//! servers for those that need some.

pub mod zookeeper;
