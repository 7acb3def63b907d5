-- The journal of a run, version 4. Open it with any SQLite tool; times are in
-- milliseconds since 1970 (SQL: datetime(started_at / 1000, 'unixepoch')).

-- What the run is; one row.
CREATE TABLE run (
    id           TEXT NOT NULL,
    name         TEXT,             -- what --name said
    program      TEXT NOT NULL,    -- the version of bk-launch that began it
    input_name   TEXT NOT NULL,    -- as it was named on the command line
    input_format TEXT NOT NULL,    -- csv, tsv or jsonl
    input_source TEXT NOT NULL,    -- file or stream
    columns      TEXT NOT NULL,    -- the input's further columns, as a JSON array
    zone         TEXT NOT NULL,    -- in which reports write their times
    rows         INTEGER,          -- of the input, where that is known
    input_bytes  INTEGER,          -- of the copy; before the input ended, at the last commit...
    input_sha256 TEXT,             -- ...and what it held
    input_ended  INTEGER NOT NULL, -- 1: all of the input was read
    agreed_to    INTEGER           -- the last position of the input to which --stage-ask got a yes
);

-- The processes that worked on it.
CREATE TABLE session (
    session      INTEGER PRIMARY KEY,
    began        INTEGER NOT NULL,
    since_boot   INTEGER NOT NULL, -- of the machine, suspension included
    boot         TEXT NOT NULL,    -- which start of the machine that is
    pid          INTEGER NOT NULL,
    target       TEXT NOT NULL,
    retry_failed INTEGER NOT NULL, -- 1: it took up bad rows again
    waits_until  INTEGER,          -- the beginning of its window, if it had to wait for one
    draining     TEXT,             -- why it stopped sending, noted when it did
    ended        INTEGER,          -- empty: it crashed, or goes on
    ending       TEXT,             -- finished, or why it stopped
    exit         INTEGER,          -- its exit code
    request_s    REAL,             -- mean seconds that a request of it was in flight...
    row_s        REAL,             -- ...and a row at risk: in flight, or being confirmed
    row_requests REAL,             -- requests per settled row, questions included and retries not
    confirmed    INTEGER           -- 1: it asked whether accepted rows run
);

-- Rows that a session could send from this commit on, and the clocks then; the last
-- Date of the server, and the clocks when it came. A row without an intent of a session
-- was surely not sent by it.
CREATE TABLE intent (
    seq              INTEGER PRIMARY KEY,
    session          INTEGER NOT NULL,
    wall             INTEGER NOT NULL,
    since_boot       INTEGER NOT NULL,
    date             INTEGER,
    dated_wall       INTEGER,
    dated_since_boot INTEGER,
    lines            BLOB NOT NULL -- sorted; each as its distance from the one before, 7 bits a byte
);

-- Every settled row, in the order of settling. One that was taken up again keeps
-- its old record as history.
CREATE TABLE record (
    seq               INTEGER PRIMARY KEY,
    session           INTEGER NOT NULL,
    line              INTEGER NOT NULL,
    bk_biz_id,                     -- the raw text, of an invalid row
    task_id,
    scope             TEXT NOT NULL,
    outcome           TEXT NOT NULL,
    known_by          TEXT,
    result            INTEGER,
    code              TEXT,
    message           TEXT,
    task_url          TEXT,
    request_id        TEXT,
    trace_id          TEXT,
    client_request_id TEXT,
    http_status       INTEGER,
    error             TEXT,
    attempts          INTEGER NOT NULL,
    started_at        INTEGER,
    latency_ms        INTEGER,
    elapsed_ms        INTEGER,
    carried           TEXT,        -- the further columns, as a JSON array
    reopened_by       INTEGER,     -- the session that took the row up again
    server_time       INTEGER,     -- of a row in doubt: the earliest that the server's clock can
                                   -- have shown at the first attempt that may have arrived,
    sent_wall         INTEGER,     -- and this machine's clocks then, if no Date came after it
    sent_since_boot   INTEGER,
    sent_boot         TEXT
);

-- A row has one last word.
CREATE UNIQUE INDEX last_word ON record (line) WHERE reopened_by IS NULL;

-- The reports that sessions wrote, so that a resume overwrites none that somebody changed.
CREATE TABLE report (
    session       INTEGER NOT NULL,
    path          TEXT NOT NULL,
    device        INTEGER,         -- which file it is, if it was written in place or is complete
    inode         INTEGER,
    bytes         INTEGER,         -- how long it is, once its session has ended...
    modified      INTEGER,         -- ...when it was last written, in nanoseconds since 1970...
    torn          INTEGER,         -- ...and 1: it could not be written any more, and lines are missing
    commit_before INTEGER,         -- of one that is written in place: the last commit but one...
    last_commit   INTEGER          -- ...and the last one; its lines are written right after it
);

-- Rows that were sent, or may have been, and are not settled: what a session knew
-- of them when it began, what it noted when the server accepted one that was yet to be
-- confirmed, and what it left behind when it ended in order.
CREATE TABLE open_row (
    session           INTEGER NOT NULL,
    known_at          TEXT NOT NULL CHECK (known_at IN ('begin', 'accepted', 'end')),
    line              INTEGER NOT NULL,
    doubt             TEXT NOT NULL,  -- none, may_have_started or accepted
    attempts          INTEGER NOT NULL,
    server_time       INTEGER,        -- as in record
    sent_wall         INTEGER,
    sent_since_boot   INTEGER,
    sent_boot         TEXT,
    result            INTEGER,
    code              TEXT,
    message           TEXT,
    task_url          TEXT,
    request_id        TEXT,
    trace_id          TEXT,
    client_request_id TEXT,
    http_status       INTEGER,
    error             TEXT,
    started_at        INTEGER,
    latency_ms        INTEGER,
    PRIMARY KEY (session, known_at, line)
) WITHOUT ROWID;
