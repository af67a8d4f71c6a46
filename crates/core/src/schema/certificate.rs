//! Certificate authorities: accepted as PEM or as base64 of PEM, handed out as PEM text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_cert::Certificate;

use super::Fields;
use crate::error::Rule;
use crate::policy::UnixTime;

/// Reads the field as PEM with at least one certificate; an expired one is a warning.
pub(crate) fn read(fields: &mut Fields<'_, '_>, name: &str, today: UnixTime) -> Option<String> {
    let text = fields.text(name)?;
    let pem = if text.contains("-----BEGIN") { Some(blocks(text)) } else { decode(text).as_deref().map(blocks) };
    let certificates = pem.as_deref().and_then(|pem| Certificate::load_pem_chain(pem.as_bytes()).ok());
    let Some(certificates) = certificates.filter(|certificates| !certificates.is_empty()) else {
        fields.violate(name, Rule::PemCertificate, "must be a PEM certificate, or base64 of one");
        return None;
    };
    for certificate in &certificates {
        let end = certificate.tbs_certificate().validity().not_after;
        if end.to_unix_duration().as_millis() < u128::from(today.0) {
            let date = end.to_date_time();
            let (year, month, day) = (date.year(), date.month(), date.day());
            let phrase = format!("holds a certificate that expired on {year}-{month:02}-{day:02}: replace it");
            fields.warn(name, Rule::CertificateExpired, &phrase);
        }
    }
    pem
}

fn decode(text: &str) -> Option<String> {
    let bare: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    String::from_utf8(STANDARD.decode(bare).ok()?).ok()
}

/// The certificates alone, one line end a line: files hold comments, and environment files PEM on one line.
fn blocks(pem: &str) -> String {
    let pem = pem.replace("\\n", "\n");
    let mut inside = false;
    let mut kept = String::with_capacity(pem.len());
    for line in pem.lines().map(str::trim) {
        inside |= line.starts_with("-----BEGIN ");
        if inside {
            kept.push_str(line);
            kept.push('\n');
        }
        inside &= !line.starts_with("-----END ");
    }
    kept
}
