//! The commands of the program, what they take, and what is said about them.

use crate::arguments::{Command, Opt, flag, optional, repeated, required};
use crate::{
    Report, audit, bench, check, codes, completions, decide, explain, keys, policy, reference, risk, sign,
    verify, verify_token,
};

/// What `explain` takes: all that `verify` does, and one more.
const EXPLAIN_OPTIONS: &[Opt] = {
    const ALL: [Opt; decide::OPTIONS.len() + 1] = with(optional("signer-base", "FILE"));
    &ALL
};

#[expect(clippy::indexing_slicing, reason = "in a constant: what is out of bounds does not compile")]
const fn with<const N: usize>(one: Opt) -> [Opt; N] {
    let mut all = [one; N];
    let mut i = 0;
    while i < decide::OPTIONS.len() {
        all[i] = decide::OPTIONS[i];
        i += 1;
    }
    all
}

const DECIDE_DETAILS: &str = "\
Asks the same core that runs in the Worker and in Node, with all state in memory. Nothing is fetched: what the
gate would fetch is given as files, and what is missing is named with the option that brings it. Several
requests are decided on in turn with one memory, so that the second copy of a proof is a replay.

  --config FILE      as `config check` takes it
  --request FILE     an HTTP/1.1 message as `verify signature --help` describes it; may be given several times
  --har FILE         or an HTTP archive (HAR 1.2; up to 64 MiB and 10,000 entries): its requests for public origins of
                     the configuration, in their order. One that cannot be read, or whose body the archive
                     does not have, is not decided on: {\"entry\", \"error\"}
  --entry N          of the archive this request alone, counted from 0, whatever it is for
  --now UNIX         seconds since 1970, or a time such as 2026-11-22T17:30:00Z; default: the clock, and in an
                     archive the time at which each request started
  --scheme SCHEME    http or https, where the request does not say; default: that of the public origin
  --source URL=FILE  what stands at a URL (key sets, directories, metadata of issuers, status lists, answers to
                     introspection): the body, or the whole response as `curl -i` saves it
  --client-address IP, --client-asn N, --client-country CC
                     where it came from, as rules and limits ask
  --client-certificate FILE
                     the certificate that it presented, in PEM or DER
  --client-certificate-status STATUS
                     verified, unverified or revoked; default: verified
  --agents FILE      the registry of agents, and
  --deny-list FILE   the deny list, where the configuration has [admin]: the documents that the Worker publishes,
                     `wrangler kv key get agents --binding COUNTERSIGN_KV --remote`, and of denials
  --shared-keys FILE, --nonce-secrets FILE
                     what the Worker has as GATE_SHARED_KEYS and GATE_NONCE_SECRET; needed where a signature by a
                     shared key, or the nonce of a proof, is judged
  --json             the decision in one line, as the gate logs it, with \"problem\" (what the client sees),
                     \"entry\", \"missing\": [{\"what\", \"option\", \"how\"}], \"notes\" and \"detail\" where there are any;
                     a line for each request

Exits with 0 only where every request is allowed, with 1 where one is refused, with 2 where nothing could be
decided, or one was refused only because a file is missing. - reads stdin.";

const POLICY_DETAILS: &str = "\
Routes, scopes, roles, authorization_details, amounts and rules are judged by the gate's own functions, on
facts that are taken for proven. Signatures, tokens, delegations, step-up and limits are not asked.

  --config FILE  as `config check` takes it
  --cases FILE   TOML or JSON: a list of cases, each with
                   name
                   now                  2026-11-23T09:00:00+01:00, or seconds since 1970
                   request.method, url  headers, body (a text, or a table that is sent as JSON)
                   request.client       address, asn, country
                   proven.claims        of the token; iss is the first issuer unless given
                   proven.agent         id, method, operator; else the token's client
                   expect               outcome, code, rule (false: no rule decides)
  --case NAME    this case only
  --json         {\"cases\": [{\"name\", \"good\", \"route\", \"outcome\", \"code\", \"rule\"}]}";

/// To add a command, add it here.
pub(crate) const ALL: &[Command] = &[
    Command {
        name: "config check",
        operands: &["FILE"],
        options: &[flag("json")],
        summary: "check a configuration, and print every fault with what to write instead",
        details: "\
FILE is the configuration as TOML or JSON, or a wrangler.toml, in which [vars.COUNTERSIGN_CONFIG] is
checked, also that of each environment; - reads stdin. A field that is not known, or of another type, is
told alone, as nothing can be read before it is mended; all other faults are told at once.

  --json  one object: {\"file\", \"good\", \"faults\": [{\"path\", \"message\"}]}",
        run: check::run,
    },
    Command {
        name: "config schema",
        operands: &[],
        options: &[flag("json")],
        summary: "print the JSON Schema of the configuration",
        details: "\
For editors: a schema says what a field may hold, `config check` also what goes together.

  --json  changes nothing: a schema is JSON",
        run: |_| Ok(Report::good(reference::schema_text())),
    },
    Command {
        name: "config reference",
        operands: &[],
        options: &[flag("json")],
        summary: "print what each field of the configuration means, as Markdown",
        details: "\
Type, default, range and meaning of each field.

  --json  an array of {\"table\", \"fields\": [{\"name\", \"type\", \"default\", \"range\", \"meaning\"}]}",
        run: |input| Ok(Report::good(reference::report(input.has("json")))),
    },
    Command {
        name: "codes",
        operands: &[],
        options: &[flag("json"), flag("markdown"), flag("typescript")],
        summary: "list every code with which a request can be refused",
        details: "\
  --json        an array of {\"code\", \"status\", \"blame\", \"title\"}
  --markdown    a table for each layer
  --typescript  a union of literal types",
        run: codes::run,
    },
    Command {
        name: "keygen",
        operands: &[],
        options: &[optional("alg", "ALGORITHM"), optional("bits", "N"), optional("out", "FILE"), flag("json")],
        summary: "make a private key, for an agent or for the secret GATE_SIGNING_KEY",
        details: "\
Prints a private JWK in one line, whose kid is its thumbprint (RFC 7638). Whoever has it can sign in its
owner's name:
  countersign keygen | wrangler secret put GATE_SIGNING_KEY

  --alg ALGORITHM  EdDSA, ES256, ES384, PS256, PS384, PS512, RS256, RS384 or RS512; default: EdDSA, which is
                   what GATE_SIGNING_KEY must be
  --bits N         of an RSA key: 2048, 3072 or 4096; default: 2048
  --out FILE       write it into a new file that only you can read (mode 0600), and print its name; a file
                   that is there is not written over
  --json           with --out: {\"file\", \"kid\", \"alg\"}; without it changes nothing: a JWK is JSON",
        run: keys::generate,
    },
    Command {
        name: "jwks",
        operands: &["FILE…"],
        options: &[flag("keep-kid"), flag("json")],
        summary: "print the public key set of private keys",
        details: "\
FILE is a private JWK, an array of them or a JWK Set, as GATE_SIGNING_KEY takes it; - reads stdin. Each key is
named by its thumbprint, as directories of Web Bot Auth want it. Of the gate's keys it is what the gate
publishes: the origin can be given it beforehand.

  --keep-kid  name each key by the kid that it has, where it has one
  --json      changes nothing: a JWK Set is JSON",
        run: keys::publish,
    },
    Command {
        name: "thumbprint",
        operands: &["FILE…"],
        options: &[flag("uri"), flag("json")],
        summary: "print the thumbprints of keys (RFC 7638) and certificates (x5t#S256)",
        details: "\
FILE is a JWK, public or private, an array of them or a JWK Set, or a certificate in PEM or DER; - reads stdin.
Of a key it is what `jkt` and the `keyid` of Web Bot Auth are, of a certificate what `cnf` has as x5t#S256
(RFC 8705). One line for each; of several certificates in a file the first counts.

  --uri   keys as urn:ietf:params:oauth:jwk-thumbprint:sha-256:… (RFC 9278)
  --json  {\"thumbprints\": [{\"file\", \"kid\", \"jkt\" or \"x5t#S256\", \"name\"}]}",
        run: keys::thumbprint,
    },
    Command {
        name: "verify",
        operands: &[],
        options: decide::OPTIONS,
        summary: "decide on a request as a gate of this configuration would",
        details: DECIDE_DETAILS,
        run: decide::run,
    },
    Command {
        name: "explain",
        operands: &[],
        options: EXPLAIN_OPTIONS,
        summary: "say why a gate would refuse a request, and what to do about it",
        details: "\
Takes what `verify --help` describes, and beside that

  --signer-base FILE  the signature base that the signer has signed, as its log has it: it is compared with the
                      one that the gate expected, line by line
  --json              as `verify --json`, with \"explanation\": {\"blame\", \"meaning\", \"advice\", \"hint\", \"now\",
                      \"signatures\", \"token\", \"proof\", \"missing_scopes\", \"missing_components\", \"base\",
                      \"signed\", \"diff\": [{\"mark\", \"line\"}]}

Says what each check found, when signature, token and proof were made and end, what is missing, and whose turn
it is. Where a signature does not hold, the mistakes that signers make most are tried: if it holds with one of
them, that base is shown against the expected one. What a token says of itself is shown whether it was believed
or not; the token is not. Coloured on a terminal, unless NO_COLOR is set.",
        run: explain::run,
    },
    Command {
        name: "verify signature",
        operands: &[],
        options: &[
            required("keys", "JWKS"),
            optional("request", "FILE"),
            optional("response", "FILE"),
            optional("scheme", "SCHEME"),
            optional("now", "UNIX"),
            optional("profile", "P"),
            repeated("require", "C"),
            repeated("require-param", "PARAM"),
            repeated("tag", "TAG"),
            repeated("algorithm", "ALGORITHM"),
            optional("label", "L"),
            optional("clock-skew", "TIME"),
            optional("max-window", "TIME"),
            flag("allow-test-keys"),
            flag("explain"),
            flag("json"),
        ],
        summary: "verify the signature of a request or response (RFC 9421)",
        details: "\
FILE is an HTTP/1.1 message: first line, fields, an empty line, content; lines end with CRLF or LF, and
content is taken as it is (Content-Length is checked, chunks are decoded). With --response it is the
response that is judged, and --request is the one it answers. - reads stdin.

  --keys JWKS        a JWK Set or one JWK, public; oct keys count for hmac-sha256 under rfc9421
  --scheme SCHEME    http or https, where the request does not say; default: https
  --now UNIX         seconds since 1970; default: the clock
  --profile P        rfc9421, web-bot-auth, tap, tap-deployed, agent-headers; default: rfc9421
  --require C        what must be covered: @method, content-digest, or in full '\"x\";key=\"a\"'
  --require-param PARAM
                     what must be stated: created, expires, keyid, alg, nonce or tag
  --tag TAG          the tag, or one of the tags, that a signature must have; default: the profile's
  --algorithm ALGORITHM
                     accept this one only, or these; default: the profile's
  --label L          look at this signature only; labels are not signed, so never to choose whom to trust
  --clock-skew TIME  how far in the future `created` may lie; default: 30s
  --max-window TIME  longest from `created` to `expires`; default: the profile's
  --allow-test-keys  accept keys that a standard prints, where the profile refuses them
  --explain          the signature base that was expected, and a hint at what the signer did otherwise
  --json             {\"outcome\", \"code\", …}, or {\"error\"} where nothing could be looked at

Prints verified, invalid (it was judged, and refused) or unverified (nothing could be judged), and the
code that says why. Only verified exits with 0; whether a nonce was seen before is not asked.",
        run: verify::run,
    },
    Command {
        name: "verify jwt",
        operands: &[],
        options: &[
            required("token", "T"),
            required("keys", "JWKS"),
            optional("issuer", "I"),
            repeated("audience", "A"),
            optional("now", "UNIX"),
            repeated("alg", "ALGORITHM"),
            optional("profile", "P"),
            optional("clock-skew", "TIME"),
            optional("max-lifetime", "TIME"),
            flag("json"),
        ],
        summary: "verify a JWT access token, or a JWS, with keys that you have (RFC 7519, RFC 9068)",
        details: "\
T is the token itself, or a file with it; JWKS is the JSON itself, or a file with it. - reads stdin. What
is no file is taken for the token where it has the form of one: parts with dots between them, and no
slash. Others can see arguments: a token that is still good goes into a file, to stdin, or into <(…).

  --token T            in compact serialisation
  --keys JWKS          a JWK Set or one JWK, public; keys that cannot verify are passed over
  --issuer I           what `iss` must be; needed but for the profile jws
  --audience A         what must be in `aud`, or one of several; needed but for the profile jws
  --now UNIX           seconds since 1970; default: the clock
  --alg ALGORITHM      accept this one only, or these: EdDSA (or Ed25519), ES256, ES384, PS256, PS384,
                       PS512, RS256, RS384, RS512; default: all of them
  --profile P          at+jwt   typ is at+jwt, with iss exp aud sub iat jti client_id (RFC 9068)
                       jwt      typ is JWT or absent, with iss exp aud
                       any      the one of the two that typ names; never a typ of another purpose
                       jws      header and signature alone; no check of a token: the payload may be
                                anything, and only its SHA-256 is told
                       default: at+jwt, as for an issuer of a gate
  --clock-skew TIME    for exp, nbf and iat: 30s, or seconds; at most 60s; default: 30s
  --max-lifetime TIME  longest from iat to exp; default: no limit
  --json               {\"outcome\", \"code\", \"profile\", \"typ\", \"algorithm\", \"kid\", \"key\", \"claims\"},
                       or {\"error\"} where nothing could be looked at

Prints verified, invalid (it was judged, and refused) or unverified (no key for it), and the code that says
why. Only verified exits with 0. Whether the token is revoked, or sent by whom it is bound to (`cnf`), is
not asked.",
        run: verify_token::jwt,
    },
    Command {
        name: "verify dpop",
        operands: &[],
        options: &[
            required("proof", "P"),
            required("method", "M"),
            required("url", "U"),
            optional("now", "UNIX"),
            optional("token", "T"),
            repeated("alg", "ALGORITHM"),
            optional("max-age", "TIME"),
            optional("clock-skew", "TIME"),
            optional("nonce", "VALUE"),
            flag("json"),
        ],
        summary: "verify a DPoP proof for a request (RFC 9449)",
        details: "\
P and T are the proof and the token themselves, or files with them; - reads stdin. What is no file is taken
for the proof or the token where it has the form of one.

  --proof P          in compact serialisation
  --method M         what `htm` must be, exactly
  --url U            what `htu` must be, without query and fragment
  --now UNIX         seconds since 1970; default: the clock
  --token T          the access token that is sent with it: `ath` must be its hash, and its `cnf`, where it
                     is a JWT that has one, must name the proof's key; the token itself is not verified
  --alg ALGORITHM    accept this one only, or these, as in `verify jwt --help`; default: all of them
  --max-age TIME     how old the proof may be: 60s, or seconds; default: 60s
  --clock-skew TIME  how far in the future it may have been made; at most 60s; default: 30s
  --nonce VALUE      the nonce that it must have
  --json             {\"outcome\", \"code\", \"jkt\", \"algorithm\", \"jti\", \"htm\", \"htu\", \"iat\", \"bound\"}, or
                     {\"error\"} where nothing could be looked at

Prints verified or invalid, and the code that says why. Only verified exits with 0; whether the proof was
seen before is not asked.",
        run: verify_token::dpop,
    },
    Command {
        name: "sign",
        operands: &[],
        options: &[
            required("key", "PRIVATE_JWK"),
            optional("request", "FILE"),
            optional("response", "FILE"),
            optional("scheme", "SCHEME"),
            optional("profile", "P"),
            repeated("component", "C"),
            optional("digest", "ALGORITHM"),
            optional("agent", "URL"),
            optional("label", "L"),
            optional("created", "UNIX"),
            optional("expires-in", "TIME"),
            optional("keyid", "ID"),
            optional("alg", "ALGORITHM"),
            optional("nonce", "VALUE"),
            optional("tag", "TAG"),
            flag("curl"),
            flag("json"),
        ],
        summary: "sign a request or response, and print the fields to add (RFC 9421)",
        details: "\
FILE is an HTTP/1.1 message as `verify signature --help` describes it; with --response it is the response
that is signed, and --request is the one it answers. - reads stdin.

  --key PRIVATE_JWK    Ed25519, P-256, P-384, RSA or oct
  --scheme SCHEME      http or https, where the request does not say; default: https
  --profile P          rfc9421 (nothing is filled in), web-bot-auth or tap
  --component C        what to cover: @method, content-digest, or in full '\"x\";key=\"a\"'
  --digest ALGORITHM   add and cover Content-Digest: sha-256 or sha-512
  --agent URL          add and cover Signature-Agent, where the public key can be had
  --label L            default: the first of sig1, sig2… that the message does not have
  --created UNIX       default: the clock
  --expires-in TIME    60s, 5m; default: 60s
  --keyid ID           default: the kid of the key, else its thumbprint
  --alg ALGORITHM      state and use this algorithm of RFC 9421, such as rsa-v1_5-sha256 for an RSA key
  --nonce VALUE        default: none, or a random one where the profile has one
  --tag TAG            default: the profile's
  --curl               as -H arguments of curl
  --json               {\"fields\": {…}, \"base\": \"…\"}",
        run: sign::run,
    },
    Command {
        name: "policy test",
        operands: &[],
        options: &[
            required("config", "FILE"),
            required("cases", "FILE"),
            optional("case", "NAME"),
            flag("json"),
        ],
        summary: "try what a configuration permits on requests that are written down",
        details: POLICY_DETAILS,
        run: policy::test,
    },
    Command {
        name: "policy explain",
        operands: &[],
        options: &[
            required("config", "FILE"),
            required("cases", "FILE"),
            optional("case", "NAME"),
            flag("json"),
        ],
        summary: "say of each rule whether it matches such a request, and why",
        details: POLICY_DETAILS,
        run: policy::explain,
    },
    Command {
        name: "audit verify",
        operands: &["FILE…"],
        options: &[
            required("keys", "JWKS"),
            repeated("ledger", "FILE"),
            optional("since", "UNIX"),
            flag("json"),
        ],
        summary: "verify an audit log: that no line was edited, dropped, moved, repeated or inserted",
        details: "\
FILE is a part of the log, JSON lines; - reads stdin. Files are read one after another, in the order given;
shards may be mixed, but the lines of one come in their order. What collects lines in another order can be
sorted first:  LC_ALL=C sort -t, -k1,1 -k2.7,2n

  --keys JWKS    the key set of the gate: /.well-known/countersign/jwks.json, or what `jwks` prints; the
                 keys before a rotation too
  --ledger FILE  what was written, as the gate says: a line each, signed, from
                 /.well-known/countersign/audit, or lines of checkpoints that were kept. Without it, a
                 log that was cut right behind a checkpoint, or without a whole shard, looks complete
  --since UNIX   seconds since 1970: lines before it, where files begin with them, are not looked at.
                 Leave one older line of each shard there: without it nobody knows what was before
                 the first one, and the shard is not proven
  --json         {\"outcome\", \"lines\", \"shards\": [{\"shard\", \"first\", \"last\", \"proven\", \"from\", \"to\",
                 \"decisions\", \"lost\"}], \"faults\": [{\"at\", \"shard\", \"seq\", \"kind\"}], \"more_faults\"},
                 or {\"error\"} where nothing could be looked at

Prints proven, unproven (nothing is wrong, and lines stand behind the last checkpoint of their shard) or
faulty, with each fault's file and line. Only proven exits with 0.",
        run: audit::verify,
    },
    Command {
        name: "bench",
        operands: &[],
        options: &[optional("count", "N"), flag("json")],
        summary: "measure what decisions cost on this machine",
        details: "\
Decides on requests that are the same at each run: with a signature, with a token and a proof, with all of
them, and without anything. Warm is a gate that knows the agent's keys and token, cold one that was just
started. What it takes to make the requests is not counted, nor is any network.

  --count N  decisions of each kind; default: 1000
  --json     {\"debug\", \"measured\": [{\"name\", \"memory\", \"decisions\", \"median_ns\", \"p99_ns\", \"mean_ns\"}]}",
        run: bench::run,
    },
    Command {
        name: "completions",
        operands: &["SHELL"],
        options: &[flag("json")],
        summary: "print a script that completes commands and options in a shell",
        details: "\
SHELL is bash, zsh, fish or powershell. For this shell alone:
  source <(countersign completions bash)
The first lines of each script say where to put it for good.

  --json  {\"shell\", \"script\"}",
        run: completions::run,
    },
    Command {
        name: "risk replay",
        operands: &[],
        options: &[required("log", "FILE"), optional("weights", "FILE"), flag("json")],
        summary: "compute the risk scores of a log again, with other weights",
        details: "\
Reads the decisions of a log, one a line, as the gate writes them; those without the member observed are
passed over. What is stored of each subject is made anew from the first line on, in the order of the lines.

  --log FILE      the log; - reads stdin
  --weights FILE  what would stand under [risk], as TOML or JSON: half_life, weights and the others;
                  default: the gate's own
  --json          {\"version\", \"lines\", \"bad\": [{\"line\", \"message\"}], \"subjects\": [{\"subject\", \"lines\",
                  \"differing\", \"logged\", \"replayed\"}]}

Exits with 0 where every score is as it was logged, with 1 where one differs or a line cannot be read (it is
named by its number), with 2 where nothing could be looked at.",
        run: risk::replay,
    },
];
