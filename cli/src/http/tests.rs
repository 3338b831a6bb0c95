#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;

fn request(text: &str) -> Request {
    read_request(text.as_bytes(), Scheme::Https).unwrap()
}

fn refused(text: impl AsRef<[u8]>) -> Fault {
    read_request(text.as_ref(), Scheme::Https).unwrap_err()
}

fn response(text: &str) -> Response {
    read_response(text.as_bytes(), None).unwrap()
}

/// A POST with these field lines, each with its end, and this after the empty line.
fn post(fields: &str, rest: &str) -> String {
    format!("POST /a HTTP/1.1\r\nHost: api.example\r\n{fields}\r\n{rest}")
}

fn content(fields: &str, rest: &str) -> Vec<u8> {
    request(&post(fields, rest)).content
}

#[test]
fn lines_end_with_crlf_or_lf() {
    let crlf = post("X-A: 1\r\n", "body\r\n");
    let lf = post("X-A: 1\r\n", "body\r\n").replacen("\r\n", "\n", 4);
    let (crlf, lf) = (request(&crlf), request(&lf));
    assert_eq!(crlf, lf);
    assert_eq!(crlf.content, b"body\r\n");
    assert_eq!(
        (crlf.view.method(), crlf.view.target().to_string().as_str()),
        ("POST", "https://api.example/a")
    );
    assert!(crlf.view.has_body());
}

#[test]
fn the_fields_may_end_with_the_file() {
    for end in ["", "\r\n", "\r\n\r\n", "\n\n"] {
        let request = request(&format!("GET / HTTP/1.1\r\nHost: api.example\r\nX-A: 1{end}"));
        assert_eq!(request.view.fields().combined("x-a").as_deref(), Some("1"), "{end:?}");
        assert!(!request.view.has_body());
    }
}

#[test]
fn what_a_signature_may_cover_is_left_as_it_is() {
    let text = "get /a//b/%2e%2E/../c%C3%A9?A=%7e&a= HTTP/1.1\nHost: API.example:443\nX-A:  a   b\t c \n\n";
    let view = request(text).view;
    assert_eq!(view.method(), "get");
    assert_eq!(view.target().path(), "/a//b/%2e%2E/../c%C3%A9");
    assert_eq!(view.target().query(), Some("A=%7e&a="));
    assert_eq!(view.target().authority(), "api.example");
    assert_eq!(view.fields().combined("x-a").as_deref(), Some("a   b\t c"));
}

#[test]
fn repeated_lines_stay_apart_and_in_order() {
    let view = request("GET / HTTP/1.1\nHost: a\nX: 1\nY: 2\nx: 3\nX:\n\n").view;
    assert_eq!(view.fields().lines("x").collect::<Vec<_>>(), ["1", "3", ""]);
}

#[test]
fn folds_reach_the_core_which_unfolds_them() {
    for fold in ["\r\n ", "\n\t", " \r\n    ", "\n \t "] {
        let view = request(&format!("GET / HTTP/1.1\nHost: a\nX: one{fold}two\nY: z\n\n")).view;
        assert_eq!(view.fields().combined("x").as_deref(), Some("one two"), "{fold:?}");
        assert_eq!(view.fields().combined("y").as_deref(), Some("z"));
    }
    let view = request("GET / HTTP/1.1\nHost: a\nX: a\n b\n c\n \n\nbody").view;
    assert_eq!(view.fields().combined("x").as_deref(), Some("a b c"));
    assert_eq!(refused("GET / HTTP/1.1\n Host: a\n\n"), Fault::FoldOfNothing);
}

#[test]
fn the_request_line_is_three_words() {
    for line in [
        "",
        "GET",
        "GET /",
        "GET / ",
        "GET  / HTTP/1.1",
        " GET / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET / x HTTP/1.1",
        "GET\t/\tHTTP/1.1",
        "GET / http/1.1",
        "HTTP/1.1 200 OK",
    ] {
        assert_eq!(refused(format!("{line}\nHost: a\n\n")), Fault::RequestLine, "{line}");
    }
    assert_eq!(refused(""), Fault::RequestLine);
    for version in ["HTTP/1.0", "HTTP/2", "HTTP/1.1x", "HTTP/"] {
        assert_eq!(refused(format!("GET / {version}\nHost: a\n\n")), Fault::Version, "{version}");
    }
    assert_eq!(refused("G@T / HTTP/1.1\nHost: a\n\n"), Fault::Refused(RequestError::Method));
}

