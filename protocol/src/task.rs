//! The states of an application. The names are those of the database, the HTTP contract and the logs.

use serde::{Deserialize, Serialize};

/// Declares an enum whose variants have one name each, used in SQL, JSON and logs alike.
#[macro_export]
macro_rules! named_enum {
    ($(#[$doc:meta])* $vis:vis enum $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        $vis enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every value, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name used everywhere outside this program.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::task::UnknownName;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err($crate::task::UnknownName(stringify!($name))),
                }
            }
        }
    };
}

/// A text that is none of an enum's names. Carries the enum's name only: the text came from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a value of {0}")]
pub struct UnknownName(pub &'static str);

named_enum! {
    /// Where an application stands. The last three are terminal and sticky.
    pub enum Status {
        Created = "created",
        Queued = "queued",
        InProgress = "in_progress",
        WaitingHuman = "waiting_human",
        Completed = "completed",
        Failed = "failed",
        Cancelled = "cancelled",
    }
}

impl Status {
    /// True for states that no report, callback or timer may leave.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

named_enum! {
    /// What is being done while a task is `in_progress` (or was being done when it began to wait).
    pub enum Phase {
        StartingBrowser = "starting_browser",
        Navigating = "navigating",
        Analyzing = "analyzing",
        Filling = "filling",
        Reviewing = "reviewing",
        Submitting = "submitting",
        Verifying = "verifying",
        Cleanup = "cleanup",
    }
}

impl Phase {
    /// The contract's progress figure (0..=100) on entering the phase; filling moves from 50 to 74 by fields.
    #[must_use]
    pub const fn progress(self) -> i32 {
        match self {
            Self::StartingBrowser => 6,
            Self::Navigating => 15,
            Self::Analyzing => 30,
            Self::Filling => 50,
            Self::Reviewing => 75,
            Self::Submitting => 85,
            Self::Verifying | Self::Cleanup => 95,
        }
    }

    /// The phase in the person's words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::StartingBrowser => "Opening a browser",
            Self::Navigating => "Opening the posting",
            Self::Analyzing => "Reading the form",
            Self::Filling => "Filling the form",
            Self::Reviewing => "Ready for your review",
            Self::Submitting => "Submitting the application",
            Self::Verifying => "Checking that it was received",
            Self::Cleanup => "Finishing",
        }
    }
}

named_enum! {
    /// Who decides that an application is sent.
    pub enum Mode {
        Copilot = "copilot",
        Autopilot = "autopilot",
    }
}

named_enum! {
    /// Whether the application reached the employer, apart from the status: a cancelled task may turn out sent.
    pub enum Outcome {
        None = "none",
        Sent = "sent",
        /// A click was made or may have been made, and nobody saw how it ended.
        Unknown = "unknown",
    }
}

named_enum! {
    /// The contract's coarse name of the employer's system; the finer one is [`Ats`].
    pub enum Platform {
        Linkedin = "linkedin",
        Greenhouse = "greenhouse",
        Lever = "lever",
        Workday = "workday",
        Unknown = "unknown",
    }
}

named_enum! {
    /// The applicant tracking system a posting lives on.
    pub enum Ats {
        Greenhouse = "greenhouse",
        Lever = "lever",
        Workday = "workday",
        Linkedin = "linkedin",
        Ashby = "ashby",
        Icims = "icims",
        Smartrecruiters = "smartrecruiters",
        Workable = "workable",
        Bamboohr = "bamboohr",
        Taleo = "taleo",
        Successfactors = "successfactors",
        Teamtailor = "teamtailor",
        Jazzhr = "jazzhr",
        Breezy = "breezy",
        Unknown = "unknown",
    }
}

impl Ats {
    /// The contract's name for this system.
    #[must_use]
    pub const fn platform(self) -> Platform {
        match self {
            Self::Greenhouse => Platform::Greenhouse,
            Self::Lever => Platform::Lever,
            Self::Workday => Platform::Workday,
            Self::Linkedin => Platform::Linkedin,
            Self::Ashby
            | Self::Icims
            | Self::Smartrecruiters
            | Self::Workable
            | Self::Bamboohr
            | Self::Taleo
            | Self::Successfactors
            | Self::Teamtailor
            | Self::Jazzhr
            | Self::Breezy
            | Self::Unknown => Platform::Unknown,
        }
    }
}

named_enum! {
    /// What a person is asked for. `review` never appears in the contract's `interaction`: the review panel does.
    pub enum InteractionKind {
        Review = "review",
        Captcha = "captcha",
        TwoFactor = "two_factor",
        LoginRequired = "login_required",
        BotCheck = "bot_check",
        RateLimited = "rate_limited",
        Verification = "verification",
        Question = "question",
        /// A click nobody saw the end of: answered on a route of its own, never by approving.
        OutcomeUnknown = "outcome_unknown",
    }
}

