//! Mends JSON that a template made: a variable without a value leaves nothing behind its colon, and texts are put in
//! as they are, with their quotes and backslashes. Only called for what does not parse.

use std::iter::Peekable;
use std::str::Chars;

/// The text with what is missing and what is not escaped put right, as far as that can be guessed.
pub(super) fn repair(text: &str) -> String {
    let mut mended = String::with_capacity(text.len() + 16);
    let mut chars = text.chars().peekable();
    let mut after_colon = false;
    while let Some(char) = chars.next() {
        match char {
            '"' => {
                mended.push('"');
                copy_text(&mut chars, &mut mended);
                after_colon = false;
                continue;
            }
            ',' | '}' | ']' if after_colon => mended.push('0'),
            _ => {}
        }
        mended.push(char);
        if !char.is_whitespace() {
            after_colon = char == ':';
        }
    }
    mended
}

/// Copies a text up to the quote that ends it: one that is followed by what may follow a text.
fn copy_text(chars: &mut Peekable<Chars<'_>>, mended: &mut String) {
    while let Some(char) = chars.next() {
        match char {
            '"' => {
                let mut rest = chars.clone();
                let next = rest.find(|next| !next.is_whitespace());
                if matches!(next, None | Some(',' | ':' | '}' | ']')) {
                    return mended.push('"');
                }
                mended.push_str("\\\"");
            }
            '\\' => match chars.peek() {
                Some(&next @ ('"' | '\\' | '/')) => {
                    chars.next();
                    mended.extend(['\\', next]);
                }
                // A path of Windows is likelier than any other escape.
                _ => mended.push_str("\\\\"),
            },
            control if control.is_control() => mended.push(' '),
            other => mended.push(other),
        }
    }
}
