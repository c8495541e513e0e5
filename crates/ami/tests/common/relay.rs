//! A mail relay for tests: it takes messages over SMTP and keeps them.

use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Addresses that begin so are refused for good, and for now.
pub(crate) const REFUSED: &str = "refused";
pub(crate) const LATER: &str = "later";

/// A message that was taken.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) to: String,
    text: String,
}

impl Taken {
    /// A header, whole.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let head = self.text.split("\r\n\r\n").next().unwrap();
        head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The text, with its quoted-printable read.
    pub(crate) fn body(&self) -> String {
        let text = self.text.replace("=\r\n", "");
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let Some((first, after)) = rest.split_first() {
            let code = (*first == b'=').then(|| std::str::from_utf8(after.get(..2)?).ok()).flatten();
            if let Some(byte) = code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
                bytes.push(byte);
                rest = &after[2..];
            } else {
                bytes.push(*first);
                rest = after;
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The secret of its link.
    pub(crate) fn link(&self) -> String {
        self.body().split("jeton=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned()
    }
}

/// A relay.
pub(crate) struct Relay {
    pub(crate) url: String,
    taken: watch::Receiver<Vec<Taken>>,
}

impl Relay {
    /// One that answers.
    pub(crate) async fn new() -> Self {
        Self::start(true).await
    }

    /// One that takes messages and does not say so.
    pub(crate) async fn silent() -> Self {
        Self::start(false).await
    }

    async fn start(answers: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let (sender, taken) = watch::channel(Vec::new());
        let sender = Arc::new(sender);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, answers, Arc::clone(&sender)));
            }
        });
        Self { url, taken }
    }

    /// What it took so far.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.taken.borrow().clone()
    }

    /// Waits until it has taken so many.
    pub(crate) async fn has_taken(&self, count: usize) {
        self.taken.clone().wait_for(|taken| taken.len() >= count).await.unwrap();
    }
}

async fn converse(stream: TcpStream, answers: bool, taken: Arc<watch::Sender<Vec<Taken>>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut to = String::new();
    stream.write_all(b"220 relay\r\n").await.ok()?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let verb = line.get(..4)?.to_uppercase();
        let answer = match verb.as_str() {
            "RCPT" => {
                line.split_once('<')?.1.split_once('>')?.0.clone_into(&mut to);
                match () {
                    () if to.starts_with(REFUSED) => "550 5.1.1 nobody here",
                    () if to.starts_with(LATER) => "450 4.2.1 come back",
                    () => "250 ok",
                }
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await.ok()?;
                let mut text = String::new();
                while !text.ends_with("\r\n.\r\n") {
                    if stream.read_line(&mut text).await.ok()? == 0 {
                        return None;
                    }
                }
                taken.send_modify(|all| all.push(Taken { to: to.clone(), text }));
                if !answers {
                    std::future::pending::<()>().await;
                }
                "250 taken"
            }
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
    }
}
