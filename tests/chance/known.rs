//! The list of what decides beside the inputs, and why it may.

/// A file, or a folder if its name ends with `/`; what it uses; and why that is well.
pub type Known = (&'static str, &'static [&'static str], &'static str);

/// Where the machine comes in: a simulation hands in something else in its place.
const MACHINE: &[Known] = &[
    (
        "src/system_clocks.rs",
        &["Timestamp::now", "time::clock_gettime"],
        "reads the machine's clocks; it is what everybody else is handed",
    ),
    (
        "src/session/machine.rs",
        &["Rng::new", "io::stdin", "io::stdout"],
        "is the real machine, which everybody else is handed",
    ),
    (
        "src/session/zone.rs",
        &["TimeZone::system"],
        "asks once, when a run begins; the journal keeps the name for all its sessions",
    ),
    (
        "src/session/own_report.rs",
        &["TimeZone::system"],
        "says in an error when a file was changed, as the reader's clock shows it",
    ),
    (
        "src/journal/file.rs",
        &["process::id"],
        "notes who works on the run, for people who look; nothing is decided by it",
    ),
];

/// Threads, and waits by the machine's clock.
const THREADS: &[Known] = &[
    (
        "src/system_executor.rs",
        &["thread::spawn"],
        "runs side jobs on the real machine; it is what everybody else is handed",
    ),
    (
        "src/shutdown.rs",
        &["thread::Builder"],
        "hears signals whatever else hangs; a signal comes when somebody sends it",
    ),
    (
        "src/api/client.rs",
        &["task::spawn_blocking"],
        "parses megabytes aside, with a result that depends on the body alone",
    ),
    (
        "src/session/secret_output.rs",
        &["Instant::now", "recv_timeout", "thread::sleep", "thread::spawn"],
        "runs a command that the user named for a secret, and bounds the wait for another program",
    ),
    (
        "src/store/lock.rs",
        &["Instant::now", "thread::sleep"],
        "waits a moment for another process to let go of a file, which no paused clock would end",
    ),
    (
        "src/store/",
        &["process::id"],
        "names who holds a lock to whoever comes second; nothing is decided by it",
    ),
];

/// Orders of the disk and of hash maps.
const ORDERS: &[Known] = &[
    (
        "src/store/run_store.rs",
        &["fs::read_dir"],
        "lists the folders of runs, and sorts them by name before anybody sees them",
    ),
    (
        "src/limiter/fair_queue.rs",
        &["queues.into_iter", "queues.keys"],
        "sorts the businesses before the rows are handed back",
    ),
    (
        "src/limiter/fair_queue/probe.rs",
        &["queues.keys"],
        "sorts the businesses before it looks for a probe, and before it removes rows",
    ),
    (
        "src/limiter/shares.rs",
        &["all.values_mut"],
        "does the same to each share, and none of them sees another",
    ),
    (
        "src/limiter/shares.rs",
        &["all.iter"],
        "counts, and finds the longest hold; of equal ones the business that sorts last",
    ),
    ("src/store/unnamed.rs", &["env::temp_dir"], "names the folder in an error"),
];

/// What tells people, and never comes back into a launch.
const MONITORS: &[Known] = &[
    (
        "src/monitor/console/",
        &["Instant::now", "io::stderr", "is_terminal", "wait_timeout_while"],
        "writes to the terminal, for as long as somebody can wait for that",
    ),
    (
        "src/monitor/console/",
        &["thread::Builder", "thread::sleep"],
        "has its own threads, since a terminal may hang; an answer to a prompt comes by a channel",
    ),
    (
        "src/monitor/metrics.rs",
        &["thread::spawn", "recv_timeout"],
        "writes a file for others on a thread of its own, since a disk may hang",
    ),
    (
        "src/monitor/notify.rs",
        &["thread::Builder", "wait_timeout_while"],
        "sends pings on a thread of its own; the outcome never depends on them",
    ),
    ("src/monitor/systemd.rs", &["env::var_os"], "asks whether a service manager listens"),
];

/// The face of the program, which reads what a session is then handed.
const FACE: &[Known] = &[
    ("src/cli/mod.rs", &["env::args_os"], "reads the command line"),
    (
        "src/cli/outside.rs",
        &["env::var"],
        "is the real environment, which `run` and `resume` are handed",
    ),
    (
        "src/cli/settings/",
        &["TimeZone::system", "io::stdin", "io::stderr", "is_terminal"],
        "chooses defaults by where the program was started",
    ),
    (
        "src/cli/settings/",
        &["env::home_dir", "env::var_os"],
        "chooses folders and the display by the environment, as manuals say",
    ),
    ("src/config/file.rs", &["env::home_dir"], "looks for the config file"),
    (
        "src/cli/monitoring.rs",
        &["Instant::now", "Timestamp::now", "fastrand::u128"],
        "stamps notices, makes their ids, and bounds the wait for them",
    ),
    (
        "src/cli/check.rs",
        &["Timestamp::now", "fastrand::u32"],
        "makes an id for the questions of a check, which launches nothing",
    ),
    ("src/cli/reader.rs", &["io::stdout"], "waits for whoever reads a report; launches nothing"),
    (
        "src/cli/watch.rs",
        &["Instant::now", "thread::sleep"],
        "renews a page on the terminal; launches nothing",
    ),
    (
        "src/cli/init.rs",
        &["env::var"],
        "finds the user's config file, and writes it; launches nothing",
    ),
    (
        "src/cli/doctor.rs",
        &["Timestamp::now", "env::var", "fastrand::u32"],
        "looks at this machine and asks a server; launches nothing",
    ),
    ("src/cli/prune.rs", &["Timestamp::now"], "compares the age of old runs; launches nothing"),
    (
        "src/cli/runs.rs",
        &["TimeZone::system", "Timestamp::now", "env::var"],
        "shows runs in the reader's zone; launches nothing",
    ),
    ("src/cli/report.rs", &["env::var"], "finds the runs; launches nothing"),
    (
        "src/cli/demo.rs",
        &["io::stderr", "io::stdout", "is_terminal"],
        "prints about a launch against a mock",
    ),
    (
        "src/cli/terminal.rs",
        &["io::stderr", "io::stdout"],
        "asks how large the terminal is on which a list of runs is shown",
    ),
    ("src/cli/stdout.rs", &["io::stdout"], "is what commands print to"),
    ("src/cli/docs.rs", &["io::stdout"], "prints manuals; launches nothing"),
    (
        "src/cli/complete.rs",
        &["Timestamp::now", "env::var", "io::stdout"],
        "proposes words to a shell; launches nothing",
    ),
    ("src/cli/mock.rs", &["io::stdout"], "prints the address of a mock; launches nothing"),
];

/// What is outside of a launch.
const OUTSIDE: &[Known] = &[
    ("src/doctor/", &["Instant::now"], "measures how long a step takes; launches nothing"),
    (
        "src/bench/",
        &["Instant::now", "time::clock_gettime", "fs::read_dir"],
        "measures the real machine",
    ),
    (
        "src/bench/",
        &["thread::spawn", "task::spawn_blocking"],
        "keeps slow work away from what it measures",
    ),
    (
        "src/cli/bench/",
        &["Instant::now", "Timestamp::now", "fastrand::u32", "env::var"],
        "begins a measurement of the real machine",
    ),
    (
        "src/mock/",
        &["Instant::now", "Timestamp::now", "thread::spawn"],
        "is a server, with real connections and a clock of its own",
    ),
    ("src/mock/world.rs", &["tasks.iter"], "copies what is known of each task, into sorted counts"),
];

/// Returns the whole list.
pub fn known() -> impl Iterator<Item = Known> {
    [MACHINE, THREADS, ORDERS, MONITORS, FACE, OUTSIDE].into_iter().flatten().copied()
}
