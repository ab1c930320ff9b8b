//! A picture of any size becomes a small JPEG: decoded within limits, so that no file of a few kilobytes
//! unfolds to gigabytes, and written anew, so that nothing of it but its pixels is served.

use std::io::Cursor;

use gateway_core::domain::{image::Jpeg, picture::PictureHead};
use image::{
    DynamicImage, GenericImageView, ImageDecoder, ImageReader, Limits, Rgb, RgbImage,
    codecs::jpeg::JpegEncoder, imageops::FilterType, metadata::Orientation,
};

/// Longest side of what is decoded, in pixels.
const SIDE_MAX: u32 = 8192;
/// Most memory that decoding may take, in bytes: some 50 megapixels of a baseline JPEG.
const MEMORY_BYTES_MAX: u64 = 160 * 1024 * 1024;
/// Longest side of what is shown, in pixels: it is shown at 48, on dense screens.
const SHOWN_SIDE_MAX: u32 = 144;
/// Largest picture, in bytes: five of them and the page stay below 60 kB.
pub const BYTES_MAX: usize = 8 * 1024;
/// Tried in turn until the picture is small enough; the last is kept whatever it comes to.
const QUALITIES: [u8; 4] = [85, 70, 50, 30];

/// Why a file is no picture to show.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// Not png, jpeg or webp, broken, or larger than the limits.
    #[error("not a png, jpeg or webp picture of at most {SIDE_MAX} × {SIDE_MAX} pixels: {0}")]
    Unreadable(#[from] image::ImageError),
    /// Not png, jpeg or webp, or without pixels.
    #[error("not a png, jpeg or webp picture")]
    NoPicture,
    /// It would take too much memory, as its head tells before anything is decoded.
    #[error("the picture has too many pixels")]
    TooManyPixels,
    /// Noise, on purpose.
    #[error("the picture cannot be made small enough")]
    TooLarge,
}

/// Makes a small JPEG of a file. Slow: not for an async task.
pub fn shrink(file: &[u8]) -> Result<Jpeg, PictureError> {
    let head = PictureHead::read(file).ok_or(PictureError::NoPicture)?;
    if head.memory_bytes > MEMORY_BYTES_MAX {
        return Err(PictureError::TooManyPixels);
    }
    let mut reader =
        ImageReader::new(Cursor::new(file)).with_guessed_format().map_err(image::ImageError::from)?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(SIDE_MAX), Some(SIDE_MAX));
    limits.max_alloc = Some(MEMORY_BYTES_MAX);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    if decoder.total_bytes() > MEMORY_BYTES_MAX {
        return Err(PictureError::TooManyPixels);
    }
    // A phone's photo lies on its side and says so.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder)?;
    if picture.width().max(picture.height()) > SHOWN_SIDE_MAX {
        picture = picture.resize(SHOWN_SIDE_MAX, SHOWN_SIDE_MAX, FilterType::Triangle);
    }
    picture.apply_orientation(orientation);
    let flat = on_white(&picture);
    for quality in QUALITIES {
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(&flat)?;
        if bytes.len() <= BYTES_MAX {
            return Ok(Jpeg(bytes));
        }
    }
    Err(PictureError::TooLarge)
}

/// A JPEG has no transparency: what is see-through becomes white, as the page's frame is.
fn on_white(picture: &DynamicImage) -> RgbImage {
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [red, green, blue, alpha] = picture.get_pixel(x, y).0.map(u32::from);
        let blend = |color: u32| u8::try_from((color * alpha + 255 * (255 - alpha)) / 255).unwrap_or(u8::MAX);
        Rgb([blend(red), blend(green), blend(blue)])
    })
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, Rgba, RgbaImage};

    use super::*;

    fn encoded(picture: &RgbaImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let picture = DynamicImage::from(picture.clone());
        let picture = if format == ImageFormat::Jpeg { picture.to_rgb8().into() } else { picture };
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    /// Different everywhere, and hard to compress.
    fn noise(side: u32) -> RgbaImage {
        let mut state: u32 = 1;
        RgbaImage::from_fn(side, side, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [a, b, c, _] = state.rotate_left(11).to_le_bytes();
            Rgba([a, b, c, 255])
        })
    }

    #[test]
    fn every_format_becomes_a_small_jpeg() {
        let picture = noise(600);
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
            let jpeg = shrink(&encoded(&picture, format)).unwrap();
            assert!(jpeg.0.len() <= BYTES_MAX && jpeg.0.starts_with(&[0xff, 0xd8]), "{format:?} {jpeg:?}");
            let shown = image::load_from_memory_with_format(&jpeg.0, ImageFormat::Jpeg).unwrap();
            assert_eq!(shown.dimensions(), (SHOWN_SIDE_MAX, SHOWN_SIDE_MAX), "{format:?}");
        }
    }

    #[test]
    fn what_is_see_through_becomes_white_and_small_pictures_keep_their_size() {
        let picture = RgbaImage::from_pixel(20, 10, Rgba([200, 0, 0, 0]));
        let jpeg = shrink(&encoded(&picture, ImageFormat::Png)).unwrap();
        let shown = image::load_from_memory(&jpeg.0).unwrap().to_rgb8();
        assert_eq!(shown.dimensions(), (20, 10));
        assert!(shown.pixels().all(|pixel| pixel.0.iter().all(|color| *color > 250)));
    }

    /// A decoder keeps two bytes for each sample of a progressive JPEG, whatever limit it was given.
    #[test]
    fn a_progressive_jpeg_is_refused_by_what_it_would_take() {
        let frame = |marker: u8, side: u16| {
            let [high, low] = side.to_be_bytes();
            let mut file = vec![0xff, 0xd8, 0xff, marker, 0, 20, 8, high, low, high, low, 4];
            file.extend([1, 2, 3, 4].map(|id| [id, 0x11, 0]).concat());
            file
        };
        assert!(matches!(shrink(&frame(0xc2, 6_000)), Err(PictureError::TooManyPixels)));
        assert!(!matches!(shrink(&frame(0xc2, 3_000)), Err(PictureError::TooManyPixels)));
    }

    #[test]
    fn a_bomb_is_refused_before_it_goes_off() {
        // A header that promises many pixels, and hardly any data.
        for side in [60_000_u32, 8192] {
            let mut bomb = encoded(&RgbaImage::new(1, 1), ImageFormat::Png);
            bomb[16..20].copy_from_slice(&side.to_be_bytes());
            bomb[20..24].copy_from_slice(&side.to_be_bytes());
            let crc = crc32(&bomb[12..29]);
            bomb[29..33].copy_from_slice(&crc.to_be_bytes());
            let error = shrink(&bomb).unwrap_err();
            let is_limit = matches!(
                error,
                PictureError::TooManyPixels | PictureError::Unreadable(image::ImageError::Limits(_))
            );
            assert!(is_limit, "{side}: {error}");
        }
        for wrong in [&b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..], b"GIF89a", b"", &[0xff, 0xd8, 0xff]]
        {
            assert!(shrink(wrong).is_err());
        }
    }

    fn crc32(bytes: &[u8]) -> u32 {
        let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
    }
}
