//! Which commands were carried out, and what was answered: a command that arrives twice is performed once.

use std::collections::VecDeque;
use std::sync::Arc;

use protocol::ids::CommandId;
use protocol::wire::message::Report;

/// Ids remembered. A job sees a dozen commands.
const COMMANDS_KEPT: usize = 64;
/// Answers kept to be repeated; they hold whole forms.
const ANSWERS_KEPT: usize = 4;

#[derive(Debug, Default)]
pub(super) struct Answers(VecDeque<(CommandId, Option<Arc<Report>>)>);

impl Answers {
    /// `None`: a new command. `Some(None)`: carried out, and its answer is not kept (or is a failure already told).
    pub fn get(&self, command: CommandId) -> Option<Option<Arc<Report>>> {
        self.0.iter().find(|(id, _)| *id == command).map(|(_, answer)| answer.clone())
    }

    /// Commands that were carried out in an earlier life; their answers are in the spool or have arrived.
    pub fn restored(commands: &[CommandId]) -> Self {
        Self(commands.iter().take(COMMANDS_KEPT).map(|command| (*command, None)).collect())
    }

    /// Every command that is remembered, newest first.
    pub fn commands(&self) -> impl Iterator<Item = CommandId> + '_ {
        self.0.iter().map(|(command, _)| *command)
    }

    pub fn put(&mut self, command: CommandId, answer: Option<Arc<Report>>) {
        self.0.push_front((command, answer));
        self.0.truncate(COMMANDS_KEPT);
        if let Some((_, old)) = self.0.iter_mut().filter(|(_, answer)| answer.is_some()).nth(ANSWERS_KEPT) {
            *old = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_answers_are_kept_and_more_ids() {
        let mut answers = Answers::default();
        let ids: Vec<_> = (0..COMMANDS_KEPT + 1).map(|_| CommandId::new()).collect();
        for id in &ids {
            answers.put(*id, Some(Arc::new(Report::Ended)));
        }
        let kept = ids.iter().filter(|id| matches!(answers.get(**id), Some(Some(_)))).count();
        assert_eq!(kept, ANSWERS_KEPT);
        assert_eq!(answers.get(*ids.last().unwrap()), Some(Some(Arc::new(Report::Ended))));
        assert_eq!(answers.get(ids[1]), Some(None));
        assert_eq!(answers.get(ids[0]), None, "forgotten");
        let commands: Vec<_> = answers.commands().collect();
        let again = Answers::restored(&commands);
        assert_eq!(again.commands().collect::<Vec<_>>(), commands);
        assert_eq!(again.get(*ids.last().unwrap()), Some(None));
    }
}
