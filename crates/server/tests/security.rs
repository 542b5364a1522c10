//! The security list, against the real program: what must not work, tried.
#![cfg(feature = "daemon")]
#![allow(clippy::unwrap_used)]

mod site;

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use site::{Answer, Browser, PASSWORD, Site, add_user, folder, log, run};

/// Everybody that these tests need.
const PEOPLE: &[(&str, &str, &[&str])] =
    &[("root", "administrator", &[]), ("olga", "operator", &[]), ("vera", "viewer", &[]), ("orgy", "viewer", &["example.org"])];
/// All of the log.
const ALL: &str = "since=2d&population=all&direction=all";

/// A route of the contract.
struct Route {
    method: String,
    /// With values in it.
    path: String,
    /// The role it asks for; `public` for none.
    role: String,
    /// Whether users of some domains are answered.
    domains: bool,
}

impl Route {
    /// Whether a role is less than the route asks for.
    fn is_too_little(&self, role: &str) -> bool {
        let rank = |role: &str| ["public", "viewer", "operator", "administrator"].iter().position(|known| *known == role).unwrap();
        rank(role) < rank(&self.role)
    }
}

/// Every route of the contract: one that does not say what it needs fails here.
fn contract() -> Vec<Route> {
    let contract: Value = serde_json::from_str(include_str!("../openapi.json")).unwrap();
    let mut routes = Vec::new();
    for (path, operations) in contract["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let needs = &operation["x-needs"];
            let role = needs["role"].as_str().unwrap_or_else(|| panic!("{method} {path} does not say which role it needs"));
            let domains =
                needs["domains"].as_bool().unwrap_or_else(|| panic!("{method} {path} does not say whether it is for all domains"));
            let path = path.replace("{id}", "12").replace("{name}", "nobody").replace("{domain}", "example.com");
            assert!(!path.contains('{'), "{path}");
            routes.push(Route { method: method.to_uppercase(), path: format!("/api/v1{path}"), role: role.to_owned(), domains });
        }
    }
    assert!(routes.len() > 50, "{}", routes.len());
    routes
}

/// Waits until the log of a site is read.
fn read(browser: &Browser<'_>, site: &Site) {
    site.wait("the log", || {
        browser.get(&format!("/api/v1/messages?{ALL}")).json()["items"].as_array().is_some_and(|items| items.len() >= 3)
    });
}

#[test]
fn without_an_administrator_only_this_machine_is_served_by_its_own_name() {
    let site = Site::start("open", "", &[]);
    assert_eq!(site.ask("GET", "/api/v1/status", &[], "").status, 200);
    for host in ["mailvane.example.com", "127.0.0.1.example.com", "192.0.2.1:8624"] {
        assert_eq!(site.ask("GET", "/api/v1/status", &[("host", host)], "").status, 400, "{host}: a rebound name");
        assert_eq!(site.ask("GET", "/", &[("host", host)], "").status, 400, "{host}");
    }
    for header in ["x-forwarded-for", "forwarded", "via", "x-real-ip"] {
        assert_eq!(site.ask("GET", "/api/v1/status", &[(header, "203.0.113.1")], "").status, 403, "{header}: a proxy lets others in");
    }
    for path in ["/api/v1/users", "/api/v1/audit", "/api/v1/sessions"] {
        assert_eq!(site.ask("GET", path, &[], "").status, 403, "{path}");
    }
    let new = json!({"name": "eve", "role": "administrator", "password": PASSWORD}).to_string();
    assert_eq!(site.ask("POST", "/api/v1/users", &[], &new).status, 403);
    let session = site.ask("GET", "/api/v1/session", &[], "").json();
    assert_eq!((&session["access"], &session["user"]), (&json!("open"), &Value::Null));
}

#[test]
fn without_an_administrator_no_other_address_is_listened_on() {
    let folder = folder("listen");
    std::fs::write(folder.join("mail.log"), log()).unwrap();
    let (data, log) = (folder.join("data"), folder.join("mail.log"));
    for address in ["0.0.0.0:0", "[::]:0"] {
        let out = run(&["serve", "--listen", address, "--data-dir", data.to_str().unwrap(), log.to_str().unwrap()], "");
        let said = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(2), "{said}");
        assert!(said.contains("no administrator") && said.contains("mailvane user add"), "{said}");
    }
}

