//! Two calls of services whose SDK crates would cost minutes of compiling for one operation each: CloudTrail's
//! `LookupEvents` and IAM's `SimulatePrincipalPolicy`. Signed by AWS's own crate, sent by the same HTTP client.

use std::time::SystemTime;

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_xml::decode::{Document, ScopedDecoder, XmlDecodeError, try_data};
use http_body_util::{BodyExt, Limited};
use permisos_secrets_core::{Connection, ErrorKind, Failure, Partition};
use serde::Serialize;
use serde_json::Value;

use crate::credentials::Chain;
use crate::fault::failure;
use crate::network::connect_timeout;
use crate::setup::{RegionSetup, answered, unsent};
use crate::table;

/// Fifty events of a page, each a few kilobytes.
const BODY_LIMIT: usize = 4 * 1024 * 1024;
/// Pages of one simulation: a server that repeats itself has no end.
const PAGE_LIMIT: usize = 100;

/// Whether a principal may do something to something.
#[derive(Clone, Debug, Serialize)]
pub struct Decision {
    /// The action.
    pub action: String,
    /// The resource.
    pub resource: String,
    /// Whether it is allowed.
    pub allowed: bool,
}

/// Signs and sends.
pub(crate) struct Signed {
    region: String,
    endpoint_url: Option<String>,
    credentials: Chain,
    connector: SharedHttpConnector,
    connection: Connection,
}

