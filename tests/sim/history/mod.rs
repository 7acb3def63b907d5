//! One history: everything that a seed decides before the program runs. What happens in it
//! follows from these values alone, so it can be replayed, and shrunk by taking some away.

mod decoys;
mod dice;
mod draw;
mod faults;
mod flags;
mod people;
mod rows;
mod server_plan;
mod shrink;
mod simplify;
mod tell;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

pub use shrink::shrink;

/// A list of tasks, a server, what befalls both, and the people who launch it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    pub seed: u64,
    /// Rows of the input, in its order.
    pub list: Vec<ListedRow>,
    pub input: InputKind,
    pub server: ServerPlan,
    /// What befalls server, network and machine.
    pub events: Vec<Event>,
    /// The first is a `run`, each further one a `resume`.
    pub sessions: Vec<SessionPlan>,
}

/// How the list reaches the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    File,
    /// Standard input, of which a row can be read each `pause`.
    Stream {
        pause: Duration,
    },
}

/// One row as it stands in the list: texts, not numbers, since some are wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRow {
    pub biz: String,
    pub task: String,
    pub scope: String,
    /// A column that is carried through.
    pub owner: String,
    /// What the server does with the task, if the row is the first with it.
    pub fate: TaskFate,
}

/// What a start leads to, beyond the view's answer (FACTS.md sections 3a, 4 and 8b).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskFate {
    /// The worker starts it, once.
    Runs,
    /// Somebody else started it, so long before the history began.
    StartedBefore(Duration),
    /// Somebody else starts it this long after the history began, if nobody did before.
    StartedMeanwhile(Duration),
    /// No such task.
    NotThere,
    /// The task of another project.
    OfOtherProject,
    /// No such project.
    NoProject,
    /// The user may not operate it.
    Denied,
    /// Deleted: accepted, and started by the worker; its state cannot be asked.
    Deleted,
    /// A function task that nobody claimed: accepted each time, CREATED for ever.
    Unclaimed,
    /// The first so many messages to the worker are lost: accepted each time, CREATED until then.
    MessagesLost(u8),
    /// The worker fails before it sets the flag: accepted each time, CREATED for ever.
    FailsBeforeFlag,
    /// The worker sets the flag, fails, and resets it some ms later: CREATED for ever.
    FailsAfterFlag,
    /// The worker dies between flag and engine: "already started" and CREATED for ever.
    WorkerDies,
    /// A plugin is missing: started, RUNNING for ever.
    PluginMissing,
    /// bk-sops fails on it each time with its own 500, "50000".
    Breaks,
}

/// The way to bk-sops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The legacy ESB: credentials in the body, its own codes, no header `Date` of bk-sops.
    LegacyEsb,
    NewEsb,
    Gateway,
}

/// Whether connections are made ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Direct,
    /// By a proxy: a request connects after it was picked, and takes its turn anew.
    Proxied,
}

/// A server as it is when nothing befalls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerPlan {
    pub route: Route,
    pub way: Way,
    /// Time from a request to its answer: least and most.
    pub latency: (Duration, Duration),
    /// Time to make a connection.
    pub connect: Duration,
    /// Time from an accepted start to the worker's start.
    pub worker: Duration,
    /// Buckets of businesses: the `bk_biz_id`, how many starts, and in how long.
    pub biz_limits: Vec<(u64, u32, Duration)>,
    /// Limit of the app on all requests, starts and questions: how many, and in how long.
    pub app_limit: Option<(u32, Duration)>,
    /// How far the server's clock is ahead of the true time, in seconds.
    pub clock_ahead: i64,
    /// Whether answers have a `Date`.
    pub dated: bool,
    /// Whether the legacy ESB takes the credentials of a GET from its query only.
    pub legacy_get: bool,
}

