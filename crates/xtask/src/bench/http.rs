//! HTTP/1.1 as light as it gets: one kept-alive connection, one request at a time, nothing parsed that is not
//! needed. The load generator shares two cores with what it measures.

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a connection reads at a time, in bytes.
const READ_BYTES: usize = 16 * 1024;

/// A kept-alive connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Where to, once an answer has said that it is the connection's last.
    again: Option<SocketAddr>,
}

/// An answer; it borrows the connection's buffer.
#[derive(Debug)]
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// The body without its transfer encoding.
    pub body: Cow<'a, [u8]>,
    /// When the first byte came.
    pub first_byte: Instant,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(READ_BYTES), again: None })
    }

    /// Wraps a connection that came in.
    pub fn accepted(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(READ_BYTES), again: None })
    }

    /// Sends a whole request and reads the whole answer.
    pub async fn ask(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        if let Some(address) = self.again.take() {
            *self = Self::open(address).await?;
        }
        self.buffer.clear();
        self.stream.write_all(request).await?;
        if !self.read_more().await? {
            return Err(broken("the connection was closed before an answer"));
        }
        let first_byte = Instant::now();
        let head_bytes = self.read_head().await?;
        let head = &self.buffer[..head_bytes];
        let status = std::str::from_utf8(head.get(9..12).unwrap_or_default()).ok();
        let status = status.and_then(|text| text.parse().ok()).ok_or_else(|| broken("no HTTP answer"))?;
        if header(head, "connection").is_some_and(|value| value.contains("close")) {
            self.again = Some(self.stream.peer_addr()?);
        }
        let chunked = header(head, "transfer-encoding").is_some_and(|value| value.contains("chunked"));
        let body = if chunked {
            Cow::Owned(self.read_chunks(head_bytes).await?)
        } else {
            let length = content_length(head);
            self.read_to(head_bytes + length).await?;
            Cow::Borrowed(&self.buffer[head_bytes..head_bytes + length])
        };
        Ok(Answer { status, body, first_byte })
    }

    /// Reads one request's body; `None` when the sender has hung up.
    pub async fn receive(&mut self) -> io::Result<Option<&[u8]>> {
        self.buffer.clear();
        if !self.read_more().await? {
            return Ok(None);
        }
        let head_bytes = self.read_head().await?;
        let end = head_bytes + content_length(&self.buffer[..head_bytes]);
        self.read_to(end).await?;
        Ok(Some(&self.buffer[head_bytes..end]))
    }

    /// Answers a request that was received.
    pub async fn answer(&mut self, answer: &[u8]) -> io::Result<()> {
        self.stream.write_all(answer).await
    }

    async fn read_more(&mut self) -> io::Result<bool> {
        self.buffer.reserve(READ_BYTES);
        Ok(self.stream.read_buf(&mut self.buffer).await? > 0)
    }

    /// Reads on until the head is there; answers where it ends.
    async fn read_head(&mut self) -> io::Result<usize> {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                return Ok(end + 4);
            }
            if !self.read_more().await? {
                return Err(broken("the connection was closed within a head"));
            }
        }
    }

    async fn read_to(&mut self, end: usize) -> io::Result<()> {
        while self.buffer.len() < end {
            if !self.read_more().await? {
                return Err(broken("the connection was closed within a body"));
            }
        }
        Ok(())
    }

    async fn read_chunks(&mut self, mut at: usize) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line_end = loop {
                let found = self.buffer[at..].windows(2).position(|two| two == b"\r\n");
                if let Some(offset) = found {
                    break at + offset;
                }
                self.read_to(self.buffer.len() + 1).await?;
            };
            let size = std::str::from_utf8(&self.buffer[at..line_end]).ok();
            let size = size.and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
            let size = size.ok_or_else(|| broken("a chunk's size cannot be read"))?;
            let data = line_end + 2;
            self.read_to(data + size + 2).await?;
            body.extend_from_slice(&self.buffer[data..data + size]);
            at = data + size + 2;
            if size == 0 {
                return Ok(body);
            }
        }
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn content_length(head: &[u8]) -> usize {
    header(head, "content-length").and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    let lines = head.split(|byte| *byte == b'\n').skip(1);
    let mut fields = lines.filter_map(|line| line.split_at_checked(name.len()));
    let (_, rest) = fields
        .find(|(start, rest)| start.eq_ignore_ascii_case(name.as_bytes()) && rest.first() == Some(&b':'))?;
    std::str::from_utf8(&rest[1..]).ok().map(str::trim)
}

/// A request's bytes. `headers` are lines without their ends.
pub fn request(method: &str, path: &str, headers: &[&str], body: &str) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n");
    for line in headers {
        text.push_str(line);
        text.push_str("\r\n");
    }
    if method != "GET" {
        text.push_str("content-length: ");
        text.push_str(&body.len().to_string());
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn serve_once(answer: &'static [u8]) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut connection = Connection::accepted(stream).unwrap();
            while connection.receive().await.unwrap().is_some() {
                connection.answer(answer).await.unwrap();
            }
        });
        address
    }

    #[tokio::test]
    async fn reads_bodies_by_length_and_by_chunks() {
        let answers: [&[u8]; 2] = [
            b"HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello",
            b"HTTP/1.1 200 OK\r\nx-a: b\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
        ];
        for answer in answers {
            let mut connection = Connection::open(serve_once(answer).await).await.unwrap();
            for _ in 0..2 {
                let answer = connection.ask(&request("POST", "/", &["x: y"], "question")).await.unwrap();
                assert_eq!((answer.status, &*answer.body), (200, &b"hello"[..]));
            }
        }
    }

    #[tokio::test]
    async fn an_answer_that_closes_its_connection_is_the_last_on_it() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let mut connection = Connection::accepted(listener.accept().await.unwrap().0).unwrap();
                connection.receive().await.unwrap();
                let answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
                connection.answer(answer).await.unwrap();
            }
        });
        let mut connection = Connection::open(address).await.unwrap();
        for _ in 0..2 {
            assert_eq!(connection.ask(&request("GET", "/", &[], "")).await.unwrap().status, 200);
        }
    }

    #[test]
    fn requests_are_written_whole() {
        let text = String::from_utf8(request("POST", "/p", &["a: b"], "{}")).unwrap();
        assert_eq!(text, "POST /p HTTP/1.1\r\nhost: 127.0.0.1\r\na: b\r\ncontent-length: 2\r\n\r\n{}");
        assert!(!String::from_utf8(request("GET", "/", &[], "")).unwrap().contains("content-length"));
    }
}
