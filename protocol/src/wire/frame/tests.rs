use super::*;
use crate::ids::{ArtifactId, CommandId, LeaseId, PermitId};
use crate::wire::message::{ControlDown, EnrolAnswer, InstanceRequest, JobDown, JobUp, Refusal, Report, Screenshot};
use uuid::Uuid;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Old agents meet new coordinators on every rollout: these bytes must never change.
#[test]
fn golden_bytes() {
    let id = Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001);
    let refused = encode(&ControlDown::Refused { code: Refusal::Token, message: "no".into() }).unwrap();
    assert_eq!(hex(&refused), "0700000002000102026e6f");
    let ack = encode(&JobDown::Ack { report: 300 }).unwrap();
    assert_eq!(hex(&ack), "06000000040002fb2c01");
    let revoke = encode(&JobDown::Revoke { command: CommandId(id), permit: PermitId(id) }).unwrap();
    assert_eq!(
        hex(&revoke),
        "25000000040006100192000000007000800000000000000110019200000000700080000000000000 01".replace(' ', "")
    );
    let ended = encode(&JobUp::Report { number: 2, report: Report::Ended }).unwrap();
    assert_eq!(hex(&ended), "050000000300000208");
    let screenshot = Screenshot { artifact: ArtifactId(id), width: 8, height: 9 };
    let pictured = encode(&JobUp::Report { number: 2, report: Report::Pictured { screenshot } }).unwrap();
    assert_eq!(hex(&pictured), "180000000300 00 02 0a 10 01920000000070008000000000000001 08 09".replace(' ', ""));
    assert_eq!(hex(&encode(&ControlDown::HeartbeatTaken).unwrap()), "03000000020005");
    let refused = encode(&ControlDown::ArtifactRefused { artifact: ArtifactId(id), again: true }).unwrap();
    assert_eq!(hex(&refused), "1500000002000710 01920000000070008000000000000001 01".replace(' ', ""));
    let enrol = encode(&InstanceRequest { signed_document: vec![0x30, 0x80], csr_der: vec![7] }).unwrap();
    assert_eq!(hex(&enrol), "070000000b000230800107");
    let refused = encode(&EnrolAnswer::Refused { code: Refusal::Document, message: "no".into() }).unwrap();
    assert_eq!(hex(&refused), "0700000009000106026e6f");
}

#[test]
fn a_frame_says_what_it_is() {
    let frame = encode(&JobDown::Attach { lease: LeaseId::new(), acked: 4 }).unwrap();
    let (tag, length) = parse_header(frame[..HEADER_LEN].try_into().unwrap()).unwrap();
    assert_eq!((tag, length), (Tag::JobDown, frame.len() - HEADER_LEN));
    assert!(matches!(decode::<JobDown>(tag, &frame[HEADER_LEN..]).unwrap(), JobDown::Attach { acked: 4, .. }));
    assert!(matches!(decode::<JobUp>(tag, &frame[HEADER_LEN..]), Err(Error::Unexpected { .. })));
}

#[test]
fn frames_that_are_not_ours_are_refused_by_their_header() {
    let header = |length: u32, tag: u16| {
        let mut bytes = [0; HEADER_LEN];
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        bytes[4..].copy_from_slice(&tag.to_le_bytes());
        parse_header(bytes)
    };
    assert!(matches!(header(u32::MAX, 1), Err(Error::TooLong { .. })));
    assert!(matches!(header(codec::BODY_MAX as u32 + 3, 1), Err(Error::TooLong { .. })));
    assert!(matches!(header(1, 1), Err(Error::TooShort { .. })));
    assert!(matches!(header(10, 0), Err(Error::UnknownTag { tag: 0 })));
    assert!(matches!(header(10, 12), Err(Error::UnknownTag { tag: 12 })));
    assert!(header(codec::BODY_MAX as u32 + 2, 1).is_ok());
}

#[test]
fn a_truncated_body_is_refused() {
    let frame = encode(&JobDown::Attach { lease: LeaseId::new(), acked: 4 }).unwrap();
    for cut in HEADER_LEN..frame.len() {
        assert!(decode::<JobDown>(Tag::JobDown, &frame[HEADER_LEN..cut]).is_err(), "cut at {cut}");
    }
}
