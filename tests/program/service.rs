//! A service that the program runs, on a port of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

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
