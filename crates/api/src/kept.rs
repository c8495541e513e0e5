//! Bytes that were made once and are given out again (docs/adr/0025), and how answers are compressed.
//!
//! What is kept holds nothing about who reads it, and its name says all that it was made of; whoever gives it out has asked
//! before whether this reader may see it. A page is put together around its kept middle: gzip lets parts that were compressed
//! apart follow one another.

use std::collections::HashMap;
use std::io::{Cursor, Read as _};
use std::sync::{Arc, Mutex, PoisonError};

use ami_domain::deposit::sha256_hex;
use ami_services::cores::Cores;
use ami_services::{App, Error};
use crc32fast::Hasher;
use flate2::{Compress, Compression, FlushCompress, read::DeflateDecoder};
use rocket::http::{ContentType, Header, Method, Status};
use rocket::request::Request;
use rocket::response::{self, Responder, Response};
use tokio::sync::Semaphore;

/// Bytes that are kept at most; what was asked for least lately goes first.
const MOST: usize = 24 * 1024 * 1024;
/// Shorter answers are sent as they are.
const SHORT: usize = 1024;
/// Longer ones are compressed away from the threads that answer requests.
const LONG: usize = 128 * 1024;
/// Bytes that are handed to a connection at once.
const CHUNK: usize = 64 * 1024;

/// What is made at once at most, from its reading on.
const MAKING: usize = 2;

/// A text, compressed so that others may stand before and after it.
#[derive(Debug)]
pub(crate) struct Packed {
    deflated: Vec<u8>,
    check: Hasher,
    length: usize,
}

impl Packed {
    pub(crate) fn new(text: &[u8], level: Compression) -> Self {
        let mut check = Hasher::new();
        check.update(text);
        let mut compress = Compress::new(level, false);
        let mut deflated = Vec::with_capacity(text.len() / 6 + 64);
        loop {
            let read = usize::try_from(compress.total_in()).unwrap_or(usize::MAX).min(text.len());
            if deflated.capacity() - deflated.len() < 64 {
                deflated.reserve(deflated.len() / 2 + 1024);
            }
            // It ends where nothing is left to read and it did not fill what it was given. Memory cannot run out in between.
            let done = compress.compress_vec(&text[read..], &mut deflated, FlushCompress::Sync);
            let read = usize::try_from(compress.total_in()).unwrap_or(usize::MAX);
            if done.is_err() || read >= text.len() && deflated.len() < deflated.capacity() {
                break;
            }
        }
        deflated.shrink_to_fit();
        Self { deflated, check, length: text.len() }
    }

    fn open(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.length);
        // What was packed here opens.
        let _ = DeflateDecoder::new(self.deflated.as_slice()).take(self.length as u64).read_to_end(&mut text);
        text
    }
}

