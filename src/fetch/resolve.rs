//! stub
use crate::failure::*;
use std::net::*;
use std::time::Duration;
pub struct Resolver;
impl Resolver {
    pub fn new(_s: &[SocketAddr]) -> Result<Resolver, String> {
        Ok(Resolver)
    }
    pub async fn resolve(&self, _h: &url::Host<&str>, _d: Duration) -> Result<Vec<IpAddr>, Failure> {
        Ok(vec!["127.0.0.1".parse().unwrap()])
    }
}
