//! The README's recipe with `mysql -B`, with the real client and a real server: what the
//! database says is what is started.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::harness::{Outcome, Running, Scene, until};
use crate::recipes::{cook, kitchen, recipes};

/// Where Debian has the programs of the database, whatever the `PATH` of the tests is.
const PROGRAMS: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// A `mariadbd` with files and socket in a folder of a test, and without a network.
struct Database {
    server: Running,
    home: PathBuf,
}

impl Database {
    /// Makes the files, starts the server and waits until it answers. In the folder `mysql` is
    /// the real client, and finds the server by its configuration, as it does for people.
    fn start(scene: &Scene) -> Self {
        let (data, socket) = (scene.path("data"), scene.path("socket"));
        let options = |words: &[&str]| -> Vec<String> {
            let mut options = vec!["--no-defaults".into(), format!("--datadir={}", data.display())];
            options.extend(words.iter().map(ToString::to_string));
            if rustix::process::getuid().is_root() {
                // Otherwise the server refuses to run as root.
                options.push("--user=root".into());
            }
            options
        };
        let install = options(&["--auth-root-authentication-method=normal", "--skip-test-db"]);
        let mut made = Command::new("mariadb-install-db");
        scene.start(made.env("PATH", PROGRAMS).args(install)).exits(0);
        let (to, log) = (socket.display(), scene.path("mariadbd.log"));
        let serve = options(&[
            "--skip-networking",
            &format!("--socket={to}"),
            &format!("--pid-file={to}.pid"),
            &format!("--log-error={}", log.display()),
        ]);
        let mut server = Command::new("mariadbd");
        let server = scene.start(server.env("PATH", PROGRAMS).args(serve));
        let settings = format!("[client]\nsocket={to}\nuser=root\n[mysql]\ndatabase=ops\n");
        scene.file(".my.cnf", settings);
        std::fs::remove_file(scene.path("bin/mysql")).unwrap();
        symlink("/usr/bin/mariadb", scene.path("bin/mysql")).unwrap();
        let mut database = Self { server, home: scene.path("") };
        until("the database answers", || {
            let is_over = database.server.child.try_wait().unwrap().is_some();
            let log = std::fs::read_to_string(&log).unwrap_or_default();
            assert!(!is_over, "the server does not start: {log}");
            database.client("").status().unwrap().success()
        });
        database
    }

    /// The client, about to run `statements` outside the database `ops`.
    fn client(&self, statements: &str) -> Command {
        let mut client = Command::new("mariadb");
        client.env_clear().env("PATH", PROGRAMS).env("HOME", &self.home);
        client.args(["--database=mysql", "--batch", "--execute", statements]);
        client.stdin(Stdio::null()).stderr(Stdio::null());
        client
    }

    /// Runs `statements`; the lines that they bring, without their heads.
    fn run(&self, statements: &str) -> Vec<String> {
        let output = self.client(statements).stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "{statements}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().skip(1).map(Into::into).collect()
    }
}

/// What the server started, as `cmdb_biz/2/17`.
fn started(cooked: &Outcome) -> Vec<String> {
    let tasks = cooked.scene().seen().tasks.into_iter();
    tasks.filter(|(_, counts)| counts.started).map(|(name, _)| name).collect()
}

/// Another kitchen, with the same database.
fn with_the_client_of(pantry: &Scene) -> Scene {
    let scene = kitchen();
    for name in ["bin/mysql", ".my.cnf"] {
        drop(std::fs::remove_file(scene.path(name)));
        symlink(pantry.path(name), scene.path(name)).unwrap();
    }
    scene
}

#[test]
#[ignore = "needs Debian's packages mariadb-server-core and mariadb-client-core"]
fn the_recipe_with_mysql_starts_what_the_database_says() {
    let recipe = recipes().into_iter().find(|recipe| recipe.contains("mysql -B")).unwrap();
    let pantry = kitchen();
    let database = Database::start(&pantry);
    let cook = |recipe: &str| cook(&with_the_client_of(&pantry), recipe);
    database.run(
        "create database ops;
         create table ops.plan (bk_biz_id bigint, task_id bigint, scope varchar(10), note text);
         insert into ops.plan values (2, 21, null, null), (2, 22, 'project', 'a\\tb\\nc\\\\'),
             (2, 23, '', 'NULL'), (3, 21, 'cmdb_biz', ''), (3, 21, 'project', '\\\\N')",
    );
    let name = "concat(coalesce(nullif(scope, ''), 'cmdb_biz'), '/', bk_biz_id, '/', task_id)";
    let expected = database.run(&format!("select {name} as name from ops.plan order by name"));
    assert_eq!(expected.len(), 5);

    let cooked = cook(&recipe).exits(0);
    let cooked = cooked.says(["5 rows: 5 started", "a scope that is NULL means cmdb_biz"]);
    assert_eq!(started(&cooked), expected, "{cooked}");
    let scopes = cooked.scene().report("report.csv");
    assert_eq!((&*scopes.line(2)["scope"], &*scopes.line(3)["scope"]), ("cmdb_biz", "project"));

    // What is carried through is what the client wrote, word for word.
    let all = recipe.replace("scope from", "scope, note from").replace("report", "notes");
    let cooked = cook(&all).exits(0);
    let notes = database.run("select note from ops.plan");
    assert_eq!(notes, ["NULL", "a\\tb\\nc\\\\", "NULL", "", "\\\\N"]);
    for (line, note) in (2..).zip(notes) {
        assert_eq!(cooked.scene().report("notes.csv").line(line)["note"], note);
    }
    assert_eq!(started(&cooked), expected);

    // Quotes that open a text are its own only in JSON.
    database.run("update ops.plan set note = '\"open' where task_id = 22");
    let select =
        "json_object('biz_id', bk_biz_id, 'task_id', task_id, 'scope', scope, 'note', note)";
    let json = format!(
        "mysql -BNr -e \"select {select} from plan\" | bk-launch run - --format jsonl -o json.csv"
    );
    let cooked = cook(&json).exits(0);
    assert_eq!(cooked.scene().report("json.csv").line(2)["note"], "\"open");
    assert_eq!(started(&cooked), expected);

    // An id that is missing starts nothing.
    database.run("insert into ops.plan values (2, null, 'project', ''), (null, 24, null, '')");
    let cooked = cook(&recipe.replace("report", "again")).exits(1).says("2 invalid");
    let again = cooked.scene().report("again.csv");
    for (line, column) in [(7, "task_id"), (8, "bk_biz_id")] {
        let invalid = again.line(line);
        assert_eq!((&*invalid["outcome"], &*invalid[column]), ("invalid", "NULL"));
        assert!(
            invalid["error"].starts_with(&format!("{column} is NULL, no value")),
            "{invalid:?}"
        );
    }
    assert_eq!(started(&cooked), expected);
}
