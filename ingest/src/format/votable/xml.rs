//! The document as elements and text, with bounds on what a hostile one can ask for.

use std::io::{self, BufRead, Read};
use std::sync::Arc;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::{BinaryStream, Reader};

use super::Latin1;
use crate::error::{Error, FileProblem, Result};
use crate::format::ROW_BYTES_LIMIT;
use crate::format::input::{Input, Stream, io_error};
use crate::format::notes::FileNotes;

/// No VOTable nests deeper.
const MOST_DEPTH: usize = 100;

/// The reader of a document.
pub(super) struct Xml {
    name: Arc<str>,
    reader: Reader<Bounded>,
    buffer: Vec<u8>,
    /// Elements that are open.
    depth: usize,
    notes: FileNotes,
    /// The table that was taken as the first, where nobody asked for one.
    first_table: Option<String>,
}

/// An element's beginning, apart from the document.
#[derive(Debug)]
pub(super) struct Tag {
    /// Name without its prefix.
    pub name: String,
    attributes: Vec<(String, String)>,
    /// Has it no end of its own (`<TD/>`)?
    pub is_empty: bool,
}

impl Tag {
    /// The value of an attribute that is there and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let attribute = self.attributes.iter().find(|(key, _)| key == name);
        attribute.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// The name of a TABLE, or its ID; its number among the tables where it has neither.
    pub fn table_name(&self, number: usize) -> String {
        let name = self.get("name").or(self.get("ID"));
        name.map_or_else(|| number.to_string(), str::to_owned)
    }
}

/// What comes next in the document.
#[derive(Debug)]
pub(super) enum Node {
    /// An element begins.
    Start(Tag),
    /// An element ends: its name without its prefix.
    End(String),
    /// Text, or a part of it.
    Text(String),
    /// The document ends.
    Eof,
}

impl Xml {
    /// Begin a document.
    pub fn open(input: Input) -> Result<Self> {
        let (name, notes) = (Arc::clone(input.name()), input.notes());
        let encoding = encoding(input.head());
        let stream = input.into_stream();
        let stream = match encoding.as_deref() {
            None | Some("utf-8" | "utf8" | "us-ascii" | "ascii") => Either::Utf8(stream),
            Some("iso-8859-1" | "latin1" | "latin-1") => {
                let decoded = Latin1 { inner: Box::new(stream), decoded: Default::default() };
                Either::Latin1(io::BufReader::new(decoded))
            }
            Some(other) => {
                let what = format!("text encoded as {other}; UTF-8 and ISO-8859-1 are");
                let problem = FileProblem::Unsupported { what };
                return Err(Error::File { input: name.to_string(), problem });
            }
        };
        let reader = Reader::from_reader(Bounded { inner: stream, n_bytes: 0 });
        Ok(Self { name, reader, buffer: Vec::new(), depth: 0, notes, first_table: None })
    }

    /// What errors call the document.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Where it is noted what is to be said of the document.
    pub fn notes(&self) -> &FileNotes {
        &self.notes
    }

    /// Say that a table is taken because it is the first.
    pub fn take_first(&mut self, table: String) {
        self.first_table = Some(table);
    }

    /// Name the document in an error.
    pub fn error(&self, problem: FileProblem) -> Error {
        Error::File { input: self.name.to_string(), problem }
    }

