//! What the benches and the tests of this crate reach from outside: nothing else may use it,
//! and it changes without notice.
//!
//! The compiler takes everything that stands neither here nor in `lib.rs` for internal, so that
//! it can find what nobody uses any more.

pub mod api {
    pub use crate::api::{
        AnswerFuture, AuthPlacement, Client, ConnectionEvent, Exchange, HttpOptions, Identity,
        MakeTransport, Network, RawRequest, Received, ReservationFuture, TaskQuestion, Traffic,
        Transport, TransportError, TransportKind,
    };
    pub mod credentials {
        pub use crate::api::credentials::{Credentials, User};
    }
    pub mod esb {
        pub use crate::api::esb::Esb;
    }
    pub mod raw_response {
        pub use crate::api::raw_response::{Extent, HttpAnswer, RawResponse};
    }
    pub mod target {
        pub use crate::api::target::Target;
    }
    pub mod verdict {
        pub use crate::api::verdict::verdict;
    }
}
pub mod cli {
    pub use crate::cli::{
        AtOnce, DrivenSession, NoticeSink, Outside, SessionDriver, Variables, execute,
    };
}
pub mod domain {
    pub mod answer {
        pub use crate::domain::answer::{Answer, Hold, Reply, StatusAnswer, Verdict, Whom};
    }
    pub mod clocks {
        pub use crate::domain::clocks::{Boot, Clocks, Reading};
    }
    pub mod connections {
        pub use crate::domain::connections::{Connections, Reservation, Turns};
    }
    pub mod executor {
        pub use crate::domain::executor::{Delay, Executor, Job, JobEnd, SlowStep};
    }
    pub mod lines {
        pub use crate::domain::lines::Lines;
    }
    pub mod rate {
        pub use crate::domain::rate::Rate;
    }
    pub mod record {
        pub use crate::domain::record::{
            AlreadyStarted, Attempted, Ending, KnownBy, Outcome, Record,
        };
    }
    pub mod request_id {
        pub use crate::domain::request_id::{RequestId, RunId};
    }
    pub mod row {
        pub use crate::domain::row::{Columns, Row};
    }
    pub mod secret {
        pub use crate::domain::secret::{Mask, Secret};
    }
    pub mod task {
        pub use crate::domain::task::{Business, Scope, Task};
    }
}
pub mod input {
    pub use crate::input::{Format, check, open_stream};
}
pub mod journal {
    pub use crate::journal::{About, InputSource, InputState, Journal, Opening};
}
pub mod launch {
    pub use crate::launch::{
        Audience, Certainty, Clock, Deadline, DrainStart, Ended, InputEnd, Lookup, Options,
        OutputFailure, Pipeline, RowSource, RunJournal, SendWindow, Staged, Systemd,
    };
}
pub mod limiter {
    pub use crate::limiter::{IntentNotes, Limiter, Limits, Try};
}
pub mod monitor {
    pub mod progress {
        pub use crate::monitor::progress::{Progress, ProgressGoal, ProgressMode};
    }
}
pub mod report {
    pub use crate::report::{Destination, IfExists, OpenReport, Placement, Report, ReportName};
}
pub mod rules {
    pub mod forecast {
        pub use crate::rules::forecast::Estimator;
    }
    pub mod intents {
        pub use crate::rules::intents::{Intents, pack, unpack};
    }
    pub mod proof {
        pub use crate::rules::proof::Evidence;
    }
    pub mod resume {
        pub use crate::rules::resume::{Doubts, LastEnding, doubts, plan};
    }
    pub mod retry {
        pub use crate::rules::retry::Policy;
    }
    pub mod server_time {
        pub use crate::rules::server_time::Sighting;
    }
}
pub mod session {
    pub mod machine {
        pub use crate::session::machine::{JournalOpened, Machine, OpenStdin, OpenStdout, Streams};
    }
}
pub mod shutdown {
    pub use crate::shutdown::{Shutdown, Signal, StopReason};
}
pub mod store {
    pub use crate::store::{RunDir, RunStore};
}
pub mod system_clocks {
    pub use crate::system_clocks::SystemClocks;
}
pub mod system_executor {
    pub use crate::system_executor::SystemExecutor;
}
