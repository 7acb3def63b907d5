//! How behaviour is written, by examples.

use super::*;

#[test]
fn behaviour_is_read_from_text() {
    let fault = |kind, chance| Ok(Fault { kind, chance });
    assert_eq!("502=5%".parse(), fault(FaultKind::BadGateway, 0.05));
    assert_eq!("hang=0.5".parse(), fault(FaultKind::Hang, 0.5));
    assert_eq!("oops=1".parse::<Fault>(), Err(BehaviourError::Fault));
    for text in ["hang", "hang=", "hang=2", "hang=-1%", "hang=NaN"] {
        assert_eq!(text.parse::<Fault>(), Err(BehaviourError::Chance), "{text}");
    }
    let millis = Duration::from_millis;
    assert_eq!("20ms".parse(), Ok(Latency::Fixed(millis(20))));
    assert_eq!("exp:20ms".parse(), Ok(Latency::Exponential(millis(20))));
    assert_eq!("2s+3s".parse(), Ok(Stall { from: millis(2000), lasts: millis(3000) }));
    let rule = |text: &str| text.parse::<ThrottleRule>().unwrap();
    assert_eq!(rule("20/s").business, None);
    assert_eq!(rule("3=2/m").business, Some(Business { scope: Scope::CmdbBiz, id: 3 }));
    assert_eq!(rule("project:3=2/m").business, Some(Business { scope: Scope::Project, id: 3 }));
    assert!("x=2/m".parse::<ThrottleRule>().is_err());
}
