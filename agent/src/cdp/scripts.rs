//! Scripts of ours in a page's documents: those that are there and those to come.

use chromiumoxide::cdp::browser_protocol::page::AddScriptToEvaluateOnNewDocumentParams;

use super::{Error, PageSession, World};

/// Scripts for new documents; the form engine needs two.
const MAX_SCRIPTS: usize = 16;

/// A script for every new document.
#[derive(Clone)]
pub(super) struct Script {
    source: String,
    world: World,
}

impl Script {
    pub(super) fn for_new_documents(&self) -> AddScriptToEvaluateOnNewDocumentParams {
        let mut params = AddScriptToEvaluateOnNewDocumentParams::new(self.source.clone());
        params.world_name = self.world.name().map(str::to_owned);
        params.run_immediately = Some(true);
        params
    }
}

impl PageSession {
    /// Runs `source` in every document of every frame and popup from now on, before any script of the document, and at
    /// once in those that are there.
    ///
    /// # Errors
    /// [`Error::TooMany`] above 16 scripts; the page's end. A frame that dies meanwhile is no error.
    pub async fn add_script(&self, source: impl Into<String>, world: World) -> Result<(), Error> {
        self.install(source.into(), world, true).await
    }

    /// Like [`PageSession::add_script`], but only for documents to come. Waits until the frames that are there have been
    /// set up, so that whoever looks at them next finds the worlds that an earlier connection made in them.
    ///
    /// # Errors
    /// As [`PageSession::add_script`].
    pub async fn add_script_later(&self, source: impl Into<String>, world: World) -> Result<(), Error> {
        self.install(source.into(), world, false).await?;
        let settled = self.wait_for(|s| (s.preparing == 0).then_some(()));
        let timeout = || Error::Timeout { method: "Target.attachedToTarget".into(), after: super::COMMAND_TIMEOUT };
        tokio::time::timeout(super::COMMAND_TIMEOUT, settled).await.map_err(|_| timeout())?
    }

    async fn install(&self, source: String, world: World, at_once: bool) -> Result<(), Error> {
        let script = Script { source, world };
        // One step under the lock: a session attached later finds the script, one attached before is in the list.
        let sessions = self.state(|s| {
            if s.scripts.len() >= MAX_SCRIPTS {
                return Err(Error::TooMany("scripts"));
            }
            s.scripts.push(script.clone());
            Ok(s.sessions.clone())
        })?;
        let root = self.inner.root.key();
        let added = sessions.iter().map(|session| async {
            let mut params = script.for_new_documents();
            params.run_immediately = Some(at_once);
            let added = session.run(params).await;
            match added {
                Err(error) if session.key() == root => return Err(error),
                Err(error) if !error.is_fatal() => self.state(|s| s.frames.without_scripts(session.key())),
                _ => {}
            }
            Ok(())
        });
        futures::future::try_join_all(added).await?;
        Ok(())
    }
}
