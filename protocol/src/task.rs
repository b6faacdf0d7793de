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
    }
}

impl FailureClass {
    /// Whether an attempt that ended this way, before any permit, may be repeated without asking anyone.
    #[must_use]
    pub const fn retryable(self) -> bool {
        match self {
            Self::BrowserLost | Self::HostLost | Self::Network => true,
            Self::Page | Self::Refused | Self::Form | Self::Internal => false,
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
        Internal = "INTERNAL_ERROR",
    }
}

/// A failure as it is stored and shown: a class for what to do next, a code for machines, a sentence for people.
/// The message never holds an answer or any other personal detail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub class: FailureClass,
    pub code: ErrorCode,
    pub message: String,
}

impl Failure {
    pub fn new(class: FailureClass, code: ErrorCode, message: impl Into<String>) -> Self {
        Self { class, code, message: message.into() }
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