#[test]
fn there_is_one_host() {
    assert_eq!(refused("GET / HTTP/1.1\n\n"), Fault::HostMissing);
    assert_eq!(refused("GET / HTTP/1.1\nHost: a\nX: y\nhost: a\n\n"), Fault::HostRepeated);
    for host in ["", "a b", "user@a", "a:b", "a/b", "[::1", "a:99999999"] {
        let refusal = refused(format!("GET / HTTP/1.1\nHost: {host}\n\n"));
        assert_eq!(refusal, Fault::Refused(RequestError::Authority), "{host}");
    }
}

#[test]
fn an_absolute_target_says_its_scheme_and_agrees_with_the_host() {
    let view = request("GET http://API.example:80/a?b HTTP/1.1\nHost: api.example\n\n").view;
    assert_eq!(view.target().to_string(), "http://api.example/a?b");
    let conflict = "GET https://api.example/ HTTP/1.1\nHost: api.example:8443\n\n";
    assert_eq!(refused(conflict), Fault::HostConflict);
    assert_eq!(refused("GET https://evil.example/ HTTP/1.1\nHost: a\n\n"), Fault::HostConflict);
    assert_eq!(refused("GET https://a/ HTTP/1.1\n\n"), Fault::HostMissing);
}

#[test]
fn the_scheme_is_told_where_the_target_does_not() {
    let text = b"GET / HTTP/1.1\nHost: a:80\n\n";
    let url = |scheme| read_request(text, scheme).unwrap().view.target().to_string();
    assert_eq!((url(Scheme::Http), url(Scheme::Https)), ("http://a/".into(), "https://a:80/".into()));
}

#[test]
fn forms_without_a_resource_are_refused_by_name() {
    assert_eq!(refused("CONNECT a:443 HTTP/1.1\nHost: a:443\n\n"), Fault::AuthorityForm);
    assert_eq!(refused("OPTIONS * HTTP/1.1\nHost: a\n\n"), Fault::AsteriskForm);
    for target in ["a/b", "?a", "a:443", "http:/a/", "**"] {
        assert_eq!(refused(format!("GET {target} HTTP/1.1\nHost: a\n\n")), Fault::TargetForm, "{target}");
    }
}

#[test]
fn two_slashes_are_a_path_and_no_authority() {
    let view = request("GET //evil.example/x HTTP/1.1\nHost: a\n\n").view;
    assert_eq!((view.target().authority(), view.target().path()), ("a", "//evil.example/x"));
}

#[test]
fn characters_that_no_message_has_are_refused() {
    let field = Fault::Refused(RequestError::Field);
    assert_eq!(refused("GET / HTTP/1.1\nHost: a\nX: a\0b\n\n"), field);
    assert_eq!(refused("GET / HTTP/1.1\nHost: a\nX: a\x7fb\n\n"), field);
    assert_eq!(refused("GET / HTTP/1.1\nHost: a\nX : b\n\n"), field);
    assert_eq!(refused("GET / HTTP/1.1\nHost: a\n: b\n\n"), field);
    assert_eq!(refused("GET / HTTP/1.1\nHost: a\nX\u{e9}: b\n\n"), field);
    assert_eq!(refused("GET / HTTP/1.1\nHost: a\nno colon\n\n"), Fault::FieldLine);
    assert_eq!(refused("GET /\u{e9} HTTP/1.1\nHost: a\n\n"), Fault::Refused(RequestError::Target));
    assert_eq!(refused("GET /#f HTTP/1.1\nHost: a\n\n"), Fault::Refused(RequestError::Target));
    assert_eq!(refused(b"GET / HTTP/1.1\nHost: a\nX\xe9: a\n\n"), field);
    assert_eq!(refused(b"GET /\xff HTTP/1.1\nHost: a\n\n"), Fault::NotUtf8);
}

#[test]
fn a_carriage_return_alone_ends_no_line() {
    for text in [
        "GET / HTTP/1.1\rHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r d\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r",
    ] {
        assert_eq!(refused(text), Fault::BareCarriageReturn, "{text:?}");
    }
}

