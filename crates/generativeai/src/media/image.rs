//! Images in memory as parts of a message, encoded as lossless WebP or PNG.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat};

use crate::protocol::content::{Blob, Content, Part};

/// Encodes the image as lossless WebP with 8 bits per channel. Channels with more bits are rounded.
///
/// An image wider or higher than 16,383 pixels, the limit of WebP, is encoded as PNG. An image without pixels becomes a
/// blob without bytes. To send an image file unchanged, use [`Blob::from_file`].
///
/// ```
/// use generativeai::protocol::content::{Blob, Content, Part};
/// use image::{DynamicImage, ImageFormat};
///
/// let thumbnail = DynamicImage::new_rgb8(8, 8);
/// let message = Content::user([Part::text("Which colour is this?"), Part::from(&thumbnail)]);
/// assert_eq!(message.parts[1].as_inline_data().unwrap().mime_type.as_deref(), Some("image/webp"));
/// ```
impl From<&DynamicImage> for Blob {
    fn from(image: &DynamicImage) -> Self {
        // The encoder of WebP supports 8 bits per channel only.
        let pixels = if image.color().has_alpha() {
            DynamicImage::from(image.to_rgba8())
        } else {
            DynamicImage::from(image.to_rgb8())
        };
        for format in [ImageFormat::WebP, ImageFormat::Png] {
            let mut bytes = Vec::new();
            if pixels
                .write_to(&mut Cursor::new(&mut bytes), format)
                .is_ok()
            {
                return Self::new(format.to_mime_type(), bytes);
            }
        }
        // `From` cannot fail, and neither format encodes an image without pixels.
        Self::new(ImageFormat::Png.to_mime_type(), [])
    }
}

impl From<DynamicImage> for Blob {
    fn from(image: DynamicImage) -> Self {
        Self::from(&image)
    }
}

impl From<&DynamicImage> for Part {
    fn from(image: &DynamicImage) -> Self {
        Blob::from(image).into()
    }
}

impl From<DynamicImage> for Part {
    fn from(image: DynamicImage) -> Self {
        Blob::from(image).into()
    }
}

impl From<DynamicImage> for Content {
    fn from(image: DynamicImage) -> Self {
        Blob::from(image).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoded_image_has_the_same_pixels() {
        let image = DynamicImage::from(image::RgbaImage::from_fn(7, 5, |x, y| {
            image::Rgba([x as u8 * 30, y as u8 * 50, 7, 200])
        }));

        let blob = Blob::from(&image);

        assert_eq!(blob.mime_type.as_deref(), Some("image/webp"));
        let read = image::load_from_memory(&blob.bytes().unwrap()).unwrap();
        assert_eq!(read.to_rgba8(), image.to_rgba8());
    }

    #[test]
    fn an_image_too_wide_for_webp_is_encoded_as_png() {
        let wide = DynamicImage::from(image::RgbImage::new(16_400, 1));

        assert_eq!(Blob::from(wide).mime_type.as_deref(), Some("image/png"));
    }

    #[test]
    fn an_image_without_pixels_does_not_panic() {
        let none = DynamicImage::from(image::RgbImage::new(0, 0));

        assert!(Blob::from(none).bytes().is_ok());
    }
}
