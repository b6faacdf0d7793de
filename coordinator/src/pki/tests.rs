use super::*;

fn csr(key: &KeyPair, name: &str) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI(name.try_into().unwrap())];
    params.serialize_request(key).unwrap().der().to_vec()
}

fn authority() -> Authority {
    Authority::create(SystemTime::now()).unwrap()
}

#[test]
fn an_authority_survives_being_stored() {
    let first = authority();
    let again = Authority::from_pem(first.pem()).unwrap();
    assert_eq!(first.fingerprint_hex(), again.fingerprint_hex());
    let other = authority();
    let mixed = AuthorityPem { certificate: first.pem().certificate.clone(), key: other.pem().key.clone() };
    assert!(matches!(Authority::from_pem(&mixed), Err(Error::KeyMismatch)));
    assert_eq!(format!("{:?}", first.pem()), "AuthorityPem(***)");
}

#[test]
fn an_agent_gets_the_name_of_its_sandbox_and_none_it_asked_for() {
    let (authority, key, now) = (authority(), KeyPair::generate().unwrap(), SystemTime::now());
    let (mine, other) = (SandboxId::new(), SandboxId::new());
    let asked = csr(&key, &format!("{}{other}", wire::AGENT_URI));
    let issued = authority.sign_agent(&asked, mine, now, AGENT_CERTIFICATE_TTL).unwrap();
    let identity = identity(&issued.chain).unwrap();
    assert_eq!(identity.sandbox, mine);
    assert_eq!(identity, issued.identity);
    let left = identity.not_after.duration_since(now).unwrap();
    assert!(left <= AGENT_CERTIFICATE_TTL && left > AGENT_CERTIFICATE_TTL - Duration::from_secs(2));
}

#[test]
fn requests_that_are_damaged_or_too_large_are_refused() {
    let key = KeyPair::generate().unwrap();
    let mut bad = csr(&key, "spiffe://x");
    *bad.last_mut().unwrap() ^= 1;
    assert!(matches!(check_request(&bad), Err(Error::Request(_))));
    assert!(matches!(check_request(&vec![0; CSR_MAX + 1]), Err(Error::RequestSize { .. })));
    assert!(check_request(&csr(&key, "spiffe://x")).is_ok());
}

#[test]
fn a_server_certificate_is_no_agent() {
    let (chain, _) = authority().server_certificate(&["127.0.0.1".into()], SystemTime::now()).unwrap();
    assert!(matches!(identity(&chain), Err(Error::NoIdentity)));
}

#[test]
fn a_lapsed_certificate_buys_a_new_one_only_with_its_key_and_in_time() {
    let (ours, key) = (authority(), KeyPair::generate().unwrap());
    let (sandbox, now) = (SandboxId::new(), SystemTime::now());
    let request = csr(&key, "spiffe://x");
    let old = ours.sign_agent(&request, sandbox, now - AGENT_CERTIFICATE_TTL * 10, AGENT_CERTIFICATE_TTL).unwrap();
    let der = &old.chain[0];
    assert_eq!(ours.renewal(der, &request, now).unwrap().sandbox, sandbox);

    let other = csr(&KeyPair::generate().unwrap(), "spiffe://x");
    assert!(matches!(ours.renewal(der, &other, now), Err(Error::OtherKey)));
    assert!(matches!(authority().renewal(der, &request, now), Err(Error::NotOurs)));
    assert!(matches!(ours.renewal(der, &request, now + RENEWAL_GRACE), Err(Error::TooOld)));
    let mut forged = der.to_vec();
    *forged.last_mut().unwrap() ^= 1;
    assert!(ours.renewal(&forged, &request, now).is_err());
}
