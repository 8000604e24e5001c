//! Issues a key, then verifies the HTTP request in the file `COUNTERSEAL_REQUEST` (default: one without a signature).
use counterseal_client::v1::{
    Header, HttpRequest, IssueKeyRequest, VerifyRequest, http_request::Body, key_service_client::KeyServiceClient,
    verification_service_client::VerificationServiceClient, verify_request::Subject, verify_response::Outcome,
};
use std::{env, error::Error, fs};
use tonic::{Request, transport::Channel};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = env::var("COUNTERSEAL_SERVER").unwrap_or("127.0.0.1:50051".into());
    let channel = Channel::from_shared(format!("http://{server}"))?.connect().await?;

    let mut issue = Request::new(IssueKeyRequest { principal: "rust".into(), ..Default::default() });
    issue.metadata_mut().insert("authorization", format!("Bearer {}", env::var("COUNTERSEAL_TOKEN")?).parse()?);
    let issued = KeyServiceClient::new(channel.clone()).issue_key(issue).await?.into_inner();
    println!("issued {}", issued.key.unwrap_or_default().key_id);

    let subject = match env::var("COUNTERSEAL_REQUEST") {
        Ok(path) => read_request(&fs::read_to_string(path)?),
        Err(_) => read_request("GET /hello HTTP/1.1\nhost: example.test"),
    };
    let request = VerifyRequest { subject: Some(Subject::HttpRequest(subject)), ..Default::default() };
    match VerificationServiceClient::new(channel).verify(request).await?.into_inner().outcome {
        Some(Outcome::Verified(verified)) => println!("verified {}", verified.key_id),
        Some(Outcome::Rejected(rejected)) => println!("rejected {}", rejected.reason().as_str_name()),
        None => println!("not verified: an outcome that this program does not know"),
    }
    Ok(())
}

/// Takes the lines of a request without a body apart; a gateway copies the fields from its HTTP server instead.
fn read_request(text: &str) -> HttpRequest {
    let mut lines = text.lines();
    let mut start = lines.next().unwrap_or_default().split(' ');
    let mut word = || start.next().unwrap_or_default().to_owned();
    let headers =
        lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| Header { name: name.into(), value: value.into() });
    HttpRequest {
        method: word(),
        target: word().into(),
        headers: headers.collect(),
        body: Some(Body::Content(vec![])),
        ..Default::default()
    }
}