#[test]
fn the_link_makes_one_administrator_and_closes_the_door() {
    let site = Site::start("setup", "", &[]);
    let secret = site.secret.clone().unwrap();
    let first = |secret: &str, password: &str| json!({"secret": secret, "name": "Root", "password": password}).to_string();
    assert_eq!(site.ask("POST", "/api/v1/setup", &[], &first("guess", PASSWORD)).status, 403);
    assert_eq!(site.ask("POST", "/api/v1/setup", &[], &first(&secret, "short")).status, 400, "a weak password");
    let foreign = [("origin", "http://evil.example")];
    assert_eq!(site.ask("POST", "/api/v1/setup", &foreign, &first(&secret, PASSWORD)).status, 403, "another site");
    let made = site.ask("POST", "/api/v1/setup", &[], &first(&secret, PASSWORD));
    assert_eq!(made.status, 200, "{}", made.body);
    let root = Browser::of(&site, &made);
    assert_eq!(root.get("/api/v1/users").json()["users"][0]["name"], "root");
    assert_eq!(site.ask("POST", "/api/v1/setup", &[], &first(&secret, PASSWORD)).status, 409, "twice");
    assert_eq!(site.ask("GET", "/api/v1/status", &[], "").status, 401, "the door is closed at once");
}

#[test]
fn nothing_is_told_without_a_session() {
    let site = Site::start("nobody", "", PEOPLE);
    let forged = format!("mailvane_session={}", "0".repeat(64));
    for Route { method, path, role, .. } in contract() {
        let body = if method == "GET" { "" } else { "{}" };
        let shown: [&[(&str, &str)]; 4] = [
            &[],
            &[("cookie", &forged)],
            &[("authorization", "Bearer mailvane_0000")],
            &[("remote-user", "root"), ("x-forwarded-for", "127.0.0.1"), ("x-forwarded-user", "root")],
        ];
        for headers in shown {
            let answer = site.ask(&method, &path, headers, body);
            if role == "public" {
                assert!(answer.status < 500 && !answer.body.contains("example.net"), "{method} {path}: {}", answer.status);
            } else {
                assert_eq!((answer.status, answer.code().as_str()), (401, "login_required"), "{method} {path} {headers:?}");
            }
        }
    }
    assert_eq!(site.ask("GET", "/metrics", &[], "").status, 401);
    assert_eq!(site.ask("GET", "/healthz", &[], "").body, "ok\n");
    assert_eq!(site.ask("GET", "/api/v1/nowhere", &[], "").status, 404);
}

#[test]
fn roles_and_domains_hold() {
    let site = Site::start("roles", "", PEOPLE);
    let (root, olga, vera, orgy) = (site.log_in("root"), site.log_in("olga"), site.log_in("vera"), site.log_in("orgy"));
    read(&root, &site);
    for route in contract().iter().filter(|route| route.role != "public") {
        let Route { method, path, .. } = route;
        for (who, role, is_scoped) in
            [(&root, "administrator", false), (&olga, "operator", false), (&vera, "viewer", false), (&orgy, "viewer", true)]
        {
            let is_refused = route.is_too_little(role) || (is_scoped && !route.domains);
            // What somebody may change is not changed here.
            if method != "GET" && !is_refused {
                continue;
            }
            // A stream does not end by itself.
            if path.ends_with("/live") && !is_refused {
                continue;
            }
            let answer = if method == "GET" { who.get(path) } else { who.send(method, path, json!({})) };
            assert_eq!(answer.status == 403, is_refused, "{method} {path} as {role}, of some domains: {is_scoped}: {}", answer.status);
            assert!(answer.status != 401 && (answer.status < 500 || answer.status == 503), "{method} {path} as {role}: {}", answer.status);
        }
    }
    for path in ["/api/v1/sources", "/api/v1/trouble", "/metrics"] {
        assert_eq!(vera.get(path).status, 200, "{path}");
        assert_eq!(orgy.get(path).status, 403, "{path} is about all domains");
    }
    assert_eq!(vera.send("POST", "/api/v1/tokens", json!({"name": "x", "scopes": ["administer"]})).status, 403);

    let all = root.get(&format!("/api/v1/messages?{ALL}")).json();
    let theirs = orgy.get(&format!("/api/v1/messages?{ALL}")).json();
    assert_eq!(theirs["items"].as_array().map(Vec::len), Some(1), "{theirs:#}");
    assert_eq!(theirs["items"][0]["recipients"], json!(["evelyn@example.org"]));
    assert_eq!(theirs["items"][0]["recipient_count"], 1);
    for item in all["items"].as_array().unwrap() {
        let life = orgy.get(&format!("/api/v1/messages/{}", item["id"].as_str().unwrap()));
        if item["id"] == theirs["items"][0]["id"] {
            assert!(!life.body.contains("robert") && life.body.contains("evelyn"), "{}", life.body);
            assert_eq!(life.json()["lines"], json!([]), "lines name everybody");
        } else {
            assert_eq!(life.status, 404, "{}", life.body);
        }
    }
    for query in [
        "q=robert",
        "q=%40example.net",
        "q=4BBBB22222",
        "q=kimberly",
        "domain=example.net",
        "sender=annabel%40example.com&domain=example.net",
    ] {
        let found = orgy.get(&format!("/api/v1/messages?{ALL}&{query}")).json();
        assert_eq!(found["items"], json!([]), "{query}");
    }
    let figures = |who: &Browser<'_>, path: &str| who.get(path).json();
    assert_eq!(figures(&root, "/api/v1/summary?since=2d")["figures"]["outcomes"]["delivered"], 1);
    let summary = figures(&orgy, "/api/v1/summary?since=2d");
    assert_eq!((&summary["figures"]["outcomes"]["delivered"], &summary["figures"]["outcomes"]["bounced"]), (&json!(0), &json!(1)));
    for path in [
        "/api/v1/breakdown?by=domain&since=2d&direction=all",
        "/api/v1/breakdown?by=provider&since=2d",
        "/api/v1/series?metric=delivered&by=domain&since=2d",
        "/api/v1/queue",
        "/api/v1/status",
    ] {
        let answer = orgy.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        for other in ["example.net", "example.com", "mail.log"] {
            assert!(!answer.body.contains(other), "{path} tells of {other}: {}", answer.body);
        }
    }
    let events = first_bytes(&site, &format!("GET /api/v1/live HTTP/1.1\r\nhost: x\r\ncookie: {}\r\n\r\n", orgy.cookie), "event: tick");
    assert!(events.contains("\"minutes\":[]") && !events.contains("mail.log"), "{events}");
}

