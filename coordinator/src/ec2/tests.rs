use super::*;

/// As AWS sends it: of indefinite length, the document in pieces.
const STREAMED: &[u8] = include_bytes!("fixtures/streamed.cms");
const WHOLE: &[u8] = include_bytes!("fixtures/whole.cms");
const CERTIFICATE: &[u8] = include_bytes!("fixtures/certificate.pem");
const OTHER: &[u8] = include_bytes!("fixtures/other.pem");

fn trust(certificates: &[&[u8]], account: &str, region: &str) -> Trust {
    let certificates: Vec<_> = certificates.iter().map(|text| text.to_vec()).collect();
    Trust::new(&certificates, vec![account.to_owned()], vec!["us-east-2".to_owned(), region.to_owned()]).unwrap()
}

fn ours() -> Trust {
    trust(&[OTHER, CERTIFICATE], "123456789012", "eu-west-1")
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn refused(certificates: Vec<Vec<u8>>, accounts: &[&str], regions: &[&str]) -> Error {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Trust::new(&certificates, owned(accounts), owned(regions)).unwrap_err()
}

#[test]
fn a_document_that_one_of_the_keys_signed_is_read() {
    for signed in [STREAMED, WHOLE] {
        let instance = ours().verify(signed).unwrap();
        let pending = at("2026-11-20T08:00:00Z");
        let (id, kind) = ("i-0123456789abcdef0".to_owned(), "m7i.large".to_owned());
        let (account, region) = ("123456789012".to_owned(), "eu-west-1".to_owned());
        assert_eq!(instance, Instance { id, kind, account, region, pending });
    }
}

#[test]
fn whoever_else_signed_it_buys_nothing() {
    assert_eq!(trust(&[OTHER], "123456789012", "eu-west-1").verify(STREAMED), Err(Unfit::Signature));
    // Nor does a signature over the content itself, or one by a broken hash.
    assert_eq!(ours().verify(include_bytes!("fixtures/bare.cms")), Err(Unfit::Malformed));
    assert_eq!(ours().verify(include_bytes!("fixtures/sha1.cms")), Err(Unfit::Malformed));
}

#[test]
fn an_altered_document_is_refused_wherever_it_was_altered() {
    let sound = ours().verify(WHOLE).unwrap();
    for signed in [STREAMED, WHOLE] {
        for place in 0..signed.len() {
            for bit in [0x01, 0x80] {
                let mut altered = signed.to_vec();
                altered[place] ^= bit;
                // A few bytes say what nobody relies on: versions, which key it was, the other list of algorithms.
                if let Ok(instance) = ours().verify(&altered) {
                    assert_eq!(instance, sound, "byte {place}");
                }
            }
        }
    }
    // The content, its digest and the other attributes, the signature: nothing there may be another.
    let changed = |from: &[u8], to: &[u8]| {
        let place = WHOLE.windows(from.len()).position(|part| part == from).unwrap();
        let mut altered = WHOLE.to_vec();
        altered[place..place + from.len()].copy_from_slice(to);
        ours().verify(&altered).unwrap_err()
    };
    assert_eq!(changed(b"2026-11-20", b"2026-11-21"), Unfit::Malformed, "not what the attributes are about");
    assert_eq!(changed(b"261129", b"261130"), Unfit::Signature, "an attribute");
    let mut altered = WHOLE.to_vec();
    *altered.last_mut().unwrap() ^= 1;
    assert_eq!(ours().verify(&altered), Err(Unfit::Signature));
}

#[test]
fn only_accounts_and_regions_that_were_named_are_let_in() {
    assert_eq!(trust(&[CERTIFICATE], "210987654321", "eu-west-1").verify(STREAMED), Err(Unfit::Account));
    assert_eq!(trust(&[CERTIFICATE], "123456789012", "eu-west-2").verify(STREAMED), Err(Unfit::Region));
}

#[test]
fn an_instance_is_let_in_shortly_after_its_start() {
    let instance = ours().verify(STREAMED).unwrap();
    for now in ["2026-11-20T08:15:00Z", "2026-11-20T08:00:00Z", "2026-11-20T07:45:00Z"] {
        assert_eq!(instance.check_recent(at(now)), Ok(()), "{now}");
    }
    for now in ["2026-11-20T08:15:01Z", "2026-11-20T07:44:59Z", "2027-11-20T08:00:00Z"] {
        assert_eq!(instance.check_recent(at(now)), Err(Unfit::Stale), "{now}");
    }
}

#[test]
fn what_is_no_message_is_refused_without_harm() {
    assert_eq!(ours().verify(&[0x30; SIGNED_MAX + 1]), Err(Unfit::TooLarge));
    for signed in [STREAMED, WHOLE] {
        for cut in 0..signed.len() {
            assert_eq!(ours().verify(&signed[..cut]), Err(Unfit::Malformed), "cut at {cut}");
        }
        let longer = [signed, &[0, 0]].concat();
        assert_eq!(ours().verify(&longer), Err(Unfit::Malformed), "something follows");
    }
    // Nested until it is full, lengths beyond its end, tags of more bytes.
    for pair in [[0x30, 0x80], [0x24, 0x80], [0x30, 0x82], [0x30, 0x84], [0x3f, 0xff], [0, 0]] {
        assert_eq!(ours().verify(&pair.repeat(SIGNED_MAX / 2)), Err(Unfit::Malformed));
    }
}

#[test]
fn a_document_is_one_object_with_everything_in_it() {
    let sound = r#"{"accountId":"123456789012","instanceId":"i-0123456789abcdef0","instanceType":"t3.nano",
        "pendingTime":"2026-11-20T08:00:00Z","region":"eu-west-1","new":{"in":2030},"kernelId":null}"#;
    assert!(Instance::read(sound.as_bytes()).is_some());
    for (from, to) in [
        ("}\n", "} {}"),
        (r#""new":{"in":2030}"#, r#""region":"us-east-1""#),
        (r#""123456789012""#, "123456789012"),
        ("i-0123456789abcdef0", "i-0123456789ABCDEF0"),
        ("i-0123456789abcdef0", "i-0123"),
        ("i-0123456789abcdef0", "mi-0123456789abcdef0"),
        ("t3.nano", "t3 nano"),
        ("2026-11-20T08:00:00Z", "yesterday"),
        (r#""region":"eu-west-1","#, ""),
    ] {
        let text = format!("{sound}\n");
        assert!(text.contains(from), "{from}");
        assert_eq!(Instance::read(text.replacen(from, to, 1).as_bytes()), None, "{from} -> {to}");
    }
}

#[test]
fn settings_that_let_nobody_in_or_trust_a_weak_key_are_refused() {
    let good = || vec![CERTIFICATE.to_vec()];
    let (account, region) = (&["123456789012"], &["eu-west-1"]);
    assert!(matches!(refused(vec![], account, region), Error::None));
    assert!(matches!(refused(vec![b"nothing".to_vec()], account, region), Error::None));
    assert!(matches!(refused(vec![include_bytes!("fixtures/small.pem").to_vec()], account, region), Error::Key));
    let damaged = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec();
    assert!(matches!(refused(vec![damaged], account, region), Error::Certificate));
    assert!(matches!(refused(good(), &[], region), Error::NoAccount));
    assert!(matches!(refused(good(), account, &[]), Error::NoRegion));
    assert!(matches!(refused(good(), &["123"], region), Error::Account));
    assert!(matches!(refused(good(), account, &["Ireland"]), Error::Region));
}
