//! PDF: is it whole, does it open without a password, and does it run anything?
//!
//! A PDF ends with `startxref`, an offset and `%%EOF`. At the offset is either a table followed by `trailer` and a dictionary, or a
//! stream whose dictionary stands for the trailer; each may point to an older one (`/Prev`), as incremental updates and linearised
//! files do, and a table may point to a stream beside it (`/XRefStm`). The document is encrypted when one of these dictionaries has
//! `/Encrypt`; they are never compressed or encrypted themselves. The word elsewhere, in a text or a picture, means nothing. Such a
//! document opens for anybody when its password is empty: then it only says what readers may do with it.
//!
//! What runs is an action of JavaScript or one that launches a program, in any object, compressed ones included.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Mutex, PoisonError};

use flate2::read::ZlibDecoder;
use lopdf::{Dictionary, Document, LoadOptions, Object};

use super::{InspectError, Refused, find, scan_windows};

/// Readers look for the end within the last kilobyte.
const TAIL: u64 = 1024;
const HEADER: &[u8] = b"%PDF";
const HEADER_WITHIN: u64 = 1024;
/// A trailer's dictionary takes a few hundred bytes.
const DICTIONARY: u64 = 64 * 1024;
/// Each update adds one.
const MAX_SECTIONS: usize = 1000;
const MAX_NESTING: usize = 64;
const TRAILER: &[u8] = b"trailer";
const XREF_NAME: &[u8] = b"/XRef";

pub(super) fn inspect(file: &mut File) -> Result<(), InspectError> {
    let size = file.metadata()?.len();
    let end = without_padding(file, size)?;
    let mut tail = read_at(file, end.saturating_sub(TAIL), TAIL)?;
    tail.truncate(usize::try_from(end.min(TAIL)).unwrap_or_default());
    let end = rfind(&tail, b"%%EOF").ok_or(Refused::TruncatedPdf)?;
    let last = rfind(tail.get(..end).unwrap_or_default(), b"startxref")
        .and_then(|at| tail.get(at + b"startxref".len()..end))
        .and_then(integer);
    // Offsets count from the header, which mail gateways and scanners sometimes push down.
    let shift = find(&read_at(file, 0, HEADER_WITHIN)?, HEADER).unwrap_or_default() as u64;
    let encrypted = match last {
        Some(offset) => follow(file, shift, offset)?,
        None => None,
    };
    // Every reader repairs a wrong offset by searching the file, so do we.
    let encrypted = match encrypted {
        Some(encrypted) => encrypted,
        None => search(file)?.ok_or(Refused::TruncatedPdf)?,
    };
    if encrypted { protected(file, size) } else { runs_nothing(file) }
}