/// Reads an answer that does not end until some words have come.
fn first_bytes(site: &Site, request: &str, until: &str) -> String {
    let mut stream = TcpStream::connect(site.address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let (mut text, mut buffer) = (String::new(), [0; 4096]);
    while !text.split_once(until).is_some_and(|(_, rest)| rest.contains("\n\n")) {
        let length = stream.read(&mut buffer).unwrap();
        assert!(length > 0, "it ended: {text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..length]));
    }
    text
}

#[test]
fn other_pages_change_nothing() {
    let site = Site::start("csrf", "", PEOPLE);
    let root = site.log_in("root");
    let body = json!({"name": "eve", "role": "administrator", "password": PASSWORD}).to_string();
    let own = format!("http://{}", site.address);
    let (cookie, csrf) = (("cookie", root.cookie.as_str()), ("x-mailvane-csrf", root.csrf.as_str()));
    let attempts: [&[(&str, &str)]; 7] = [
        &[cookie],
        &[cookie, ("origin", &own)],
        &[cookie, ("x-mailvane-csrf", "guess"), ("origin", &own)],
        &[cookie, csrf, ("origin", "http://evil.example")],
        &[cookie, csrf, ("origin", "null")],
        &[cookie, csrf, ("sec-fetch-site", "cross-site")],
        &[cookie, csrf, ("origin", "http://127.0.0.1.evil.example")],
    ];
    for headers in attempts {
        let answer = site.ask("POST", "/api/v1/users", headers, &body);
        assert_eq!((answer.status, answer.code().as_str()), (403, "csrf"), "{headers:?}");
    }
    let form = site.ask("POST", "/api/v1/users", &[cookie, csrf, ("content-type", "text/plain")], &body);
    assert_eq!(form.status, 400, "a form of another site");
    assert_eq!(root.get("/api/v1/users").json()["users"].as_array().map(Vec::len), Some(PEOPLE.len()));
    let login = json!({"name": "root", "password": PASSWORD}).to_string();
    assert_eq!(site.ask("POST", "/api/v1/session", &[("origin", "http://evil.example")], &login).status, 403, "login by another site");
    let other = site.log_in("root");
    let stolen = [("cookie", other.cookie.as_str()), csrf, ("origin", own.as_str())];
    assert_eq!(site.ask("POST", "/api/v1/users", &stolen, &body).status, 403, "the mark of another session");
    for method in ["GET", "HEAD"] {
        let answer = site.ask(method, "/api/v1/setup", &[cookie], "");
        assert_eq!(answer.status, 405, "a change by {method}");
    }
    assert_eq!(root.send("POST", "/api/v1/users", serde_json::from_str(&body).unwrap()).status, 201, "and our own page may");
}

#[test]
fn sessions_cannot_be_planted_and_end_when_they_must() {
    let site = Site::start("fixation", "", PEOPLE);
    let planted = format!("mailvane_session={}", "a".repeat(64));
    let login = json!({"name": "vera", "password": PASSWORD}).to_string();
    let answer = site.ask("POST", "/api/v1/session", &[("cookie", &planted)], &login);
    let vera = Browser::of(&site, &answer);
    assert_ne!(vera.cookie, planted);
    let set = answer.header("set-cookie").unwrap();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict") && set.contains("Path=/"), "{set}");
    assert_eq!(site.ask("GET", "/api/v1/status", &[("cookie", &planted)], "").status, 401);
    // Logging in again in the same browser makes a new session and ends the old one.
    let again = site.ask("POST", "/api/v1/session", &[("cookie", &vera.cookie)], &login);
    let second = Browser::of(&site, &again);
    assert_ne!(second.cookie, vera.cookie);
    assert_eq!(vera.get("/api/v1/status").status, 401);
    // A new password ends all others and renews this one.
    let third = site.log_in("vera");
    let changed = second.send("POST", "/api/v1/account/password", json!({"current": PASSWORD, "new": "another fine bridge"}));
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!((second.get("/api/v1/status").status, third.get("/api/v1/status").status), (401, 401));
    let renewed = Browser::of(&site, &changed);
    assert_eq!(renewed.get("/api/v1/status").status, 200);
    assert_eq!(renewed.send("DELETE", "/api/v1/session", Value::Null).status, 200);
    assert_eq!(renewed.get("/api/v1/status").status, 401, "logged out");
    // Who is removed is out, with the next request.
    let olga = site.log_in("olga");
    assert_eq!(olga.get("/api/v1/status").status, 200);
    assert!(run(&["user", "remove", "olga", "--data-dir", site.data.to_str().unwrap()], "").status.success());
    assert_eq!(olga.get("/api/v1/status").status, 401);
    let kept = std::fs::read(site.data.join("access.db")).unwrap();
    let secret = renewed.cookie.split('=').nth(1).unwrap();
    assert!(!kept.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()), "no secret is kept as it is");
}

#[test]
fn no_path_leads_out_of_the_pages() {
    let site = Site::start("traversal", "", PEOPLE);
    let paths = [
        "/../../../../etc/passwd",
        "/..%2f..%2f..%2fetc%2fpasswd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/assets/../../access.db",
        "/assets/..%5c..%5caccess.db",
        "//etc/passwd",
        "/%00",
        "/access.db",
        "/store.db",
        "/api/v1/../../etc/passwd",
        "/api/v1/messages/..%2f..%2fstore.db",
        "/.git/config",
    ];
    for path in paths {
        let answer = site.ask("GET", path, &[], "");
        assert!(!answer.body.contains("root:") && !answer.body.contains("SQLite"), "{path}");
        let is_page = answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
        assert!(is_page || (400..500).contains(&answer.status), "{path}: {}", answer.status);
    }
}

#[test]
fn what_is_too_large_is_refused_and_the_server_goes_on() {
    let site = Site::start("large", "", PEOPLE);
    let root = site.log_in("root");
    let long = "x".repeat(40_000);
    let headers = site.ask("GET", "/api/v1/status", &[("x-long", &long)], "");
    assert!(matches!(headers.status, 0 | 400 | 413 | 431), "{}", headers.status);
    let many: String = (0..500).map(|index| format!("x-{index}: 1\r\n")).collect();
    let answer = site.send(format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n").as_bytes());
    assert!(matches!(answer.status, 0 | 400 | 431), "{}", answer.status);
    assert_eq!(root.get(&format!("/api/v1/messages?q={}", "y".repeat(9_000))).status, 413);
    let body = json!({"name": "x".repeat(20_000), "role": "viewer"});
    assert_eq!(root.send("POST", "/api/v1/users", body).status, 413);
    let request = format!(
        "POST /api/v1/users HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncookie: {}\r\nx-mailvane-csrf: {}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
        root.cookie, root.csrf
    );
    let chunks: String = (0..20).map(|_| format!("400\r\n{}\r\n", " ".repeat(1024))).collect();
    assert_eq!(site.send(format!("{request}{chunks}0\r\n\r\n").as_bytes()).status, 413, "a length that is not told");
    let deep = format!("{{\"name\":{}1{}}}", "[".repeat(5_000), "]".repeat(5_000));
    assert_eq!(site.ask("POST", "/api/v1/session", &[], &deep).status, 400, "deep JSON");
    for wrong in [
        "GARBAGE\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\r\n\r\n\r\n",
        "GET  HTTP/1.1\r\nhost: x\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        assert!(matches!(site.send(wrong.as_bytes()).status, 0 | 400..500), "{wrong:?}");
    }
    let smuggled = "POST /api/v1/session HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\nhost: x\r\n\r\n";
    assert!(!site.send(smuggled.as_bytes()).body.contains("mailvane_build_info"));
    assert_eq!(root.get("/api/v1/status").status, 200);
}

#[test]
fn who_dawdles_is_sent_away_and_holds_nobody_up() {
    let site = Site::start("slow", "", PEOPLE);
    let root = site.log_in("root");
    let mut dawdlers: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(site.address).unwrap()).collect();
    for stream in &mut dawdlers {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: ").unwrap();
    }
    let mut body = TcpStream::connect(site.address).unwrap();
    body.write_all(b"POST /api/v1/session HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{").unwrap();
    assert_eq!(root.get("/api/v1/status").status, 200, "others are served meanwhile");
    // Each of them reads to its end: the server closes.
    for mut stream in dawdlers {
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        assert!(text.is_empty() || text.contains(" 408 "), "{text}");
    }
    let mut told = vec![0; 20];
    body.read_exact(&mut told).unwrap();
    assert!(String::from_utf8_lossy(&told).contains("408"), "{}", String::from_utf8_lossy(&told));
}

#[test]
fn too_many_connections_are_told_so() {
    let site = Site::start("many", "", PEOPLE);
    let mut held: Vec<TcpStream> = (0..512).map(|_| TcpStream::connect(site.address).unwrap()).collect();
    // The last ones may still be on their way in.
    site.wait("no room", || site.ask("GET", "/healthz", &[], "").status != 200);
    let mut late = TcpStream::connect(site.address).unwrap();
    let mut text = String::new();
    late.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 503 ") && text.contains("overloaded"), "{text}");
    held.truncate(10);
    site.wait("room again", || site.ask("GET", "/healthz", &[], "").status == 200);
}

/// Asks the same of many connections, all of which are complete at once; what each is answered.
fn crowd(site: &Site, asker: &Browser<'_>, path: &str) -> Vec<Answer> {
    let mut asking: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(site.address).unwrap()).collect();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncookie: {}\r\n", asker.cookie);
    for stream in &mut asking {
        stream.write_all(request.as_bytes()).unwrap();
    }
    for stream in &mut asking {
        stream.write_all(b"\r\n").unwrap();
    }
    assert_eq!(site.ask("GET", "/healthz", &[], "").status, 200, "health is told in the crowd");
    let read = |mut stream: TcpStream| {
        let mut told = Vec::new();
        stream.read_to_end(&mut told).unwrap();
        Answer::of(&told)
    };
    asking.into_iter().map(read).collect()
}

