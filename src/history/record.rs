//! Placeholder.
pub struct Recorder;
pub(super) fn digest(_: &super::History) -> u64 {
    0
}
