//! The manual's queries, each run as it stands there against a real journal.

use bk_launch::mock::Behaviour;

use crate::docs::blocks;
use crate::harness::{scene, well};

#[test]
fn every_query_of_the_manual_works() {
    let queries = blocks("sql");
    assert_eq!(queries.len(), 2);
    let scene = scene("2,2001\n2,2002\n2,2003\n")
        .against(Behaviour { denied: [2002, 2003].into(), ..well() });
    scene.run_kept().exits(1);
    let journal = scene.database();
    let rows = |query: &str| -> Vec<Vec<String>> {
        let mut select = journal.prepare(query).unwrap();
        let columns = select.column_count();
        let mut found = select.query([]).unwrap();
        let mut rows = Vec::new();
        while let Some(row) = found.next().unwrap() {
            let value = |at| match row.get_ref(at).unwrap() {
                rusqlite::types::ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                _ => String::new(),
            };
            rows.push((0..columns).map(value).collect());
        }
        rows
    };
    let groups = rows(&queries[0]);
    assert_eq!(groups[0][..4], ["rejected", "permission", "2", "2"]);
    assert_eq!(groups[1][..4], ["started", "", "1", "1"]);
    let of_a_task = rows(&queries[1]);
    assert_eq!(of_a_task.len(), 1);
    assert_eq!(of_a_task[0][..5], ["1", "1", "started", "reply", "1"]);
    assert!(of_a_task[0][6].starts_with("20"), "a time: {of_a_task:?}");
}
