//! What a picture's file says of itself, read before anybody decodes it: its size, and the memory that decoding
//! will take. A file of a few kilobytes can promise hundreds of megabytes.

/// A file format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum PictureFormat {
    Png,
    Jpeg,
    WebP,
}

/// The head of a picture's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureHead {
    /// What the file is.
    pub format: PictureFormat,
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
    /// Most bytes that a decoder takes: the decoded picture, and what it holds beside it.
    pub memory_bytes: u64,
}

impl PictureHead {
    /// The head of a file; `None` where it is not a PNG, JPEG or WebP file, or has no pixels. Reads no further than
    /// the first pixel, in one pass.
    pub fn read(file: &[u8]) -> Option<Self> {
        let head = match file {
            [0x89, b'P', ..] => png(file),
            [0xff, 0xd8, ..] => jpeg(file),
            [b'R', b'I', b'F', b'F', ..] => webp(file),
            _ => None,
        }?;
        (head.pixels() > 0).then_some(head)
    }

    /// How many pixels there are.
    pub const fn pixels(&self) -> u64 {
        area(self.width, self.height)
    }
}

const fn area(width: u32, height: u32) -> u64 {
    width as u64 * height as u64
}

/// Colour type and depth follow the size (PNG 11.2.2). Rows are decoded one by one into the picture.
fn png(file: &[u8]) -> Option<PictureHead> {
    let header = file.strip_prefix(b"\x89PNG\r\n\x1a\n")?.get(4..18)?.strip_prefix(b"IHDR")?;
    let (width, rest) = header.split_first_chunk::<4>()?;
    let (height, rest) = rest.split_first_chunk::<4>()?;
    let [depth, color] = rest.first_chunk::<2>()?;
    let samples = match color {
        0 => 1,
        2 => 3,
        4 => 2,
        // A palette becomes colours with transparency.
        _ => 4,
    };
    let (width, height) = (u32::from_be_bytes(*width), u32::from_be_bytes(*height));
    let pixel_bytes = samples * if *depth > 8 { 2 } else { 1 };
    let memory_bytes = area(width, height).saturating_mul(pixel_bytes);
    Some(PictureHead { format: PictureFormat::Png, width, height, memory_bytes })
}

/// The frame header of a JPEG (ISO 10918-1 B.2.2).
struct Frame {
    width: u16,
    height: u16,
    progressive: bool,
    /// Horizontal and vertical sampling of each component.
    sampling: Vec<(u64, u64)>,
}

impl Frame {
    fn read(marker: u8, segment: &[u8]) -> Option<Self> {
        let [_, h1, h2, w1, w2, count, components @ ..] = segment else { return None };
        let components = components.get(..usize::from(*count) * 3)?.as_chunks::<3>().0;
        let sampling = |[_, factors, _]: &[u8; 3]| (u64::from(factors >> 4), u64::from(factors & 15));
        Some(Self {
            width: u16::from_be_bytes([*w1, *w2]),
            height: u16::from_be_bytes([*h1, *h2]),
            progressive: marker == 0xc2,
            sampling: components.iter().map(sampling).collect(),
        })
    }

    /// `scanned` is how many components the first scan holds. Where that is not all of them, in a progressive
    /// picture and in one of four colours, two bytes are kept for each sample of the whole picture.
    fn head(&self, scanned: usize) -> PictureHead {
        let widest = self.sampling.iter().map(|(h, _)| *h).max().unwrap_or(1).max(1);
        let highest = self.sampling.iter().map(|(_, v)| *v).max().unwrap_or(1).max(1);
        let columns = u64::from(self.width).div_ceil(8 * widest);
        let rows = u64::from(self.height).div_ceil(8 * highest);
        let blocks: u64 = self.sampling.iter().map(|(h, v)| columns * h * rows * v).sum();
        let (width, height) = (u32::from(self.width), u32::from(self.height));
        let components = self.sampling.len();
        let is_whole = self.progressive || scanned < components || components > 3;
        let kept_bytes = if is_whole { blocks * 64 * 2 } else { 0 };
        let colors = if components == 1 { 1 } else { 3 };
        let memory_bytes = area(width, height) * colors + kept_bytes;
        PictureHead { format: PictureFormat::Jpeg, width, height, memory_bytes }
    }
}

