//! What files are, from bytes built here.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod builders;

use ami_storage::{Format, InspectError, Refused, inspect};
use builders::{Pdf, archive, document, jpeg, office, ole, open_document, png};
use lopdf::{Object, dictionary};

async fn judge(bytes: &[u8]) -> Result<Format, Refused> {
    let home = tempfile::TempDir::new().unwrap();
    let path = home.path().join("file");
    std::fs::write(&path, bytes).unwrap();
    match inspect(&path).await {
        Ok(format) => Ok(format),
        Err(InspectError::Refused(refused)) => Err(refused),
        Err(InspectError::File(error)) => unreachable!("a readable file: {error}"),
    }
}

const WORD: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml";
const EXCEL: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml";
const ODT: &str = "application/vnd.oasis.opendocument.text";
const ODS: &str = "application/vnd.oasis.opendocument.spreadsheet";

#[tokio::test]
async fn every_format_is_recognised() {
    for (format, bytes) in [
        (Format::Pdf, Pdf::table("").finish()),
        (Format::Jpeg, jpeg()),
        (Format::Png, png()),
        (Format::Odt, open_document(ODT, &[])),
        (Format::Ods, open_document(ODS, &[])),
        (Format::Docx, office(WORD, &[("word/document.xml", b"<w/>")])),
        (Format::Xlsx, office(EXCEL, &[("xl/workbook.xml", b"<w/>")])),
    ] {
        assert_eq!(judge(&bytes).await, Ok(format));
        assert_eq!(Format::from_code(format.code()), Some(format));
    }
}

#[tokio::test]
async fn other_types_are_named_when_known() {
    let heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic";
    let zip = archive(&[("photo.txt", b"text")]);
    let slides = open_document("application/vnd.oasis.opendocument.presentation", &[]);
    for (bytes, guessed) in [
        (&b""[..], None),
        (b"hello", None),
        (heic, Some("image/heif")),
        (b"GIF89a......", Some("image/gif")),
        (&zip, Some("application/zip")),
        (&slides, Some("application/vnd.oasis.opendocument.presentation")),
        (&ole("SomethingElse"), Some("application/x-ole-storage")),
    ] {
        assert_eq!(judge(bytes).await, Err(Refused::Unknown { guessed }));
    }
}

#[tokio::test]
async fn encrypted_pdfs() {
    let encrypted = "/Encrypt 9 0 R";
    let first = |trailer: &str| Pdf::table(trailer);
    for (what, bytes) in [
        ("table", first(encrypted).finish()),
        ("escaped name", first("/Encr#79pt 9 0 R").finish()),
        ("direct dictionary", first("/Encrypt << /Filter /Standard >>").finish()),
        ("after others", first("/ID [<00> (a\\)b)] /Info 3 0 R /Encrypt 9 0 R").finish()),
        ("stream", Pdf::stream(encrypted).finish()),
        ("old section", first(encrypted).update("").finish()),
        ("new section", first("").update(encrypted).finish()),
        ("hybrid", first("").hybrid(encrypted).finish()),
        ("linearised, first part", Pdf::linearised(encrypted, "").finish()),
        ("linearised, main part", Pdf::linearised("", encrypted).finish()),
        ("wrong offset", first(encrypted).lying_about_the_offset().finish()),
        ("stream, wrong offset", Pdf::stream(encrypted).lying_about_the_offset().finish()),
        ("long table", Pdf::long_table(encrypted).finish()),
        ("header pushed down", [b"From: scanner\r\n", &*first(encrypted).finish()].concat()),
    ] {
        assert_eq!(judge(&bytes).await, Err(Refused::EncryptedPdf), "{what}");
    }
}

