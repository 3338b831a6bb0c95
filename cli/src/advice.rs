//! What to do about a refusal, for the one who can: by its reason, else by whose fault it is.

use countersign::reason::{Blame, Reason};

/// What to do, in a sentence or two. It holds nothing from the request.
pub(crate) fn about(reason: Reason) -> &'static str {
    signatures(reason).or_else(|| tokens(reason)).or_else(|| proofs(reason)).or_else(|| operators(reason)).unwrap_or_else(
        || match reason.blame() {
            Blame::Malformed => "The client breaks a standard: correct how it writes the request.",
            Blame::Unproven => "The client must prove itself again: with new proofs, made for this very request.",
            Blame::NotPermitted => {
                "Everything was proven. The configuration does not permit it: ask the operator, or ask for less."
            }
            Blame::OverLimit => "Wait as long as Retry-After says, then send the request anew, with new proofs.",
            Blame::Unavailable => "A check could not be made: send the same request later.",
        },
    )
}

fn signatures(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::SignatureMissing => {
            "Sign the request: Accept-Signature of the answer says what to cover, and `countersign sign` shows how it looks."
        }
        Reason::SignatureExpired | Reason::SignatureTooOld => {
            "Sign anew, just before sending. If the signature was new: set the signer's clock, or give the time it was sent at with --now."
        }
        Reason::SignatureCreatedInFuture => {
            "Set the signer's clock, or give the time it was sent at with --now. `created` counts seconds, not milliseconds."
        }
        Reason::SignatureWindowInvalid => "Let it expire sooner: a minute is enough for a request.",
        Reason::SignatureComponentNotCovered | Reason::SignatureAgentNotCovered => {
            "Cover what is missing: name it in Signature-Input, and sign a base that has its line."
        }
        Reason::SignatureComponentMissing => {
            "Send the field that is covered, or do not cover it. A proxy between both may have taken it away."
        }
        Reason::SignatureInvalid => {
            "Compare the base with the signer's own, line by line (--signer-base FILE). If they are the same, it was signed with another key than the one that keyid names."
        }
        Reason::SignatureDigestMismatch => {
            "Content-Digest is of other bytes: hash exactly what is sent, after it was serialised. In a file, look for a line end that an editor has added."
        }
        Reason::SignatureKeyUnknown => {
            "Publish the key in the directory that Signature-Agent names, or register it in [[agents]], and name it by its thumbprint (`countersign thumbprint`). After a rotation, keep both for a while."
        }
        Reason::SignatureDirectoryInvalid => {
            "The directory must answer 200, without redirect, with a JWK Set of its media type (application/http-message-signatures-directory+json)."
        }
        Reason::SignatureAgentUntrusted => {
            "For the operator: add the origin of the directory to signatures.trust. For the client: name a directory that is trusted."
        }
        Reason::SignatureParameterMissing => {
            "State what is missing in Signature-Input: `created`, `expires`, `keyid`, and `nonce` and `tag` where the profile has them (Accept-Signature of the answer)."
        }
        Reason::SignatureAgentMissing => {
            "Name the directory of the key in Signature-Agent, and cover it (`countersign sign --agent`). A key without one must be registered in [[agents]]."
        }
        Reason::SignatureAlgorithmNotAllowed => {
            "Sign with an algorithm that the profile accepts: [signatures.rules] lists them, else ed25519, ecdsa-p256-sha256, ecdsa-p384-sha384, rsa-pss-sha512 and rsa-v1_5-sha256 as far as the profile has them. The key's `alg` must agree."
        }
        Reason::SignatureReplayed => "Sign each request with a nonce of its own; a retry, too.",
        Reason::SignatureKeyForbidden => {
            "Make a key of your own (`countersign keygen`): everybody has this one."
        }
        Reason::SignatureTagUnknown => {
            "Sign with the tag of a profile that the gate has enabled: Accept-Signature names it."
        }
        _ => return None,
    })
}