/// One request.
struct Call<'c> {
    service: &'c str,
    operation: &'c str,
    region: &'c str,
    host: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Signed {
    pub(crate) fn new(connection: &Connection, setup: &RegionSetup) -> Self {
        let RegionSetup { region, config, endpoint_url, credentials, client } = setup;
        let endpoint_url = endpoint_url.clone().or_else(|| config.endpoint_url().map(str::to_owned));
        let settings = HttpConnectorSettings::builder()
            .connect_timeout(connect_timeout(connection.timeout))
            .read_timeout(connection.timeout)
            .build();
        Self {
            region: region.clone(),
            endpoint_url,
            credentials: credentials.clone(),
            connector: client.connector(&settings),
            connection: connection.clone(),
        }
    }

    /// CloudTrail's `LookupEvents`, in the AWS JSON 1.1 protocol.
    pub(crate) async fn lookup_events(&self, body: &Value) -> Result<Value, Failure> {
        let target = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents";
        let call = Call {
            service: "cloudtrail",
            operation: "LookupEvents",
            region: &self.region,
            host: format!("cloudtrail.{}.{}", self.region, Partition::of(&self.region).domain),
            headers: vec![("content-type", "application/x-amz-json-1.1".into()), ("x-amz-target", target.into())],
            body: body.to_string(),
        };
        let answer = self.send(&call).await?;
        serde_json::from_slice(&answer).map_err(|_| malformed(&call))
    }

    /// IAM's `SimulatePrincipalPolicy`, in the query protocol. IAM is one for all regions of a partition. That nothing is
    /// said of an action is a failure: it would pass for allowed.
    pub(crate) async fn simulate_principal_policy(
        &self,
        principal: &str,
        actions: &[&str],
        resources: &[String],
    ) -> Result<Vec<Decision>, Failure> {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.append_pair("Action", "SimulatePrincipalPolicy").append_pair("Version", "2010-05-08");
        body.append_pair("PolicySourceArn", principal).append_pair("MaxItems", "1000");
        for (index, action) in actions.iter().enumerate() {
            body.append_pair(&format!("ActionNames.member.{}", index + 1), action);
        }
        for (index, resource) in resources.iter().enumerate() {
            body.append_pair(&format!("ResourceArns.member.{}", index + 1), resource);
        }
        let (region, host) = match self.region.split('-').next() {
            Some("cn") => ("cn-north-1", "iam.cn-north-1.amazonaws.com.cn"),
            _ if self.region.starts_with("us-gov-") => ("us-gov-west-1", "iam.us-gov.amazonaws.com"),
            _ => ("us-east-1", "iam.amazonaws.com"),
        };
        let mut call = Call {
            service: "iam",
            operation: "SimulatePrincipalPolicy",
            region,
            host: host.to_owned(),
            headers: vec![("content-type", "application/x-www-form-urlencoded".into())],
            body: String::new(),
        };
        let (body, mut marker, mut found) = (body.finish(), None::<String>, vec![]);
        for _ in 0..PAGE_LIMIT {
            let mut page = url::form_urlencoded::Serializer::new(body.clone());
            call.body = page.extend_pairs(marker.iter().map(|marker| ("Marker", marker))).finish();
            let answer = self.send(&call).await?;
            let answer = std::str::from_utf8(&answer).map_err(|_| malformed(&call))?;
            let page = Simulation::parse(answer).map_err(|_| malformed(&call))?;
            found.extend(page.decisions);
            marker = page.marker;
            if marker.is_none() {
                break;
            }
        }
        match actions.iter().find(|&&action| !found.iter().any(|it: &Decision| it.action == action)) {
            Some(action) => {
                let message =
                    format!("{} in {} was answered without a decision on {action}", call.operation, call.region);
                Err(failure(ErrorKind::Unavailable, &message))
            }
            None => Ok(found),
        }
    }

    async fn send(&self, call: &Call<'_>) -> Result<Vec<u8>, Failure> {
        let place = format!("{} in {}", call.operation, call.region);
        let request = self.signed(call, &place).await?;
        let sent = async {
            let lost = |error| {
                let unknown = || failure(ErrorKind::Unavailable, &format!("{place} found no connection"));
                unsent(&place, &error).unwrap_or_else(unknown)
            };
            let mut response = self.connector.call(request).await.map_err(lost)?;
            let status = response.status().as_u16();
            let request_id = response.headers().get("x-amzn-requestid").unwrap_or_default().to_owned();
            let header = response.headers().get("x-amzn-errortype").map(str::to_owned);
            let date = response.headers().get("date").map(str::to_owned);
            let body = Limited::new(response.take_body(), BODY_LIMIT).collect().await.map_err(|_| malformed(call))?;
            let body = body.to_bytes().to_vec();
            if (200..300).contains(&status) {
                return Ok(body);
            }
            let (code, message) = refusal(&body);
            let code = header.as_deref().map_or(code, |header| table::bare(header).to_owned());
            Err(answered(&place, &code, &message, status, &request_id, date.as_deref()))
        };
        let late = |_| Err(failure(ErrorKind::Timeout, &format!("{place} timed out")));
        tokio::time::timeout(self.connection.timeout, sent).await.unwrap_or_else(late)
    }

    async fn signed(&self, call: &Call<'_>, place: &str) -> Result<HttpRequest, Failure> {
        let identity = self.credentials.credentials().await.map_err(|fault| fault.failure(place))?.into();
        let unsigned = |_| failure(ErrorKind::ConfigInvalid, &format!("{place} could not be signed"));
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(call.region)
            .name(call.service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|_| failure(ErrorKind::ConfigInvalid, &format!("{place} could not be signed")))?
            .into();
        let url = self.endpoint_url.clone().unwrap_or_else(|| format!("https://{}", call.host));
        let url = format!("{}/", url.trim_end_matches('/'));
        let headers = call.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let signable = SignableRequest::new("POST", url.as_str(), headers, SignableBody::Bytes(call.body.as_bytes()));
        let signature = sign(signable.map_err(unsigned)?, &parameters).map_err(unsigned)?;
        let mut request = http::Request::builder().method("POST").uri(&url);
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        let body = SdkBody::from(call.body.as_str());
        let malformed = || failure(ErrorKind::ConfigInvalid, "the endpoint is no URL to send to");
        let mut request = request.body(body).map_err(|_| malformed())?;
        signature.into_parts().0.apply_to_request_http1x(&mut request);
        HttpRequest::try_from(request).map_err(|_| malformed())
    }
}

fn malformed(call: &Call<'_>) -> Failure {
    let message = format!("{} in {} was answered by something malformed", call.operation, call.region);
    failure(ErrorKind::Unavailable, &message)
}

