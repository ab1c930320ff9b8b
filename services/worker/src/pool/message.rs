//! What the worker and its rendering processes say to each other: a head in JSON and a body of bytes, each with its
//! length before it.

use std::io::{self, Read, Write};

use gateway_core::domain::invoice::{Paper, paper::Logo};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Largest head: a document of a thousand lines with long names is far below.
const HEAD_BYTES_MAX: usize = 16 << 20;
/// Largest body: the files of a document, or a picture.
const BODY_BYTES_MAX: usize = 16 << 20;

/// What a process is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Task {
    /// The files of a document.
    Document(Box<Paper>),
    /// Whether a logo can be printed.
    Logo(Logo),
    /// A small JPEG of the picture in the body.
    Picture,
}

impl Task {
    /// Its kind, for metrics.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Document(_) => "document",
            Self::Logo(_) => "logo",
            Self::Picture => "picture",
        }
    }
}

/// What a process says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// First of all: it has started and waits for tasks.
    Ready,
    /// The task is done.
    Done(Done),
    /// The task cannot be done; the text says why.
    Refused(String),
}

/// A task's result; its bytes are the body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Done {
    /// PDF, then XML.
    Document(Files),
    /// The logo can be printed. No body.
    Logo,
    /// A JPEG.
    Picture,
}

/// What there is to know of a document's files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// Where the PDF ends in the body and the XML begins, where there is one.
    pub pdf_bytes: usize,
    /// Whether there is an XML.
    pub has_xml: bool,
    /// Why there is none, where one would be expected.
    pub no_xml: Option<String>,
    /// Characters that no font has.
    pub missing_glyphs: Vec<String>,
    /// What a person should know, such as a logo that was left out.
    pub notes: Vec<String>,
}

/// A reply's head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What came of it.
    pub reply: Reply,
    /// Whether the process has grown so much that another should take its place.
    pub worn: bool,
}

fn invalid(problem: &(impl ToString + ?Sized)) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem.to_string())
}

fn frame(head: &impl Serialize, body: &[u8]) -> io::Result<Vec<u8>> {
    let head = serde_json::to_vec(head).map_err(|error| invalid(&error))?;
    if head.len() > HEAD_BYTES_MAX || body.len() > BODY_BYTES_MAX {
        return Err(invalid("the message is too large"));
    }
    let length =
        |part: &[u8]| u32::try_from(part.len()).map(u32::to_le_bytes).map_err(|error| invalid(&error));
    Ok([&length(&head)?[..], &length(body)?, &head].concat())
}

/// Length of head and body. Whoever wrote them need not be believed: nothing is reserved beyond the limits.
fn lengths(start: [[u8; 4]; 2]) -> io::Result<(usize, usize)> {
    let [head, body] = start.map(|bytes| usize::try_from(u32::from_le_bytes(bytes)));
    let (head, body) = (head.map_err(|error| invalid(&error))?, body.map_err(|error| invalid(&error))?);
    if head > HEAD_BYTES_MAX || body > BODY_BYTES_MAX {
        return Err(invalid("the message is too large"));
    }
    Ok((head, body))
}

fn parse<T: DeserializeOwned>(head: &[u8]) -> io::Result<T> {
    serde_json::from_slice(head).map_err(|error| invalid(&error))
}

/// Sends a message to a process.
pub async fn send(to: &mut (impl AsyncWrite + Unpin), head: &impl Serialize, body: &[u8]) -> io::Result<()> {
    to.write_all(&frame(head, body)?).await?;
    to.write_all(body).await?;
    to.flush().await
}

/// Receives a message of a process.
pub async fn receive<T: DeserializeOwned>(from: &mut (impl AsyncRead + Unpin)) -> io::Result<(T, Vec<u8>)> {
    let mut start = [[0; 4]; 2];
    from.read_exact(start.as_flattened_mut()).await?;
    let (head_bytes, body_bytes) = lengths(start)?;
    let (mut head, mut body) = (vec![0; head_bytes], vec![0; body_bytes]);
    from.read_exact(&mut head).await?;
    from.read_exact(&mut body).await?;
    Ok((parse(&head)?, body))
}

/// [`send`] for a process, which has nothing else to do meanwhile.
pub fn write(to: &mut impl Write, head: &impl Serialize, body: &[u8]) -> io::Result<()> {
    to.write_all(&frame(head, body)?)?;
    to.write_all(body)?;
    to.flush()
}

/// [`receive`] for a process; `None` at the end of what comes.
pub fn read<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<(T, Vec<u8>)>> {
    let mut start = [[0; 4]; 2];
    if let Err(error) = from.read_exact(start.as_flattened_mut()) {
        return if error.kind() == io::ErrorKind::UnexpectedEof { Ok(None) } else { Err(error) };
    }
    let (head_bytes, body_bytes) = lengths(start)?;
    let (mut head, mut body) = (vec![0; head_bytes], vec![0; body_bytes]);
    from.read_exact(&mut head)?;
    from.read_exact(&mut body)?;
    Ok(Some((parse(&head)?, body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_sides_read_what_the_other_wrote() {
        let answer = Answer { reply: Reply::Done(Done::Picture), worn: true };
        let mut sent = Vec::new();
        send(&mut sent, &answer, b"body").await.unwrap();
        let mut written = Vec::new();
        write(&mut written, &answer, b"body").unwrap();
        assert_eq!(sent, written);
        let twice = [sent.clone(), sent].concat();
        let mut rest = twice.as_slice();
        assert_eq!(read::<Answer>(&mut rest).unwrap(), Some((answer.clone(), b"body".to_vec())));
        assert_eq!(receive::<Answer>(&mut rest).await.unwrap(), (answer, b"body".to_vec()));
        assert!(read::<Answer>(&mut rest).unwrap().is_none(), "the end is no error");
    }

    #[tokio::test]
    async fn what_is_no_message_is_refused_before_memory_is_taken_for_it() {
        let endless = [u32::MAX.to_le_bytes(), 0_u32.to_le_bytes()].concat();
        assert!(receive::<Answer>(&mut endless.as_slice()).await.is_err());
        assert!(read::<Answer>(&mut [0, 0, 0, 0, 0, 0, 0, 0xff].as_slice()).is_err());
        let wrong = [&2_u32.to_le_bytes()[..], &0_u32.to_le_bytes(), b"{}"].concat();
        assert!(receive::<Answer>(&mut wrong.as_slice()).await.is_err());
        let broken_off = [&9_u32.to_le_bytes()[..], &0_u32.to_le_bytes(), b"{}"].concat();
        assert!(read::<Answer>(&mut broken_off.as_slice()).is_err());
        let huge = vec![0; BODY_BYTES_MAX + 1];
        assert!(write(&mut Vec::new(), &Task::Picture, &huge).is_err());
    }
}
