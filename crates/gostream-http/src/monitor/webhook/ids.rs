//! Ids and file names in the forms in which media servers give them.

/// The IMDb id in a GUID: `imdb://tt0000123`, or `com.plexapp.agents.imdb://tt0000123?lang=en`. An id is `tt` and 7 to
/// 10 digits, and leading zeros count.
pub(super) fn imdb_of_guid(guid: &str) -> Option<String> {
    let (scheme, rest) = guid.split_once("://")?;
    if scheme != "imdb" && !scheme.ends_with(".imdb") {
        return None;
    }
    let end = rest.find(['?', '/']).unwrap_or(rest.len());
    imdb(&rest[..end])
}

/// An IMDb id, if it is one.
pub(super) fn imdb(text: &str) -> Option<String> {
    let digits = text.strip_prefix("tt")?;
    let valid =
        (7..=10).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    valid.then(|| text.to_owned())
}

/// The name of a file without its folders, of a path of any system.
pub(super) fn base_name(path: &str) -> Option<String> {
    let name = path.rsplit(['/', '\\']).next()?.trim();
    (!name.is_empty()).then(|| name.to_owned())
}
