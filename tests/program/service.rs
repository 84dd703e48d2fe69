//! A service that the program runs, on a port of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::almagest::program;

/// A running service; killed when dropped.
pub struct Service {
    child: Child,
    /// The address of its TAP endpoints.
    pub url: String,
}

impl Service {
    /// Serve the catalog in the folder `root`.
    pub fn start(root: &str, options: &[&str]) -> Self {
        let mut child = program()
            .args(["serve", root, "--listen", "127.0.0.1:0"])
            .args(options)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let url = lines
            .find_map(|line| line.strip_prefix("answering at ").map(str::to_owned))
            .expect("the service says where it answers");
        // Nobody reads the log any more: without this it would fill the pipe and stop.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }

    /// How long its threads have worked, as Linux counts it: in hundredths of a second.
    pub fn cpu_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // The name of the program, in parentheses, may hold anything.
        let (_, numbers) = stat.rsplit_once(") ").unwrap();
        let ticks = numbers.split(' ').skip(11).take(2).map(|n| n.parse::<u64>().unwrap());
        Duration::from_millis(10 * ticks.sum::<u64>())
    }

    /// End the service as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Send a request to a service; return the status, the headers and the body, or `None` if it is dead.
pub fn ask(url: &str, method: &str, path: &str, body: &str) -> Option<(u16, String, String)> {
    let host = url.strip_prefix("http://")?.strip_suffix("/tap")?;
    let mut stream = TcpStream::connect(host).ok()?;
    write!(
        stream,
        "{method} /tap{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    assert!(length.is_none_or(|length: usize| length >= body.len()), "{head}");
    // What a dying service has not sent is no answer.
    if length.is_some_and(|length| length > body.len()) {
        return None;
    }
    Some((status, head.to_owned(), body.to_owned()))
}

/// Write parameters as the body of a POST.
pub fn form(parameters: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
}