named_enum! {
    /// Why an attempt ended without an application, by what helps against it.
    pub enum FailureClass {
        /// The browser, its renderer or the connection to it died: another attempt may go well.
        BrowserLost = "browser_lost",
        /// The host stopped answering: another host may do.
        HostLost = "host_lost",
        /// The employer's site did not answer, or not in time.
        Network = "network",
        /// The page is not what it should be (gone, not a form, closed posting): another attempt will not help.
        Page = "page",
        /// The address is refused by our own rules.
        Refused = "refused",
        /// The form was understood but could not be completed.
        Form = "form",
        /// A fault of ours.
        Internal = "internal",
        /// The employer's site answers no more requests for now.
        RateLimited = "rate_limited",
    }
}

/// How often attempts that ended one way are repeated without asking anyone, and after which pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// Attempts in all, of whatever class the earlier ones failed with. 1 means that none is repeated.
    pub attempts: i32,
    /// Seconds before the second attempt; 0 repeats at once.
    pub first: u32,
    /// Seconds before the third attempt; doubles with each further one.
    pub next: u32,
    /// The longest pause in seconds.
    pub most: u32,
}

impl FailureClass {
    /// What helps against a failure of this class, before any permit.
    #[must_use]
    pub const fn retries(self) -> Retries {
        match self {
            // A browser that died once dies again only of the page: one more at once, one after a moment.
            Self::BrowserLost => Retries { attempts: 3, first: 0, next: 4, most: 4 },
            // None of the task's fault, and another host takes it: more often, as hosts go in waves.
            Self::HostLost => Retries { attempts: 6, first: 0, next: 4, most: 30 },
            // The person may be watching: short pauses first, none longer than a minute.
            Self::Network => Retries { attempts: 4, first: 4, next: 15, most: 60 },
            // Limits are counted by the minute, and sometimes by the hour: then the person is asked.
            Self::RateLimited => Retries { attempts: 4, first: 60, next: 180, most: 900 },
            // Would end the same way.
            Self::Page | Self::Refused | Self::Form | Self::Internal => {
                Retries { attempts: 1, first: 0, next: 0, most: 0 }
            }
        }
    }
}

named_enum! {
    /// Stable codes shown on a failed task, in API answers and in logs.
    pub enum ErrorCode {
        BrowserLost = "BROWSER_LOST",
        BrowserStart = "BROWSER_START_FAILED",
        HostLost = "HOST_LOST",
        UrlRefused = "URL_REFUSED",
        PageNotFound = "PAGE_NOT_FOUND",
        PageTimeout = "PAGE_TIMEOUT",
        PageUnreachable = "PAGE_UNREACHABLE",
        NotAForm = "NOT_A_FORM",
        JobClosed = "JOB_CLOSED",
        AlreadyApplied = "ALREADY_APPLIED",
        LoginRequired = "LOGIN_REQUIRED",
        FillFailed = "FILL_FAILED",
        SubmitRejected = "SUBMIT_REJECTED",
        NotSent = "NOT_SENT",
        ReviewExpired = "REVIEW_EXPIRED",
        ArtifactStorage = "ARTIFACT_STORAGE_FULL",
        Quarantined = "QUARANTINED",
        RateLimited = "SITE_RATE_LIMITED",
        Internal = "INTERNAL_ERROR",
    }
}