#[tokio::test]
async fn pdfs_that_only_look_encrypted_or_damaged() {
    for (what, bytes) in [
        ("null is absent", Pdf::table("/Encrypt null").finish()),
        ("in a string", Pdf::table("/Info (/Encrypt 9 0 R)").finish()),
        ("in a nested dictionary", Pdf::table("/Info << /Encrypt 9 0 R >>").finish()),
        ("in a comment", Pdf::table("% /Encrypt 9 0 R\n").finish()),
        ("in the content", Pdf::with_content("", "BT (/Encrypt 9 0 R trailer << /Encrypt 9 0 R >>) Tj ET").finish()),
        ("stream", Pdf::stream("").finish()),
        ("update", Pdf::table("").update("").update("").finish()),
        ("hybrid", Pdf::table("").hybrid("").finish()),
        ("linearised", Pdf::linearised("", "").finish()),
        ("wrong offset", Pdf::table("").lying_about_the_offset().finish()),
        ("stream, wrong offset", Pdf::stream("").lying_about_the_offset().finish()),
        ("long table", Pdf::long_table("").finish()),
        ("link to nowhere", Pdf::table("/Prev 9").finish()),
        ("loop", Pdf::looping().finish()),
        ("padding to the end of a block", [&*Pdf::table("").finish(), &*vec![0; 70_000]].concat()),
        ("blank lines", [&*Pdf::table("").finish(), &b"\r\n".repeat(900)[..]].concat()),
        ("trailing lines", [&*Pdf::table("").finish(), b"\r\n\0\0\0\r\n"].concat()),
        ("header pushed down", [b"From: scanner\r\n", &*Pdf::table("").finish()].concat()),
    ] {
        assert_eq!(judge(&bytes).await, Ok(Format::Pdf), "{what}");
    }
}

#[tokio::test]
async fn a_pdf_that_only_restricts_what_readers_may_do_opens_for_anybody() {
    assert_eq!(judge(&document(None, false, Some(("owner", "")))).await, Ok(Format::Pdf));
    assert_eq!(judge(&document(None, false, Some(("owner", "user")))).await, Err(Refused::EncryptedPdf));
    let script = dictionary! { "S" => "JavaScript", "JS" => Object::string_literal("app.alert(1)") };
    let hidden = document(Some(script), false, Some(("owner", "")));
    assert_eq!(judge(&hidden).await, Err(Refused::ActivePdf), "a script in a restricted document");
}

#[tokio::test]
async fn pdfs_that_run_something() {
    let script =
        || dictionary! { "Type" => "Action", "S" => "JavaScript", "JS" => Object::string_literal("app.alert(1)") };
    let launch = dictionary! { "S" => "Launch", "F" => Object::string_literal("calc.exe") };
    let next = dictionary! { "S" => "GoTo", "Next" => Object::Dictionary(launch.clone()) };
    let old = [&*document(Some(script()), false, None), &*Pdf::table("").finish()].concat();
    for (what, bytes) in [
        ("script", document(Some(script()), false, None)),
        ("packed script", document(Some(script()), true, None)),
        ("program", document(Some(launch), true, None)),
        ("after a jump", document(Some(next), false, None)),
        (
            "escaped",
            [&b"%PDF-1.7\n9 0 obj\n<< /S /J#61vaScript >>\nendobj\n"[..], &Pdf::table("").finish()[9..]].concat(),
        ),
        ("of an older version", old),
    ] {
        assert_eq!(judge(&bytes).await, Err(Refused::ActivePdf), "{what}");
    }
    let jump = dictionary! { "S" => "GoTo", "D" => Object::string_literal("chapter 1") };
    for (what, bytes) in [
        ("jump", document(Some(jump.clone()), false, None)),
        ("packed jump", document(Some(jump), true, None)),
        ("the word in a text", Pdf::with_content("", "BT (/JavaScript /S /Launch) Tj ET").finish()),
        ("an object in a text", Pdf::with_content("", "BT ( /S /JavaScript /JS ) Tj ET").finish()),
    ] {
        assert_eq!(judge(&bytes).await, Ok(Format::Pdf), "{what}");
    }
}

#[tokio::test]
async fn incomplete_pdfs() {
    let whole = Pdf::table("").finish();
    let updated = Pdf::with_content("", &"0 0 m ".repeat(1000)).update("").finish();
    for (what, bytes) in [
        ("half", &whole[..whole.len() / 2]),
        ("no end mark", &whole[..whole.len() - 6]),
        ("an end, but far before the end", &[&*whole, &[b'x'; 5000]].concat()),
        ("cut within an object", &updated[..5000]),
        ("nothing between header and end", b"%PDF-1.7\nstartxref\n9\n%%EOF\n"),
    ] {
        assert_eq!(judge(bytes).await, Err(Refused::TruncatedPdf), "{what}");
    }
}

#[tokio::test]
async fn incomplete_images() {
    for whole in [jpeg(), png()] {
        assert_eq!(judge(&whole[..whole.len() - 1]).await, Err(Refused::TruncatedImage));
        assert_eq!(judge(&whole[..whole.len() / 2]).await, Err(Refused::TruncatedImage));
        let with_a_video = [&*whole, b"....ftypmp42"].concat();
        assert!(judge(&with_a_video).await.is_ok());
    }
}

