// What code outside of this folder, which has no packages of its own, uses of them.
export { importJWK, SignJWT } from "jose";
