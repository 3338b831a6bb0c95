// The names of the demo's world. They exist nowhere: the harness takes them to servers on loopback.

export const ISSUER = "https://issuer.example";
export const JWKS_PATH = "/jwks.json";

export const AGENT = "https://agents.example";
export const DIRECTORY_PATH = "/.well-known/http-message-signatures-directory";
export const DIRECTORY_TYPE = "application/http-message-signatures-directory+json";
export const AGENT_JWKS_PATH = "/jwks.json";