/// The error code and the message of a JSON or XML answer.
fn refusal(body: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(body);
    let element = |name: &str| between(&text, &format!("<{name}>"), &format!("</{name}>")).map(str::to_owned);
    match element("Code") {
        Some(code) => (code, element("Message").unwrap_or_default()),
        None => table::code_and_message(body),
    }
}

/// One page of a simulation.
#[derive(Default)]
struct Simulation {
    decisions: Vec<Decision>,
    /// With which the next page is asked for.
    marker: Option<String>,
}

impl Simulation {
    /// Reads what IAM answers, its elements in any order.
    fn parse(xml: &str) -> Result<Self, XmlDecodeError> {
        let mut document = Document::new(xml);
        let (mut root, mut page) = (document.root_element()?, None);
        while let Some(mut tag) = root.next_tag() {
            if tag.start_el().matches("SimulatePrincipalPolicyResult") {
                page = Some(Self::read(&mut tag)?);
            }
        }
        page.ok_or_else(|| XmlDecodeError::custom("no result"))
    }

    fn read(result: &mut ScopedDecoder<'_, '_>) -> Result<Self, XmlDecodeError> {
        let (mut page, mut is_truncated) = (Self::default(), false);
        while let Some(mut tag) = result.next_tag() {
            match tag.start_el().local() {
                "EvaluationResults" => {
                    while let Some(mut member) = tag.next_tag() {
                        page.decisions.extend(evaluation(&mut member)?);
                    }
                }
                "IsTruncated" => is_truncated = try_data(&mut tag)? == "true",
                "Marker" => page.marker = Some(try_data(&mut tag)?.into_owned()),
                _ => {}
            }
        }
        page.marker = page.marker.filter(|_| is_truncated);
        if is_truncated && page.marker.is_none() {
            return Err(XmlDecodeError::custom("no marker"));
        }
        Ok(page)
    }
}

/// What one member says of an action: of its resource, and of those below it that have results of their own.
fn evaluation(member: &mut ScopedDecoder<'_, '_>) -> Result<Vec<Decision>, XmlDecodeError> {
    let (mut action, mut verdicts) = (String::new(), vec![]);
    let mut own = Verdict::default();
    while let Some(mut tag) = member.next_tag() {
        match tag.start_el().local() {
            "EvalActionName" => action = try_data(&mut tag)?.into_owned(),
            "ResourceSpecificResults" => {
                while let Some(mut below) = tag.next_tag() {
                    let mut verdict = Verdict::default();
                    while let Some(mut tag) = below.next_tag() {
                        verdict.read(&mut tag)?;
                    }
                    verdicts.push(verdict);
                }
            }
            _ => own.read(&mut tag)?,
        }
    }
    if !verdicts.iter().any(|verdict| verdict.resource == own.resource) {
        verdicts.insert(0, own);
    }
    if action.is_empty() || verdicts.iter().any(|verdict| verdict.decision.is_empty()) {
        return Err(XmlDecodeError::custom("no decision"));
    }
    let decision = |Verdict { resource, decision }| {
        let resource = resource.unwrap_or_else(|| "*".to_owned());
        Decision { action: action.clone(), resource, allowed: decision == "allowed" }
    };
    Ok(verdicts.into_iter().map(decision).collect())
}

#[derive(Default)]
struct Verdict {
    resource: Option<String>,
    decision: String,
}

