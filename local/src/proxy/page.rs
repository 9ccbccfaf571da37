//! What a person sees when a request reaches no server in a box.

use axum::response::{Html, IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, header};

/// An answer in the words of the proxy itself: a page for a browser, a line of text for anything else.
pub(super) fn page(status: StatusCode, message: &str, browser: bool) -> Response {
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    if !browser {
        return (status, no_store, format!("{message}\n")).into_response();
    }
    let (title, message) = (status.to_string(), escaped(message));
    let html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>\
         <meta name=viewport content=\"width=device-width\"><style>:root {{ color-scheme: light dark }} \
         body {{ font: 1rem/1.5 system-ui; max-width: 40rem; margin: 20vh auto; padding: 0 1rem }}</style>\
         <h1>{title}</h1><p>{message}</p><p>boxd-local</p></html>\n"
    );
    (status, no_store, Html(html)).into_response()
}

/// Whether the request comes from a browser that shows the answer to a person.
pub(super) fn is_browser(asked: &HeaderMap) -> bool {
    let accepts = asked.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accepts.is_some_and(|accepts| accepts.contains("text/html"))
}

/// Names in a message come from whoever made the link.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_a_message_is_text() {
        assert_eq!(escaped("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
    }
}