#[test]
fn too_many_questions_at_once_are_sent_away_and_nothing_falls_over() {
    let site = Site::start("crowd", "", PEOPLE);
    let root = site.log_in("root");
    read(&root, &site);
    let path = format!("/api/v1/messages?{ALL}&q=example");
    let mut shed = 0;
    // A quick machine may answer a whole crowd: the next one comes at once.
    site.wait("a question that is sent away", || {
        let (answered, sent_away): (Vec<_>, Vec<_>) = crowd(&site, &root, &path).into_iter().partition(|answer| answer.status == 200);
        assert!(!answered.is_empty(), "a crowd keeps nobody else out");
        assert!(answered.iter().all(|answer| answer.json()["items"].is_array()));
        for answer in &sent_away {
            assert_eq!((answer.status, answer.code().as_str()), (503, "overloaded"), "{}", answer.body);
            assert!(answer.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|seconds| seconds > 0)));
            assert!(answer.json()["error"]["hint"].as_str().is_some_and(|hint| !hint.is_empty()));
        }
        shed += sent_away.len();
        shed > 0
    });
    assert_eq!(root.get(&path).status, 200, "afterwards all is well");
    let metrics = root.get("/metrics").body;
    let counted = metrics.lines().find_map(|line| line.strip_prefix("mailvane_http_questions_shed_total ")).unwrap();
    assert_eq!(counted.parse::<usize>().unwrap(), shed, "each is counted");
}

