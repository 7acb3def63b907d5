use super::*;

/// A course of 600 rows that nothing slows.
fn free() -> Course {
    let many = NonZeroUsize::new(100_000).unwrap();
    Course {
        brakes: Brakes {
            rate: Rate::Unlimited,
            burst: NonZeroU32::MIN,
            rate_per_biz: Rate::Unlimited,
            slots: many,
            slots_per_biz: None,
            lookahead: many,
            pause: Duration::ZERO,
            confirmation: Confirmation::None,
        },
        stages: vec![CourseStage { end: 600, at_risk: None }],
        largest: 1.0,
    }
}

fn braked(brake: impl FnOnce(&mut Brakes)) -> Course {
    let mut course = free();
    brake(&mut course.brakes);
    course
}

fn staged(stages: &[(u64, Option<u64>)], pause: u64) -> Course {
    let stages = stages.iter().map(|&(end, at_risk)| CourseStage { end, at_risk }).collect();
    Course { stages, ..braked(|brakes| brakes.pause = Duration::from_secs(pause)) }
}

/// Half a second for an answer, and as long again for a confirmation.
const ANSWERS: AnswerTimes = AnswerTimes { request: 0.5, row: 0.5, requests: 1.0 };
const CONFIRMED: AnswerTimes = AnswerTimes { request: 0.5, row: 1.0, requests: 2.0 };

fn seconds(course: &Course, answers: &AnswerTimes) -> (f64, Brake) {
    let time = course.time(0, course.rows(), answers);
    (time.total().as_secs_f64(), time.brake)
}

