//! How two hosts find out whether they belong together, before anything else is said.
//!
//! Whoever dials says which cluster it means, who it is and whom it wants, and a number that nobody has used
//! before. Whoever is dialled answers with a number of its own and a proof that it knows the cluster's secret:
//! HMAC-SHA-256 (RFC 2104) over all that was said. The one who dialled proves the same. The secret itself
//! never travels, and neither proof can be used again. What follows is authenticated by the connection alone,
//! and not encrypted.

use super::frame::{self, FrameError};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// Who has not proved anything may say this much, in bytes.
const WORDS_MAX: u32 = 1 << 10;
/// A shorter secret could be guessed, in bytes.
const SECRET_MIN: usize = 16;

/// What all processes of a cluster know and nobody else.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// A secret of these bytes, without white space around them.
    ///
    /// # Errors
    /// If there are so few that it could be guessed.
    pub fn new(bytes: &[u8]) -> Result<Self, String> {
        let bytes = bytes.trim_ascii();
        if bytes.len() < SECRET_MIN {
            return Err(format!("the secret has {} bytes; use {SECRET_MIN} or more", bytes.len()));
        }
        Ok(Self(bytes.to_vec()))
    }
}

/// What both sides of a connection must have in common.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    /// The cluster's name.
    pub cluster: String,
    /// A number of all settings that must be the same.
    pub settings: u64,
    /// Its secret, if it has one.
    pub secret: Option<Secret>,
}

/// Who dials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Who {
    /// A replica.
    Node(u32),
    /// Whoever drives the clients, by a number of its own.
    Driver(u64),
}

#[derive(Clone, Serialize, Deserialize)]
struct Hello {
    cluster: String,
    settings: u64,
    from: Who,
    to: u32,
    nonce: [u8; 16],
}

#[derive(Serialize, Deserialize)]
struct Welcome {
    nonce: [u8; 16],
    proof: [u8; 32],
}

/// The last word, and why it is no.
type Verdict = Result<(), String>;

impl Identity {
    /// Proof that this side knows the secret.
    fn mac(&self, role: &str, hello: &Hello, nonce: &[u8; 16]) -> Result<Hmac<Sha256>, String> {
        let key = self.secret.as_ref().map_or(&[][..], |secret| &secret.0);
        let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|error| error.to_string())?;
        let said = postcard::to_stdvec(&(role, hello, nonce));
        mac.update(&said.map_err(|error| error.to_string())?);
        Ok(mac)
    }

    fn proof(&self, role: &str, hello: &Hello, nonce: &[u8; 16]) -> Result<[u8; 32], String> {
        Ok(self.mac(role, hello, nonce)?.finalize().into_bytes().into())
    }

    /// In constant time.
    fn verify(&self, role: &str, hello: &Hello, nonce: &[u8; 16], proof: &[u8; 32]) -> Verdict {
        let right = self.mac(role, hello, nonce)?.verify_slice(proof).is_ok();
        let why = if self.secret.is_some() {
            "the other side does not know this cluster's secret"
        } else {
            "the other side has a secret, and this one has none"
        };
        if right { Ok(()) } else { Err(why.to_owned()) }
    }

    /// Whether somebody who says this belongs here.
    fn fits(&self, hello: &Hello, me: u32) -> Verdict {
        if hello.cluster != self.cluster {
            return Err("this is another cluster".to_owned());
        }
        if hello.to != me {
            return Err("this is another node of the cluster".to_owned());
        }
        if hello.settings != self.settings {
            return Err("the other side has other settings in its configuration".to_owned());
        }
        Ok(())
    }
}

fn nonce() -> Result<[u8; 16], String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| format!("no random numbers: {error}"))?;
    Ok(bytes)
}

/// A number that nobody else has, and that is not 0.
pub(super) fn number() -> Result<u64, String> {
    let bytes = nonce()?;
    let low = bytes.first_chunk::<8>().map_or(1, |bytes| u64::from_le_bytes(*bytes));
    Ok(low.max(1))
}

/// Why an introduction came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unmet {
    /// The two do not belong together; another attempt would end in the same way.
    Refused(String),
    /// The connection broke off; another may not.
    CutOff(String),
}

impl Unmet {
    pub(super) fn why(self) -> String {
        match self {
            Self::Refused(why) | Self::CutOff(why) => why,
        }
    }
}

impl From<FrameError> for Unmet {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::CutOff => Self::CutOff("it ended before anything was agreed on".to_owned()),
            FrameError::Connection(error) => Self::CutOff(error.to_string()),
            other => Self::Refused(other.to_string()),
        }
    }
}

impl From<String> for Unmet {
    fn from(why: String) -> Self {
        Self::Refused(why)
    }
}

async fn say(stream: &mut TcpStream, words: &impl Serialize) -> Result<(), Unmet> {
    let frame = frame::encode(words)?;
    stream.write_all(&frame).await.map_err(|error| FrameError::Connection(error).into())
}

async fn hear<T: DeserializeOwned>(stream: &mut TcpStream) -> Result<T, Unmet> {
    let mut words = Vec::new();
    if !frame::read(stream, WORDS_MAX, &mut words).await? {
        return Err(FrameError::CutOff.into());
    }
    Ok(frame::decode(&words)?)
}