/// Where a file ends, but for the zeros and blanks that disks and gateways append.
fn without_padding(file: &mut File, size: u64) -> io::Result<u64> {
    let mut end = size;
    while end > 0 {
        let start = end.saturating_sub(super::WINDOW as u64);
        let block = read_at(file, start, end - start)?;
        if let Some(last) = block.iter().rposition(|byte| !is_space(*byte) && *byte != 0xFF && *byte != 0x1A) {
            return Ok(start + last as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// Larger encrypted files are not taken into memory.
const MOST_PROTECTED: u64 = 64 * 1024 * 1024;
/// Encrypted files are taken into memory one at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// An encrypted document: it must open with no password, and run nothing.
fn protected(file: &mut File, size: u64) -> Result<(), InspectError> {
    if size > MOST_PROTECTED {
        return Err(Refused::EncryptedPdf.into());
    }
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let bytes = read_at(file, 0, size)?;
    // It tries the empty password by itself.
    let options = LoadOptions { max_decompressed_size: Some(MOST_INFLATED), ..LoadOptions::default() };
    let opened = Document::load_mem_with_options(&bytes, options);
    let read = |document: &Document| document.was_encrypted() && !document.is_encrypted();
    let document = opened.ok().filter(|document| read(document) && !document.get_pages().is_empty());
    let document = document.ok_or(Refused::EncryptedPdf)?;
    if document.objects.values().any(|object| is_active(object, 0)) {
        return Err(Refused::ActivePdf.into());
    }
    Ok(())
}

/// Whether an object holds an action that runs something.
fn is_active(object: &Object, depth: usize) -> bool {
    let inner = |dictionary: &Dictionary| {
        let named = dictionary.get(b"S").and_then(Object::as_name);
        named.is_ok_and(|name| RUNS.contains(&name))
            || dictionary.has(b"JS")
            || dictionary.iter().any(|(_, value)| is_active(value, depth + 1))
    };
    match object {
        _ if depth > MAX_NESTING => true,
        Object::Dictionary(dictionary) => inner(dictionary),
        Object::Stream(stream) => inner(&stream.dict),
        Object::Array(items) => items.iter().any(|item| is_active(item, depth + 1)),
        _ => false,
    }
}

/// Types of action that run something.
const RUNS: [&[u8]; 2] = [b"JavaScript", b"Launch"];
/// A stream of objects holds a few hundred of them.
const MOST_INFLATED: usize = 16 * 1024 * 1024;

/// Looks through all objects for actions that run something. The names are rare: where one stands, the object is read.
fn runs_nothing(file: &mut File) -> Result<(), InspectError> {
    let mut found = Vec::new();
    let mut base = 0;
    file.seek(SeekFrom::Start(0))?;
    scan_windows(file, |window| {
        let slashes = window.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        for (at, _) in slashes {
            let name = Lexer { bytes: window, at: at + 1, active: false }.name();
            let objects = name == b"ObjStm";
            if objects || name == b"JS" || RUNS.contains(&name.as_slice()) {
                found.push((base + at as u64, objects));
            }
        }
        base += window.len().saturating_sub(super::OVERLAP) as u64;
        // Real documents have some thousands of such streams at most.
        found.len() <= MOST_FOUND
    })?;
    if found.len() > MOST_FOUND {
        return Err(Refused::ActivePdf.into());
    }
    found.sort_unstable();
    found.dedup();
    for (at, objects) in found {
        // The name is somewhere in an object, which starts after the nearest "obj" before it.
        let before = DICTIONARY.min(at);
        let bytes = read_at(file, at - before, before + DICTIONARY)?;
        let name_at = usize::try_from(before).unwrap_or_default();
        let Some(start) = bytes.get(..name_at).and_then(|bytes| rfind(bytes, b"obj")) else { continue };
        let mut lexer = Lexer::new(bytes.get(start + 3..).unwrap_or_default());
        let object = lexer.value(0);
        let end = start + 3 + lexer.at;
        let active = if objects && object.is_some() && name_at < end {
            packed(file, at - before + end as u64)?
        } else {
            lexer.active
        };
        if active {
            return Err(Refused::ActivePdf.into());
        }
    }
    Ok(())
}

/// Candidates that are looked at.
const MOST_FOUND: usize = 100_000;

/// Whether one of the objects in the stream that begins at `at` runs something.
fn packed(file: &mut File, at: u64) -> io::Result<bool> {
    let head = read_at(file, at, 64)?;
    let mut lexer = Lexer::new(&head);
    if !lexer.skip_word(b"stream") {
        return Ok(false);
    }
    let line_end = if head.get(lexer.at) == Some(&b'\r') { 2 } else { 1 };
    file.seek(SeekFrom::Start(at + (lexer.at + line_end) as u64))?;
    let mut objects = Vec::new();
    // What is damaged or not deflated is read as far as it goes; what goes beyond the bound is not looked at.
    let _ = ZlibDecoder::new(&*file).take(MOST_INFLATED as u64).read_to_end(&mut objects);
    let mut lexer = Lexer::new(&objects);
    while lexer.value(0).is_some() {}
    Ok(lexer.active)
}

/// Follows the chain of trailers. `None` when a link does not lead to one.
fn follow(file: &mut File, shift: u64, last: u64) -> io::Result<Option<bool>> {
    let mut seen = HashSet::new();
    let mut next = vec![last];
    while let Some(offset) = next.pop() {
        if seen.len() == MAX_SECTIONS || !seen.insert(offset) {
            continue;
        }
        let Some(start) = offset.checked_add(shift) else {
            return Ok(None);
        };
        let Some(trailer) = trailer_at(file, start)? else {
            return Ok(None);
        };
        if trailer.encrypted {
            return Ok(Some(true));
        }
        next.extend(trailer.previous);
        next.extend(trailer.stream);
    }
    Ok(Some(false))
}

/// Reads the trailer of the cross-reference section that starts at `start`.
fn trailer_at(file: &mut File, start: u64) -> io::Result<Option<Trailer>> {
    let bytes = read_at(file, start, DICTIONARY)?;
    let mut lexer = Lexer::new(&bytes);
    if lexer.skip_word(b"xref") {
        // A table has only digits and the letters n and f, so the first such word is its end.
        let mut end = None;
        let mut base = start;
        file.seek(SeekFrom::Start(start))?;
        scan_windows(file, |window| {
            end = find(window, TRAILER).map(|at| base + at as u64);
            base += window.len().saturating_sub(super::OVERLAP) as u64;
            end.is_none()
        })?;
        let Some(end) = end else { return Ok(None) };
        let bytes = read_at(file, end, DICTIONARY)?;
        let mut lexer = Lexer::new(&bytes);
        lexer.skip_word(TRAILER);
        return Ok(lexer.trailer());
    }
    // "12 0 obj << /Type /XRef … >> stream"
    let is_object = lexer.integer().is_some() && lexer.integer().is_some() && lexer.skip_word(b"obj");
    Ok(if is_object { lexer.trailer().filter(|trailer| trailer.is_xref_stream) } else { None })
}

/// Looks through the whole file for trailers. `None` when there is none at all.
fn search(file: &mut File) -> io::Result<Option<bool>> {
    let mut found = Vec::new();
    let mut base = 0;
    file.seek(SeekFrom::Start(0))?;
    scan_windows(file, |window| {
        for word in [TRAILER, XREF_NAME] {
            let mut from = 0;
            while let Some(at) = window.get(from..).and_then(|rest| find(rest, word)) {
                found.push((base + (from + at) as u64, word));
                from += at + word.len();
            }
        }
        base += window.len().saturating_sub(super::OVERLAP) as u64;
        true
    })?;
    let mut encrypted = None;
    for (at, word) in found {
        // The name is somewhere in a dictionary, which starts after the nearest "obj" before it.
        let before = if word == TRAILER { 0 } else { DICTIONARY.min(at) };
        let bytes = read_at(file, at - before, before + DICTIONARY)?;
        let name_at = usize::try_from(before).unwrap_or_default();
        let start = if word == TRAILER {
            Some(TRAILER.len())
        } else {
            bytes.get(..name_at).and_then(|bytes| rfind(bytes, b"obj")).map(|at| at + 3)
        };
        let trailer = start.and_then(|start| bytes.get(start..)).and_then(|bytes| Lexer::new(bytes).trailer());
        if let Some(trailer) = trailer.filter(|trailer| word == TRAILER || trailer.is_xref_stream) {
            encrypted = Some(encrypted.unwrap_or_default() || trailer.encrypted);
        }
    }
    Ok(encrypted)
}

fn read_at(file: &mut File, start: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn rfind(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).rposition(|window| window == needle)
}

fn integer(bytes: &[u8]) -> Option<u64> {
    Lexer::new(bytes).integer()
}

/// What a trailer's dictionary says of the document.
#[derive(Debug, Default, PartialEq, Eq)]
struct Trailer {
    encrypted: bool,
    is_xref_stream: bool,
    previous: Option<u64>,
    stream: Option<u64>,
}

/// A value, as far as trailers need it.
#[derive(Debug, PartialEq, Eq)]
enum Value {
    Null,
    Integer(u64),
    Name(Vec<u8>),
    Other,
}

/// Reads PDF tokens. Every method answers `None` on what is not PDF.
struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    /// A dictionary was met that is an action which runs something.
    active: bool,
}

impl<'a> Lexer<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, active: false }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn skip_space(&mut self) {
        while let Some(byte) = self.peek() {
            if byte == b'%' {
                while self.peek().is_some_and(|byte| byte != b'\n' && byte != b'\r') {
                    self.at += 1;
                }
            } else if is_space(byte) {
                self.at += 1;
            } else {
                break;
            }
        }
    }

    /// Skips `word` when it comes next.
    fn skip_word(&mut self, word: &[u8]) -> bool {
        self.skip_space();
        let comes = self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word));
        if comes {
            self.at += word.len();
        }
        comes
    }

    fn word(&mut self) -> &'a [u8] {
        let start = self.at;
        while self.peek().is_some_and(is_regular) {
            self.at += 1;
        }
        self.bytes.get(start..self.at).unwrap_or_default()
    }

    fn integer(&mut self) -> Option<u64> {
        self.skip_space();
        let start = self.at;
        let number = std::str::from_utf8(self.word()).ok().and_then(|word| word.parse().ok());
        if number.is_none() {
            self.at = start;
        }
        number
    }

    /// A name, with its `#xx` escapes resolved: `/Encr#79pt` is `/Encrypt`.
    fn name(&mut self) -> Vec<u8> {
        let raw = self.word();
        let mut name = Vec::with_capacity(raw.len());
        let mut rest = raw;
        while let Some((&byte, tail)) = rest.split_first() {
            let escape = (byte == b'#').then(|| tail.get(..2)).flatten();
            let escaped = escape.and_then(|digits| hex::decode(digits).ok());
            if let (Some([byte]), Some(tail)) = (escaped.as_deref(), tail.get(2..)) {
                name.push(*byte);
                rest = tail;
            } else {
                name.push(byte);
                rest = tail;
            }
        }
        name
    }

    fn trailer(&mut self) -> Option<Trailer> {
        let mut trailer = Trailer::default();
        self.dictionary(0, |key, value| match (key, value) {
            (b"Encrypt", value) => trailer.encrypted = *value != Value::Null,
            (b"Prev", Value::Integer(offset)) => trailer.previous = Some(*offset),
            (b"XRefStm", Value::Integer(offset)) => trailer.stream = Some(*offset),
            (b"Type", Value::Name(name)) => trailer.is_xref_stream = name == b"XRef",
            _ => {}
        })?;
        Some(trailer)
    }

    fn dictionary(&mut self, depth: usize, mut entry: impl FnMut(&[u8], &Value)) -> Option<()> {
        if !self.skip_word(b"<<") {
            return None;
        }
        loop {
            if self.skip_word(b">>") {
                return Some(());
            }
            if self.next()? != b'/' {
                return None;
            }
            let key = self.name();
            let value = self.value(depth)?;
            self.active |=
                key == b"JS" || key == b"S" && matches!(&value, Value::Name(name) if RUNS.contains(&name.as_slice()));
            entry(&key, &value);
        }
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > MAX_NESTING {
            return None;
        }
        self.skip_space();
        match self.peek()? {
            b'<' if self.bytes.get(self.at + 1) == Some(&b'<') => {
                self.dictionary(depth + 1, |_, _| {})?;
                Some(Value::Other)
            }
            b'<' => {
                while self.next()? != b'>' {}
                Some(Value::Other)
            }
            b'[' => {
                self.at += 1;
                while !self.skip_word(b"]") {
                    self.value(depth + 1)?;
                }
                Some(Value::Other)
            }
            b'(' => {
                self.string()?;
                Some(Value::Other)
            }
            b'/' => {
                self.at += 1;
                Some(Value::Name(self.name()))
            }
            byte if is_regular(byte) => Some(self.number_or_word()),
            _ => None,
        }
    }

    fn string(&mut self) -> Option<()> {
        let mut open = 0;
        loop {
            match self.next()? {
                b'\\' => self.at += 1,
                b'(' => open += 1,
                b')' => open -= 1,
                _ => {}
            }
            if open == 0 {
                return Some(());
            }
        }
    }

    fn number_or_word(&mut self) -> Value {
        let Some(number) = self.integer() else {
            return if self.word() == b"null" { Value::Null } else { Value::Other };
        };
        // "12 0 R" is a reference; "12" alone an integer.
        let after = self.at;
        if self.integer().is_some() && self.skip_word(b"R") {
            return Value::Other;
        }
        self.at = after;
        Value::Integer(number)
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | b'\t' | b'\n' | 0x0C | b'\r' | b' ')
}

fn is_regular(byte: u8) -> bool {
    !is_space(byte) && !b"()<>[]{}/%".contains(&byte)
}
