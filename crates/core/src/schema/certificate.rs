//! Certificate authorities: accepted as PEM or as base64 of PEM, handed out as PEM text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_cert::der::asn1::AnyRef;
use x509_cert::der::{self, Decode, Reader, SliceReader, Tagged};
use x509_cert::time::Validity;

use crate::error::Rule;
use crate::reader::Fields;
use crate::time::UnixTime;

/// Reads a field's text as PEM: certificates, one at least, each of them readable. An expired one is a warning.
pub(crate) fn read(fields: &mut Fields<'_, '_>, name: &str, text: &str, today: UnixTime) -> Option<String> {
    let pem = if text.contains("-----BEGIN") { Some(blocks(text)) } else { decode(text).as_deref().map(blocks) };
    let validities = pem.as_deref().and_then(validities).filter(|validities| !validities.is_empty());
    let Some(validities) = validities else {
        fields.violate(
            name,
            Rule::PemCertificate,
            "must be PEM with readable certificates and nothing else, or base64 of it",
        );
        return None;
    };
    for Validity { not_after: end, .. } in validities {
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
    String::from_utf8(decode_bytes(text)?).ok()
}

fn decode_bytes(text: &str) -> Option<Vec<u8>> {
    let bare: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    STANDARD.decode(bare).ok()
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

/// When each certificate of a chain is valid; none if one of them cannot be read.
fn validities(pem: &str) -> Option<Vec<Validity>> {
    let (begin, end) = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----");
    let blocks = pem.trim_end().split_terminator(end);
    blocks.map(|block| validity(&decode_bytes(block.trim_start().strip_prefix(begin)?)?).ok()).collect()
}

/// When a certificate is valid (RFC 5280, section 4.1). Names, key and extensions are left to TLS: their types would be
/// a tenth of the component.
fn validity(certificate: &[u8]) -> der::Result<Validity> {
    let mut reader = SliceReader::new(certificate)?;
    let validity = reader.sequence(|certificate| {
        let validity = certificate.sequence(|body| {
            let first = AnyRef::decode(body)?;
            // The version may be left out; then this was the serial number.
            let before = if first.tag().is_context_specific() { 3 } else { 2 };
            for _ in 0..before {
                AnyRef::decode(body)?;
            }
            let validity = Validity::decode(body)?;
            skip(body)?;
            der::Result::Ok(validity)
        })?;
        skip(certificate)?;
        der::Result::Ok(validity)
    })?;
    reader.finish()?;
    Ok(validity)
}

/// The rest: well-formed, whatever it is.
fn skip<'r>(reader: &mut impl Reader<'r>) -> der::Result<()> {
    while !reader.is_finished() {
        AnyRef::decode(reader)?;
    }
    Ok(())
}
