//! Catches one commit on its way from a client to Postgres: what a failover in the middle of a commit looks like.
//!
//! The commit is known by what its transaction wrote before ([`Snare::set`]); everything else passes. Connections must
//! not be encrypted.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::watch;

/// As the driver sends it: a simple query of its own.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";
const ROLLBACK: &[u8] = b"Q\0\0\0\x0dROLLBACK\0";

/// What becomes of a commit that is caught.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Catch {
    /// It takes effect; its answer is lost with the connection.
    AnswerLost,
    /// It is lost with the connection, on both sides.
    Lost,
    /// The client's connection is lost; what was under way still arrives, this much later.
    Late(Duration),
    /// It takes effect; no answer comes, and nobody says that the connection is over, as when the server's host is gone.
    Unanswered,
}

/// At most one is set at a time; it catches once.
#[derive(Debug, Default)]
pub struct Snare {
    set: Mutex<Option<(Vec<u8>, Catch)>>,
    caught: watch::Sender<u64>,
}

impl Snare {
    /// Catches the next commit of a transaction that sent `bait` to the server.
    pub fn set(&self, bait: &str, catch: Catch) {
        *self.set.lock().unwrap_or_else(PoisonError::into_inner) = Some((bait.as_bytes().to_vec(), catch));
    }

    /// How many were caught.
    #[must_use]
    pub fn caught(&self) -> watch::Receiver<u64> {
        self.caught.subscribe()
    }

    fn bait(&self) -> Option<Vec<u8>> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(bait, _)| bait.clone())
    }

    fn spring(&self) -> Option<Catch> {
        let caught = self.set.lock().unwrap_or_else(PoisonError::into_inner).take();
        caught.map(|(_, catch)| {
            self.caught.send_modify(|count| *count += 1);
            catch
        })
    }
}

/// What one connection has sent since its last transaction.
#[derive(Debug, Default)]
pub(super) struct Trail {
    /// The end of what was sent, in which the bait may begin.
    end: Vec<u8>,
    baited: bool,
}

impl Trail {
    /// Looks at what a client sends; `Some` when it ends with a commit that is caught.
    pub fn follow(&mut self, snare: &Snare, sent: &[u8]) -> Option<Catch> {
        let bait = snare.bait()?;
        self.end.extend_from_slice(sent);
        self.baited |= self.end.windows(bait.len()).any(|window| window == bait);
        let (commits, over) = (sent.ends_with(COMMIT), sent.ends_with(ROLLBACK));
        let caught = if commits && self.baited { snare.spring() } else { None };
        if commits || over {
            *self = Self::default();
        } else {
            let kept = self.end.len().min(bait.len());
            self.end.drain(..self.end.len() - kept);
        }
        caught
    }
}

/// Does what is to be done. The client's side has been, or is now, dropped; `server` has everything but the commit.
pub(super) async fn carry_out<C, S>(catch: Catch, client: C, mut server: S)
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut client = Some(client);
    match catch {
        Catch::Lost => return,
        Catch::Late(later) => {
            client = None;
            tokio::time::sleep(later).await;
        }
        Catch::AnswerLost | Catch::Unanswered => {}
    }
    let mut answer = [0; 64];
    if server.write_all(COMMIT).await.is_ok() {
        // Any answer says that it took effect.
        let _ = server.read(&mut answer).await;
    }
    if catch == Catch::Unanswered
        && let Some(mut client) = client
    {
        // Until the client itself gives up.
        while client.read(&mut answer).await.is_ok_and(|length| length > 0) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_commit_of_a_baited_transaction_is_caught_and_once() {
        let snare = Snare::default();
        let (mut one, mut other) = (Trail::default(), Trail::default());
        assert_eq!(one.follow(&snare, b"a worm"), None, "nothing is set");
        snare.set("worm", Catch::Lost);
        assert_eq!(one.follow(&snare, COMMIT), None, "sent before");
        assert_eq!(one.follow(&snare, b"a wo"), None);
        assert_eq!(one.follow(&snare, b"rm"), None);
        assert_eq!(other.follow(&snare, COMMIT), None, "another connection's");
        assert_eq!(one.follow(&snare, ROLLBACK), None);
        assert_eq!(one.follow(&snare, COMMIT), None, "of the next transaction");
        assert_eq!(one.follow(&snare, &[b"a worm".as_slice(), COMMIT].concat()), Some(Catch::Lost));
        assert_eq!(*snare.caught().borrow(), 1);
        assert_eq!(one.follow(&snare, b"a worm"), None);
        assert_eq!(one.follow(&snare, COMMIT), None, "it catches once");
    }
}
