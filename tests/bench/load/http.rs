//! As much of HTTP/1.1 as callers under load need.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::sleep;

/// The address of a service.
pub struct Service {
    host: String,
    /// The path of its TAP endpoints.
    path: String,
}

/// A connection that is used again.
pub struct Connection(BufReader<TcpStream>);

/// Write a text as a value in a URL.
pub fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn broken(what: impl Into<String>) -> io::Error {
    io::Error::other(what.into())
}

impl Service {
    pub fn at(url: &str) -> Self {
        let rest = url.strip_prefix("http://").expect("an address that begins with http://");
        let (host, path) = rest.trim_end_matches('/').split_once('/').expect("a path");
        Self { host: host.to_owned(), path: format!("/{path}") }
    }

    /// The path of an endpoint; `/..` before it leads out of the TAP endpoints.
    fn path(&self, endpoint: &str) -> String {
        match endpoint.strip_prefix("/..") {
            Some(beside) => {
                let (above, _) = self.path.rsplit_once('/').unwrap_or_default();
                format!("{above}{beside}")
            }
            None => format!("{}{endpoint}", self.path),
        }
    }

    pub async fn connect(&self) -> io::Result<Connection> {
        Ok(Connection(BufReader::new(TcpStream::connect(&self.host).await?)))
    }

    /// GET, on a connection of its own; return the body of an answer with status 200.
    pub async fn get(&self, endpoint: &str) -> io::Result<String> {
        let head = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.path(endpoint),
            self.host
        );
        let (head, body) = whole(&self.exchange(&head).await?)?;
        match head.starts_with("HTTP/1.1 200") {
            true => Ok(body),
            false => Err(broken(head.lines().next().unwrap_or_default())),
        }
    }

    /// The memory that the service holds, as it tells itself.
    pub async fn resident_bytes(&self) -> f64 {
        let counts = self.get("/../metrics").await.unwrap_or_default();
        let line = counts.lines().find_map(|line| line.strip_prefix("almagest_resident_bytes "));
        line.and_then(|number| number.parse().ok()).unwrap_or(0.0)
    }

    /// POST; return the head of the answer.
    pub async fn post(&self, endpoint: &str, body: &str) -> io::Result<String> {
        let request = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            self.path(endpoint),
            self.host,
            body.len()
        );
        Ok(whole(&self.exchange(&request).await?)?.0)
    }

    async fn exchange(&self, request: &str) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(&self.host).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = vec![];
        stream.read_to_end(&mut answer).await?;
        Ok(answer)
    }

    /// GET, and take the answer in sips; return the bytes taken until it, or the time, is at its end.
    pub async fn sip(
        &self,
        endpoint: &str,
        sip_bytes: usize,
        every: Duration,
        end: Instant,
    ) -> io::Result<u64> {
        let mut stream = TcpStream::connect(&self.host).await?;
        let (path, host) = (self.path(endpoint), &self.host);
        let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        let (mut sip, mut n_bytes, mut last) = (vec![0; sip_bytes], 0, vec![]);
        while Instant::now() < end {
            let n = stream.read(&mut sip).await?;
            if n == 0 {
                return match last.ends_with(b"0\r\n\r\n") {
                    true => Ok(n_bytes),
                    false => Err(broken("the answer is cut off")),
                };
            }
            if n_bytes == 0 && !sip.starts_with(b"HTTP/1.1 200") {
                return Err(broken(String::from_utf8_lossy(&sip[..n.min(60)])));
            }
            last.extend_from_slice(&sip[..n]);
            last.drain(..last.len().saturating_sub(5));
            n_bytes += n as u64;
            sleep(every).await;
        }
        Ok(n_bytes)
    }
}

impl Connection {
    /// GET, and leave the connection open; return the body, whose length the answer tells.
    pub async fn get(&mut self, service: &Service, endpoint: &str) -> io::Result<String> {
        let (path, host) = (service.path(endpoint), &service.host);
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        self.0.get_mut().write_all(request.as_bytes()).await?;
        let mut head = vec![];
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length
            .and_then(|length| length.parse().ok())
            .ok_or_else(|| broken(format!("an answer without a length: {head}")))?;
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await?;
        match head.starts_with("HTTP/1.1 200") {
            true => Ok(String::from_utf8_lossy(&body).into_owned()),
            false => Err(broken(head.lines().next().unwrap_or_default())),
        }
    }
}

/// Split an answer into head and body, which must be whole.
fn whole(answer: &[u8]) -> io::Result<(String, String)> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| broken("no answer"))?;
    if !head.contains("transfer-encoding: chunked") {
        return Ok((head.to_owned(), body.to_owned()));
    }
    let mut rest = body;
    let mut out = String::new();
    loop {
        let (size, tail) = rest.split_once("\r\n").ok_or_else(|| broken("it is cut off"))?;
        let size = usize::from_str_radix(size, 16).map_err(|error| broken(error.to_string()))?;
        if size == 0 {
            return Ok((head.to_owned(), out));
        }
        out += tail.get(..size).ok_or_else(|| broken("it is cut off"))?;
        rest = tail.get(size + 2..).ok_or_else(|| broken("it is cut off"))?;
    }
}
