//! Text out of files: reading order, the parts of a DOCX, and every refusal. Runs the extraction in
//! this process; `resume_child.rs` runs it in the child.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod made;

use coordinator::resumes::Code;
use coordinator::resumes::text::{Extracted, Kind, extract};
use lopdf::{EncryptionState, EncryptionVersion, Object, Permissions, Stream, dictionary};
use made::{bytes, docx, p, pdf, zipped};

const PDF: &str = "application/pdf";
const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

fn text(file: &[u8]) -> String {
    extract(file, "").unwrap().text
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

// === PDF ===

#[test]
fn a_row_is_a_line_and_a_wide_gap_a_tab() {
    let file = bytes(pdf(&[&[
        (40, 60, 20, "Ann Example"),
        (40, 100, 11, "Senior Engineer, Acme"),
        (430, 100, 11, "Jan 2020 - Present"),
        (40, 114, 11, "Built things."),
    ]]));
    assert_eq!(
        extract(&file, PDF).unwrap(),
        Extracted { kind: Kind::Pdf, text: lines(&text(&file)).join("\n").replace("Example\n", "Example\n\n") + "\n" }
    );
    assert_eq!(lines(&text(&file)), ["Ann Example", "Senior Engineer, Acme\tJan 2020 - Present", "Built things."]);
}

#[test]
fn columns_are_read_one_after_the_other() {
    let file = bytes(pdf(&[&[
        (40, 60, 22, "Ann Example, a name across the page"),
        (40, 110, 11, "SKILLS"),
        (40, 128, 11, "Rust"),
        (40, 143, 11, "Carpentry"),
        (40, 158, 11, "Sailing"),
        (250, 110, 11, "EXPERIENCE"),
        (250, 126, 11, "Shipwright, Acme Yards"),
        (250, 140, 11, "March 2019 - Present"),
        (250, 154, 11, "Mended boats of all sizes"),
        (250, 168, 11, "Taught apprentices"),
    ]]));
    assert_eq!(
        lines(&text(&file)),
        [
            "Ann Example, a name across the page",
            "SKILLS",
            "Rust",
            "Carpentry",
            "Sailing",
            "EXPERIENCE",
            "Shipwright, Acme Yards",
            "March 2019 - Present",
            "Mended boats of all sizes",
            "Taught apprentices",
        ]
    );
}

#[test]
fn a_column_goes_on_over_the_page_break() {
    let left = |y| (40, y, 11, "skill");
    let first = [
        (40, 100, 11, "SKILLS"),
        left(115),
        left(130),
        left(145),
        (250, 100, 11, "EXPERIENCE"),
        (250, 117, 11, "one"),
        (250, 133, 11, "two"),
        (250, 149, 11, "three"),
    ];
    let second = [(250, 60, 11, "four"), (250, 75, 11, "five"), (40, 67, 11, "last skill")];
    let read = text(&bytes(pdf(&[&first, &second])));
    assert_eq!(
        lines(&read),
        ["SKILLS", "skill", "skill", "skill", "last skill", "EXPERIENCE", "one", "two", "three", "four", "five"]
    );
}

#[test]
fn dates_in_the_left_margin_stay_with_their_rows() {
    let file = bytes(pdf(&[&[
        (40, 100, 11, "2019 - 2021"),
        (180, 100, 11, "Cook, Blue Cafe"),
        (180, 114, 11, "Cooked for forty guests"),
        (40, 140, 11, "2017 - 2019"),
        (180, 140, 11, "Baker, Red Bakery"),
        (180, 154, 11, "Baked every night"),
        (40, 180, 11, "2015 - 2017"),
        (180, 180, 11, "Porter, Inn"),
        (180, 194, 11, "Carried bags"),
    ]]));
    assert_eq!(
        lines(&text(&file))[..3],
        ["2019 - 2021\tCook, Blue Cafe", "Cooked for forty guests", "2017 - 2019\tBaker, Red Bakery"]
    );
}

#[test]
fn columns_below_rows_leave_the_rows_alone() {
    let file = bytes(pdf(&[&[
        (40, 80, 11, "EXPERIENCE"),
        (40, 95, 11, "Acme Yards"),
        (470, 95, 11, "Oslo, Norway"),
        (40, 110, 11, "Shipwright"),
        (440, 110, 11, "2019 - Present"),
        (40, 125, 11, "Cook"),
        (460, 125, 11, "2017 - 2019"),
        (40, 160, 11, "SKILLS"),
        (310, 160, 11, "CERTIFICATIONS"),
        (40, 175, 11, "Rust"),
        (310, 175, 11, "Skipper"),
        (40, 190, 11, "Sails"),
        (310, 190, 11, "First aid"),
    ]]));
    assert_eq!(
        lines(&text(&file)),
        [
            "EXPERIENCE",
            "Acme Yards\tOslo, Norway",
            "Shipwright\t2019 - Present",
            "Cook\t2017 - 2019",
            "SKILLS",
            "Rust",
            "Sails",
            "CERTIFICATIONS",
            "Skipper",
            "First aid",
        ]
    );
}

#[test]
fn letters_set_apart_are_words_again() {
    let spaced: Vec<(i64, i64, i64, String)> = "SKILLS"
        .chars()
        .enumerate()
        .map(|(at, c)| (40 + 14 * i64::try_from(at).unwrap(), 80, 11, c.to_string()))
        .collect();
    let spaced: Vec<made::Placed<'_>> =
        spaced.iter().map(|(x, y, size, text)| (*x, *y, *size, text.as_str())).collect();
    assert_eq!(text(&bytes(pdf(&[&spaced]))).trim(), "SKILLS");
}

#[test]
fn a_password_is_needed_or_is_not() {
    let encrypted = |user: &str| {
        let mut document = pdf(&[&[(40, 60, 12, "Ann Example, ann@example.com")]]);
        let version = EncryptionVersion::V2 {
            document: &document,
            owner_password: "owner",
            user_password: user,
            key_length: 128,
            permissions: Permissions::PRINTABLE,
        };
        let state = EncryptionState::try_from(version).unwrap();
        document.encrypt(&state).unwrap();
        bytes(document)
    };
    assert_eq!(extract(&encrypted("secret"), PDF), Err(Code::Encrypted));
    // Encrypted only to forbid changes: everybody may read it.
    assert!(text(&encrypted("")).contains("Ann Example"));
}

#[test]
fn a_picture_of_a_page_has_no_text() {
    let mut document = pdf(&[&[]]);
    let image = Stream::new(
        dictionary! { "Type" => "XObject", "Subtype" => "Image", "Width" => 1, "Height" => 1, "ColorSpace" => "DeviceGray", "BitsPerComponent" => 8 },
        vec![0],
    );
    let image = document.add_object(image);
    let page = *document.get_pages().get(&1).unwrap();
    let content = document.add_object(Stream::new(dictionary! {}, b"q 500 0 0 700 40 40 cm /I1 Do Q".to_vec()));
    let page = document.get_object_mut(page).unwrap().as_dict_mut().unwrap();
    page.set("Contents", content);
    page.set("Resources", dictionary! { "XObject" => dictionary! { "I1" => image } });
    assert_eq!(extract(&bytes(document), PDF), Err(Code::NoText));
}

#[test]
fn a_damaged_page_is_read_without_places() {
    // No MediaBox: the placing reader panics on it.
    let mut document = pdf(&[&[(40, 60, 12, "Ann Example")]]);
    let page = *document.get_pages().get(&1).unwrap();
    let page = document.get_object_mut(page).unwrap().as_dict_mut().unwrap();
    page.remove(b"MediaBox");
    assert_eq!(text(&bytes(document)).trim(), "Ann Example");
}

#[test]
fn a_truncated_pdf_is_unreadable() {
    let file = bytes(pdf(&[&[(40, 60, 12, "Ann Example")]]));
    assert_eq!(extract(&file[..60], PDF), Err(Code::Unreadable));
}

#[test]
fn width_ranges_do_not_tear_words() {
    // A composite font whose widths are given as a range, as browsers write them.
    let mut document = pdf(&[&[]]);
    let map = b"/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <0000> <FFFF> endcodespacerange 1 beginbfrange <0041> <005A> <0041> endbfrange endcmap end".to_vec();
    let map = document.add_object(Stream::new(dictionary! {}, map));
    let descriptor = document.add_object(dictionary! { "Type" => "FontDescriptor", "FontName" => "Made" });
    let descendant = document.add_object(dictionary! {
        "FontDescriptor" => descriptor,
        "Type" => "Font", "Subtype" => "CIDFontType2", "BaseFont" => "Made", "DW" => 0,
        "CIDSystemInfo" => dictionary! { "Registry" => Object::string_literal("Adobe"), "Ordering" => Object::string_literal("Identity"), "Supplement" => 0 },
        "W" => vec![0x41.into(), 0x5A.into(), 700.into()],
    });
    let font = document.add_object(dictionary! {
        "Type" => "Font", "Subtype" => "Type0", "BaseFont" => "Made", "Encoding" => "Identity-H",
        "DescendantFonts" => vec![descendant.into()], "ToUnicode" => map,
    });
    let content = document.add_object(Stream::new(
        dictionary! {},
        b"BT /F2 10 Tf 1 0 0 1 40 700 Tm <0043004100540043> Tj ET BT /F2 10 Tf 1 0 0 1 68 700 Tm <00480045005200530041> Tj ET".to_vec(),
    ));
    let page = *document.get_pages().get(&1).unwrap();
    let page = document.get_object_mut(page).unwrap().as_dict_mut().unwrap();
    page.set("Contents", content);
    page.set("Resources", dictionary! { "Font" => dictionary! { "F2" => font } });
    assert_eq!(text(&bytes(document)).trim(), "CATCHERSA");
}

// === DOCX ===

#[test]
fn paragraphs_tabs_breaks_and_bullets() {
    let body = [
        r#"<w:p><w:pPr><w:pStyle w:val="Title"/><w:tabs><w:tab w:val="right"/></w:tabs></w:pPr><w:r><w:t>Ann &amp; Example</w:t></w:r></w:p>"#,
        r"<w:p><w:r><w:t>Cook</w:t><w:tab/><w:t>2019</w:t><w:br/><w:t>Blue Cafe</w:t></w:r></w:p>",
        r#"<w:p><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr><w:r><w:t>Cooked</w:t></w:r></w:p>"#,
        r"<w:p><w:r><w:delText>gone</w:delText><w:t>kept &#8211; here</w:t></w:r></w:p>",
    ];
    let read = extract(&docx(&body.concat(), &[]), DOCX).unwrap();
    assert_eq!(read.kind, Kind::Docx);
    assert_eq!(lines(&read.text), ["Ann & Example", "Cook\t2019", "Blue Cafe", "• Cooked", "kept – here"]);
}

#[test]
fn tables_are_rows_or_columns() {
    let cell = |inner: &str| format!("<w:tc>{inner}</w:tc>");
    let row = format!("<w:tbl><w:tr>{}{}</w:tr></w:tbl>", cell(&p("Cook, Blue Cafe")), cell(&p("2019 - 2021")));
    let columns = format!(
        "<w:tbl><w:tr>{}{}</w:tr></w:tbl>",
        cell(&[p("SKILLS"), p("Rust")].concat()),
        cell(&[p("EXPERIENCE"), p("Cook")].concat())
    );
    assert_eq!(
        lines(&text(&docx(&(row + &columns), &[]))),
        ["Cook, Blue Cafe\t2019 - 2021", "SKILLS", "Rust", "EXPERIENCE", "Cook"]
    );
}

#[test]
fn headers_text_boxes_and_links_are_read() {
    let body = format!(
        r#"<w:p><w:r><mc:AlternateContent><mc:Choice><w:drawing><wps:txbx><w:txbxContent>{}</w:txbxContent></wps:txbx></w:drawing></mc:Choice><mc:Fallback>{}</mc:Fallback></mc:AlternateContent></w:r></w:p><w:p><w:hyperlink r:id="rId7"><w:r><w:t>LinkedIn</w:t></w:r></w:hyperlink></w:p>"#,
        p("In a box"),
        p("In a box")
    );
    let header = format!(r#"<w:hdr xmlns:w="w">{}</w:hdr>"#, p("Ann Example"));
    let links = r#"<Relationships><Relationship Id="rId7" Target="https://linkedin.com/in/ann-example" TargetMode="External"/></Relationships>"#;
    let file = docx(
        &body,
        &[("word/header1.xml", &header), ("word/header2.xml", &header), ("word/_rels/document.xml.rels", links)],
    );
    assert_eq!(lines(&text(&file)), ["Ann Example", "In a box", "LinkedIn (https://linkedin.com/in/ann-example)"]);
}

#[test]
fn bombs_are_refused_unopened() {
    let zeros = vec![0; 60 * 1024 * 1024];
    assert_eq!(
        extract(&docx("", &[("word/media/a.bin", std::str::from_utf8(&zeros).unwrap())]), ""),
        Err(Code::ZipBomb)
    );
    // Within the total, beyond the ratio.
    assert_eq!(
        extract(&docx("", &[("word/media/a.bin", std::str::from_utf8(&zeros[..20_000_000]).unwrap())]), ""),
        Err(Code::ZipBomb)
    );
    let names: Vec<String> = (0..2100).map(|at| format!("word/{at}")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
    assert_eq!(extract(&zipped(&many), ""), Err(Code::ZipBomb));
}

#[test]
fn broken_archives_and_xml_are_unreadable() {
    let file = docx(&p("Ann"), &[]);
    assert_eq!(extract(&file[..file.len() / 2], ""), Err(Code::Unreadable));
    assert_eq!(extract(&docx("<w:p></w:r>", &[]), ""), Err(Code::Unreadable));
    assert_eq!(extract(&docx(&"<w:a>".repeat(5000), &[]), ""), Err(Code::Unreadable));
    // Any other zip is no DOCX.
    assert_eq!(extract(&zipped(&[("readme.txt", b"hello")]), DOCX), Err(Code::NotWhatItSays));
}

// === Text and types ===

#[test]
fn text_in_its_encodings() {
    let utf16: Vec<u8> = [0xFEFF].into_iter().chain("Zoë\r\nCook".encode_utf16()).flat_map(u16::to_le_bytes).collect();
    assert_eq!(text(&utf16), "Zoë\nCook");
    assert_eq!(text("\u{feff}Zoë".as_bytes()), "Zoë");
    assert_eq!(text(b"Zo\xEB \x96 \x80 5\rCook"), "Zoë – € 5\nCook");
}

#[test]
fn content_decides_and_must_agree() {
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    assert_eq!(extract(png, PDF), Err(Code::NotWhatItSays));
    assert_eq!(extract(png, ""), Err(Code::NotWhatItSays));
    assert_eq!(extract(b"plain text", PDF), Err(Code::NotWhatItSays));
    assert_eq!(extract(&docx(&p("Ann"), &[]), PDF), Err(Code::NotWhatItSays));
    assert_eq!(extract(b"plain text", "image/png"), Err(Code::NotWhatItSays));
    assert_eq!(extract(b"plain text", "Text/Plain; charset=utf-8").unwrap().kind, Kind::Text);
}

#[test]
fn nothing_and_too_much() {
    assert_eq!(extract(b"", ""), Err(Code::Empty));
    assert_eq!(extract(b" \n\t", ""), Err(Code::Empty));
    assert_eq!(extract(&docx("<w:p/>", &[]), ""), Err(Code::Empty));
    assert_eq!(extract(&docx("<w:p/>", &[("word/media/scan.png", "x")]), ""), Err(Code::NoText));
    assert_eq!(extract(&vec![b'a'; 11 * 1024 * 1024], ""), Err(Code::TooLarge));
    let long = "é".repeat(400_000);
    assert!(text(long.as_bytes()).len() <= coordinator::resumes::text::TEXT_MAX);
}
