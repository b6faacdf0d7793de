//! Pictures of a page: one, or a running view.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chromiumoxide::cdp::browser_protocol::page::{
    CaptureScreenshotFormat, CaptureScreenshotParams, EventScreencastFrame, GetLayoutMetricsParams,
    ScreencastFrameAckParams, StartScreencastFormat, StartScreencastParams, StopScreencastParams, Viewport,
};
use tokio::sync::watch;

use super::mux::Session;
use super::page::Inner;
use super::{Error, PageSession};

/// Pixels of height a picture of a whole page may have. Chromium's own limit is 16384; at 1280 wide this is a JPEG of a
/// few MiB, and longer forms are shown to their first twenty screens.
pub const MAX_PICTURE_HEIGHT: u32 = 12_000;
/// A large page takes a second on an idle host.
const PICTURE_TIMEOUT: Duration = Duration::from_secs(20);
/// The running view's pace: Chromium sends the next frame once this one is acknowledged.
const FRAME_PAUSE: Duration = Duration::from_millis(100);

/// A JPEG with its size in pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub jpeg: Bytes,
    pub width: u32,
    pub height: u32,
}

/// A running view; ends when dropped.
pub struct Screencast {
    page: PageSession,
    newest: watch::Receiver<Option<Arc<Picture>>>,
}

impl PageSession {
    /// Photographs the page: the viewport, or from the top of the page down to `max_height` pixels (bounded by
    /// [`MAX_PICTURE_HEIGHT`]). `quality` is 0..=100. Pixels are CSS pixels.
    ///
    /// # Errors
    /// The page's end, or no answer within 20 s.
    pub async fn screenshot_jpeg(&self, quality: u8, max_height: Option<u32>) -> Result<Picture, Error> {
        let root = &self.inner.root;
        let metrics = root.run(GetLayoutMetricsParams::default()).await?;
        let view = &metrics.css_layout_viewport;
        let (mut width, mut height) = (view.client_width as f64, view.client_height as f64);
        let (mut x, mut y) = (view.page_x as f64, view.page_y as f64);
        if let Some(limit) = max_height {
            (x, y) = (0.0, 0.0);
            width = width.max(metrics.css_content_size.width).min(f64::from(MAX_PICTURE_HEIGHT));
            height = height.max(metrics.css_content_size.height).min(f64::from(limit.min(MAX_PICTURE_HEIGHT)));
        }
        let params = CaptureScreenshotParams::builder()
            .format(CaptureScreenshotFormat::Jpeg)
            .quality(quality.min(100))
            .clip(Viewport { x, y, width, height, scale: 1.0 })
            .capture_beyond_viewport(max_height.is_some())
            .build();
        let answer = root.run_within(params, PICTURE_TIMEOUT).await?;
        let malformed = || Error::Malformed { method: "Page.captureScreenshot".into() };
        let jpeg: Bytes = STANDARD.decode(AsRef::<[u8]>::as_ref(&answer.data)).map_err(|_| malformed())?.into();
        let (width, height) = jpeg_size(&jpeg).ok_or_else(malformed)?;
        Ok(Picture { jpeg, width, height })
    }

    /// Begins a running view of at most ten frames a second, scaled to fit. Frames nobody fetched in time are replaced
    /// by newer ones. One view per page at a time: a second one shares the first one's scale.
    ///
    /// # Errors
    /// The page's end.
    pub async fn screencast(&self, quality: u8, max_width: u32, max_height: u32) -> Result<Screencast, Error> {
        let newest = self.inner.newest.subscribe();
        let params = StartScreencastParams::builder()
            .format(StartScreencastFormat::Jpeg)
            .quality(quality.min(100))
            .max_width(max_width)
            .max_height(max_height)
            .build();
        self.inner.root.run(params).await?;
        Ok(Screencast { page: self.clone(), newest })
    }
}

impl Screencast {
    /// The newest frame not yet seen; waits for the page to change. `None` when the page is gone.
    pub async fn next(&mut self) -> Option<Arc<Picture>> {
        loop {
            tokio::select! {
                changed = self.newest.changed() => changed.ok()?,
                _ = self.page.inner.root.ended() => return None,
            }
            if let Some(picture) = self.newest.borrow_and_update().clone() {
                return Some(picture);
            }
        }
    }
}

impl Drop for Screencast {
    fn drop(&mut self) {
        // The other views of this page, if any, keep it running.
        if self.page.inner.newest.receiver_count() <= 1 {
            let root = self.page.inner.root.clone();
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(async move { root.run(StopScreencastParams::default()).await });
            }
        }
    }
}

/// Called by the pump with a frame: the newest wins, and the next one is asked for after a pause.
pub(super) fn received(page: &Inner, session: &Session, frame: &EventScreencastFrame) {
    if let Ok(jpeg) = STANDARD.decode(AsRef::<[u8]>::as_ref(&frame.data))
        && let Some((width, height)) = jpeg_size(&jpeg)
    {
        page.newest.send_replace(Some(Arc::new(Picture { jpeg: jpeg.into(), width, height })));
    }
    let (session, acknowledged) = (session.clone(), ScreencastFrameAckParams::new(frame.session_id));
    tokio::spawn(async move {
        tokio::time::sleep(FRAME_PAUSE).await;
        let _ = session.run(acknowledged).await;
    });
}

/// Width and height from a JPEG's frame header.
fn jpeg_size(jpeg: &[u8]) -> Option<(u32, u32)> {
    let mut rest = jpeg.strip_prefix(&[0xff, 0xd8])?;
    loop {
        let [0xff, marker, high, low, tail @ ..] = rest else { return None };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        // Every start-of-frame marker except the three of that range that are none.
        if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            let [_, h1, h2, w1, w2, ..] = tail else { return None };
            return Some((u32::from(u16::from_be_bytes([*w1, *w2])), u32::from(u16::from_be_bytes([*h1, *h2]))));
        }
        rest = rest.get(2 + length..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_read_from_the_frame_header() {
        let jpeg = [0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xc0, 0, 11, 8, 0x01, 0x02, 0x03, 0x04, 1];
        assert_eq!(jpeg_size(&jpeg), Some((0x0304, 0x0102)));
        assert_eq!(jpeg_size(&jpeg[..12]), None);
        assert_eq!(jpeg_size(b"not a jpeg"), None);
    }
}