/// Part of an answer.
pub(crate) enum Piece<'a> {
    Plain(&'a [u8]),
    Packed(&'a Packed),
}

/// The parts one after the other, as one gzip file.
fn gzip(pieces: &[Piece<'_>]) -> Vec<u8> {
    let room = pieces.iter().map(|p| match p {
        Piece::Plain(text) => text.len() / 2,
        Piece::Packed(packed) => packed.deflated.len(),
    });
    let mut out = Vec::with_capacity(room.sum::<usize>() + 64);
    out.extend([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    let mut check = Hasher::new();
    let mut length = 0;
    for piece in pieces {
        let now;
        let packed = match piece {
            Piece::Plain(text) => {
                now = Packed::new(text, Compression::fast());
                &now
            }
            Piece::Packed(packed) => *packed,
        };
        out.extend_from_slice(&packed.deflated);
        check.combine(&packed.check);
        length += packed.length;
    }
    // An empty last block, and what gzip ends with.
    out.extend([3, 0]);
    out.extend(check.finalize().to_le_bytes());
    out.extend(u32::try_from(length & 0xffff_ffff).unwrap_or(0).to_le_bytes());
    out
}

fn plain(pieces: &[Piece<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Plain(text) => out.extend_from_slice(text),
            Piece::Packed(packed) => out.extend(packed.open()),
        }
    }
    out
}

/// Something that was made: the middle of a page with its title, or a whole text.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) title: String,
    pub(crate) body: Packed,
    /// Changes with it.
    pub(crate) hash: String,
}

impl Made {
    pub(crate) fn new(title: String, text: &str) -> Self {
        let hash = sha256_hex(format!("{title}\n{text}").as_bytes())[..20].to_owned();
        Self { title, body: Packed::new(text.as_bytes(), Compression::default()), hash }
    }

    fn bytes(&self) -> usize {
        self.body.deflated.len() + self.title.len() + 256
    }
}

#[derive(Debug, Default)]
struct Shelf {
    all: HashMap<String, (Arc<Made>, u64)>,
    bytes: usize,
    /// Counts takings.
    clock: u64,
}

/// What is kept.
#[derive(Debug)]
pub(crate) struct Kept {
    shelf: Mutex<Shelf>,
    /// A few are loaded and made at once; whoever waits finds what was made meanwhile. It is taken before a core, never while one is
    /// held.
    making: Semaphore,
}

impl Default for Kept {
    fn default() -> Self {
        Self { shelf: Mutex::default(), making: Semaphore::new(MAKING) }
    }
}

impl Kept {
    fn find(&self, name: &str) -> Option<Arc<Made>> {
        let mut held = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        held.clock += 1;
        let now = held.clock;
        let (made, used) = held.all.get_mut(name)?;
        *used = now;
        Some(Arc::clone(made))
    }

    fn put(&self, name: String, made: &Arc<Made>) {
        let mut held = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        held.clock += 1;
        let now = held.clock;
        held.bytes += made.bytes();
        if let Some((before, _)) = held.all.insert(name, (Arc::clone(made), now)) {
            held.bytes -= before.bytes();
        }
        while held.bytes > MOST {
            let oldest = held.all.iter().min_by_key(|(_, (_, used))| *used).map(|(name, _)| name.clone());
            let Some((gone, _)) = oldest.and_then(|name| held.all.remove(&name)) else { break };
            held.bytes -= gone.bytes();
        }
    }

    /// What is kept under a name, or what `render` makes on a thread of its own. Whether the reader may see it was asked before,
    /// and what they may see is in the name.
    ///
    /// # Errors
    /// Those of `load` and `render`; nothing is kept then.
    pub(crate) async fn get<T, L, M>(&self, cores: &Cores, name: String, load: L, render: M) -> Result<Arc<Made>, Error>
    where
        T: Send + 'static,
        L: Future<Output = Result<T, Error>>,
        M: FnOnce(T) -> Result<Made, Error> + Send + 'static,
    {
        if let Some(made) = self.find(&name) {
            return Ok(made);
        }
        let _turn = self.making.acquire().await.map_err(Error::internal)?;
        // Somebody may have made it while this one waited.
        if let Some(made) = self.find(&name) {
            return Ok(made);
        }
        let loaded = load.await?;
        let made = Arc::new(cores.run(move || render(loaded)).await?);
        self.put(name, &made);
        Ok(made)
    }
}

/// Kept bytes as an answer, with what stands around them.
pub(crate) struct Given {
    pub(crate) made: Arc<Made>,
    pub(crate) before: String,
    pub(crate) after: String,
    pub(crate) kind: ContentType,
    /// Whether anybody may have it.
    pub(crate) public: bool,
}

impl<'r> Responder<'r, 'static> for Given {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut tag = format!("W/\"{}", self.made.hash);
        if !(self.before.is_empty() && self.after.is_empty()) {
            let around = sha256_hex(format!("{}\n{}", self.before, self.after).as_bytes());
            tag.push('.');
            tag.push_str(&around[..12]);
        }
        tag.push('"');
        let mut answer = Response::build();
        answer
            .header(Header::new("Cache-Control", if self.public { "no-cache" } else { "private, no-cache" }))
            .header(Header::new("Vary", "Cookie, Authorization, Accept-Encoding"))
            .header(Header::new("ETag", tag.clone()));
        if request.headers().get("If-None-Match").any(|known| knows(known, &tag)) {
            return answer.status(Status::NotModified).ok();
        }
        let pieces =
            [Piece::Plain(self.before.as_bytes()), Piece::Packed(&self.made.body), Piece::Plain(self.after.as_bytes())];
        let pieces = if self.before.is_empty() && self.after.is_empty() { &pieces[1..2] } else { &pieces[..] };
        let body = if takes_gzip(request) {
            answer.header(Header::new("Content-Encoding", "gzip"));
            gzip(pieces)
        } else {
            plain(pieces)
        };
        answer.header(self.kind).sized_body(body.len(), Cursor::new(body)).max_chunk_size(CHUNK).ok()
    }
}

/// Whether `If-None-Match` names a tag, compared weakly.
fn knows(header: &str, tag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    header.trim() == "*" || header.split(',').any(|one| bare(one) == bare(tag))
}