/// What slows a launch, how long it then takes in seconds, and which limit is named.
type Case = (&'static str, Course, AnswerTimes, f64, Brake);

fn cases_of_one_limit() -> Vec<Case> {
    let few = |count| NonZeroUsize::new(count).unwrap();
    let rate = |rate: &str| rate.parse().unwrap();
    vec![
        ("nothing", free(), ANSWERS, 0.5, Brake::None),
        ("rate", braked(|b| b.rate = rate("20/s")), ANSWERS, 30.5, Brake::Rate),
        (
            "rate, of which questions use half",
            braked(|b| {
                b.rate = rate("20/s");
                b.confirmation = Confirmation::EachRow;
            }),
            CONFIRMED,
            61.0,
            Brake::RateWithQuestions,
        ),
        (
            "rate of a business with a quarter of the rows",
            Course { largest: 0.25, ..braked(|b| b.rate_per_biz = rate("1/s")) },
            CONFIRMED,
            151.0,
            Brake::RatePerBiz,
        ),
        ("slots", braked(|b| b.slots = few(4)), ANSWERS, 75.0, Brake::Concurrency(4)),
        (
            "slots, of which questions use half",
            braked(|b| b.slots = few(4)),
            CONFIRMED,
            150.5,
            Brake::Concurrency(4),
        ),
        (
            "slots of a business with half of the rows",
            Course { largest: 0.5, ..braked(|b| b.slots_per_biz = Some(few(2))) },
            ANSWERS,
            75.0,
            Brake::ConcurrencyPerBiz(2),
        ),
        ("lookahead", braked(|b| b.lookahead = few(3)), CONFIRMED, 200.0, Brake::Lookahead(3)),
        ("budget", staged(&[(600, Some(3))], 0), ANSWERS, 100.0, Brake::MaxFailures(3)),
        (
            "budget and --confirm",
            staged(&[(600, Some(3))], 0),
            CONFIRMED,
            200.0,
            Brake::MaxFailures(3),
        ),
    ]
}

fn cases_of_a_burst() -> Vec<Case> {
    let bursting = |course: Course, rate: &str, burst| {
        let (rate, burst) = (rate.parse().unwrap(), NonZeroU32::new(burst).unwrap());
        Course { brakes: Brakes { rate, burst, ..course.brakes }, ..course }
    };
    let slots = braked(|b| b.slots = NonZeroUsize::new(4).unwrap());
    let two = || staged(&[(200, None), (600, None)], 5);
    vec![
        ("a burst ahead of the rate", bursting(free(), "20/s", 201), ANSWERS, 20.5, Brake::Rate),
        ("a burst of all", bursting(slots, "20/s", 1000), ANSWERS, 75.0, Brake::Concurrency(4)),
        (
            "stages, before each of which a part of the burst comes back",
            bursting(two(), "10/s", 101),
            ANSWERS,
            10.5 + 5.0 + 35.5,
            Brake::Rate,
        ),
    ]
}

fn cases_of_stages_and_shares() -> Vec<Case> {
    vec![
        ("stages", staged(&[(1, None), (60, None), (600, None)], 60), ANSWERS, 121.5, Brake::None),
        (
            "stages, each with its budget",
            staged(&[(60, Some(4)), (600, Some(31))], 10),
            ANSWERS,
            7.5 + 540.0 / 31.0 * 0.5 + 10.0,
            Brake::MaxFailures(31),
        ),
        (
            "the slowest of two limits",
            Course {
                brakes: braked(|b| b.rate = "50/s".parse().unwrap()).brakes,
                ..staged(&[(600, Some(3))], 0)
            },
            ANSWERS,
            100.0,
            Brake::MaxFailures(3),
        ),
    ]
}

#[test]
fn each_limit_slows_a_launch_and_is_named() {
    for (what, course, answers, took, brake) in
        [cases_of_one_limit(), cases_of_a_burst(), cases_of_stages_and_shares()].concat()
    {
        let (found, slowest) = seconds(&course, &answers);
        assert!((found - took).abs() < 1e-6, "{what}: {found} s in place of {took} s");
        assert_eq!(slowest, brake, "{what}");
    }
}

#[test]
fn a_part_takes_its_part_of_the_time() {
    let course = staged(&[(100, Some(1)), (200, Some(2)), (600, Some(4))], 60);
    for (from, to, active, pauses) in [
        (0, 600, 50.0 + 25.0 + 50.0, 120.0),
        (0, 100, 50.0, 0.0),
        (0, 101, 50.5, 60.0),
        (100, 200, 25.0, 0.0),
        (150, 600, 12.5 + 50.0, 60.0),
        (200, 200, 0.0, 0.0),
    ] {
        let time = course.time(from, to, &ANSWERS);
        assert!((time.active - active).abs() < 1e-6, "{from} to {to}: {time:?}");
        assert!((time.pauses - pauses).abs() < 1e-6, "{from} to {to}: {time:?}");
    }
    assert!((course.pauses(100, 600) - 120.0).abs() < 1e-6, "the one that goes on counts");
}

#[test]
fn what_is_not_known_is_said_only_where_it_matters() {
    let rate = |course: Course| Course {
        brakes: Brakes { rate: "50/s".parse().unwrap(), ..course.brakes },
        ..course
    };
    let budget = || rate(staged(&[(600, Some(3))], 0));
    let worst = AnswerTimes { request: 35.0, row: 35.0, requests: 1.0 };
    for (what, course, room, known, fit) in [
        (
            "limits are too slow",
            rate(free()),
            9,
            ExpectedAnswers::AtMost(worst),
            CourseFit::Leaves(150),
        ),
        (
            "room for the limits, and none for an answer",
            rate(free()),
            12,
            ExpectedAnswers::AtMost(worst),
            CourseFit::Leaves(1),
        ),
        ("room for the slowest", rate(free()), 60, ExpectedAnswers::AtMost(worst), CourseFit::Fits),
        (
            "it depends",
            budget(),
            30,
            ExpectedAnswers::AtMost(worst),
            CourseFit::IfRowTakes(Duration::from_millis(150), Brake::MaxFailures(3)),
        ),
        (
            "the last run was fast enough",
            budget(),
            101,
            ExpectedAnswers::AsBefore(ANSWERS),
            CourseFit::Fits,
        ),
        (
            "the last run was too slow",
            budget(),
            30,
            ExpectedAnswers::AsBefore(ANSWERS),
            CourseFit::Leaves(420),
        ),
        ("no room", rate(free()), 0, ExpectedAnswers::AsBefore(ANSWERS), CourseFit::Leaves(600)),
    ] {
        let found = course.fit(Duration::from_secs(room), &known);
        match (found, fit) {
            (
                CourseFit::IfRowTakes(row, brake),
                CourseFit::IfRowTakes(expected, expected_brake),
            ) => {
                assert!(row.abs_diff(expected) < Duration::from_millis(1), "{what}: {row:?}");
                assert_eq!(brake, expected_brake, "{what}");
            }
            _ => assert_eq!(found, fit, "{what}"),
        }
    }
}

#[test]
fn earlier_answers_foresee_what_was_asked_then() {
    use Confirmation::{EachRow, None as Unasked};
    let row_without_question = AnswerTimes { row: 0.5, requests: 1.0, ..CONFIRMED };
    for (times, asked, questions, foreseen) in [
        (ANSWERS, Unasked, Unasked, Some(ANSWERS)),
        (CONFIRMED, EachRow, EachRow, Some(CONFIRMED)),
        (CONFIRMED, EachRow, Unasked, Some(row_without_question)),
        (ANSWERS, Unasked, EachRow, None),
    ] {
        let last = LastAnswers { times, questions: asked };
        assert_eq!(last.for_rows(questions), foreseen, "{asked:?} {questions:?}");
    }
}

#[test]
fn a_limit_is_named_with_what_it_lets_out() {
    for (brake, text) in [
        (Brake::RateWithQuestions, "--rate, which counts questions too"),
        (Brake::MaxFailures(1), "--max-failures: 1 row at a time"),
        (Brake::MaxFailures(3), "--max-failures: 3 rows at a time"),
        (Brake::Concurrency(16), "--concurrency: 16 requests at a time"),
    ] {
        assert_eq!(brake.to_string(), text);
    }
}
