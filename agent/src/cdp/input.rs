//! Mouse and keyboard as a person has them: through the page's own session, hit-tested by the browser.

use chromiumoxide::cdp::browser_protocol::dom::{GetBoxModelParams, GetFrameOwnerParams};
use chromiumoxide::cdp::browser_protocol::input::{
    DispatchKeyEventParams, DispatchKeyEventType, DispatchMouseEventParams, DispatchMouseEventType, InsertTextParams,
    MouseButton,
};
use chromiumoxide::cdp::browser_protocol::page::FrameId;

use super::{Error, PageSession};

/// Process boundaries between a frame and the page; more is a page at play.
const MAX_NESTING: usize = 16;

/// Keys that do something rather than write something. Enter is absent on purpose: in a form it submits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Tab,
    Escape,
    Backspace,
    Delete,
    ArrowUp,
    ArrowDown,
    ArrowLeft,
    ArrowRight,
    Home,
    End,
    Space,
}

impl Key {
    /// DOM `key`, DOM `code`, Windows virtual key code.
    const fn codes(self) -> (&'static str, &'static str, i64) {
        match self {
            Self::Tab => ("Tab", "Tab", 9),
            Self::Escape => ("Escape", "Escape", 27),
            Self::Backspace => ("Backspace", "Backspace", 8),
            Self::Delete => ("Delete", "Delete", 46),
            Self::ArrowUp => ("ArrowUp", "ArrowUp", 38),
            Self::ArrowDown => ("ArrowDown", "ArrowDown", 40),
            Self::ArrowLeft => ("ArrowLeft", "ArrowLeft", 37),
            Self::ArrowRight => ("ArrowRight", "ArrowRight", 39),
            Self::Home => ("Home", "Home", 36),
            Self::End => ("End", "End", 35),
            Self::Space => (" ", "Space", 32),
        }
    }
}

impl PageSession {
    /// Where a frame's viewport begins in the page's viewport, CSS pixels. Frames under a CSS rotation or scale are
    /// placed by their corner only.
    ///
    /// # Errors
    /// [`Error::FrameGone`] when the frame is not there or not shown.
    pub async fn frame_origin(&self, frame: &FrameId) -> Result<(f64, f64), Error> {
        let (mut x, mut y) = (0.0, 0.0);
        let mut at = frame.clone();
        // Each step places a frame in its parent's process, whose coordinates begin at that process's topmost frame.
        for _ in 0..MAX_NESTING {
            let info = self.state(|s| s.frames.frame(&at)).ok_or(Error::FrameGone)?;
            let Some(parent) = info.parent else { return Ok((x, y)) };
            let session = self.session_of(&parent).ok_or(Error::FrameGone)?;
            let gone = |error| match error {
                Error::Refused { .. } => Error::FrameGone,
                error => self.of_frame(&session, error),
            };
            let owner = session.run(GetFrameOwnerParams::new(at.clone())).await.map_err(gone)?.backend_node_id;
            let of_owner = GetBoxModelParams::builder().backend_node_id(owner).build();
            let model = session.run(of_owner).await.map_err(gone)?.model;
            let corner = model.content.inner();
            x += corner.first().copied().unwrap_or_default();
            y += corner.get(1).copied().unwrap_or_default();
            at = self.state(|s| s.frames.local_root(&parent)).ok_or(Error::FrameGone)?;
        }
        Err(Error::TooMany("nested frames"))
    }

    /// Moves the mouse to a point of the page's viewport.
    ///
    /// # Errors
    /// The page's end, or its renderer not answering.
    pub async fn move_mouse(&self, x: f64, y: f64) -> Result<(), Error> {
        self.inner.root.run(mouse(DispatchMouseEventType::MouseMoved, x, y, MouseButton::None)).await.map(|_| ())
    }

    /// Presses the left button at a point of the page's viewport.
    ///
    /// # Errors
    /// As [`PageSession::move_mouse`]; the press may have happened.
    pub async fn press_mouse(&self, x: f64, y: f64) -> Result<(), Error> {
        self.inner.root.run(mouse(DispatchMouseEventType::MousePressed, x, y, MouseButton::Left)).await.map(|_| ())
    }

