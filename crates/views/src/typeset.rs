//! The no-break spaces that French wants, put in once, on the page as it leaves.

/// Elements whose text is somebody's own or a machine's.
const VERBATIM: [&str; 5] = ["textarea", "code", "pre", "script", "style"];

/// Replaces the space before `:`, `;`, `!`, `?`, `»`, `%`, `€` and after `«` in the text of a page; tags and what people type stay.
pub(crate) fn typeset(html: &str) -> String {
    let mut out = String::with_capacity(html.len() + 256);
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let (text, after) = rest.split_at(start);
        space(text, &mut out);
        let end = tag_end(after);
        let (tag, after) = after.split_at(end);
        out.push_str(tag);
        rest = after;
        if let Some(name) = VERBATIM.iter().find(|n| opens(tag, n)) {
            let end = rest.find(&format!("</{name}")).unwrap_or(rest.len());
            let (verbatim, after) = rest.split_at(end);
            out.push_str(verbatim);
            rest = after;
        }
    }
    space(rest, &mut out);
    out
}

fn opens(tag: &str, name: &str) -> bool {
    tag.strip_prefix('<')
        .and_then(|t| t.strip_prefix(name))
        .is_some_and(|t| t.starts_with(|c: char| c == '>' || c.is_whitespace()))
}

/// Where a tag ends: its `>`, outside quotes.
fn tag_end(tag: &str) -> usize {
    let mut quoted = false;
    for (i, c) in tag.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '>' if !quoted => return i + 1,
            _ => {}
        }
    }
    tag.len()
}

fn space(text: &str, out: &mut String) {
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        match (c, next) {
            (' ', Some(';' | '!' | '?')) => out.push('\u{202f}'),
            (' ', Some(':' | '»' | '%' | '€')) => out.push('\u{a0}'),
            ('«', Some(' ')) => {
                out.push_str("«\u{a0}");
                chars.next();
            }
            _ => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_set_and_tags_are_not() {
        assert_eq!(
            typeset("<p title=\"a > b : c\">Clôture : « lundi » ?</p>"),
            "<p title=\"a > b : c\">Clôture\u{a0}: «\u{a0}lundi\u{a0}»\u{202f}?</p>"
        );
    }

    #[test]
    fn what_people_type_comes_back_as_typed() {
        let html = "<textarea id=\"a\">Qui ? Nous : « tous »</textarea><code>a : b</code>";
        assert_eq!(typeset(html), html);
    }
}