#[test]
fn no_input_becomes_a_header() {
    let site = Site::start("injection", "", PEOPLE);
    let root = site.log_in("root");
    for path in ["/api/v1/messages?q=x%0d%0aset-cookie:%20a=b", "/%0d%0aset-cookie:%20a=b", "/api/v1/breakdown?by=%0d%0aset-cookie:%20a=b"]
    {
        let answer = root.get(path);
        assert!(answer.header("set-cookie").is_none() && answer.status != 0, "{path}");
    }
    let login = json!({"name": "root\r\nset-cookie: a=b", "password": "x\r\ny: z"}).to_string();
    let answer = site.ask("POST", "/api/v1/session", &[("user-agent", "a\tb")], &login);
    assert_eq!(answer.status, 401);
    assert!(answer.header("set-cookie").is_none() && answer.header("y").is_none());
    let deeds = root.get("/api/v1/audit").body;
    assert!(!deeds.contains("\\r") && !deeds.contains("\\n"), "no line of the log can be forged: {deeds}");
}

#[test]
fn guessing_takes_ever_longer_and_tells_nothing() {
    let site = Site::start("guess", "", PEOPLE);
    let guess =
        |name: &str, password: &str| site.ask("POST", "/api/v1/session", &[], &json!({"name": name, "password": password}).to_string());
    let (known, unknown) = (guess("vera", "wrong password"), guess("nobody", "wrong password"));
    assert_eq!((known.status, &known.body), (401, &unknown.body), "which names exist is not told");
    for _ in 0..4 {
        guess("vera", "wrong password");
    }
    let locked = guess("vera", PASSWORD);
    assert_eq!((locked.status, locked.code().as_str()), (429, "too_many_attempts"), "even the right one");
    assert!(locked.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    let tried = (0..30).filter(|index| guess(&format!("name{index}"), "wrong password").status == 401).count();
    assert!(tried < 20, "{tried} names from one address");
}

#[test]
fn tokens_do_what_they_may_and_no_more() {
    let site = Site::start("tokens", "", PEOPLE);
    let root = site.log_in("root");
    let make = |scope: &str| {
        let answer = root.send("POST", "/api/v1/tokens", json!({"name": scope, "scopes": [scope], "days": 1}));
        assert_eq!(answer.status, 201, "{}", answer.body);
        format!("Bearer {}", answer.json()["token"].as_str().unwrap())
    };
    let (metrics, read, administer) = (make("metrics"), make("read"), make("administer"));
    let ask = |token: &str, method: &str, path: &str, body: &str| site.ask(method, path, &[("authorization", token)], body).status;
    assert_eq!((ask(&metrics, "GET", "/metrics", ""), ask(&metrics, "GET", "/api/v1/status", "")), (200, 403));
    assert_eq!((ask(&read, "GET", "/api/v1/status", ""), ask(&read, "GET", "/api/v1/users", "")), (200, 403));
    assert_eq!(ask(&administer, "GET", "/api/v1/users", ""), 200);
    let more = json!({"name": "child", "scopes": ["administer"]}).to_string();
    assert_eq!(ask(&administer, "POST", "/api/v1/tokens", &more), 403, "a token makes no tokens");
    let page = site.ask("GET", "/metrics", &[("authorization", &metrics)], "");
    assert!(page.body.contains("mailvane_lines_total{result=\"recognised\"}") && !page.body.contains('@'), "{}", page.body);
    let list = root.get("/api/v1/tokens").json();
    assert!(!list.to_string().contains(metrics.trim_start_matches("Bearer ")), "told once");
    let id = list["tokens"].as_array().unwrap().iter().find(|token| token["name"] == "read").unwrap()["id"].clone();
    assert_eq!(root.send("DELETE", &format!("/api/v1/tokens/{id}"), Value::Null).status, 204);
    assert_eq!(ask(&read, "GET", "/api/v1/status", ""), 401);
    let data = site.data.to_str().unwrap();
    let out = run(&["token", "add", "script", "--user", "vera", "--scope", "read", "--data-dir", data], "");
    let token = String::from_utf8(out.stdout).unwrap();
    assert_eq!(ask(&format!("Bearer {}", token.trim()), "GET", "/api/v1/status", ""), 200);
    assert!(!run(&["token", "add", "x", "--user", "vera", "--scope", "operate", "--data-dir", data], "").status.success());
}

/// The one-time code of a secret, after RFC 6238.
fn code(secret: &str, steps: i64) -> String {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: String = secret.chars().map(|each| format!("{:05b}", alphabet.find(each).unwrap())).collect();
    let bytes: Vec<u8> = (0..bits.len() / 8).map(|index| u8::from_str_radix(&bits[index * 8..index * 8 + 8], 2).unwrap()).collect();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes);
    let step = chrono::Utc::now().timestamp() / 30 + steps;
    let tag = ring::hmac::sign(&key, &step.to_be_bytes());
    let at = usize::from(tag.as_ref()[19] & 15);
    let number = u32::from_be_bytes(tag.as_ref()[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

#[test]
fn one_time_codes_are_asked_for_and_count_once() {
    let site = Site::start("totp", "", PEOPLE);
    let vera = site.log_in("vera");
    assert_eq!(vera.send("POST", "/api/v1/account/totp", json!({"password": "not this one"})).status, 403);
    let begun = vera.send("POST", "/api/v1/account/totp", json!({"password": PASSWORD})).json();
    let secret = begun["secret"].as_str().unwrap().to_owned();
    assert_eq!(vera.send("PUT", "/api/v1/account/totp", json!({"code": "000000"})).status, 400);
    let confirmed = vera.send("PUT", "/api/v1/account/totp", json!({"code": code(&secret, 0)}));
    assert_eq!(confirmed.status, 200, "{}", confirmed.body);
    let recovery = confirmed.json()["recovery"][0].as_str().unwrap().to_owned();
    let log_in = |code: Option<&str>| {
        site.ask("POST", "/api/v1/session", &[], &json!({"name": "vera", "password": PASSWORD, "code": code}).to_string())
    };
    let asked = log_in(None);
    assert_eq!((asked.status, asked.code().as_str()), (401, "code_needed"));
    assert!(asked.header("set-cookie").is_none());
    assert_eq!(log_in(Some("123456")).status, 401);
    // The step after that of the confirmation: whatever the clock does meanwhile, it is in the window once.
    let next = code(&secret, 1);
    assert_eq!(log_in(Some(&next)).status, 200);
    assert_eq!(log_in(Some(&next)).status, 401, "a code counts once");
    assert_eq!(log_in(Some(&recovery)).status, 200);
    assert_eq!(log_in(Some(&recovery)).status, 401, "a recovery code counts once");
}

#[test]
fn a_proxy_is_believed_when_it_is_trusted() {
    let config = "[access.proxy]\nnetworks = [\"127.0.0.0/8\"]\nuser_header = \"Remote-User\"\n";
    let site = Site::start("proxy", config, PEOPLE);
    let ask = |headers: &[(&str, &str)]| site.ask("GET", "/api/v1/session", headers, "").json()["user"].clone();
    assert_eq!(ask(&[("remote-user", "vera")])["role"], "viewer");
    assert_eq!(ask(&[("remote-user", "stranger")]), Value::Null);
    assert_eq!(ask(&[("remote-user", "vera"), ("remote-user", "root")]), Value::Null, "two names are none");
    assert_eq!(ask(&[]), Value::Null);
    let new = json!({"name": "eve", "role": "viewer"}).to_string();
    assert_eq!(site.ask("POST", "/api/v1/users", &[("remote-user", "root")], &new).status, 403, "CSRF holds here too");
    let far = "[access.proxy]\nnetworks = [\"192.0.2.0/24\"]\nuser_header = \"Remote-User\"\n";
    let site = Site::start("proxy-far", far, PEOPLE);
    assert_eq!(site.ask("GET", "/api/v1/status", &[("remote-user", "root")], "").status, 401, "anybody can write a header");
}

#[test]
fn those_who_may_not_see_addresses_see_none() {
    let site = Site::start("blur", "[access]\nblur = [\"viewer\"]\n", PEOPLE);
    let (root, vera) = (site.log_in("root"), site.log_in("vera"));
    read(&root, &site);
    let mut paths: Vec<String> = ["provider", "domain", "sender", "client"]
        .map(|by| format!("/api/v1/breakdown?since=2d&direction=all&population=all&by={by}"))
        .into();
    paths.extend([
        format!("/api/v1/messages?{ALL}"),
        "/api/v1/queue".into(),
        "/api/v1/sources".into(),
        "/api/v1/trouble?since=2d".into(),
        "/api/v1/summary?since=2d".into(),
    ]);
    let items = root.get(&format!("/api/v1/messages?{ALL}")).json();
    paths.extend(items["items"].as_array().unwrap().iter().map(|item| format!("/api/v1/messages/{}", item["id"].as_str().unwrap())));
    let mut seen = String::new();
    for path in &paths {
        seen += &root.get(path).body;
        let answer = vera.get(path);
        assert_eq!(answer.status, 200, "{path}");
        for local in ["annabel", "robert", "evelyn", "kimberly"] {
            assert!(!answer.body.to_lowercase().contains(local), "{path} tells of {local}: {}", answer.body);
        }
    }
    assert!(["annabel@", "robert@", "evelyn@", "kimberly@"].iter().all(|local| seen.contains(local)), "an administrator sees them");
    assert!(vera.get(&format!("/api/v1/messages?{ALL}")).body.contains("***@example.net"));
}

#[test]
fn what_strangers_wrote_stays_text() {
    let site = Site::start("text", "", PEOPLE);
    let root = site.log_in("root");
    read(&root, &site);
    let list = root.get(&format!("/api/v1/messages?{ALL}"));
    assert!(list.header("content-type").unwrap().starts_with("application/json"));
    assert_eq!(list.header("x-content-type-options"), Some("nosniff"));
    let policy = list.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
    let senders: Vec<String> =
        list.json()["items"].as_array().unwrap().iter().filter_map(|item| item["sender"].as_str().map(str::to_owned)).collect();
    assert!(senders.iter().any(|sender| sender.contains("script>")), "as it was written: {senders:?}");
    for item in list.json()["items"].as_array().unwrap() {
        let life = root.get(&format!("/api/v1/messages/{}", item["id"].as_str().unwrap()));
        assert!(life.json().is_object());
        assert!(!life.body.chars().any(|each| each < ' '), "control characters are escaped");
    }
    let page = site.ask("GET", "/messages?q=<script>alert(1)</script>", &[], "");
    assert!(!page.body.contains("alert(1)"));
}

#[test]
fn what_people_did_and_whom_they_looked_up_is_kept() {
    let site = Site::start("audit", "", PEOPLE);
    let (root, vera) = (site.log_in("root"), site.log_in("vera"));
    read(&root, &site);
    let found = vera.get(&format!("/api/v1/messages?{ALL}&q=evelyn")).json();
    let id = found["items"][0]["id"].as_str().unwrap();
    vera.get(&format!("/api/v1/messages/{id}"));
    root.send("POST", "/api/v1/users", json!({"name": "new", "role": "viewer"}));
    let deeds = root.get("/api/v1/audit").json();
    let told = |who: &str, action: &str, detail: &str| {
        deeds["deeds"]
            .as_array()
            .unwrap()
            .iter()
            .any(|deed| deed["who"] == who && deed["action"] == action && deed["detail"].as_str().unwrap().contains(detail))
    };
    assert!(told("vera", "login", "") && told("vera", "search", "q=evelyn") && told("vera", "look_up", id), "{deeds:#}");
    assert!(told("root", "user_added", "new as viewer"));
    let page = root.get("/api/v1/audit?limit=1").json();
    let next = root.get(&format!("/api/v1/audit?limit=1&cursor={}", page["next_cursor"].as_str().unwrap())).json();
    assert_ne!(page["deeds"], next["deeds"]);
}

#[test]
fn the_same_answer_is_sent_once() {
    let site = Site::start("etag", "", PEOPLE);
    let root = site.log_in("root");
    let first = root.get("/api/v1/users");
    let tag = first.header("etag").unwrap().to_owned();
    let again = site.ask("GET", "/api/v1/users", &[("cookie", &root.cookie), ("if-none-match", &tag)], "");
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    assert_eq!(first.header("cache-control"), Some("private, no-cache"));
    assert_eq!(site.ask("GET", "/api/v1/users", &[("if-none-match", &tag)], "").status, 401, "a tag is no key");
}

#[test]
fn the_last_administrator_stays() {
    let site = Site::start("last", "", PEOPLE);
    let root = site.log_in("root");
    assert_eq!(root.send("DELETE", "/api/v1/users/root", Value::Null).status, 409);
    assert_eq!(root.send("PUT", "/api/v1/users/root", json!({"role": "viewer"})).status, 409);
    let data = site.data.to_str().unwrap();
    assert!(!run(&["user", "remove", "root", "--data-dir", data], "").status.success());
    add_user(&site.data, "second", "administrator", &[]);
    assert_eq!(root.send("DELETE", "/api/v1/users/root", Value::Null).status, 204);
    assert_eq!(root.get("/api/v1/status").status, 401);
    assert_eq!(site.log_in("second").get("/api/v1/users").status, 200);
}
