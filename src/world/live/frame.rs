//! Frames: how messages lie on a connection.
//!
//! A length, a checksum, a version, and as many bytes: a value in postcard's format. What does not fit is an
//! error with its reason; whoever reads closes the connection then, and nobody else notices. The checksum is
//! against accidents and strangers, not against forgery: that is what [`super::hello`] is for.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The version of everything that is said over a connection.
pub(super) const VERSION: u8 = 1;
/// No frame's content is longer, in bytes.
pub(super) const FRAME_MAX: u32 = 1 << 24;
/// Memory for a frame is taken in such steps, in bytes.
const STRIDE: usize = 1 << 16;
/// Length, checksum, version.
const HEAD: usize = 9;

/// Why there is no frame.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameError {
    #[error("a frame of {length} bytes, but at most {most} are allowed")]
    TooLong { length: u32, most: u32 },
    #[error("a frame of version {0}, but this program speaks version {VERSION}")]
    Version(u8),
    #[error("a frame with a wrong checksum: what came is no message, or was damaged on the way")]
    Checksum,
    #[error("a frame that is cut off")]
    CutOff,
    #[error("a frame that is no message: {0}")]
    Content(postcard::Error),
    #[error("{0}")]
    Connection(std::io::Error),
}

/// A value as a frame.
///
/// # Errors
/// If it has no bytes, or more than a frame may have.
pub(super) fn encode(value: &impl Serialize) -> Result<Vec<u8>, FrameError> {
    let frame = postcard::to_extend(value, vec![0; HEAD]).map_err(FrameError::Content)?;
    finish(frame)
}

fn finish(mut frame: Vec<u8>) -> Result<Vec<u8>, FrameError> {
    let length = u32::try_from(frame.len() - HEAD).unwrap_or(u32::MAX);
    if length > FRAME_MAX {
        return Err(FrameError::TooLong { length, most: FRAME_MAX });
    }
    frame[8] = VERSION;
    let sum = crc32fast::hash(&frame[8..]);
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame[4..8].copy_from_slice(&sum.to_le_bytes());
    Ok(frame)
}

/// The content of the next frame, of at most so many bytes, into `frame`; whether there was one, for a
/// connection may end between two.
///
/// # Errors
/// If what comes is no frame of this version.
pub(super) async fn read(
    from: &mut (impl AsyncRead + Unpin),
    most: u32,
    frame: &mut Vec<u8>,
) -> Result<bool, FrameError> {
    let mut head = [0; HEAD];
    let mut had = 0;
    while had < HEAD {
        match from.read(&mut head[had..]).await.map_err(FrameError::Connection)? {
            0 if had == 0 => return Ok(false),
            0 => return Err(FrameError::CutOff),
            more => had += more,
        }
    }
    let [l0, l1, l2, l3, s0, s1, s2, s3, version] = head;
    let length = u32::from_le_bytes([l0, l1, l2, l3]);
    if version != VERSION {
        return Err(FrameError::Version(version));
    }
    if length > most {
        return Err(FrameError::TooLong { length, most });
    }
    frame.clear();
    // As much memory as has come, and not as much as was announced.
    let mut content = from.take(u64::from(length));
    while frame.len() < length as usize {
        frame.reserve(STRIDE.min(length as usize - frame.len()));
        if content.read_buf(frame).await.map_err(FrameError::Connection)? == 0 {
            return Err(FrameError::CutOff);
        }
    }
    let mut sum = crc32fast::Hasher::new();
    sum.update(&[version]);
    sum.update(frame);
    if sum.finalize() != u32::from_le_bytes([s0, s1, s2, s3]) {
        return Err(FrameError::Checksum);
    }
    Ok(true)
}

/// What a frame's content means.
///
/// # Errors
/// If it means nothing, or there is more of it.
pub(super) fn decode<T: DeserializeOwned>(content: &[u8]) -> Result<T, FrameError> {
    let (value, rest) = postcard::take_from_bytes(content).map_err(FrameError::Content)?;
    if rest.is_empty() {
        return Ok(value);
    }
    Err(FrameError::Content(postcard::Error::DeserializeBadEncoding))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Value = (u32, String);

    fn value() -> Value {
        (7, "seven".to_owned())
    }

    fn read_all(mut bytes: &[u8]) -> Result<Vec<Value>, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("tasks");
        let (mut frame, mut values) = (Vec::new(), Vec::new());
        let words = |error: FrameError| error.to_string();
        while runtime.block_on(read(&mut bytes, 1_000, &mut frame)).map_err(words)? {
            values.push(decode(&frame).map_err(words)?);
        }
        Ok(values)
    }

    #[test]
    fn what_is_written_is_read_back() {
        let one = encode(&value()).expect("a frame");
        assert_eq!(read_all(&[one.clone(), one].concat()), Ok(vec![value(), value()]));
        assert_eq!(read_all(&[]), Ok(vec![]));
    }

    #[test]
    fn a_frame_is_whole_and_of_this_version_or_refused_with_the_reason() {
        let good = encode(&value()).expect("a frame");
        for end in 1..good.len() {
            let told = read_all(&good[..end]).expect_err("cut off");
            assert!(told.contains("cut off"), "{end}: {told}");
        }
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x40;
            assert!(read_all(&bad).is_err(), "a flipped bit in byte {at} goes unnoticed");
        }
        let mut newer = good.clone();
        newer[8] = VERSION + 1;
        let told = read_all(&newer).expect_err("another version");
        assert!(told.contains("version 2, but this program speaks version 1"), "{told}");
        let mut long = good;
        long[..4].copy_from_slice(&1_001_u32.to_le_bytes());
        let told = read_all(&long).expect_err("oversized");
        assert!(told.contains("1001 bytes, but at most 1000"), "{told}");
        let mut more = postcard::to_extend(&value(), vec![0; HEAD]).expect("bytes");
        more.push(1);
        let told = read_all(&finish(more).expect("a frame")).expect_err("more than a message");
        assert!(told.contains("is no message"), "{told}");
    }

    #[test]
    fn memory_is_taken_for_what_has_come_and_not_for_what_is_announced() {
        let mut bytes = FRAME_MAX.to_le_bytes().to_vec();
        bytes.extend([0; 4]);
        bytes.push(VERSION);
        bytes.extend([7; 1_000]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("tasks");
        let mut frame = Vec::new();
        let error = runtime.block_on(read(&mut &bytes[..], FRAME_MAX, &mut frame));
        assert!(matches!(error, Err(FrameError::CutOff)), "{error:?}");
        assert!(frame.capacity() <= 2 * STRIDE, "{} bytes", frame.capacity());
        // A long one is read in many steps.
        let long = vec![3_u8; 300_000];
        let bytes = encode(&long).expect("a frame");
        let read = runtime.block_on(read(&mut &bytes[..], FRAME_MAX, &mut frame));
        assert!(read.is_ok_and(|there| there));
        assert_eq!(decode::<Vec<u8>>(&frame).expect("what was written"), long);
    }

    #[test]
    fn garbage_is_never_a_message() {
        let mut rng = crate::rng::Rng::stream(1, "garbage", 0);
        for _ in 0..2_000 {
            let bytes: Vec<u8> = (0..rng.below(60)).map(|_| rng.below(256) as u8).collect();
            assert!(read_all(&bytes).is_err() || bytes.is_empty());
        }
    }
}