impl ErrorCode {
    /// What people read about an application that ended with this code: what happened, what was sent, what to do.
    /// The first sentence stands alone where there is room for one (at most 100 characters).
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::BrowserLost => {
                "The browser closed while it worked on the form, and trying again did not help. Nothing was sent. Try \
                 again in a few minutes, or open the posting and apply there yourself."
            }
            Self::BrowserStart => {
                "No browser could be opened. Nothing was sent. Try again in a few minutes; if it happens again, tell \
                 whoever runs this Valet."
            }
            Self::HostLost => {
                "The machine with the browser went away, and trying again did not help. Nothing was sent. Try again in \
                 a few minutes."
            }
            Self::UrlRefused => {
                "This address cannot be opened. Nothing was sent. Valet opens public web pages only, and this one is \
                 not, or leads to one that is not: check the address and apply with the posting's public one."
            }
            Self::PageNotFound => {
                "The employer's site does not show this page. Nothing was sent. The job may have been taken down: \
                 open the address yourself, and apply with the right one if it has moved."
            }
            Self::PageTimeout => {
                "The employer's site took too long to answer. Nothing was sent. It may be slow today: open the posting \
                 yourself to see whether it loads, then try again."
            }
            Self::PageUnreachable => {
                "The employer's site could not be reached. Nothing was sent. Check the address for typing errors and \
                 whether it opens in your own browser, then try again."
            }
            Self::NotAForm => {
                "There is no application form at this address. Nothing was sent. Open the posting, find the page with \
                 the form itself and apply with its address."
            }
            Self::JobClosed => {
                "The posting takes no more applications. Nothing was sent. There is nothing to try again here: look \
                 for the job elsewhere on the employer's site."
            }
            Self::AlreadyApplied => {
                "The employer's site says that you have already applied. Nothing was sent this time. Look in your mail \
                 for a confirmation; if there is none, open the posting and apply there yourself."
            }
            Self::LoginRequired => {
                "The form is behind a sign-in. Nothing was sent. Open the posting and apply there with your own \
                 account."
            }
            Self::FillFailed => {
                "Some answers could not be entered into the form. Nothing was sent. Try again, or open the posting and \
                 fill it in yourself; your answers are kept here."
            }
            Self::SubmitRejected => {
                "The employer's form refused an answer. Nothing was sent. Try again and look at the answers that the \
                 form complained about."
            }
            Self::NotSent => {
                "You said that the application did not arrive. Trying again fills the form afresh and sends it only \
                 when you press Submit."
            }
            Self::ReviewExpired => {
                "The review waited for too long. Nothing was sent. Your answers are kept: try again to fill the form \
                 afresh."
            }
            Self::ArtifactStorage => {
                "There is no room left for pictures of the page. Nothing was sent. Whoever runs this Valet has to make \
                 room; then try again."
            }
            Self::Quarantined => {
                "Something in this application stops Valet each time. Nothing was sent. Open the posting and apply \
                 there yourself; trying again is not likely to end differently."
            }
            Self::RateLimited => {
                "The employer's site answers no more requests for now. Nothing was sent. Try again in an hour, or open \
                 the posting and apply there yourself."
            }
            Self::Internal => {
                "Something went wrong on our side. Nothing was sent. Try again; if it happens again, tell whoever runs \
                 this Valet, or open the posting and apply there yourself."
            }
        }
    }
}

impl InteractionKind {
    /// What the person is asked for and can do about it; the title of the kind is the screen's own.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Review => "Look at the answers, then submit the application.",
            Self::Captcha => {
                "The employer's site wants to see that a person is there. Valet does not get around such checks: look \
                 again later, or open the page and apply there yourself."
            }
            Self::TwoFactor => {
                "The site sent a code to your phone or e-mail and waits for it. Open the page and go on there yourself, \
                 or have Valet look again if it no longer asks."
            }
            Self::LoginRequired => {
                "This form is behind a sign-in, and Valet never makes accounts or chooses passwords for you. Open the \
                 page and apply there with your own account, or have Valet look again if it opened meanwhile."
            }
            Self::BotCheck => {
                "The employer's site is checking for automation. Valet does not get around such checks: look again \
                 later, or open the page and apply there yourself."
            }
            Self::RateLimited => {
                "The employer's site answers no more requests for now. Wait a few minutes, then have Valet look again."
            }
            Self::Verification => {
                "The site asks for a confirmation that only you can give. Give it, then have Valet look again."
            }
            Self::Question => "The form asks something that only you can answer. Answer it to go on.",
            Self::OutcomeUnknown => {
                "The application may have been sent, but nobody saw how it ended. Check your e-mail for a \
                 confirmation, then say whether it arrived."
            }
        }
    }
}

/// Why an attempt ended: a class for what to do next, a code for people and machines (people read its
/// [`ErrorCode::sentence`]), and what exactly was seen, for the history. Never holds an answer or any other personal
/// detail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub class: FailureClass,
    pub code: ErrorCode,
    pub message: String,
    /// Seconds the site asked to be left alone for, when it said so.
    pub retry_after: Option<u32>,
}

impl Failure {
    pub fn new(class: FailureClass, code: ErrorCode, message: impl Into<String>) -> Self {
        Self { class, code, message: message.into(), retry_after: None }
    }
}

/// The employer's confirmation as seen in the page after submitting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// The sentence that says so, at most [`crate::form::TEXT_MAX`] characters.
    pub text: String,
    /// A reference number, when the page shows one.
    pub number: Option<String>,
    pub url: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_says_what_happened_what_was_sent_and_what_to_do() {
        for code in ErrorCode::ALL {
            let sentence = code.sentence();
            let (first, rest) = sentence.split_once(". ").unwrap_or_else(|| panic!("{code} has one sentence"));
            assert!(first.len() < 100, "{code}: {first}");
            assert!(sentence.ends_with('.') && rest.len() > 30, "{code}: {rest}");
            assert!(rest.starts_with("Nothing was sent") || *code == ErrorCode::NotSent, "{code}: {rest}");
            assert!(!sentence.contains("  "), "{code}: {sentence}");
        }
        for kind in InteractionKind::ALL {
            assert!(kind.sentence().ends_with('.') && !kind.sentence().contains("  "), "{kind}");
        }
    }
}