/// Whether whoever asks reads gzip.
pub(crate) fn takes_gzip(request: &Request<'_>) -> bool {
    let mut offers = request.headers().get("Accept-Encoding").flat_map(|header| header.split(','));
    let takes = |offer: &str| {
        let (name, weight) = offer.split_once(';').map_or((offer, ""), |(name, weight)| (name, weight));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.trim().parse::<f32>().is_ok_and(|q| q <= 0.0));
        matches!(name.trim(), "gzip" | "*") && !refused
    };
    offers.any(takes)
}

/// Pages that hold a secret, or give back what is in their address: the length of a compressed answer would tell of one by the
/// other (docs/adr/0025).
const TELLING: [&str; 6] =
    ["/compte/", "/connexion", "/inscription", "/demonstration/", "/api/v1/session", "/api/v1/invitations"];

/// Compresses an answer as it leaves, where that may be done and is worth it.
pub(crate) async fn compress(request: &Request<'_>, answer: &mut Response<'_>) {
    if request.method() != Method::Get || answer.status() != Status::Ok || !takes_gzip(request) {
        return;
    }
    let path = request.uri().path();
    if TELLING.iter().any(|start| path.as_str().starts_with(start)) || answer.headers().contains("Content-Encoding") {
        return;
    }
    let text = answer.content_type().is_some_and(|kind| {
        kind.top() == "text" || kind.is_json() || kind.is_javascript() || kind.is_svg() || kind.sub() == "problem+json"
    });
    if !text || answer.body().preset_size().is_none_or(|size| size < SHORT) {
        return;
    }
    let long = answer.body().preset_size().is_some_and(|size| size > LONG);
    let Ok(bytes) = answer.body_mut().to_bytes().await else { return };
    let pack = move || gzip(&[Piece::Plain(&bytes)]);
    let packed = match request.rocket().state::<App>().filter(|_| long) {
        Some(app) => match app.cores.run(move || Ok(pack())).await {
            Ok(packed) => packed,
            Err(error) => {
                tracing::error!(?error, "an answer was not compressed");
                return;
            }
        },
        None => pack(),
    };
    answer.set_header(Header::new("Content-Encoding", "gzip"));
    if !answer.headers().contains("Vary") {
        answer.set_header(Header::new("Vary", "Accept-Encoding"));
    }
    answer.set_sized_body(packed.len(), Cursor::new(packed));
    answer.set_max_chunk_size(CHUNK);
}

#[cfg(test)]
mod tests {
    use flate2::read::GzDecoder;

    use super::*;

    fn opened(bytes: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        GzDecoder::new(bytes).read_to_end(&mut text).unwrap();
        text
    }

    #[test]
    fn parts_that_were_compressed_apart_are_one_file() {
        for length in [0, 1, 63, 64, 1000, 70_000, 1_500_000] {
            let middle: Vec<u8> = (0..length).map(|n: usize| b'a' + u8::try_from(n * n % 23).unwrap()).collect();
            let packed = Packed::new(&middle, Compression::default());
            assert_eq!(packed.open(), middle, "{length}");
            let pieces = [Piece::Plain(b"<head>"), Piece::Packed(&packed), Piece::Plain(b""), Piece::Plain(b"</end>")];
            assert_eq!(opened(&gzip(&pieces)), plain(&pieces), "{length}");
            assert_eq!(plain(&pieces).len(), length + 12);
        }
    }

    #[test]
    fn what_was_asked_for_least_lately_goes_first() {
        let kept = Kept::default();
        // Random enough not to shrink.
        let text = |n: u32| {
            (0..60_000_u32).map(|i| sha256_hex(&(i * 31 + n).to_le_bytes())[..20].to_owned()).collect::<String>()
        };
        let made = Arc::new(Made::new(String::new(), &text(1)));
        let room = MOST / made.bytes();
        for n in 0..=room {
            kept.put(format!("{n}"), &made);
            kept.find("0");
        }
        assert!(kept.find("0").is_some() && kept.find("1").is_none(), "{room}");
        assert!(kept.shelf.lock().unwrap().bytes <= MOST);
    }

    #[test]
    fn a_tag_is_known_with_and_without_its_mark() {
        for (header, known) in
            [("\"a\"", true), ("W/\"a\"", true), ("\"b\", W/\"a\"", true), ("*", true), ("\"b\"", false)]
        {
            assert_eq!(knows(header, "W/\"a\""), known, "{header}");
        }
    }
}
