// Written by `cargo xtask docs` from src/reason.rs; edit that.

/** Why a request is refused: what `countersign codes` lists. */
export type ReasonCode =
  /** 400 The method, target, authority or a field of the request cannot be parsed. */
  | "request.malformed"
  /** 431 The request has more fields, or a longer target, than the gate takes. */
  | "request.too_large"
  /** 400 The path has dot segments, empty segments, or encoded separators or unreserved characters, which servers read differently. */
  | "request.path_ambiguous"
  /** 421 The request is for an authority that this gate does not guard. */
  | "request.authority_unknown"
  /** 400 The request is a GET or HEAD with a body, which servers read differently. */
  | "request.body_unexpected"
  /** 413 The body that a covered digest demands is longer than the gate reads. */
  | "request.body_too_large"
  /** 400 The body that a covered digest demands could not be read to its end. */
  | "request.body_unreadable"
  /** 401 The route requires a signature, and the request has none for an enabled profile. */
  | "signature.missing"
  /** 400 `Signature` or `Signature-Input` is not the Dictionary that RFC 9421 §4 demands. */
  | "signature.malformed"
  /** 400 More signatures, covered components or bytes of them than the gate takes. */
  | "signature.too_large"
  /** 400 A signature label occurs twice. */
  | "signature.duplicate_label"
  /** 400 A label is in `Signature` or in `Signature-Input`, but not in both. */
  | "signature.unpaired_label"
  /** 400 A covered component is not an identifier of RFC 9421 §2, or not one that this gate supports. */
  | "signature.component_unsupported"
  /** 400 A component is covered twice. */
  | "signature.component_duplicate"
  /** 401 A covered component is absent from the message. */
  | "signature.component_missing"
  /** 400 The value of a covered component cannot be brought into a signature base. */
  | "signature.component_invalid"
  /** 401 A component that the profile or the route demands is not covered. */
  | "signature.component_not_covered"
  /** 400 A signature parameter has the wrong type or form, or occurs twice. */
  | "signature.parameter_invalid"
  /** 401 A signature parameter that the profile demands is missing. */
  | "signature.parameter_missing"
  /** 401 `created` lies in the future. */
  | "signature.created_in_future"
  /** 401 `expires` has passed. */
  | "signature.expired"
  /** 401 From `created` to `expires` is longer than the profile allows, or negative. */
  | "signature.window_invalid"
  /** 401 The algorithm is not one that the profile allows. */
  | "signature.algorithm_not_allowed"
  /** 401 The `alg` parameter disagrees with the key. */
  | "signature.algorithm_mismatch"
  /** 401 `Signature-Agent` is missing. */
  | "signature.agent_missing"
  /** 400 `Signature-Agent` is neither a Dictionary of https URLs nor the legacy String. */
  | "signature.agent_malformed"
  /** 401 The signature does not cover the `Signature-Agent` member it belongs to. */
  | "signature.agent_not_covered"
  /** 400 The signature covers several `Signature-Agent` members, and none has its label. */
  | "signature.agent_ambiguous"
  /** 401 The `Signature-Agent` member names a discovery mechanism that this gate does not support. */
  | "signature.agent_unsupported"
  /** 401 The signature's agent is not one that this gate trusts. */
  | "signature.agent_untrusted"
  /** 401 The agent's directory has no usable key with this `keyid`. */
  | "signature.key_unknown"
  /** 403 The key is published in a standard for testing, so anyone can sign with it. */
  | "signature.key_forbidden"
  /** 403 The signature does not verify with the agent's key. */
  | "signature.invalid"
  /** 403 The body does not have the digest that the signature covers. */
  | "signature.digest_mismatch"
  /** 400 `Content-Digest` is malformed, or has no algorithm that this gate supports. */
  | "signature.digest_unsupported"
  /** 401 The request has signatures, and none has a tag of an enabled profile. */
  | "signature.tag_unknown"
  /** 401 Neither the key nor the signature says which algorithm it is. */
  | "signature.algorithm_ambiguous"
  /** 401 The signature was made longer ago than the profile allows. */
  | "signature.too_old"
  /** 400 The timestamp of the plain header scheme is not a time. */
  | "signature.timestamp_invalid"
  /** 401 The agent's directory is not there, or is none. */
  | "signature.directory_invalid"
  /** 403 The signature's nonce was seen before. */
  | "signature.replayed"
  /** 401 The route takes one signature for an enabled profile, so that it is accepted once, and the request has several. */
  | "signature.several"
  /** 401 The agent is not registered, and only registered ones are let in. */
  | "agent.unknown"
  /** 403 The agent is suspended. */
  | "agent.suspended"
  /** 403 The agent is revoked. */
  | "agent.revoked"
  /** 403 The agent's key is revoked. */
  | "agent.key_revoked"
  /** 401 The agent's key has expired. */
  | "agent.key_expired"
  /** 401 The agent's key is not valid yet. */
  | "agent.key_not_yet_valid"
  /** 503 The registry of agents cannot be had now. */
  | "agents.unavailable"
  /** 401 The route requires an access token, and the request has none. */
  | "token.missing"
  /** 400 There is more than one `Authorization` field. */
  | "token.repeated"
  /** 400 The `Authorization` field is not a scheme and a token. */
  | "token.syntax"
  /** 401 The token is not a compact JWS with a strict JSON header and claims. */
  | "token.malformed"
  /** 401 The token is longer than 8 KiB. */
  | "token.too_large"
  /** 401 The token's `typ` is not that of its issuer's profile. */
  | "token.type_mismatch"
  /** 401 The token's `alg` is not on the issuer's list. */
  | "token.algorithm_not_allowed"
  /** 401 The token has a header parameter that must be understood (`crit`, `b64`), and none is. */
  | "token.critical_header"
  /** 401 The token's issuer is not configured. */
  | "token.issuer_unknown"
  /** 401 The issuer's key set has no usable key for the token. */
  | "token.key_unknown"
  /** 401 The token's signature does not verify with the issuer's key. */
  | "token.signature_invalid"
  /** 401 A claim that the profile demands is missing. */
  | "token.claim_missing"
  /** 401 A claim has the wrong type or an impossible value. */
  | "token.claim_invalid"
  /** 401 The token is for another audience. */
  | "token.audience_mismatch"
  /** 401 The token has expired. */
  | "token.expired"
  /** 401 The token is not valid yet (`nbf`). */
  | "token.not_yet_valid"
  /** 401 The token was issued in the future (`iat`). */
  | "token.issued_in_future"
  /** 401 The token lives longer than the issuer's configured maximum. */
  | "token.lifetime_too_long"
  /** 401 The token is bound to a key (`cnf`), and was sent under the Bearer scheme. */
  | "token.bound_used_as_bearer"
  /** 401 The token is not bound to a key or certificate, which the DPoP scheme or the route demands. */
  | "token.not_bound"
  /** 401 The token is bound in a way (`cnf` member) that this gate cannot check. */
  | "token.binding_unsupported"
  /** 401 The token's issuer says that it is not active. */
  | "token.inactive"
  /** 401 The token is revoked. */
  | "token.revoked"
  /** 401 The token is suspended by its issuer. */
  | "token.suspended"
  /** 401 The token's status is malformed, or not one that lets it be used. */
  | "token.status_invalid"
  /** 401 The subject of the token may not be acted for any more. */
  | "token.subject_revoked"
  /** 401 The key that the token is bound to is revoked. */
  | "token.key_revoked"
  /** 401 The task that the token is for, or one that it came from, is revoked. */
  | "token.task_revoked"
  /** 401 The route requires a DPoP proof, and the request has none. */
  | "dpop.missing"
  /** 401 There is more than one `DPoP` field. */
  | "dpop.repeated"
  /** 401 The proof is not a compact JWS with a strict JSON header and claims. */
  | "dpop.malformed"
  /** 401 The proof is longer than 8 KiB. */
  | "dpop.too_large"
  /** 401 The proof's `typ` is not `dpop+jwt`. */
  | "dpop.type_mismatch"
  /** 401 The proof's `alg` is not on the gate's list. */
  | "dpop.algorithm_not_allowed"
  /** 401 The proof has a header parameter that must be understood (`crit`, `b64`), and none is. */
  | "dpop.critical_header"
  /** 401 The proof's `jwk` is missing, malformed or too weak. */
  | "dpop.key_invalid"
  /** 401 The proof's `jwk` holds a private or symmetric key. */
  | "dpop.key_private"
  /** 401 The proof's signature does not verify with its own key. */
  | "dpop.signature_invalid"
  /** 401 A claim of the proof is missing. */
  | "dpop.claim_missing"
  /** 401 A claim of the proof has the wrong type or an impossible value. */
  | "dpop.claim_invalid"
  /** 401 The proof is for another method (`htm`). */
  | "dpop.method_mismatch"
  /** 401 The proof is for another URL (`htu`). */
  | "dpop.url_mismatch"
  /** 401 The proof is too old (`iat`). */
  | "dpop.expired"
  /** 401 The proof was made in the future (`iat`). */
  | "dpop.issued_in_future"
  /** 401 The proof has no hash of the token it is sent with (`ath`). */
  | "dpop.token_hash_missing"
  /** 401 The proof was made for another token (`ath`). */
  | "dpop.token_hash_mismatch"
  /** 401 The token is bound to another key than the proof's (`cnf.jkt`). */
  | "dpop.key_mismatch"
  /** 401 The proof was seen before. */
  | "dpop.proof_replayed"
  /** 401 The route requires a nonce of the gate's in the proof, and the proof has none. */
  | "dpop.nonce_missing"
  /** 401 The proof's nonce is not one of the gate's, or too old. */
  | "dpop.nonce_invalid"
  /** 401 The route requires a client certificate, and the connection has none. */
  | "mtls.missing"
  /** 401 The host could not verify the client certificate. */
  | "mtls.unverified"
  /** 401 The client certificate is revoked. */
  | "mtls.revoked"
  /** 401 The token is bound to another certificate than the client's (`cnf.x5t#S256`). */
  | "mtls.certificate_mismatch"
  /** 503 The keys of the token's issuer or of the signature's agent cannot be had now. */
  | "keys.unavailable"
  /** 503 What the token's issuer publishes about itself is not there, or not its own: its keys cannot be found. */
  | "keys.issuer_metadata_invalid"
  /** 503 Whether the token is revoked cannot be found out now. */
  | "revocation.unavailable"
  /** 401 A claim of the delegation has the wrong type or an impossible value. */
  | "delegation.malformed"
  /** 403 The token does not say for which agent it is, and must. */
  | "delegation.agent_missing"
  /** 403 The token is for another agent than the one that was proven. */
  | "delegation.agent_mismatch"
  /** 403 The chain of actors or of delegations is longer than the gate allows. */
  | "delegation.too_deep"
  /** 401 The token says that it was delegated, and the parent that it came from is not there. */
  | "delegation.parent_missing"
  /** 401 The parent that the token came from does not verify, or is not its parent. */
  | "delegation.parent_invalid"
  /** 403 The token has a scope that its parent has not. */
  | "delegation.scope_widened"
  /** 403 The token grants a tool that its parent does not. */
  | "delegation.tools_widened"
  /** 403 The token grants a resource that its parent does not. */
  | "delegation.resources_widened"
  /** 403 The token's `authorization_details` permit what its parent's do not. */
  | "delegation.details_widened"
  /** 403 The token outlives its parent. */
  | "delegation.outlives_parent"
  /** 403 The route binds requests to a task, and token or request name none. */
  | "delegation.task_missing"
  /** 403 The request is for another task than the token. */
  | "delegation.task_mismatch"
  /** 403 The token has a scope above the level that its delegation allows. */
  | "delegation.scope_level_exceeded"
  /** 403 No route of the configuration matches the request. */
  | "policy.no_route"
  /** 403 The token lacks a scope that the route demands. */
  | "policy.scope_missing"
  /** 403 The token lacks a role that the route demands. */
  | "policy.role_missing"
  /** 403 The token does not grant the tool or resource that the request uses. */
  | "policy.not_granted"
  /** 403 A rule of the route refuses the request. */
  | "policy.rule_denied"
  /** 403 The token's `authorization_details` are malformed, or of a type that the gate does not know. */
  | "policy.details_invalid"
  /** 403 The token's `authorization_details` do not permit the request. */
  | "policy.details_missing"
  /** 403 The request's amount is missing, or not one that the gate can read. */
  | "policy.amount_invalid"
  /** 403 The request's amount is above what the token's `authorization_details` permit. */
  | "policy.amount_exceeded"
  /** 403 Somebody must approve the request first. */
  | "policy.approval_required"
  /** 401 The person's authentication is not of a context class that the route demands (`acr`). */
  | "policy.authentication_insufficient"
  /** 401 The person's authentication was longer ago than the route allows (`auth_time`). */
  | "policy.authentication_too_old"
  /** 400 An MCP request names another method or tool in its header fields than in its body. */
  | "mcp.header_mismatch"
  /** 400 The body of an MCP request is not a message that the gate can read. */
  | "mcp.body_malformed"
  /** 429 The agent or the route is over its limit. */
  | "rate.exceeded"
  /** 429 The key has more proofs that could still be repeated than are remembered for one key. */
  | "replay.too_many"
  /** 503 Whether a proof was used before cannot be found out now. */
  | "replay.unavailable"
  /** 503 Whether a limit has room cannot be found out now. */
  | "rate.unavailable"
  /** 429 A budget of the route has not enough left for the amount of the request, until its next period begins. */
  | "budget.exceeded"
  /** 403 A budget of the route has not enough left for the amount of the request, and no later period brings as much. */
  | "budget.exhausted"
  /** 403 A budget of the route takes an amount, and what the request is about cannot be told without doubt. */
  | "budget.amount_missing"
  /** 403 The amount of the request is in another currency than a budget of the route. */
  | "budget.currency_mismatch"
  /** 403 A budget of the route is of a principal, an organisation or a key, and the request names none. */
  | "budget.subject_missing"
  /** 400 The idempotency key is there twice, empty, longer than 255 bytes, or has characters that do not print. */
  | "budget.request_id_invalid"
  /** 422 The idempotency key was used for another request, or for another amount. */
  | "budget.request_conflict"
  /** 429 An account of a budget has too many reservations that are not settled. */
  | "budget.too_many_reservations"
  /** 503 Whether a budget has room cannot be found out now. */
  | "budget.unavailable"
  /** 429 The agent's risk is such that it is let in less often. */
  | "risk.throttled"
  /** 401 The agent's risk is such that it must prove itself anew. */
  | "risk.challenge"
  /** 403 The agent's risk is such that somebody must approve the request first. */
  | "risk.approval_required"
  /** 403 The agent's risk is such that it is not let in. */
  | "risk.denied"
  /** 429 The agent was refused so often that nothing of it passes for a while. */
  | "risk.breaker_open"
  /** 503 How the agent has behaved cannot be found out now. */
  | "risk.unavailable"
  /** 503 The gate's host asked for a decision that was made already, or was lost. */
  | "gate.misused";
