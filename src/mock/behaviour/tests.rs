//! Text forms of behaviour, by examples.

use super::*;

#[test]
fn behaviour_is_read_from_text() {
    let fault = |kind, chance| Ok(FaultChance { kind, chance });
    assert_eq!("502=5%".parse(), fault(FaultKind::BadGateway, 0.05));
    assert_eq!("hang=0.5".parse(), fault(FaultKind::Hang, 0.5));
    assert_eq!("oops=1".parse::<FaultChance>(), Err(BehaviourError::Fault));
    for text in ["hang", "hang=", "hang=2", "hang=-1%", "hang=NaN"] {
        assert_eq!(text.parse::<FaultChance>(), Err(BehaviourError::Chance), "{text}");
    }
    let millis = Duration::from_millis;
    assert_eq!("20ms".parse(), Ok(Latency::Fixed(millis(20))));
    assert_eq!("exp:20ms".parse(), Ok(Latency::Exponential(millis(20))));
    let rule = |text: &str| text.parse::<ThrottleRule>().unwrap();
    assert_eq!(rule("20/s").business, None);
    assert_eq!(rule("3=2/m").business, Some(MockBusiness { scope: MockScope::CmdbBiz, id: 3 }));
    assert_eq!(
        rule("project:3=2/m").business,
        Some(MockBusiness { scope: MockScope::Project, id: 3 })
    );
    for text in ["x=2/m", "project:=2/m", "3=", "="] {
        assert_eq!(text.parse::<ThrottleRule>(), Err(BehaviourError::Throttle), "{text}");
    }
    assert_eq!("project:3".parse(), Ok(MockBusiness { scope: MockScope::Project, id: 3 }));
    assert_eq!("cmdb_biz/3".parse::<MockBusiness>(), Err(BehaviourError::Business));
}

#[test]
fn a_mistaken_fault_is_told_every_name() {
    for (name, kind) in FaultKind::ALL {
        assert_eq!(name.parse(), Ok(kind));
        assert!(BehaviourError::Fault.to_string().contains(name), "{name}");
    }
}
