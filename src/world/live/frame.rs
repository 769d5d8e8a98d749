//! Frames: how messages lie on a connection.
//!
//! A length, a checksum, a version, whether more follows, and as many bytes: a value in postcard's format. A
//! longer message, such as the state of a replica with many keys, is cut into several frames; so the length of
//! one stays small and what has come of it is seen. What does not fit is an error with its reason; whoever reads
//! closes the connection then, and nobody else notices. The checksum is against accidents and strangers, not
//! against forgery: that is what [`super::hello`] is for.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The version of everything that is said over a connection.
pub(super) const VERSION: u8 = 2;
/// No frame's content is longer, in bytes.
pub(super) const FRAME_MAX: u32 = 1 << 24;
/// No message is longer, in bytes: over a hundred for each of a million keys, of which replicas send a rank or a
/// version. What is longer all the same is refused where it is sent, with its length.
pub(super) const MESSAGE_MAX: u32 = 1 << 27;
/// Memory for a frame is taken in such steps, in bytes.
const STRIDE: usize = 1 << 16;
/// Length, checksum, version, whether more follows.
const HEAD: usize = 10;

/// Why there is no frame.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameError {
    #[error("a frame of {length} bytes, but at most {most} are allowed")]
    TooLong { length: u32, most: u32 },
    #[error("a message of {length} bytes, but at most {most} are allowed")]
    MessageTooLong { length: usize, most: u32 },
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

/// What was read of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Nothing: the connection has ended where it may.
    End,
    /// A frame, and more of the same message follows.
    More,
    /// Its last frame.
    Last,
}

/// A value as a frame, or as several one after the other.
///
/// # Errors
/// If it has no bytes, or more than a message may have.
pub(super) fn encode(value: &impl Serialize) -> Result<Vec<u8>, FrameError> {
    let frame = postcard::to_extend(value, vec![0; HEAD]).map_err(FrameError::Content)?;
    let length = frame.len() - HEAD;
    if length > MESSAGE_MAX as usize {
        return Err(FrameError::MessageTooLong { length, most: MESSAGE_MAX });
    }
    Ok(if length > FRAME_MAX as usize {
        cut(&frame[HEAD..], FRAME_MAX as usize)
    } else {
        finish(frame, false)
    })
}

/// A message as frames of so many bytes at most.
fn cut(message: &[u8], most: usize) -> Vec<u8> {
    let mut parts = message.chunks(most).peekable();
    let mut frames = Vec::with_capacity(message.len() + HEAD * (message.len() / most + 1));
    while let Some(part) = parts.next() {
        let frame = [&[0; HEAD], part].concat();
        frames.extend(finish(frame, parts.peek().is_some()));
    }
    frames
}

fn finish(mut frame: Vec<u8>, more: bool) -> Vec<u8> {
    let length = (frame.len() - HEAD) as u32;
    (frame[8], frame[9]) = (VERSION, u8::from(more));
    let sum = crc32fast::hash(&frame[8..]);
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame[4..8].copy_from_slice(&sum.to_le_bytes());
    frame
}

/// The next message, of at most so many bytes, into `message`; whether there was one, for a connection may end
/// between two.
///
/// # Errors
/// If what comes is no frame of this version.
pub(super) async fn read(
    from: &mut (impl AsyncRead + Unpin),
    most: u32,
    message: &mut Vec<u8>,
) -> Result<bool, FrameError> {
    message.clear();
    loop {
        match read_part(from, most, message).await? {
            Part::End => return Ok(false),
            Part::More => {}
            Part::Last => return Ok(true),
        }
    }
}

