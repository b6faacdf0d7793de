//! Scripts of ours in the frames of a page.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chromiumoxide::cdp::browser_protocol::dom::{BackendNodeId, DescribeNodeParams, SetFileInputFilesParams};
use chromiumoxide::cdp::browser_protocol::page::{CreateIsolatedWorldParams, FrameId};
use chromiumoxide::cdp::js_protocol::runtime::{
    CallArgument, CallFunctionOnParams, ExceptionDetails, ReleaseObjectParams, RemoteObject, RemoteObjectId,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{COMMAND_TIMEOUT, Error, Gone, PageSession, Session, World};

/// A context may vanish between looking it up and using it; a frame that does so four times running is navigating.
const CONTEXT_ATTEMPTS: usize = 4;

/// How long a context that was made is waited for before it is made again in whatever document there is by now.
const CONTEXT_PAUSE: Duration = Duration::from_millis(200);

/// Resolves `true` once the document is loaded and has not changed for `quiet` ms, `false` after `limit` ms. A document
/// that is parsed but still waits for a frame or an image gets eight times as long.
const QUIET: &str = "(quiet, limit) => new Promise(done => {
  let timer;
  const finish = calm => { observer.disconnect(); clearTimeout(timer); clearTimeout(end); done(calm); };
  let still = 0;
  const look = () => {
    still = document.readyState === 'loading' ? 0 : still + 1;
    if (still >= 8 || (still > 0 && document.readyState === 'complete')) finish(true); else arm();
  };
  const arm = () => { clearTimeout(timer); timer = setTimeout(look, quiet); };
  const rearm = () => { still = 0; arm(); };
  const observer = new MutationObserver(rearm);
  const end = setTimeout(() => finish(false), limit);
  observer.observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
  arm();
})";

/// An element held in a frame until [`PageSession::release`] or the frame's next document.
#[derive(Clone)]
pub struct Node {
    session: Session,
    object: RemoteObjectId,
    /// Chromium's id of the element, valid in its renderer process.
    pub backend: BackendNodeId,
}

impl PageSession {
    /// The value of an expression in a frame, promises awaited. Only JSON comes back: `undefined`, functions and nodes
    /// are `null`.
    ///
    /// # Errors
    /// [`Error::Script`] when it throws; [`Error::FrameGone`] when the frame left or navigated meanwhile.
    pub async fn eval(&self, frame: &FrameId, world: World, expression: &str) -> Result<Value, Error> {
        // A function call keeps one path for both; parentheses allow object literals, the newline a trailing comment.
        self.call_on(frame, world, &format!("() => (\n{expression}\n)"), &[]).await
    }

    /// Calls `function` (the source of a JavaScript function) in a frame with JSON arguments and awaits its result.
    ///
    /// # Errors
    /// As [`PageSession::eval`].
    pub async fn call_on(&self, frame: &FrameId, world: World, function: &str, args: &[Value]) -> Result<Value, Error> {
        self.call_on_within(frame, world, function, args, COMMAND_TIMEOUT).await
    }

    /// [`PageSession::call_on`] with a limit of its own.
    ///
    /// # Errors
    /// As [`PageSession::eval`].
    pub async fn call_on_within(
        &self,
        frame: &FrameId,
        world: World,
        function: &str,
        args: &[Value],
        limit: Duration,
    ) -> Result<Value, Error> {
        let (_, result) = self.call(frame, world, function, args, true, limit).await?;
        Ok(result.value.unwrap_or_default())
    }

    /// The element a function returns, or `None` when it returns none.
    ///
    /// # Errors
    /// As [`PageSession::eval`].
    pub async fn node(
        &self,
        frame: &FrameId,
        world: World,
        function: &str,
        args: &[Value],
    ) -> Result<Option<Node>, Error> {
        let (session, result) = self.call(frame, world, function, args, false, COMMAND_TIMEOUT).await?;
        let Some(object) = result.object_id else { return Ok(None) };
        let describe = DescribeNodeParams::builder().object_id(object.clone()).build();
        let backend = session.run(describe).await.map_err(|e| self.of_frame(&session, e))?.node.backend_node_id;
        Ok(Some(Node { session, object, backend }))
    }

    /// Calls `function` with the element as `this`.
    ///
    /// # Errors
    /// As [`PageSession::eval`].
    pub async fn call_node(&self, node: &Node, function: &str, args: &[Value]) -> Result<Value, Error> {
        let mut params = call_params(function, args, true);
        params.object_id = Some(node.object.clone());
        let answer = node.session.run(params).await.map_err(|e| self.of_frame(&node.session, e))?;
        Ok(outcome(answer.result, answer.exception_details)?.value.unwrap_or_default())
    }

    /// Puts files into a file input, as if chosen by a person. The paths must be readable by the browser.
    ///
    /// # Errors
    /// [`Error::Refused`] when the element is no file input.
    pub async fn set_files(&self, node: &Node, files: &[PathBuf]) -> Result<(), Error> {
        let files: Vec<String> = files.iter().map(|file| absolute(file)).collect();
        let params = SetFileInputFilesParams::builder().files(files).object_id(node.object.clone()).build();
        let params = params.map_err(|_| Error::TooMany("files without a path"))?;
        node.session.run(params).await.map(|_| ()).map_err(|e| self.of_frame(&node.session, e))
    }

    /// Lets go of an element. Forgetting to costs memory until the frame's next document.
    pub async fn release(&self, node: Node) {
        let _ = node.session.run(ReleaseObjectParams::new(node.object)).await;
    }

