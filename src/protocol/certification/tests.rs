//! Replicas told by hand what happens.