fn jpeg(file: &[u8]) -> Option<PictureHead> {
    let mut rest = file.strip_prefix(b"\xff\xd8")?;
    let mut frame: Option<Frame> = None;
    // What stands between segments is skipped, as decoders do.
    while let Some(start) = rest.iter().position(|byte| *byte == 0xff) {
        let [_, marker, after @ ..] = &rest[start..] else { break };
        match marker {
            // Fill bytes, and markers that stand alone.
            0xff => rest = &rest[start + 1..],
            0x00 | 0x01 | 0xd0..=0xd8 => rest = after,
            0xd9 => break,
            _ => {
                let Some((length, segment)) = after.split_first_chunk::<2>() else { break };
                let length = usize::from(u16::from_be_bytes(*length)).checked_sub(2)?;
                let content = segment.get(..length)?;
                match marker {
                    // Start of frame, without the tables (C4, C8, CC) that share the range.
                    0xc0..=0xcf if ![0xc4, 0xc8, 0xcc].contains(marker) => {
                        let read = Frame::read(*marker, content)?;
                        // A second frame would belie the first.
                        if frame.replace(read).is_some() {
                            return None;
                        }
                    }
                    0xda => return Some(frame?.head(usize::from(*content.first()?))),
                    _ => {}
                }
                rest = &segment[length..];
            }
        }
    }
    // Broken off before its first scan.
    Some(frame?.head(0))
}