#[test]
fn fields_are_bounded_by_the_core() {
    let many = "X: 1\n".repeat(200);
    assert_eq!(refused(format!("GET / HTTP/1.1\nHost: a\n{many}\n")).reason(), Reason::RequestTooLarge);
    let long = "a".repeat(70_000);
    assert_eq!(refused(format!("GET / HTTP/1.1\nHost: a\nX: {long}\n\n")).reason(), Reason::RequestTooLarge);
    assert_eq!(refused(format!("GET /{long} HTTP/1.1\nHost: a\n\n")).reason(), Reason::RequestTooLarge);
}

#[test]
fn content_is_what_is_there_byte_for_byte() {
    assert_eq!(content("", ""), b"");
    assert_eq!(content("", "a\n\r\nb\0\r"), b"a\n\r\nb\0\r");
    let bytes: Vec<u8> = (0..=255).collect();
    let message = [post("", "").as_bytes(), &bytes].concat();
    assert_eq!(read_request(&message, Scheme::Https).unwrap().content, bytes);
}

#[test]
fn a_stated_length_is_held() {
    assert_eq!(content("Content-Length: 4\r\n", "body"), b"body");
    assert_eq!(content("Content-Length: 0\r\n", ""), b"");
    // What an editor adds is not content.
    assert_eq!(content("Content-Length: 4\r\n", "body\n"), b"body");
    assert_eq!(content("Content-Length: 4\r\n", "body\r\n"), b"body");
    assert_eq!(content("Content-Length: 5\r\n", "body\n"), b"body\n");

    let with = |length: &str, rest: &str| refused(post(&format!("Content-Length: {length}\r\n"), rest));
    assert_eq!(with("5", "body"), Fault::ContentTruncated { stated: 5, found: 4 });
    assert_eq!(with("5", "body").reason(), Reason::RequestBodyUnreadable);
    assert_eq!(with("3", "body"), Fault::ContentTooLong { stated: 3, found: 4 });
    assert_eq!(with("4", "body\n\n"), Fault::ContentTooLong { stated: 4, found: 6 });
    for length in ["", "+4", "-4", "0x4", "4, 4", "4;4", "four", "99999999999999999999999"] {
        assert_eq!(with(length, "body"), Fault::ContentLength, "{length}");
    }
    let twice = post("Content-Length: 4\r\nContent-Length: 4\r\n", "body");
    assert_eq!(refused(twice), Fault::ContentLength);
}

#[test]
fn chunks_are_put_together_and_their_trailers_kept() {
    let chunked = "Transfer-Encoding: chunked\r\n";
    let read =
        request(&post(chunked, "4\r\nwiki\r\n00a;x=\"y\"\r\npedia\r\n in\r\n0\r\nX-T: 1\r\nx-t: 2\r\n\r\n"));
    assert_eq!(read.content, b"wikipedia\r\n in");
    assert_eq!(read.trailers.combined("x-t").as_deref(), Some("1, 2"));
    assert!(!read.view.fields().contains("x-t"));
    assert_eq!(content("Transfer-Encoding: Chunked\r\n", "1\na\n0\n\n\n"), b"a");
    assert_eq!(content(chunked, "0\r\n\r\n"), b"");
}

#[test]
fn chunks_with_two_readings_or_no_end_are_refused() {
    let with = |rest: &str| refused(post("Transfer-Encoding: chunked\r\n", rest));
    for rest in
        ["", "4", "4\r\n", "4\r\nwik", "4\r\nwiki", "4\r\nwiki\r", "4\r\nwiki\r\n", "0\r\n", "0\r\nX: y\r\n"]
    {
        assert_eq!(with(rest), Fault::ChunksTruncated, "{rest:?}");
        assert_eq!(with(rest).reason(), Reason::RequestBodyUnreadable);
    }
    for rest in [
        "\r\n",
        "x\r\n",
        "+4\r\nwiki\r\n0\r\n\r\n",
        "-0\r\n\r\n",
        "0x4\r\nwiki\r\n0\r\n\r\n",
        " 4\r\nwiki\r\n0\r\n\r\n",
        "4 \r\nwiki\r\n0\r\n\r\n",
        "4 4\r\nwiki\r\n0\r\n\r\n",
        "000000004\r\nwiki\r\n0\r\n\r\n",
        "3\r\nwiki\r\n0\r\n\r\n",
    ] {
        assert_eq!(with(rest), Fault::Chunk, "{rest:?}");
    }
    assert_eq!(with(&format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(5000))), Fault::Chunk);
    assert_eq!(with("1;a\rb\r\na\r\n0\r\n\r\n"), Fault::BareCarriageReturn);
    assert_eq!(with("0\r\n\r\nGET / HTTP/1.1\r\n"), Fault::AfterChunks);
    assert_eq!(with("0\r\nbad\r\n\r\n"), Fault::FieldLine);
}