/// Introduces this side to the node `to`.
///
/// # Errors
/// Why the two do not belong together, or what the connection says.
pub(super) async fn dial(
    stream: &mut TcpStream,
    identity: &Identity,
    (from, to): (Who, u32),
) -> Result<(), Unmet> {
    let Identity { cluster, settings, .. } = identity.clone();
    let hello = Hello { cluster, settings, from, to, nonce: nonce()? };
    say(stream, &hello).await?;
    let answer: Result<Welcome, String> = hear(stream).await?;
    let welcome = answer.map_err(|why| refused(&why))?;
    identity.verify("answers", &hello, &welcome.nonce, &welcome.proof)?;
    say(stream, &identity.proof("dials", &hello, &welcome.nonce)?).await?;
    let verdict: Verdict = hear(stream).await?;
    Ok(verdict.map_err(|why| refused(&why))?)
}

/// What the other side says to whoever it sends away. Nobody knows who it is: its words must not steer a terminal.
fn refused(why: &str) -> String {
    let plain = why.chars().map(|c| if c.is_control() { ' ' } else { c });
    format!("refused: {}", plain.collect::<String>())
}

/// Finds out who has dialled this node, and lets him in if there is room for him: what `admit` gives is his from
/// the moment he is told so.
///
/// # Errors
/// Why the two do not belong together, or what the connection says.
pub(super) async fn answer<T>(
    stream: &mut TcpStream,
    identity: &Identity,
    me: u32,
    admit: impl FnOnce(Who) -> Result<T, String>,
) -> Result<T, Unmet> {
    let hello: Hello = hear(stream).await?;
    if let Err(why) = identity.fits(&hello, me) {
        // It is told too; whether it listens does not matter.
        _ = say(stream, &Err::<Welcome, _>(&why)).await;
        return Err(why.into());
    }
    let nonce = nonce()?;
    let proof = identity.proof("answers", &hello, &nonce)?;
    say(stream, &Ok::<_, String>(Welcome { nonce, proof })).await?;
    let proof: [u8; 32] = hear(stream).await?;
    let admitted = identity.verify("dials", &hello, &nonce, &proof);
    let admitted = admitted.and_then(|()| admit(hello.from));
    say(stream, &admitted.as_ref().map(|_| ())).await?;
    Ok(admitted?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    fn identity(cluster: &str, secret: Option<&str>) -> Identity {
        let secret = secret.map(|text| Secret::new(text.as_bytes()).expect("long enough"));
        Identity { cluster: cluster.into(), settings: 1, secret }
    }

    /// What both sides come to.
    fn meet(dials: &Identity, answers: &Identity, to: u32) -> (Verdict, Result<Who, String>) {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build().expect("tasks");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            let dials = dials.clone();
            let there = tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await.expect("connected");
                dial(&mut stream, &dials, (Who::Node(2), to)).await
            });
            let (mut stream, _) = listener.accept().await.expect("accepted");
            let here = answer(&mut stream, answers, 0, Ok).await;
            drop(stream);
            (there.await.expect("no panic").map_err(Unmet::why), here.map_err(Unmet::why))
        })
    }

    #[test]
    fn who_knows_the_cluster_and_its_secret_is_let_in() {
        for secret in [None, Some("sixteen bytes or more")] {
            let one = identity("bench", secret);
            assert_eq!(meet(&one, &one, 0), (Ok(()), Ok(Who::Node(2))));
        }
    }

    #[test]
    fn everybody_else_is_refused_and_both_sides_know_why() {
        let (right, wrong) = ("sixteen bytes or more", "another secret altogether");
        let bench = identity("bench", Some(right));
        let other_settings = Identity { settings: 2, ..bench.clone() };
        for (dials, to, why) in [
            (identity("elsewhere", Some(right)), 0, "another cluster"),
            (identity("bench", Some(wrong)), 0, "does not know this cluster's secret"),
            (identity("bench", None), 0, "has a secret, and this one has none"),
            (other_settings, 0, "other settings"),
            (bench.clone(), 1, "another node"),
        ] {
            let (there, here) = meet(&dials, &bench, to);
            assert!(there.as_ref().is_err_and(|told| told.contains(why)), "{there:?}");
            assert!(here.is_err(), "{why}");
        }
        assert!(Secret::new(b"  too short   \n").expect_err("short").contains("9 bytes"));
        assert_eq!(format!("{:?}", Secret::new(right.as_bytes())), "Ok(Secret(..))");
    }

    #[test]
    fn the_words_of_whoever_refuses_do_not_steer_a_terminal() {
        let told = refused("no\u{1b}[2J\r\nthis is another cluster");
        assert_eq!(told, "refused: no [2J  this is another cluster");
    }

    #[test]
    fn a_proof_is_good_for_one_connection_and_one_side() {
        let bench = identity("bench", Some("sixteen bytes or more"));
        let hello = |nonce| Hello {
            cluster: "bench".into(),
            settings: 1,
            from: Who::Driver(1),
            to: 0,
            nonce: [nonce; 16],
        };
        let proof = bench.proof("dials", &hello(1), &[2; 16]).expect("a proof");
        assert_eq!(bench.verify("dials", &hello(1), &[2; 16], &proof), Ok(()));
        assert!(bench.verify("answers", &hello(1), &[2; 16], &proof).is_err());
        assert!(bench.verify("dials", &hello(3), &[2; 16], &proof).is_err());
        assert!(bench.verify("dials", &hello(1), &[4; 16], &proof).is_err());
    }
}
