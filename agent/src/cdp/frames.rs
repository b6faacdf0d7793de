//! The frames of a page and the script contexts in them, over all renderer processes. Pure: events in, tree out.
//!
//! A cross-origin iframe lives in a session of its own. It leaves its parent's session with `frameDetached(swap)` and
//! arrives by `attachedToTarget`, in either order; so a frame remembers which session speaks for it, and only that one
//! may take it away.

use std::collections::HashMap;

use chromiumoxide::cdp::browser_protocol::page::{Frame, FrameId, FrameTree};
use chromiumoxide::cdp::js_protocol::runtime::ExecutionContextDescription;

use super::World;

/// Frames one page may have; further ones are not seen. Real application forms have a dozen.
pub(super) const MAX_FRAMES: usize = 256;

/// One frame as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameInfo {
    pub id: FrameId,
    /// `None` for the main frame.
    pub parent: Option<FrameId>,
    pub url: String,
    /// The security origin of its document, `://` for opaque ones.
    pub origin: String,
    pub name: String,
    /// True when the frame has a renderer process of its own.
    pub out_of_process: bool,
}

#[derive(Debug)]
struct Entry {
    parent: Option<FrameId>,
    /// The session that speaks for this frame; `None` between two processes.
    session: Option<String>,
    url: String,
    origin: String,
    name: String,
    /// Age among its siblings.
    order: u64,
}

#[derive(Debug)]
struct Context {
    session: String,
    id: i64,
    frame: FrameId,
    world: Option<World>,
    unique: String,
}

/// The live tree of one page.
#[derive(Debug)]
pub(super) struct Tree {
    main: FrameId,
    root: String,
    frames: HashMap<FrameId, Entry>,
    contexts: Vec<Context>,
    /// Sessions whose frames could not be given the page's scripts.
    bare: Vec<String>,
    born: u64,
}

impl Tree {
    /// A page before its first document: one main frame, spoken for by the page's session `root`.
    pub(super) fn new(main: FrameId, root: &str) -> Self {
        let mut tree = Self {
            main: main.clone(),
            root: root.to_owned(),
            frames: HashMap::new(),
            contexts: Vec::new(),
            bare: Vec::new(),
            born: 0,
        };
        tree.place(main, None, Some(root));
        tree
    }

    pub(super) fn main(&self) -> &FrameId {
        &self.main
    }

    /// The frames of a session run without the page's scripts.
    pub(super) fn without_scripts(&mut self, session: &str) {
        if !self.bare.iter().any(|known| known == session) {
            self.bare.push(session.to_owned());
        }
    }

    /// Every frame runs the page's scripts.
    pub(super) fn scripted(&self) -> bool {
        self.bare.is_empty()
    }

    /// All frames that can be spoken to, parents before children, siblings by age.
    pub(super) fn list(&self) -> Vec<FrameInfo> {
        let mut children: HashMap<Option<&FrameId>, Vec<(&FrameId, &Entry)>> = HashMap::new();
        for (id, entry) in &self.frames {
            children.entry(entry.parent.as_ref()).or_default().push((id, entry));
        }
        let mut list = Vec::with_capacity(self.frames.len());
        let mut stack: Vec<(&FrameId, &Entry)> = children.remove(&None).unwrap_or_default();
        while let Some((id, entry)) = stack.pop() {
            if entry.session.is_some() {
                list.push(self.info(id, entry));
            }
            if let Some(mut below) = children.remove(&Some(id)) {
                below.sort_by_key(|(_, entry)| std::cmp::Reverse(entry.order));
                stack.extend(below);
            }
        }
        list
    }

    fn info(&self, id: &FrameId, entry: &Entry) -> FrameInfo {
        FrameInfo {
            id: id.clone(),
            parent: entry.parent.clone(),
            url: entry.url.clone(),
            origin: entry.origin.clone(),
            name: entry.name.clone(),
            out_of_process: entry.session.as_ref().is_some_and(|session| *session != self.root),
        }
    }

    pub(super) fn frame(&self, id: &FrameId) -> Option<FrameInfo> {
        self.frames.get(id).map(|entry| self.info(id, entry))
    }

    /// The key of the session that speaks for a frame.
    pub(super) fn session_of(&self, id: &FrameId) -> Option<&str> {
        self.frames.get(id)?.session.as_deref()
    }

    /// The topmost frame of `id`'s process: the one whose viewport the session's coordinates are in.
    pub(super) fn local_root(&self, id: &FrameId) -> Option<FrameId> {
        let session = self.session_of(id)?;
        let mut at = id.clone();
        // Bounded by the number of frames, whatever the parent links say.
        for _ in 0..=self.frames.len() {
            match self.frames.get(&at)?.parent.clone() {
                Some(parent) if self.session_of(&parent) == Some(session) => at = parent,
                _ => return Some(at),
            }
        }
        None
    }

    fn place(&mut self, id: FrameId, parent: Option<FrameId>, session: Option<&str>) {
        if !self.frames.contains_key(&id) && self.frames.len() >= MAX_FRAMES {
            metrics::counter!("cdp_frames_over_limit").increment(1);
            return;
        }
        self.born += 1;
        let order = self.born;
        let entry = self.frames.entry(id).or_insert_with(|| Entry {
            parent: None,
            session: None,
            url: String::new(),
            origin: String::new(),
            name: String::new(),
            order,
        });
        if parent.is_some() {
            entry.parent = parent;
        }
        entry.session = session.map(str::to_owned);
    }