    /// Lets the left button go.
    ///
    /// # Errors
    /// As [`PageSession::press_mouse`].
    pub async fn release_mouse(&self, x: f64, y: f64) -> Result<(), Error> {
        self.inner.root.run(mouse(DispatchMouseEventType::MouseReleased, x, y, MouseButton::Left)).await.map(|_| ())
    }

    /// Moves to a point of the page's viewport and clicks there.
    ///
    /// # Errors
    /// As [`PageSession::press_mouse`]: after an error the click may have been made.
    pub async fn click_at(&self, x: f64, y: f64) -> Result<(), Error> {
        self.move_mouse(x, y).await?;
        self.press_mouse(x, y).await?;
        self.release_mouse(x, y).await
    }

    /// Turns the wheel at a point of the page's viewport, CSS pixels.
    ///
    /// # Errors
    /// As [`PageSession::move_mouse`].
    pub async fn scroll_at(&self, x: f64, y: f64, dx: f64, dy: f64) -> Result<(), Error> {
        let mut wheel = mouse(DispatchMouseEventType::MouseWheel, x, y, MouseButton::None);
        (wheel.delta_x, wheel.delta_y) = (Some(dx), Some(dy));
        self.inner.root.run(wheel).await.map(|_| ())
    }

    /// Presses and releases a key in the focused element, in whichever frame it is.
    ///
    /// # Errors
    /// As [`PageSession::move_mouse`].
    pub async fn press(&self, key: Key) -> Result<(), Error> {
        for kind in [DispatchKeyEventType::KeyDown, DispatchKeyEventType::KeyUp] {
            let (name, code, number) = key.codes();
            let mut params = DispatchKeyEventParams::new(kind.clone());
            params.key = Some(name.into());
            params.code = Some(code.into());
            params.windows_virtual_key_code = Some(number);
            if key == Key::Space && kind == DispatchKeyEventType::KeyDown {
                params.text = Some(" ".into());
            }
            self.inner.root.run(params).await?;
        }
        Ok(())
    }

    /// Writes text into the focused element as an input method would: any script, one `input` event, no key events.
    ///
    /// # Errors
    /// As [`PageSession::move_mouse`].
    pub async fn insert_text(&self, text: &str) -> Result<(), Error> {
        self.inner.root.run(InsertTextParams::new(text)).await.map(|_| ())
    }

    /// Types text key by key, for fields that react to key events (comboboxes). Characters without a key of their own
    /// come as text; a line break is refused, because it is Enter.
    ///
    /// # Errors
    /// As [`PageSession::move_mouse`]; [`Error::TooMany`] for a text with line breaks.
    pub async fn type_text(&self, text: &str) -> Result<(), Error> {
        if text.contains(['\n', '\r']) {
            return Err(Error::TooMany("lines"));
        }
        for character in text.chars() {
            let mut down = DispatchKeyEventParams::new(DispatchKeyEventType::KeyDown);
            down.text = Some(character.to_string());
            down.key = Some(character.to_string());
            let upper = character.to_ascii_uppercase();
            down.windows_virtual_key_code = upper.is_ascii_alphanumeric().then_some(i64::from(u32::from(upper)));
            let mut up = down.clone();
            up.r#type = DispatchKeyEventType::KeyUp;
            up.text = None;
            self.inner.root.run(down).await?;
            self.inner.root.run(up).await?;
        }
        Ok(())
    }
}

fn mouse(kind: DispatchMouseEventType, x: f64, y: f64, button: MouseButton) -> DispatchMouseEventParams {
    let held = i64::from(kind == DispatchMouseEventType::MousePressed);
    let mut params = DispatchMouseEventParams::new(kind, x, y);
    if button == MouseButton::Left {
        params.click_count = Some(1);
    }
    params.button = Some(button);
    params.buttons = Some(held);
    params
}