#[tokio::test]
async fn macros() {
    let macro_word = "application/vnd.ms-word.document.macroEnabled.main+xml";
    let macro_excel = "application/vnd.ms-excel.sheet.macroEnabled.main+xml";
    for (what, bytes) in [
        ("docm", office(macro_word, &[])),
        ("xlsm", office(macro_excel, &[])),
        ("module", office(WORD, &[("word/vbaProject.bin", b"x")])),
        ("module, other spelling", office(WORD, &[("word\\VBAPROJECT.BIN", b"x")])),
        (
            "module under another name",
            office(&format!("{WORD}\"/><Override ContentType=\"application/vnd.ms-office.vbaProject"), &[]),
        ),
        (
            "Excel 4 sheet",
            office(&format!("{EXCEL}\"/><Override ContentType=\"application/vnd.ms-excel.macrosheet+xml"), &[]),
        ),
        ("Basic", open_document(ODT, &[("Basic/Standard/Module1.xml", b"x")])),
        ("script", open_document(ODS, &[("Scripts/python/a.py", b"x")])),
    ] {
        assert_eq!(judge(&bytes).await, Err(Refused::Macros), "{what}");
    }
    let empty_directory = open_document(ODT, &[("Scripts/", b"")]);
    assert_eq!(judge(&empty_directory).await, Ok(Format::Odt));
    let sheet_in_a_text = office(WORD, &[("word/embeddings/table.xlsx", b"x")]);
    assert_eq!(judge(&sheet_in_a_text).await, Ok(Format::Docx));
}

#[tokio::test]
async fn encrypted_and_old_office() {
    assert_eq!(judge(&ole("EncryptedPackage")).await, Err(Refused::EncryptedOffice));
    assert_eq!(judge(&ole("WordDocument")).await, Err(Refused::LegacyOffice));
    assert_eq!(judge(&ole("Workbook")).await, Err(Refused::LegacyOffice));
    let manifest: &[u8] = b"<manifest:file-entry><manifest:encryption-data/></manifest:file-entry>";
    let encrypted = open_document(ODT, &[("META-INF/manifest.xml", manifest)]);
    assert_eq!(judge(&encrypted).await, Err(Refused::EncryptedArchive));
    let newer = open_document(ODT, &[("encrypted-package", b"x")]);
    assert_eq!(judge(&newer).await, Err(Refused::EncryptedArchive));

    let mut flagged = archive(&[("secret.txt", b"text")]);
    // Bit 0 of the flags, in the local and in the central header.
    for signature in [b"PK\x03\x04", b"PK\x01\x02"] {
        let at = flagged.windows(4).position(|window| window == signature).unwrap();
        let flags = if signature[2] == 3 { 6 } else { 8 };
        flagged[at + flags] |= 1;
    }
    assert_eq!(judge(&flagged).await, Err(Refused::EncryptedArchive));
}

#[tokio::test]
async fn damaged_archives() {
    let whole = office(WORD, &[("word/document.xml", &[7; 5000])]);
    assert_eq!(judge(&whole[..whole.len() / 2]).await, Err(Refused::BrokenArchive));
    let mut flipped = builders::stored(&[("mimetype", ODT.as_bytes()), ("content.xml", &[7; 5000])]);
    assert_eq!(judge(&flipped).await, Ok(Format::Odt));
    let at = flipped.len() / 2;
    flipped[at] ^= 1;
    assert_eq!(judge(&flipped).await, Err(Refused::BrokenArchive), "a checksum is wrong");
}

#[tokio::test]
async fn archive_bombs() {
    let bomb = builders::bomb(40);
    assert!(bomb.len() < 1024 * 1024);
    assert_eq!(judge(&bomb).await, Err(Refused::ArchiveTooLarge));
}

#[tokio::test]
async fn nothing_makes_it_fail() {
    let files = [
        Pdf::table("/ID [<00> (a)] /Prev 9").update("/Encrypt 9 0 R").finish(),
        Pdf::stream("/Info << /A [1 2 R (x)] >>").finish(),
        jpeg(),
        png(),
        office(WORD, &[("word/document.xml", b"<w/>")]),
    ];
    // A file that cannot be read, or a panic, would fail in `judge`.
    for file in files {
        for cut in (0..file.len()).step_by(7) {
            let _ = judge(&file[..cut]).await;
            let mut changed = file.clone();
            changed[cut] = changed[cut].wrapping_add(101);
            let _ = judge(&changed).await;
        }
    }
}