/// The content of the next frame, behind what has come of its message, which has so many bytes at most.
///
/// # Errors
/// If what comes is no frame of this version.
pub(super) async fn read_part(
    from: &mut (impl AsyncRead + Unpin),
    most: u32,
    message: &mut Vec<u8>,
) -> Result<Part, FrameError> {
    let mut head = [0; HEAD];
    let (mut had, before) = (0, message.len());
    while had < HEAD {
        match from.read(&mut head[had..]).await.map_err(FrameError::Connection)? {
            0 if had == 0 && before == 0 => return Ok(Part::End),
            0 => return Err(FrameError::CutOff),
            more => had += more,
        }
    }
    let [l0, l1, l2, l3, s0, s1, s2, s3, version, more] = head;
    let length = u32::from_le_bytes([l0, l1, l2, l3]);
    if version != VERSION {
        return Err(FrameError::Version(version));
    }
    let most_here = most.min(FRAME_MAX);
    if length > most_here {
        return Err(FrameError::TooLong { length, most: most_here });
    }
    let end = before + length as usize;
    if end > most as usize {
        return Err(FrameError::MessageTooLong { length: end, most });
    }
    // As much memory as has come, and not as much as was announced.
    let mut content = from.take(u64::from(length));
    while message.len() < end {
        message.reserve(STRIDE.min(end - message.len()));
        if content.read_buf(message).await.map_err(FrameError::Connection)? == 0 {
            return Err(FrameError::CutOff);
        }
    }
    let mut sum = crc32fast::Hasher::new();
    sum.update(&[version, more]);
    sum.update(&message[before..]);
    // A frame that says nothing and announces more would be a message that never ends.
    if sum.finalize() != u32::from_le_bytes([s0, s1, s2, s3]) || more > u8::from(length > 0) {
        return Err(FrameError::Checksum);
    }
    Ok(if more == 1 { Part::More } else { Part::Last })
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
        assert!(told.contains("version 3, but this program speaks version 2"), "{told}");
        let mut long = good;
        long[..4].copy_from_slice(&1_001_u32.to_le_bytes());
        let told = read_all(&long).expect_err("oversized");
        assert!(told.contains("1001 bytes, but at most 1000"), "{told}");
        let mut more = postcard::to_extend(&value(), vec![0; HEAD]).expect("bytes");
        more.push(1);
        let told = read_all(&finish(more, false)).expect_err("more than a message");
        assert!(told.contains("is no message"), "{told}");
    }

    #[test]
    fn memory_is_taken_for_what_has_come_and_not_for_what_is_announced() {
        let mut bytes = FRAME_MAX.to_le_bytes().to_vec();
        bytes.extend([0; 4]);
        bytes.extend([VERSION, 0]);
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
    fn a_message_that_is_too_long_for_a_frame_is_cut_and_put_together_again() {
        let value = (9_u32, "a long story ".repeat(70));
        let message = postcard::to_stdvec(&value).expect("bytes");
        let (whole, cut_up) =
            (finish([&[0; HEAD], &message[..]].concat(), false), cut(&message, 100));
        assert_eq!(cut_up.len() - whole.len(), 9 * HEAD);
        let all = [cut_up.clone(), whole].concat();
        assert_eq!(read_all(&all), Ok(vec![value.clone(), value.clone()]));
        // A part is missing, twice there, or the last.
        let part = HEAD + 100;
        let without = [&cut_up[..part], &cut_up[2 * part..]].concat();
        assert_ne!(read_all(&without).ok(), Some(vec![value.clone()]));
        let told = read_all(&cut_up[..part]).expect_err("there is more");
        assert!(told.contains("cut off"), "{told}");
        // All parts together are no longer than a message may be, whatever the length of one.
        let endless = finish([&[0; HEAD], &[7; 100][..]].concat(), true).repeat(11);
        let told = read_all(&endless).expect_err("too long");
        assert!(told.contains("a message of 1100 bytes, but at most 1000"), "{told}");
        let empty = finish(vec![0; HEAD], true);
        assert!(read_all(&empty).is_err(), "a message of nothing that goes on");
        let megabytes = vec![5_u8; FRAME_MAX as usize + 1];
        let frames = encode(&megabytes).expect("two frames");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("tasks");
        let mut back = Vec::new();
        let read = runtime.block_on(read(&mut &frames[..], MESSAGE_MAX, &mut back));
        assert!(read.is_ok_and(|there| there));
        assert_eq!(decode::<Vec<u8>>(&back).expect("what was written"), megabytes);
        assert!(encode(&vec![5_u8; MESSAGE_MAX as usize]).is_err());
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