/// Something that befalls server, network or machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    pub when: When,
    pub what: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// So long after the history began.
    At(Duration),
    /// At the n-th start that reaches the server, from 1, over all sessions.
    Start(u32),
    /// At the n-th question that reaches the server, from 1.
    Question(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The one request at hand (with [`When::Start`] or [`When::Question`]) goes wrong.
    Exchange(ExchangeFault),
    /// For so long, all requests go wrong like this.
    Outage(OutageKind, Duration),
    /// For so long, each answer comes so much later.
    Stall(Duration, Duration),
    /// For so long, connecting goes wrong like this.
    Connect(ConnectFault, Duration),
    /// All idle connections are closed by the server, which a request may find out only when sent.
    CloseIdle,
    /// The credentials are revoked for so long; new ones are then in the files.
    Revoked(Duration),
    /// What waits for the worker is lost.
    BrokerRestarts,
    /// The server's clock jumps by so many seconds (at most a few minutes).
    ServerClockJumps(i64),
    /// This machine's wall clock is put ahead or back by so many seconds.
    WallClockStep(i64),
    /// This machine is suspended for so long.
    Suspend(Duration),
    /// For so long, each commit waits so much.
    SlowDisk(Duration, Duration),
    /// So many pages more, and the journal's disk is full.
    JournalFull(u32),
    /// The next commit fails.
    CommitFails,
    /// Standard output is closed by its reader.
    StdoutCloses,
    /// Standard output is not read for so long.
    StdoutStalls(Duration),
    /// Standard error is not read any more.
    StderrStalls,
}

/// How one exchange goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeFault {
    /// The connection breaks before the request is taken.
    ResetBefore,
    /// bk-sops takes it; then the connection breaks.
    ResetAfter,
    /// No answer, and nothing taken.
    HangBefore,
    /// bk-sops takes it, and the answer never comes.
    HangAfter,
    /// bk-sops takes it; the answer's body is cut off.
    CutOff,
    /// The page of a proxy (an index into a table), before or after bk-sops took it.
    Page(u8, Taken),
    /// An answer as it was captured: an index into the table of captures for this route.
    Capture(u8),
    /// An answer that quotes the request, with its secrets, and is not understood.
    Quotes,
    /// The answer comes, but so much later.
    Late(Duration),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    Before,
    After,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutageKind {
    /// nginx answers 502 for bk-sops: the request never came there.
    NginxRefused,
    /// nginx answers 502 after bk-sops took the request.
    NginxLost,
    /// An ingress answers 404 without JSON.
    IngressNotFound,
    /// The front says that bk-sops refused its connection.
    FrontRefused,
    /// bk-sops answers its own 500, since its permission service is away.
    IamAway,
    /// No HTTP answer at all: each request is reset before it is taken.
    Silent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectFault {
    Refused,
    Hangs,
    Slow(Duration),
    BadCertificate,
    NoHost,
}

/// One session: its command line, and what people do to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionPlan {
    /// Time since the last session ended.
    pub gap: Duration,
    /// Whether the machine was restarted in between.
    pub reboot: bool,
    /// What people do before it.
    pub before: Vec<Before>,
    pub flags: Vec<Flag>,
    pub acts: Vec<Act>,
}

/// A flag with its value, if it has one: `--name=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    pub name: &'static str,
    pub value: Option<String>,
}

/// What people do between two sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    EditReport,
    RemoveReport,
    /// New credentials are put into the files, and the server takes them.
    MendCredentials,
    /// The server is reached by another name; the flags say `--target-changed` or not.
    OtherTarget,
}

/// What is done to a session while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Act {
    pub when: Moment,
    pub what: Deed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// So long after the session began.
    After(Duration),
    /// When the session's n-th request has left, from 1, and nothing else has happened.
    Sent(u32),
    /// When the session's n-th answer has come back.
    Answered(u32),
    /// Right before the session's n-th commit.
    BeforeCommit(u32),
    /// Right after it, before anything of it is shown.
    AfterCommit(u32),
    /// While the n-th commit of any kind is made, those that begin and end a session included.
    Within(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// SIGINT or SIGTERM; a second one ends the program at once.
    Signal,
    /// `kill -9`: files stay as they lie.
    Kill,
    /// The machine loses power: what was not synced is gone.
    PowerLoss,
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            None => write!(f, "--{}", self.name),
            Some(value) => write!(f, "--{}={value}", self.name),
        }
    }
}

/// A row's task, as the server reads it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub scope: String,
    pub biz: u64,
    pub task: u64,
}

impl ListedRow {
    /// The task that the row names; `None` if the row is invalid.
    pub fn key(&self) -> Option<Key> {
        let number = |text: &str| {
            let text = text.trim();
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse::<u64>().ok()?;
            (digits && (1..=9_223_372_036_854_775_807).contains(&number)).then_some(number)
        };
        let scope = match self.scope.trim() {
            "" | "cmdb_biz" => "cmdb_biz".to_owned(),
            "project" => "project".to_owned(),
            _ => return None,
        };
        Some(Key { scope, biz: number(&self.biz)?, task: number(&self.task)? })
    }
}