fn tokens(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::TokenMissing => {
            "Send an access token in Authorization: WWW-Authenticate of the answer names the scheme, the scopes and the metadata."
        }
        Reason::TokenExpired => {
            "Get a new token from the issuer. If it was good when it was sent, give that time with --now."
        }
        Reason::TokenAudienceMismatch => {
            "Ask the issuer for a token for this API: `resource` (RFC 8707) is what its audience must be."
        }
        Reason::TokenIssuerUnknown => {
            "For the operator: add the issuer to [[issuers]], letter for letter as `iss` has it."
        }
        Reason::TokenKeyUnknown => {
            "The issuer's key set does not have the key that the token names: give the one of that time with --source."
        }
        Reason::TokenTypeMismatch => {
            "Send an access token, not an ID token. An issuer that does not follow RFC 9068 needs profile = \"jwt\"."
        }
        Reason::TokenMalformed => {
            "It is no JWT of three parts. If it is an opaque token, the issuer needs introspection ([issuers.introspection]); else look whether it was cut, or has a line end in it."
        }
        Reason::TokenAlgorithmNotAllowed => {
            "The token's `alg` is not on the list `algorithms` of its issuer: for the operator to add, or for the issuer to change. `none` and HS256 are never accepted."
        }
        Reason::TokenClaimMissing => {
            "An access token has iss, exp, aud, sub, client_id, iat and jti (RFC 9068 §2.2): ask the issuer for what is missing. An issuer that does not follow RFC 9068 needs profile = \"jwt\"."
        }
        Reason::TokenNotYetValid | Reason::TokenIssuedInFuture => {
            "Wait until it begins to count (`nbf`, `iat`), or set the clocks of issuer and gate. Which time it was, --now says."
        }
        Reason::TokenBoundUsedAsBearer => {
            "Send it under the scheme DPoP, with a proof by the key that it is bound to."
        }
        Reason::TokenNotBound => {
            "Ask the issuer for a token that is bound to a key: make the token request with a DPoP proof."
        }
        Reason::TokenRevoked
        | Reason::TokenInactive
        | Reason::TokenSubjectRevoked
        | Reason::TokenTaskRevoked => "It was taken back: get a new one, if the issuer still gives any.",
        Reason::PolicyScopeMissing => {
            "Get a token with the scopes that are missing: WWW-Authenticate names all that are needed."
        }
        Reason::PolicyAuthenticationInsufficient | Reason::PolicyAuthenticationTooOld => {
            "The person must log in again (RFC 9470): pass acr_values and max_age of WWW-Authenticate on to the issuer."
        }
        _ => return None,
    })
}

fn proofs(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::DpopMissing => {
            "Send a proof in the field DPoP, made for this request and this token (RFC 9449 §4)."
        }
        Reason::DpopProofReplayed => {
            "Make a proof for each request, with a jti of its own; for a retry, too."
        }
        Reason::DpopExpired | Reason::DpopIssuedInFuture => {
            "Make the proof just before sending. If it was new: set the client's clock, or give the time it was sent at with --now."
        }
        Reason::DpopKeyPrivate => {
            "The proof gives away its private key: make a new one, throw this one away, and put the public half alone into `jwk`."
        }
        Reason::DpopAlgorithmNotAllowed => {
            "Make the proof with an asymmetric algorithm: EdDSA, ES256, ES384, PS256, PS384, PS512, RS256, RS384 or RS512, as far as the configuration accepts it."
        }
        Reason::DpopUrlMismatch => {
            "`htu` is the public URL, as the client sends to it, without query and fragment. The gate knows it by public_origins."
        }
        Reason::DpopMethodMismatch => "`htm` is the method of the request, in its case.",
        Reason::DpopTokenHashMissing | Reason::DpopTokenHashMismatch => {
            "`ath` is base64url, without padding, of SHA-256 over the very token that is sent, as ASCII and without its scheme. After a refresh, it is that of the new token."
        }
        Reason::DpopKeyMismatch => "Make the proof with the key that the token is bound to (`cnf.jkt`).",
        Reason::DpopNonceMissing | Reason::DpopNonceInvalid => {
            "Send the request again, with the DPoP-Nonce of the answer as `nonce` of the proof."
        }
        Reason::MtlsMissing => {
            "Present a client certificate. Here it is given with --client-certificate FILE."
        }
        _ => return None,
    })
}

fn operators(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::RequestAuthorityUnknown => {
            "The request is for another host than public_origins name. Behind a proxy that changes Host, set behind_proxy."
        }
        Reason::PolicyNoRoute => {
            "For the operator: no [[routes]] entry matches this method and path. What no route matches is refused."
        }
        Reason::PolicyRuleDenied | Reason::PolicyApprovalRequired => {
            "A rule of the route says so: `countersign policy explain` says of each rule whether it matches, and why."
        }
        Reason::AgentUnknown => {
            "For the operator: register the agent, or do not demand registration ([signatures] require_registered)."
        }
        Reason::KeysUnavailable | Reason::IssuerMetadataInvalid => {
            "The keys could not be had. Here they are given as files, with --source; a gate fetches them by https, without redirects."
        }
        _ => return None,
    })
}