    /// Read on: what comes next, as the parser sees it.
    pub fn event(&mut self) -> Result<Event<'_>> {
        self.buffer.clear();
        self.reader.get_mut().n_bytes = 0;
        let event = match self.reader.read_event_into(&mut self.buffer) {
            Ok(event) => event,
            Err(error) => {
                let position = self.reader.error_position();
                return Err(xml_error(&self.name, position, error));
            }
        };
        let refused = |problem| Err(Error::File { input: self.name.to_string(), problem });
        match &event {
            Event::Start(_) if self.depth >= MOST_DEPTH => {
                let what = format!("elements nested {MOST_DEPTH} deep");
                return refused(FileProblem::Unsupported { what });
            }
            Event::Start(_) => self.depth += 1,
            Event::End(_) => self.depth = self.depth.saturating_sub(1),
            Event::DocType(text) if text.contains('[') => {
                return refused(FileProblem::EntityDeclarations);
            }
            Event::Eof if self.depth > 0 => {
                return refused(FileProblem::Truncated { within: "an element".to_owned() });
            }
            _ => {}
        }
        Ok(event)
    }

    /// Read on: what comes next, apart from the document; comments and the like are left out.
    pub fn node(&mut self) -> Result<Node> {
        loop {
            let name = Arc::clone(&self.name);
            let node = match self.event()? {
                Event::Start(start) => tag(&start, false).map(Node::Start),
                Event::Empty(start) => tag(&start, true).map(Node::Start),
                Event::End(end) => Ok(Node::End(end.local_name().as_ref().to_owned())),
                Event::Text(text) => Ok(Node::Text(text.xml10_content().into_owned())),
                Event::CData(text) => Ok(Node::Text(text.xml10_content().into_owned())),
                Event::GeneralRef(reference) => {
                    resolve(&reference).map(|letter| Node::Text(letter.to_string()))
                }
                Event::Eof => Ok(Node::Eof),
                _ => continue,
            };
            let position = self.reader.buffer_position();
            return node.map_err(|error| xml_error(&name, position, error));
        }
    }

    /// The text of the element that has just begun, up to its end.
    pub fn text_of(&mut self, tag: &Tag) -> Result<String> {
        let mut text = String::new();
        let mut depth = usize::from(!tag.is_empty);
        while depth > 0 {
            match self.node()? {
                Node::Start(tag) if !tag.is_empty => depth += 1,
                Node::End(_) => depth -= 1,
                Node::Text(part) => text.push_str(&part),
                _ => {}
            }
            if text.len() > ROW_BYTES_LIMIT {
                let what = format!("{} of {} bytes", tag.name, text.len());
                return Err(self.error(FileProblem::Unsupported { what }));
            }
        }
        Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// Go to the end of the element that has just begun; its text, however long, is not kept.
    pub fn skip(&mut self, tag: &Tag) -> Result<()> {
        let mut depth = usize::from(!tag.is_empty);
        while depth > 0 {
            self.skip_text()?;
            match self.event()? {
                Event::Start(_) => depth += 1,
                Event::End(_) => depth -= 1,
                _ => {}
            }
        }
        Ok(())
    }

    /// Go to the end of the document.
    ///
    /// # Errors
    /// The document is not whole, or says that its service failed on the way.
    pub fn finish(&mut self) -> Result<()> {
        let mut others = vec![];
        loop {
            self.skip_text()?;
            match self.node()? {
                Node::Start(tag) => match tag.name.as_str() {
                    "INFO" => self.check_status(&tag)?,
                    "TABLE" => others.push(tag.table_name(others.len() + 1)),
                    // Data models have elements of the same names.
                    "VODML" => self.skip(&tag)?,
                    _ => {}
                },
                Node::Eof => break,
                Node::End(_) | Node::Text(_) => {}
            }
        }
        if let Some(first) = &self.first_table {
            self.notes.add_others(first, &others);
        }
        Ok(())
    }

    /// Read an INFO to its end; refuse the document if it says that the service failed.
    pub fn check_status(&mut self, tag: &Tag) -> Result<()> {
        match self.failure(tag)? {
            Some(message) => Err(self.error(FileProblem::Incomplete { message })),
            None => Ok(()),
        }
    }

    /// What an INFO says of a failure of the service; reads it to its end. That the service cut the
    /// rows off is noted.
    pub fn failure(&mut self, tag: &Tag) -> Result<Option<String>> {
        let text = self.text_of(tag)?;
        let is_status = tag.get("name") == Some("QUERY_STATUS");
        let is =
            |word: &str| tag.get("value").is_some_and(|value| value.eq_ignore_ascii_case(word));
        if is_status && is("overflow") {
            self.notes.add_overflow("QUERY_STATUS");
        }
        let message = if text.is_empty() { "QUERY_STATUS is ERROR".to_owned() } else { text };
        Ok((is_status && is("error")).then_some(message))
    }

    /// Pass over text up to the next markup.
    fn skip_text(&mut self) -> Result<()> {
        let name = Arc::clone(&self.name);
        loop {
            let mut raw = self.raw();
            let bytes = raw.fill_buf().map_err(|source| io_error(&name, source))?;
            let n_bytes = bytes.len();
            let n_text = memchr(b'<', bytes).unwrap_or(n_bytes);
            raw.consume(n_text);
            if n_text < n_bytes || n_bytes == 0 {
                return Ok(());
            }
        }
    }

    /// The bytes that follow. After an element's beginning or end they may be read up to, and not
    /// including, the next `<`.
    pub fn raw(&mut self) -> BinaryStream<'_, Bounded> {
        self.reader.get_mut().n_bytes = 0;
        self.reader.stream()
    }
}