/// Lossy (VP8), lossless (VP8L) and extended (VP8X) files tell their size in three ways (RFC 9649).
fn webp(file: &[u8]) -> Option<PictureHead> {
    let chunk = file.get(8..)?.strip_prefix(b"WEBP")?;
    let content = chunk.get(8..)?;
    let le16 = |at: usize| Some(u32::from(u16::from_le_bytes([*content.get(at)?, *content.get(at + 1)?])));
    let le24 = |at: usize| Some(le16(at)? | u32::from(*content.get(at + 2)?) << 16);
    // Bytes per pixel: planes of brightness and colour, the decoded picture, and for an animation canvas and frame.
    let (width, height, pixel_bytes) = match chunk.first_chunk::<4>()? {
        b"VP8 " => (le16(6)? & 0x3fff, le16(8)? & 0x3fff, 6),
        b"VP8L" => {
            let bits = le16(1)? | le16(3)? << 16;
            ((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1, 12)
        }
        b"VP8X" => (le24(4)? + 1, le24(7)? + 1, 12),
        _ => return None,
    };
    let memory_bytes = area(width, height).saturating_mul(pixel_bytes);
    Some(PictureHead { format: PictureFormat::WebP, width, height, memory_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png_of(width: u32, height: u32, depth: u8, color: u8) -> Vec<u8> {
        let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        file.extend([width.to_be_bytes(), height.to_be_bytes()].concat());
        file.extend([depth, color, 0, 0, 0]);
        file
    }

    /// A frame of components with these sampling factors, and a scan of the first few.
    fn jpeg_of(marker: u8, (width, height): (u16, u16), sampling: &[u8], scanned: u8) -> Vec<u8> {
        let segment = |marker: u8, content: &[u8]| {
            let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
            [&[0xff, marker], &length[..], content].concat()
        };
        let count = u8::try_from(sampling.len()).unwrap();
        let mut frame = [&[8], &height.to_be_bytes()[..], &width.to_be_bytes(), &[count]].concat();
        (1..).zip(sampling).for_each(|(id, factors)| frame.extend([id, *factors, 0]));
        [
            b"\xff\xd8".to_vec(),
            segment(0xe0, b"ab"),
            segment(marker, &frame),
            segment(0xda, &[scanned, 0, 0, 0]),
        ]
        .concat()
    }

    fn memory(file: &[u8]) -> u64 {
        PictureHead::read(file).unwrap().memory_bytes
    }

    #[test]
    fn png_takes_what_its_pixels_take() {
        let head = PictureHead::read(&png_of(100_000, 50_000, 8, 2)).unwrap();
        assert_eq!((head.width, head.height, head.pixels()), (100_000, 50_000, 5_000_000_000));
        for (depth, color, bytes) in [(1, 0, 1), (8, 2, 3), (8, 3, 4), (16, 4, 4), (16, 6, 8)] {
            assert_eq!(memory(&png_of(10, 10, depth, color)), 100 * bytes, "{depth} {color}");
        }
        assert_eq!(PictureHead::read(&png_of(0, 10, 8, 2)), None);
        assert_eq!(PictureHead::read(&png_of(1, 1, 8, 2)[..20]), None);
    }

    #[test]
    fn a_jpeg_takes_more_where_the_whole_picture_is_kept_as_samples() {
        let (size, full) = ((640, 480), [0x11, 0x11, 0x11]);
        let pixels = 640 * 480;
        assert_eq!(memory(&jpeg_of(0xc0, size, &full, 3)), pixels * 3);
        assert_eq!(memory(&jpeg_of(0xc2, size, &full, 3)), pixels * (3 + 3 * 2));
        assert_eq!(memory(&jpeg_of(0xc0, size, &full, 1)), pixels * (3 + 3 * 2));
        assert_eq!(memory(&jpeg_of(0xc0, size, &[0x11; 4], 4)), pixels * (3 + 4 * 2));
        assert_eq!(memory(&jpeg_of(0xc2, size, &[0x22, 0x11, 0x11], 3)), pixels * (3 + 3));
        assert_eq!(memory(&jpeg_of(0xc2, size, &[0x11], 1)), pixels * (1 + 2));
        // Blocks are whole, however narrow the picture is.
        assert_eq!(memory(&jpeg_of(0xc2, (1, 1), &[0x41, 0x11, 0x11], 3)), 3 + (4 + 1 + 1) * 128);
    }

    #[test]
    fn a_jpeg_whose_head_is_not_clear_is_none() {
        let good = jpeg_of(0xc0, (8, 8), &[0x11], 1);
        assert!(PictureHead::read(&good).is_some());
        let scan = good.len() - 8;
        let second = [&good[..scan], &good[8..]].concat();
        assert_eq!(PictureHead::read(&second), None, "two frames");
        assert_eq!(PictureHead::read(&good[..10]), None, "broken off in its frame");
        assert!(PictureHead::read(&good[..scan]).is_some(), "broken off before its scan");
        let filled = [b"\xff\xd8zz\xff\xff", &good[3..]].concat();
        assert_eq!(PictureHead::read(&filled), PictureHead::read(&good), "fill bytes");
        for other in [&b"\xff\xd8"[..], b"\xff\xd8\xff", b"\xff\xd8\xff\xc0\0\x01", b"GIF89a", b""] {
            assert_eq!(PictureHead::read(other), None, "{other:?}");
        }
    }

    #[test]
    fn webp_tells_its_size_in_three_ways() {
        let file = |kind: &[u8], content: &[u8]| [b"RIFF\0\0\0\0WEBP", kind, b"\0\0\0\0", content].concat();
        let size = |file: &[u8]| PictureHead::read(file).map(|head| (head.width, head.height));
        let lossy = file(b"VP8 ", &[0, 0, 0, 0x9d, 1, 0x2a, 0x80, 0x02, 0xe0, 0x01]);
        assert_eq!(size(&lossy), Some((640, 480)));
        let bits: u32 = 0x27f | 0x1df << 14;
        assert_eq!(size(&file(b"VP8L", &[&[0x2f][..], &bits.to_le_bytes()].concat())), Some((640, 480)));
        let extended = file(b"VP8X", &[0, 0, 0, 0, 0x7f, 0x02, 0, 0xdf, 0x01, 0]);
        assert_eq!(size(&extended), Some((640, 480)));
        assert_eq!(memory(&extended), 640 * 480 * 12);
        assert_eq!(size(&file(b"ALPH", &[0; 12])), None);
    }
}