    /// `Page.frameAttached`.
    pub(super) fn attached(&mut self, session: &str, id: FrameId, parent: FrameId) {
        self.place(id, Some(parent), Some(session));
    }

    /// A child target took over the frame of the same id.
    pub(super) fn taken_over(&mut self, session: &str, id: FrameId, parent: Option<FrameId>) {
        self.remove_below(&id);
        self.place(id, parent, Some(session));
    }

    /// `Page.frameNavigated`: a new document, so whatever was below belonged to the old one.
    pub(super) fn navigated(&mut self, session: &str, frame: &Frame) {
        self.remove_below(&frame.id);
        self.describe(session, frame);
    }

    fn describe(&mut self, session: &str, frame: &Frame) {
        self.place(frame.id.clone(), frame.parent_id.clone(), Some(session));
        if let Some(entry) = self.frames.get_mut(&frame.id) {
            entry.url = format!("{}{}", frame.url, frame.url_fragment.as_deref().unwrap_or_default());
            entry.origin.clone_from(&frame.security_origin);
            entry.name = frame.name.clone().unwrap_or_default();
        }
    }

    /// `Page.navigatedWithinDocument`.
    pub(super) fn moved_within(&mut self, id: &FrameId, url: &str) {
        if let Some(entry) = self.frames.get_mut(id) {
            url.clone_into(&mut entry.url);
        }
    }

    /// The answer to `Page.getFrameTree` on `session`. What events said meanwhile is newer: known frames stay.
    pub(super) fn snapshot(&mut self, session: &str, tree: &FrameTree) {
        let known = self.frames.get(&tree.frame.id);
        if known.is_none_or(|entry| entry.session.as_deref() == Some(session) && entry.url.is_empty()) {
            self.describe(session, &tree.frame);
        }
        for child in tree.child_frames.iter().flatten() {
            self.snapshot(session, child);
        }
    }

    /// `Page.frameDetached`: gone from the page, or (`swap`) on its way to another process.
    pub(super) fn detached(&mut self, session: &str, id: &FrameId, swap: bool) {
        let Some(entry) = self.frames.get_mut(id) else { return };
        let speaks = entry.session.as_deref() == Some(session);
        if swap {
            if speaks {
                entry.session = None;
                self.contexts.retain(|context| context.frame != *id);
                self.remove_below(id);
            }
            return;
        }
        self.remove(id);
    }

    /// A session ended; the frames it still speaks for are gone with it.
    pub(super) fn session_ended(&mut self, session: &str) {
        self.contexts.retain(|context| context.session != session);
        self.bare.retain(|known| known != session);
        let of_session: Vec<_> = self
            .frames
            .iter()
            .filter(|(_, entry)| entry.session.as_deref() == Some(session))
            .map(|(id, _)| id.clone())
            .collect();
        for id in of_session {
            self.remove(&id);
        }
    }

    fn remove(&mut self, id: &FrameId) {
        self.remove_below(id);
        self.contexts.retain(|context| context.frame != *id);
        if *id != self.main {
            self.frames.remove(id);
        }
    }

    fn remove_below(&mut self, id: &FrameId) {
        let mut doomed = vec![id.clone()];
        let mut at = 0;
        while at < doomed.len() {
            let parent = doomed[at].clone();
            doomed.extend(
                self.frames.iter().filter(|(_, e)| e.parent.as_ref() == Some(&parent)).map(|(id, _)| id.clone()),
            );
            at += 1;
        }
        for below in doomed.drain(1..) {
            self.frames.remove(&below);
            self.contexts.retain(|context| context.frame != below);
        }
    }

    /// `Runtime.executionContextCreated`.
    pub(super) fn context_created(&mut self, session: &str, context: &ExecutionContextDescription) {
        let aux = context.aux_data.as_ref();
        let Some(frame) = aux.and_then(|aux| aux.get("frameId")).and_then(|id| id.as_str()) else { return };
        let is_default = aux.and_then(|aux| aux.get("isDefault")).and_then(serde_json::Value::as_bool) == Some(true);
        let world = match (is_default, context.name.as_str()) {
            (true, _) => Some(World::Main),
            (false, World::ISOLATED_NAME) => Some(World::Isolated),
            // Worlds of extensions and of the browser itself.
            (false, _) => None,
        };
        let id = *context.id.inner();
        self.contexts.retain(|known| !(known.session == session && known.id == id));
        let frame = FrameId::from(frame.to_owned());
        self.contexts.push(Context {
            session: session.to_owned(),
            id,
            frame,
            world,
            unique: context.unique_id.clone(),
        });
    }

    /// `Runtime.executionContextDestroyed`.
    pub(super) fn context_destroyed(&mut self, unique: &str) {
        self.contexts.retain(|context| context.unique != unique);
    }

    /// `Runtime.executionContextsCleared`.
    pub(super) fn contexts_cleared(&mut self, session: &str) {
        self.contexts.retain(|context| context.session != session);
    }

    /// The unique id of the newest context of a frame's world, and the session it is in.
    pub(super) fn context(&self, frame: &FrameId, world: World) -> Option<(String, String)> {
        let session = self.session_of(frame)?;
        self.contexts
            .iter()
            .rev()
            .find(|c| c.frame == *frame && c.world == Some(world) && c.session == session)
            .map(|c| (c.session.clone(), c.unique.clone()))
    }
}

#[cfg(test)]
#[path = "frames_tests.rs"]
mod tests;
