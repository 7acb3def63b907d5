//! What is shown, in which order, and what happens if nobody reads it.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::deferred::{Deferred, KeptBytes};
use super::queue::{
    BarFrame, Capacity, ConsoleQueue, PromptEnd, PromptPlace, PromptRequest, Release,
};
use super::{TextKind, writer};

const LONG: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(50);

/// Standard error that accepts a limited number of writes.
struct Reader {
    allowed: Receiver<()>,
    read: Sender<String>,
}

impl Write for Reader {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        if self.allowed.recv().is_err() {
            thread::park();
        }
        drop(self.read.send(String::from_utf8_lossy(text).into_owned()));
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Scene {
    queue: &'static ConsoleQueue,
    allow: Sender<()>,
    read: Receiver<String>,
}

impl Scene {
    fn new(logs: usize, notices: usize) -> Self {
        let queue: &'static ConsoleQueue =
            Box::leak(Box::new(ConsoleQueue::new(Capacity { logs, notices })));
        let ((allow, allowed), (read, seen)) = (channel(), channel());
        thread::spawn(move || writer::run(queue, Reader { allowed, read }));
        Self { queue, allow, read: seen }
    }

    fn read_all(&self) -> String {
        (0..100).for_each(|_| self.allow.send(()).unwrap());
        self.queue.flush(LONG);
        self.read.try_iter().collect()
    }
}

#[test]
fn text_comes_in_the_order_in_which_it_was_told() {
    let scene = Scene::new(1 << 20, 1 << 20);
    let kinds = [TextKind::Log, TextKind::Notice, TextKind::Progress];
    let lines: Vec<_> = (0..300).map(|number| format!("line {number}\nand more")).collect();
    for (kind, line) in kinds.iter().cycle().zip(&lines) {
        scene.queue.push(*kind, line);
    }
    assert_eq!(scene.read_all(), lines.join("\n") + "\n");
}

#[test]
fn what_finds_no_room_is_counted_and_nobody_waits() {
    let scene = Scene::new(50, 100);
    let begun = Instant::now();
    scene.queue.push(TextKind::Notice, "first");
    for number in 0..20 {
        scene.queue.push(TextKind::Log, &format!("log {number:04}"));
        scene.queue.push(TextKind::Progress, "one\ntwo");
    }
    scene.queue.push(TextKind::Notice, "a notice finds room where logs do not");
    scene.queue.push(TextKind::Notice, "but not without end");
    scene.queue.close(Release::Show);
    scene.queue.flush(SHORT);
    assert!(begun.elapsed() < LONG, "nobody waits");
    let shown = scene.read_all();
    let lines: Vec<_> = shown.lines().collect();
    assert!(lines.contains(&"a notice finds room where logs do not"), "{shown}");
    let lost = 1 + 20 * 3 + 2 - (lines.len() - 1);
    let told = format!("{lost} lines could not be shown, since nobody read standard error");
    assert_eq!(lines.last(), Some(&told.as_str()), "{shown}");
}

#[test]
fn what_is_held_back_has_its_beginning_and_its_end_and_all_notices() {
    let mut deferred = Deferred::with(KeptBytes { first: 20, last: 20 });
    deferred.push(TextKind::Notice, "begun");
    for number in 0..50 {
        deferred.push(TextKind::Log, &format!("log {number:02}"));
        if number == 25 {
            deferred.push(TextKind::Notice, "half");
        }
    }
    let gap = |lines| {
        format!("({lines} lines of the log left out here: -q keeps its beginning and its end)")
    };
    let expected = ["begun", "log 00", "log 01", &gap(24), "half", &gap(21), "log 47", "log 48"];
    assert_eq!(deferred.into_text(), expected.join("\n") + "\nlog 49\n");
}

#[test]
fn what_is_held_back_is_written_at_the_end_or_never() {
    for (release, expected) in [(Release::Show, "a\nb\n"), (Release::Drop, "")] {
        let scene = Scene::new(1, 1);
        scene.queue.defer();
        scene.queue.push(TextKind::Log, "a");
        scene.queue.push(TextKind::Notice, "b");
        scene.queue.close(release);
        assert_eq!(scene.read_all(), expected);
    }
}

/// Asks on a file, and waits until the question is shown there.
fn ask(scene: &Scene, place: PromptPlace) -> File {
    let terminal = tempfile::tempfile().unwrap();
    let question =
        PromptRequest { text: "go on? ".into(), terminal: terminal.try_clone().unwrap(), place };
    scene.queue.ask(question);
    scene.queue.flush(LONG);
    terminal
}

fn content(mut file: &File) -> String {
    let mut text = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn while_a_question_stands_nothing_is_written_beside_it() {
    for (end, shown) in [(PromptEnd::Answered, "go on? "), (PromptEnd::Abandoned, "go on? \n")] {
        let scene = Scene::new(1 << 20, 1 << 20);
        scene.queue.push(TextKind::Notice, "before");
        (0..9).for_each(|_| scene.allow.send(()).unwrap());
        let terminal = ask(&scene, PromptPlace::AmongText);
        assert_eq!(
            (content(&terminal).as_str(), scene.read.recv().unwrap().as_str()),
            ("go on? ", "before\n")
        );
        scene.queue.push(TextKind::Log, "meanwhile");
        scene.queue.push(TextKind::Progress, "of no use later");
        let frame =
            BarFrame { template: "{pos}", length: None, position: 1, message: String::new() };
        scene.queue.draw(Some(frame));
        scene.queue.flush(SHORT);
        assert!(scene.read.try_recv().is_err(), "it waits");
        scene.queue.end_prompt(end);
        scene.queue.push(TextKind::Notice, "after");
        assert_eq!(scene.read_all(), "meanwhile\nafter\n");
        assert_eq!(content(&terminal), shown);
    }
}

#[test]
fn a_question_elsewhere_holds_nothing_up() {
    let scene = Scene::new(1 << 20, 1 << 20);
    let terminal = ask(&scene, PromptPlace::Elsewhere);
    scene.queue.push(TextKind::Log, "meanwhile");
    assert_eq!(scene.read_all(), "meanwhile\n");
    scene.queue.close(Release::Show);
    scene.queue.flush(LONG);
    assert_eq!(content(&terminal), "go on? \n", "the end of the program ends its line");
}

#[test]
fn a_flush_waits_no_longer_than_it_is_allowed_to() {
    let scene = Scene::new(1 << 20, 1 << 20);
    scene.queue.push(TextKind::Notice, "nobody reads");
    let begun = Instant::now();
    scene.queue.flush(SHORT);
    assert!(begun.elapsed() >= SHORT && begun.elapsed() < LONG, "{:?}", begun.elapsed());
}