impl Verdict {
    fn read(&mut self, tag: &mut ScopedDecoder<'_, '_>) -> Result<(), XmlDecodeError> {
        match tag.start_el().local() {
            "EvalDecision" | "EvalResourceDecision" => self.decision = try_data(tag)?.into_owned(),
            "EvalResourceName" => self.resource = Some(try_data(tag)?.into_owned()),
            _ => {}
        }
        Ok(())
    }
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(inner, _)| inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the shape and order of the sample in AWS's reference: members lie in `MatchedStatements`, too.
    const SAMPLE: &str = r#"<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">
  <SimulatePrincipalPolicyResult>
    <IsTruncated>false</IsTruncated>
    <EvaluationResults>
      <member>
        <MatchedStatements>
          <member>
            <SourcePolicyId>PolicyInputList.1</SourcePolicyId>
            <EndPosition><Column>4</Column><Line>7</Line></EndPosition>
            <StartPosition><Column>16</Column><Line>3</Line></StartPosition>
          </member>
        </MatchedStatements>
        <MissingContextValues/>
        <EvalResourceName>arn:aws:s3:::my-test-bucket</EvalResourceName>
        <EvalDecision>allowed</EvalDecision>
        <EvalActionName>s3:GetObject</EvalActionName>
      </member>
      <member>
        <MatchedStatements/>
        <MissingContextValues/>
        <EvalResourceName>arn:aws:s3:::my-test-bucket</EvalResourceName>
        <EvalDecision>implicitDeny</EvalDecision>
        <EvalActionName>s3:PutObject</EvalActionName>
      </member>
    </EvaluationResults>
  </SimulatePrincipalPolicyResult>
  <ResponseMetadata>
    <RequestId>004d7059-4c14-11e5-b121-bd8c7EXAMPLE</RequestId>
  </ResponseMetadata>
</SimulatePrincipalPolicyResponse>"#;

    fn decisions(xml: &str) -> Vec<(String, String, bool)> {
        let page = Simulation::parse(xml).unwrap_or_default();
        page.decisions.into_iter().map(|it| (it.action, it.resource, it.allowed)).collect()
    }

    #[test]
    fn decisions_are_read_from_iams_xml_in_whatever_order() {
        let bucket = "arn:aws:s3:::my-test-bucket";
        let expected = [("s3:GetObject", bucket, true), ("s3:PutObject", bucket, false)];
        let expected = expected.map(|(action, resource, is)| (action.to_owned(), resource.to_owned(), is));
        assert_eq!(decisions(SAMPLE), expected);
        let (decision, action) =
            ("<EvalDecision>allowed</EvalDecision>", "<EvalActionName>s3:GetObject</EvalActionName>");
        let turned = SAMPLE.replace(decision, "<Turned/>").replace(action, decision).replace("<Turned/>", action);
        assert_eq!(decisions(&turned), expected);
        let specific = "<ResourceSpecificResults><member><EvalResourceName>arn:aws:s3:::other</EvalResourceName>\
                        <EvalResourceDecision>explicitDeny</EvalResourceDecision></member></ResourceSpecificResults>";
        let found = decisions(&SAMPLE.replacen("<MissingContextValues/>", specific, 1));
        let other = ("s3:GetObject".to_owned(), "arn:aws:s3:::other".to_owned(), false);
        assert!(found.len() == 3 && found.contains(&other), "{found:?}");
    }

    #[test]
    fn an_answer_that_is_cut_says_where_it_goes_on_and_what_decides_nothing_is_malformed() {
        let cut = "<Marker>next</Marker><IsTruncated>true</IsTruncated>";
        let cut = SAMPLE.replace("<IsTruncated>false</IsTruncated>", cut);
        assert_eq!(Simulation::parse(&cut).ok().and_then(|page| page.marker).as_deref(), Some("next"));
        assert!(Simulation::parse(&cut.replace("<Marker>next</Marker>", "")).is_err());
        assert!(Simulation::parse(&SAMPLE.replace("<EvalDecision>allowed</EvalDecision>", "")).is_err());
        assert!(Simulation::parse("<html/>").is_err());
        assert!(Simulation::parse("").is_err());
    }

    #[test]
    fn an_error_code_and_its_message_are_read_from_json_and_xml() {
        let read = |body: &str| refusal(body.as_bytes());
        let pair = |code: &str, message: &str| (code.to_owned(), message.to_owned());
        assert_eq!(read(r#"{"__type":"com.amazon#AccessDeniedException"}"#), pair("AccessDeniedException", ""));
        assert_eq!(read(r#"{"code":"X","Message":"m"}"#), pair("X", "m"));
        assert_eq!(read("<E><Code>AccessDenied</Code><Message>m</Message></E>"), pair("AccessDenied", "m"));
        assert_eq!(read("<html>"), pair("", ""));
    }
}