/// Where a byte occurs first.
pub(super) fn memchr(wanted: u8, bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == wanted)
}

/// The character that a reference stands for: one of XML's own five, or by number.
pub(super) fn resolve(reference: &BytesRef<'_>) -> Result<char, quick_xml::Error> {
    if let Some(letter) = reference.resolve_char_ref()? {
        return Ok(letter);
    }
    match reference.as_ref() {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "apos" => Ok('\''),
        "quot" => Ok('"'),
        other => Err(quick_xml::Error::Io(Arc::new(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("unknown entity {other}"),
        )))),
    }
}

fn tag(start: &BytesStart<'_>, is_empty: bool) -> Result<Tag, quick_xml::Error> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute?;
        let key = attribute.key.local_name().as_ref().to_owned();
        let value = attribute.normalized_value(XmlVersion::Implicit1_0)?.into_owned();
        attributes.push((key, value));
    }
    Ok(Tag { name: start.local_name().as_ref().to_owned(), attributes, is_empty })
}

/// Name the document and the place in it.
pub(super) fn xml_error(name: &Arc<str>, position: u64, error: quick_xml::Error) -> Error {
    match error {
        quick_xml::Error::Io(source) if source.kind() != io::ErrorKind::InvalidData => {
            io_error(name, io::Error::new(source.kind(), source.to_string()))
        }
        error => {
            let problem = FileProblem::Xml { position, reason: error.to_string() };
            Error::File { input: name.to_string(), problem }
        }
    }
}

/// The encoding that a document declares, in lower case.
fn encoding(head: &[u8]) -> Option<String> {
    if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'<', 0, ..] | [0, b'<', ..] = head {
        return Some("UTF-16".to_owned());
    }
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let declaration = head.strip_prefix(b"<?xml")?;
    let end = memchr(b'>', declaration)?;
    let declaration = std::str::from_utf8(&declaration[..end]).ok()?;
    let value = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| ['"', '\''].contains(quote))?;
    Some(value[1..].split(quote).next()?.to_ascii_lowercase())
}

/// The document's bytes, of which one event can take no more than [`ROW_BYTES_LIMIT`].
pub(super) struct Bounded {
    inner: Either,
    /// Bytes since the event began.
    n_bytes: usize,
}

/// Bytes in UTF-8, as they are or decoded.
enum Either {
    Utf8(Stream),
    Latin1(io::BufReader<Latin1>),
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.fill_buf()?.read(buffer)?;
        self.consume(n_bytes);
        Ok(n_bytes)
    }
}

impl BufRead for Bounded {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.n_bytes > ROW_BYTES_LIMIT {
            let reason = format!("more than {ROW_BYTES_LIMIT} bytes in one element");
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        match &mut self.inner {
            Either::Utf8(stream) => stream.fill_buf(),
            Either::Latin1(stream) => stream.fill_buf(),
        }
    }

    fn consume(&mut self, n_bytes: usize) {
        self.n_bytes += n_bytes;
        match &mut self.inner {
            Either::Utf8(stream) => stream.consume(n_bytes),
            Either::Latin1(stream) => stream.consume(n_bytes),
        }
    }
}