    /// Waits until every frame is loaded and its DOM has not changed for `quiet`, for at most `limit`; tells whether it
    /// got there. Frames that come or navigate meanwhile are waited for too.
    ///
    /// # Errors
    /// Only the page's end.
    pub async fn wait_quiet(&self, quiet: Duration, limit: Duration) -> Result<bool, Error> {
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            let frames: Vec<_> = self.frames().into_iter().map(|frame| frame.id).collect();
            let args = [json!(quiet.as_millis()), json!(left.as_millis())];
            let asked = frames.iter().map(|f| self.call_on_within(f, World::Isolated, QUIET, &args, left));
            let answers = futures::future::join_all(asked).await;
            self.inner.root.check()?;
            if answers.iter().any(|answer| matches!(answer, Ok(Value::Bool(false)) | Err(Error::Timeout { .. }))) {
                return Ok(false);
            }
            let same = self.frames().into_iter().map(|frame| frame.id).eq(frames);
            if same && answers.iter().all(Result::is_ok) {
                return Ok(true);
            }
            // A frame that cannot be asked at all must not make this a busy loop.
            tokio::time::sleep(quiet.min(left)).await;
        }
    }

    async fn call(
        &self,
        frame: &FrameId,
        world: World,
        function: &str,
        args: &[Value],
        by_value: bool,
        limit: Duration,
    ) -> Result<(Session, RemoteObject), Error> {
        let deadline = Instant::now() + limit;
        for _ in 0..CONTEXT_ATTEMPTS {
            let left = deadline.saturating_duration_since(Instant::now());
            let (session, unique) = tokio::time::timeout(left, self.script_context(frame, world))
                .await
                .map_err(|_| Error::Timeout { method: "Runtime.executionContextCreated".into(), after: limit })??;
            let mut params = call_params(function, args, by_value);
            params.unique_context_id = Some(unique.clone());
            let left = deadline.saturating_duration_since(Instant::now());
            match session.run_within(params, left).await {
                Ok(answer) => return Ok((session, outcome(answer.result, answer.exception_details)?)),
                // Never started: look the context up anew. Any other end may have run in part and is not repeated.
                Err(Error::Refused { message, .. }) if message.contains("uniqueContextId not found") => {
                    self.state(|s| s.frames.context_destroyed(&unique));
                }
                Err(error) => return Err(self.of_frame(&session, error)),
            }
        }
        Err(Error::FrameGone)
    }

    /// A frame's script context; waits for the page's own, makes ours. The caller bounds the wait.
    async fn script_context(&self, frame: &FrameId, world: World) -> Result<(Session, String), Error> {
        loop {
            if let Some(found) = self.known_context(frame, world) {
                return Ok(found);
            }
            let session = self.session_of(frame);
            if let (World::Isolated, Some(session)) = (world, &session) {
                let mut params = CreateIsolatedWorldParams::new(frame.clone());
                params.world_name = World::Isolated.name().map(str::to_owned);
                match session.run(params).await.map_err(|e| self.of_frame(session, e)) {
                    // The frame may just be moving to another process; the tree knows better.
                    Ok(_) | Err(Error::FrameGone) => {}
                    Err(error) => return Err(error),
                }
            }
            // The event of its creation precedes the answer, unless the session's set-up is still under way, the
            // document was replaced, or the frame moved: then once more.
            let found = self.wait_for(|s| match s.frames.context(frame, world) {
                Some((key, unique)) => s.session(&key).map(|session| Ok((session, unique))),
                None if s.frames.frame(frame).is_none() => Some(Err(Error::FrameGone)),
                None => None,
            });
            if let Ok(found) = tokio::time::timeout(CONTEXT_PAUSE, found).await {
                return found?;
            }
        }
    }

    fn known_context(&self, frame: &FrameId, world: World) -> Option<(Session, String)> {
        self.state(|s| {
            let (key, unique) = s.frames.context(frame, world)?;
            s.session(&key).map(|session| (session, unique))
        })
    }
}

fn call_params(function: &str, args: &[Value], by_value: bool) -> CallFunctionOnParams {
    let mut params = CallFunctionOnParams::new(function);
    params.arguments =
        Some(args.iter().map(|value| CallArgument { value: Some(value.clone()), ..CallArgument::default() }).collect());
    params.return_by_value = Some(by_value);
    params.await_promise = Some(true);
    params
}

fn outcome(result: RemoteObject, exception: Option<ExceptionDetails>) -> Result<RemoteObject, Error> {
    match exception {
        None => Ok(result),
        Some(thrown) => {
            let detail = thrown.exception.and_then(|e| e.description).unwrap_or(thrown.text);
            Err(Error::Script { detail })
        }
    }
}

impl PageSession {
    /// An error of a command on a frame: the end of a frame's own session is not the end of the page.
    pub(super) fn of_frame(&self, session: &Session, error: Error) -> Error {
        match error {
            Error::Gone(Gone::Crashed | Gone::Detached) if session.key() != self.inner.root.key() => Error::FrameGone,
            error => gone_or_other(error),
        }
    }
}

/// Chromium's ways to say that the document went away under a command.
fn gone_or_other(error: Error) -> Error {
    const GONE: [&str; 6] = [
        "Execution context was destroyed",
        "Cannot find context",
        "Inspected target navigated or closed",
        "No frame for given id found",
        "Frame with the given id",
        "Could not find object with given id",
    ];
    match error {
        Error::Refused { message, .. } if GONE.iter().any(|words| message.contains(words)) => Error::FrameGone,
        error => error,
    }
}

fn absolute(file: &Path) -> String {
    std::path::absolute(file).unwrap_or_else(|_| file.to_owned()).to_string_lossy().into_owned()
}