#[test]
fn framings_that_disagree_or_are_unknown_are_refused() {
    let both = post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n");
    assert_eq!(refused(both), Fault::TwoFramings);
    for encoding in ["gzip, chunked", "identity", "chunked, chunked", "", "xchunked"] {
        let refusal = refused(post(&format!("Transfer-Encoding: {encoding}\r\n"), "0\r\n\r\n"));
        assert_eq!(refusal, Fault::TransferEncoding, "{encoding}");
    }
    let twice = post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n");
    assert_eq!(refused(twice), Fault::TransferEncoding);
}

#[test]
fn a_response_has_a_status_and_perhaps_a_phrase() {
    for line in ["HTTP/1.1 503 Service Unavailable", "HTTP/1.1 503 ", "HTTP/1.1 503"] {
        let response = response(&format!("{line}\nX: y\n\nsorry"));
        assert_eq!((response.view.status(), response.content.as_slice()), (503, b"sorry".as_slice()));
    }
    let refused = |text: &str| read_response(text.as_bytes(), None).unwrap_err();
    for line in
        ["", "HTTP/1.1", "HTTP/1.1 20 OK", "HTTP/1.1 2000", "HTTP/1.1  200 OK", "HTTP/1.1 2x0 OK", "200 OK"]
    {
        assert_eq!(refused(&format!("{line}\n\n")), Fault::StatusLine, "{line}");
    }
    assert_eq!(refused("GET / HTTP/1.1\nHost: a\n\n"), Fault::StatusLine);
    assert_eq!(refused("HTTP/2 200\n\n"), Fault::Version);
    assert!(matches!(refused("HTTP/1.1 099 Odd\n\n"), Fault::Refused(_)));
}

#[test]
fn an_answer_without_content_may_say_how_long_it_would_be() {
    let text = b"HTTP/1.1 200 OK\nContent-Length: 5\n\n";
    assert_eq!(read_response(text, Some("HEAD")).unwrap().content, b"");
    assert_eq!(
        read_response(text, Some("GET")).unwrap_err(),
        Fault::ContentTruncated { stated: 5, found: 0 }
    );
    assert_eq!(response("HTTP/1.1 304 Not Modified\nContent-Length: 5\n\n").content, b"");
    assert_eq!(response("HTTP/1.1 204 No Content\n\n").content, b"");
}

#[test]
fn every_fault_says_what_it_is() {
    let shown = Fault::ContentTruncated { stated: 5, found: 4 }.to_string();
    assert_eq!(shown, "Content-Length is 5, but only 4 bytes follow the fields");
    assert_eq!(Fault::from(RequestError::Method).to_string(), "method is not a token");
    assert_eq!(Fault::HostConflict.reason(), Reason::RequestMalformed);
}

#[test]
fn no_prefix_of_a_message_and_no_change_of_a_byte_makes_it_panic() {
    let message =
        post("Transfer-Encoding: chunked\r\nX: a\r\n b\r\n", "4;a\r\nwiki\r\n0\r\nT: 1\r\n\r\n").into_bytes();
    for end in 0..message.len() {
        let _ = read_request(&message[..end], Scheme::Https);
        let _ = read_response(&message[end..], None);
    }
    for at in 0..message.len() {
        for byte in [0, b'\n', b'\r', b' ', b':', b'0', b'f', 0xff] {
            let mut changed = message.clone();
            changed[at] = byte;
            let _ = read_request(&changed, Scheme::Https);
        }
    }
}
