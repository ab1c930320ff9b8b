//! The file: eight bytes of magic, then frames of a kind (one byte), a length (four, little endian) and that many
//! bytes. The last frame is the SHA-256 of everything before it.
//!
//! | Kind | Holds |
//! |---|---|
//! | `H` | the head, as BSON |
//! | `D` | the number of the collection in the head (four bytes, little endian) and a document |
//! | `T` | the tail, as BSON |
//! | `E` | the checksum |

use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};

const MAGIC: &[u8; 8] = b"TOLLGATE";
/// A document of 16 MiB and what is around it.
const LENGTH_MAX: u32 = 17 << 20;

/// One frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    Head(Vec<u8>),
    Document(u32, Vec<u8>),
    Tail(Vec<u8>),
}

/// Writes frames and counts them into the checksum.
pub(super) struct Writer<W> {
    to: W,
    hash: Sha256,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(to: W) -> io::Result<Self> {
        let mut writer = Self { to, hash: Sha256::new() };
        writer.raw(MAGIC)?;
        Ok(writer)
    }

    pub(super) fn frame(&mut self, kind: u8, parts: &[&[u8]]) -> io::Result<()> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let length = u32::try_from(length).ok().filter(|length| *length <= LENGTH_MAX);
        let length = length.ok_or_else(|| io::Error::other("a document is too large for a backup"))?;
        self.raw(&[kind])?;
        self.raw(&length.to_le_bytes())?;
        for part in parts {
            self.raw(part)?;
        }
        Ok(())
    }

    /// Writes the checksum and hands the file back.
    pub(super) fn finish(mut self) -> io::Result<W> {
        let digest = self.hash.finalize_reset();
        self.frame(b'E', &[digest.as_slice()])?;
        self.to.flush()?;
        Ok(self.to)
    }

    fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.to.write_all(bytes)
    }
}

/// Reads frames and checks the checksum at the end.
pub(super) struct Reader<R> {
    from: R,
    hash: Sha256,
}

impl<R: Read> Reader<R> {
    pub(super) fn new(from: R) -> io::Result<Self> {
        let mut reader = Self { from, hash: Sha256::new() };
        if reader.raw(MAGIC.len())? != MAGIC {
            return Err(damaged("it is not a backup"));
        }
        Ok(reader)
    }

    /// The next frame; `None` behind the last, once the checksum was found right and nothing follows.
    pub(super) fn next(&mut self) -> io::Result<Option<Frame>> {
        let before = self.hash.clone();
        let kind = self.raw(1)?[0];
        let length = self.raw(4)?;
        let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]);
        if length > LENGTH_MAX {
            return Err(damaged("a length is out of bounds"));
        }
        let mut body = self.raw(usize::try_from(length).map_err(io::Error::other)?)?;
        match kind {
            b'H' => Ok(Some(Frame::Head(body))),
            b'T' => Ok(Some(Frame::Tail(body))),
            b'D' if body.len() >= 4 => {
                let document = body.split_off(4);
                Ok(Some(Frame::Document(u32::from_le_bytes([body[0], body[1], body[2], body[3]]), document)))
            }
            b'E' if body != before.finalize().as_slice() => Err(damaged("its checksum is wrong")),
            b'E' if self.from.read(&mut [0])? != 0 => Err(damaged("something follows its end")),
            b'E' => Ok(None),
            _ => Err(damaged("it holds what this version does not know")),
        }
    }

    fn raw(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.from.read_exact(&mut bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => damaged("it ends too early"),
            _ => error,
        })?;
        self.hash.update(&bytes);
        Ok(bytes)
    }
}

/// The file is not what was written.
pub(super) fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the backup cannot be used: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Vec<u8> {
        let mut writer = Writer::new(Vec::new()).unwrap();
        writer.frame(b'H', &[b"head"]).unwrap();
        writer.frame(b'D', &[&7_u32.to_le_bytes(), b"document"]).unwrap();
        writer.frame(b'T', &[b""]).unwrap();
        writer.finish().unwrap()
    }

    fn read(file: &[u8]) -> io::Result<Vec<Frame>> {
        let mut reader = Reader::new(file)?;
        let mut frames = Vec::new();
        while let Some(frame) = reader.next()? {
            frames.push(frame);
        }
        Ok(frames)
    }

    #[test]
    fn frames_come_back_as_they_were() {
        let frames = read(&file()).unwrap();
        let document = Frame::Document(7, b"document".to_vec());
        assert_eq!(frames, [Frame::Head(b"head".to_vec()), document, Frame::Tail(Vec::new())]);
    }

    #[test]
    fn every_flipped_bit_cut_and_addition_is_found() {
        let whole = file();
        for index in 0..whole.len() {
            for bit in 0..8 {
                let mut damaged = whole.clone();
                damaged[index] ^= 1 << bit;
                assert!(read(&damaged).is_err(), "bit {bit} of byte {index}");
            }
            assert!(read(&whole[..index]).is_err(), "cut to {index} bytes");
        }
        assert!(read(&[&whole[..], b"x"].concat()).is_err());
    }
}
