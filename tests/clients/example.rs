use std::{env, fs, thread, time::Duration};

fn main() {
    let rssd = env::var("RSSD").expect("RSSD is the address of the daemon");
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(90)))
        .build()
        .into();
    let mut cursor = fs::read_to_string("cursor").unwrap_or_else(|_| "0".to_owned());
    loop {
        let asked = agent.get(format!("{rssd}/news/stream?after={cursor}&wait=60")).call();
        let Ok(mut answer) = asked else {
            thread::sleep(Duration::from_secs(1));
            continue;
        };
        let status = answer.status().as_u16();
        let text = answer.body_mut().with_config().limit(256 << 20).read_to_string().unwrap_or_default();
        let page: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let next = match status {
            200 => &page["cursor"],
            409 | 410 => &page["oldest"], // what lies between is gone
            _ => &serde_json::Value::Null,
        };
        let Some(next) = next.as_str() else {
            thread::sleep(Duration::from_secs(1));
            continue;
        };
        for article in page["articles"].as_array().into_iter().flatten() {
            println!("{}\t{}", article["seq"], article["title"].as_str().unwrap_or_default());
        }
        cursor = next.to_owned();
        fs::write("cursor", &cursor).expect("the cursor can be kept");
    }
}
