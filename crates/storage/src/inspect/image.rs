//! Images are complete or refused. What follows their end is ignored: phones append depth maps and short videos.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};

use super::{InspectError, Refused, contains, scan_windows};

const START_OF_SCAN: u8 = 0xDA;
const END_OF_IMAGE: [u8; 2] = [0xFF, 0xD9];

/// Walks the segments to the compressed data, which must be followed by an end marker.
pub(super) fn jpeg(file: &mut File) -> Result<(), InspectError> {
    let mut reader = BufReader::new(file);
    truncated_at_end(skip_to_scan(&mut reader))?;
    let mut ended = false;
    // In compressed data 0xFF is followed by 0x00, so this is no accident of the data.
    scan_windows(&mut reader, |window| {
        ended |= contains(window, &END_OF_IMAGE);
        !ended
    })?;
    if ended { Ok(()) } else { Err(Refused::TruncatedImage.into()) }
}

fn skip_to_scan(reader: &mut (impl Read + Seek)) -> io::Result<()> {
    reader.seek(SeekFrom::Start(2))?;
    loop {
        let mut marker = read::<1>(reader)?[0];
        if marker != 0xFF {
            return Err(ErrorKind::InvalidData.into());
        }
        while marker == 0xFF {
            marker = read::<1>(reader)?[0];
        }
        // Markers without a length.
        if marker == 0x01 || (0xD0..=0xD7).contains(&marker) {
            continue;
        }
        let length = u16::from_be_bytes(read(reader)?);
        reader.seek_relative(i64::from(length).saturating_sub(2))?;
        if marker == START_OF_SCAN {
            return Ok(());
        }
        if length < 2 {
            return Err(ErrorKind::InvalidData.into());
        }
    }
}

/// Walks the chunks to IEND.
pub(super) fn png(file: &mut File) -> Result<(), InspectError> {
    let size = file.metadata()?.len();
    let mut reader = BufReader::new(file);
    truncated_at_end(skip_to_iend(&mut reader, size))
}

fn skip_to_iend(reader: &mut (impl Read + Seek), size: u64) -> io::Result<()> {
    const CHECKSUM: i64 = 4;
    reader.seek(SeekFrom::Start(8))?;
    loop {
        let length = u32::from_be_bytes(read(reader)?);
        let kind: [u8; 4] = read(reader)?;
        reader.seek_relative(i64::from(length) + CHECKSUM)?;
        // Seeking past the end of a file succeeds.
        if reader.stream_position()? > size {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if &kind == b"IEND" {
            return Ok(());
        }
    }
}

fn read<const N: usize>(reader: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn truncated_at_end(walked: io::Result<()>) -> Result<(), InspectError> {
    walked.map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::InvalidData => Refused::TruncatedImage.into(),
        _ => error.into(),
    })
}
